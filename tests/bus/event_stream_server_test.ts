import { assert, assertEquals, assertMatch } from "@std/assert";
import { Bus, type BusOptions, eventStream, type Subscription } from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { RawClient } from "../tap/_raw_client.ts";
import { serve, type TestServer } from "../tap/_server.ts";
import { until } from "../tap/_wait.ts";
import { parseSse, SseClient, tally } from "./_sse_client.ts";

/** How each browser is served. */
interface Serving {
  readonly capacity?: number;
  readonly overflow?: "drop-newest" | "drop-oldest" | "disconnect";
  readonly heartbeatMs?: number;
  readonly data?: (event: number) => string;
}

interface Site {
  readonly bus: Bus<number>;
  readonly server: TestServer;
  /** Every subscription that a request has made, in order. */
  readonly subscriptions: Subscription<number>[];
}

/** Serves a bus on the runtime's own server. */
async function withSite(
  body: (site: Site) => Promise<void>,
  serving: Serving = {},
  options: BusOptions<number> = {},
): Promise<void> {
  const bus = new Bus<number>(options);
  const subscriptions: Subscription<number>[] = [];
  const { capacity, overflow, heartbeatMs, data } = serving;
  {
    await using server = serve((request) => {
      const after = request.headers.get("last-event-id");
      const subscription = bus.subscribe({ capacity, overflow, after });
      subscriptions.push(subscription);
      return eventStream(subscription, { heartbeatMs, data });
    });
    await body({ bus, server, subscriptions });
  }
  await until("every subscription is closed", () => bus.stats().subscriptions.length === 0);
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

const GET = ["GET / HTTP/1.1", "Host: localhost"];

test("eventStream() on a real server sends its answer before there is an event", () =>
  withSite(async ({ server }) => {
    const client = await SseClient.open(server.url);
    assertEquals(client.response.status, 200);
    assertEquals(client.response.headers.get("content-type"), "text/event-stream");
    assertEquals(client.response.headers.get("cache-control"), "no-store");
    await until("the first comment has come", () => client.parser.comments === 1);
    await client.leave();
  }));

test("eventStream() on a real server sends events while they happen, then the end", () =>
  withSite(async ({ bus, server }) => {
    const client = await SseClient.open(server.url);
    for (let event = 1; event <= 3; event++) {
      bus.publish(event);
      await until(`event ${event} has come`, () => client.messages.length === event);
    }
    bus.close();
    await client.end();
    assertEquals(client.hasEnded, true);
    assertEquals(client.messages.map(({ type }) => type), [
      "message",
      "message",
      "message",
      "end",
    ]);
    assertEquals(tally(client.messages).values, [1, 2, 3]);
    assertEquals(new Set(client.messages.map(({ id }) => id)).size, 3);
  }));

test("eventStream() on a real server keeps a silent connection alive", () =>
  withSite(async ({ bus, server }) => {
    const client = await SseClient.open(server.url);
    await until("some heartbeats have come", () => client.parser.comments >= 4);
    bus.publish(1);
    await until("an event has come", () => client.messages.length === 1);
    await client.leave();
  }, { heartbeatMs: 10 }));

// Where nothing is written, only the platform can tell that somebody has gone.
for (const [how, heartbeatMs] of [["silent", 600_000], ["beating", 20]] as const) {
  test(`eventStream() on a real server closes the subscription of a fetch that is aborted, ${how}`, () =>
    withSite(async ({ bus, server, subscriptions }) => {
      const client = await SseClient.open(server.url);
      bus.publish(1);
      await until("an event has come", () => client.messages.length === 1);
      await client.leave();
      await until("the subscription is closed", () => subscriptions[0]!.closed);
      assertEquals(bus.publish(2), 0);
    }, { heartbeatMs }));

  test(`eventStream() on a real server closes the subscription of a body that is cancelled, ${how}`, () =>
    withSite(async ({ server, subscriptions }) => {
      const response = await fetch(server.url);
      await response.body!.cancel();
      await until("the subscription is closed", () => subscriptions[0]!.closed);
    }, { heartbeatMs }));

  test(`eventStream() on a real server closes the subscription of a connection that breaks, ${how}`, () =>
    withSite(async ({ server, subscriptions }) => {
      const client = new RawClient(server.port, GET);
      await until("the answer comes", () => client.status === 200 && client.body.length > 0);
      await client.destroy();
      await until("the subscription is closed", () => subscriptions[0]!.closed);
    }, { heartbeatMs }));
}

test("eventStream() on a real server closes the subscription of a connection that breaks at once", () =>
  withSite(async ({ server, subscriptions }) => {
    for (let visitor = 0; visitor < 10; visitor++) {
      const client = new RawClient(server.port, GET);
      await until("the request has come", () => subscriptions.length === visitor + 1);
      await client.destroy();
    }
    await until("all are closed", () => subscriptions.every(({ closed }) => closed));
  }, { heartbeatMs: 20 }));

test("eventStream() on a real server closes the subscription of a connection that breaks under load", () =>
  withSite(async ({ bus, server, subscriptions }) => {
    const stop = setInterval(() => {
      for (let event = 0; event < 200; event++) bus.publish(event);
    }, 1);
    for (let visitor = 0; visitor < 10; visitor++) {
      const client = new RawClient(server.port, GET);
      await until("events come", () => client.received.length > 10_000);
      await client.destroy();
    }
    await until("all are closed", () => subscriptions.every(({ closed }) => closed));
    clearInterval(stop);
    for (const { offered, delivered, lagged, size } of subscriptions) {
      assertEquals(offered, delivered + lagged + size);
    }
  }));

test("eventStream() on a real server leaves no subscription behind a HEAD", () =>
  withSite(async ({ server, subscriptions }) => {
    const response = await fetch(server.url, { method: "HEAD" });
    assertEquals([response.status, await response.text()], [200, ""]);
    await until("the request has come", () => subscriptions.length === 1);
    await until("the subscription is closed", () => subscriptions[0]!.closed);
  }, { heartbeatMs: 20 }));

test("eventStream() on a real server ends with the server, though the browser stays", async () => {
  const bus = new Bus<number>();
  let client: SseClient;
  {
    await using server = serve(() => eventStream(bus.subscribe()));
    client = await SseClient.open(server.url);
    bus.publish(1);
    await until("an event has come", () => client.messages.length === 1);
  }
  await client.end().catch(() => {});
  await until("the subscription is closed", () => bus.stats().subscriptions.length === 0);
  assert(!client.messages.some(({ type }) => type === "end"));
});

test("eventStream() on a real server lets a server stop in good order once the bus is closed", async () => {
  const bus = new Bus<number>();
  await using server = serve(() => eventStream(bus.subscribe()));
  const clients = await Promise.all(range(1, 5).map(() => SseClient.open(server.url)));
  bus.publish(1);
  bus.close();
  await Promise.all(clients.map((client) => client.end()));
  for (const { messages } of clients) {
    assertEquals(messages.map(({ type }) => type), ["message", "end"]);
  }
});

test("eventStream() on a real server goes on behind the last id, with nothing missing or double", () =>
  withSite(
    async ({ bus, server }) => {
      const first = await SseClient.open(server.url);
      for (const event of range(1, 5)) bus.publish(event);
      await until("five events have come", () => first.messages.length === 5);
      await first.leave();
      for (const event of range(6, 300)) bus.publish(event);
      const second = await SseClient.open(server.url, first.lastEventId);
      bus.publish(301);
      bus.close();
      await second.end();
      assertEquals(tally(second.messages), { values: range(6, 301), lost: 0 });
    },
    // The replay does not count in it.
    { capacity: 5 },
    { history: 1_000 },
  ));

test("eventStream() on a real server says how many events are gone behind the last id", () =>
  withSite(
    async ({ bus, server }) => {
      const first = await SseClient.open(server.url);
      bus.publish(1);
      await until("an event has come", () => first.messages.length === 1);
      await first.leave();
      for (const event of range(2, 50)) bus.publish(event);
      const second = await SseClient.open(server.url, first.lastEventId);
      bus.close();
      await second.end();
      assertEquals(second.messages[0], {
        type: "lag",
        data: '{"missed":39}',
        id: first.lastEventId!,
      });
      assertEquals(tally(second.messages), { values: range(41, 50), lost: 39 });
    },
    {},
    { history: 10 },
  ));

test("eventStream() on a real server misses nothing through many disconnections under a stream of events", () =>
  withSite(
    async ({ bus, server, subscriptions }) => {
      let published = 0;
      const publishing = setInterval(() => {
        for (let burst = 0; burst < 20; burst++) bus.publish(++published);
      }, 1);
      const values: number[] = [];
      let lost = 0;
      let lastEventId: string | undefined;
      // In turn by an abort and by a break of the connection.
      for (let visit = 0; visit < 20; visit++) {
        const messages = visit % 2 === 0
          ? await (async () => {
            const client = await SseClient.open(server.url, lastEventId);
            await until("events come", () => client.messages.length > 30);
            await client.leave();
            return client.messages;
          })()
          : await (async () => {
            const client = new RawClient(server.port, [...GET, `Last-Event-ID: ${lastEventId}`]);
            await until("events come", () => client.received.length > 1_000);
            await client.destroy();
            return parseSse(client.body);
          })();
        const seen = tally(messages);
        values.push(...seen.values);
        lost += seen.lost;
        lastEventId = messages.findLast(({ type }) => type === "message")?.id ?? lastEventId;
      }
      clearInterval(publishing);
      const last = await SseClient.open(server.url, lastEventId);
      bus.close();
      await last.end();
      values.push(...tally(last.messages).values);
      assertEquals(lost, 0);
      assertEquals(values, range(values[0]!, published));
      assertEquals(subscriptions.length, 21);
    },
    { capacity: 100_000 },
    { history: 1_000_000 },
  ));

test("eventStream() on a real server comes back after a restart, and says that nobody knows what is missing", async () => {
  let lastEventId: string | undefined;
  {
    const bus = new Bus<number>({ history: 10 });
    await using server = serve(() => eventStream(bus.subscribe()));
    const client = await SseClient.open(server.url);
    bus.publish(1);
    await until("an event has come", () => client.messages.length === 1);
    lastEventId = client.lastEventId;
    await client.leave();
  }
  const bus = new Bus<number>({ history: 10 });
  bus.publish(2);
  await using server = serve((request) => {
    const after = request.headers.get("last-event-id");
    return eventStream(bus.subscribe({ after, replay: 5 }));
  });
  const client = await SseClient.open(server.url, lastEventId);
  bus.close();
  await client.end();
  assertEquals(client.messages[0]!.data, '{"missed":null}');
  assertEquals(tally(client.messages).values, [2]);
});

/** Events for a browser that takes nothing for a while: 100 MB of them. */
const MANY = 100_000;
const EVENT_BYTES = 1_000;

for (const overflow of ["drop-newest", "drop-oldest"] as const) {
  test(`eventStream() on a real server is bounded for a browser that takes nothing, and tells it what it lost: ${overflow}`, () =>
    withSite(
      async ({ bus, server, subscriptions }) => {
        const client = new RawClient(server.port, GET);
        client.pause();
        await until("the request has come", () => subscriptions.length === 1);
        const [subscription] = subscriptions;
        for (const event of range(1, MANY)) {
          bus.publish(event);
          // The server gets its turn, to write what it can.
          if (event % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
        }
        assertEquals(subscription!.offered, MANY);
        assertEquals(subscription!.size, 500);
        // What left the queue is in the buffers of the server and the system, or the client's.
        const taken = subscription!.delivered * EVENT_BYTES;
        assert(taken < 20_000_000, `${taken} bytes are held for a browser that takes nothing`);
        client.resume();
        bus.publish(MANY + 1);
        bus.close();
        await until("the end comes", () => client.received.endsWith("\r\n0\r\n\r\n"));
        const messages = parseSse(client.body);
        await client.destroy();
        const { values, lost } = tally(messages);
        assertEquals(values.length + lost, MANY + 1);
        assertEquals([values.length, lost], [subscription!.delivered, subscription!.lagged]);
        assert(lost > MANY / 2, `${lost} were lost`);
        assertEquals(messages.at(-1)!.type, "end");
        // Each notice stands where its events are missing.
        let next = 1;
        for (const { type, data } of messages) {
          if (type === "lag") next += JSON.parse(data).lost;
          if (type === "message") assertEquals(Number.parseInt(data), next++);
        }
      },
      { capacity: 500, overflow, data: (event) => `${event} `.padEnd(EVENT_BYTES, "x") },
    ));
}

test("eventStream() on a real server leaves the other browsers alone when one takes nothing", () =>
  withSite(async ({ bus, server, subscriptions }) => {
    const stuck = new RawClient(server.port, GET);
    stuck.pause();
    await until("the request has come", () => subscriptions.length === 1);
    const client = await SseClient.open(server.url);
    for (let event = 1; event <= 20_000; event++) {
      bus.publish(event);
      if (event % 100 === 0) await until("they come", () => client.messages.length === event);
    }
    bus.close();
    await client.end();
    assertEquals(tally(client.messages), { values: range(1, 20_000), lost: 0 });
    await stuck.destroy();
  }, { data: (event) => `${event} `.padEnd(EVENT_BYTES, "x") }));

test("eventStream() on a real server sends a laggard away, which comes back and misses nothing", () =>
  withSite(
    async ({ bus, server, subscriptions }) => {
      const client = new RawClient(server.port, GET);
      client.pause();
      await until("the request has come", () => subscriptions.length === 1);
      let published = 0;
      await until("it has fallen behind", () => {
        for (let burst = 0; burst < 100; burst++) bus.publish(++published);
        return subscriptions[0]!.closed;
      });
      client.resume();
      await until("the stream ends", () => client.received.endsWith("\r\n0\r\n\r\n"));
      const messages = parseSse(client.body);
      await client.destroy();
      assert(!messages.some(({ type }) => type === "end"));
      const { values } = tally(messages);
      assertEquals(values, range(1, values.length));
      const again = await SseClient.open(server.url, messages.at(-1)!.id);
      bus.close();
      await again.end();
      assertEquals(tally(again.messages), { values: range(values.length + 1, published), lost: 0 });
    },
    {
      capacity: 200,
      overflow: "disconnect",
      data: (event) => `${event} `.padEnd(EVENT_BYTES, "x"),
    },
    { history: 1_000_000 },
  ));

test("eventStream() on a real server sends bytes as they are", () =>
  withSite(async ({ bus, server }) => {
    const client = new RawClient(server.port, [...GET, "Accept-Encoding: gzip, br"]);
    await until("the answer comes", () => client.status === 200);
    bus.publish(1);
    bus.close();
    await until("the end comes", () => client.received.endsWith("\r\n0\r\n\r\n"));
    assertMatch(client.body, /^id: .*\n\nid: .*\ndata: a\ndata: b\n\nevent: end\ndata: {}\n\n$/);
    await client.destroy();
  }, { data: () => "a\r\nb" }));
