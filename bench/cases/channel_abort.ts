/**
 * Ten thousand receivers that wait for nothing and are aborted: all at once through one signal, or each through its own in random
 * order. The wait, the abort and the rejection are timed; the controllers are made beforehand.
 *
 * @module
 */
import { Channel } from "../../channel/mod.ts";
import { type Answer, type Case, prepared, type PreparedRun, range } from "../case.ts";
import { type CommonChannelClass, std } from "../peers.ts";

const waiters = 10_000;
const order = shuffled(range(waiters));

/** What waits for a value that never comes. */
type Wait = (options: { signal: AbortSignal }) => Promise<number>;

/** A wait, and how many waiters were left behind. */
interface Waiting {
  readonly wait: Wait;
  readonly left: () => number;
}

/** The same order in every run and every contestant. */
function shuffled(numbers: number[]): number[] {
  let state = 42;
  for (let index = numbers.length - 1; index > 0; index--) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    const other = state % (index + 1);
    [numbers[index], numbers[other]] = [numbers[other]!, numbers[index]!];
  }
  return numbers;
}

function inChannel(Channel: CommonChannelClass): Waiting {
  const channel = new Channel<number>({ capacity: 0 });
  return {
    wait: (options) => channel.receive(options),
    left: () => Number(channel.trySend(0)),
  };
}

/** A promise and a listener: what the platform asks of anything that can be aborted. */
function bare(): Waiting {
  return {
    wait: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
    left: () => 0,
  };
}

/** Counts rejections and adds up their reasons. */
class Rejections {
  readonly done: Promise<void>;
  readonly onRejected: (reason: unknown) => void;
  count = 0;
  sum = 0;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.onRejected = (reason) => {
      this.sum += reason as number;
      if (++this.count === waiters) resolve();
    };
  }
}

function onOneSignal(make: () => Waiting): PreparedRun {
  return prepared(() => new AbortController(), async (controller): Promise<Answer> => {
    const { wait, left } = make();
    const rejections = new Rejections();
    const options = { signal: controller.signal };
    for (let index = 0; index < waiters; index++) {
      wait(options).then(undefined, rejections.onRejected);
    }
    controller.abort(7);
    await rejections.done;
    return { rejected: rejections.count, reasons: rejections.sum, left: left() };
  });
}

function onOwnSignals(make: () => Waiting): PreparedRun {
  return prepared(
    () => Array.from({ length: waiters }, () => new AbortController()),
    async (controllers): Promise<Answer> => {
      const { wait, left } = make();
      const rejections = new Rejections();
      for (let index = 0; index < waiters; index++) {
        wait({ signal: controllers[index]!.signal }).then(undefined, rejections.onRejected);
      }
      for (let index = 0; index < waiters; index++) {
        const which = order[index]!;
        controllers[which]!.abort(which);
      }
      await rejections.done;
      return { rejected: rejections.count, reasons: rejections.sum, left: left() };
    },
  );
}

function question(
  id: string,
  title: string,
  reasons: number,
  measure: (make: () => Waiting) => PreparedRun,
): Case {
  return {
    id,
    title,
    items: waiters,
    answer: { rejected: waiters, reasons, left: 0 },
    references: [{ peer: "@std/async Channel" }, { peer: "bare promise and listener" }],
    contestants: [
      { name: "weir", load: () => measure(() => inChannel(Channel)) },
      {
        name: "@std/async Channel",
        load: async () => {
          const { Channel } = await std();
          return measure(() => inChannel(Channel));
        },
      },
      { name: "bare promise and listener", load: () => measure(bare) },
    ],
  };
}

/** Both ways to abort. */
export const cases: readonly Case[] = [
  question(
    "channel/abort-shared",
    "10,000 waiting receivers that share one signal, aborted; per waiter",
    7 * waiters,
    onOneSignal,
  ),
  question(
    "channel/abort-single",
    "10,000 waiting receivers, each aborted by its own signal, in random order; per waiter",
    waiters * (waiters - 1) / 2,
    onOwnSignals,
  ),
];
