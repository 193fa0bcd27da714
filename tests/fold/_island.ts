import type { FoldKind } from "../../fold/mod.ts";

/** A machine with units that can be used together, of which its host says how it does. */
export interface Island {
  readonly id: string;
  /** The node whose machine it is: nobody else speaks of it. */
  readonly host: string;
  /** Which units it has. */
  readonly units: readonly number[];
  /** What is there to be used. */
  readonly capabilities: readonly string[];
  /** How much there is to do, as a finite number. */
  readonly load: number;
  /** How long half of what is asked of it takes at most, in microseconds. */
  readonly medianUs: number;
}

/**
 * The original's islands, which this library does not have: a kind that somebody could write for himself. Its indexes are `host`, `capability` and
 * `unit`.
 *
 * | there is | announced | outcome |
 * | --- | --- | --- |
 * | anything | in the name of another host | rejected: `"not-host"` |
 * | anything | with a load that is not finite | rejected: `"load"` |
 * | nothing | by its host | inserted |
 * | an island of this node | with a higher generation | replaced |
 * | an island of this node | with the same or a lower generation | rejected: `"stale"` |
 * | an island of another node | by anybody else | rejected: `"pinned"` |
 */
export function islandKind(): FoldKind<string, Island, "host" | "capability" | "unit"> {
  return {
    id: 0x0f03,
    name: "island",
    defaultTtlMs: 30_000,
    key: (_node, { id }) => id,
    indexes: {
      host: ({ host }) => host,
      capability: ({ capabilities }) => capabilities,
      unit: ({ units }) => units,
    },
    // The fold itself has seen to the order of a node's own announcements.
    merge: (existing, { node, payload: { host, load } }) => {
      if (host !== node) return { reject: "not-host" };
      if (!Number.isFinite(load)) return { reject: "load" };
      if (existing === undefined) return "insert";
      return existing.node === node ? "replace" : { reject: "pinned" };
    },
    parse: (payload) => {
      const island = payload as Island;
      const { id, host, units, capabilities, load, medianUs } = island;
      const isIsland = typeof id === "string" && typeof host === "string" &&
        Array.isArray(units) && units.every((unit) => Number.isSafeInteger(unit)) &&
        Array.isArray(capabilities) && capabilities.every((name) => typeof name === "string") &&
        typeof load === "number" && typeof medianUs === "number";
      if (!isIsland) throw new TypeError("Cannot take a payload of kind island: it is none");
      return { ...island, units: [...new Set<number>(units)].sort((a, b) => a - b) };
    },
  };
}
