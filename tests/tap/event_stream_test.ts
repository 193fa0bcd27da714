import { assert, assertEquals, assertMatch } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { chunksOf } from "../_chunks.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import {
  ask,
  type EventStream,
  parseEvents,
  read,
  refusalOf,
  restOf,
  withServer,
} from "./_streams.ts";
import { settle } from "./_wait.ts";

const SSE = { headers: { accept: "text/event-stream" } };

/** Reads an event stream to its end as a browser would. */
async function readEvents(response: Response): Promise<EventStream> {
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  return parseEvents(await response.text());
}

test("An event stream has a hello, events without a name, and a summary, each with its id", async () => {
  const tap = new Tap();
  const response = await ask(tapHandler(tap), "?limit=2", SSE);
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(response.headers.get("x-accel-buffering"), "no");
  tap.offer("raw", "of another stage");
  tap.offer("decoded", { id: 1 });
  tap.offer("decoded", "€");
  const { messages, comments } = await readEvents(response);
  const [hello, first, second, summary, ...more] = messages;
  assertEquals([more, comments], [[], 0]);
  assertEquals([hello!.name, hello!.id], ["hello", undefined]);
  assertEquals(JSON.parse(hello!.data).instance, tap.instance);
  assertEquals(first, { name: "message", data: '{"id":1}', id: `${tap.instance}-1` });
  assertEquals(second, { name: "message", data: '"€"', id: `${tap.instance}-2` });
  assertEquals([summary!.name, summary!.id], ["summary", "end"]);
  const { captured, reason } = JSON.parse(summary!.data);
  assertEquals([captured, reason], [2, "limit"]);
});

test("An event stream says how long to wait before coming back, a second if nobody says so", async () => {
  for (const [retryMs, expected] of [[undefined, 1_000], [0, 0], [7_000, 7_000]]) {
    const tap = new Tap();
    const handler = tapHandler(tap, { retryMs });
    assertEquals((await readEvents(await ask(handler, "?limit=0", SSE))).retryMs, expected);
    // Before anything else, since a stream may be cut off at once.
    const chunks = chunksOf(await ask(handler, "", SSE));
    assertMatch((await chunks.next())!, new RegExp(`^retry: ${expected}\n`));
    await chunks.cancel();
  }
});

test("An event stream is what a browser reads as it was, whatever line ends a text has", async () => {
  const texts = [
    "two\nlines",
    "a\r\nb",
    "a\rb",
    "\n",
    "",
    "  blanks  ",
    "\u2028 and \u2029",
    "data: x",
    ": comment",
    "id: end",
    "x\n\nevent: summary\ndata: {}\n\n",
    "x\r\rid: end\r\r",
    '{"weir_tap_summary":{}}',
    "event: hello",
    "\ufeff",
    "\0",
  ];
  for (const stage of ["raw", "decoded"] as const) {
    for (const meta of ["0", "1"]) {
      const tap = new Tap();
      const query = `?stage=${stage}&meta=${meta}&limit=${texts.length}`;
      const response = await ask(tapHandler(tap), query, SSE);
      for (const text of texts) tap.offer(stage, text);
      const { messages } = await readEvents(response);
      const events = messages.slice(1, -1);
      assertEquals(events.map(({ name }) => name), texts.map(() => "message"));
      assertEquals(events.map(({ id }) => id), texts.map((_, at) => `${tap.instance}-${at + 1}`));
      const said = events.map(({ data }) => {
        const value = JSON.parse(data);
        return meta === "0" ? value : value.text ?? value.event;
      });
      assertEquals(said, texts);
    }
  }
});

test("An event stream has envelopes of the same layout as lines", async () => {
  const tap = new Tap({ maxSessions: 2 });
  const handler = tapHandler(tap);
  const query = "?stage=raw,decoded&meta=1&limit=3";
  const [events, lines] = [await ask(handler, query, SSE), await ask(handler, query)];
  tap.offer("raw", "text", { trace: 1 });
  tap.offer("decoded", { id: 1 });
  tap.offer("raw", "two\nlines");
  const { messages } = await readEvents(events);
  const { events: expected } = await read(lines);
  assertEquals(messages.slice(1, -1).map(({ data }) => data), expected);
});

test("The format of a stream is what the query says, or else what the request accepts", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const browser = "text/event-stream";
  const typeOf = async (query: string, accept?: string): Promise<string> => {
    const init = accept === undefined ? {} : { headers: { accept } };
    const response = await ask(handler, `?limit=0${query}`, init);
    assertEquals(response.status, 200);
    await response.text();
    return response.headers.get("content-type")!;
  };
  assertEquals(await typeOf(""), "application/x-ndjson");
  assertEquals(await typeOf("", "*/*"), "application/x-ndjson");
  assertEquals(await typeOf("", "text/html, application/json"), "application/x-ndjson");
  assertEquals(await typeOf("", browser), browser);
  assertEquals(await typeOf("", `${browser};q=0.9, */*;q=0.1`), browser);
  assertEquals(await typeOf("&format=sse"), browser);
  assertEquals(await typeOf("&format=sse", "application/json"), browser);
  assertEquals(await typeOf("&format=ndjson", browser), "application/x-ndjson");
  assertEquals(await typeOf("&framing=weir", browser), browser);
  assertEquals(await typeOf("&framing=strict", browser), "application/x-ndjson");
});

test("An event stream is kept alive by records that a page can see, and tells what it loses by name", async () => {
  using time = new FakeTime();
  const tap = new Tap({ bufferEvents: 1, backlog: 1 });
  tap.offer("decoded", { id: 0 });
  const chunks = chunksOf(await ask(tapHandler(tap), "", SSE));
  assertEquals(parseEvents((await chunks.next())!).messages.map(({ name }) => name), [
    "hello",
    "message",
    "notice",
  ]);
  const quiet = chunks.next();
  await settle();
  time.pass(5_000);
  const { messages: [beat, ...more] } = parseEvents((await quiet)!);
  assertEquals([beat!.name, more], ["heartbeat", []]);
  const next = chunks.next();
  await settle();
  for (let id = 1; id <= 4; id++) tap.offer("decoded", { id });
  // The first went to the reader, who waited for it, and the second had the room.
  assertMatch((await next)!, /data: {"id":1}\n\nid: .*\ndata: {"id":2}\n\n$/);
  time.pass(1_000);
  tap.close();
  const { messages } = parseEvents(await restOf(chunks));
  assertEquals(messages.map(({ name }) => name), ["drop", "summary"]);
  const { dropped, kind } = JSON.parse(messages[0]!.data);
  assertEquals([kind, dropped], ["drop", 2]);
});

test("A browser that comes back gets what it has missed, and is told how much nobody has any more", async () => {
  const tap = new Tap({ backlog: 3 });
  const handler = tapHandler(tap);
  const from = (id: string): RequestInit => ({
    headers: { accept: "text/event-stream", "last-event-id": id },
  });
  const cameBack = async (id: string): Promise<unknown> => {
    const response = await ask(handler, "?limit=9", from(id));
    const chunks = chunksOf(response);
    const { messages } = parseEvents((await chunks.next())!);
    await chunks.cancel();
    const [hello, ...events] = messages;
    const { replayed, missed } = JSON.parse(hello!.data);
    const seen = events.filter(({ name }) => name === "message").map(({ data }) => Number(data));
    assertEquals(seen.length, replayed);
    return [seen, missed];
  };
  for (let id = 1; id <= 3; id++) tap.offer("decoded", id);
  assertEquals(await cameBack(`${tap.instance}-1`), [[2, 3], 0]);
  assertEquals(await cameBack(`${tap.instance}-3`), [[], 0]);
  for (let id = 4; id <= 6; id++) tap.offer("decoded", id);
  assertEquals(await cameBack(`${tap.instance}-3`), [[4, 5, 6], 0]);
  // What came between is forgotten, and nobody has counted it.
  assertEquals(await cameBack(`${tap.instance}-1`), [[4, 5, 6], null]);
});

test("A browser that comes back to another process is told that nobody knows what it has missed", async () => {
  const tap = new Tap({ backlog: 3 });
  tap.offer("decoded", 1);
  const other = tap.instance === "0123456789" ? "9876543210" : "0123456789";
  const headers = { accept: "text/event-stream", "last-event-id": `${other}-7` };
  const { messages } = await readEvents(await ask(tapHandler(tap), "?limit=1", { headers }));
  assertEquals(JSON.parse(messages[0]!.data).missed, null);
  assertEquals(messages[1]!.data, "1");
});

test("A last event that is none is as good as nothing, and one in the query comes first", async () => {
  const tap = new Tap({ backlog: 9 });
  for (let id = 1; id <= 4; id++) tap.offer("decoded", id);
  const handler = tapHandler(tap);
  for (const id of ["", "7", "x-7", `${tap.instance}-`, `${tap.instance}-1-2`, "End", "%00"]) {
    const headers = { "last-event-id": id };
    const { hello } = await read(await ask(handler, "?limit=4", { headers }));
    assertEquals(hello.replayed, 4, id);
  }
  const headers = { "last-event-id": `${tap.instance}-1` };
  const query = `?limit=1&since=${tap.instance}-3`;
  assertEquals((await read(await ask(handler, query, { headers }))).events, ["4"]);
});

test("A browser that comes back after the end is sent away for good, whatever it asks for", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize: () => false });
  const headers = { accept: "text/event-stream", "last-event-id": "end" };
  for (const query of ["", "?stage=raw&limit=1", "?ticket=used"]) {
    const response = await ask(handler, query, { headers });
    assertEquals([response.status, response.body], [204, null]);
    assertEquals(response.headers.get("cache-control"), "no-store");
  }
  // That is for those who would open a session.
  await refusalOf(await ask(handler, "", { method: "POST", headers }), 401);
  assertEquals(tap.stats().opened, 0);
});

test("A session that is over before it begins has a whole event stream", async () => {
  const tap = new Tap();
  tap.close("input");
  const { messages } = await readEvents(await ask(tapHandler(tap), "", SSE));
  assertEquals(messages.map(({ name, id }) => [name, id]), [
    ["hello", undefined],
    ["summary", "end"],
  ]);
});

test("An event stream on a real server comes while events happen, and ends with a summary", () =>
  withServer(async (tap, { url }) => {
    const response = await fetch(`${url}/tap?limit=2`, SSE);
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    const chunks = chunksOf(response);
    assert((await chunks.next())!.includes("event: hello\n"));
    tap.offer("decoded", 1);
    assertEquals(await chunks.next(), `id: ${tap.instance}-1\ndata: 1\n\n`);
    tap.offer("decoded", 2);
    const { messages } = parseEvents(await restOf(chunks));
    assertEquals(messages.map(({ name }) => name), ["message", "summary"]);
    const headers = { ...SSE.headers, "last-event-id": messages[1]!.id! };
    const back = await fetch(`${url}/tap?limit=2`, { headers });
    assertEquals([back.status, await back.text()], [204, ""]);
  }));
