/**
 * Removing what has expired among a million entries, at once and by a clock that is set by hand: what it costs when nothing has, and for each
 * entry that has. What a fold removes by itself, it removes in slices: see `fold/pause`.
 *
 * @module
 */
import { Fold, type FoldOptions } from "../../fold/mod.ts";
import { type FigureCase, type FigureContestant, type Figures, WrongAnswerError } from "../case.ts";
import { type Announcement, type Client, clients, Source } from "../fold/announcements.ts";
import { npm } from "../peers.ts";

const count = 1_000_000;
const warmUpCount = 20_000;

const ofScan = "idle, of a scan";
const idle = "idle, µs";
/** Three groups expire one after the other: so many of a million. */
const groups = ["ns of 1k", "ns of 100k", "ns of the rest"] as const;
/** How far the groups are apart, and how long it takes each of them to expire. */
const apartMs = 10_000;
const spanMs = 1_000;

/** Which of the groups an entry is of. They come mixed. */
function groupOf(index: number): number {
  return index % 1_000 === 0 ? 0 : index % 10 === 1 ? 1 : 2;
}

/** Cases wait for nobody, so this is not the time that timers go by. */
class HandClock {
  /** A cache takes 0 for no time. */
  time = 1;
  readonly now = (): number => this.time;
  readonly wallNow = (): number => this.time;
}

/** What can be swept. */
interface Sweepable {
  readonly put: (announcement: Announcement, ttlMs: number) => void;
  readonly sweep: () => void;
  readonly size: () => number;
}

interface Sweeper {
  readonly name: string;
  readonly make: (clock: HandClock, max: number) => Sweepable | Promise<Sweepable>;
  /** Whether it is the one that is compared with a scan. */
  readonly isJudged?: boolean;
}

function weir(name: string, isJudged: boolean, options: FoldOptions = {}): Sweeper {
  return {
    name,
    isJudged,
    make(clock, maxEntries) {
      const fold = new Fold(clients, { maxEntries, sweepIntervalMs: 0, clock, ...options });
      return {
        put: (announcement, ttlMs) => void fold.apply({ ...announcement, ttlMs }),
        sweep: () => void fold.sweep(),
        size: () => fold.size,
      };
    },
  };
}

const lruCache: Sweeper = {
  name: "lru-cache 11.3.6, purgeStale",
  async make({ now }, max) {
    const { LRUCache } = await npm.lruCache();
    const cache = new LRUCache<string, Client>({ max, ttl: 1, ttlResolution: 0, perf: { now } });
    return {
      put: ({ payload }, ttl) => void cache.set(payload.id, payload, { ttl }),
      sweep: () => void cache.purgeStale(),
      size: () => cache.size,
    };
  },
};

const ttlCache: Sweeper = {
  name: "@isaacs/ttlcache 2.1.0, purgeStale",
  async make({ now }, max) {
    const { TTLCache } = await npm.ttlCache();
    // It takes no clock of its own.
    performance.now = now;
    const cache = new TTLCache<string, Client>({ max });
    return {
      put: ({ payload }, ttl) => void cache.set(payload.id, payload, { ttl }),
      sweep: () => cache.purgeStale(),
      size: () => cache.size,
    };
  },
};

/** What people write. */
const scan: Sweeper = {
  name: "a Map of objects, a scan",
  make(clock) {
    const rows = new Map<string, { payload: Client; expiresAt: number }>();
    return {
      put({ payload }, ttlMs) {
        rows.set(payload.id, { payload, expiresAt: clock.time + ttlMs });
      },
      sweep() {
        const now = clock.time;
        for (const [id, { expiresAt }] of rows) if (expiresAt <= now) rows.delete(id);
      },
      size: () => rows.size,
    };
  },
};

// One contestant sets the clock of the platform.
const realNow = performance.now.bind(performance);

/** What one of many calls takes, in milliseconds. */
function timeOf(ms: number, run: () => void): number {
  for (let calls = 1;; calls *= 2) {
    const start = realNow();
    for (let call = 0; call < calls; call++) run();
    const time = realNow() - start;
    if (time >= ms) return time / calls;
  }
}

async function sweepAll({ make, isJudged }: Sweeper, count: number, ms: number): Promise<Figures> {
  const clock = new HandClock();
  const announcements = new Source(count).announce({ generation: 1 });
  const fill = (holder: Sweepable): void => {
    for (const [index, announcement] of announcements.entries()) {
      holder.put(announcement, (1 + groupOf(index)) * apartMs + index * 7 % spanMs);
    }
    check(holder, count);
  };
  const holder = await make(clock, count);
  fill(holder);
  const idleMs = timeOf(ms, holder.sweep);
  check(holder, count);
  const figures: Record<string, number> = { [idle]: 1e3 * idleMs };
  let left = count;
  for (const [group, name] of groups.entries()) {
    const going = announcements.filter((_, index) => groupOf(index) === group).length;
    clock.time = (1 + group) * apartMs + spanMs + 1;
    const start = realNow();
    holder.sweep();
    figures[name] = 1e6 * (realNow() - start) / going;
    check(holder, left -= going);
  }
  if (isJudged) {
    clock.time = 1;
    const scanned = await scan.make(clock, count);
    fill(scanned);
    figures[ofScan] = idleMs / timeOf(ms, scanned.sweep);
  }
  return figures;
}

function check(holder: Sweepable, size: number): void {
  if (holder.size() === size) return;
  throw new WrongAnswerError(`it holds ${holder.size()} entries instead of ${size}`);
}

/** One question. */
export const cases: readonly FigureCase[] = [
  {
    id: "fold/sweep",
    title:
      "1,000,000 entries of which none has expired, then 1k, 100k and the rest; ns for each that has",
    figures: [
      { name: idle, digits: 2 },
      { name: ofScan, digits: 6, most: 0.01 },
      ...groups.map((name) => ({ name, digits: 0 })),
    ],
    contestants: [
      weir("weir", true),
      weir("weir, that remembers nothing", false, { rememberMs: 0 }),
      lruCache,
      ttlCache,
      scan,
    ].map((sweeper): FigureContestant => ({
      name: sweeper.name,
      async measure(ms) {
        await sweepAll(sweeper, warmUpCount, ms / 10);
        return await sweepAll(sweeper, count, ms / 10);
      },
    })),
  },
];
