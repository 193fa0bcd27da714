import { refusal } from "../../internal/mod.ts";
import type { FoldEntry } from "../entry.ts";
import type { Fold } from "../fold.ts";
import { foldKey, type FoldKind } from "../kind.ts";
import { checkNumber, checkTextField, fieldsOf } from "./_check.ts";

/** A way to somewhere. */
export interface Route {
  /** Where it leads. */
  readonly destination: string;
  /** Where to go first. */
  readonly nextHop: string;
  /** What it costs: the lower, the better. */
  readonly metric: number;
  /** Over whom, if that is worth knowing. */
  readonly via?: string | undefined;
}

/** The kind of ways. */
export type RouteKind = FoldKind<string, Route, "destination" | "nextHop">;

/** Options of {@linkcode routeKind}. */
export interface RouteKindOptions {
  /**
   * How long a way lives that nobody announces again, in milliseconds.
   *
   * @default {300_000}
   */
  readonly ttlMs?: number | undefined;

  /**
   * Which ways to keep to a destination: only the `"best"` one, or `"all"`, one of each node, so that the second best is there when the best is
   * gone.
   *
   * @default {"best"}
   */
  readonly keep?: "best" | "all" | undefined;
}

/**
 * Makes the kind of ways to destinations, of which the one with the lowest metric is the best. Its indexes are `destination` and `nextHop`.
 *
 * With `keep: "best"`, there is one entry for a destination:
 *
 * | there is | announced | outcome |
 * | --- | --- | --- |
 * | nothing | by anybody | inserted |
 * | a way of this node | with a higher generation, better or worse | replaced |
 * | a way of this node | with the same or a lower generation | rejected: `"stale"` |
 * | a way of another node | with a metric that is lower or equal | replaced |
 * | a way of another node | with a higher metric | rejected: `"worse"` |
 *
 * **Does not converge**: of two ways that are equal the later one stays, and a way that gets worse does not bring back one that was rejected
 * before. Nodes that have seen the same announcements in another order agree again once everybody has announced anew, but for ways that are equal.
 *
 * With `keep: "all"`, there is one entry for a destination and a node, the higher generation wins, and {@linkcode bestRoute} chooses.
 *
 * **Converges**: each key has one writer, so nodes that have seen the same announcements, in whatever order, hold the same entries, and choose the
 * same.
 *
 * @param options How long a way lives, and which to keep.
 * @returns The kind; its id is 2, or 6 if it keeps all.
 * @throws {TypeError} If `keep` is neither.
 *
 * @example The best of two ways, and then the other
 * ```ts
 * import { bestRoute, Fold, routeKind } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * using fold = new Fold(routeKind({ keep: "all" }));
 * const announce = (node: string, metric: number) =>
 *   fold.apply({ node, generation: 1, payload: { destination: "db", nextHop: node, metric } });
 * announce("n1", 10);
 * announce("n2", 3);
 * assertEquals(bestRoute(fold, "db")?.payload.nextHop, "n2");
 * fold.evictNode("n2", "connection lost");
 * assertEquals(bestRoute(fold, "db")?.payload.nextHop, "n1");
 * ```
 */
export function routeKind(options: RouteKindOptions = {}): RouteKind {
  const { ttlMs = 300_000, keep = "best" } = options;
  if (keep !== "best" && keep !== "all") {
    throw new TypeError(refusal("make kind route", 'keep must be "best" or "all"', keep));
  }
  const kind: RouteKind = {
    id: keep === "best" ? 2 : 6,
    name: "route",
    defaultTtlMs: ttlMs,
    key: (node, { destination }) => keep === "best" ? destination : foldKey(destination, node),
    indexes: { destination: ({ destination }) => destination, nextHop: ({ nextHop }) => nextHop },
    parse(payload) {
      const { destination, nextHop, metric, via } = fieldsOf("route", payload);
      checkTextField("route", "destination", destination);
      checkTextField("route", "nextHop", nextHop);
      checkNumber("route", "metric", metric);
      if (via !== undefined) checkTextField("route", "via", via);
      return payload as Route;
    },
  };
  if (keep === "all") return kind;
  return {
    ...kind,
    merge(existing, { node, payload }) {
      // Every comparison with NaN is false: such a way would never give way to another.
      if (!Number.isFinite(payload.metric)) return { reject: "metric" };
      if (existing === undefined) return "insert";
      if (existing.node === node || payload.metric <= existing.payload.metric) return "replace";
      return { reject: "worse" };
    },
  };
}

/**
 * The best way to a destination: the one with the lowest metric, and of several that with the lowest node. Costs O(ways there).
 *
 * @param fold The fold.
 * @param destination Where to.
 * @returns The entry; undefined if there is none.
 */
export function bestRoute(
  fold: Fold<string, Route, "destination" | "nextHop">,
  destination: string,
): FoldEntry<string, Route> | undefined {
  let best: FoldEntry<string, Route> | undefined;
  for (const entry of fold.query({ by: { destination } })) {
    if (best === undefined) best = entry;
    else {
      const [cost, least] = [costOf(entry.payload), costOf(best.payload)];
      if (cost < least || (cost === least && entry.node < best.node)) best = entry;
    }
  }
  return best;
}

/** What is no number is better than nothing, and worse than anything else. */
function costOf({ metric }: Route): number {
  return Number.isFinite(metric) ? metric : Infinity;
}
