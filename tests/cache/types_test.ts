import { assertEquals } from "@std/assert";
import {
  type FieldRecord,
  type Fields,
  type FieldValue,
  type OpenSpanRecord,
  type Span,
  type SpanAggregate,
  SpanCache,
  type SpanCacheOptions,
  SpanDriver,
  type SpanInput,
  type SpanLevel,
  type SpanLevelFilter,
  type SpanRecord,
  type SpanSubscription,
  type TraceContext,
  traceHandler,
  type TraceNode,
} from "../../cache/mod.ts";
import type { ChannelReceiveResult } from "../../channel/mod.ts";
import { test } from "../_harness.ts";

// What is here is checked by `deno check`; that it also runs shows that each example is one.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Compiles only if both types are the same. */
function same<A, B>(isSame: Same<A, B>): void {
  assertEquals<boolean>(isSame, true);
}

test("span() and spanSync() answer what the function answers", () => {
  const cache = new SpanCache();
  const number = cache.span("a", () => 7);
  same<typeof number, number>(true);
  const text = cache.span("a", { user: 7 }, (span) => (same<typeof span, Span>(true), "text"));
  same<typeof text, string>(true);
  const nothing = cache.span("a", undefined, () => {}, { kind: "client" });
  same<typeof nothing, void>(true);
  const sync = cache.spanSync("a", { user: 7 }, () => [1], { level: "debug" });
  same<typeof sync, number[]>(true);
  const plain = cache.spanSync("a", (span) => span);
  same<typeof plain, Span>(true);
  assertEquals([number, text, nothing, sync, plain.recording], [7, "text", undefined, [1], false]);
});

test("span() answers a promise of what an asynchronous function answers", async () => {
  const cache = new SpanCache();
  const promise = cache.span("a", () => Promise.resolve(7));
  same<typeof promise, Promise<number>>(true);
  const nothing = cache.span("a", {}, async () => {});
  same<typeof nothing, Promise<void>>(true);
  const either = cache.span("a", () => Math.random() < 2 ? 7 : Promise.resolve("text"));
  same<typeof either, 7 | Promise<string>>(true);
  assertEquals([await promise, await nothing, either], [7, undefined, 7]);
});

test("what has a then is waited for as a promise is, and answers the same", async () => {
  const cache = new SpanCache();
  const lazy: PromiseLike<number> = {
    then: (onFulfilled, onRejected) => Promise.resolve(7).then(onFulfilled, onRejected),
  };
  const like = cache.span("a", () => lazy);
  same<typeof like, PromiseLike<number>>(true);
  assertEquals([cache.stats().open, await like, cache.stats().open], [1, 7, 0]);
});

test("a function that is wrapped keeps its type", async () => {
  const cache = new SpanCache();
  const add = cache.bind((a: number, b: string) => `${a}${b}`);
  same<typeof add, (a: number, b: string) => string>(true);
  // @ts-expect-error there are two arguments
  assertEquals(add(1), "1undefined");
  assertEquals(add(1, "2"), "12");

  const handler = traceHandler(
    cache,
    (_request, info: { port: number }) => new Response(`${info.port}`),
  );
  same<typeof handler, (request: Request, info: { port: number }) => Promise<Response>>(true);
  const response = await handler(new Request("http://localhost/"), { port: 7 });
  assertEquals(await response.text(), "7");
});

test("fields are what can be kept, and those that may be missing are no trouble", () => {
  const cache = new SpanCache();
  same<FieldValue, string | number | boolean | bigint>(true);
  const user: { id?: number | undefined; name: string | null } = { name: null };
  cache.start("a", { ...user, big: 7n, ok: true }).set({ ...user }).set("a", user.id).end();
  const fields: Fields = { one: 1, none: undefined, empty: null };
  cache.start("a", fields).end();
  // @ts-expect-error an object is no value
  cache.start("a", { user: {} }).end();
  // @ts-expect-error a list is no value
  cache.start("a").set("users", ["ada"]).end();
  // @ts-expect-error a date is no value
  cache.start("a").event("e", { at: new Date() }).end();
  const read = cache.page().map((span) => span.fields);
  same<typeof read, FieldRecord[]>(true);
  same<FieldRecord[string], string | number | boolean>(true);
  assertEquals(read, [{ big: 7, ok: true }, { one: 1 }, {}, {}, {}]);
});

test("levels, kinds and orders are only those that there are", () => {
  same<SpanLevel | "off", SpanLevelFilter>(true);
  const cache = new SpanCache({ level: "off" });
  // @ts-expect-error nothing is of the level "off"
  cache.start("a", {}, { level: "off" });
  // @ts-expect-error there is no such level
  cache.start("a", {}, { level: "fatal" });
  // @ts-expect-error there is no such kind
  cache.start("a", {}, { kind: "worker" });
  same<typeof cache.level, SpanLevelFilter>(true);
  cache.level = "warn";
  assertEquals(cache.enabled("error"), true);
  const options: SpanCacheOptions = { capacity: 10, evict: "oldest-closed" };
  // @ts-expect-error options are not changed
  options.capacity = 7;
  assertEquals(new SpanCache(options).capacity, 7);
});

test("a parent is a span, what another process says, or none", () => {
  const cache = new SpanCache();
  const context: TraceContext = {
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: "00f067aa0ba902b7",
    sampled: true,
  };
  const parents = [cache.start("a"), context, null, undefined, cache.current];
  for (const parent of parents) cache.start("b", {}, { parent }).end();
  // @ts-expect-error an id alone is no parent
  cache.start("b", {}, { parent: context.spanId }).end();
  assertEquals(cache.page().map(({ traceId }) => traceId === context.traceId), [
    false,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test("what is read of a cache is what its types say, and is not to be changed", () => {
  const cache = new SpanCache();
  const open = cache.start("open");
  cache.start("a").end();
  const [span] = cache.find({ where: (span) => (same<typeof span, SpanRecord>(true), true) });
  same<typeof span, SpanRecord | undefined>(true);
  const [running] = cache.open();
  same<typeof running, OpenSpanRecord | undefined>(true);
  assertEquals("seq" in running!, false);
  const { roots } = cache.trace(open.id);
  same<typeof roots, readonly TraceNode[]>(true);
  same<SpanAggregate[], ReturnType<typeof cache.aggregate>>(true);
  // @ts-expect-error records are to be read
  span!.name = "b";
  // @ts-expect-error there may be no parent
  const parent: string = span!.parentId;
  assertEquals(parent, undefined);
});

test("a record is a span that can be recorded, and taken in by a driver", () => {
  const cache = new SpanCache();
  cache.start("a", { x: 1 }).fail("no").end();
  const [span] = cache.page();
  const input: SpanInput = span!;
  const other = new SpanCache();
  const driver = new SpanDriver(other);
  assertEquals(driver.spans.trySend(JSON.parse(JSON.stringify(input))), true);
  driver.drain();
  assertEquals(other.page(), [span!]);
  // @ts-expect-error a span has a name
  const nameless: SpanInput = { startMs: 1, durationMs: 1 };
  assertEquals("name" in nameless, false);
});

test("a subscription is read as a channel is", async () => {
  const cache = new SpanCache();
  using spans = cache.subscribe({ level: "info" });
  same<typeof spans, SpanSubscription>(true);
  const result = spans.tryReceive();
  same<typeof result, ChannelReceiveResult<SpanRecord>>(true);
  cache.start("a").end();
  const batch = await spans.receiveBatch(Infinity);
  same<typeof batch, SpanRecord[]>(true);
  assertEquals([result, batch.length], [{ state: "empty" }, 1]);
  // @ts-expect-error there is no order of what is still to come
  cache.subscribe({ order: "slowest" }).close();
});

test("spans, caches and drivers are disposed of by using", async () => {
  const cache = new SpanCache();
  {
    using closing: Disposable = cache;
    await using also: AsyncDisposable = cache;
    using span = cache.start("a");
    using driver = new SpanDriver(cache);
    assertEquals([closing, also, span.recording, driver.closed], [cache, cache, true, false]);
  }
  assertEquals([cache.closed, cache.size], [true, 1]);
});
