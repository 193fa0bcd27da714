import { assertEquals } from "@std/assert";
import {
  type Fields,
  type OpenSpanRecord,
  type Span,
  SpanCache,
  type SpanRecord,
} from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";

const AT = { name: "r", startMs: 1, durationMs: 1 };
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

function manyFields(count: number, prefix = "k"): Fields {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, i]));
}

test("a span holds so many fields, however they come, and others are counted", () => {
  const cache = new SpanCache({ maxFields: 3 });
  const span = cache.start("a", manyFields(5)).set(manyFields(2, "more")).set("one", 1);
  span.set("k0", "changed").event("e", manyFields(4)).end();
  cache.record({ ...AT, fields: manyFields(10), events: [{ name: "e", timeMs: 1 }] });
  const [first, second] = cache.page();
  assertEquals(first!.fields, { k0: "changed", k1: 1, k2: 2 });
  assertEquals([first!.events[0]!.fields, second!.fields], [manyFields(3), manyFields(3)]);
  assertEquals(cache.stats().droppedFields.count, 2 + 2 + 1 + 1 + 7);
});

test("what a span has of itself takes no place from its fields", () => {
  const cache = new SpanCache({ maxFields: 1, maxNames: 1 });
  cache.start("has the only place").end();
  const span = cache.start("has none").fail("message").link({
    traceId: TRACE,
    spanId: TRACE.slice(16),
  });
  span.set("a", 1).set("b", 2).end();
  const [, record] = cache.page();
  assertEquals([record!.name, record!.message, record!.links?.length, record!.fields], [
    "has none",
    "message",
    1,
    { a: 1 },
  ]);
});

test("no fields and no events at all: that is a bound like any other", () => {
  const cache = new SpanCache({ maxFields: 0, maxEvents: 0 });
  cache.start("a", { a: 1 }).set("b", 2).event("e", { c: 3 }).fail(new Error("no")).end();
  const [span] = cache.page();
  assertEquals([span!.fields, span!.events, span!.droppedEvents, span!.message], [{}, [], 2, "no"]);
  assertEquals([cache.stats().droppedFields.count, cache.stats().droppedEvents], [2, 2]);
});

test("a span holds so many events, and says how many it has lost", () => {
  const cache = new SpanCache({ maxEvents: 2 });
  const span = cache.start("a");
  for (let i = 0; i < 5; i++) span.event(`e${i}`);
  span.end();
  assertEquals(cache.addEvent(span.id, { name: "late", timeMs: 1 }), "dropped");
  const events = Array.from({ length: 6 }, (_, i) => ({ name: `r${i}`, timeMs: i }));
  cache.record({ ...AT, events, droppedEvents: 10 });
  const [first, second] = cache.page();
  assertEquals([first!.events.map(({ name }) => name), first!.droppedEvents], [["e0", "e1"], 4]);
  assertEquals([second!.events.map(({ name }) => name), second!.droppedEvents], [["r0", "r1"], 14]);
  assertEquals([cache.stats().events, cache.stats().droppedEvents], [4, 8]);
});

test("events that do not matter enough are left out, and not lost", () => {
  const cache = new SpanCache({ level: "info" });
  const events = [
    { name: "a", timeMs: 1, level: "debug" },
    { name: "b", timeMs: 1, level: "warn" },
  ] as const;
  const span = cache.start("a").event("a", {}, { level: "debug" }).event("b");
  span.end();
  cache.record({ ...AT, events });
  assertEquals(cache.addEvent(span.id, events[0]), "dropped");
  for (const { events, droppedEvents } of cache.page()) {
    assertEquals([events.map(({ name }) => name), droppedEvents], [["b"], undefined]);
  }
  assertEquals(cache.stats().droppedEvents, 0);
});

test("an event whose getters add events keeps to the bound", () => {
  const cache = new SpanCache({ maxEvents: 1 });
  const span = cache.start("a");
  span.event("outer", {
    get x() {
      span.event("inner");
      return 1;
    },
  });
  span.end();
  const [record] = cache.page();
  assertEquals([record!.events.length, record!.droppedEvents], [1, 1]);
});

test("lost events are counted up to 65,535 for a span", () => {
  const cache = new SpanCache({ maxEvents: 0 });
  cache.record({ ...AT, droppedEvents: 2 ** 40 });
  const span = cache.start("a");
  for (let i = 0; i < 65_540; i++) span.event("e");
  span.end();
  assertEquals(cache.page().map(({ droppedEvents }) => droppedEvents), [65_535, 65_535]);
  assertEquals(cache.stats().droppedEvents, 65_540);
});

test("so many spans run, and others are refused with all that is in them", () => {
  const cache = new SpanCache({ maxOpen: 2 });
  const spans = [1, 2].map(() => cache.start("a"));
  const refused = cache.start("refused");
  const within = refused.run(() => cache.span("within", (span) => span.recording));
  assertEquals([refused.recording, within], [false, false]);
  assertEquals(cache.stats().refused, { level: 0, chance: 0, full: 1, suppressed: 1, invalid: 0 });
  spans[0]!.end();
  assertEquals(cache.start("again").recording, true);
  assertEquals(cache.stats().open, 2);
});

test("one span that wants everything gets what there is, and no more", () => {
  const cache = new SpanCache({ capacity: 4, maxOpen: 2, maxBytes: 4_096, maxFields: 1_000 });
  for (let i = 0; i < 4; i++) cache.start(`n${i}`, { i }).end();
  const greedy = cache.start("greedy", manyFields(300));
  for (let i = 0; i < 50; i++) greedy.event(`e${i}`);
  greedy.end();
  const { held, bytes, maxBytes, droppedFields, droppedEvents } = cache.stats();
  assertEquals([held, bytes <= maxBytes], [1, true]);
  assertEquals(Object.keys(cache.page()[0]!.fields).length, 4_096 / 32);
  assertEquals([droppedFields.room, droppedEvents], [300 - 128, 50]);
  // And when it goes, there is room again.
  cache.clear();
  cache.start("modest", { a: 1 }).event("e").end();
  assertEquals([cache.page()[0]!.fields, cache.page()[0]!.events.length], [{ a: 1 }, 1]);
});

test("the links of one span do not throw out all other spans", () => {
  const cache = new SpanCache({ capacity: 100, maxOpen: 10 });
  for (let i = 0; i < 50; i++) cache.start("good", { i }).end();
  const link = { traceId: TRACE, spanId: TRACE.slice(16) };
  cache.record({ ...AT, links: Array.from({ length: 5_000 }, () => link) });
  const span = cache.start("own");
  for (let i = 0; i < 5_000; i++) span.link(link);
  span.end();
  assertEquals(cache.size, 52);
});

/** What was written to a span: everything that can be read of it must be among this. */
interface Written {
  name: string;
  readonly fields: Map<string, unknown>;
  readonly events: Set<string>;
  message?: string | undefined;
  ended: boolean;
}

const PIECES = ["a", "é", "中", "😀", "\ud800", "x".repeat(30), "ÿ".repeat(21), "中".repeat(9)];

/** Plays at random with a cache that has hardly any room, and compares all that is read with what was written. */
class Game {
  readonly #random: Random;
  readonly #cache: SpanCache;
  readonly #capacity: number;
  readonly #written: Map<string, Written> = new Map();
  readonly #open: [Span, Written][] = [];
  #now = 0;
  #records = 0;

  constructor(seed: number) {
    const random = this.#random = new Random(seed);
    this.#capacity = random.pick([1, 2, 3, 5, 17]);
    this.#cache = new SpanCache({
      capacity: this.#capacity,
      maxOpen: random.pick([1, 2, 3, 5]),
      maxBytes: 4_096,
      maxNames: random.pick([1, 2, 5, 100]),
      maxFields: random.pick([1, 3, 20]),
      maxEvents: random.pick([0, 1, 3, 20]),
      maxTextLength: random.pick([1, 7, 50, 1_000]),
      evict: random.pick(["oldest-opened", "oldest-closed"]),
      reserve: random.below(this.#capacity + 1),
      slowMs: random.pick([0, 1, Infinity]),
      clock: { now: () => this.#now, wallNow: () => 1e12 },
    });
  }

  step(): void {
    const random = this.#random;
    this.#now += random.pick([0, 0.5, 1]);
    const move = random.below(12);
    if (move < 3) return this.#start();
    if (move === 3) return this.#record();
    if (move === 4) return this.#addLate();
    if (move === 5 && random.below(20) === 0) return void this.#cache.clear();
    if (this.#open.length === 0) return;
    const at = random.below(this.#open.length);
    const [span, written] = this.#open[at]!;
    if (move < 8) {
      const fields = this.#fields();
      span.set(fields);
      for (const key in fields) written.fields.set(key, fields[key]);
    } else if (move === 8) {
      span.event(...this.#event(written));
    } else if (move === 9) {
      span.fail(written.message = this.#text());
    } else if (move === 10) {
      span.rename(written.name = this.#name());
    } else {
      this.#open.splice(at, 1);
      written.ended = true;
      span.end();
    }
  }

  check(): void {
    const { held, open, closed, recorded, evicted, cleared, opened, bytes, maxBytes } = this.#cache
      .stats();
    assertEquals([closed + recorded, opened], [held + evicted + cleared, open + closed]);
    assertEquals([held <= this.#capacity, bytes <= maxBytes], [true, true]);
    const spans = this.#cache.page({ limit: Infinity });
    const running = this.#cache.open();
    assertEquals([spans.length, running.length, open], [held, open, this.#open.length]);
    for (const span of spans) this.#checkSpan(span, true);
    for (const span of running) this.#checkSpan(span, false);
    const sums = this.#cache.aggregate();
    assertEquals([sum(sums, "count"), sum(sums, "open")], [held, open]);
  }

  end(): void {
    for (const [span] of this.#open) span.end();
    this.#cache.clear();
    assertEquals([this.#cache.stats().bytes, this.#cache.aggregate()], [0, []]);
  }

  #start(): void {
    const name = this.#name();
    const fields = this.#fields();
    const parent = this.#open.length > 0 ? this.#random.pick(this.#open)[0] : null;
    const span = this.#cache.start(name, fields, { parent });
    if (!span.recording) return;
    const written = this.#write(span.id, name, fields, false);
    this.#open.push([span, written]);
  }

  #record(): void {
    const id = (++this.#records).toString(16).padStart(16, "f");
    const name = this.#name();
    const fields = this.#fields();
    const written = this.#write(id, name, fields, true);
    written.message = this.#text();
    const [event, eventFields] = this.#event(written);
    this.#cache.record({
      id,
      name,
      fields,
      message: written.message,
      startMs: 1e12 + this.#now - this.#random.below(5),
      durationMs: this.#random.below(3),
      parentId: this.#random.pick([...this.#written.keys()].filter((other) => other !== id)),
      events: [{ name: event, timeMs: 1e12, fields: eventFields }],
    });
  }

  #addLate(): void {
    const ids = [...this.#written.keys()].slice(-10);
    if (ids.length === 0) return;
    const id = this.#random.pick(ids);
    const [name, fields] = this.#event(this.#written.get(id)!);
    this.#cache.addEvent(id, { name, timeMs: 1e12, fields });
  }

  #write(id: string, name: string, fields: Fields, ended: boolean): Written {
    assertEquals(this.#written.has(id), false, "an id came twice");
    const written = {
      name,
      fields: new Map(Object.entries(fields)),
      events: new Set<string>(),
      ended,
    };
    this.#written.set(id, written);
    return written;
  }

  #event(written: Written): [name: string, fields: Fields] {
    const mark = this.#random.below(1e9);
    const name = `${mark} ${this.#text()}`;
    written.events.add(name);
    return [name, { mark: name }];
  }

  #name(): string {
    return this.#random.pick([`n${this.#random.below(8)}`, this.#text()]);
  }

  #text(): string {
    let text = "";
    const pieces = this.#random.below(this.#random.pick([3, 12, 60]));
    for (let i = 0; i < pieces; i++) text += this.#random.pick(PIECES);
    return text;
  }

  #fields(): Fields {
    const fields: Record<string, string | number | boolean> = {};
    for (let i = this.#random.below(5); i > 0; i--) {
      const value = this.#random.pick([this.#text(), this.#random.next(), true, false]);
      fields[`k${this.#random.below(12)}`] = value;
    }
    return fields;
  }

  #checkSpan(span: SpanRecord | OpenSpanRecord, ended: boolean): void {
    const written = this.#written.get(span.id)!;
    assertEquals([written.ended, isOf(span.name, written.name)], [ended, true], span.name);
    for (const [key, value] of Object.entries(span.fields)) {
      const whole = written.fields.get(key);
      const fits = span.cut?.includes(key) === true ? isOf(value, whole) : Object.is(value, whole);
      assertEquals(fits, true, `${key}: ${value} of ${whole}`);
    }
    if (span.message !== undefined) assertEquals(isOf(span.message, written.message), true);
    for (const { name, fields } of span.events) {
      const of = [...written.events].filter((whole) =>
        isOf(name, whole) && isOf(fields.mark, whole)
      );
      assertEquals(of.length > 0, true, name);
    }
  }
}

/** Whether a value is another one, or its beginning. */
function isOf(value: unknown, whole: unknown): boolean {
  if (value === undefined || value === "(other)") return true;
  return typeof value === "string" ? String(whole).startsWith(value) : Object.is(value, whole);
}

function sum<K extends string>(rows: readonly Readonly<Record<K, number>>[], key: K): number {
  return rows.reduce((total, row) => total + row[key], 0);
}

test("with hardly any room, all that is read is what was written to that very span, and all adds up", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const game = new Game(seed);
    try {
      for (let step = 0; step < 150; step++) {
        game.step();
        game.check();
      }
      game.end();
    } catch (error) {
      throw new Error(`Seed ${seed} failed`, { cause: error });
    }
  }
});
