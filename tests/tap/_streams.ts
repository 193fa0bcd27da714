import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  Tap,
  type TapHandler,
  tapHandler,
  type TapHandlerOptions,
  type TapHello,
  type TapNotice,
  type TapOptions,
  type TapSummary,
} from "../../tap/mod.ts";
import type { Chunks } from "../_chunks.ts";
import { serve, type TestServer } from "./_server.ts";
import { settle, until } from "./_wait.ts";

/** What `Deno.serve` passes beside a request from this machine. */
export const HERE = { remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 4_711 } };

/** Sends a request from this machine to a handler that stands at `/tap`; `query` may begin with a path below that. */
export function ask(handler: TapHandler, query = "", init?: RequestInit): Promise<Response> {
  return handler(new Request(`http://localhost/tap${query}`, init), HERE);
}

/** A stream of lines, taken apart. */
export interface Stream {
  readonly hello: TapHello;
  readonly events: string[];
  readonly notices: TapNotice[];
  readonly summary: TapSummary;
}

const NOTICE = '{"weir_tap_notice":';

/** Takes a stream of lines apart: what it begins with, its events, its notices and its summary. Fails where it has none. */
export function parse(body: string): Stream {
  assert(body.endsWith("\n"), body);
  const [first, ...lines] = body.slice(0, -1).split("\n").filter((line) => line !== "");
  const hello = JSON.parse(first!).weir_tap_hello;
  const summary = JSON.parse(lines.pop()!).weir_tap_summary;
  assert(typeof hello === "object" && typeof summary === "object", body);
  return {
    hello,
    events: lines.filter((line) => !line.startsWith(NOTICE)),
    notices: lines.filter((line) => line.startsWith(NOTICE)).map(noticeOf),
    summary,
  };
}

/** Reads a stream of lines to its end, and takes it apart. */
export async function read(response: Response): Promise<Stream> {
  assertEquals(response.status, 200);
  return parse(await response.text());
}

/** What a line tells as a notice; fails if it is none. */
export function noticeOf(line: string): TapNotice {
  assert(line.startsWith(NOTICE), line);
  return JSON.parse(line).weir_tap_notice;
}

/** Checks that an answer is a refusal as all of them are, and answers what it says. */
export async function refusalOf(
  response: Response,
  status: number,
): Promise<{ error: string; hint?: string }> {
  assertEquals(response.status, status);
  assertMatch(response.headers.get("content-type")!, /^application\/json\b/);
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  return await response.json();
}

/** Reads what is left of a body. */
export async function restOf(chunks: Chunks): Promise<string> {
  let text = "";
  for (let chunk; (chunk = await chunks.next()) !== undefined;) text += chunk;
  return text;
}

/** Reads the chunk that opens a stream of lines. */
export async function helloOf(chunks: Chunks): Promise<TapHello> {
  const [first] = (await chunks.next() ?? "").split("\n");
  const { weir_tap_hello: hello } = JSON.parse(first!);
  assert(typeof hello === "object", first);
  return hello;
}

/** The next chunk, which must be there already. */
export async function chunkNow(chunks: Chunks): Promise<string | undefined> {
  const next = waitFor(chunks);
  await settle();
  assert(next.hasCome, "there is no chunk");
  return next.text;
}

/** A chunk that has been asked for. */
export interface Awaited {
  readonly hasCome: boolean;
  readonly text: string | undefined;
}

/** Asks for the next chunk. */
export function waitFor(chunks: Chunks): Awaited {
  const awaited: { hasCome: boolean; text: string | undefined } = {
    hasCome: false,
    text: undefined,
  };
  chunks.next().then((text) => {
    awaited.hasCome = true;
    awaited.text = text;
  });
  return awaited;
}

/** A message of an event stream as a browser reads it. */
export interface Message {
  readonly name: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** What a browser makes of an event stream. */
export interface EventStream {
  readonly messages: Message[];
  readonly retryMs: number | undefined;
  readonly comments: number;
}

/** Reads an event stream as the standard says: any of the three line ends, a message at each empty line, what is left over is none. */
export function parseEvents(body: string): EventStream {
  const messages: Message[] = [];
  let retryMs: number | undefined;
  let comments = 0;
  let name = "";
  let id: string | undefined;
  let data: string[] = [];
  for (const line of body.split(/\r\n|\r|\n/).slice(0, -1)) {
    if (line === "") {
      if (data.length > 0) messages.push({ name: name || "message", data: data.join("\n"), id });
      name = "";
      data = [];
      continue;
    }
    const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
    if (field === "") comments++;
    else if (field === "event") name = value ?? "";
    else if (field === "data") data.push(value ?? "");
    else if (field === "id") id = value;
    else if (field === "retry" && /^\d+$/.test(value ?? "")) retryMs = Number(value);
  }
  return { messages, retryMs, comments };
}

/** What a tap is made with, and what its handler is: each refuses what is the other's. */
export type ServedOptions = TapOptions<"raw" | "decoded"> & TapHandlerOptions;

/** Tells the options of a tap from those of its handler. */
export function splitOptions(
  options: ServedOptions,
): [of: TapOptions<"raw" | "decoded">, handling: TapHandlerOptions] {
  const { authorize, origins, path, heartbeatMs, stallMs, graceMs, ticketMs, retryMs, ...rest } =
    options;
  return [rest, { authorize, origins, path, heartbeatMs, stallMs, graceMs, ticketMs, retryMs }];
}

/** Serves a tap on the runtime's own server, and waits at the end until no session is left. */
export async function withServer(
  body: (tap: Tap, server: TestServer) => Promise<void>,
  options: ServedOptions = {},
): Promise<void> {
  const [ofTap, handling] = splitOptions(options);
  const tap = new Tap(ofTap);
  await using server = serve(tapHandler(tap, handling));
  await body(tap, server);
  await until("every session has ended", () => tap.stats().active === 0);
}
