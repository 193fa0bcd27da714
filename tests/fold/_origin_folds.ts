import {
  Fold,
  type FoldAnnouncement,
  type FoldEntry,
  type FoldKey,
  foldKey,
  type FoldKind,
  type FoldOptions,
} from "../../fold/mod.ts";

/** The time, as a test has set it last. */
export interface ManualClock {
  /** What entries expire by. */
  ms: number;
  /** What snapshots and leases go by, in milliseconds since 1970. */
  wallMs: number;
}

/** A fold that is swept when a test says so, on a clock that stands still. */
export function manual<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  options: FoldOptions = {},
  clock: ManualClock = { ms: 1_000, wallMs: 1_700_000_000_000 },
): { readonly fold: Fold<K, P, I>; readonly clock: ManualClock } {
  const fold = new Fold(kind, {
    sweepIntervalMs: 0,
    clock: { now: () => clock.ms, wallNow: () => clock.wallMs },
    ...options,
  });
  return { fold, clock };
}

/** The keys of entries, in order: a query says nothing of that. */
export function keysOf<K extends FoldKey>(entries: readonly FoldEntry<K>[]): K[] {
  return entries.map(({ key }) => key).sort();
}

/** What a node can do, in one class of work. */
export interface Cap {
  readonly class: string;
  readonly tags: readonly string[];
}

/** The kind that most tests of the origin fold: a node writes nothing but its own entries. */
export function capKind(id: number = 0x0f00): FoldKind<string, Cap, "tag"> {
  return {
    id,
    name: "cap",
    defaultTtlMs: 60_000,
    key: (node, payload) => foldKey(payload.class, node),
    indexes: { tag: ({ tags }) => tags },
  };
}

/** The key of what a node can do in the class of {@linkcode cap}. */
export function capKey(node: string): string {
  return foldKey("c", node);
}

/** What a node announces of its one class. */
export function cap(
  node: string,
  generation: number,
  tags: readonly string[] = [],
  ttlMs?: number,
): FoldAnnouncement<Cap> {
  return { node, generation, payload: { class: "c", tags }, ttlMs };
}

/** A way to somewhere, for a kind whose merge is its own. */
export interface TestRoute {
  readonly to: string;
  readonly metric: number;
}

/** One entry for a destination; of several nodes, the one with the lower metric has it. */
export function routingTestKind(): FoldKind<string, TestRoute> {
  return {
    id: 0x0f01,
    name: "routing test",
    defaultTtlMs: 60_000,
    key: (_node, { to }) => to,
    merge: (existing, { payload }) => {
      if (existing === undefined) return "insert";
      return payload.metric < existing.payload.metric ? "replace" : { reject: "worse" };
    },
  };
}

/** Says of its transitions what it likes to: nothing of rejections, and a word of its own for a change of the tags. */
export function auditingKind(): FoldKind<string, Cap, "tag"> {
  return {
    ...capKind(0x0f02),
    audit: (transition) => {
      const { type, key } = transition;
      if (type === "rejected") return undefined;
      const isRetagged = type === "replaced" &&
        transition.entry.payload.tags.join() !== transition.previous.payload.tags.join();
      return { type: isRetagged ? "retagged" : type, key };
    },
  };
}
