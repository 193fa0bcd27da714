/**
 * What happens to entries from their first announcement to their end, over how many there are.
 *
 * @module
 */
import {
  type FigureCase,
  type FigureContestant,
  type Figures,
  range,
  WrongAnswerError,
} from "../case.ts";
import {
  type Announcement,
  nodeOf,
  nodesFor,
  shuffled,
  Source,
  spread,
} from "../fold/announcements.ts";
import { checkGone, checkHeld } from "../fold/checks.ts";
import {
  fold,
  type Holder,
  indexedFold,
  type Keeping,
  lruCacheAutopurge,
  lruCacheTtl,
  mapOfRows,
  mapOfTimers,
  ttlCache,
} from "../fold/holders.ts";

/** Of a million, so many are enough to see what one of them costs. */
const most = 10_000;
/** How many live first, for the engine to compile what they do, and for how long. */
const warmUp = { count: 10_000, share: 0.5 };

const insert = "insert";
const refresh = "refresh";
const refreshShuffled = "shuffled";
const get = "get";
const has = "has";
const miss = "miss";
const evict = "evict";
const evictNode = "evict node";
const figures = [insert, refresh, refreshShuffled, get, has, miss, evict, evictNode]
  .map((name) => ({ name, digits: 0 }));

/** Who takes part in a life. */
class Cast {
  readonly count: number;
  readonly all: Source;
  readonly inOrder: Source;
  readonly shuffled: Source;
  readonly missing: Source;
  /** Some whom other nodes announce than those that go: they go one by one. */
  readonly leaving: Source;
  /** Those whom the first nodes announce: they go with them. */
  readonly going: Source;
  readonly nodes: readonly string[];

  constructor(count: number) {
    const some = spread(count, Math.min(count, most));
    const first = Math.floor((count - some.length) / 2);
    const nodes = nodesFor(count);
    const ofNode = count / nodes;
    const goingNodes = range(Math.min(nodes / 2, most / ofNode));
    const clientsOf = (node: number) => range(ofNode).map((at) => node + at * nodes);
    const others = range(count).filter((index) => index % nodes >= goingNodes.length);
    this.count = count;
    this.all = new Source(count);
    this.inOrder = new Source(count, some.map((_, at) => first + at));
    this.shuffled = new Source(count, shuffled(some));
    this.missing = new Source(count, shuffled(some.map((index) => count + index)));
    this.leaving = new Source(count, shuffled(others).slice(0, Math.min(count / 2, most)));
    this.going = new Source(count, goingNodes.flatMap(clientsOf));
    this.nodes = goingNodes.map((node) => nodeOf(node, count));
  }
}

/** Collects times. */
class Times {
  readonly #samples: Map<string, number[]> = new Map();

  add(name: string, items: number, run: () => void): void {
    const start = performance.now();
    run();
    const time = performance.now() - start;
    const samples = this.#samples.get(name) ?? [];
    samples.push(1e6 * time / items);
    this.#samples.set(name, samples);
  }

  /** The median of each, in nanoseconds an item. */
  get medians(): Figures {
    const middles = [...this.#samples].map(([name, samples]) => {
      samples.sort((one, other) => one - other);
      return [name, samples[samples.length >> 1]!] as const;
    });
    return Object.fromEntries(middles);
  }
}

function live(holder: Holder, cast: Cast, times: Times): void {
  const { count } = cast;
  const putAll = (name: string, announcements: readonly Announcement[]): void => {
    const { put } = holder;
    times.add(name, announcements.length, () => {
      for (let at = 0; at < announcements.length; at++) put(announcements[at]!);
    });
    checkHeld(holder, count, announcements);
  };
  putAll(insert, cast.all.announce({ generation: 1 }));
  putAll(refresh, cast.inOrder.announce({ generation: 2 }));
  putAll(refreshShuffled, cast.shuffled.announce({ generation: 3 }));

  const lookUp = (
    name: string,
    ids: readonly string[],
    isThere: boolean,
    run: (ids: readonly string[]) => number,
  ): void => {
    let found = 0;
    times.add(name, ids.length, () => {
      found = run(ids);
    });
    const right = isThere ? ids.length : 0;
    if (found !== right) throw new WrongAnswerError(`${name} found ${found} instead of ${right}`);
  };
  const { get: getOne, has: hasOne, remove, removeNode } = holder;
  const getAll = (ids: readonly string[]): number => {
    let found = 0;
    for (let at = 0; at < ids.length; at++) if (getOne(ids[at]!) !== undefined) found++;
    return found;
  };
  const hasAll = (ids: readonly string[]): number => {
    let found = 0;
    for (let at = 0; at < ids.length; at++) if (hasOne(ids[at]!)) found++;
    return found;
  };
  lookUp(get, cast.shuffled.ids(), true, getAll);
  lookUp(has, cast.shuffled.ids(), true, hasAll);
  lookUp(miss, cast.missing.ids(), false, hasAll);

  const leaving = cast.leaving.ids();
  times.add(evict, leaving.length, () => {
    for (let at = 0; at < leaving.length; at++) remove(leaving[at]!);
  });
  checkGone(holder, count - leaving.length, leaving);

  const going = cast.going.ids();
  const { nodes } = cast;
  const ofOne = going.length / nodes.length;
  const ids = nodes.map((_, node) => going.slice(node * ofOne, (node + 1) * ofOne));
  times.add(evictNode, going.length, () => {
    for (let node = 0; node < nodes.length; node++) removeNode(nodes[node]!, ids[node]!);
  });
  checkGone(holder, count - leaving.length - going.length, going);
}

function lives({ name, make }: Keeping, count: number): FigureContestant {
  const liveFor = async (cast: Cast, ms: number, fewest: number): Promise<Figures> => {
    const times = new Times();
    const end = performance.now() + ms;
    for (let round = 0; round < fewest || performance.now() < end; round++) {
      const holder = await make(cast.count);
      live(holder, cast, times);
      holder.close();
    }
    return times.medians;
  };
  return {
    name,
    async measure(ms) {
      await liveFor(new Cast(Math.min(count, warmUp.count)), ms * warmUp.share, 2);
      return await liveFor(new Cast(count), ms, 1);
    },
  };
}

const note = "all texts new each time; ns each";

/** A thousand, a hundred thousand, and a million, where a timer for each would take minutes. */
export const cases: readonly FigureCase[] = [
  {
    id: "fold/life-1k",
    title: `1,000 entries of 10 nodes; ${note}`,
    figures,
    contestants: [fold, lruCacheTtl, lruCacheAutopurge, ttlCache, mapOfTimers, mapOfRows]
      .map((keeping) => lives(keeping, 1_000)),
  },
  {
    id: "fold/life-100k",
    title: `100,000 entries of 1,000 nodes; ${note}`,
    figures,
    contestants: [fold, indexedFold, lruCacheTtl, ttlCache, mapOfTimers, mapOfRows]
      .map((keeping) => lives(keeping, 100_000)),
  },
  {
    id: "fold/life-1m",
    title: `1,000,000 entries of 1,000 nodes; ${note}`,
    figures,
    contestants: [fold, lruCacheTtl, ttlCache, mapOfRows]
      .map((keeping) => lives(keeping, 1_000_000)),
  },
];
