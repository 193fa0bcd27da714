import { assertEquals, assertNotEquals } from "@std/assert";
import {
  extractContext,
  formatTraceparent,
  injectContext,
  parseTraceparent,
  SpanCache,
  type TraceContext,
} from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import { shapeOf } from "./_context_tree.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = `00-${TRACE}-${SPAN}-01`;
const context: TraceContext = { traceId: TRACE, spanId: SPAN, sampled: true };

test("parseTraceparent() reads what the standard has as an example, and the sampled flag alone", () => {
  assertEquals(parseTraceparent(PARENT), context);
  for (
    const [flags, sampled] of [
      ["00", false],
      ["01", true],
      ["02", false],
      ["03", true],
      ["fe", false],
      ["ff", true],
    ] as const
  ) {
    const text = `00-${TRACE}-${SPAN}-${flags}`;
    assertEquals(parseTraceparent(text), { ...context, sampled }, text);
  }
  // Blanks around a value are none of it.
  assertEquals(parseTraceparent(` \t${PARENT} `), context);
});

test("parseTraceparent() reads the part that it knows of later versions", () => {
  for (
    const text of [
      `01-${TRACE}-${SPAN}-01`,
      `cc-${TRACE}-${SPAN}-01`,
      `cc-${TRACE}-${SPAN}-01-`,
      `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`,
      `fe-${TRACE}-${SPAN}-01-${"x".repeat(100)}`,
      `01-${TRACE}-${SPAN}-09`,
    ]
  ) assertEquals(parseTraceparent(text), context, text);
});

const malformed: Readonly<Record<string, string | null | undefined>> = {
  "nothing": undefined,
  "null": null,
  "an empty text": "",
  "blanks": " ".repeat(60),
  "no text": 7 as unknown as string,
  "version ff": `ff-${TRACE}-${SPAN}-01`,
  "version in capitals": `CC-${TRACE}-${SPAN}-01`,
  "version of one digit": `0-${TRACE}-${SPAN}-01-`,
  "version of three digits": `000-${TRACE}-${SPAN}-01`,
  "version with a stray sign": `.0-${TRACE}-${SPAN}-01`,
  "more than version 00 has": `${PARENT}-what-the-future-will-be-like`,
  "a dash behind version 00": `${PARENT}-`,
  "a sign behind version 00": `${PARENT}.`,
  "another sign behind the flags": `cc-${TRACE}-${SPAN}-01.what-the-future-will-be-like`,
  "a digit behind the flags": `cc-${TRACE}-${SPAN}-011`,
  "trace of zeros": `00-${"0".repeat(32)}-${SPAN}-01`,
  "trace in capitals": `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  "trace too short": `00-${TRACE.slice(1)}-${SPAN}-01-`,
  "trace too long": `00-${TRACE}0-${SPAN}-01`,
  "trace with a stray sign": `00-${TRACE.slice(1)}.-${SPAN}-01`,
  "trace with a blank": `00-${TRACE.slice(1)} -${SPAN}-01`,
  "trace with a line": `00-${TRACE.slice(1)}\n-${SPAN}-01`,
  "trace with digits of another script": `00-${TRACE.slice(1)}٣-${SPAN}-01`,
  "span of zeros": `00-${TRACE}-${"0".repeat(16)}-01`,
  "span in capitals": `00-${TRACE}-${SPAN.toUpperCase()}-01`,
  "span too short": `00-${TRACE}-${SPAN.slice(1)}-01-`,
  "span too long": `00-${TRACE}-${SPAN}0-01`,
  "span with a stray sign": `00-${TRACE}-${SPAN.slice(1)}.-01`,
  "flags of one digit": `00-${TRACE}-${SPAN}-1`,
  "flags of three digits": `00-${TRACE}-${SPAN}-001`,
  "flags in capitals": `00-${TRACE}-${SPAN}-0F`,
  "flags that are none": `00-${TRACE}-${SPAN}-.0`,
  "no flags": `00-${TRACE}-${SPAN}-`,
  "other separators": PARENT.replaceAll("-", "_"),
  "two of them": `${PARENT},${PARENT}`,
  "two of them with a blank": `${PARENT}, ${PARENT}`,
  "two of a later version": `cc-${TRACE}-${SPAN}-01,cc-${TRACE}-${SPAN}-01`,
  "a flood": `cc-${TRACE}-${SPAN}-01-${"x".repeat(100_000)}`,
};

for (const [what, text] of Object.entries(malformed)) {
  test(`A traceparent is not believed that is malformed: ${what}`, () => {
    assertEquals(parseTraceparent(text), undefined);
    assertEquals(
      extractContext({ get: (name) => name === "traceparent" ? text! : "a=1" }),
      undefined,
    );
  });
}

test("formatTraceparent() writes what parseTraceparent() reads", () => {
  assertEquals(formatTraceparent(context), PARENT);
  for (const sampled of [true, false]) {
    const said = { ...context, sampled };
    assertEquals(parseTraceparent(formatTraceparent(said)), said);
  }
  const cache = new SpanCache();
  const span = cache.start("a");
  assertEquals(parseTraceparent(span.traceparent), span.context);
  assertEquals(span.traceparent, `00-${span.traceId}-${span.id}-01`);
});

test("extractContext() reads both headers, and tracestate only beside a traceparent", () => {
  assertEquals(extractContext(new Headers()), undefined);
  assertEquals(extractContext(new Headers({ tracestate: "a=1" })), undefined);
  assertEquals(
    extractContext(new Headers({ traceparent: "00-0-0-0", tracestate: "a=1" })),
    undefined,
  );
  assertEquals(extractContext(new Headers({ TraceParent: PARENT })), context);
  assertEquals(extractContext(new Headers({ traceparent: PARENT, tracestate: "" })), context);
  const headers = new Headers({ traceparent: PARENT, tracestate: "a=1,b@c=2" });
  headers.append("tracestate", "d=3");
  assertEquals(extractContext(headers), { ...context, state: "a=1,b@c=2, d=3" });
});

test("extractContext() reads a tracestate as long as the standard asks for, and no flood", () => {
  const stateOf = (length: number): string | undefined => {
    const tracestate = `a=${"x".repeat(length - 2)}`;
    return extractContext(new Headers({ traceparent: PARENT, tracestate }))?.state;
  };
  assertEquals([stateOf(512)?.length, stateOf(1_024)?.length], [512, 1_024]);
  assertEquals(stateOf(1_025), undefined);
});

test("injectContext() writes the span and what vendors have put along, and nothing without a span", () => {
  const cache = new SpanCache();
  const headers = new Headers({ accept: "*/*" });
  injectContext(headers, undefined);
  assertEquals([...headers], [["accept", "*/*"]]);
  const own = cache.start("own");
  injectContext(headers, own);
  assertEquals([...headers], [["accept", "*/*"], ["traceparent", own.traceparent!]]);
  const span = cache.start("a", {}, { parent: { ...context, sampled: false, state: "a=1" } });
  const inner = span.start("b");
  for (const each of [span, inner]) {
    const headers = new Headers();
    injectContext(headers, each);
    assertEquals(extractContext(headers), each.context);
    assertEquals(each.context, { traceId: TRACE, spanId: each.id, sampled: false, state: "a=1" });
  }
  // Also once it has ended, and has gone.
  inner.end();
  cache.clear();
  const later = new Headers();
  injectContext(later, inner);
  assertEquals(extractContext(later)?.spanId, inner.id);
});

test("injectContext() leaves no tracestate of another trace in headers that were copied", () => {
  const headers = new Headers({ traceparent: PARENT, tracestate: "a=1" });
  injectContext(headers, new SpanCache().start("a"));
  assertNotEquals(headers.get("traceparent"), PARENT);
  assertEquals(headers.get("tracestate") ?? "", "");
});

// Why a span is not recorded, though its caller is.
const unrecorded: Readonly<Record<string, () => SpanCache>> = {
  "chance": () => new SpanCache({ chance: 0 }),
  "too many that run": () => {
    const cache = new SpanCache({ maxOpen: 1 });
    cache.start("forgotten");
    return cache;
  },
  "its level": () => new SpanCache({ level: "warn" }),
  "recording being off": () => new SpanCache({ level: "off" }),
};
for (const [why, make] of Object.entries(unrecorded)) {
  test(`A span hands on what its caller said where it is not recorded because of ${why}`, async () => {
    const cache = make();
    for (const sampled of [true, false]) {
      const parent = { ...context, sampled, state: "a=1,b=2" };
      await cache.span("request", undefined, async (span) => {
        assertEquals([span.recording, span.id, span.traceId], [false, SPAN, TRACE]);
        await undefined;
        const headers = new Headers();
        injectContext(headers, cache.current);
        assertEquals(extractContext(headers), parent);
        cache.span("inner", (inner) => assertEquals(inner.context, parent));
      }, { parent });
    }
    assertEquals(cache.size, 0);
  });
}

test("A service that asks itself has both sides in one tree", () => {
  const cache = new SpanCache();
  const ask = (): void => {
    const headers = new Headers();
    injectContext(headers, cache.current);
    const parent = extractContext(headers) ?? null;
    cache.span("answer", undefined, () => cache.start("inner").end(), { parent, kind: "server" });
  };
  cache.span("request", () => cache.span("ask", undefined, ask, { kind: "client" }));
  const { traceId } = cache.page()[0]!;
  assertEquals(shapeOf(cache, traceId), "request(ask(answer(inner)))");
});

test("A service that asks itself takes from the time of the asking span what the answer took", () => {
  let ms = 0;
  const cache = new SpanCache({ clock: { now: () => ms, wallNow: () => ms } });
  const ask = cache.start("ask");
  ms += 1;
  const parent = parseTraceparent(ask.traceparent)!;
  const answer = cache.start("answer", {}, { parent });
  ms += 5;
  answer.end();
  ms += 2;
  ask.end();
  assertEquals(cache.page().map(({ name, selfMs }) => [name, selfMs]), [["answer", 5], ["ask", 3]]);
});

test("What is in a trace that is recorded is recorded, also where a service asks itself", () => {
  const given = [0.1, 0.9];
  const cache = new SpanCache({ chance: 0.5, random: () => given.shift() ?? 0.9 });
  const ask = cache.start("ask");
  const answer = cache.start("answer", {}, { parent: parseTraceparent(ask.traceparent)! });
  assertEquals([ask.recording, answer.recording], [true, true]);
});
