import { assert, assertEquals } from "@std/assert";
import { Tap } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { assertStats, valuesOf } from "./_sessions.ts";

interface Counts {
  readonly counts: readonly { readonly value: string; readonly count: number }[];
  readonly none: number;
  readonly other: number;
  readonly total: number;
}

/** What is counted of some events, by the values at `k`. */
async function counted(
  ...events: readonly unknown[]
): Promise<Omit<Counts, "counts"> & { readonly values: Record<string, number> }> {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", countBy: "k" })!;
  for (const event of events) tap.offer("decoded", event);
  assertStats(session, { seen: events.length, matched: events.length, counted: events.length });
  session.close();
  const [{ counts, ...rest }] = (await valuesOf(session)) as [Counts];
  return { ...rest, values: Object.fromEntries(counts.map(({ value, count }) => [value, count])) };
}

test("countBy counts no object, and an event that has nothing else at its path has none", async () => {
  for (
    const k of [{}, { a: 1 }, [{ a: 1 }], [], [[]], [[{}]], new Map([["a", 1]]), new Error("x")]
  ) {
    assertEquals(await counted({ k }), { values: {}, none: 1, other: 0, total: 1 });
  }
  // What an object stands for is what JSON makes of it.
  assertEquals((await counted({ k: { toJSON: () => "x" } })).values, { x: 1 });
  assertEquals((await counted({ k: { toJSON: () => ({ a: 1 }) } })).none, 1);
  assertEquals((await counted({ k: [new String("s"), new Number(2), new Date(0)] })).values, {
    s: 1,
    "2": 1,
    "1970-01-01T00:00:00.000Z": 1,
  });
});

test("countBy counts the elements of an array at the end of its path, however deep they are", async () => {
  assertEquals((await counted({ k: ["a", "b", "a"] })).values, { a: 2, b: 1 });
  assertEquals((await counted({ k: [["a", [[["b"]]], { c: 1 }], null, true, 1.5] })).values, {
    a: 1,
    b: 1,
    null: 1,
    true: 1,
    "1.5": 1,
  });
  assertEquals((await counted([{ k: ["a"] }, { k: "b" }, { x: 1 }])).values, { a: 1, b: 1 });
});

test("countBy counts at most 100 values of one event, the first ones", async () => {
  for (const length of [99, 100, 101, 5_000]) {
    const k = Array.from({ length }, (_, id) => `v${id}`);
    const { values } = await counted({ k });
    assertEquals(Object.keys(values).length, Math.min(length, 100), `${length}`);
    assert("v98" in values && !("v100" in values));
  }
  const same = Array(5_000).fill("same");
  assertEquals((await counted({ k: same }, { k: "same" })).values, { same: 101 });
  assertEquals((await counted({ k: Array.from({ length: 5_000 }, () => ["x", "y"]) })).values, {
    x: 50,
    y: 50,
  });
});

test("countBy counts none of an event that is too much work to read", async () => {
  const tooMuch = { k: Array.from({ length: 200_000 }, () => ({})) };
  assertEquals(await counted(tooMuch), { values: {}, none: 1, other: 0, total: 1 });
  // Nor does that take anything from those that come next.
  assertEquals((await counted(tooMuch, { k: "a" })).values, { a: 1 });
});

test("countBy says nothing of credentials in objects, nor of those in texts", async () => {
  const { values, none } = await counted(
    { k: { password: "hunter2" } },
    { k: [{ token: "hunter2" }, "token=hunter2"] },
    { k: "ok" },
  );
  assertEquals(values, { "token=[redacted]": 1, ok: 1 });
  assertEquals(none, 1);
});
