import { assertEquals, assertLessOrEqual } from "@std/assert";
import {
  Fold,
  type FoldAnnouncement,
  type FoldEntry,
  type FoldKey,
  type FoldResult,
  type FoldSnapshot,
  FoldSnapshotError,
  type FoldTransition,
} from "../../fold/mod.ts";
import { Random } from "../_random.ts";
import { type Cast, CASTS, type Played } from "./_casts.ts";
import { randomBy } from "./_conditions.ts";
import { HandClock } from "./_hand_clock.ts";
import { type NaiveBounds, NaiveFold } from "./_naive.ts";
import { Readers } from "./_readers.ts";
import { assertSame, keyOf, Scribe } from "./_scribe.ts";

/** What is played. Each seed is another play. */
export interface Game {
  readonly seed: number;
  readonly cast: keyof typeof CASTS;
  readonly steps: number;
  /** How many things there may be to announce, and nodes that do. */
  readonly things: number;
  readonly nodes: number;
  readonly bounds: NaiveBounds;
  /** How to restore snapshots, if at all. */
  readonly restores: "no" | "replace" | "merge";
  /** Whether to sweep at times that have not come. */
  readonly sweepsAhead: boolean;
  /** After how many steps everything is compared. */
  readonly compareEvery: number;
}

type Entry = FoldEntry<FoldKey, Played>;

/** Lives and steps of the clock, in milliseconds: none, fractions, the edges of what a timing wheel may have, and days. */
const TIMES = [0, 0.25, 1, 7, 63, 64, 65, 1_000, 1_024, 4_096, 60_000, 65_536, 3_600_000, 2e8];

/** Plays one game with a fold and its model at once, and compares them all the time. */
export function play(game: Game): void {
  const player = new Player(game);
  try {
    for (let step = 1; step <= game.steps; step++) player.step(step);
    player.end();
  } catch (error) {
    const last = player.actions.slice(-6).join("; ");
    throw new Error(`${JSON.stringify(game)}, last: ${last}`, { cause: error });
  }
}

class Player {
  readonly actions: string[] = [];
  readonly #game: Game;
  readonly #random: Random;
  readonly #cast: Cast<Played>;
  readonly #nodes: string[];
  readonly #clock = new HandClock();
  readonly #fold: Fold<FoldKey, Played, string>;
  readonly #model: NaiveFold<Played>;
  // What the fold has told an audit of, in the course of an action.
  #heard: FoldTransition<FoldKey, Played>[] = [];
  readonly #readers: Readers;
  readonly #keys: Set<FoldKey> = new Set();
  readonly #snapshots: FoldSnapshot<Played>[] = [];
  // The highest generation of each key, and of each key and node.
  readonly #generations: Map<string, number> = new Map();
  readonly #scribe = new Scribe<Played>();

  constructor(game: Game) {
    this.#game = game;
    this.#random = new Random(game.seed);
    this.#cast = CASTS[game.cast];
    this.#nodes = Array.from({ length: game.nodes }, (_, i) => `n${i + 1}`);
    const audit = (transition: FoldTransition<FoldKey, Played>): undefined => {
      this.#heard.push(transition);
    };
    this.#fold = new Fold({ ...this.#cast.kind, audit }, {
      ...game.bounds,
      clock: this.#clock,
      sweepIntervalMs: 0,
      audit: { record() {} },
    });
    this.#model = new NaiveFold(this.#cast.kind, game.bounds);
    this.#model.choose = (among) => {
      // Where the contract leaves it open, the fold decides, but only among what it leaves open.
      const { key } = this.#heard[this.#model.happened.length] ?? {};
      return among.find((entry) => entry.key === key) ?? among[0]!;
    };
    this.#readers = new Readers(this.#fold, this.#model, this.#scribe, this.#random);
    this.#tick();
  }

  /** Does something with both, and compares what they say of it. */
  step(number: number): void {
    const { compareEvery, steps } = this.#game;
    this.#act();
    if (number % compareEvery === 0 || number === steps) this.#compare();
  }

  /** Reads all that waits in watches, and compares what was put together with what there is. */
  end(): void {
    // So that what has expired and nobody sees is told of, too.
    this.#both("sweep", (fold) => fold.sweep());
    this.#readers.end();
  }

  #act(): void {
    const random = this.#random;
    const kind = random.below(100);
    if (kind < 42) return this.#apply(this.#announcement());
    if (kind < 46) return this.#apply({ ...this.#announcement(), leave: true });
    if (kind < 52) return this.#refresh();
    if (kind < 53) return this.#applyInvalid();
    if (kind < 63) return this.#passTime();
    if (kind < 80) return this.#useWatch();
    if (kind < 84) return this.#evict();
    if (kind < 88) return this.#sweep();
    if (kind < 92) return this.#removeNode();
    if (kind < 97) return this.#takeSnapshot();
    return this.#restore();
  }

  #announcement(): FoldAnnouncement<Played> {
    const random = this.#random;
    const node = random.pick(this.#nodes);
    const { things } = this.#game;
    const payload = this.#cast.payload(random, node, things, this.#clock.wallMs);
    return { ...this.#numbered(node, payload), ...this.#life() };
  }

  /** Gives a payload a generation: a later one as a rule, and now and then one that was before. */
  #numbered(node: string, said: Played): FoldAnnouncement<Played> {
    const random = this.#random;
    const key = this.#cast.kind.key(node, said);
    this.#keys.add(key);
    const name = keyOf(key);
    const own = this.#generations.get(`${name} of ${node}`) ?? 0;
    // Later than what the node has said, or also than what others have.
    const last = random.below(2) === 0 ? own : this.#generations.get(name) ?? 0;
    const isLater = last === 0 || random.below(4) > 0;
    const generation = isLater ? last + 1 + random.below(3) : 1 + random.below(last);
    for (const one of [name, `${name} of ${node}`]) {
      this.#generations.set(one, Math.max(generation, this.#generations.get(one) ?? 0));
    }
    const payload = this.#cast.fit?.(random, said, generation) ?? said;
    this.#scribe.add(payload);
    return { node, generation, payload };
  }

  #life(): { ttlMs?: number } {
    const random = this.#random;
    if (random.below(4) === 0) return {};
    return { ttlMs: random.pick(TIMES) * (random.below(2) === 0 ? 1 : random.next()) };
  }

  #refresh(): void {
    const entries = this.#model.query();
    if (entries.length === 0) return;
    const { node, payload } = this.#random.pick(entries);
    this.#apply({ ...this.#numbered(node, { ...payload }), ...this.#life() });
  }

  #apply(announcement: FoldAnnouncement<Played>): void {
    const { node, generation, payload, leave = false } = announcement;
    const what = `${leave ? "leave" : "apply"} ${node} @${generation} ${
      String(this.#cast.kind.key(node, payload))
    }`;
    this.#both<FoldResult>(what, (fold) => fold.apply(announcement));
  }

  #applyInvalid(): void {
    const wrong = this.#random.pick([{ node: "" }, { generation: 0 }, { ttlMs: -1 }]);
    const payload = this.#cast.payload(new Random(1), "n1", 1, 0);
    this.#both("apply what is none", (fold) => {
      try {
        fold.apply({ node: "n1", generation: 1, payload, ...wrong });
      } catch {
        return "threw";
      }
      return "did not throw";
    });
  }

  #passTime(): void {
    const random = this.#random;
    const ms = random.pick(TIMES) * random.next() * (random.below(6) === 0 ? -1 : 1);
    this.actions.push(`pass ${ms} ms`);
    this.#clock.ms += ms;
    this.#clock.wallMs += random.below(8) === 0 ? random.below(9_000) - 4_500 : ms;
    this.#tick();
  }

  /** Both know what time it is. */
  #tick(): void {
    this.#model.now = this.#clock.ms;
    this.#model.wallNow = this.#clock.wallMs;
    assertEquals(this.#fold.now, this.#model.now);
  }

  #useWatch(): void {
    const random = this.#random;
    const isReading = random.below(3) > 0;
    // What has expired before a list was made is not told of. Here it is removed before, so that a model need not know when.
    this.#both("sweep", (fold) => fold.sweep());
    this.actions.push(isReading ? this.#readers.read(1 + random.below(6)) : this.#readers.act());
  }

  #evict(): void {
    if (this.#keys.size === 0) return;
    const key = this.#random.pick([...this.#keys]);
    this.#both(`evict ${String(key)}`, (fold) => fold.evict(key, "enough"));
  }

  #removeNode(): void {
    const node = this.#random.pick(this.#nodes);
    if (this.#random.below(2) === 0) {
      this.#both(`evict node ${node}`, (fold) => fold.evictNode(node, "away"));
    } else {
      this.#both(`leave ${node}`, (fold) => fold.leave(node));
    }
  }

  #sweep(): void {
    const random = this.#random;
    if (random.below(3) > 0) return this.#both("sweep", (fold) => fold.sweep());
    const ahead = random.pick(TIMES) * random.next();
    const now = this.#model.now + (this.#game.sweepsAhead ? ahead : -ahead);
    this.#both(`sweep at ${now}`, (fold) => fold.sweep(now));
  }

  #takeSnapshot(): void {
    this.actions.push("snapshot");
    const [actual, expected] = [this.#fold.snapshot(), this.#model.snapshot()];
    const show = ({ entries, remembered, ...rest }: FoldSnapshot<Played>): unknown => [
      rest,
      entries.map(({ payload, ...row }) => {
        return `${this.#scribe.numberOf(payload)} ${JSON.stringify(row)}`;
      }).sort(),
      remembered.map(({ key, ...row }) => `${keyOf(key)} ${JSON.stringify(row)}`).sort(),
    ];
    assertEquals(show(actual), show(expected), "snapshot");
    this.#snapshots.push(actual);
  }

  #restore(): void {
    const { restores } = this.#game;
    if (restores === "no" || this.#snapshots.length === 0) return;
    const snapshot = this.#random.pick(this.#snapshots.slice(-3));
    const over = this.#random.below(4) === 0 ? "refuse" : restores;
    this.#both(`restore, ${over}`, (fold) => {
      try {
        return fold.restore(snapshot, { over });
      } catch (error) {
        if (error instanceof FoldSnapshotError) return "refused";
        throw error;
      }
    }, over !== "merge");
  }

  /** Does the same with both, and compares what they answer and tell. */
  #both<T>(
    what: string,
    act: (fold: Fold<FoldKey, Played, string> | NaiveFold<Played>) => T,
    mayReset = false,
  ): void {
    this.actions.push(what);
    this.#heard = [];
    const restores = this.#fold.stats().restores;
    const actual = act(this.#fold);
    const isReset = mayReset && this.#fold.stats().restores > restores;
    this.#model.happened = [];
    const expected = act(this.#model);
    assertEquals(actual, expected, what);
    const [heard, happened] = [this.#heard, this.#model.happened].map((transitions) =>
      transitions.map((transition) => this.#scribe.transition(transition)).join("\n")
    );
    assertSame(heard, happened, "transitions");
    this.#readers.tell(this.#model.happened, isReset);
  }

  #compare(): void {
    const random = this.#random;
    const [fold, model, scribe] = [this.#fold, this.#model, this.#scribe];
    assertEquals([fold.size, fold.version], [model.entries.size, model.version], "size, version");
    for (const key of this.#keys) {
      const [actual, expected] = [fold.get(key), model.get(key)];
      assertSame(actual && scribe.entry(actual), expected && scribe.entry(expected), "get");
      assertEquals(fold.has(key), expected !== undefined);
    }
    assertEquals(fold.nodes().sort(), model.nodes().sort(), "nodes");
    for (const node of this.#nodes) {
      const owned = [fold.byNode(node), model.query({ node })];
      assertSame(scribe.entries(owned[0]!), scribe.entries(owned[1]!), "byNode");
    }
    for (let i = 0; i < 4; i++) this.#compareQuery();
    const name = random.pick(Object.keys(this.#cast.pools));
    const by = randomBy(random, this.#cast.pools);
    assertEquals(fold.countBy(name, { by }), model.countBy(name, { by }), "countBy");
    this.#compareStats();
    this.#readers.compare();
  }

  #compareQuery(): void {
    const [random, scribe] = [this.#random, this.#scribe];
    const odd = ({ payload }: Entry): boolean => scribe.numberOf(payload) % 2 === 1;
    const query = {
      by: random.below(4) === 0 ? undefined : randomBy(random, this.#cast.pools),
      node: random.below(3) === 0 ? random.pick(this.#nodes) : undefined,
      where: random.below(3) === 0 ? odd : undefined,
    };
    const expected = this.#model.query(query);
    assertSame(scribe.entries(this.#fold.query(query)), scribe.entries(expected), "query");
    assertEquals(this.#fold.count(query), expected.length, "count");
    const limit = random.below(4);
    const some = this.#fold.query({ ...query, limit });
    assertEquals(some.length, Math.min(limit, expected.length), "limit");
    const texts = new Set(expected.map((entry) => scribe.entry(entry)));
    assertEquals(some.filter((entry) => !texts.has(scribe.entry(entry))), [], "within the limit");
  }

  #compareStats(): void {
    const { remembered, forgotten, rejections, ...stats } = this.#fold.stats();
    const model = this.#model;
    const { inserted, replaced, left, rejected } = model.counts;
    assertEquals(stats, {
      ...model.counts,
      kind: this.#cast.kind.id,
      name: this.#cast.kind.name,
      entries: model.entries.size,
      nodes: new Set(model.entries.values().map(({ node }) => node)).size,
      watches: this.#readers.open,
      applied: inserted + replaced + left + rejected,
      queries: stats.queries,
      missed: this.#readers.missed,
      hasAuditSink: true,
      auditErrors: 0,
    });
    assertEquals({ ...rejections }, model.rejections);
    assertEquals(forgotten, model.forgotten, "forgotten");
    // Those that are over may be held a little longer.
    assertLessOrEqual(model.rememberedNow, remembered);
    assertLessOrEqual(remembered, this.#game.bounds.maxRemembered);
  }
}
