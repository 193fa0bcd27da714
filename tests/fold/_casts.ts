import {
  type Capability,
  capabilityKind,
  type FoldKey,
  type FoldKind,
  type Lease,
  leaseKind,
  type Route,
  routeKind,
} from "../../fold/mod.ts";
import type { Random } from "../_random.ts";
import type { Pools } from "./_conditions.ts";
import { type Item, ITEMS } from "./_items.ts";

/** One kind, and how to make things up for it. */
export interface Cast<P> {
  readonly kind: FoldKind<FoldKey, P, string>;
  /** What its indexes may be asked for. */
  readonly pools: Pools;
  /** What a node may announce; of so many things, where their number does not lie in the kind. */
  payload(random: Random, node: string, things: number, wallNow: number): P;
  /** What is announced of it with a generation, where that matters. */
  fit?(random: Random, payload: P, generation: number): P;
}

/** Keys of every type, some of which are alike. */
const IDS: readonly FoldKey[] = [
  "a",
  7,
  "7",
  7n,
  0,
  -1,
  2.5,
  2 ** 40,
  -(2n ** 70n),
  "",
  "ab",
  "ba",
];
const TAGS = ["x", "y", 1, "1", 1n, true, "true", 0.5];

function sample<T>(random: Random, values: readonly T[], most: number): T[] {
  return Array.from({ length: random.below(most + 1) }, () => random.pick(values));
}

/** Many writers, no merge of its own, indexes with every type of values, and none. */
const items: Cast<Item> = {
  kind: ITEMS,
  pools: { tag: [...TAGS, "none has it"], color: ["red", "blue", "none has it", 7] },
  payload: (random, _node, things) => ({
    id: things <= IDS.length ? IDS[random.below(things)]! : random.below(things),
    tags: random.below(6) === 0 ? undefined : sample(random, TAGS, 3),
    color: random.pick(["red", "blue", null, undefined]),
  }),
};

/** One writer for each key. */
const capabilities: Cast<Capability> = {
  kind: capabilityKind(),
  pools: {
    class: ["render", "build", "none has it"],
    tag: ["gpu", "cuda", "arm", "none has it"],
    state: ["idle", "busy"],
    region: ["eu", "us"],
  },
  payload: (random) => ({
    class: random.pick(["render", "build"]),
    tags: sample(random, ["gpu", "cuda", "arm"], 3),
    state: random.pick(["idle", "busy"] as const),
    region: random.pick(["eu", "us", undefined]),
  }),
};

/** A merge that compares payloads. */
const routes: Cast<Route> = {
  kind: routeKind() as FoldKind<FoldKey, Route, string>,
  pools: { destination: ["db", "web", "none has it"], nextHop: ["n1", "n2", "n3"] },
  payload: (random, node) => ({
    destination: random.pick(["db", "web", "mail"]),
    nextHop: node,
    metric: random.below(4),
  }),
};

/** A merge that goes by the wall clock and by what is remembered. */
const leases: Cast<Lease> = {
  kind: leaseKind() as FoldKind<FoldKey, Lease, string>,
  pools: { state: ["free", "reserved", "active"], holder: ["n1", "n2", "n3", "none has it"] },
  payload(random, node, _things, wallNow) {
    const resource = random.pick(["cron", "disk"]);
    const fence = 1;
    const holder = random.below(12) === 0 ? "n1" : node;
    switch (random.below(4)) {
      case 0:
        return { resource, fence, state: "free" };
      case 1:
        return { resource, fence, state: "active", holder };
      default: {
        const untilMs = wallNow - 500 + random.below(5_000);
        return { resource, fence, state: "reserved", holder, untilMs };
      }
    }
  },
  // Mostly what fences should be, and now and then too high or too low.
  fit: (random, lease, generation) => ({
    ...lease,
    fence: generation + 1 - random.pick([0, 1, 1, 1, 2]),
  }),
};

/** The payloads of all casts, of which a play only knows which is which. */
export type Played = object;

/** All casts, by name. */
export const CASTS = { items, capabilities, routes, leases } as unknown as Readonly<
  Record<"items" | "capabilities" | "routes" | "leases", Cast<Played>>
>;
