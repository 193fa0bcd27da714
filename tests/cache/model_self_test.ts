import { assertEquals } from "@std/assert";
import type { Span, SpanInput } from "../../cache/mod.ts";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { clocked } from "./_clocked.ts";

interface Life {
  readonly span: Span;
  readonly parent: number | undefined;
  readonly start: number;
  end: number | undefined;
}

/** In how many eighths of a millisecond a span runs and none of its children does: each of them is looked at. */
function aloneIn(lives: readonly Life[], number: number, until: number): number {
  const { start, end = until } = lives[number]!;
  let alone = 0;
  for (let at = start; at < end; at++) {
    const isChild = (life: Life): boolean =>
      life.parent === number && life.start <= at && at < (life.end ?? until);
    if (!lives.some(isChild)) alone++;
  }
  return alone;
}

test("The self time of a span is that in which no child of it was running, however those overlap and outlive it", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    const { cache, clock } = clocked();
    const lives: Life[] = [];
    let now = 0;
    const running = (): Life[] => lives.filter(({ end }) => end === undefined);
    const check = (): void => {
      const open = new Map(cache.open().map((span) => [span.id, span]));
      lives.forEach(({ span: { id }, end }, number) => {
        const { selfMs, durationMs } = (end === undefined ? open : held()).get(id)!;
        const { start } = lives[number]!;
        assertEquals(durationMs, ((end ?? now) - start) / 8);
        assertEquals(selfMs, aloneIn(lives, number, now) / 8, `span ${number} of seed ${seed}`);
      });
    };
    const held = () => new Map(cache.page({ limit: Infinity }).map((span) => [span.id, span]));
    for (let step = 0; step < 40; step++) {
      const kind = random.below(4);
      if (kind === 0 && running().length > 0) {
        const life = random.pick(running());
        life.end = now;
        life.span.end();
      } else if (kind === 1) {
        const passed = random.below(6);
        clock.pass(passed / 8);
        now += passed;
      } else {
        // In one that runs, so that parents never have children that begin after them.
        const parents = running();
        const parent = random.below(5) === 0 || parents.length === 0
          ? undefined
          : random.pick(parents);
        const number = parent === undefined ? undefined : lives.indexOf(parent);
        const span = cache.start("span", {}, { parent: parent?.span ?? null });
        lives.push({ span, parent: number, start: now, end: undefined });
      }
      if (step % 5 === 0) check();
    }
    for (const life of running()) {
      life.end = now;
      life.span.end();
    }
    check();
  }
});

/** Records spans in some order, and answers their self times by their names. */
function selfTimes(spans: readonly SpanInput[]): Map<string, number> {
  const { cache } = clocked();
  for (const span of spans) cache.record(span);
  return new Map(cache.page({ limit: Infinity }).map(({ name, selfMs }) => [name, selfMs]));
}

function shuffled<T>(random: Random, values: readonly T[]): T[] {
  const rest = [...values];
  return values.map(() => rest.splice(random.below(rest.length), 1)[0]!);
}

test("The self time of a span from elsewhere is what its children leave of it, in whatever order they come", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    // Children follow each other within their parents.
    const spans: SpanInput[] = [];
    const expected = new Map<string, number>();
    const grow = (parentId: string | undefined, startMs: number, durationMs: number): void => {
      const number = spans.length + 1;
      const [name, id] = [`span ${number}`, number.toString(16).padStart(16, "0")];
      spans.push({
        name,
        id,
        startMs,
        durationMs,
        ...(parentId === undefined ? {} : { parentId }),
      });
      let left = durationMs;
      for (let at = startMs; spans.length < 40 && random.below(3) > 0;) {
        const begin = at + random.below(8) / 8;
        const takes = random.below(1 + 4 * Math.max(0, durationMs - (begin - startMs))) / 8;
        if (begin + takes > startMs + durationMs) break;
        grow(id, begin, takes);
        left -= takes;
        at = begin + takes;
      }
      expected.set(name, left);
    };
    grow(undefined, START_MS, 64);
    for (const order of [spans, spans.toReversed(), shuffled(random, spans)]) {
      const actual = selfTimes(order);
      for (const [name, selfMs] of expected) {
        assertEquals(actual.get(name), selfMs, `${seed} ${name}`);
      }
    }
  }
});

test("The self time of a span from elsewhere is not less for the time by which a child outlives it, in whatever order they come", () => {
  const [id, startMs] = ["00000000000000aa", START_MS];
  const parent = { name: "parent", id, startMs, durationMs: 10 };
  const child = { name: "child", parentId: id, startMs: startMs + 5, durationMs: 15 };
  assertEquals(selfTimes([parent, child]).get("parent"), 5);
  assertEquals(selfTimes([child, parent]).get("parent"), 5);
});

test("The self time of a running span is less for children of it that have ended elsewhere", () => {
  const { cache, clock } = clocked();
  const span = cache.start("upload");
  clock.pass(20);
  cache.record({ name: "resize", parentId: span.id, startMs: START_MS + 5, durationMs: 10 });
  // It was begun before its parent, as the clocks of the two have it.
  cache.record({ name: "early", parentId: span.id, startMs: START_MS - 3, durationMs: 5 });
  assertEquals(cache.open()[0]?.selfMs, 8);
  span.end();
  assertEquals(cache.get(span.id)?.selfMs, 8);

  cache.record({ name: "late", parentId: span.id, startMs: START_MS + 15, durationMs: 9 });
  assertEquals(cache.get(span.id)?.selfMs, 3);
  const [row] = cache.aggregate().filter(({ name }) => name === "upload");
  assertEquals(row?.selfMs, 3);
});

test("A self time that was brought along stays what it was", () => {
  const { cache } = clocked();
  const id = "00000000000000aa";
  cache.record({ name: "early", parentId: id, startMs: START_MS, durationMs: 4 });
  cache.record({ name: "parent", id, startMs: START_MS, durationMs: 10, selfMs: 7 });
  cache.record({ name: "late", parentId: id, startMs: START_MS, durationMs: 4 });
  assertEquals(cache.get(id)?.selfMs, 7);
  // No more than all of it.
  cache.record({ name: "much", id: "00000000000000bb", startMs: 0, durationMs: 1, selfMs: 2 });
  assertEquals(cache.get("00000000000000bb")?.selfMs, 1);
});
