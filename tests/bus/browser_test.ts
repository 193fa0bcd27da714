import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Bus, type BusOptions, eventStream, type EventStreamOptions } from "../../bus/mod.ts";
import { Child } from "../_child.ts";
import { test as harnessTest } from "../_harness.ts";
import { bothRuntimes } from "../_runtimes.ts";
import { serve } from "../tap/_server.ts";
import { until } from "../tap/_wait.ts";
import { browserTest as test, Chromium, type Page } from "../_chromium.ts";
import { Wire } from "./_wire.ts";

/** What a page has seen, as it has seen it. */
interface Seen {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

/** A page that keeps whatever its `EventSource` dispatches in `seen`. */
const PAGE = `<!doctype html><link rel="icon" href="data:,"><script>
  const seen = [];
  let opened = 0;
  const source = new EventSource("/events");
  const keep = ({ type, data, lastEventId }) => seen.push({ type, data, lastEventId });
  source.onopen = () => opened++;
  for (const type of ["message", "lag", "order"]) source.addEventListener(type, keep);
  source.addEventListener("end", (event) => {
    keep(event);
    source.close();
  });
</script>`;

interface Watched {
  readonly bus: Bus<string>;
  readonly page: Page;
  readonly wire: Wire;
  /** The last ids with which the browser has come, in order. */
  readonly lastIds: (string | null)[];
  /** What the page has seen. */
  seen(): Promise<readonly Seen[]>;
}

/** Lets a browser watch a bus, over a wire that can be cut. */
async function watched(
  body: (watched: Watched) => Promise<void>,
  options: BusOptions<string> = {},
  streaming: EventStreamOptions<string> = {},
): Promise<void> {
  const bus = new Bus<string>(options);
  const lastIds: (string | null)[] = [];
  await using server = serve((request) => {
    if (new URL(request.url).pathname === "/") {
      return new Response(PAGE, { headers: { "content-type": "text/html" } });
    }
    const after = request.headers.get("last-event-id");
    lastIds.push(after);
    return eventStream(bus.subscribe({ after }), { retryMs: 50, ...streaming });
  });
  await using wire = await Wire.to(server.port);
  {
    await using browser = await Chromium.start();
    const page = await browser.open(`${wire.url}/`);
    await page.until("the stream is open", "opened === 1");
    await body({ bus, page, wire, lastIds, seen: () => page.evaluate("seen") });
  }
  await until("nobody watches any more", () => bus.stats().subscriptions.length === 0);
}

const count = (seen: readonly Seen[]): number[] => seen.map(({ data }) => Number(data));

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

test("A browser gets events as they were published, with ids, then the end", () =>
  watched(
    async ({ bus, page, seen, lastIds }) => {
      const texts = [
        "one",
        "a\nb",
        "a\r\nb\rc",
        "",
        "zwölf € 🦫\u2028\u2029",
        " leading",
        "id: 7",
        "order",
        "\ufeffx",
      ];
      for (const text of texts) bus.publish(text);
      bus.close();
      await page.until("the stream has ended", "source.readyState === EventSource.CLOSED");
      const all = await seen();
      assertEquals(
        all.map(({ data }) => data),
        [...texts.map((text) => text.replace(/\r\n|\r/g, "\n")), "{}"],
      );
      assertEquals(
        all.map(({ type }) => type),
        [...texts.map((text) => text === "order" ? "order" : "message"), "end"],
      );
      assertEquals(new Set(all.map(({ lastEventId }) => lastEventId)).size, texts.length);
      // It does not come back after the end.
      assertEquals(lastIds, [null]);
    },
    {},
    { data: (text) => text, type: (text) => text === "order" ? text : undefined },
  ));

test("A browser that is cut off comes back by itself, and misses nothing", () =>
  watched(
    async ({ bus, page, wire, seen, lastIds }) => {
      let published = 0;
      const publish = (): void => {
        for (let i = 0; i < 5; i++) bus.publish(`${++published}`);
      };
      publish();
      await page.until("the first events have come", "seen.length === 5");
      const publishing = setInterval(publish, 5);
      for (let cut = 1; cut <= 3; cut++) {
        wire.cut();
        await page.until("the page has noticed", "source.readyState === EventSource.CONNECTING");
        // It calls in vain for a while.
        await new Promise((resolve) => setTimeout(resolve, 100));
        wire.mend();
        await page.until("it is back", `opened === ${cut + 1}`);
      }
      clearInterval(publishing);
      bus.close();
      await page.until("the stream has ended", "source.readyState === EventSource.CLOSED");
      const all = await seen();
      assertEquals(all.at(-1)!.type, "end");
      assertEquals(all.filter(({ type }) => type === "lag"), []);
      assertEquals(count(all.slice(0, -1)), range(1, published));
      // With the last id that it has had.
      assertEquals(lastIds.length, 4);
      const ids = all.map(({ lastEventId }) => lastEventId);
      for (const id of lastIds.slice(1)) assert(ids.includes(id!), `${id}`);
    },
    { history: 100_000 },
    { data: (text) => text },
  ));

test("A browser that was cut off for too long is told how much it has missed", () =>
  watched(
    async ({ bus, page, wire, seen }) => {
      bus.publish("1");
      await page.until("the first event has come", "seen.length === 1");
      wire.cut();
      await page.until("the page has noticed", "source.readyState === EventSource.CONNECTING");
      for (const id of range(2, 50)) bus.publish(`${id}`);
      wire.mend();
      await page.until("it is back", "seen.length >= 12");
      bus.publish("51");
      await page.until("it goes on", "seen.length >= 13");
      const [first, lag, ...rest] = await seen();
      assertEquals(first!.data, "1");
      assertEquals([lag!.type, lag!.data], ["lag", '{"missed":39}']);
      assertEquals(count(rest), range(41, 51));
    },
    { history: 10 },
    { data: (text) => text },
  ));

test("A browser that is sent away for its slowness comes back, and misses nothing", async () => {
  const bus = new Bus<string>({ history: 1_000 });
  await using server = serve((request) => {
    if (new URL(request.url).pathname === "/") {
      return new Response(PAGE, { headers: { "content-type": "text/html" } });
    }
    const after = request.headers.get("last-event-id");
    const subscription = bus.subscribe({ after, capacity: 10, overflow: "disconnect" });
    return eventStream(subscription, { retryMs: 20, data: (text) => text });
  });
  await using browser = await Chromium.start();
  const page = await browser.open(`${server.url}/`);
  await page.until("the stream is open", "opened === 1");
  bus.publish("1");
  await page.until("the first event has come", "seen.length === 1");
  // More at once than there is room for.
  for (const id of range(2, 100)) bus.publish(`${id}`);
  await page.until(
    "the rest has come",
    "seen.filter(({ type }) => type === 'message').length >= 100",
  );
  const all = await page.evaluate<Seen[]>("seen");
  assertEquals(count(all.filter(({ type }) => type === "message")), range(1, 100));
  assertEquals(await page.evaluate("opened"), 2);
  bus.close();
  await page.until("the stream has ended", "source.readyState === EventSource.CLOSED");
});

test("A browser that comes back to a server that was started anew is told that nobody knows what it has missed", async () => {
  const answer = (bus: Bus<string>) => (request: Request): Response => {
    if (new URL(request.url).pathname === "/") {
      return new Response(PAGE, { headers: { "content-type": "text/html" } });
    }
    const after = request.headers.get("last-event-id");
    return eventStream(bus.subscribe({ after }), { retryMs: 50, data: (text) => text });
  };
  const first = new Bus<string>({ history: 10 });
  const second = new Bus<string>({ history: 10 });
  await using browser = await Chromium.start();
  let wire: Wire;
  let page: Page;
  {
    await using server = serve(answer(first));
    wire = await Wire.to(server.port);
    page = await browser.open(`${wire.url}/`);
    await page.until("the stream is open", "opened === 1");
    first.publish("1");
    await page.until("an event has come", "seen.length === 1");
    // With a reason, so that it comes back.
    first.close(new Error("restart"));
    await page.until("the page has noticed", "source.readyState === EventSource.CONNECTING");
  }
  await using server = serve(answer(second));
  wire.target = server.port;
  await page.until("it is back", "opened === 2");
  second.publish("2");
  await page.until("it goes on", "seen.length === 3");
  const all = await page.evaluate<Seen[]>("seen");
  assertEquals(all.map(({ type, data }) => [type, data]), [
    ["message", "1"],
    ["lag", '{"missed":null}'],
    ["message", "2"],
  ]);
  second.close();
  await page.until("the stream has ended", "source.readyState === EventSource.CLOSED");
  await wire[Symbol.asyncDispose]();
});

test("A browser that was cut off before its first event misses nothing", () =>
  watched(
    async ({ bus, page, wire, seen }) => {
      wire.cut();
      await page.until("the page has noticed", "source.readyState === EventSource.CONNECTING");
      bus.publish("1");
      wire.mend();
      await page.until("it is back", "opened === 2");
      bus.publish("2");
      await page.until("an event has come", "seen.some(({ data }) => data === '2')");
      assertEquals(count(await seen()), [1, 2]);
    },
    { history: 10 },
    { data: (text) => text },
  ));

test("A browser whose tab is closed closes its subscription, though nothing happens", () =>
  watched(
    async ({ bus, page }) => {
      assertEquals(bus.stats().subscriptions.length, 1);
      await page.close();
      await until("its subscription is closed", () => bus.stats().subscriptions.length === 0);
    },
    {},
    { heartbeatMs: 600_000 },
  ));

/** The rows of the page of the examples, the oldest first: numbers of events, and what notices say. */
const ROWS = `[...document.querySelectorAll("#events li")].reverse().map((row) =>
  row.className === "event" ? Number(row.children[0].textContent) : row.textContent)`;

const STATE = `document.querySelector("#state").textContent`;

for (const runtime of bothRuntimes) {
  const name = `bus_to_browser_${runtime.name.toLowerCase()}.ts`;
  test(`examples/${name} shows live events through cuts, a burst and a restart`, async () => {
    const file = new URL(`../../examples/${name}`, import.meta.url);
    const portOf = ({ output }: Child): number =>
      Number(/^Open http:\/\/127\.0\.0\.1:(\d+)\/$/m.exec(output)?.[1]);
    await using browser = await Chromium.start();
    let port: number;
    let page: Page;
    let wire: Wire;
    {
      await using server = new Child(runtime, file, "--port", 0);
      await server.says("/\n");
      port = portOf(server);
      wire = await Wire.to(port);
      page = await browser.open(`${wire.url}/`);
      await page.until("the stream is open", `${STATE} === "open"`);
      await page.until("events come", `${ROWS}.length >= 4`);

      wire.cut();
      await page.until("the page has noticed", `${STATE} === "reconnecting"`);
      const before = await page.evaluate<number>(`${ROWS}.length`);
      await new Promise((resolve) => setTimeout(resolve, 600));
      wire.mend();
      await page.until("it is back", `${STATE} === "open"`);
      await page.until("more events come", `${ROWS}.length >= ${before + 4}`);
      const numbers = await page.evaluate<number[]>(ROWS);
      assertEquals(numbers, range(numbers[0]!, numbers.at(-1)!));

      await page.evaluate(`document.querySelector("#burst").click()`);
      await page.until("the page is told of the loss", `/lost/.test(${ROWS}.join())`);
      const lost = await page.evaluate<string>(`document.querySelector("#lost").textContent`);
      assertMatch(lost, /^9,\d{3}$/);

      // The browser is still there.
      server.signal("SIGINT");
      assertEquals(await server.code, 0, server.errors);
      assertMatch(server.output, /^\d{5} events, 9\d{3} lost to browsers that were too slow$/m);
      await page.until("the page has noticed", `${STATE} === "reconnecting"`);
    }
    await using server = new Child(runtime, file, "--port", 0);
    await server.says("/\n");
    wire.target = portOf(server);
    await page.until("it is back", `${STATE} === "open"`);
    await page.until("it says that it is not sure", `/nobody knows/.test(${ROWS}.join())`);
    assertMatch(
      await page.evaluate<string>(`document.querySelector("#lost").textContent`),
      /^at least 9,/,
    );
    server.signal("SIGINT");
    assertEquals(await server.code, 0, server.errors);
    await wire[Symbol.asyncDispose]();
  });
}

harnessTest("A wire that is cut lets nobody through until it is mended", async () => {
  await using server = serve(() => new Response("hello"));
  await using wire = await Wire.to(server.port);
  const ask = async (): Promise<string> => {
    const response = await fetch(wire.url, { headers: { connection: "close" } });
    return await response.text();
  };
  assertEquals(await ask(), "hello");
  wire.cut();
  await assertRejects(ask);
  wire.mend();
  assertEquals(await ask(), "hello");
});
