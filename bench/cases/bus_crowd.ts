/**
 * Many subscribers, of which an event is for one. Peers that call functions have nothing to do with an event once it is found; our queues
 * keep it for their reader, who reads between the bursts, and is not timed.
 *
 * @module
 */
import {
  answerFor,
  byField,
  byPattern,
  byTwoFields,
  type Changes,
  changesForAll,
  changesForOne,
  type Crowd,
  eventemitter3Names,
  linearScan,
  type MakeCrowd,
  nanoeventsNames,
  rxjsFilters,
  weirHandlers,
} from "../bus/crowd.ts";
import { timeInTurn, type Work } from "../bus/timing.ts";
import { type FigureCase, type FigureContestant, range, WrongAnswerError } from "../case.ts";

function workOf(crowd: Crowd, { events, who }: Changes): Work {
  const right = answerFor(events);
  return {
    items: events.length,
    run() {
      const { publish } = crowd;
      for (let at = 0; at < events.length; at++) publish(events[at]!);
    },
    reset() {
      const { count, sum } = crowd.take(who);
      if (count === right.count && sum === right.sum) return;
      throw new WrongAnswerError(`${count} events arrived instead of ${right.count}`);
    },
  };
}

/** Whoever was not meant must have nothing. */
function checkOthers(crowd: Crowd, size: number): void {
  const { count } = crowd.take(range(size));
  if (count! > 0) throw new WrongAnswerError(`${count} events arrived where none was for`);
}

const many = 10_000;
const ratio = "10,000 of 1";
const toMany = "ns of 10,000";
const toOne = "ns of 1";

/** Those who ask everybody need so long that fewer events are enough. */
const few = 64;

/** What a publish costs to ten thousand, beside what it costs to one. */
function beside(name: string, make: MakeCrowd, events?: number): FigureContestant {
  return {
    name,
    async measure(ms) {
      const crowd = await make(many);
      const [large, small] = timeInTurn(ms, [
        workOf(crowd, changesForOne(many, events)),
        workOf(await make(1), changesForOne(1)),
      ]);
      checkOthers(crowd, many);
      return { [ratio]: large! / small!, [toMany]: large!, [toOne]: small! };
    },
  };
}

const sizes = { "1": 1, "10": 10, "100": 100, "1k": 1_000, "10k": 10_000, "100k": 100_000 };

/** What a publish costs, over the size of the crowd. */
function curve(
  name: string,
  make: MakeCrowd,
  changesFor: (size: number) => Changes = changesForOne,
  largest: number = Infinity,
): FigureContestant {
  return {
    name,
    async measure(ms) {
      const figures: Record<string, number> = {};
      for (const [label, size] of Object.entries(sizes)) {
        if (size > largest) break;
        const crowd = await make(size);
        [figures[label]] = timeInTurn(ms, [workOf(crowd, changesFor(size))]) as [number];
        checkOthers(crowd, size);
      }
      return figures;
    },
  };
}

function fewChanges(size: number): Changes {
  return changesForOne(size, few);
}

/** Ten thousand, and the curve up to a hundred thousand. */
export const cases: readonly FigureCase[] = [
  {
    id: "bus/one-of-10k",
    title:
      "an event for one of 10,000 subscribers, beside one for the only one; reading not counted",
    figures: [
      { name: ratio, digits: 2, most: 2 },
      { name: toMany, digits: 1 },
      { name: toOne, digits: 1 },
    ],
    contestants: [
      beside("weir, one field", byField),
      beside("weir, two fields", byTwoFields),
      beside("weir, a pattern", byPattern),
      beside("weir, listeners, one field", weirHandlers),
      beside("nanoevents 10.0.0, names", nanoeventsNames),
      beside("eventemitter3 5.0.4, names", eventemitter3Names),
      beside("a scan of filters", linearScan, few),
      beside("rxjs 7.8.2, filters", rxjsFilters, few),
    ],
  },
  {
    id: "bus/curve",
    title: "an event for one of so many subscribers; reading not counted; ns per event",
    figures: Object.keys(sizes).map((name) => ({ name, digits: 1 })),
    contestants: [
      curve("weir, one field", byField),
      curve("weir, one field, another each time", byField, changesForAll),
      curve("weir, two fields", byTwoFields),
      curve("weir, a pattern", byPattern),
      curve("weir, a pattern, another each time", byPattern, changesForAll),
      curve("weir, listeners, one field", weirHandlers),
      curve("weir, listeners, another each time", weirHandlers, changesForAll),
      curve("eventemitter3 5.0.4, names", eventemitter3Names),
      curve("eventemitter3 5.0.4, another each time", eventemitter3Names, changesForAll),
      curve("a scan of filters", linearScan, fewChanges),
      curve("rxjs 7.8.2, filters", rxjsFilters, fewChanges, 10_000),
    ],
  },
];
