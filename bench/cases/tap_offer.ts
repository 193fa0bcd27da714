/**
 * What an offer costs where nobody listens, beside a call that does nothing, and beside what others have for the same.
 *
 * @module
 */
import { channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import { Tap } from "../../tap/mod.ts";
import { timeInTurn } from "../bus/timing.ts";
import {
  type FigureCase,
  type FigureContestant,
  type Figures,
  mix,
  WrongAnswerError,
} from "../case.ts";
import { npm } from "../peers.ts";
import { added, type Call, doNothing, empty, handle, timeCall, whole } from "../tap/calls.ts";
import { type Row, rows } from "../tap/rows.ts";

/** Something that nobody hears. */
interface Unheard {
  readonly call: Call;
  /** How many times something was made of a row that nobody wanted. */
  readonly made?: () => number;
  /** Listens from now on, and answers what says how many were heard since: the calls were not for nothing. */
  readonly listen: () => () => number | Promise<number>;
}

interface Kind {
  readonly name: string;
  readonly make: () => Unheard | Promise<Unheard>;
  /** What it is compared with; without it, what handles a row and calls an empty function. */
  readonly nothing?: Call;
}

/** What nearly all are compared with. */
function handleAlone(row: Row): void {
  handle(row);
  doNothing(row);
}

function listenTo(tap: Tap): () => () => number {
  return () => {
    const session = tap.open({ stage: "decoded" })!;
    return () => session.captured;
  };
}

const value: Kind = {
  name: "weir, a value",
  make() {
    const tap = new Tap();
    return {
      call(row) {
        handle(row);
        tap.offer("decoded", row);
      },
      listen: listenTo(tap),
    };
  },
};

/** A function is made in each call, by the program, which may be dearer than the offer: unless the engine sees that nobody calls it. */
function thunk(name: string, before: (tap: Tap) => void = () => {}): Kind {
  return {
    name,
    make() {
      const tap = new Tap();
      before(tap);
      let made = 0;
      const make = (row: Row): Row => {
        made++;
        return row;
      };
      return {
        call(row) {
          handle(row);
          tap.offer("decoded", () => make(row));
        },
        made: () => made,
        listen: listenTo(tap),
      };
    },
    nothing(row) {
      handle(row);
      doNothing(() => row);
    },
  };
}

const question: Kind = {
  name: "weir, isListening",
  make() {
    const tap = new Tap();
    return {
      call(row) {
        handle(row);
        if (tap.isListening("decoded")) tap.offer("decoded", { ...row });
      },
      listen: listenTo(tap),
    };
  },
};

/** What is left when somebody listens to something else. */
const elsewhere: Kind = {
  name: "weir, a value, while somebody is at another stage",
  make() {
    const tap = new Tap();
    tap.open({ stage: "raw" });
    return {
      call(row) {
        handle(row);
        tap.offer("decoded", row);
      },
      listen: listenTo(tap),
    };
  },
};

/** Somebody watched a moment ago. */
function watchAwhile(tap: Tap): void {
  const session = tap.open({ stage: "decoded" })!;
  for (const row of rows) tap.offer("decoded", row);
  session.close();
}

const again: Kind = {
  name: "weir, a value, after a session",
  make() {
    const tap = new Tap();
    watchAwhile(tap);
    return {
      call(row) {
        handle(row);
        tap.offer("decoded", row);
      },
      listen: listenTo(tap),
    };
  },
};

/** A function that calls nothing else needs no frame, and one that offers does. */
const bare: Kind = {
  name: "weir, a value, in a function that does nothing else",
  make() {
    const tap = new Tap();
    return { call: (row) => tap.offer("decoded", row), listen: listenTo(tap) };
  },
  nothing: (row) => doNothing(row),
};

function counter(): { readonly count: () => void; readonly heard: () => number } {
  let heard = 0;
  return { count: () => void heard++, heard: () => heard };
}

const others: readonly Kind[] = [
  {
    name: "diagnostics_channel, publish",
    make() {
      const rowChannel = channel("weir.bench");
      return {
        call(row) {
          handle(row);
          rowChannel.publish(row);
        },
        listen() {
          const { count, heard } = counter();
          rowChannel.subscribe(count);
          return heard;
        },
      };
    },
  },
  {
    name: "diagnostics_channel, hasSubscribers",
    make() {
      const rowChannel = channel("weir.bench");
      return {
        call(row) {
          handle(row);
          if (rowChannel.hasSubscribers) rowChannel.publish({ ...row });
        },
        listen() {
          const { count, heard } = counter();
          rowChannel.subscribe(count);
          return heard;
        },
      };
    },
  },
  {
    name: "node:events EventEmitter",
    make() {
      const emitter = new EventEmitter();
      return {
        call(row) {
          handle(row);
          emitter.emit("decoded", row);
        },
        listen() {
          const { count, heard } = counter();
          emitter.on("decoded", count);
          return heard;
        },
      };
    },
  },
  {
    name: "EventTarget, a new Event each",
    make() {
      const target = new EventTarget();
      return {
        call(row) {
          handle(row);
          target.dispatchEvent(new CustomEvent("decoded", { detail: row }));
        },
        listen() {
          const { count, heard } = counter();
          target.addEventListener("decoded", count);
          return heard;
        },
      };
    },
  },
  {
    name: "debug 4.4.3, disabled",
    async make() {
      const { default: debug } = await npm.debug();
      const log = debug("weir:bench");
      return {
        call(row) {
          handle(row);
          log("%o", row);
        },
        listen() {
          const { count, heard } = counter();
          log.log = count;
          debug.enable("weir:bench");
          return heard;
        },
      };
    },
  },
];

function times({ name, make, nothing = handleAlone }: Kind): FigureContestant {
  return {
    name,
    async measure(ms) {
      const { call, made = () => 0, listen } = await make();
      const check = (): void => {
        if (made() !== 0) throw new WrongAnswerError(`${made()} were made for nobody`);
      };
      const figures = timeCall(ms, call, nothing, check);
      const heard = listen();
      for (const row of rows) call(row);
      const count = await heard();
      if (count !== rows.length) throw new WrongAnswerError(`${count} were heard in the end`);
      return figures;
    },
  };
}

const items = 65_536;

/** Offers from a loop that does a little with each row, where the engine may put the offer in the place of the call. */
const inLoop: FigureContestant = {
  name: "weir, a value, in a loop",
  measure(ms): Promise<Figures> {
    const tap = new Tap();
    let digest = 0;
    let right: number | undefined;
    const check = (): void => {
      right ??= digest;
      if (digest !== right) throw new WrongAnswerError("a loop has done something else");
    };
    const [one, other] = timeInTurn(ms, [
      {
        items,
        run() {
          let mixed = 0;
          for (let at = 0; at < items; at++) {
            const row = rows[at % rows.length]!;
            mixed = mix(mixed, row.status);
            tap.offer("decoded", row);
          }
          digest = mixed;
        },
        reset: check,
      },
      {
        items,
        run() {
          let mixed = 0;
          for (let at = 0; at < items; at++) {
            const row = rows[at % rows.length]!;
            mixed = mix(mixed, row.status);
            doNothing(row);
          }
          digest = mixed;
        },
        reset: check,
      },
    ]);
    return Promise.resolve({ [added]: one! - other!, [whole]: one!, [empty]: other! });
  },
};

const figures = [
  { name: added, digits: 2, most: 1 },
  { name: whole, digits: 2 },
  { name: empty, digits: 2 },
];

/** One question, of both ways to offer something. */
export const cases: readonly FigureCase[] = [
  {
    id: "tap/offer",
    title: "an event that nobody listens to, beside a call of an empty function",
    figures,
    contestants: [
      ...[value, question, again, elsewhere, bare].map(times),
      inLoop,
      ...others.map(times),
    ],
  },
  {
    id: "tap/offer-function",
    title:
      "a function that would make an event nobody listens to, beside a call of an empty function that is given one, too",
    figures,
    contestants: [
      times(thunk("weir, a function that makes it")),
      times(thunk("weir, a function that makes it, after a session", watchAwhile)),
    ],
  },
];
