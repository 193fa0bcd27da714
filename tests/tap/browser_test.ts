import { assert, assertEquals } from "@std/assert";
import type { TapHandlerOptions, TapHello, TapOptions } from "../../tap/mod.ts";
import { Wire } from "../bus/_wire.ts";
import { browserTest as test, Chromium, type Page } from "../_chromium.ts";
import { serveTap, type TapServer } from "./_browser_server.ts";
import { until } from "./_wait.ts";

/** What a plain page has seen, as it has seen it. */
interface Seen {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

/** Lets a plain page watch a tap, over a wire that can be cut. */
async function plainly(
  query: Record<string, string>,
  body: (
    watched: { page: Page; wire: Wire; server: TapServer; seen(): Promise<Seen[]> },
  ) => Promise<void>,
  options?: TapOptions<"raw" | "decoded">,
  handling?: TapHandlerOptions,
): Promise<void> {
  await using server = serveTap(options, handling);
  await using wire = await Wire.to(server.port);
  {
    await using browser = await Chromium.start();
    const page = await browser.open(`${wire.url}/plain`);
    await page.evaluate(`watch(${JSON.stringify(query)})`);
    await page.until("the hello has come", "seen.length > 0");
    await body({ page, wire, server, seen: () => page.evaluate("seen") });
  }
  await until("nobody watches any more", () => server.tap.sessions.length === 0);
}

/** The methods that a server was asked with, and the ids that a browser came back with. */
const askedOf = ({ asked }: TapServer): string[] =>
  asked.map(({ method, lastId }) => lastId === null ? method : `${method} ${lastId}`);

test("An EventSource with a ticket gets the hello, and events with their ids", () =>
  plainly({ stage: "raw" }, async ({ page, server, seen }) => {
    const texts = ["one", '{"two":2}', "zwölf € 🦫\u2028", " leading", "id: 7", "a\nb\rc", ""];
    for (const text of texts) server.tap.offer("raw", text);
    await page.until("the events have come", `seen.length > ${texts.length}`);
    const [hello, ...events] = await seen();
    assertEquals([hello!.type, hello!.lastEventId], ["hello", ""]);
    const { instance, stage, stages }: TapHello = JSON.parse(hello!.data);
    assertEquals({ instance, stage, stages }, {
      instance: server.tap.instance,
      stage: "raw",
      stages: ["raw"],
    });
    assertEquals(
      events.map(({ type, lastEventId }) => [type, lastEventId]),
      texts.map((_, index) => ["message", `${instance}-${index + 1}`]),
    );
    // Each is one JSON value, be it a line as it was offered, or what is no line.
    assertEquals(
      events.map(({ data }) => JSON.parse(data)),
      texts,
    );
  }));

test("An EventSource is told of what is dropped while it is dropped", () =>
  plainly(
    {},
    async ({ page, server, seen }) => {
      for (let number = 1; number <= 1_000; number++) server.tap.offer("decoded", { number });
      await page.until("the loss is told", "seen.some(({ type }) => type === 'drop')");
      assertEquals(server.tap.sessions.length, 1);
      const all = await seen();
      const { dropped, ...notice } = JSON.parse(all.find(({ type }) => type === "drop")!.data);
      assertEquals([notice.kind, notice.new], ["drop", dropped]);
      assert(dropped >= 980, `${dropped}`);
      const events = all.filter(({ type }) => type === "message");
      assertEquals(events.length + dropped, 1_000);
      // A notice is no event: it does not move the id that the browser would come back with.
      assertEquals(
        all.find(({ type }) => type === "drop")!.lastEventId,
        events.at(-1)!.lastEventId,
      );
    },
    { bufferEvents: 10 },
  ));

test("An EventSource that comes back after the end of its session is sent away for good", () =>
  plainly({ limit: "2" }, async ({ page, server, seen }) => {
    for (let number = 1; number <= 3; number++) server.tap.offer("decoded", { number });
    await page.until("it is closed", "source.readyState === EventSource.CLOSED");
    const all = await seen();
    assertEquals(all.map(({ type }) => type), ["hello", "message", "message", "summary"]);
    const summary = JSON.parse(all.at(-1)!.data);
    assertEquals([summary.reason, summary.captured], ["limit", 2]);
    assertEquals(askedOf(server), ["POST", "GET", "GET end"]);
  }));

test("An EventSource that is cut off cannot come back by a ticket that is used", () =>
  plainly(
    {},
    async ({ page, wire, server, seen }) => {
      server.tap.offer("decoded", 1);
      await page.until("the event has come", "seen.length === 2");
      const [, { lastEventId }] = await seen() as [Seen, Seen];
      wire.cut();
      await page.until("it has noticed", "source.readyState === EventSource.CONNECTING");
      server.tap.offer("decoded", 2);
      wire.mend();
      await page.until("it is closed", "source.readyState === EventSource.CLOSED");
      assertEquals(askedOf(server), ["POST", "GET", `GET ${lastEventId}`]);
      assertEquals(server.tap.stats().refusedBy.unauthorized, 1);
      // With a new one it goes on where it was.
      await page.evaluate(`watch({ since: "${lastEventId}" })`);
      await page.until("the rest has come", "seen.filter(({ type }) => type === 'message')[1]");
      const all = await seen();
      const events = all.filter(({ type }) => type === "message");
      assertEquals(events.map(({ data }) => data), ["1", "2"]);
      assertEquals(JSON.parse(all.findLast(({ type }) => type === "hello")!.data).missed, 0);
    },
    { backlog: 10 },
  ));

test("A browser whose tab is closed ends its session", () =>
  plainly(
    { duration: "300s" },
    async ({ page, server }) => {
      assertEquals(server.tap.sessions.length, 1);
      await page.close();
      await until("its session has ended", () => server.tap.sessions.length === 0);
    },
    {},
    { heartbeatMs: 600_000, stallMs: 600_000 },
  ));
