import { foldKey, type FoldKind } from "../kind.ts";
import { checkOneOf, checkTextField, checkTexts, fieldsOf } from "./_check.ts";

/** How busy somebody is. */
export type CapabilityState = "idle" | "busy" | "reserved" | "faulty";

const STATES: readonly CapabilityState[] = ["idle", "busy", "reserved", "faulty"];

/**
 * What a node can do.
 *
 * @typeParam M What else there is to say.
 */
export interface Capability<M = unknown> {
  /** What sort of work it is: a node has one entry of each. */
  readonly class: string;
  /** What it is good for. */
  readonly tags: readonly string[];
  /** How busy it is. */
  readonly state: CapabilityState;
  /** Where it is. */
  readonly region?: string | undefined;
  /** Anything else: hardware, versions, a price. */
  readonly meta?: M | undefined;
}

/**
 * The kind of what nodes can do.
 *
 * @typeParam M What else there is to say.
 */
export type CapabilityKind<M = unknown> = FoldKind<
  string,
  Capability<M>,
  "class" | "tag" | "state" | "region"
>;

/** Options of {@linkcode capabilityKind}. */
export interface CapabilityKindOptions {
  /**
   * How long somebody can do what he does not announce again, in milliseconds.
   *
   * @default {60_000}
   */
  readonly ttlMs?: number | undefined;
}

/**
 * Makes the kind of what nodes can do. A node writes nothing but its own entries. Its indexes are `class`, `tag`, `state` and `region`; an entry
 * without a region is in none.
 *
 * | there is | announced by the same node | outcome |
 * | --- | --- | --- |
 * | nothing | | inserted |
 * | an entry | with a higher generation | replaced |
 * | an entry | with the same or a lower generation | rejected: `"stale"` |
 *
 * **Converges**: each key has one writer, so nodes that have seen the same announcements, in whatever order, hold the same entries.
 *
 * @typeParam M What else there is to say.
 * @param options How long an entry lives.
 * @returns The kind; its id is 1.
 *
 * @example Who is idle and has enough memory
 * ```ts
 * import { capabilityKind, Fold } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * using fold = new Fold(capabilityKind<{ memoryGb: number }>());
 * for (const [node, memoryGb] of [["n1", 16], ["n2", 64]] as const) {
 *   const payload = { class: "render", tags: ["gpu"], state: "idle", region: "eu", meta: { memoryGb } } as const;
 *   fold.apply({ node, generation: 1, payload });
 * }
 * const found = fold.query({
 *   by: { tag: "gpu", state: "idle", region: ["eu", "us"] },
 *   where: ({ payload }) => payload.meta!.memoryGb >= 32,
 * });
 * assertEquals(found.map(({ node }) => node), ["n2"]);
 * assertEquals(fold.countBy("region", { by: { state: "idle" } }), new Map([["eu", 2]]));
 * ```
 */
export function capabilityKind<M = unknown>(
  options: CapabilityKindOptions = {},
): CapabilityKind<M> {
  return {
    id: 1,
    name: "capability",
    defaultTtlMs: options.ttlMs ?? 60_000,
    key: (node, payload) => foldKey(payload.class, node),
    indexes: {
      class: (payload) => payload.class,
      tag: ({ tags }) => tags,
      state: ({ state }) => state,
      region: ({ region }) => region,
    },
    parse(payload) {
      const fields = fieldsOf("capability", payload);
      checkTextField("capability", "class", fields["class"]);
      checkOneOf("capability", "state", fields["state"], STATES);
      if (fields["region"] !== undefined) checkTextField("capability", "region", fields["region"]);
      const { tags } = fields;
      checkTexts("capability", "tags", tags);
      return payload as Capability<M>;
    },
  };
}
