import {
  assert,
  assertEquals,
  assertMatch,
  assertNotMatch,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  Bus,
  type BusErrorContext,
  eventStream,
  type EventStreamOptions,
  LaggedError,
  type SubscriptionStats,
} from "../../bus/mod.ts";
import { chunksOf } from "../_chunks.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { collectGarbage } from "../_heap.ts";
import { reportsOf } from "../_reports.ts";
import { settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { parseSse, SseParser, tally } from "./_sse_client.ts";

/** What a stream has said from its beginning, once the bus is closed, with ids counted from that of the beginning, 0. */
async function textOf(response: Response): Promise<string> {
  const text = await response.text();
  const ids: string[] = [];
  return text.replace(/^id: (.*)$/gm, (_, id) => {
    if (!ids.includes(id)) ids.push(id);
    return `id: ${ids.indexOf(id)}`;
  });
}

/** The first chunk where nothing has come yet: where to come back to. */
const BEGIN = /^id: \w+-0\n\n$/;

const END = "event: end\ndata: {}\n\n";

type Counts = Pick<SubscriptionStats, "offered" | "delivered" | "lagged" | "size">;

/** A stream of the events that are published by `fill`; then the bus is closed. */
async function streamed<E>(
  options: EventStreamOptions<E>,
  ...events: readonly E[]
): Promise<string> {
  const bus = new Bus<E>();
  const response = eventStream(bus.subscribe(), options as EventStreamOptions<unknown>);
  for (const event of events) bus.publish(event);
  bus.close();
  return await textOf(response);
}

/** Everything that is still to come, up to the end. */
async function restOf({ next }: { next(): Promise<string | undefined> }): Promise<string> {
  let rest = "";
  for (let chunk; (chunk = await next()) !== undefined;) rest += chunk;
  return rest;
}

function holdsLaw({ offered, delivered, lagged, size }: Counts): void {
  assertEquals(offered, delivered + lagged + size);
}

test("eventStream() writes an id and the JSON of each event, then the end", async () => {
  assertEquals(
    await streamed<unknown>({}, { type: "order", id: 7 }, "text", 3, null),
    'id: 0\n\nid: 1\ndata: {"type":"order","id":7}\n\n' +
      'id: 2\ndata: "text"\n\nid: 3\ndata: 3\n\nid: 4\ndata: null\n\n' + END,
  );
});

test("eventStream() writes the id by which the bus knows the event", async () => {
  const bus = new Bus<number>({ history: 10 });
  const other = bus.subscribe();
  const response = eventStream(bus.subscribe());
  bus.publish(1);
  bus.publish(2);
  bus.close();
  const ids: (string | undefined)[] = [];
  for await (const _ of other) ids.push(other.lastEventId);
  const messages = parseSse(await response.text());
  assertEquals(messages.slice(0, 2).map(({ id }) => id), ids as string[]);
});

test("eventStream() writes a line for each line of the data, whatever ends it", async () => {
  const data = (text: string): string => text;
  assertEquals(
    await streamed({ data }, "a\nb", "a\r\nb", "a\rb", "a\n\rb", "\n", ""),
    "id: 0\n\n" +
      "id: 1\ndata: a\ndata: b\n\n" +
      "id: 2\ndata: a\ndata: b\n\n" +
      "id: 3\ndata: a\ndata: b\n\n" +
      "id: 4\ndata: a\ndata: \ndata: b\n\n" +
      "id: 5\ndata: \ndata: \n\n" +
      "id: 6\ndata: \n\n" + END,
  );
});

test("eventStream() keeps what is no line end to browsers, and writes UTF-8", async () => {
  const data = (text: string): string => text;
  const texts = [
    "a\u2028b\u2029c\u0085d\fe\vf",
    "zwölf € 🦫 e\u0301",
    " leading",
    "data: x",
    ": y",
    "\ufeffz",
  ];
  const response = await streamed({ data }, ...texts);
  assertEquals(parseSse(response).map(({ data }) => data).slice(0, -1), texts);
  const bus = new Bus<string>();
  const { body } = eventStream(bus.subscribe(), { data });
  bus.publish("€");
  bus.publish("\ud800");
  bus.close();
  const bytes = new Uint8Array(await new Response(body).arrayBuffer());
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  assertMatch(text, /^data: €$/m);
  assertMatch(text, /^data: \ufffd$/m);
});

test("eventStream() keeps the text of an event from ending it, or from being another", async () => {
  const evil = "x\n\nevent: end\rdata: {}\r\n\r\nid: 99\n:";
  const messages = parseSse(await streamed({ data: (text: string) => text }, evil));
  assertEquals(messages.map(({ type }) => type), ["message", "end"]);
  assertEquals(messages[0]!.data, evil.replace(/\r\n|\r/g, "\n"));
  assertEquals(messages[0]!.id, messages[1]!.id);
});

test("eventStream() names events by their type, where they have one", async () => {
  const type = (event: string): string | undefined => event === "a" ? undefined : event;
  assertEquals(
    await streamed({ type }, "a", "order.created", "€", ""),
    'id: 0\n\nid: 1\ndata: "a"\n\nevent: order.created\nid: 2\ndata: "order.created"\n\n' +
      'event: €\nid: 3\ndata: "€"\n\nid: 4\ndata: ""\n\n' + END,
  );
});

test("eventStream() calls data and type with the event, once each", async () => {
  const seen: unknown[] = [];
  const event = { id: 1 };
  await streamed({
    data: (...args) => (seen.push(["data", ...args]), ""),
    type: (...args) => (seen.push(["type", ...args]), undefined),
  }, event);
  assertEquals(seen.sort(), [["data", event], ["type", event]]);
});

test("eventStream() has the headers that an event stream needs, beside its own", async () => {
  const bus = new Bus<number>();
  const headers = {
    "content-type": "text/plain",
    "access-control-allow-origin": "https://example.com",
  };
  const response = eventStream(bus.subscribe(), { headers });
  assertEquals(response.status, 200);
  assertEquals(Object.fromEntries(response.headers), {
    "access-control-allow-origin": "https://example.com",
    "cache-control": "no-store",
    "content-type": "text/event-stream",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
  });
  const more = eventStream(bus.subscribe(), {
    headers: new Headers([["set-cookie", "a=1"], ["set-cookie", "b=2"]]),
  });
  assertEquals(more.headers.getSetCookie(), ["a=1", "b=2"]);
  assertEquals(headers["content-type"], "text/plain");
  await Promise.all([response, more].map(({ body }) => body!.cancel()));
});

test("eventStream() says something before there is an event, so that servers send the answer", async () => {
  const bus = new Bus<number>();
  for (
    const [retryMs, first] of [[undefined, BEGIN], [0, /^retry: 0\n\nid: \w+-0\n\n$/]] as const
  ) {
    const chunks = chunksOf(eventStream(bus.subscribe(), { retryMs }));
    assertMatch((await chunks.next())!, first);
    await chunks.cancel();
  }
});

test("eventStream() says retryMs once, at the beginning", async () => {
  const text = await streamed({ retryMs: 2_500 }, 1, 2);
  assertEquals(text, `retry: 2500\n\nid: 0\n\nid: 1\ndata: 1\n\nid: 2\ndata: 2\n\n${END}`);
});

test("eventStream() refuses options that are not of their kind, and reads nothing then", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe();
  bus.publish(1);
  for (const heartbeatMs of [0, -1, 1.5, NaN, Infinity, 2 ** 31]) {
    assertThrows(
      () => eventStream(subscription, { heartbeatMs }),
      RangeError,
      `Cannot stream events: heartbeatMs must be an integer from 1 to 2147483647, received ${heartbeatMs}`,
    );
  }
  for (const retryMs of [-1, 0.5, NaN, Infinity, 2 ** 31]) {
    assertThrows(() => eventStream(subscription, { retryMs }), RangeError, "retryMs");
  }
  for (const name of ["data", "type"]) {
    for (const value of [null, "order", {}]) {
      const error = assertThrows(
        () => eventStream(subscription, { [name]: value }),
        TypeError,
        `Cannot stream events: ${name} must be a function, received `,
      );
      assertMatch(error.message, new RegExp(`received (null|"order"|object Object)$`));
    }
  }
  assertEquals([subscription.closed, subscription.size], [false, 1]);
  const undefineds = {
    data: undefined,
    type: undefined,
    heartbeatMs: undefined,
    retryMs: undefined,
    headers: undefined,
  };
  bus.close();
  assertEquals(
    await textOf(eventStream(subscription, undefineds)),
    `id: 0\n\nid: 1\ndata: 1\n\n${END}`,
  );
});

test("eventStream() refuses headers that are none, and leaves the subscription as it is", () => {
  using time = new FakeTime();
  const bus = new Bus<number>();
  using subscription = bus.subscribe();
  assertThrows(() => eventStream(subscription, { headers: { "a b": "c" } }), TypeError);
  assertEquals([time.armed, subscription.closed], [0, false]);
});

test("eventStream() takes nothing from the subscription before it is read", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe({ capacity: 3 });
  const response = eventStream(subscription);
  for (const event of [1, 2, 3, 4]) bus.publish(event);
  await settle();
  assertEquals([subscription.size, subscription.lagged], [3, 1]);
  const chunks = chunksOf(response);
  await chunks.next();
  assertEquals(subscription.size, 0);
  await chunks.cancel();
});

test("eventStream() writes what has come while its reader was away in one chunk, up to a bound", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe({ capacity: 1_000 });
  const chunks = chunksOf(eventStream(subscription));
  for (let event = 1; event <= 1_000; event++) bus.publish(event);
  const sizes: number[] = [];
  let text = "";
  while (subscription.size > 0) {
    text += await chunks.next();
    sizes.push(subscription.size);
  }
  assert(sizes.length >= 4 && sizes.length <= 5, `${sizes}`);
  assertEquals(tally(parseSse(text)), {
    values: Array.from({ length: 1_000 }, (_, i) => i + 1),
    lost: 0,
  });
  await chunks.cancel();
});

test("eventStream() writes events while they happen", async () => {
  const bus = new Bus<number>();
  const chunks = chunksOf(eventStream(bus.subscribe()));
  assertMatch((await chunks.next())!, BEGIN);
  for (const event of [1, 2, 3]) {
    const next = chunks.next();
    await settle();
    bus.publish(event);
    assertMatch((await next)!, new RegExp(`^id: .*\ndata: ${event}\n\n$`));
  }
  await chunks.cancel();
});

test("eventStream() tells of lost events where they are missing, of the newest", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe({ capacity: 2 });
  const chunks = chunksOf(eventStream(subscription));
  for (const event of [1, 2, 3, 4, 5]) bus.publish(event);
  assertMatch((await chunks.next())!, /^id: .*\n\nid: .*\ndata: 1\n\nid: .*\ndata: 2\n\n$/);
  bus.publish(6);
  bus.publish(7);
  bus.publish(8);
  const text = (await chunks.next())!;
  assertMatch(
    text,
    /^event: lag\ndata: {"lost":3}\n\nid: .*\ndata: 6\n\nid: .*\ndata: 7\n\n$/,
  );
  bus.close();
  // Behind the last event as well, before the end.
  assertEquals(await restOf(chunks), `event: lag\ndata: {"lost":1}\n\n${END}`);
  holdsLaw(subscription);
});

test("eventStream() tells of lost events where they are missing, of the oldest", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe({ capacity: 2, overflow: "drop-oldest" });
  const response = eventStream(subscription);
  for (const event of [1, 2, 3, 4, 5]) bus.publish(event);
  bus.close();
  assertEquals(
    await textOf(response),
    `id: 0\n\nevent: lag\ndata: {"lost":3}\n\nid: 1\ndata: 4\n\nid: 2\ndata: 5\n\n${END}`,
  );
  holdsLaw(subscription);
});

test("eventStream() has a lag notice of its own beside onLag, and neither takes the other's", async () => {
  const bus = new Bus<number>();
  const told: number[] = [];
  const onLag = (lost: number): void => void told.push(lost);
  const response = eventStream(bus.subscribe({ capacity: 1, onLag }));
  for (const event of [1, 2, 3]) bus.publish(event);
  bus.close();
  const { values, lost } = tally(parseSse(await response.text()));
  assertEquals([values, lost, told], [[1], 2, [2]]);
});

test("eventStream() names no id in its notices, so that a browser comes back to an event", async () => {
  const bus = new Bus<number>();
  const response = eventStream(bus.subscribe({ capacity: 1 }));
  for (const event of [1, 2, 3]) bus.publish(event);
  bus.close();
  const text = await response.text();
  // Of the beginning and of the one event that had room.
  assertEquals(text.match(/^id: /gm)?.length, 2);
});

test("eventStream() says first how many events behind the last id are gone", async () => {
  const bus = new Bus<number>({ history: 2 });
  const first = bus.subscribe();
  for (const event of [1, 2, 3, 4, 5]) bus.publish(event);
  await first.receive();
  const after = first.lastEventId;
  const response = eventStream(bus.subscribe({ after }));
  bus.close();
  assertEquals(
    await textOf(response),
    `id: 0\n\nevent: lag\ndata: {"missed":2}\n\nid: 1\ndata: 4\n\nid: 2\ndata: 5\n\n${END}`,
  );
});

test("eventStream() says that nobody knows how many are gone, of an id from before a restart", async () => {
  for (const history of [undefined, 10]) {
    for (const after of ["elsewhere-5", "junk", "-", "-1", `x-${"9".repeat(40)}`]) {
      const bus = new Bus<number>({ history });
      bus.publish(1);
      const response = eventStream(bus.subscribe({ after }), { retryMs: 9 });
      bus.close();
      assertEquals(
        await textOf(response),
        `retry: 9\n\nid: 0\n\nevent: lag\ndata: {"missed":null}\n\n${END}`,
      );
    }
  }
});

test("eventStream() says nothing of the past to who is new, or has missed nothing", async () => {
  const bus = new Bus<number>({ history: 10 });
  const first = bus.subscribe();
  bus.publish(1);
  bus.publish(2);
  await first.receive();
  for (const after of [undefined, null, first.lastEventId]) {
    const chunks = chunksOf(eventStream(bus.subscribe({ after })));
    assertNotMatch((await chunks.next())!, /lag/);
    await chunks.cancel();
  }
  first.close();
});

test("eventStream() counts and reports an event whose data throws, and goes on", async () => {
  const problem = new Error("cannot say");
  const reported: [unknown, BusErrorContext<number>][] = [];
  const bus = new Bus<number>({ onError: (...args) => void reported.push(args) });
  const subscription = bus.subscribe({ name: "browser" });
  const response = eventStream(subscription, {
    data: (event) => {
      if (event === 2) throw problem;
      return `${event}`;
    },
  });
  for (const event of [1, 2, 3]) bus.publish(event);
  bus.close();
  assertEquals(
    await textOf(response),
    `id: 0\n\nid: 1\ndata: 1\n\nevent: lag\ndata: {"lost":1}\n\nid: 2\ndata: 3\n\n${END}`,
  );
  const [[error, context] = [], ...more] = reported;
  assertStrictEquals(error, problem);
  assertEquals(context, { source: "bridge", event: 2, id: subscription.id, name: "browser" });
  assertEquals(more, []);
  assertEquals([subscription.offered, subscription.delivered, subscription.lagged], [3, 2, 1]);
  const { errors, delivered, lagged } = bus.stats();
  assertEquals([errors, delivered, lagged], [1, 2, 1]);
});

test("eventStream() loses what has no JSON, or data that is no text", async () => {
  const messages: string[] = [];
  const bus = new Bus<unknown>({
    onError: (error) => void messages.push(`${(error as Error).name}: ${(error as Error).message}`),
  });
  const response = eventStream(bus.subscribe());
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  for (const event of [undefined, () => {}, Symbol("s"), 5n, circular]) bus.publish(event);
  const other = eventStream(bus.subscribe(), { data: () => 7 as never });
  bus.publish("last");
  bus.close();
  const { lost, values } = tally(parseSse(await response.text()));
  assertEquals([lost, values.length, messages.length], [5, 1, 5]);
  const text = "TypeError: Cannot stream an event: its data must be a string, received undefined";
  assertEquals(messages.slice(0, 3), [text, text, text]);
  assertEquals(tally(parseSse(await other.text())), { lost: 1, values: [] });
  assertMatch(messages[5]!, /its data must be a string, received 7$/);
});

test("eventStream() refuses a type of several lines, and one that throws", async () => {
  for (const type of ["a\nb", "a\rb", "\r\n", "a\n"]) {
    const messages: string[] = [];
    const bus = new Bus<number>({ onError: (error) => void messages.push(`${error}`) });
    const response = eventStream(bus.subscribe(), { type: () => type });
    bus.publish(1);
    bus.close();
    assertEquals(await textOf(response), `id: 0\n\nevent: lag\ndata: {"lost":1}\n\n${END}`);
    assertEquals(messages, [
      `TypeError: Cannot stream an event: its type must be a line of text, received ${
        JSON.stringify(type)
      }`,
    ]);
  }
  const problem = new Error("no type");
  const reported: unknown[] = [];
  const bus = new Bus<number>({ onError: (error) => void reported.push(error) });
  const response = eventStream(bus.subscribe(), {
    type: () => {
      throw problem;
    },
  });
  bus.publish(1);
  bus.close();
  assertEquals(tally(parseSse(await response.text())), { values: [], lost: 1 });
  assertStrictEquals(reported[0], problem);
});

test("eventStream() outlives an onError that throws", async () => {
  const second = new Error("onError fails");
  const reports = await reportsOf(async () => {
    const bus = new Bus<unknown>({
      onError: () => {
        throw second;
      },
    });
    const response = eventStream(bus.subscribe());
    bus.publish(undefined);
    bus.publish(1);
    bus.close();
    assertEquals(tally(parseSse(await response.text())), { values: [1], lost: 1 });
  });
  assertEquals(reports, [second]);
});

test("eventStream() may be told by data to publish more", async () => {
  const bus = new Bus<number>();
  const response = eventStream(bus.subscribe(), {
    data: (event) => {
      if (event < 3) bus.publish(event + 1);
      return `${event}`;
    },
  });
  bus.publish(1);
  const chunks = chunksOf(response);
  let text = "";
  while (!text.includes("data: 3")) text += await chunks.next();
  assertEquals(tally(parseSse(text)).values, [1, 2, 3]);
  await chunks.cancel();
});

test("eventStream() of a subscription that is to be disconnected ends without end, so that the browser comes back", async () => {
  const bus = new Bus<number>({ history: 10 });
  const subscription = bus.subscribe({ capacity: 2, overflow: "disconnect" });
  const response = eventStream(subscription);
  for (const event of [1, 2, 3, 4]) bus.publish(event);
  const messages = parseSse(await response.text());
  assertEquals(tally(messages).values, [1, 2]);
  assert(!messages.some(({ type }) => type === "end"));
  const reason = await subscription.receive().catch((error) => error);
  assert(reason instanceof LaggedError);
  // The last id is that of the last event before the gap, and there is no gap when it comes back.
  const again = eventStream(bus.subscribe({ after: messages.at(-1)!.id }));
  bus.close();
  assertEquals(tally(parseSse(await again.text())), { values: [3, 4], lost: 0 });
});

test("eventStream() tells a browser once of what it has lost by being disconnected", async () => {
  for (const history of [undefined, 2, 10]) {
    const bus = new Bus<number>({ history });
    const response = eventStream(bus.subscribe({ capacity: 2, overflow: "disconnect" }));
    for (const event of [1, 2, 3, 4, 5]) bus.publish(event);
    const messages = parseSse(await response.text());
    const again = eventStream(bus.subscribe({ after: messages.at(-1)!.id }));
    bus.close();
    const { values, lost } = tally([...messages, ...parseSse(await again.text())]);
    assertEquals(values.length + lost, 5, `${values} and ${lost} lost, history ${history}`);
  }
});

test("eventStream() ends without end when the bus or the signal gives a reason", async () => {
  const bus = new Bus<number>();
  const { signal, abort } = countedSignal();
  const [one, other] = [bus.subscribe({ signal }), bus.subscribe()];
  const [aborted, closed] = [eventStream(one), eventStream(other)];
  bus.publish(1);
  abort(new Error("server stops"));
  bus.close(new Error("restart"));
  assertEquals(await textOf(closed), "id: 0\n\nid: 1\ndata: 1\n\n");
  // What has aborted is not read to the end.
  assertEquals(await textOf(aborted), "id: 0\n\n");
  const last = new Bus<number>();
  const response = eventStream(last.subscribe());
  last.close(undefined);
  assertMatch(await response.text(), BEGIN);
});

test("eventStream() ends with end when the subscription is closed, once everything is written", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe();
  const response = eventStream(subscription);
  bus.publish(1);
  bus.unsubscribe(subscription.id);
  bus.publish(2);
  assertEquals(await textOf(response), `id: 0\n\nid: 1\ndata: 1\n\n${END}`);
  const closed = bus.subscribe();
  closed.close();
  assertEquals(await textOf(eventStream(closed)), `id: 0\n\n${END}`);
});

test("eventStream() ends while its reader waits", async () => {
  using time = new FakeTime();
  for (const reason of [[], [new Error("why")]] as const) {
    const bus = new Bus<number>();
    const chunks = chunksOf(eventStream(bus.subscribe()));
    await chunks.next();
    const next = chunks.next();
    await settle();
    bus.close(...(reason as []));
    assertEquals(await next, reason.length === 0 ? END : undefined);
    assertEquals(await chunks.next(), undefined);
    assertEquals(time.armed, 0);
  }
});

test("eventStream() writes a comment whenever its reader has waited for heartbeatMs", async () => {
  using time = new FakeTime();
  const bus = new Bus<number>();
  const chunks = chunksOf(eventStream(bus.subscribe(), { heartbeatMs: 100 }));
  assertEquals(time.referenced, 0);
  assertMatch((await chunks.next())!, BEGIN);
  const beat = async (): Promise<string | undefined> => {
    let isSettled = false;
    const next = chunks.next().finally(() => isSettled = true);
    await settle();
    time.pass(99);
    await settle();
    assert(!isSettled);
    time.pass(1);
    return await next;
  };
  assertEquals([await beat(), await beat(), await beat()], [":\n\n", ":\n\n", ":\n\n"]);
  const next = chunks.next();
  bus.publish(1);
  assertMatch((await next)!, /^id: .*\ndata: 1\n\n$/);
  assertEquals(await beat(), ":\n\n");
  await chunks.cancel();
  assertEquals([time.armed, bus.stats().subscriptions.length], [0, 0]);
});

test("eventStream() beats every five seconds by default", async () => {
  using time = new FakeTime();
  const bus = new Bus<number>();
  const chunks = chunksOf(eventStream(bus.subscribe()));
  await chunks.next();
  let isSettled = false;
  const next = chunks.next().finally(() => isSettled = true);
  await settle();
  time.pass(4_999);
  await settle();
  assert(!isSettled);
  time.pass(1);
  assertEquals(await next, ":\n\n");
  await chunks.cancel();
});

test("eventStream() does not pile up heartbeats for a reader that has stalled", async () => {
  using time = new FakeTime();
  const bus = new Bus<number>();
  const chunks = chunksOf(eventStream(bus.subscribe(), { heartbeatMs: 100 }));
  await chunks.next();
  const beat = chunks.next();
  await settle();
  time.pass(100);
  assertEquals(await beat, ":\n\n");
  // It takes nothing more for a while.
  time.pass(60_000);
  await settle();
  bus.publish(1);
  bus.close();
  assertMatch(
    await restOf(chunks),
    new RegExp(`^(:\n\n)?id: .*\ndata: 1\n\n${END.replace("{}", "\\{\\}")}$`),
  );
});

test("eventStream() bounds what it holds for a reader that has stalled", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe({ capacity: 10 });
  let written = 0;
  const response = eventStream(subscription, {
    data: (event) => (written++, `${event}`),
  });
  const chunks = chunksOf(response);
  let text = (await chunks.next())!;
  const next = chunks.next();
  await settle();
  for (let event = 1; event <= 10_000; event++) {
    bus.publish(event);
    if (event % 100 === 0) await settle();
  }
  // The read that was waiting has its chunk; nothing else was taken out.
  assert(written <= 11, `${written} were written`);
  assertEquals(subscription.size, 10);
  text += (await next)!;
  bus.close();
  text += await restOf(chunks);
  const { values, lost } = tally(parseSse(text));
  assertEquals(values.length + lost, 10_000);
  assertEquals([values.length, lost], [subscription.delivered, subscription.lagged]);
  holdsLaw(subscription);
});

test("eventStream() closes the subscription and leaves no timer when the body is cancelled", async () => {
  using time = new FakeTime();
  for (const reads of [0, 1, 2]) {
    const bus = new Bus<number>();
    const subscription = bus.subscribe();
    const chunks = chunksOf(eventStream(subscription));
    const pending: Promise<string | undefined>[] = [];
    for (let read = 0; read < reads; read++) pending.push(chunks.next());
    await settle();
    await chunks.cancel();
    assertEquals(subscription.closed, true);
    const [first, second] = await Promise.all(pending);
    if (reads > 0) assertMatch(first!, BEGIN);
    assertEquals(second, undefined);
    await settle();
    bus.publish(1);
    assertEquals([time.armed, bus.stats().subscriptions.length], [0, 0]);
    holdsLaw(subscription);
  }
});

test("eventStream() leaves no listener at the signal of its subscription", async () => {
  const endings: readonly ((bus: Bus<number>, response: Response) => Promise<unknown>)[] = [
    (_, response) => response.body!.cancel(),
    (bus, response) => (bus.close(), response.text()),
  ];
  for (const end of endings) {
    const bus = new Bus<number>();
    const counted = countedSignal();
    const response = eventStream(bus.subscribe({ signal: counted.signal }));
    assertEquals(counted.listening, 1);
    await end(bus, response);
    await settle();
    assertEquals(counted.listening, 0);
  }
});

test("eventStream() counts an event as lost that comes in the moment in which its reader goes", async () => {
  const bus = new Bus<number>();
  const subscription = bus.subscribe();
  const chunks = chunksOf(eventStream(subscription));
  await chunks.next();
  const next = chunks.next();
  await settle();
  bus.publish(1);
  const cancelled = chunks.cancel();
  const text = await next;
  await cancelled;
  await settle();
  holdsLaw(subscription);
  assertEquals(subscription.delivered, text === undefined ? 0 : 1, `the reader has got ${text}`);
});

test("eventStream() has no timer after the end, though nobody reads it", async () => {
  using time = new FakeTime();
  const bus = new Bus<number>();
  const response = eventStream(bus.subscribe());
  const chunks = chunksOf(response);
  bus.close();
  await restOf(chunks);
  assertEquals(time.armed, 0);
});

test("eventStream() arms nothing for an answer that nobody has begun to read", () => {
  // What is armed would hold it, and the bus could never find out that it is forgotten.
  using time = new FakeTime();
  const bus = new Bus<number>();
  eventStream(bus.subscribe());
  assertEquals(time.armed, 0);
});

test("eventStream() of an answer that was thrown away unread is found out to be forgotten", async () => {
  const bus = new Bus<number>();
  (() => void eventStream(bus.subscribe()))();
  for (let tries = 0; tries < 100 && bus.stats().reaped === 0; tries++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const { reaped, subscriptions } = bus.stats();
  assertEquals([reaped, subscriptions.length], [1, 0]);
});

test("eventStream() refuses what is no subscription, saying so", () => {
  for (const value of [undefined, {}, new Bus()]) {
    assertThrows(() => eventStream(value as never), TypeError, "Cannot stream events: ");
  }
});

test("eventStream() serves many subscriptions of one bus, each at its own pace", async () => {
  const bus = new Bus<number>();
  const subscriptions = [1, 5, 100].map((capacity) => bus.subscribe({ capacity }));
  const responses = subscriptions.map((subscription) => eventStream(subscription));
  for (let event = 1; event <= 50; event++) bus.publish(event);
  bus.close();
  const tallies = await Promise.all(
    responses.map(async (response) => tally(parseSse(await response.text()))),
  );
  assertEquals(tallies.map(({ values, lost }) => [values.length, lost]), [
    [1, 49],
    [5, 45],
    [50, 0],
  ]);
});

test("eventStream() narrows what data and type are called with", async () => {
  type Event = { type: "order"; id: number } | { type: "user"; name: string };
  const bus = new Bus<Event>();
  const response = eventStream(bus.subscribe({ match: { type: "order" } }), {
    data: ({ id }) => `${id}`,
    type: ({ type }) => type satisfies "order",
  });
  bus.publish({ type: "user", name: "Ada" });
  bus.publish({ type: "order", id: 7 });
  bus.close();
  assertEquals(await textOf(response), `id: 0\n\nevent: order\nid: 1\ndata: 7\n\n${END}`);
});

test("eventStream() says where a browser can come back to before it has had an event", async () => {
  const bus = new Bus<number>({ history: 10 });
  bus.publish(1);
  const chunks = chunksOf(eventStream(bus.subscribe()));
  const parser = new SseParser();
  parser.push((await chunks.next())!);
  // Cut off while nothing happened.
  await chunks.cancel();
  bus.publish(2);
  const again = eventStream(bus.subscribe({ after: parser.lastEventId ?? null }));
  bus.close();
  assertEquals(tally(parseSse(await again.text())), { values: [2], lost: 0 });
});
