import { assertEquals, assertLess } from "@std/assert";
import { SpanCache } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { heapUsed } from "../_heap.ts";

const MB = 2 ** 20;
const AT = { name: "r", startMs: 1, durationMs: 1 };

/** A text of its own, of a million units, that is one piece. */
function hugeText(seed: number): string {
  return JSON.parse(`"${`${seed}-`.padEnd(1_000, "abcdefghij").repeat(1_000)}"`);
}

test("a huge text is bounded and said to be cut, wherever it comes", () => {
  const cache = new SpanCache({ maxTextLength: 100 });
  const huge = hugeText(1);
  cache.start("a", { huge, short: "s" })
    .set("set", huge)
    .event(huge, { huge })
    .fail(huge)
    .end();
  cache.record({ ...AT, message: huge, fields: { huge }, events: [{ name: huge, timeMs: 1 }] });
  const [span, recorded] = cache.page();
  const beginning = huge.slice(0, 100);
  assertEquals(span!.fields, { huge: beginning, short: "s", set: beginning });
  assertEquals([...span!.cut!].sort(), ["huge", "message", "set"]);
  const [event] = span!.events;
  assertEquals([event!.name, event!.fields, [...event!.cut!].sort()], [
    beginning,
    { huge: beginning },
    ["huge", "name"],
  ]);
  assertEquals([span!.message, recorded!.message], [beginning, beginning]);
  assertEquals([...recorded!.cut!].sort(), ["huge", "message"]);
  assertEquals([recorded!.events[0]!.name, recorded!.events[0]!.cut], [beginning, ["name"]]);
  assertEquals(cache.stats().cutTexts, 8);
});

test("an error with a huge message and stack is bounded, too", () => {
  const cache = new SpanCache({ maxTextLength: 50 });
  cache.start("a").fail(new Error(hugeText(2))).end();
  const [span] = cache.page();
  assertEquals(span!.message!.length, 50);
  const { fields, cut } = span!.events[0]!;
  assertEquals(Object.values(fields).every((value) => String(value).length <= 50), true);
  assertEquals([...cut!].sort(), ["exception.message", "exception.stacktrace"]);
});

test("a text of just the length is whole, and one unit more is not", () => {
  for (const length of [1, 7, 8, 9, 19, 20, 21, 22, 47, 48, 49, 76, 77, 1_024]) {
    const cache = new SpanCache({ maxTextLength: length });
    for (const unit of ["a", "\u00ff", "\u0100", "\u4e2d"]) {
      const whole = unit.repeat(length);
      cache.start("a", { whole, more: whole + unit }).event(whole).event(whole + unit).end();
      const { fields, cut, events } = cache.page({ limit: Infinity }).at(-1)!;
      assertEquals([fields, cut], [{ whole, more: whole }, ["more"]], `${length} ${unit}`);
      assertEquals(events.map((event) => [event.name, event.cut]), [
        [whole, undefined],
        [whole, ["name"]],
      ]);
    }
  }
});

test("a character is not cut in two, by length or for want of room", () => {
  for (let length = 1; length < 20; length++) {
    const cache = new SpanCache({ maxTextLength: length });
    cache.start("a", { even: "😀".repeat(20), odd: `a${"😀".repeat(20)}` }).event("😀".repeat(20))
      .end();
    const [span] = cache.page();
    for (const text of [span!.fields.even, span!.fields.odd, span!.events[0]!.name] as string[]) {
      assertEquals([text.isWellFormed(), length - text.length <= 1], [true, true], `${length}`);
    }
  }
  for (let taken = 0; taken < 20; taken++) {
    const cache = new SpanCache({ capacity: 1, maxOpen: 1, maxBytes: 4_096 });
    const span = cache.start(
      "a",
      Object.fromEntries([...Array(100 + taken).keys()].map((key) => [
        key,
        key,
      ])),
    );
    span.set("even", "😀".repeat(400)).set("odd", `a${"😀".repeat(400)}`).end();
    for (const text of Object.values(cache.page()[0]!.fields)) {
      assertEquals(String(text).isWellFormed(), true, `${taken}`);
    }
  }
});

test("halves of characters that come alone are kept as they are", () => {
  const cache = new SpanCache();
  const texts = ["\ud800", "a\udc00", "\udc00\ud800", "x".repeat(40) + "\ud83d"];
  for (const text of texts) cache.start(text, { text }).event(text).fail(text).end();
  assertEquals(
    cache.page().map(({ name, fields, events, message }) => [
      name,
      fields.text,
      events[0]!.name,
      message,
    ]),
    texts.map((text) => [text, text, text, text]),
  );
});

test("a text says that it was cut for want of room, and what it has lost is counted", () => {
  const cache = new SpanCache({ capacity: 1, maxOpen: 1, maxBytes: 4_096, maxTextLength: 100_000 });
  const text = hugeText(3).slice(0, 50_000);
  const span = cache.start("a", { text }).event("late", { x: 1 });
  span.end();
  const [record] = cache.page();
  assertEquals(record!.cut, ["text"]);
  assertEquals(text.startsWith(record!.fields.text as string), true);
  assertEquals([record!.events, record!.droppedEvents], [[], 1]);
  const { cutTexts, droppedEvents, bytes, maxBytes } = cache.stats();
  assertEquals([cutTexts, droppedEvents, bytes <= maxBytes], [1, 1, true]);
});

test("a new value of a text gives back the room of the one before", () => {
  const cache = new SpanCache();
  const span = cache.start("a", { text: "" });
  const empty = cache.stats().bytes;
  for (const text of ["b".repeat(1_000), "中".repeat(1_000), "short", "", "b".repeat(21)]) {
    span.set("text", text).set("text", 7).set("text", text).set("text", "");
    assertEquals(cache.stats().bytes, empty);
  }
  span.end();
  cache.clear();
  assertEquals(cache.stats().bytes, 0);
});

test("short pieces of huge texts keep nothing else of them alive", () => {
  const cache = new SpanCache({ capacity: 1_000, maxNames: 1_000 });
  const before = heapUsed();
  for (let i = 0; i < 40; i++) {
    const piece = hugeText(i).slice(0, 40);
    cache.start(piece, { [piece]: piece }).event(piece, { [piece]: piece }).fail(piece).end();
  }
  assertLess(heapUsed() - before, 8 * MB);
  assertEquals(cache.size, 40);
});

test("ids that are cut out of huge texts keep nothing else of them alive", () => {
  const cache = new SpanCache({ capacity: 1_000 });
  const before = heapUsed();
  const idOf = (i: number): string => {
    const id = i.toString(16).padStart(16, "a");
    return JSON.parse(`"${id}${hugeText(i)}"`).slice(0, 16);
  };
  for (let i = 0; i < 40; i++) cache.record({ ...AT, id: idOf(i), parentId: idOf(i + 1_000) });
  assertLess(heapUsed() - before, 8 * MB);
  assertEquals(cache.get(idOf(7))?.parentId, idOf(1_007));
});

test("huge texts, again and again, take no more than there is", () => {
  const cache = new SpanCache({ capacity: 100, maxOpen: 10, maxTextLength: 2 ** 24 });
  const text = hugeText(4).slice(0, 100_000);
  for (let i = 0; i < 100; i++) {
    cache.start("a", { text, i }).event(text, { text }).end();
    const { bytes, maxBytes, held } = cache.stats();
    assertEquals([bytes <= maxBytes, held > 0], [true, true]);
  }
  assertEquals(cache.page({ limit: Infinity }).at(-1)!.cut?.includes("text"), true);
});
