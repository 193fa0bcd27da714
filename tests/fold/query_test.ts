import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Fold, FoldEntry, FoldIndexValue, FoldKey, FoldQuery } from "../../fold/mod.ts";
import { Random } from "../_random.ts";
import { test } from "../_harness.ts";
import { isFit, randomBy } from "./_conditions.ts";
import { foldOf, HandClock } from "./_hand_clock.ts";
import { type Item, item, ITEMS } from "./_items.ts";

type ItemFold = Fold<FoldKey, Item, "tag" | "color">;
type ItemEntry = FoldEntry<FoldKey, Item>;
type ItemQuery = FoldQuery<FoldKey, Item, "tag" | "color">;

const TAGS: readonly FoldIndexValue[] = [
  "x",
  "y",
  "z",
  1,
  "1",
  1n,
  true,
  "true",
  false,
  0,
  -0,
  0.5,
];
const COLORS = ["red", "blue", "green"];

function keysOf(entries: readonly ItemEntry[]): unknown[] {
  return entries.map(({ key }) => key).sort();
}

/** A fold of many entries: some of which have expired, have moved to another node, or are in other indexes than before. */
function filled(random: Random, count: number): { fold: ItemFold; all: ItemEntry[] } {
  const clock = new HandClock();
  const fold = foldOf(ITEMS, { clock });
  for (let i = 0; i < 3 * count; i++) {
    const node = `n${random.below(4)}`;
    // Some values are on most entries, and some on few.
    const tags = TAGS.filter((_, i) => random.below(i + 2) === 0);
    const color = random.pick([...COLORS, null, undefined]);
    const ttlMs = random.below(4) === 0 ? 10 : 1_000;
    fold.apply(item(node, i + 1, random.below(count), { tags, color, n: i, ttlMs }));
    if (random.below(9) === 0) fold.evict(random.below(count));
  }
  clock.pass(10);
  // Not what queries are about, so it may be believed here.
  const all = Array.from({ length: count }, (_, id) => fold.get(id)).filter((entry) => !!entry);
  return { fold, all };
}

/** What a query means: a filter. */
function filter(all: readonly ItemEntry[], { by = {}, node, where }: ItemQuery): ItemEntry[] {
  return all.filter((entry) => {
    const { tags = [], color } = entry.payload;
    return isFit(tags, by.tag) &&
      isFit(color === null || color === undefined ? [] : [color], by.color) &&
      (node === undefined || entry.node === node) && (where === undefined || where(entry));
  });
}

function randomQuery(random: Random): ItemQuery {
  const least = random.below(200);
  const pools = { tag: [...TAGS, "none has it"], color: [...COLORS, "none has it"] };
  return {
    by: random.below(5) === 0 ? undefined : randomBy(random, pools),
    node: random.below(3) === 0 ? `n${random.below(5)}` : undefined,
    where: random.below(3) === 0 ? ({ payload }) => payload.n! >= least : undefined,
  };
}

test("a query finds what a filter would, whatever is asked of indexes, nodes and entries", () => {
  let found = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const { fold, all } = filled(random, 80);
    for (let i = 0; i < 150; i++) {
      const query = randomQuery(random);
      const expected = filter(all, query);
      const what = `seed ${seed}, ${
        JSON.stringify(query, (_, value) => typeof value === "bigint" ? `${value}n` : value)
      }`;
      assertEquals(keysOf(fold.query(query)), keysOf(expected), what);
      assertEquals(fold.count(query), expected.length, what);
      found += expected.length;
    }
  }
  assert(found > 20_000, `only ${found} entries were found`);
});

test("a limit is kept, and what is found within it fits", () => {
  const random = new Random(31);
  const { fold, all } = filled(random, 80);
  for (let i = 0; i < 500; i++) {
    const query = randomQuery(random);
    const expected = keysOf(filter(all, query));
    const limit = random.pick([0, 1, 2, 5, 80, Infinity]);
    const found = keysOf(fold.query({ ...query, limit }));
    assertEquals(found.length, Math.min(limit, expected.length));
    assert(found.every((key) => expected.includes(key)));
    assertEquals(new Set(found).size, found.length);
    assertEquals(fold.count({ ...query, limit }), found.length);
  }
});

test("counting and grouping by an index or by a function is what a filter would say", () => {
  const random = new Random(32);
  const { fold, all } = filled(random, 80);
  for (let i = 0; i < 300; i++) {
    const query = randomQuery(random);
    const tagged = new Map<FoldIndexValue, ItemEntry[]>();
    const owned = new Map<string, ItemEntry[]>();
    for (const entry of filter(all, query)) {
      for (const tag of new Set(entry.payload.tags)) {
        tagged.set(tag, [...tagged.get(tag) ?? [], entry]);
      }
      owned.set(entry.node, [...owned.get(entry.node) ?? [], entry]);
    }
    const sizes = <T>(groups: Map<T, ItemEntry[]>): Map<T, number> =>
      new Map([...groups].map(([value, entries]) => [value, entries.length]));
    const keys = <T>(groups: Map<T, ItemEntry[]>): Map<T, unknown[]> =>
      new Map([...groups].map(([value, entries]) => [value, keysOf(entries)]));
    const ofNode = ({ node }: ItemEntry): string => node;
    assertEquals(fold.countBy("tag", query), sizes(tagged));
    assertEquals(fold.countBy(ofNode, query), sizes(owned));
    assertEquals(keys(fold.groupBy("tag", query)), keys(tagged));
    assertEquals(keys(fold.groupBy(ofNode, query)), keys(owned));
  }
});

test("values of an index are equal only if they are of one type, and zero is zero", () => {
  const fold = foldOf(ITEMS);
  const values = [
    1,
    "1",
    1n,
    true,
    "true",
    0,
    "0",
    0n,
    false,
    "",
    0.1,
    -1,
    2 ** 53,
    2n ** 64n,
    "é",
  ];
  for (const [id, value] of values.entries()) {
    fold.apply(item("n1", 1, id, { tags: [value, value] }));
  }
  for (const [id, value] of values.entries()) {
    assertEquals(keysOf(fold.query({ by: { tag: value } })), [id]);
    assertEquals(fold.count({ by: { tag: [value, value] } }), 1);
  }
  assertEquals(keysOf(fold.query({ by: { tag: -0 } })), [5]);
  assertEquals(fold.countBy("tag"), new Map(values.map((value) => [value, 1])));
});

test("nothing has one of an empty list, and everything has all of an empty one", () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 1, "a", { tags: ["x"] }));
  fold.apply(item("n1", 1, "b"));
  assertEquals(fold.query({ by: { tag: [] } }), []);
  assertEquals(fold.query({ by: { tag: { all: ["x", []] } } }), []);
  assertEquals(keysOf(fold.query({ by: { tag: { all: [] } } })), ["a", "b"]);
  assertEquals(keysOf(fold.query({ by: {} })), ["a", "b"]);
  assertEquals(keysOf(fold.query({ by: { tag: undefined } })), ["a", "b"]);
  assertEquals(keysOf(fold.query({ by: { tag: { all: [["x", "y"], "x"] } } })), ["a"]);
});

test("an index follows its entries as they change, and forgets values that nobody has", () => {
  const fold = foldOf(ITEMS);
  const tags = (): string[] => [...fold.countBy("tag").keys()].map(String).sort();
  const colors = (): string[] => [...fold.countBy("color").keys()].map(String).sort();
  fold.apply(item("n1", 1, "a", { tags: ["x", "y"], color: "red" }));
  assertEquals([tags(), colors()], [["x", "y"], ["red"]]);
  fold.apply(item("n1", 2, "a", { tags: ["y", "x"], color: "red" }));
  assertEquals([tags(), colors()], [["x", "y"], ["red"]]);
  fold.apply(item("n2", 3, "a", { tags: ["z"], color: null }));
  assertEquals([tags(), colors()], [["z"], []]);
  assertEquals([fold.count({ by: { tag: "x" } }), fold.count({ by: { tag: "z" } })], [0, 1]);
  fold.apply(item("n2", 4, "a"));
  assertEquals([tags(), colors()], [[], []]);
  fold.apply(item("n2", 5, "a", { tags: ["x"] }));
  fold.evict("a");
  assertEquals([tags(), fold.count({ by: { tag: "x" } })], [[], 0]);
});

test("where is asked last, about entries that fit in all else, and no more than the limit needs", () => {
  const fold = foldOf(ITEMS);
  for (let id = 0; id < 20; id++) {
    const tags = id % 2 === 0 ? ["even"] : [];
    fold.apply(item(`n${id % 4}`, 1, id, { tags, color: id < 12 ? "red" : "blue" }));
  }
  const asked: unknown[] = [];
  const where = ({ key }: ItemEntry): boolean => asked.push(key) > 0;
  fold.query({ by: { tag: "even", color: "red" }, node: "n2", where });
  assertEquals(asked.sort(), [10, 2, 6]);
  asked.length = 0;
  fold.query({ by: { tag: "even" }, where, limit: 2 });
  assertEquals(asked.length, 2);
  fold.query({ by: { tag: "even" }, where, limit: 0 });
  assertEquals(asked.length, 2);
});

test("where gets entries as they are found, and what it throws is thrown", () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 1, "a", { tags: ["x"] }));
  const reason = new Error("no");
  const where = (): never => {
    throw reason;
  };
  const by = (): never => where();
  const asks = [
    () => fold.query({ where }),
    () => fold.count({ by: { tag: "x" }, where }),
    () => fold.countBy("tag", { where }),
    () => fold.groupBy(by),
  ];
  for (const ask of asks) assertEquals(assertThrows(ask), reason);
  // It has left nothing behind.
  assertEquals(fold.evict("a"), true);
});

test("a query that asks for what is no index is refused with the indexes that there are", () => {
  const fold = foldOf(ITEMS);
  const bare = foldOf({ id: 0x0f13, name: "bare", defaultTtlMs: 1, key: (node) => node });
  const message = 'by must name indexes of the kind (tag, color), received "size"';
  const by = { size: 1 } as ItemQuery["by"];
  for (const ask of [() => fold.query({ by }), () => fold.count({ by, limit: 0 })]) {
    assertThrows(ask, TypeError, message);
  }
  assertThrows(() => fold.countBy("size" as "tag"), TypeError, "by must be a function or name");
  assertThrows(() => fold.groupBy("size" as "tag"), TypeError, "by must be a function or name");
  assertThrows(() => bare.query({ by } as object), TypeError, "(none)");
  assertThrows(() => bare.countBy("size" as never), TypeError, "by must be a function or name");
  assertEquals(bare.query({ by: {} }), []);
});

test("a query that is not of its type is refused, whether there are entries or not", () => {
  for (const count of [0, 1]) {
    const fold = foldOf(ITEMS);
    if (count > 0) fold.apply(item("n1", 1, "a", { tags: ["x"] }));
    const wrong: [unknown, typeof Error, string][] = [
      [{ limit: -1 }, RangeError, "limit must be an integer"],
      [{ limit: 1.5 }, RangeError, "limit must be an integer"],
      [{ limit: NaN }, RangeError, "limit must be an integer"],
      [{ node: 7 }, TypeError, "node must be a text"],
      [{ where: true }, TypeError, "where must be a function"],
      [{ by: "tag" }, TypeError, "by must be an object"],
      [{ by: { tag: {} } }, TypeError, "by.tag must be a value, a list of values, or"],
      [{ by: { tag: { all: "x" } } }, TypeError, "by.tag must be a value, a list of values, or"],
      [{ by: { tag: { any: ["x"] } } }, TypeError, "by.tag must be a value, a list of values, or"],
      [{ by: { tag: NaN } }, TypeError, "values of the index tag must be"],
      [{ by: { tag: [{}] } }, TypeError, "values of the index tag must be"],
      [{ by: { tag: { all: [["x", Symbol()]] } } }, TypeError, "values of the index tag must be"],
    ];
    for (const [query, type, message] of wrong) {
      assertThrows(() => fold.query(query as ItemQuery), type, message);
    }
  }
});

test("null is refused as what it is: no condition", () => {
  const fold = foldOf(ITEMS);
  const [none, noTag] = [{ by: null }, { by: { tag: null } }] as unknown[] as ItemQuery[];
  assertThrows(() => fold.query(none), TypeError, "by must be an object of conditions");
  assertThrows(() => fold.query(noTag), TypeError, "by.tag must be a value, a list of values, or");
});

test("what is found is an entry of its own, with the payload that was announced", () => {
  const fold = foldOf(ITEMS);
  const announcement = item("n1", 1, "a", { tags: ["x"] });
  fold.apply(announcement);
  const [found] = fold.query({ by: { tag: "x" } });
  assert(found !== undefined && found !== fold.get("a"));
  assertEquals(found, fold.get("a"));
  assert(found.payload === announcement.payload);
  fold.apply(item("n2", 2, "a"));
  assertEquals([found.node, found.generation], ["n1", 1]);
});

test("asking for entries is counted, and nothing else is", () => {
  const fold = foldOf(ITEMS);
  fold.query();
  fold.count();
  fold.countBy("tag");
  fold.groupBy(({ node }) => node);
  fold.byNode("n1");
  assertEquals(fold.stats().queries, 5);
  fold.get("a");
  fold.has("a");
  fold.nodes();
  fold.restore(fold.snapshot());
  fold.watch().close();
  assertEquals(fold.stats().queries, 5);
});
