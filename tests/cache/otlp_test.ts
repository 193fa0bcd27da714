import { assert, assertEquals } from "@std/assert";
import { otlpJson, SpanCache, type SpanRecord } from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { START_MS } from "../_hand_clock.ts";
import { Random } from "../_random.ts";
import { clocked } from "./_clocked.ts";
import { type Json, received } from "./_otlp_reader.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const SPAN = "53995c3f42cd8ad8";
const BASE = { name: "GET", startMs: START_MS, durationMs: 1 };

// deno-lint-ignore no-explicit-any
async function receivedSpan(span: SpanRecord): Promise<any> {
  const { resourceSpans: [{ scopeSpans: [{ spans: [only] }] }] } = await received(
    otlpJson([span]),
    // deno-lint-ignore no-explicit-any
  ) as any;
  return only;
}

function recorded(...[span]: Parameters<SpanCache["record"]>): SpanRecord {
  const cache = new SpanCache({ clock: { now: () => 0, wallNow: () => 0 } });
  assert(cache.record(span));
  return cache.page()[0]!;
}

test("A collector reads everything of a span, to the nanosecond", async () => {
  const read = await receivedSpan(recorded({
    ...BASE,
    id: SPAN,
    traceId: TRACE,
    parentId: PARENT,
    kind: "client",
    status: "error",
    message: "no answer",
    startMs: 86_400_000.000_001,
    durationMs: 0.000_002,
    level: "warn",
    abandoned: true,
    fields: { text: "é𝄞", yes: true, no: false, whole: -7, part: 0.5, zero: 0 },
    events: [{ name: "retry", timeMs: 86_400_000.25, level: "error", fields: { attempt: 1 } }],
    links: [{ traceId: TRACE, spanId: PARENT }],
    droppedEvents: 3,
  }));
  assertEquals(read, {
    traceId: TRACE,
    spanId: SPAN,
    parentSpanId: PARENT,
    name: "GET",
    kind: 3,
    startTimeUnixNano: "86400000000001",
    endTimeUnixNano: "86400000000003",
    attributes: [
      { key: "text", value: { stringValue: "é𝄞" } },
      { key: "yes", value: { boolValue: true } },
      { key: "no", value: { boolValue: false } },
      { key: "whole", value: { intValue: "-7" } },
      { key: "part", value: { doubleValue: 0.5 } },
      { key: "zero", value: { intValue: "0" } },
      { key: "weir.level", value: { stringValue: "warn" } },
      { key: "weir.abandoned", value: { boolValue: true } },
    ],
    events: [{
      timeUnixNano: "86400000250000",
      name: "retry",
      attributes: [
        { key: "attempt", value: { intValue: "1" } },
        { key: "weir.level", value: { stringValue: "error" } },
      ],
    }],
    droppedEventsCount: 3,
    links: [{ traceId: TRACE, spanId: PARENT }],
    status: { code: 2, message: "no answer" },
  });
});

test("A collector reads a span of which nothing is known but its name and its times", async () => {
  const { cache, clock } = clocked();
  const span = cache.start("");
  clock.pass(1.5);
  span.end();
  const [record] = cache.page();
  assertEquals(await receivedSpan(record!), {
    traceId: record!.traceId,
    spanId: record!.id,
    name: "",
    kind: 1,
    startTimeUnixNano: `${START_MS}000000`,
    endTimeUnixNano: `${START_MS + 1}500000`,
    droppedEventsCount: 0,
    status: { code: 0 },
  });
});

test("A collector reads each kind and each status", async () => {
  const kinds = ["internal", "server", "client", "producer", "consumer"] as const;
  for (const [number, kind] of kinds.entries()) {
    assertEquals((await receivedSpan(recorded({ ...BASE, kind }))).kind, number + 1);
  }
  for (const [code, status] of (["unset", "ok", "error"] as const).entries()) {
    assertEquals((await receivedSpan(recorded({ ...BASE, status }))).status, { code });
  }
});

test("A collector reads numbers as they are, also those that JSON does not have", async () => {
  const numbers: Record<string, [number | bigint, Json]> = {
    largest: [2 ** 53 - 1, { intValue: "9007199254740991" }],
    least: [-(2 ** 53 - 1), { intValue: "-9007199254740991" }],
    larger: [2 ** 53, { doubleValue: 2 ** 53 }],
    huge: [1e300, { doubleValue: 1e300 }],
    tiny: [5e-324, { doubleValue: 5e-324 }],
    minus: [-0, { doubleValue: -0 }],
    nan: [NaN, { doubleValue: "NaN" }],
    more: [Infinity, { doubleValue: "Infinity" }],
    less: [-Infinity, { doubleValue: "-Infinity" }],
    big: [7n, { intValue: "7" }],
    bigger: [2n ** 64n, { stringValue: "18446744073709551616" }],
  };
  const fields = Object.fromEntries(Object.entries(numbers).map(([key, [value]]) => [key, value]));
  const span = recorded({ ...BASE, fields });
  const { attributes } = await receivedSpan(span);
  const expected = Object.entries(numbers).map(([key, [, value]]) => ({ key, value }));
  // JSON writes -0 as 0, which is the same number to a collector.
  expected[5]!.value = { doubleValue: 0 };
  assertEquals(attributes, expected);
});

test("Whatever texts there are, what is posted has only characters that UTF-8 has", async () => {
  const odd = "a\ud800b\udc00";
  const span = recorded({
    ...BASE,
    name: `name ${odd}`,
    message: `message ${odd}`,
    fields: { [`key ${odd}`]: `value ${odd}` },
    events: [{ name: `event ${odd}`, timeMs: START_MS, fields: { [`event key ${odd}`]: odd } }],
  });
  const posted = otlpJson([span], { resource: { [`resource key ${odd}`]: odd } });
  const bad: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === "string" && !value.isWellFormed()) bad.push(value);
    if (typeof value === "object" && value !== null) Object.values(value).forEach(visit);
  };
  visit(posted);
  assertEquals(bad, []);
  await received(posted);
});

test("Control characters, and keys that objects have by themselves, arrive", async () => {
  const texts = ["", "\0", "\u2028", "\\\"'", "\r\n\t", "\ufeff", "￿", "__proto__", "constructor"];
  const fields = Object.fromEntries(texts.map((text) => [text, text]));
  const { attributes } = await receivedSpan(recorded({ ...BASE, fields }));
  assertEquals(
    attributes,
    texts.map((text) => ({ key: text, value: { stringValue: text } })),
  );
});

test("Times that OTLP has not do not spoil what is posted beside them", () => {
  const cache = new SpanCache({ clock: { now: () => 0, wallNow: () => 0 } });
  for (const startMs of [-1, -1e15, 0, 1e12, 1.9e13, 1e15, 1e300]) {
    for (const durationMs of [0, 1, 1e9, 1e300]) {
      try {
        cache.record({ name: "odd", startMs, durationMs });
      } catch (error) {
        // It may refuse those that it cannot keep.
        assert(error instanceof RangeError);
      }
    }
  }
  const spans = cache.page();
  const posted = otlpJson(spans).resourceSpans[0]!.scopeSpans[0]!.spans;
  const isTime = (text: string): boolean => {
    const nanos = BigInt(text);
    return nanos >= 0n && nanos < 2n ** 64n;
  };
  assertEquals(
    posted.flatMap(({ startTimeUnixNano, endTimeUnixNano }) =>
      [startTimeUnixNano, endTimeUnixNano].filter((text) => !isTime(text))
    ),
    [],
  );
});

test("Many spans at random arrive as they are", async () => {
  const random = new Random(7);
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => random.below(15) + 1).map((one) => one.toString(16))
      .join("");
  const { cache } = clocked();
  for (let i = 0; i < 500; i++) {
    cache.record({
      name: `span ${random.below(9)}`,
      id: hex(16),
      traceId: hex(32),
      startMs: START_MS + Math.floor(random.next() * 1e9),
      durationMs: random.below(1e6) / 1e3,
      fields: { i, half: i + 0.5, text: `${i}`, even: i % 2 === 0 },
      links: Array.from({ length: random.below(3) }, () => ({ traceId: hex(32), spanId: hex(16) })),
    });
  }
  const records = cache.page({ limit: Infinity });
  const { resourceSpans } = await received(
    otlpJson(records, { resource: { "service.name": "s" } }),
  );
  // deno-lint-ignore no-explicit-any
  const [{ resource, scopeSpans: [{ scope, spans }] }] = resourceSpans as any;
  assertEquals(resource.attributes, [{ key: "service.name", value: { stringValue: "s" } }]);
  assertEquals(scope, { name: "@weir/weir/cache" });
  assertEquals(spans.length, records.length);
  for (const [at, { id, traceId, startMs, durationMs, fields, links }] of records.entries()) {
    const span = spans[at];
    assertEquals([span.spanId, span.traceId], [id, traceId]);
    assertEquals(span.links ?? [], links ?? []);
    const begin = BigInt(span.startTimeUnixNano);
    assertEquals(begin, BigInt(startMs) * 1_000_000n);
    assertEquals(Number(BigInt(span.endTimeUnixNano) - begin), Math.round(durationMs * 1e6));
    assertEquals(span.attributes[0], { key: "i", value: { intValue: `${fields.i}` } });
    assertEquals(span.attributes[1], { key: "half", value: { doubleValue: fields.half } });
    assertEquals(span.attributes[2], { key: "text", value: { stringValue: fields.text } });
    assertEquals(span.attributes[3], { key: "even", value: { boolValue: fields.even } });
  }
});

test("Without spans there is nothing but the resource", async () => {
  const { resourceSpans } = await received(otlpJson([]));
  assertEquals(resourceSpans, [{
    resource: {
      attributes: [{ key: "service.name", value: { stringValue: "unknown_service" } }],
    },
    scopeSpans: [{ scope: { name: "@weir/weir/cache" } }],
  }]);
});
