import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import type { Context, Span, Tracer } from "npm:@opentelemetry/api@1.9.1";
import type * as sdk1 from "npm:@opentelemetry/sdk-trace-base@1.30.1";
import type * as sdk2 from "npm:@opentelemetry/sdk-trace-base@2.12.1";
import {
  type OtelReadableSpan,
  type OtelSpanProcessor,
  otelSpanProcessor,
  otlpJson,
  type OtlpSpan,
  SpanCache,
  type SpanRecord,
} from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { type Packages, packages, type Serializer } from "./_otel.ts";

type Api = Packages["api"];

interface Traced {
  readonly api: Api;
  readonly cache: SpanCache;
  readonly tracer: Tracer;
  /** Ends what the SDK has begun: it tells its processors. */
  shutdown(): Promise<void>;
  /** What the SDK says of the spans that have ended. */
  readonly ended: readonly OtelReadableSpan[];
  /** What writes spans of this SDK. */
  readonly json: Serializer | undefined;
  /** The spans that were recorded, by their names. */
  recorded(): Record<string, SpanRecord>;
}

/** A processor that keeps what it gets. */
function collector(ended: OtelReadableSpan[]): Omit<OtelSpanProcessor, "refused"> {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    onStart() {},
    onEnd: (span) => void ended.push(span),
    forceFlush: nothing,
    shutdown: nothing,
  };
}

/** Runs a test with each of the SDKs, as a program has set it up. */
async function traced(body: (traced: Traced) => Promise<void> | void): Promise<void> {
  const loaded = await packages();
  const { api, contexts, sdk1, sdk2, sdk3 } = loaded;
  const sdks = [
    { Provider: sdk1.BasicTracerProvider, json: loaded.json1 },
    { Provider: sdk2.BasicTracerProvider, json: undefined },
    { Provider: sdk3.TracerProvider, json: loaded.json3 },
  ];
  const manager = new contexts.AsyncLocalStorageContextManager().enable();
  assert(api.context.setGlobalContextManager(manager));
  try {
    for (const { Provider, json } of sdks) {
      const cache = new SpanCache();
      const ended: OtelReadableSpan[] = [];
      const spanProcessors = [otelSpanProcessor(cache), collector(ended)];
      // deno-lint-ignore no-explicit-any
      const provider = new (Provider as any)({ spanProcessors });
      await body({
        api,
        cache,
        json,
        tracer: provider.getTracer("test"),
        shutdown: () => provider.shutdown(),
        ended,
        recorded: () => Object.fromEntries(cache.page().map((span) => [span.name, span])),
      });
      await provider.shutdown();
    }
  } finally {
    api.context.disable();
  }
}

/** Does everything that a span has. */
function busy(api: Api, span: Span): void {
  span.setAttribute("text", "é𝄞").setAttributes({ whole: 7, part: 0.5, yes: true });
  span.setAttribute("texts", ["a", "b"]).setAttribute("numbers", [1, 2.5]);
  span.addEvent("retry", { attempt: 1, delays: [1, 2] });
  span.addEvent("bare");
  span.setStatus({ code: api.SpanStatusCode.ERROR, message: "no answer" });
}

test("otelSpanProcessor() records everything of a span of the SDK", () =>
  traced(({ api, tracer, recorded }) => {
    const other = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
    const link = { context: { ...other, traceFlags: 1 }, attributes: { why: "because" } };
    const span = tracer.startSpan("work", { kind: api.SpanKind.CLIENT, links: [link] });
    busy(api, span);
    span.end();

    const { work } = recorded();
    const { traceId, spanId } = span.spanContext();
    assertEquals([work?.id, work?.traceId, work?.parentId], [spanId, traceId, undefined]);
    assertEquals([work?.kind, work?.status, work?.message], ["client", "error", "no answer"]);
    assertEquals(work?.fields, {
      text: "é𝄞",
      whole: 7,
      part: 0.5,
      yes: true,
      texts: '["a","b"]',
      numbers: "[1,2.5]",
    });
    assertEquals(work?.events.map(({ name, fields }) => [name, fields]), [
      ["retry", { attempt: 1, delays: "[1,2]" }],
      ["bare", {}],
    ]);
    assertEquals(work?.links, [other]);
  }));

test("otelSpanProcessor() records spans within each other, also after they have waited", () =>
  traced(async ({ cache, tracer, recorded }) => {
    await tracer.startActiveSpan("outer", async (outer) => {
      await undefined;
      const children = ["first", "second"].map((name) =>
        tracer.startActiveSpan(name, async (span) => {
          await undefined;
          tracer.startActiveSpan(`in ${name}`, (inner) => inner.end());
          span.end();
        })
      );
      await Promise.all(children);
      outer.end();
    });
    const { outer, first, second, "in first": inFirst, "in second": inSecond } = recorded();
    assertEquals(outer?.parentId, undefined);
    assertEquals([first?.parentId, second?.parentId], [outer?.id, outer?.id]);
    assertEquals([inFirst?.parentId, inSecond?.parentId], [first?.id, second?.id]);
    const { size, roots } = cache.trace(outer!.traceId);
    assertEquals([size, roots.length, roots[0]?.children.length], [5, 1, 2]);
  }));

test("otelSpanProcessor() records the times of the SDK", () =>
  traced(({ tracer, recorded }) => {
    const startTime: [number, number] = [1_700_000_000, 250_000_000];
    const span = tracer.startSpan("timed", { startTime });
    span.addEvent("in between", [1_700_000_000, 500_000_000]);
    span.end([1_700_000_001, 250_000_500]);
    const backwards = tracer.startSpan("backwards", { startTime });
    backwards.end([1_700_000_000, 0]);
    const { timed, backwards: none } = recorded();
    assertEquals(timed?.startMs, 1_700_000_000_250);
    assertEquals(timed?.durationMs, 1_000.000_5);
    assertEquals(timed?.events[0]?.timeMs, 1_700_000_000_500);
    // The SDK itself makes 0 of it.
    assertEquals([none?.startMs, none?.durationMs], [1_700_000_000_250, 0]);
  }));

test("otelSpanProcessor() records exceptions, names that were given later, and each kind", () =>
  traced(({ api, tracer, recorded }) => {
    const span = tracer.startSpan("early");
    span.recordException(new TypeError("bad type"));
    span.updateName("late");
    span.setStatus({ code: api.SpanStatusCode.OK });
    span.end();
    const { late } = recorded();
    assertEquals([late?.status, late?.message], ["ok", undefined]);
    const [event] = late!.events;
    assertEquals(event?.name, "exception");
    assertEquals(event?.fields["exception.type"], "TypeError");
    assertEquals(event?.fields["exception.message"], "bad type");
    assertStringIncludes(`${event?.fields["exception.stacktrace"]}`, "otel_test.ts");

    const kinds = ["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"] as const;
    for (const kind of kinds) tracer.startSpan(kind, { kind: api.SpanKind[kind] }).end();
    const all = recorded();
    for (const kind of kinds) assertEquals<string>(all[kind]!.kind, kind.toLowerCase());
  }));

test("otelSpanProcessor() records spans whose parent is in another process", () =>
  traced(({ api, cache, tracer, recorded }) => {
    const remote = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
    const context: Context = api.trace.setSpanContext(api.ROOT_CONTEXT, {
      ...remote,
      traceFlags: api.TraceFlags.SAMPLED,
      isRemote: true,
    });
    tracer.startSpan("served", {}, context).end();
    const { served } = recorded();
    assertEquals([served?.traceId, served?.parentId], [remote.traceId, remote.spanId]);
    assertEquals(cache.trace(remote.traceId).roots[0]?.isOrphan, true);
  }));

test("otelSpanProcessor() records a span that has links to nowhere, without them", () =>
  traced(({ api, tracer, recorded }) => {
    // The API allows it, and a program that links to what was not sampled does it.
    const context = { ...api.INVALID_SPAN_CONTEXT };
    const good = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
    const links = [{ context }, { context: { ...good, traceFlags: 0 } }];
    tracer.startSpan("linked", { links }).end();
    assertEquals(recorded().linked?.links, [good]);
  }));

test("otelSpanProcessor() counts what it could not record", () =>
  traced(({ cache, tracer, ended }) => {
    tracer.startSpan("good").end();
    const processor = otelSpanProcessor(cache);
    assertEquals(cache.stats().refused.invalid, 0);
    processor.onEnd({} as OtelReadableSpan);
    const { startTime } = ended[0]!;
    processor.onEnd(Object.create(ended[0]!, { startTime: { value: [NaN, startTime[1]] } }));
    assertEquals(cache.stats().refused.invalid, 2);
    assertEquals(cache.size, 1);
  }));

test("After the SDK was shut down nothing is recorded, and what is held stays", () =>
  traced(async ({ cache, tracer, shutdown }) => {
    const span = tracer.startSpan("before");
    span.end();
    const late = tracer.startSpan("late");
    await shutdown();
    late.end();
    assertEquals(cache.page().map(({ name }) => name), ["before"]);
  }));

test("A cache that is closed does not disturb the SDK", () =>
  traced(({ cache, tracer }) => {
    cache.close();
    tracer.startActiveSpan("unseen", (span) => span.end());
    assertEquals(cache.size, 0);
  }));

test("otelSpanProcessor() throws at nothing that it is given", async () => {
  const { api, sdk2 } = await packages();
  const cache = new SpanCache();
  const processor = otelSpanProcessor(cache);
  const ended: OtelReadableSpan[] = [];
  const provider = new sdk2.BasicTracerProvider({ spanProcessors: [collector(ended)] });
  const span = provider.getTracer("test").startSpan("whole");
  busy(api, span);
  span.end();
  const [whole] = ended;
  const junk = [undefined, null, 0, NaN, -1, 1e300, "", "x", {}, [], () => 1, Symbol("x"), 1n, {
    get name(): string {
      throw new Error("unreadable");
    },
  }];
  for (const bad of junk) processor.onEnd(bad as OtelReadableSpan);
  // A whole span, but for one thing.
  for (const key of Object.keys(whole!).concat("spanContext", "parentSpanContext")) {
    for (const bad of [...junk, ...junk.map((value) => () => value)]) {
      processor.onEnd(
        Object.defineProperty(Object.create(whole!), key, { value: bad }) as OtelReadableSpan,
      );
    }
  }
  await processor.forceFlush();
  assertLess(0, cache.page({ limit: Infinity }).length);
  await provider.shutdown();
});

/** What both say of a span, with arrays as the cache has them. */
function common({ startTimeUnixNano, endTimeUnixNano, ...span }: OtlpSpan): unknown {
  // deno-lint-ignore no-explicit-any
  const attributesOf = (attributes: any[]): unknown[] =>
    attributes.map(({ key, value }) => [
      key,
      value.arrayValue === undefined
        ? value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue)
        // deno-lint-ignore no-explicit-any
        : JSON.stringify(value.arrayValue.values.map((one: any) => Object.values(one)[0])),
    ]);
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    kind: span.kind,
    status: span.status,
    attributes: attributesOf([...span.attributes]),
    events: span.events.map(({ name, attributes }) => [name, attributesOf([...attributes])]),
    links: span.links.map(({ traceId, spanId }) => [traceId, spanId]),
    droppedEventsCount: span.droppedEventsCount,
    // A cache knows milliseconds since 1970, which are a quarter of a microsecond apart.
    micros: Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e3,
  };
}

test("otlpJson() writes a span of the SDK as the exporters of OpenTelemetry do", () =>
  traced(async ({ api, cache, tracer, ended, json }) => {
    await tracer.startActiveSpan("outer", { kind: api.SpanKind.SERVER }, async (outer) => {
      const links = [{ context: outer.spanContext() }];
      const inner = tracer.startSpan("inner", { kind: api.SpanKind.PRODUCER, links });
      busy(api, inner);
      await undefined;
      inner.end();
      outer.end();
    });
    if (json === undefined) return;
    const bytes = json.serializeRequest(ended)!;
    const theirs = JSON.parse(new TextDecoder().decode(bytes));
    const spansOf = (traces: typeof theirs): OtlpSpan[] =>
      traces.resourceSpans[0].scopeSpans[0].spans;
    const ours = JSON.parse(JSON.stringify(otlpJson(cache.page())));
    assertEquals(spansOf(ours).map(common), spansOf(theirs).map(common));
    for (const [at, { startTimeUnixNano, events }] of spansOf(theirs).entries()) {
      const apart = (one: string, other: string): number =>
        Math.abs(Number(BigInt(one) - BigInt(other)));
      const our = spansOf(ours)[at]!;
      assertLess(apart(startTimeUnixNano, our.startTimeUnixNano), 250);
      for (const [at, { timeUnixNano }] of events.entries()) {
        assertLess(apart(timeUnixNano, our.events[at]!.timeUnixNano), 250);
      }
    }
  }));

// That these can be written is all there is to show: what the SDK wants of a processor, and what it gives to it.
export type Fits = [
  ReturnType<typeof otelSpanProcessor> extends sdk1.SpanProcessor ? true : never,
  ReturnType<typeof otelSpanProcessor> extends sdk2.SpanProcessor ? true : never,
  sdk1.ReadableSpan extends OtelReadableSpan ? true : never,
  sdk2.ReadableSpan extends OtelReadableSpan ? true : never,
];
export const fits: Fits = [true, true, true, true];
