import {
  type FoldAnnouncement,
  type FoldDelta,
  type FoldEntry,
  type FoldIndexValue,
  type FoldKey,
  type FoldKind,
  type FoldQuery,
  type FoldRestoreOptions,
  type FoldResult,
  type FoldSnapshot,
  FoldSnapshotError,
  type FoldTransition,
} from "../../fold/mod.ts";
import { isFit } from "./_conditions.ts";

/** The bounds of a fold. */
export interface NaiveBounds {
  readonly maxEntries: number;
  readonly maxEntriesPerNode: number;
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  readonly rememberMs: number;
  readonly maxRemembered: number;
}

/** A generation that is remembered. */
interface Generation {
  readonly key: FoldKey;
  readonly node: string;
  readonly generation: number;
  readonly until: number;
}

/** The contract of a fold, written down with one Map, that is gone through for everything. */
export class NaiveFold<P> {
  /** All entries, and among them those that have expired and that nobody has removed. */
  readonly entries: Map<FoldKey, FoldEntry<FoldKey, P>> = new Map();
  /** What is remembered, oldest first. */
  readonly remembered: Map<string, Generation> = new Map();
  /** What has happened since somebody emptied it. */
  happened: FoldTransition<FoldKey, P>[] = [];
  /** Which of several entries goes first, where the contract does not say. */
  choose: (among: FoldEntry<FoldKey, P>[]) => FoldEntry<FoldKey, P> = ([first]) => first!;
  version = 0;
  wallNow = 0;
  forgotten = 0;
  readonly counts = {
    inserted: 0,
    replaced: 0,
    left: 0,
    rejected: 0,
    expired: 0,
    evicted: 0,
    departed: 0,
    clamped: 0,
    snapshots: 0,
    restores: 0,
  };
  readonly rejections: Record<string, number> = {};
  readonly #kind: FoldKind<FoldKey, P, string>;
  readonly #bounds: NaiveBounds;
  #now = -Infinity;

  constructor(kind: FoldKind<FoldKey, P, string>, bounds: NaiveBounds) {
    this.#kind = kind;
    this.#bounds = bounds;
  }

  /** The time, that does not go backwards. */
  get now(): number {
    return this.#now;
  }

  set now(now: number) {
    this.#now = Math.max(now, this.#now);
  }

  apply(announcement: FoldAnnouncement<P>): FoldResult {
    const { node, generation, payload, ttlMs = this.#kind.defaultTtlMs } = announcement;
    if (node === "" || !(generation >= 1) || !(ttlMs >= 0)) {
      this.#count("invalid");
      throw new Error("an announcement that is none");
    }
    const { minTtlMs, maxTtlMs } = this.#bounds;
    const lifeMs = Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs);
    if (lifeMs !== ttlMs) this.counts.clamped++;
    return this.#merge(this.#kind.key(node, payload), announcement, lifeMs, 0);
  }

  get(key: FoldKey): FoldEntry<FoldKey, P> | undefined {
    const entry = this.entries.get(key);
    return entry !== undefined && entry.expiresAt > this.now ? entry : undefined;
  }

  query(query: FoldQuery<FoldKey, P> = {}): FoldEntry<FoldKey, P>[] {
    const { by = {}, node, where } = query;
    return [...this.entries.values()].filter((entry) =>
      entry.expiresAt > this.now && (node === undefined || entry.node === node) &&
      Object.entries(by).every(([name, condition]) =>
        isFit(this.valuesOf(name, entry.payload), condition)
      ) &&
      (where === undefined || where(entry))
    );
  }

  countBy(name: string, query: FoldQuery<FoldKey, P> = {}): Map<FoldIndexValue, number> {
    const counts = new Map<FoldIndexValue, number>();
    for (const { payload } of this.query(query)) {
      for (const value of this.valuesOf(name, payload)) {
        counts.set(value, (counts.get(value) ?? 0) + 1);
      }
    }
    return counts;
  }

  nodes(): string[] {
    return [...new Set(this.query().map(({ node }) => node))];
  }

  /** The values that a payload has in an index. */
  valuesOf(name: string, payload: P): FoldIndexValue[] {
    const answer = this.#kind.indexes![name]!(payload);
    if (answer === undefined || answer === null) return [];
    return typeof answer === "object" ? [...new Set(answer)] : [answer];
  }

  evict(key: FoldKey, reason = "evicted"): boolean {
    const entry = this.get(key);
    if (entry !== undefined) this.#remove(entry, "evicted", reason);
    return entry !== undefined;
  }

  evictNode(node: string, reason = "evicted"): number {
    return this.#removeNode(node, "evicted", reason);
  }

  leave(node: string, reason = "left"): number {
    return this.#removeNode(node, "left", reason);
  }

  sweep(now: number = this.now): number {
    let removed = 0;
    for (let due; (due = this.#firstDue(now)) !== undefined; removed++) {
      this.#remove(due, "expired", "expired");
    }
    return removed;
  }

  snapshot(): FoldSnapshot<P> {
    this.counts.snapshots++;
    return {
      kind: this.#kind.id,
      takenAtMs: this.wallNow,
      entries: this.query().map(({ node, generation, payload, receivedAt, expiresAt }) => ({
        node,
        generation,
        payload,
        ageMs: Math.max(0, this.now - receivedAt),
        remainingMs: expiresAt - this.now,
      })),
      remembered: [...this.remembered.values()].filter(({ until }) => until > this.now)
        .map(({ key, node, generation, until }) => {
          return { key, node, generation, remainingMs: until - this.now };
        }),
    };
  }

  restore(snapshot: FoldSnapshot<P>, { over = "refuse" }: FoldRestoreOptions = {}): number {
    if (over === "refuse" && this.query().length > 0) throw new FoldSnapshotError("entries");
    const downMs = Math.max(0, this.wallNow - snapshot.takenAtMs);
    const rows = snapshot.entries.map((row) => ({ ...row, leftMs: row.remainingMs - downMs }))
      .filter(({ leftMs }) => leftMs > 0);
    let restored = 0;
    if (over !== "merge") {
      for (const entry of this.entries.values()) this.#rememberEntry(entry);
      this.entries.clear();
      this.version++;
    }
    for (const { node, generation, payload, ageMs, leftMs } of rows) {
      const key = this.#kind.key(node, payload);
      const lifeMs = Math.min(leftMs, this.#bounds.maxTtlMs);
      if (over === "merge") {
        const announcement = { node, generation, payload };
        const { outcome } = this.#merge(key, announcement, lifeMs, ageMs + downMs);
        if (outcome === "rejected") continue;
      } else {
        // Over nothing, what has ended since does not come back; "replace" is for who wants it to.
        if (over === "refuse" && generation <= this.#generationOf(key, node)) continue;
        const expiresAt = Math.ceil(this.now + lifeMs);
        const receivedAt = this.now - (ageMs + downMs);
        this.remembered.delete(nameOf(key, node));
        this.entries.set(key, { key, payload, node, generation, receivedAt, expiresAt });
      }
      restored++;
    }
    for (const { key, node, generation, remainingMs } of snapshot.remembered) {
      const leftMs = remainingMs - downMs;
      if (leftMs <= 0 || this.entries.get(key)?.node === node) continue;
      this.#remember({ key, node, generation, until: this.now + leftMs });
    }
    this.counts.restores++;
    return restored;
  }

  /** How many generations are remembered that are not over. */
  get rememberedNow(): number {
    return [...this.remembered.values()].filter(({ until }) => until > this.now).length;
  }

  #merge(
    key: FoldKey,
    announcement: FoldAnnouncement<P>,
    lifeMs: number,
    ageMs: number,
  ): FoldResult {
    const { node, generation, payload } = announcement;
    const { now } = this;
    let existing = this.entries.get(key);
    if (existing !== undefined && existing.expiresAt <= now) {
      this.#remove(existing, "expired", "expired");
      existing = undefined;
    }
    const isOwner = existing?.node === node;
    if (isOwner && generation <= existing!.generation) return this.#reject("stale", announcement);
    if (!isOwner && generation <= this.#generationOf(key, node)) {
      return this.#reject("replayed", announcement);
    }
    if (announcement.leave === true) {
      if (isOwner) this.#remove(existing!, "left", "left");
      this.#remember({ key, node, generation, until: now + this.#bounds.rememberMs });
      this.counts.left++;
      return { outcome: "left" };
    }
    const reason = this.#decide(key, existing, announcement);
    if (reason !== undefined) return this.#reject(reason, announcement);

    const expiresAt = Math.ceil(now + lifeMs);
    const entry = { key, payload, node, generation, receivedAt: now - ageMs, expiresAt };
    if (!isOwner) this.remembered.delete(nameOf(key, node));
    if (existing === undefined) {
      this.entries.set(key, entry);
      this.counts.inserted++;
      this.#tell({ type: "created", key, entry });
      return { outcome: "inserted" };
    }
    if (!isOwner) this.#rememberEntry(existing);
    this.entries.set(key, entry);
    this.counts.replaced++;
    this.#tell({ type: "replaced", key, entry, previous: existing });
    return { outcome: "replaced" };
  }

  /** Why an announcement of the right generation is rejected. */
  #decide(
    key: FoldKey,
    existing: FoldEntry<FoldKey, P> | undefined,
    announcement: FoldAnnouncement<P>,
  ): string | undefined {
    const { node, generation } = announcement;
    const { maxEntries, maxEntriesPerNode } = this.#bounds;
    const isOwner = existing?.node === node;
    if (this.#kind.merge !== undefined) {
      const generations = [...this.remembered.values()]
        .filter((one) => one.key === key && one.until > this.now).map((one) => one.generation);
      const context = { nowMs: this.wallNow, remembered: Math.max(0, ...generations) };
      const answer = this.#kind.merge(existing, announcement, context);
      if (typeof answer === "object") return answer.reject;
      if ((answer === "insert") !== (existing === undefined)) return "merge";
    } else if (existing !== undefined && !isOwner) {
      if (generation < existing.generation) return "stale";
      if (generation === existing.generation && node < existing.node) return "stale";
    }
    if (existing === undefined && this.entries.size >= maxEntries) {
      const due = this.#firstDue(this.now);
      if (due === undefined) return "full";
      this.#remove(due, "expired", "expired");
    }
    const own = (): number => [...this.entries.values()].filter((one) => one.node === node).length;
    while (!isOwner && own() >= maxEntriesPerNode) {
      const due = this.#firstDue(this.now);
      if (due === undefined) return "node-full";
      this.#remove(due, "expired", "expired");
    }
    return undefined;
  }

  #reject(reason: string, incoming: FoldAnnouncement<P>): FoldResult {
    this.#count(reason);
    const key = this.#kind.key(incoming.node, incoming.payload);
    this.happened.push({ type: "rejected", key, existing: this.get(key), incoming, reason });
    return { outcome: "rejected", reason };
  }

  #count(reason: string): void {
    this.rejections[reason] = (this.rejections[reason] ?? 0) + 1;
    this.counts.rejected++;
  }

  /** The entry whose deadline was first, of those that are over. */
  #firstDue(now: number): FoldEntry<FoldKey, P> | undefined {
    const due = [...this.entries.values()].filter(({ expiresAt }) => expiresAt <= now);
    const first = Math.min(...due.map(({ expiresAt }) => expiresAt));
    return due.length === 0
      ? undefined
      : this.choose(due.filter(({ expiresAt }) => expiresAt === first));
  }

  #removeNode(node: string, type: "evicted" | "left", reason: string): number {
    const left = [...this.entries.values()].filter((entry) => entry.node === node);
    let removed = 0;
    while (left.length > 0) {
      const entry = this.choose(left);
      left.splice(left.indexOf(entry), 1);
      if (entry.expiresAt <= this.now) this.#remove(entry, "expired", "expired");
      else {
        this.#remove(entry, type, reason);
        removed++;
      }
    }
    return removed;
  }

  #remove(
    entry: FoldEntry<FoldKey, P>,
    type: "evicted" | "left" | "expired",
    reason: string,
  ): void {
    const { key } = entry;
    this.entries.delete(key);
    this.#rememberEntry(entry);
    this.counts[type === "left" ? "departed" : type]++;
    this.#tell({ type, key, entry, reason });
  }

  #tell(delta: FoldDelta<FoldKey, P>): void {
    this.version++;
    this.happened.push(delta);
  }

  #generationOf(key: FoldKey, node: string): number {
    const remembered = this.remembered.get(nameOf(key, node));
    return remembered !== undefined && remembered.until > this.now ? remembered.generation : 0;
  }

  #rememberEntry({ key, node, generation }: FoldEntry<FoldKey, P>): void {
    this.#remember({ key, node, generation, until: this.now + this.#bounds.rememberMs });
  }

  #remember(generation: Generation): void {
    const { rememberMs, maxRemembered, maxEntriesPerNode } = this.#bounds;
    if (rememberMs === 0 || maxRemembered === 0) return;
    const name = nameOf(generation.key, generation.node);
    if (this.#generationOf(generation.key, generation.node) > generation.generation) return;
    this.remembered.delete(name);
    for (const [name, { until }] of this.remembered) {
      if (until <= this.now) this.remembered.delete(name);
    }
    const own = [...this.remembered].filter(([, { node }]) => node === generation.node);
    if (own.length >= maxEntriesPerNode) {
      this.remembered.delete(own[0]![0]);
      this.forgotten++;
    }
    if (this.remembered.size === maxRemembered) {
      this.remembered.delete(this.remembered.keys().next().value!);
      this.forgotten++;
    }
    this.remembered.set(name, generation);
  }
}

function nameOf(key: FoldKey, node: string): string {
  return `${typeof key} ${key} of ${node}`;
}
