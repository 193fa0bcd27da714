import { assert, assertEquals, assertLess } from "@std/assert";
import { foldedStacks, type SpanRecord } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { clocked } from "./_clocked.ts";

function span(id: string, name: string, selfMs: number, parentId?: string): SpanRecord {
  const known = {
    seq: 1,
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    level: "info",
    kind: "internal",
    status: "unset",
    startMs: 0,
    durationMs: selfMs,
    fields: {},
    events: [],
  } as const;
  return { ...known, id, name, selfMs, ...(parentId === undefined ? {} : { parentId }) };
}

/** Lines as a tool reads them: a stack, a space, and a number. Throws at those that are none. */
function read(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  // What divides lines for tools that are written in JavaScript.
  for (const line of text.split(/\r\n|[\n\r\u2028\u2029]/)) {
    if (line === "") continue;
    const found = /^(.+) (\d+)$/.exec(line);
    assert(found !== null, line);
    assert(!lines.has(found[1]!), `twice: ${line}`);
    lines.set(found[1]!, Number(found[2]));
  }
  return lines;
}

/** The same as is asked for, as plainly as can be. */
function naive(spans: readonly SpanRecord[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const span of spans) {
    const names: string[] = [];
    let at: SpanRecord | undefined = span;
    while (at !== undefined) {
      names.unshift(at.name);
      const { parentId }: SpanRecord = at;
      at = spans.find(({ id }) => id === parentId);
    }
    const stack = names.join(";");
    sums.set(stack, (sums.get(stack) ?? 0) + span.selfMs);
  }
  return new Map([...sums].map(([stack, ms]) => [stack, Math.round(ms * 1e3)]));
}

test("foldedStacks() sums up as a brute force does, in whatever order spans come", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = new Random(seed);
    const spans: SpanRecord[] = [];
    for (let i = 0; i < 60; i++) {
      // Some of them in none, and some in one that is not there.
      const parent = random.pick([random.below(60), i - 1, 1_000]);
      // A parent has a smaller number, so that nothing is in itself.
      const parentId = parent < 0 ? undefined : parent < i || parent === 1_000 ? `${parent}` : "x";
      spans.push(span(`${i}`, random.pick(["a", "b", "c d"]), random.below(5_000) / 1e3, parentId));
    }
    const shuffled = spans.map((span) => ({ span, at: random.next() }))
      .sort((a, b) => a.at - b.at).map(({ span }) => span);
    const expected = naive(spans);
    const text = foldedStacks(shuffled);
    const lines = read(text);
    assertEquals([...lines.keys()], [...expected.keys()].sort(), `seed ${seed}`);
    for (const [stack, micros] of lines) assertEquals(micros, expected.get(stack), stack);
    assertEquals(text, foldedStacks(spans));
  }
});

test("foldedStacks() keeps what divides names and lines out of names", () => {
  const names = ["a;b", "a\nb", "a\r\nb", "a\rb", ";", "a\u2028b", "a\u2029b"];
  for (const name of names) {
    const lines = read(foldedStacks([span("1", name, 1), span("2", name, 2, "1")]));
    const [outer, inner] = [...lines.keys()];
    assertEquals(lines.size, 2, JSON.stringify(name));
    assertEquals(outer!.split(";").length, 1, JSON.stringify(name));
    assertEquals(inner!.split(";"), [outer, outer], JSON.stringify(name));
    assertEquals([...lines.values()], [1_000, 2_000]);
  }
});

test("foldedStacks() keeps names that end with numbers, and has one for those without any", () => {
  const lines = read(foldedStacks([span("1", "page 7", 1), span("2", "", 2, "1")]));
  assertEquals([...lines.values()], [1_000, 2_000]);
  assertEquals([...lines.keys()][0], "page 7");
  assertEquals([...lines.keys()][1]!.split(";")[0], "page 7");
  assert([...lines.keys()][1]!.split(";")[1] !== "");
});

test("foldedStacks() ends for spans that claim to be within each other, and loses no time", () => {
  const rings = [
    [span("1", "a", 1, "1")],
    [span("1", "a", 1, "2"), span("2", "b", 2, "1")],
    [
      span("1", "a", 1, "3"),
      span("2", "b", 2, "1"),
      span("3", "c", 3, "2"),
      span("4", "d", 4, "2"),
    ],
  ];
  for (const ring of rings) {
    const lines = read(foldedStacks(ring));
    const total = ring.reduce((sum, { selfMs }) => sum + selfMs * 1e3, 0);
    assertEquals([...lines.values()].reduce((sum, micros) => sum + micros, 0), total);
    assertEquals(
      [...lines.keys()].map((stack) => stack.split(";").at(-1)).sort(),
      ring.map(({ name }) => name),
    );
  }
});

test("foldedStacks() begins a stack with a span whose parent is elsewhere", () => {
  const lines = read(foldedStacks([span("2", "b", 2, "1"), span("3", "c", 3, "2")]));
  assertEquals([...lines], [["b", 2_000], ["b;c", 3_000]]);
});

test("foldedStacks() of a chain of many spans is not as long as its square", () => {
  const spans = Array.from(
    { length: 20_000 },
    (_, i) => span(`${i}`, "deep", 1, i === 0 ? undefined : `${i - 1}`),
  );
  for (const order of [spans, spans.toReversed()]) {
    const text = foldedStacks(order);
    assertLess(text.length, 1_000_000);
    const lines = read(text);
    assertEquals([...lines.values()].reduce((sum, micros) => sum + micros, 0), 20_000_000);
  }
});

test("foldedStacks() of a cache is all the time that it has seen, once", () => {
  const { cache, clock } = clocked();
  cache.spanSync("outer", () => {
    clock.pass(1);
    for (const name of ["first", "second", "first"]) {
      cache.spanSync(name, () => {
        clock.pass(2);
        cache.spanSync("inner", () => clock.pass(3));
      });
    }
    clock.pass(1);
  });
  assertEquals([...read(foldedStacks(cache.page()))], [
    ["outer", 2_000],
    ["outer;first", 4_000],
    ["outer;first;inner", 6_000],
    ["outer;second", 2_000],
    ["outer;second;inner", 3_000],
  ]);
});

test("foldedStacks() of nothing is nothing", () => assertEquals(foldedStacks([]), ""));
