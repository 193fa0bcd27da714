import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  bestRoute,
  capabilityKind,
  type Fold,
  type FoldAnnouncement,
  type FoldKey,
  type FoldKind,
  leaseKind,
  presenceKind,
  type Route,
  routeKind,
} from "../../fold/mod.ts";
import { Random } from "../_random.ts";
import { test } from "../_harness.ts";
import { foldOf } from "./_hand_clock.ts";
import { ITEMS } from "./_items.ts";

/** A kind that converges, and how to make up what a node says of one of its few keys. */
interface Case {
  readonly kind: FoldKind<FoldKey, object, string>;
  payload(random: Random, node: string): object;
  /** Whether each key has one writer: then nodes may also leave. */
  readonly isSingleWriter: boolean;
}

const STATES = ["idle", "busy", "reserved", "faulty"] as const;

/** Forgets what a kind is of. */
function any(kind: unknown): Case["kind"] {
  return kind as Case["kind"];
}

const CASES: Record<string, Case> = {
  presenceKind: {
    kind: any(presenceKind()),
    payload: (random) => ({
      room: random.pick(["lobby", "bar"]),
      user: "ada",
      session: random.pick([undefined, "tab 1", "tab 2"]),
      meta: random.below(1_000),
    }),
    isSingleWriter: true,
  },
  capabilityKind: {
    kind: any(capabilityKind()),
    payload: (random) => ({
      class: random.pick(["render", "build"]),
      tags: ["gpu", "cuda", "arm"].filter(() => random.below(2) === 0),
      state: random.pick(STATES),
    }),
    isSingleWriter: true,
  },
  "routeKind that keeps all": {
    kind: any(routeKind({ keep: "all" })),
    payload: (random, node) => ({
      destination: random.pick(["db", "web"]),
      nextHop: node,
      metric: random.below(3),
    }),
    isSingleWriter: true,
  },
  "a kind without a merge, with many writers for a key": {
    kind: any(ITEMS),
    payload: (random) => ({ id: random.pick(["a", 7, 7n]), n: random.below(1_000) }),
    isSingleWriter: false,
  },
};

/** Makes up announcements, in no order. No node says two things of one key with the same generation. */
function makeUp(
  { kind, payload }: Case,
  random: Random,
  mayLeave: boolean,
): FoldAnnouncement<object>[] {
  const taken = new Set<string>();
  const made: FoldAnnouncement<object>[] = [];
  for (let i = 0; i < 30; i++) {
    const node = random.pick(["n1", "n2", "n3"]);
    const said = payload(random, node);
    const generation = 1 + random.below(12);
    const key = kind.key(node, said);
    const name = `${typeof key} ${key} of ${node} @${generation}`;
    if (taken.has(name)) continue;
    taken.add(name);
    made.push({ node, generation, payload: said, leave: mayLeave && random.below(4) === 0 });
  }
  return made;
}

function shuffled<T>(random: Random, values: readonly T[]): T[] {
  return values.map((value) => ({ value, at: random.next() })).sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

/** What is there, but for the times at which it came. */
function there(fold: Fold<FoldKey, object, string>): unknown[] {
  return fold.query().map(({ key, node, generation, payload }) => ({
    text: `${typeof key} ${key}`,
    node,
    generation,
    payload,
  })).sort((a, b) => a.text < b.text ? -1 : 1);
}

/** A fold that has heard some announcements. */
function heard(
  { kind }: Case,
  announcements: readonly FoldAnnouncement<object>[],
): Fold<FoldKey, object, string> {
  const fold = foldOf(kind);
  for (const announcement of announcements) fold.apply(announcement);
  return fold;
}

function forSeeds(from: number, body: (random: Random) => void): void {
  for (let seed = from; seed < from + 60; seed++) {
    try {
      body(new Random(seed));
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}

for (const [i, [name, one]] of Object.entries(CASES).entries()) {
  const from = 100 * (i + 1);
  const mays = one.isSingleWriter ? [false, true] : [false];

  for (const mayLeave of mays) {
    const also = mayLeave ? ", leaves among them" : "";

    test(`${name}: the same announcements${also}, in any order and again, make the same entries`, () => {
      let found = 0;
      forSeeds(from, (random) => {
        const announcements = makeUp(one, random, mayLeave);
        const expected = there(heard(one, announcements));
        found += expected.length;
        for (let n = 0; n < 4; n++) {
          const again = announcements.filter(() => random.below(3) === 0);
          const order = shuffled(random, [...announcements, ...again]);
          assertEquals(there(heard(one, order)), expected);
        }
      });
      assert(found > 60, "hardly anything was left to compare");
    });

    test(`${name}: announcements${also} that were heard change nothing any more`, () => {
      forSeeds(from, (random) => {
        const announcements = makeUp(one, random, mayLeave);
        const fold = heard(one, announcements);
        const [before, version] = [there(fold), fold.version];
        for (const announcement of shuffled(random, announcements)) {
          assertEquals(fold.apply(announcement).outcome, "rejected");
        }
        assertEquals([there(fold), fold.version], [before, version]);
      });
    });
  }

  test(`${name}: folds that are merged by their snapshots, however grouped, hold what one fold does`, () => {
    forSeeds(from, (random) => {
      const announcements = shuffled(random, makeUp(one, random, false));
      const expected = there(heard(one, announcements));
      const parts = [0, 1, 2].map((part) => announcements.filter((_, i) => i % 3 === part));
      /** Merges the second into the first, and answers that. */
      const merge = (
        into: Fold<FoldKey, object, string>,
        fold: Fold<FoldKey, object, string>,
      ): Fold<FoldKey, object, string> => {
        into.restore(fold.snapshot(), { over: "merge" });
        return into;
      };
      const [a, b, c] = [0, 1, 2].map((part) => () => heard(one, parts[part]!));
      const groupings = [
        merge(merge(a!(), b!()), c!()),
        merge(a!(), merge(b!(), c!())),
        merge(merge(c!(), a!()), b!()),
        merge(b!(), merge(a!(), merge(c!(), b!()))),
      ];
      for (const fold of groupings) assertEquals(there(fold), expected);
    });
  });
}

test("of two nodes with the same generation the greater one wins, whoever came first", () => {
  const payload = { id: "a" };
  const [lower, greater] = ["n10", "n9"].map((node) => ({ node, generation: 5, payload }));
  for (const order of [[lower!, greater!], [greater!, lower!]]) {
    const fold = foldOf(ITEMS);
    for (const announcement of order) fold.apply(announcement);
    // By code units: "9" is behind "1".
    assertEquals(fold.get("a")?.node, "n9");
  }
});

test("routeKind that keeps all chooses the same best way, whatever the order", () => {
  const ways = [["n2", 3], ["n1", 3], ["n3", 7], ["n4", 3]] as const;
  forSeeds(900, (random) => {
    const fold = foldOf(routeKind({ keep: "all" }));
    for (const [node, metric] of shuffled(random, ways)) {
      fold.apply({ node, generation: 1, payload: { destination: "db", nextHop: node, metric } });
    }
    assertEquals(bestRoute(fold, "db")?.node, "n1");
  });
});

/** The node that has the way to the database, after some ways were announced. */
function bestOf(ways: readonly [node: string, generation: number, metric: number][]): string {
  const fold = foldOf(routeKind());
  for (const [node, generation, metric] of ways) {
    const payload: Route = { destination: "db", nextHop: node, metric };
    fold.apply({ node, generation, payload });
  }
  return fold.get("db")!.node;
}

test("routeKind that keeps the best does not converge: of two equal ways the later one stays", () => {
  assertEquals(bestOf([["n1", 1, 5], ["n2", 1, 5]]), "n2");
  assertEquals(bestOf([["n2", 1, 5], ["n1", 1, 5]]), "n1");
});

test("routeKind that keeps the best does not converge: what was rejected does not come back when the best gets worse", () => {
  assertEquals(bestOf([["n1", 1, 1], ["n2", 1, 2], ["n1", 2, 9]]), "n1");
  assertEquals(bestOf([["n1", 1, 1], ["n1", 2, 9], ["n2", 1, 2]]), "n2");
  // It settles once everybody has announced anew.
  const ways: [string, number, number][] = [["n1", 1, 1], ["n2", 1, 2], ["n1", 2, 9]];
  assertEquals(bestOf([...ways, ["n1", 3, 9], ["n2", 2, 2]]), "n2");
});

test("leaseKind does not converge: whoever is heard first has the resource", () => {
  const take = (node: string) => ({
    node,
    generation: 10,
    payload: { resource: "cron", fence: 10, state: "reserved", holder: node, untilMs: Infinity },
  } as const);
  const holders = [["n1", "n2"], ["n2", "n1"]].map((order) => {
    const fold = foldOf(leaseKind());
    const results = order.map((node) => fold.apply(take(node)));
    assertEquals(results, [{ outcome: "inserted" }, { outcome: "rejected", reason: "held" }]);
    return fold.get("cron")!.node;
  });
  assertNotEquals(holders[0], holders[1]);
});

test("a leave does not converge where a key has several writers: it ends what is its node's at the moment", () => {
  const payload = { id: "a" };
  const own = { node: "n1", generation: 3, payload };
  const gone = { node: "n1", generation: 4, payload, leave: true };
  const other = { node: "n2", generation: 1, payload };
  const left = [[own, other, gone], [own, gone, other]].map((order) => {
    const fold = foldOf(ITEMS);
    for (const announcement of order) fold.apply(announcement);
    return fold.get("a")?.node;
  });
  assertEquals(left, [undefined, "n2"]);
});
