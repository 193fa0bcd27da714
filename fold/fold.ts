import { checkFunction, checkInteger, refusal, reportUncaught } from "../internal/mod.ts";
import { Audience } from "./_audience.ts";
import { checkMs, checkText } from "./_check.ts";
import { checkKind } from "./_check_kind.ts";
import { checkRows, type RestoredRow } from "./_check_snapshot.ts";
import { MOVED, NOTHING_DUE } from "./_deadlines.ts";
import { find } from "./_finder.ts";
import { Guard } from "./_guard.ts";
import { checkKey } from "./_hash.ts";
import { NONE } from "./_key_table.ts";
import { PlatformClock } from "./_platform_clock.ts";
import { Remembered } from "./_remembered.ts";
import { Store } from "./_store.ts";
import { Sweeper } from "./_sweeper.ts";
import { Tally } from "./_tally.ts";
import type { FoldAnnouncement, FoldResult } from "./announcement.ts";
import type { FoldAuditSink } from "./audit.ts";
import type { FoldEntry } from "./entry.ts";
import { FoldClosedError, FoldSnapshotError } from "./errors.ts";
import type { FoldIndexValue, FoldKey, FoldKind } from "./kind.ts";
import type { FoldChangedOptions, FoldClock, FoldOptions, FoldRestoreOptions } from "./options.ts";
import type { FoldQuery } from "./query.ts";
import type { FoldSnapshot } from "./snapshot.ts";
import type { FoldStats } from "./stats.ts";
import type { FoldWatch, FoldWatchOptions } from "./watch.ts";

/** How many steps of a sweep an announcement waits for that finds no room. */
const MAX_ROOM_STEPS = 4_096;

const INSERTED: FoldResult = Object.freeze({ outcome: "inserted" });
const REPLACED: FoldResult = Object.freeze({ outcome: "replaced" });
const LEFT: FoldResult = Object.freeze({ outcome: "left" });

/**
 * Who is alive, and who owns what, right now: entries that nodes announce, that are found by key, node and index, and that are gone when nobody
 * announces them any more.
 *
 * - **Expiry**: an entry expires by the clock of the fold, whatever the clock of its node says. From its deadline on nobody sees it, and it wins
 *   against nothing. It is removed soon after, which costs what expires and not what lives, in slices of half a millisecond.
 * - **Merging**: the kind says who wins. A node's announcements of one key count in the order of their generations, however they come.
 * - **Bounds**: entries, entries of a node, lives, generations that are remembered, and changes that wait to be read.
 * - **Accounting**: each announcement has an outcome, each rejection a reason, and all of them are counted.
 *
 * Functions of the kind, predicates and audit sinks may read the fold, and must not change it: that throws.
 *
 * | operation | cost |
 * | --- | --- |
 * | apply | O(1), and O(values of indexes) if they change |
 * | get, has, evict | O(1) |
 * | query, count | O(entries that fit in the narrowest condition) |
 * | evictNode, leave | O(entries of the node) |
 * | sweep | O(entries that expire) |
 * | snapshot, restore, watch | O(entries) |
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 *
 * @example Who is in which room
 * ```ts
 * import { Fold, presenceKind } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * using fold = new Fold(presenceKind<{ status: string }>({ ttlMs: 30_000 }));
 * const payload = { room: "lobby", user: "ada", meta: { status: "here" } };
 * assertEquals(fold.apply({ node: "n1", generation: 1, payload }), { outcome: "inserted" });
 * assertEquals(fold.apply({ node: "n1", generation: 1, payload }).reason, "stale");
 *
 * assertEquals(fold.query({ by: { room: "lobby" } }).map(({ payload }) => payload.user), ["ada"]);
 * assertEquals(fold.evictNode("n1", "connection lost"), 1);
 * assertEquals(fold.size, 0);
 * ```
 */
export class Fold<K extends FoldKey = FoldKey, P = unknown, I extends string = never>
  implements Disposable, AsyncDisposable {
  /** What it folds. */
  readonly kind: FoldKind<K, P, I>;
  /** The longest life of an entry, in milliseconds. */
  readonly maxTtlMs: number;

  readonly #store: Store<K, P>;
  readonly #remembered: Remembered;
  readonly #sweeper: Sweeper;
  readonly #clock: FoldClock;
  readonly #maxEntries: number;
  readonly #maxEntriesPerNode: number;
  readonly #maxIndexValues: number;
  readonly #minTtlMs: number;
  readonly #guard: Guard = new Guard();
  readonly #audience: Audience<K, P>;
  readonly #rejections: Tally = new Tally();
  readonly #counts = {
    inserted: 0,
    replaced: 0,
    left: 0,
    expired: 0,
    evicted: 0,
    departed: 0,
    clamped: 0,
    queries: 0,
    snapshots: 0,
    restores: 0,
  };
  #isClosed = false;
  #lastNow = -Infinity;

  /**
   * Creates a fold.
   *
   * @param kind What it folds.
   * @param options Its bounds, its clock, and who is told.
   * @throws {TypeError} If the kind or an option is not of its type.
   * @throws {RangeError} If a number is out of its range.
   */
  constructor(kind: FoldKind<K, P, I>, options: FoldOptions = {}) {
    const create = "create Fold";
    checkKind(create, kind);
    const {
      maxEntries = 100_000,
      maxEntriesPerNode = maxEntries,
      maxIndexValues = 256,
      minTtlMs = 0,
      maxTtlMs = 86_400_000,
      rememberMs = 600_000,
      maxRemembered = maxEntries,
      sweepIntervalMs = 50,
      audit,
      onError = reportUncaught,
      clock = new PlatformClock(),
    } = options;
    checkInteger(create, "maxEntries", maxEntries, 1);
    checkInteger(create, "maxEntriesPerNode", maxEntriesPerNode, 1);
    checkInteger(create, "maxIndexValues", maxIndexValues, 0);
    checkInteger(create, "maxRemembered", maxRemembered, 0);
    checkMs(create, "minTtlMs", minTtlMs, 0);
    checkMs(create, "maxTtlMs", maxTtlMs, minTtlMs);
    checkMs(create, "rememberMs", rememberMs, 0);
    checkMs(create, "sweepIntervalMs", sweepIntervalMs, 0);
    checkFunction(create, "onError", onError);
    checkFunction(create, "clock.now", clock.now);
    checkFunction(create, "clock.wallNow", clock.wallNow);
    this.kind = kind;
    this.#store = new Store(kind.indexes ?? {});
    this.#remembered = new Remembered(
      maxRemembered,
      maxEntriesPerNode,
      rememberMs,
      this.#store.seed,
    );
    this.#clock = clock;
    this.#maxEntries = maxEntries;
    this.#maxEntriesPerNode = maxEntriesPerNode;
    this.#maxIndexValues = maxIndexValues;
    this.#minTtlMs = minTtlMs;
    this.maxTtlMs = maxTtlMs;
    const store = this.#store;
    this.#sweeper = new Sweeper({
      get size() {
        return store.size;
      },
      get earliest() {
        return store.deadlines.earliest;
      },
      now: () => this.#now(),
      sweepOne: (now) => this.#sweepOne(now),
    }, sweepIntervalMs);
    this.#audience = new Audience(kind, this.#guard, onError);
    this.setAuditSink(audit);
  }

  /**
   * How many entries are held. Those among them that have expired are seen by nobody, and go with the next sweep; {@linkcode Fold.count} is
   * without them.
   */
  get size(): number {
    return this.#store.size;
  }

  /** How many changes there have been: the same as before if nothing has changed. */
  get version(): number {
    return this.#audience.version;
  }

  /** Whether the fold has been closed. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /** Whether there is an audit sink. */
  get hasAuditSink(): boolean {
    return this.#audience.hasSink;
  }

  /**
   * The time on the clock of the fold, by which entries expire. A clock that goes backwards stands still instead: what has expired stays so.
   */
  get now(): number {
    return this.#now();
  }

  /** The wall clock of the fold, in milliseconds since 1970: what kinds and snapshots go by. */
  get wallNow(): number {
    return this.#clock.wallNow();
  }

  /**
   * Takes note of an announcement. It is believed: who it is from, and whether it is of this kind, was checked before, as
   * {@linkcode FoldRegistry} does.
   *
   * @param announcement What was announced.
   * @returns What has become of it.
   * @throws {RangeError} If the generation is no positive integer, or the life is negative or no number.
   * @throws {TypeError} If the node is no text, the kind answers a key or a value of an index that is none, or the fold is being changed or read by
   * the code that calls this.
   * @throws {FoldClosedError} If the fold is closed.
   * @throws What a function of the kind throws. Nothing has changed then.
   *
   * @example Generations
   * ```ts
   * import { Fold, presenceKind } from "@weir/weir/fold";
   * import { assertEquals } from "@std/assert";
   *
   * using fold = new Fold(presenceKind());
   * const ada = { node: "n1", payload: { room: "lobby", user: "ada" } };
   * assertEquals(fold.apply({ ...ada, generation: 2 }).outcome, "inserted");
   * assertEquals(fold.apply({ ...ada, generation: 1 }).reason, "stale");
   * assertEquals(fold.apply({ ...ada, generation: 3, leave: true }).outcome, "left");
   * assertEquals(fold.apply({ ...ada, generation: 2 }).reason, "replayed");
   * ```
   */
  apply(announcement: FoldAnnouncement<P>): FoldResult {
    const action = "apply to Fold";
    this.#checkFree(action);
    const { node, generation, payload, leave, ttlMs = this.kind.defaultTtlMs } = announcement;
    try {
      checkSaid(action, node, generation, ttlMs, "generation", "ttlMs");
    } catch {
      this.#rejections.add("invalid");
      // Again, so that only what is wrong costs a text that says whose it is.
      const of = `of ${JSON.stringify(node)}`;
      checkSaid(action, node, generation, ttlMs, `generation ${of}`, `ttlMs ${of}`);
    }
    const key = this.#keyOf(action, node, payload);
    const lifeMs = Math.min(Math.max(ttlMs, this.#minTtlMs), this.maxTtlMs);
    if (lifeMs !== ttlMs) this.#counts.clamped++;
    const isEnd = leave === true;
    return this.#merge(action, key, announcement, node, generation, payload, isEnd, lifeMs, 0);
  }

  /**
   * Looks an entry up.
   *
   * @param key Its key.
   * @returns The entry; undefined if there is none that has not expired.
   */
  get(key: K): FoldEntry<K, P> | undefined {
    const slot = this.#live(key);
    return slot === NONE ? undefined : this.#store.entry(slot);
  }

  /**
   * Whether there is an entry.
   *
   * @param key Its key.
   * @returns Whether there is one that has not expired.
   */
  has(key: K): boolean {
    return this.#live(key) !== NONE;
  }

  /**
   * The highest generation that was seen of a key and is still known, whoever it was of: that of the entry, or of entries that are gone.
   *
   * @param key The key.
   * @returns The generation; 0 if there is none.
   */
  generationOf(key: K): number {
    const hash = this.#store.hash(key);
    const slot = this.#live(key);
    const remembered = this.#remembered.highest(key, hash, this.#now());
    return slot === NONE ? remembered : Math.max(remembered, this.#store.generationOf(slot));
  }

  /**
   * Finds entries.
   *
   * @param query Which ones; without it, all.
   * @returns The entries, in no order.
   * @throws {TypeError} If it names an index that the kind does not have, or is not of its type.
   * @throws {RangeError} If the limit is no integer from 0.
   * @throws What `where` throws.
   *
   * @example Two tags, one of two states
   * ```ts
   * import { capabilityKind, Fold } from "@weir/weir/fold";
   * import { assertEquals } from "@std/assert";
   *
   * using fold = new Fold(capabilityKind());
   * const announce = (node: string, tags: string[], state: "idle" | "busy") =>
   *   fold.apply({ node, generation: 1, payload: { class: "worker", tags, state } });
   * announce("n1", ["gpu", "cuda"], "idle");
   * announce("n2", ["gpu"], "idle");
   * announce("n3", ["gpu", "cuda"], "busy");
   *
   * const found = fold.query({ by: { tag: { all: ["gpu", "cuda"] }, state: ["idle", "reserved"] } });
   * assertEquals(found.map(({ node }) => node), ["n1"]);
   * ```
   */
  query(query: FoldQuery<K, P, I> = {}): FoldEntry<K, P>[] {
    this.#counts.queries++;
    return this.#list(query);
  }

  /**
   * Counts entries.
   *
   * @param query Which ones; without it, all.
   * @returns How many there are.
   * @throws What {@linkcode Fold.query} throws.
   */
  count(query: FoldQuery<K, P, I> = {}): number {
    this.#counts.queries++;
    let count = 0;
    this.#find(query, () => count++);
    return count;
  }

  /**
   * Counts entries by the values of an index. Those that have several count for each.
   *
   * @param by The name of the index.
   * @param query Which entries; without it, all.
   * @returns How many entries there are by each value.
   * @throws What {@linkcode Fold.query} throws.
   *
   * @example How many are idle
   * ```ts
   * import { capabilityKind, Fold } from "@weir/weir/fold";
   * import { assertEquals } from "@std/assert";
   *
   * using fold = new Fold(capabilityKind());
   * for (const [node, state] of [["n1", "idle"], ["n2", "busy"], ["n3", "idle"]] as const) {
   *   fold.apply({ node, generation: 1, payload: { class: "worker", tags: [], state } });
   * }
   * assertEquals(fold.countBy("state"), new Map([["idle", 2], ["busy", 1]]));
   * ```
   */
  countBy(by: I, query?: FoldQuery<K, P, I>): Map<FoldIndexValue, number>;
  /**
   * Counts entries by what a function says of them.
   *
   * @typeParam T What it is counted by.
   * @param by What answers a value for an entry.
   * @param query Which entries; without it, all.
   * @returns How many entries there are by each value.
   * @throws What {@linkcode Fold.query} throws, and what the function throws.
   */
  countBy<T>(
    by: (entry: FoldEntry<K, P>) => T,
    query?: FoldQuery<K, P, I>,
  ): Map<T, number>;
  countBy<T>(
    by: I | ((entry: FoldEntry<K, P>) => T),
    query: FoldQuery<K, P, I> = {},
  ): Map<T, number> {
    const counts = new Map<T, number>();
    this.#group(by, query, (value: T) => counts.set(value, (counts.get(value) ?? 0) + 1));
    return counts;
  }

  /**
   * Groups entries by the values of an index. Those that have several are in each group.
   *
   * @param by The name of the index.
   * @param query Which entries; without it, all.
   * @returns The entries by each value.
   * @throws What {@linkcode Fold.query} throws.
   */
  groupBy(by: I, query?: FoldQuery<K, P, I>): Map<FoldIndexValue, FoldEntry<K, P>[]>;
  /**
   * Groups entries by what a function says of them.
   *
   * @typeParam T What it is grouped by.
   * @param by What answers a value for an entry.
   * @param query Which entries; without it, all.
   * @returns The entries by each value.
   * @throws What {@linkcode Fold.query} throws, and what the function throws.
   */
  groupBy<T>(
    by: (entry: FoldEntry<K, P>) => T,
    query?: FoldQuery<K, P, I>,
  ): Map<T, FoldEntry<K, P>[]>;
  groupBy<T>(
    by: I | ((entry: FoldEntry<K, P>) => T),
    query: FoldQuery<K, P, I> = {},
  ): Map<T, FoldEntry<K, P>[]> {
    const groups = new Map<T, FoldEntry<K, P>[]>();
    this.#group(by, query, (value: T, entry) => {
      const group = groups.get(value);
      if (group === undefined) groups.set(value, [entry]);
      else group.push(entry);
    });
    return groups;
  }

  /**
   * The entries that a node has.
   *
   * @param node The node.
   * @returns Its entries, in no order.
   */
  byNode(node: string): FoldEntry<K, P>[] {
    return this.query({ node });
  }

  /**
   * The nodes that have entries. Costs O(nodes).
   *
   * @returns The nodes, in no order.
   */
  nodes(): string[] {
    const { owners } = this.#store;
    const now = this.#now();
    const nodes: string[] = [];
    for (let owner = owners.next(0); owner !== NONE; owner = owners.next(owner + 1)) {
      let slot = owners.firstOf(owner);
      while (slot !== NONE && this.#store.expiresAt(slot) <= now) slot = owners.nextOf(slot);
      if (slot !== NONE) nodes.push(owners.nodeAt(owner));
    }
    return nodes;
  }

  /**
   * Removes one entry. Its generation is remembered: only a later one brings it back.
   *
   * @param key Its key.
   * @param reason What watches and the audit are told.
   * @returns Whether there was one.
   * @throws {TypeError} If the fold is being changed or read by the code that calls this.
   * @throws {FoldClosedError} If the fold is closed.
   */
  evict(key: K, reason: string = "evicted"): boolean {
    this.#checkFree("evict from Fold");
    const slot = this.#live(key);
    if (slot === NONE) return false;
    this.#remove(slot, "evicted", reason, this.#lastNow);
    this.#sweeper.settle();
    return true;
  }

  /**
   * Removes all entries of a node, as when its connection is lost. Their generations are remembered: only later ones bring them back. Those may be
   * on their way: see {@linkcode FoldRegistry.settled}.
   *
   * @param node The node.
   * @param reason What watches and the audit are told.
   * @returns How many there were.
   * @throws {TypeError} If the fold is being changed or read by the code that calls this.
   * @throws {FoldClosedError} If the fold is closed.
   */
  evictNode(node: string, reason: string = "evicted"): number {
    this.#checkFree("evict from Fold");
    return this.#removeNode(node, "evicted", reason);
  }

  /**
   * Removes all entries of a node, because it says goodbye. Their generations are remembered: only later ones bring them back.
   *
   * @param node The node.
   * @param reason What watches and the audit are told.
   * @returns How many there were.
   * @throws {TypeError} If the fold is being changed or read by the code that calls this.
   * @throws {FoldClosedError} If the fold is closed.
   */
  leave(node: string, reason: string = "left"): number {
    this.#checkFree("leave Fold");
    return this.#removeNode(node, "left", reason);
  }

  /**
   * Removes all entries that have expired, at once. The fold does so by itself, in slices; this is for tests, and for folds whose
   * `sweepIntervalMs` is 0.
   *
   * @param now The time on the clock of the fold by which they have; without it, now. It moves no clock.
   * @returns How many there were.
   * @throws {RangeError} If the time is no number.
   * @throws {TypeError} If the fold is being changed or read by the code that calls this.
   */
  sweep(now: number = this.#now()): number {
    this.#checkFree("sweep Fold", true);
    if (Number.isNaN(now) || typeof now !== "number") {
      throw new RangeError(refusal("sweep Fold", "now must be a number", now));
    }
    const before = this.#counts.expired;
    while (this.#sweepOne(now));
    // What is remembered goes by the clock: a look into the future makes nobody forget.
    this.#remembered.sweep(this.#now(), Infinity);
    this.#sweeper.settle();
    return this.#counts.expired - before;
  }

  /**
   * Watches the fold from now on: first all entries that there are, then every change.
   *
   * @param options Which changes, how many may wait, and how long.
   * @returns What the changes are read from.
   * @throws {RangeError} If the capacity is no positive integer.
   * @throws {FoldClosedError} If the fold is closed.
   * @throws The reason of the signal, if that has aborted; what `where` throws.
   *
   * @example Printing who comes and goes
   * ```ts
   * import { Fold, presenceKind } from "@weir/weir/fold";
   * import { assertEquals } from "@std/assert";
   *
   * const fold = new Fold(presenceKind());
   * const seen: string[] = [];
   * const done = (async () => {
   *   for await (const change of fold.watch()) {
   *     if (change.type === "created") seen.push(`${change.entry.payload.user} came`);
   *     if (change.type === "left") seen.push(`${change.entry.payload.user} went`);
   *   }
   * })();
   * fold.apply({ node: "n1", generation: 1, payload: { room: "lobby", user: "ada" } });
   * fold.leave("n1");
   * fold.close();
   * await done;
   * assertEquals(seen, ["ada came", "ada went"]);
   * ```
   */
  watch(options: FoldWatchOptions<K, P> = {}): FoldWatch<K, P> {
    this.#checkOpen("watch Fold");
    if (options.where !== undefined) checkFunction("watch Fold", "where", options.where);
    return this.#audience.watch(options, {
      now: () => this.#now(),
      list: (where) => this.#list({ where }),
    });
  }

  /**
   * Waits until something has changed, however much: for whoever looks at all there is anyway.
   *
   * @param options What is known already, and cancellation of the wait.
   * @returns A promise of the version.
   * @throws {FoldClosedError} Rejects with it if the fold is closed.
   * @throws {RangeError} Rejects with it if `since` is no integer.
   * @throws Rejects with the reason of the signal.
   */
  changed(options: FoldChangedOptions = {}): Promise<number> {
    const { since = this.version, signal } = options;
    if (!Number.isSafeInteger(since)) {
      const requirement = "since must be an integer";
      return Promise.reject(new RangeError(refusal("wait for Fold", requirement, since)));
    }
    return this.#audience.wait(since, signal, () => this.#closedError("wait for Fold"));
  }

  /**
   * Takes a snapshot of what there is.
   *
   * @returns The entries that have not expired with what they have yet to live, and the generations that are remembered.
   */
  snapshot(): FoldSnapshot<P> {
    const now = this.#now();
    const entries = this.#list({}).map(
      ({ node, generation, payload, receivedAt, expiresAt }) => ({
        node,
        generation,
        payload,
        ageMs: Math.max(0, now - receivedAt),
        remainingMs: expiresAt - now,
      }),
    );
    const remembered = this.#remembered.list(now).map(
      ({ key, node, generation, until }) => ({ key, node, generation, remainingMs: until - now }),
    );
    this.#counts.snapshots++;
    return { kind: this.kind.id, takenAtMs: this.wallNow, entries, remembered };
  }

  /**
   * Restores a snapshot, whose entries have aged by the time since it was taken; those that have expired in between are left out. If the
   * wall clock has gone backwards since, no time has passed.
   *
   * Watches are told to resync; where entries are merged, of each of them. Entries that were announced since win as they always do: by their
   * generation. What has ended since it was taken, as far as the fold remembers, stays out, unless it replaces what there is.
   *
   * @param snapshot The snapshot. It is believed, and must come from where nobody else writes.
   * @param options What to do if the fold has entries.
   * @returns How many entries were restored.
   * @throws {FoldSnapshotError} If the fold has entries and nothing was said of that, or the snapshot is of another kind, is damaged, or has more
   * than there is room for. Nothing has changed then.
   * @throws {TypeError} If the fold is being changed or read by the code that calls this.
   * @throws {FoldClosedError} If the fold is closed.
   *
   * @example Starting where another fold ended
   * ```ts
   * import { Fold, presenceKind } from "@weir/weir/fold";
   * import { assertEquals } from "@std/assert";
   *
   * using before = new Fold(presenceKind());
   * before.apply({ node: "n1", generation: 1, payload: { room: "lobby", user: "ada" } });
   *
   * using after = new Fold(presenceKind());
   * assertEquals(after.restore(before.snapshot()), 1);
   * assertEquals(after.query({ by: { user: "ada" } }).length, 1);
   * ```
   */
  restore(snapshot: FoldSnapshot<P>, options: FoldRestoreOptions = {}): number {
    const action = "restore Fold";
    this.#checkFree(action);
    const { over = "refuse" } = options;
    if (over !== "refuse" && over !== "replace" && over !== "merge") {
      throw new TypeError(refusal(action, 'over must be "refuse", "replace" or "merge"', over));
    }
    const now = this.#now();
    let held = 0;
    if (over === "refuse") this.#find({}, () => held++);
    if (held > 0) {
      const message =
        `fold has ${held} entries already; over: "replace" or "merge" says what to do`;
      throw new FoldSnapshotError(`Cannot ${action}: ${message}`);
    }
    const rows = this.#guard.run(() =>
      checkRows(this.kind, snapshot, {
        read: (payload) => this.#readIndexes(action, payload),
        maxIndexValues: this.#maxIndexValues,
        nowMs: this.wallNow,
        maxEntries: this.#maxEntries,
        maxEntriesPerNode: this.#maxEntriesPerNode,
      })
    );
    let restored = 0;
    if (over === "merge") {
      for (const { key, entry, ageMs, leftMs } of rows.entries) {
        const { node, generation, payload } = entry;
        const result = this.#merge(
          action,
          key as K,
          { node, generation, payload },
          node,
          generation,
          payload,
          false,
          Math.min(leftMs, this.maxTtlMs),
          ageMs,
        );
        if (result.outcome !== "rejected") restored++;
      }
    } else {
      this.#clear(now);
      for (const row of rows.entries) {
        if (over === "refuse" && this.#isOver(row, now)) continue;
        this.#put(row, now);
        restored++;
      }
      this.#audience.change();
      // Whatever a watch has been told may not be true any more.
      this.#audience.reset(1);
    }
    for (const { key, node, generation, leftMs } of rows.remembered) {
      const hash = this.#store.hash(key as K);
      const slot = this.#store.find(key as K, hash);
      if (slot !== NONE && this.#store.isOf(slot, node)) continue;
      this.#remembered.addUntil(key, hash, node, generation, now + leftMs, now);
    }
    this.#counts.restores++;
    this.#sweeper.settle();
    return restored;
  }

  /**
   * Sets, replaces or takes away the audit sink.
   *
   * @param sink The sink; undefined for none.
   * @throws {TypeError} If it is none.
   */
  setAuditSink(sink: FoldAuditSink | undefined): void {
    this.#audience.setSink(sink);
  }

  /** How it is doing. Costs O(reasons of rejections). */
  stats(): FoldStats {
    const { inserted, replaced, left } = this.#counts;
    const rejected = this.#rejections.total;
    return {
      kind: this.kind.id,
      name: this.kind.name,
      entries: this.#store.size,
      nodes: this.#store.owners.size,
      remembered: this.#remembered.size,
      watches: this.#audience.watches,
      applied: inserted + replaced + left + rejected,
      ...this.#counts,
      rejected,
      rejections: this.#rejections.byReason(),
      forgotten: this.#remembered.forgotten,
      missed: this.#audience.missed,
      hasAuditSink: this.hasAuditSink,
      auditErrors: this.#audience.auditErrors,
    };
  }

  /**
   * Closes the fold: nothing changes any more, watches end, and no timer is left. What it holds can still be read until it expires. Closing again
   * does nothing.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sweeper.stop();
    this.#audience.close();
  }

  /** Closes the fold. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the fold. Waits for nobody. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Asks the kind for a key, as `Guard.run` would, but without a function for each announcement. */
  #keyOf(action: string, node: string, payload: P): K {
    const guard = this.#guard;
    guard.isBusy = true;
    try {
      const key = this.kind.key(node, payload);
      checkKey(action, key);
      return key;
    } finally {
      guard.isBusy = false;
    }
  }

  #now(): number {
    const now = this.#clock.now();
    return now > this.#lastNow ? this.#lastNow = now : this.#lastNow;
  }

  /** The slot of an entry that has not expired. */
  #live(key: K): number {
    if (this.#store.size === 0) return NONE;
    const slot = this.#store.find(key, this.#store.hash(key));
    return slot === NONE || this.#store.expiresAt(slot) <= this.#now() ? NONE : slot;
  }

  /** What was checked of an announcement comes beside it: it might say something else when it is asked again. */
  #merge(
    action: string,
    key: K,
    announcement: FoldAnnouncement<P>,
    node: string,
    generation: number,
    payload: P,
    leave: boolean,
    lifeMs: number,
    ageMs: number,
  ): FoldResult {
    const store = this.#store;
    const now = this.#now();
    const hash = store.hash(key);
    let slot = store.find(key, hash);
    if (slot !== NONE && store.expiresAt(slot) <= now) {
      this.#remove(slot, "expired", "expired", now);
      this.#sweeper.settle();
      slot = NONE;
    }
    const isOwner = slot !== NONE && store.isOf(slot, node);
    let reason: string | undefined;
    if (isOwner) {
      if (generation <= store.generationOf(slot)) reason = "stale";
    } else if (generation <= this.#remembered.generationOf(key, hash, node, now)) {
      reason = "replayed";
    }
    if (reason === undefined && leave) {
      if (isOwner) this.#remove(slot, "left", "left", now);
      this.#remembered.add(key, hash, node, generation, now);
      this.#counts.left++;
      this.#sweeper.settle();
      return LEFT;
    }
    if (reason === undefined) {
      reason = this.#ask(action, key, hash, slot, isOwner, announcement, node, generation, payload);
    }
    if (reason !== undefined) {
      this.#rejections.add(reason);
      if (this.#audience.hasSink) {
        const existing = slot === NONE ? undefined : store.entry(slot);
        const incoming = { ...announcement, node, generation, payload };
        this.#audience.record({ type: "rejected", key, existing, incoming, reason });
      }
      return { outcome: "rejected", reason };
    }

    const receivedAt = now - ageMs;
    const expiresAt = Math.ceil(now + lifeMs);
    const isHeard = this.#audience.isListening;
    if (!isOwner) this.#remembered.delete(key, hash, node);
    if (slot === NONE) {
      slot = store.insert(key, hash, node, generation, payload, receivedAt, expiresAt, now);
      this.#counts.inserted++;
      this.#sweeper.expect(expiresAt);
      this.#audience.change();
      if (isHeard) this.#audience.tell({ type: "created", key, entry: store.entry(slot) });
      return INSERTED;
    }
    const previous = isHeard ? store.entry(slot) : undefined;
    if (!isOwner) {
      this.#rememberAt(slot, now);
      store.give(slot, node);
    }
    store.refresh(slot, generation, payload, receivedAt, expiresAt, now);
    this.#counts.replaced++;
    this.#sweeper.expect(expiresAt);
    this.#audience.change();
    if (previous !== undefined) {
      this.#audience.tell({ type: "replaced", key, entry: store.entry(slot), previous });
    }
    return REPLACED;
  }

  /** Asks the kind, and then the bounds, why an announcement is rejected; undefined if it is not. What the indexes will need is read then. */
  #ask(
    action: string,
    key: K,
    hash: number,
    slot: number,
    isOwner: boolean,
    announcement: FoldAnnouncement<P>,
    node: string,
    generation: number,
    payload: P,
  ): string | undefined {
    const store = this.#store;
    const now = this.#lastNow;
    if (this.kind.merge !== undefined) {
      const existing = slot === NONE ? undefined : store.entry(slot);
      const remembered = this.#remembered.highest(key, hash, now);
      const answer = this.#guard.run(() => {
        const incoming = { ...announcement, node, generation, payload };
        return this.kind.merge!(existing, incoming, { nowMs: this.wallNow, remembered });
      });
      if (answer !== "insert" && answer !== "replace") {
        if (typeof answer?.reject === "string") return answer.reject;
        const requirement = 'merge must answer "insert", "replace" or { reject: reason }';
        throw new TypeError(refusal(action, requirement, answer));
      }
      if ((answer === "insert") !== (slot === NONE)) return "merge";
    } else if (slot !== NONE && !isOwner) {
      const existing = store.generationOf(slot);
      const owner = store.owners.nodeAt(store.ownerOf(slot));
      if (generation < existing || (generation === existing && node < owner)) return "stale";
    }
    if (slot === NONE && this.#isFull(now)) return "full";
    if (!isOwner && this.#isNodeFull(node, now)) return "node-full";
    if (store.indexes !== undefined) {
      if (this.#readIndexes(action, payload) > this.#maxIndexValues) return "index-full";
    }
    // Whoever was asked may have closed it.
    if (this.#isClosed) throw this.#closedError(action);
    return undefined;
  }

  /** Asks the indexes about a payload, and answers how many values it has. */
  #readIndexes(action: string, payload: P): number {
    const { indexes } = this.#store;
    return indexes === undefined ? 0 : this.#guard.run(() => indexes.read(action, payload));
  }

  #isFull(now: number): boolean {
    if (this.#store.size < this.#maxEntries) return false;
    return !this.#makeRoom(now, () => this.#store.size < this.#maxEntries);
  }

  #isNodeFull(node: string, now: number): boolean {
    const { owners } = this.#store;
    if (this.#maxEntriesPerNode > this.#store.size) return false;
    const hasRoom = (): boolean => owners.countOf(owners.find(node)) < this.#maxEntriesPerNode;
    return !this.#makeRoom(now, hasRoom);
  }

  /** Removes what is due until there is room, but not more than an announcement can wait for; whether there is room then. */
  #makeRoom(now: number, hasRoom: () => boolean): boolean {
    for (let steps = 0; !hasRoom(); steps++) {
      if (steps === MAX_ROOM_STEPS || !this.#sweepOne(now)) return false;
    }
    return true;
  }

  /** Whether an entry that is to be restored has ended since. */
  #isOver({ key, entry: { node, generation } }: RestoredRow<P>, now: number): boolean {
    const hash = this.#store.hash(key as K);
    return generation <= this.#remembered.generationOf(key, hash, node, now);
  }

  /** Adds an entry that is restored. */
  #put({ key, entry, ageMs, leftMs }: RestoredRow<P>, now: number): void {
    const { node, generation, payload } = entry;
    const expiresAt = Math.ceil(now + Math.min(leftMs, this.maxTtlMs));
    const hash = this.#store.hash(key as K);
    this.#store.indexes?.read("restore Fold", payload);
    this.#remembered.delete(key, hash, node);
    this.#store.insert(key as K, hash, node, generation, payload, now - ageMs, expiresAt, now);
    this.#sweeper.expect(expiresAt);
  }

  /** Removes everything, and tells nobody. What was there is remembered, so that nothing older comes back. */
  #clear(now: number): void {
    const store = this.#store;
    for (let slot = store.next(0); slot !== NONE; slot = store.next(slot + 1)) {
      this.#rememberAt(slot, now);
      store.remove(slot, false);
    }
  }

  #rememberAt(slot: number, now: number): void {
    const store = this.#store;
    const node = store.owners.nodeAt(store.ownerOf(slot));
    const generation = store.generationOf(slot);
    this.#remembered.add(store.keyOf(slot), store.hashOf(slot), node, generation, now);
  }

  #remove(
    slot: number,
    type: "evicted" | "left" | "expired",
    reason: string,
    now: number,
    isDue: boolean = false,
  ): void {
    const store = this.#store;
    const isHeard = this.#audience.isListening;
    const entry = isHeard ? store.entry(slot) : undefined;
    const key = store.keyOf(slot);
    this.#rememberAt(slot, now);
    store.remove(slot, isDue);
    if (type === "expired") this.#counts.expired++;
    else if (type === "evicted") this.#counts.evicted++;
    else this.#counts.departed++;
    this.#audience.change();
    if (entry !== undefined) this.#audience.tell({ type, key, entry, reason });
  }

  #removeNode(node: string, type: "evicted" | "left", reason: string): number {
    const { owners } = this.#store;
    const now = this.#now();
    let removed = 0;
    let slot = owners.firstOf(owners.find(node));
    while (slot !== NONE) {
      const next = owners.nextOf(slot);
      if (this.#store.expiresAt(slot) <= now) this.#remove(slot, "expired", "expired", now);
      else {
        this.#remove(slot, type, reason, now);
        removed++;
      }
      slot = next;
    }
    this.#sweeper.settle();
    return removed;
  }

  /** Does one thing of what there is to do by a time; false if there is nothing. */
  #sweepOne(now: number): boolean {
    const slot = this.#store.deadlines.step(now);
    if (slot === NOTHING_DUE) return false;
    if (slot !== MOVED) this.#remove(slot, "expired", "expired", this.#lastNow, true);
    return true;
  }

  #find(
    query: FoldQuery<K, P, I>,
    visit: (slot: number, entry: FoldEntry<K, P> | undefined) => void,
  ): void {
    const now = this.#now();
    this.#guard.run(() => find(this.#store, query as FoldQuery<K, P>, now, visit));
  }

  #list(query: FoldQuery<K, P, I>): FoldEntry<K, P>[] {
    const entries: FoldEntry<K, P>[] = [];
    this.#find(query, (slot, entry) => entries.push(entry ?? this.#store.entry(slot)));
    return entries;
  }

  #group<T>(
    by: I | ((entry: FoldEntry<K, P>) => T),
    query: FoldQuery<K, P, I>,
    add: (value: T, entry: FoldEntry<K, P>) => void,
  ): void {
    this.#counts.queries++;
    if (typeof by === "function") {
      return this.#find(query, (slot, found) => {
        const entry = found ?? this.#store.entry(slot);
        add(by(entry), entry);
      });
    }
    const { indexes } = this.#store;
    if (!indexes?.has(by)) {
      throw new TypeError(refusal("group Fold", "by must be a function or name an index", by));
    }
    this.#find(query, (slot, found) => {
      const entry = found ?? this.#store.entry(slot);
      for (const value of indexes.valuesOf(slot, by)) add(value as T, entry);
    });
  }

  #checkFree(action: string, mayBeClosed: boolean = false): void {
    this.#guard.check(action);
    if (this.#isClosed && !mayBeClosed) throw this.#closedError(action);
  }

  #checkOpen(action: string): void {
    if (this.#isClosed) throw this.#closedError(action);
  }

  #closedError(action: string): FoldClosedError {
    return new FoldClosedError(`Cannot ${action}: fold of ${this.kind.name} is closed`);
  }
}

/** Throws unless an announcement says who it is from, which one it is, and how long it holds. */
function checkSaid(
  action: string,
  node: string,
  generation: number,
  ttlMs: number,
  generationName: string,
  ttlName: string,
): void {
  checkText(action, "node", node);
  checkInteger(action, generationName, generation, 1);
  checkMs(action, ttlName, ttlMs, 0);
}
