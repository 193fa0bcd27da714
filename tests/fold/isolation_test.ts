import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type Fold,
  type FoldKey,
  type FoldKind,
  type FoldOptions,
  FoldSnapshotError,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { reportsOf } from "../_reports.ts";
import { foldOf } from "./_hand_clock.ts";
import { brief, drain, type Item, item, ITEMS } from "./_items.ts";

type ItemFold = Fold<FoldKey, Item, "tag" | "color">;
type ItemKind = FoldKind<FoldKey, Item, "tag" | "color">;

/** Everything that changes a fold. */
const CHANGES: Record<string, (fold: ItemFold) => unknown> = {
  apply: (fold) => fold.apply(item("n9", 1, "intruder")),
  evict: (fold) => fold.evict("a"),
  evictNode: (fold) => fold.evictNode("n1"),
  leave: (fold) => fold.leave("n1"),
  sweep: (fold) => fold.sweep(Infinity),
  restore: (fold) => fold.restore(fold.snapshot(), { over: "replace" }),
};

interface Hooks {
  key?: (() => void) | undefined;
  merge?: (() => void) | undefined;
  index?: (() => void) | undefined;
  kindAudit?: (() => void) | undefined;
  sink?: (() => void) | undefined;
}

/** A fold with two entries, whose functions can be made to do something else as well. */
function hooked(options: FoldOptions = {}): { fold: ItemFold; hooks: Hooks; kind: ItemKind } {
  const hooks: Hooks = {};
  const kind: ItemKind = {
    ...ITEMS,
    key: (_node, { id }) => {
      hooks.key?.();
      return id;
    },
    merge: (existing) => {
      hooks.merge?.();
      return existing === undefined ? "insert" : "replace";
    },
    indexes: {
      tag: ({ tags }) => tags,
      color: ({ color }) => {
        hooks.index?.();
        return color;
      },
    },
    audit: ({ type }) => {
      hooks.kindAudit?.();
      return { type, key: "any" };
    },
  };
  const fold = foldOf(kind, { audit: { record: () => hooks.sink?.() }, ...options });
  fold.apply(item("n1", 1, "a", { tags: ["x"], color: "red" }));
  fold.apply(item("n2", 1, "b", { tags: ["x", "y"], color: "red" }));
  return { fold, hooks, kind };
}

/** All that can be seen of a fold, but for how often that was looked at. */
function seen(fold: ItemFold): unknown {
  const { queries: _queries, snapshots: _snapshots, ...stats } = fold.stats();
  const { entries, remembered } = fold.snapshot();
  const values = (["tag", "color"] as const).map((name) => fold.countBy(name));
  return [fold.size, fold.version, fold.nodes(), stats, entries, remembered, values];
}

/** Each place from which a function of the user is called: how to put it there, and how to have it called. */
const PLACES: Record<string, (fold: ItemFold, hooks: Hooks, act: () => void) => unknown> = {
  "the key of a kind": (fold, hooks, act) => {
    hooks.key = act;
    fold.apply(item("n1", 2, "a"));
  },
  "the merge of a kind": (fold, hooks, act) => {
    hooks.merge = act;
    fold.apply(item("n1", 2, "a"));
  },
  "an index of a kind": (fold, hooks, act) => {
    hooks.index = act;
    fold.apply(item("n1", 2, "a"));
  },
  "an audit sink": (fold, hooks, act) => {
    hooks.sink = act;
    fold.apply(item("n1", 2, "a"));
  },
  "the audit of a kind": (fold, hooks, act) => {
    hooks.kindAudit = act;
    fold.evictNode("n1");
  },
  "where of a query": (fold, _hooks, act) => fold.query({ where: () => (act(), true) }),
  "where of a count": (fold, _hooks, act) =>
    fold.count({ by: { tag: "x" }, where: () => (act(), true) }),
  "what groups by a function": (fold, _hooks, act) => fold.groupBy(() => act()),
  "where of a watch that begins": (fold, _hooks, act) => {
    fold.watch({ where: () => (act(), true) }).close();
  },
  "where of a watch": (fold, _hooks, act) => {
    const watch = fold.watch({ initial: false, where: () => (act(), true) });
    fold.apply(item("n1", 2, "a"));
    watch.close();
  },
  "where of a watch that reads a resync": (fold, _hooks, act) => {
    let isBehind = false;
    const where = (): boolean => {
      if (isBehind) act();
      return true;
    };
    const watch = fold.watch({ initial: false, capacity: 1, where });
    for (const generation of [2, 3]) fold.apply(item("n1", generation, "a"));
    isBehind = true;
    drain(watch);
    watch.close();
  },
};

for (const [place, call] of Object.entries(PLACES)) {
  test(`from ${place}, a fold can be read, and not changed`, () => {
    const { fold, hooks } = hooked();
    const expected = hooked().fold;
    let calls = 0;
    const act = (): void => {
      calls++;
      // One that is asked while one is asked would go on for ever.
      if (calls > 1) return;
      const keys = fold.query({ by: { tag: "y" }, where: () => true }).map(({ key }) => key);
      assertEquals([keys, fold.has("b"), fold.count({ node: "n2" })], [["b"], true, 1]);
      fold.snapshot();
      fold.stats();
      for (const [name, change] of Object.entries(CHANGES)) {
        const error = assertThrows(() => change(fold), TypeError, "in the middle of something");
        assert(error.message.startsWith(`Cannot ${name.replace("Node", "")}`), error.message);
      }
    };
    call(fold, hooks, act);
    assert(calls > 0, "it was not called");
    call(expected, {}, () => {});
    assertEquals(seen(fold), seen(expected));
    // Afterwards it can be changed again.
    hooks.key =
      hooks.merge =
      hooks.index =
      hooks.sink =
      hooks.kindAudit =
        undefined;
    for (const change of Object.values(CHANGES)) change(fold);
    assertEquals([fold.has("a"), fold.count()], [false, 0]);
  });
}

/** Each function of a kind that `apply` calls before anything has changed. */
const THROWING: (keyof Hooks)[] = ["key", "merge", "index"];

for (const name of THROWING) {
  test(`what the ${name} of a kind throws is thrown by apply, and nothing has changed`, () => {
    const { fold, hooks } = hooked();
    fold.apply(item("n3", 1, "c"));
    fold.evict("c");
    using watch = fold.watch({ initial: false });
    const before = seen(fold);
    const reason = new Error("broken");
    hooks[name] = () => {
      throw reason;
    };
    const announcements = [
      item("n1", 1, "new", { tags: ["z"] }),
      item("n1", 2, "a", { tags: ["z"] }),
      item("n2", 2, "a", { tags: ["z"] }),
      item("n3", 2, "c", { tags: ["z"] }),
    ];
    for (const announcement of announcements) {
      assertStrictEquals(assertThrows(() => fold.apply(announcement)), reason);
      assertEquals(seen(fold), before);
    }
    assertEquals(drain(watch), []);
    hooks[name] = undefined;
    const outcomes = announcements.map((announcement) => fold.apply(announcement).outcome);
    assertEquals(outcomes, ["inserted", "replaced", "replaced", "inserted"]);
    assertEquals(fold.countBy("tag"), new Map([["x", 1], ["y", 1], ["z", 3]]));
  });
}

test("a fold that a function of its kind closes takes nothing any more", () => {
  for (const name of THROWING) {
    const { fold, hooks } = hooked();
    const { version } = fold;
    hooks[name] = () => fold.close();
    for (const announcement of [item("n1", 1, "new"), item("n1", 2, "a"), item("n2", 2, "a")]) {
      assertThrows(() => fold.apply(announcement));
      assertEquals([name, fold.size, fold.version], [name, 2, version]);
    }
  }
});

test("what a kind answers that is none is refused by apply, and nothing has changed", () => {
  let answer: unknown;
  const fold = foldOf({
    ...ITEMS,
    indexes: { color: () => "red", tag: ({ id }) => id === "tag" ? answer as string : ["x"] },
    merge: (existing, { payload }) => {
      if (payload.id === "merge") return answer as "insert";
      return existing === undefined ? "insert" : "replace";
    },
  }) as ItemFold;
  fold.apply(item("n1", 1, "a"));
  const before = seen(fold);
  for (answer of [undefined, null, 7, "upsert", {}, { reject: 7 }]) {
    const apply = () => fold.apply(item("n1", 2, "merge"));
    assertThrows(apply, TypeError, 'merge must answer "insert", "replace" or { reject: reason }');
  }
  for (answer of [NaN, {}, [["x"]], ["x", undefined], () => 1, Symbol("x")]) {
    const apply = () => fold.apply(item("n1", 2, "tag"));
    assertThrows(apply, TypeError, "values of the index tag must be strings, numbers, bigints or");
  }
  assertEquals(seen(fold), before);
});

test("a snapshot that the kind throws at is refused, and nothing has changed", () => {
  for (const name of ["key", "index"] as const) {
    const { fold, hooks } = hooked();
    const snapshot = fold.snapshot();
    fold.apply(item("n1", 2, "a", { tags: ["z"] }));
    using watch = fold.watch({ initial: false });
    const before = seen(fold);
    const cause = new Error("broken");
    for (const over of ["replace", "merge"] as const) {
      let calls = 0;
      hooks[name] = () => {
        if (++calls === 2) throw cause;
      };
      const error = assertThrows(() => fold.restore(snapshot, { over }), FoldSnapshotError);
      assertStrictEquals(error.cause, cause);
      hooks[name] = undefined;
      assertEquals(seen(fold), before);
    }
    assertEquals(drain(watch), []);
  }
});

test("a merge that throws while a snapshot is merged leaves the fold in order", () => {
  const { fold, hooks } = hooked();
  const source = foldOf(ITEMS);
  for (const id of ["a", "b", "c", "d"]) source.apply(item("n1", 5, id, { tags: ["z"] }));
  let calls = 0;
  hooks.merge = () => {
    if (++calls === 3) throw new Error("broken");
  };
  assertThrows(() => fold.restore(source.snapshot(), { over: "merge" }), Error, "broken");
  hooks.merge = undefined;
  // Whatever was merged before, indexes, owners and entries agree, and the rest can follow.
  const there = fold.query().filter(({ payload }) => payload.tags?.includes("z"));
  assertEquals([fold.count({ by: { tag: "z" } }), fold.count({ node: "n1" })], [
    there.length,
    fold.query().filter(({ node }) => node === "n1").length,
  ]);
  fold.restore(source.snapshot(), { over: "merge" });
  assertEquals([fold.count({ by: { tag: "z" }, node: "n1" }), fold.size], [4, 4]);
});

test("an audit that throws is counted and reported, and disturbs nobody", () => {
  const errors: unknown[] = [];
  const { fold, hooks } = hooked({ onError: (error) => errors.push(error) });
  using watch = fold.watch({ initial: false });
  const [first, second] = [new Error("sink"), new Error("kind")];
  hooks.sink = () => {
    throw first;
  };
  assertEquals(fold.apply(item("n1", 2, "a")).outcome, "replaced");
  hooks.kindAudit = () => {
    throw second;
  };
  assertEquals(fold.apply(item("n1", 2, "a")).reason, "stale");
  assertEquals([fold.evict("a"), fold.leave("n2")], [true, 1]);
  assertEquals(errors, [first, second, second, second]);
  assertEquals([fold.stats().auditErrors, fold.size], [4, 0]);
  assertEquals(brief(drain(watch)), ["replaced a", "evicted a", "left b"]);
});

test("an audit that throws is reported as the platform does, if nothing else is said", async () => {
  const { fold, hooks } = hooked();
  const reason = new Error("sink");
  hooks.sink = () => {
    throw reason;
  };
  assertEquals(await reportsOf(() => fold.evict("a")), [reason]);
});

test("whoever is told what an audit has thrown cannot change the fold in the middle of something", () => {
  const refusals: unknown[] = [];
  const { fold, hooks } = hooked({
    onError: () => {
      for (const change of Object.values(CHANGES)) {
        try {
          change(fold);
        } catch (error) {
          refusals.push(error);
        }
      }
    },
  });
  for (let id = 0; id < 5; id++) fold.apply(item("n1", 1, id, { tags: ["x"] }));
  using watch = fold.watch({ initial: false });
  let calls = 0;
  hooks.sink = () => {
    if (++calls <= 3) throw new Error("sink");
  };
  assertEquals(fold.evictNode("n1"), 6);
  const evicted = brief(drain(watch)).sort();
  assertEquals(evicted, ["a", 0, 1, 2, 3, 4].map((id) => `evicted ${id}`).sort());
  assertEquals([fold.size, fold.nodes(), fold.stats().evicted], [1, ["n2"], 6]);
  assertEquals(refusals.length, 3 * Object.keys(CHANGES).length);
});
