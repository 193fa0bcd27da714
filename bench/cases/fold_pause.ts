/**
 * A million entries expire at once, by themselves: for how long nothing else happens then. That garbage is collected meanwhile counts, too: how
 * long that takes is seen while the same entries lie there and none of them expires.
 *
 * @module
 */
import { Fold, type FoldWatch } from "../../fold/mod.ts";
import {
  type FigureCase,
  type FigureContestant,
  type Figures,
  UnavailableError,
  WrongAnswerError,
} from "../case.ts";
import { type Client, clients, Source } from "../fold/announcements.ts";
import {
  fold,
  type Holder,
  indexedFold,
  type Keeping,
  mapOfTimers,
  ttlCache,
} from "../fold/holders.ts";
import { watchLoop } from "../fold/loop.ts";

const million = 1_000_000;
/** What would take minutes with a million. */
const some = 100_000;
const warmUpCount = 20_000;

const longest = "longest ms";
const p99 = "p99 ms";
const idleLongest = "idle, longest ms";
const idleP99 = "idle, p99 ms";
const whole = "all of it, ms";

/** How long nothing happens before the entries expire, and how long they may take to do so. */
const idleMs = 200;
/** How long before that it is not looked at any more, so that none has expired. */
const marginMs = 20;
const patienceMs = 60_000;

/** Entries that all expire at one time. */
interface Expiring extends Pick<Holder, "put" | "size" | "close"> {
  /** Called once everything is there. */
  readonly watch?: () => void;
  /** Throws, once nothing is there any more, if it did not do all that it should. */
  readonly check?: () => Promise<void>;
}

interface Expirer {
  readonly name: string;
  readonly count: number;
  readonly make: (count: number) => Expiring | Promise<Expiring>;
}

function expirer({ name, make }: Keeping, count: number): Expirer {
  return { name: count === million ? name : `${name}, only 100k`, count, make };
}

/**
 * A fold that somebody watches, who reads on whenever there is something to read. In a slice there may expire more than wait for him, and he has
 * to begin anew, which counts as well.
 */
const watchedFold: Expirer = {
  name: "weir, a watch, only 100k",
  count: some,
  make(maxEntries) {
    const fold = new Fold(clients, { maxEntries });
    let seen = 0;
    let watch: FoldWatch<string, Client> | undefined;
    let reading: Promise<void> | undefined;
    const read = async (watch: FoldWatch<string, Client>): Promise<void> => {
      for await (const { type } of watch) if (type === "expired") seen++;
    };
    return {
      put: (announcement) => void fold.apply(announcement),
      size: () => fold.size,
      watch() {
        watch = fold.watch({ initial: false });
        reading = read(watch);
      },
      async check() {
        fold.close();
        await reading;
        const { missed } = watch!;
        if (seen + missed === maxEntries) return;
        throw new WrongAnswerError(`the watch has seen ${seen} entries and missed ${missed}`);
      },
      close: () => fold.close(),
    };
  },
};

/**
 * Lets so many expire together.
 *
 * @returns What was seen, and how long it took to put them there; undefined if that was too long, and the first have expired meanwhile.
 */
async function expire(
  { make, count }: Omit<Expirer, "name">,
  leadMs: number,
): Promise<{ readonly figures: Figures | undefined; readonly fillMs: number }> {
  const announcements = new Source(count).announce({ generation: 1 });
  const holder = await make(count);
  const start = performance.now();
  const end = Math.ceil(start + leadMs);
  for (const announcement of announcements) {
    announcement.ttlMs = Math.max(1, Math.ceil(end - performance.now()));
    holder.put(announcement);
  }
  const fillMs = performance.now() - start;
  const isFull = performance.now() < end - idleMs;
  if (isFull) holder.watch?.();
  const idle = isFull ? await watchLoop(() => performance.now() >= end - marginMs) : undefined;
  if (idle === undefined || performance.now() >= end) {
    holder.close();
    return { figures: undefined, fillMs };
  }
  if (holder.size() !== count) throw new WrongAnswerError(`it holds ${holder.size()} entries`);
  const limit = performance.now() + patienceMs;
  const busy = await watchLoop(() => holder.size() === 0 || performance.now() > limit);
  const wholeMs = performance.now() - end;
  if (holder.size() > 0) throw new WrongAnswerError(`it still holds ${holder.size()} entries`);
  await holder.check?.();
  holder.close();
  return {
    fillMs,
    figures: {
      [longest]: busy.longestMs,
      [p99]: busy.p99Ms,
      [whole]: wholeMs,
      [idleLongest]: idle.longestMs,
      [idleP99]: idle.p99Ms,
    },
  };
}

function pauses({ name, make, count }: Expirer): FigureContestant {
  return {
    name,
    async measure() {
      const warmUp = { make, count: warmUpCount };
      await expire(warmUp, 2 * idleMs);
      // How long it takes to put them there is not known before, and is longer with many than with a few.
      const { fillMs } = await expire(warmUp, 2 * idleMs);
      for (let factor = 1.5; factor < 10; factor *= 2) {
        const leadMs = factor * fillMs * count / warmUpCount + 1.5 * idleMs;
        const { figures } = await expire({ make, count }, leadMs);
        if (figures !== undefined) return figures;
      }
      throw new UnavailableError("the machine is too busy to say when they should expire");
    },
  };
}

/** One question. */
export const cases: readonly FigureCase[] = [
  {
    id: "fold/pause",
    title:
      "1,000,000 entries expire together, by themselves, while the loop is turned; and before that",
    figures: [longest, p99, whole, idleLongest, idleP99].map((name) => ({ name, digits: 1 })),
    contestants: [
      expirer(fold, million),
      expirer(indexedFold, some),
      watchedFold,
      expirer(ttlCache, million),
      expirer(mapOfTimers, some),
    ].map(pauses),
  },
];
