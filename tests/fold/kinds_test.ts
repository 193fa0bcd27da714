import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  bestRoute,
  type Capability,
  capabilityKind,
  type FoldKey,
  foldKey,
  type FoldKind,
  leaseKind,
  type Presence,
  presenceKind,
  type Route,
  routeKind,
  usersIn,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { foldOf } from "./_hand_clock.ts";

/** What every kind has, whatever its payloads are. */
type AnyKind = Pick<FoldKind, "id" | "name" | "defaultTtlMs" | "parse">;

const ADA = { room: "lobby", user: "ada" };
const GPU = { class: "render", tags: ["gpu"], state: "idle" } as const;
const DB = { destination: "db", nextHop: "n1", metric: 3 };
const FREE = { resource: "db", fence: 1, state: "free" };

test("every kind has the id, the name and the life that are told", () => {
  const kinds: [AnyKind, number, string, number][] = [
    [presenceKind(), 5, "presence", 30_000],
    [capabilityKind(), 1, "capability", 60_000],
    [routeKind(), 2, "route", 300_000],
    [routeKind({ keep: "best" }), 2, "route", 300_000],
    [routeKind({ keep: "all" }), 6, "route", 300_000],
    [leaseKind(), 3, "lease", 30_000],
  ];
  for (const [kind, id, name, ttlMs] of kinds) {
    assertEquals([kind.id, kind.name, kind.defaultTtlMs], [id, name, ttlMs]);
  }
  const made = [presenceKind, capabilityKind, routeKind, leaseKind];
  for (const make of made) assertEquals(make({ ttlMs: 7 }).defaultTtlMs, 7);
});

/** What is like a payload, but for one field that is another, or not there if that is undefined. */
function but<P extends object>(payload: P, name: string, ...values: unknown[]): unknown[] {
  return values.map((value) => {
    const { [name as keyof P]: _, ...rest } = payload;
    return value === undefined ? rest : { ...rest, [name]: value };
  });
}

const NO_TEXT = [undefined, null, "", 7, true, {}, ["a"]];
const NO_NUMBER = [undefined, null, "7", NaN, Infinity, 7n, {}];

/** Payloads of each kind that are right, and those that are not, each in one thing. */
const PAYLOADS: [AnyKind, unknown[], Record<string, unknown[]>][] = [
  [presenceKind(), [
    ADA,
    { ...ADA, session: "tab 1" },
    { ...ADA, meta: { anything: [1] }, more: 1 },
    { ...ADA, session: undefined, meta: null },
  ], {
    room: but(ADA, "room", ...NO_TEXT),
    user: but(ADA, "user", ...NO_TEXT),
    session: but(ADA, "session", ...NO_TEXT.slice(1)),
  }],
  [capabilityKind(), [
    GPU,
    { ...GPU, tags: [], region: "eu", meta: 1 },
    ...["idle", "busy", "reserved", "faulty"].map((state) => ({ ...GPU, state })),
  ], {
    class: but(GPU, "class", ...NO_TEXT),
    tags: but(GPU, "tags", undefined, null, "gpu", { length: 0 }, new Set(["gpu"])),
    "each of tags": but(GPU, "tags", [""], [7], ["gpu", null], [undefined], Array(1)),
    state: but(GPU, "state", undefined, null, "", "lazy", 0, "toString", ["idle"]),
    region: but(GPU, "region", ...NO_TEXT.slice(1)),
  }],
  ...(["best", "all"] as const).map((
    keep,
  ): [AnyKind, unknown[], Record<string, unknown[]>] => [
    routeKind({ keep }),
    [DB, { ...DB, metric: 0 }, { ...DB, metric: -1.5, via: "n3" }],
    {
      destination: but(DB, "destination", ...NO_TEXT),
      nextHop: but(DB, "nextHop", ...NO_TEXT),
      metric: but(DB, "metric", ...NO_NUMBER),
      via: but(DB, "via", ...NO_TEXT.slice(1)),
    },
  ]),
  [leaseKind(), [
    FREE,
    { ...FREE, state: "reserved", holder: "n1", untilMs: 9 },
    { ...FREE, state: "active", holder: "n1" },
    { ...FREE, state: "active", holder: "n1", job: "backup" },
  ], {
    resource: but(FREE, "resource", ...NO_TEXT),
    fence: but(FREE, "fence", ...NO_NUMBER),
    state: but(FREE, "state", undefined, null, "", "lost", 1),
    holder: [
      ...but({ ...FREE, state: "reserved", untilMs: 9 }, "holder", ...NO_TEXT),
      ...but({ ...FREE, state: "active" }, "holder", ...NO_TEXT),
    ],
    untilMs: but({ ...FREE, state: "reserved", holder: "n1" }, "untilMs", ...NO_NUMBER),
    job: but({ ...FREE, state: "active", holder: "n1" }, "job", ...NO_TEXT.slice(1)),
  }],
];

for (const [kind, right, wrong] of PAYLOADS) {
  const what = `${kind.name} (${kind.id})`;
  test(`a payload of ${what} is taken as it is if it is right`, () => {
    for (const payload of right) assert(kind.parse!(payload) === payload);
  });

  for (const [field, payloads] of Object.entries(wrong)) {
    test(`a payload of ${what} is refused for its ${field}`, () => {
      for (const payload of payloads) {
        const said = Object.entries(payload as object).join("; ");
        const error = assertThrows(() => kind.parse!(payload), TypeError, undefined, said);
        assert(error.message.includes(field), `${error.message}, for ${said}`);
        assertMatch(
          error.message,
          /^Cannot take a payload of kind \w+: .+, received .+/,
          said,
        );
      }
    });
  }

  test(`what is no object is no payload of ${what}`, () => {
    for (const payload of [undefined, null, 7, "text", true, [], [right[0]], () => right[0]]) {
      const error = assertThrows(() => kind.parse!(payload), TypeError, "it must be an object");
      assertMatch(error.message, /^Cannot take a payload of kind \w+: .+, received .+/);
    }
  });
}

/** Applies announcements of (node, generation, payload) one after another; answers what became of them. */
function outcomesOf<K extends FoldKey, P>(
  kind: FoldKind<K, P, string>,
  announcements: readonly (readonly [node: string, generation: number, payload: P])[],
): string[] {
  const fold = foldOf(kind);
  return announcements.map(([node, generation, payload]) => {
    const { outcome, reason } = fold.apply({ node, generation, payload });
    return reason ?? outcome;
  });
}

test("presence: what the table of its merges says", () => {
  const status = (meta: string): Presence => ({ ...ADA, meta });
  assertEquals(
    outcomesOf(presenceKind(), [
      ["n1", 5, status("here")],
      ["n1", 6, status("away")],
      ["n1", 7, status("away")],
      ["n1", 7, status("here")],
      ["n1", 2, status("here")],
      // Another node has an entry of its own.
      ["n2", 1, status("here")],
    ]),
    ["inserted", "replaced", "replaced", "stale", "stale", "inserted"],
  );
});

test("presence: a user is there once for each node and session, and in each room", () => {
  const fold = foldOf(presenceKind());
  const say = (node: string, payload: Presence) => fold.apply({ node, generation: 1, payload });
  say("n1", ADA);
  say("n1", { ...ADA, session: "tab 1" });
  say("n2", { ...ADA, session: "tab 1" });
  say("n2", { ...ADA, room: "den" });
  say("n2", { room: "lobby", user: "bob" });
  assertEquals(fold.size, 5);
  const users = usersIn(fold, "lobby");
  assertEquals([...users.keys()].sort(), ["ada", "bob"]);
  assertEquals(users.get("ada")!.map(({ node }) => node).sort(), ["n1", "n1", "n2"]);
  assertEquals([usersIn(fold, "den").size, usersIn(fold, "cellar").size], [1, 0]);
  assertEquals(fold.get(foldKey("lobby", "ada", "tab 1", "n2"))?.node, "n2");
  assertEquals(fold.count({ by: { room: "lobby", user: ["ada", "bob"] } }), 4);
  // Parts that would be the same text if they were put together.
  say("n1", { room: "a", user: "b c" });
  say("n1", { room: "a b", user: "c" });
  say("n1", { room: 'a","b', user: "c" });
  assertEquals(fold.size, 8);
});

test("capability: what the table of its merges says", () => {
  const busy: Capability = { ...GPU, state: "busy" };
  assertEquals(
    outcomesOf(capabilityKind(), [
      ["n1", 5, GPU],
      ["n1", 6, busy],
      ["n1", 6, GPU],
      ["n1", 1, GPU],
      ["n2", 1, GPU],
      ["n1", 1, { ...GPU, class: "train" }],
    ]),
    ["inserted", "replaced", "stale", "stale", "inserted", "inserted"],
  );
});

test("capability: its indexes are class, tag, state and region, where there is one", () => {
  const fold = foldOf(capabilityKind());
  const say = (node: string, payload: Capability) => fold.apply({ node, generation: 1, payload });
  say("n1", { ...GPU, tags: ["gpu", "cuda", "gpu"], region: "eu" });
  say("n2", { ...GPU, tags: [], state: "busy" });
  say("n2", { ...GPU, class: "train", region: "us" });
  const count = (by: Parameters<typeof fold.count>[0] & object) => fold.count(by);
  assertEquals(
    [
      count({ by: { class: "render" } }),
      count({ by: { tag: { all: ["gpu", "cuda"] } } }),
      count({ by: { tag: "gpu" } }),
      count({ by: { state: ["busy", "faulty"] } }),
      count({ by: { region: ["eu", "us"] } }),
    ],
    [2, 1, 2, 1, 2],
  );
  assertEquals(fold.countBy("tag"), new Map([["gpu", 2], ["cuda", 1]]));
  assertEquals(fold.countBy("region"), new Map([["eu", 1], ["us", 1]]));
});

test("route, the best: what the table of its merges says", () => {
  const way = (metric: number): Route => ({ ...DB, metric });
  const outcomes = (...rest: [string, number, Route][]) =>
    outcomesOf(routeKind(), [["n1", 5, way(5)], ...rest]).slice(1);
  assertEquals(outcomes(), []);
  // Of this node, better or worse.
  assertEquals(outcomes(["n1", 6, way(1)], ["n1", 7, way(9)]), ["replaced", "replaced"]);
  assertEquals(outcomes(["n1", 5, way(1)], ["n1", 4, way(1)]), ["stale", "stale"]);
  // Of another one, whatever its generation is.
  assertEquals(outcomes(["n2", 1, way(4)]), ["replaced"]);
  assertEquals(outcomes(["n2", 1, way(5)]), ["replaced"]);
  assertEquals(outcomes(["n2", 9, way(5.1)]), ["worse"]);
  // Whoever was driven out comes back with something better, and something newer.
  assertEquals(
    outcomes(["n2", 1, way(4)], ["n1", 5, way(1)], ["n1", 6, way(1)]),
    ["replaced", "replayed", "replaced"],
  );
  assertEquals(outcomesOf(routeKind(), [["n1", 1, way(NaN)], ["n1", 1, way(Infinity)]]), [
    "metric",
    "metric",
  ]);
});

test("route, the best: a way that gets worse gives way to another only when that is announced anew", () => {
  const fold = foldOf(routeKind());
  const say = (node: string, generation: number, metric: number) =>
    fold.apply({ node, generation, payload: { ...DB, metric, nextHop: node } });
  say("n1", 1, 3);
  assertEquals(say("n2", 1, 5).reason, "worse");
  say("n1", 2, 9);
  assertEquals(bestRoute(fold, "db")?.node, "n1");
  say("n2", 2, 5);
  assertEquals(bestRoute(fold, "db")?.node, "n2");
  assertEquals(fold.query({ by: { nextHop: "n2", destination: "db" } }).length, 1);
});

test("route, all of them: each node has its own, and the best is chosen when it is asked for", () => {
  const fold = foldOf(routeKind({ keep: "all" }));
  const say = (node: string, generation: number, metric: number) =>
    fold.apply({ node, generation, payload: { ...DB, metric, nextHop: node } });
  assertEquals([say("n2", 5, 3), say("n1", 1, 3)].map(({ outcome }) => outcome), [
    "inserted",
    "inserted",
  ]);
  assertEquals([say("n2", 6, 2).outcome, say("n2", 6, 1).reason], ["replaced", "stale"]);
  say("n3", 1, 9);
  const best = () => bestRoute(fold, "db")?.node;
  assertEquals(best(), "n2");
  say("n2", 7, 3);
  // Of two that are equal, the lower node: everybody chooses the same.
  assertEquals(best(), "n1");
  fold.evictNode("n1");
  assertEquals(best(), "n2");
  fold.evictNode("n2");
  fold.leave("n3");
  assertEquals([best(), bestRoute(fold, "disk")], [undefined, undefined]);
});

test("route, all of them: a way whose metric is none is worse than any other", () => {
  for (const order of [[NaN, 7], [7, NaN]]) {
    const fold = foldOf(routeKind({ keep: "all" }));
    for (const [i, metric] of order.entries()) {
      fold.apply({ node: `n${i}`, generation: 1, payload: { ...DB, metric } });
    }
    assertEquals(bestRoute(fold, "db")?.payload.metric, 7);
  }
  const fold = foldOf(routeKind({ keep: "all" }));
  fold.apply({ node: "n1", generation: 1, payload: { ...DB, metric: NaN } });
  assertEquals(bestRoute(fold, "db")?.node, "n1");
});

test("a way of keeping routes that there is not is refused", () => {
  for (const keep of ["bset", "", null, true] as never[]) {
    assertThrows(() => routeKind({ keep }), TypeError, "keep must be");
  }
});
