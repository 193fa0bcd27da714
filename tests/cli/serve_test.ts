import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { type Host, serve, type ServeOptions } from "../../cli/mod.ts";
import { tapClient } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { runtimeHost } from "../tap/_server.ts";
import { settle, until } from "../tap/_wait.ts";
import { FakeHost } from "./_fake_host.ts";

/** Serves the input of a host without a system; `stop` ends it. */
function start(
  options: Partial<ServeOptions> = {},
  host: FakeHost = new FakeHost(),
): { host: FakeHost; served: ReturnType<typeof serve>; stop: AbortController } {
  const stop = new AbortController();
  const served = serve({ input: host.stdin(), signal: stop.signal, ...options }, host);
  // A test that expects a failure looks for it later.
  served.catch(() => {});
  return { host, served, stop };
}

/** What comes of a stream, without what only tells of the session while it runs. */
async function linesOf(response: Response): Promise<string[]> {
  assertEquals(response.status, 200);
  const isTold = (line: string): boolean => /^\{"weir_tap_(?:hello|notice)":/.test(line);
  return (await response.text()).split("\n").filter((line) => line !== "" && !isTold(line));
}

test("serve() offers every line at raw, and what it says at decoded", async () => {
  const { host, served, stop } = start();
  const [raw, decoded] = [await host.ask("/tap?stage=raw"), await host.ask("/tap")];
  host.type('{"a": 1}\nplain\n  \n\n[1,2]\r\n  "text" \n{broken\n0\nnull\n12');
  await settle();
  host.feed!.close();
  await settle();
  const lines = ['{"a": 1}', "plain", "[1,2]", '  "text" ', "{broken", "0", "null", "12"];
  const values = ['{"a":1}', "[1,2]", '"text"', "0", "null", "12"];
  assertEquals((await linesOf(raw)).slice(0, -1), lines);
  assertEquals((await linesOf(decoded)).slice(0, -1), values);
  stop.abort();
  assertEquals(await served, { read: 8, unparsed: 2, cut: 0 });
});

test("serve() cuts lines that are longer than 1 MiB, and counts them", async () => {
  const { host, served, stop } = start();
  const response = await host.ask("/tap?stage=raw&limit=3");
  host.type(`${"x".repeat(1_048_576)}\n${"y".repeat(1_048_577)}\n${"z".repeat(3_000_000)}\n`);
  const lines = await linesOf(response);
  assertEquals(lines.slice(0, 3).map((line) => line.length), [1_048_576, 1_048_576, 1_048_576]);
  stop.abort();
  assertEquals(await served, { read: 3, unparsed: 3, cut: 2 });
  assertMatch(await (await host.ask("/")).text(), /3 lines read, 3 not JSON, 2 cut/);
});

test("serve() listens at port 8707 of this machine, and calls onListen before it reads", async () => {
  const host = new FakeHost();
  const urls: string[] = [];
  const onListen = (url: string): void => {
    assertEquals(host.stdinPulls, 0);
    urls.push(url);
  };
  const { served, stop } = start({ onListen }, host);
  assertEquals(urls, ["http://127.0.0.1:8707"]);
  const { options } = host.servers[0]!;
  assertEquals([options.hostname, options.port], ["127.0.0.1", 8_707]);
  await settle();
  assertEquals(host.stdinPulls, 1);
  stop.abort();
  await served;
});

test("serve() keeps 8192 lines of each stage, and lets two watch, by default", async () => {
  const { host, served, stop } = start();
  host.type(Array.from({ length: 8_200 }, (_, i) => `${i}\n`).join(""));
  let page = "";
  for (let tries = 0; tries < 10_000 && !page.includes(" 8200 lines read"); tries++) {
    page = await (await host.ask("/")).text();
  }
  const lines = await linesOf(await host.ask("/tap?limit=8192"));
  assertEquals([lines[0], lines[8_191], lines.length], ["8", "8199", 8_193]);
  assertEquals(JSON.parse(lines[8_192]!).weir_tap_summary.missed, 8);
  const held = [await host.ask("/tap"), await host.ask("/tap")];
  assertEquals((await host.ask("/tap")).status, 409);
  stop.abort();
  await served;
  await Promise.all(held.map((response) => response.body!.cancel()));
});

test("serve() rejects where it cannot listen, and reads nothing", async () => {
  const host = new FakeHost();
  const cause = new Error("taken");
  host.serveProblem = cause;
  const { served } = start({ port: 80 }, host);
  const error = await assertRejects(() => served, Error, "Cannot listen at 127.0.0.1:80: taken");
  assertStrictEquals((error as Error).cause, cause);
  assertEquals([host.stdinPulls, host.leftovers], [0, []]);
});

test("serve() refuses a backlog and a number of sessions that are none, and starts nothing", async () => {
  for (const options of [{ backlog: -1 }, { backlog: NaN }, { maxSessions: 1.5 }]) {
    const { host, served } = start(options);
    const [[name, value]] = Object.entries(options) as [[string, number]];
    await assertRejects(() => served, RangeError, name);
    await assertRejects(() => served, RangeError, `received ${value}`);
    assertEquals([host.servers, host.stdinPulls], [[], 0]);
  }
});

test("serve() without a signal ends with its input", async () => {
  const host = new FakeHost();
  const { served } = start({ signal: undefined }, host);
  const watching = await host.ask("/tap?stage=raw");
  host.type("one\n");
  await settle();
  host.feed!.close();
  assertEquals(await served, { read: 1, unparsed: 1, cut: 0 });
  assertMatch((await linesOf(watching)).join("\n"), /^one\n.*"reason":"input"/);
  assertEquals(host.leftovers, []);
  assertEquals(host.errors.filter((line) => line.includes("has ended:")), []);
});

test("serve() ends when its signal aborts, whether the input waits or has ended", async () => {
  for (const hasEnded of [false, true]) {
    const { host, served, stop } = start();
    const watching = await host.ask("/tap");
    host.type("1\n2\n");
    await settle();
    if (hasEnded) host.feed!.close();
    await settle();
    stop.abort();
    assertEquals(await served, { read: 2, unparsed: 0, cut: 0 });
    const reason = hasEnded ? "input" : "shutdown";
    assertMatch((await linesOf(watching)).join("\n"), new RegExp(`^1\n2\n.*"reason":"${reason}"`));
    assertEquals([host.leftovers, host.isStdinCancelled], [[], !hasEnded]);
    // The sessions have time to be read.
    assertEquals(host.servers[0]!.graceMs, 2_000);
  }
});

test("serve() with a signal that has aborted ends at once, in good order", async () => {
  const host = new FakeHost();
  const { served } = start({ signal: AbortSignal.abort() }, host);
  assertEquals(await served, { read: 0, unparsed: 0, cut: 0 });
  assertEquals([host.leftovers, host.isStdinCancelled], [[], true]);
});

test("serve() does not count a line whose end has not come when it is stopped", async () => {
  const { host, served, stop } = start();
  host.type("one\ntw");
  await settle();
  stop.abort();
  assertEquals(await served, { read: 1, unparsed: 1, cut: 0 });
});

test("serve() leaves no listener at its signal", async () => {
  for (const isAborted of [true, false]) {
    const stop = new AbortController();
    let listeners = 0;
    const { signal } = stop;
    const { addEventListener, removeEventListener } = signal;
    const seen = new Set<unknown>();
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      seen.add(args[1]);
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      if (seen.delete(args[1])) listeners--;
      removeEventListener.apply(signal, args);
    };
    const { host, served } = start({ signal });
    await settle();
    if (isAborted) stop.abort();
    else host.feed!.error(new Error("broken pipe"));
    await served.catch(() => {});
    assertEquals(listeners, 0);
  }
});

test("serve() rejects with what its input fails with, after everything is closed", async () => {
  const { host, served } = start();
  const problem = new Error("disk on fire");
  const watching = await host.ask("/tap?stage=raw");
  host.type("one\n");
  await settle();
  host.feed!.error(problem);
  assertStrictEquals(await served.catch((error) => error), problem);
  assertMatch((await linesOf(watching)).join("\n"), /^one\n.*"reason":"shutdown"/);
  assertEquals(host.leftovers, []);
});

test("serve() says who watches, and how it went", async () => {
  const { host, served, stop } = start({ backlog: 1 });
  host.type("1\n2\n3\n");
  await settle();
  await linesOf(await host.ask("/tap?stage=raw&limit=1"));
  await (await host.ask("/tap?backlog=0")).body!.cancel();
  stop.abort();
  await served;
  assertEquals(host.errors, [
    "weir: session 1 opened, stage raw",
    "weir: session 1 ended, stage raw: 1 captured, 0 dropped, 2 missed before it (limit)",
    "weir: session 2 opened, stage decoded",
    "weir: session 2 ended, stage decoded: 0 captured, 0 dropped, 3 missed before it (client)",
  ]);
});

test("serve() logs nothing of what a reader sends as it is", async () => {
  const { host, served, stop } = start();
  const nasty = "\x1b[2J\x07\n\r\x9b31m\u2028\u2029\x85";
  const where = (text: string): string =>
    `where=${encodeURIComponent(`a == ${JSON.stringify(text)}`)}`;
  for (const query of [`stage=${encodeURIComponent(`*${nasty}`)}`, where(nasty), where("\u202e")]) {
    const response = await host.ask(`/tap?${query}&limit=0`);
    await response.text();
    await (await host.ask(`/tap/sessions?${query}`)).text();
  }
  for (const unit of "\x1b\x07\n\r\x9b\u2028\u2029\x85\0") {
    for (const name of [`*${unit}`, `raw,*${unit}x`]) {
      const response = await host.ask(`/tap?stage=${encodeURIComponent(name)}&limit=0`);
      // A blank at an end is none of a name's.
      if (response.status === 200) assertEquals(unit.trim(), "");
      else assertEquals(response.status, 400);
      await response.text();
    }
  }
  // What it may be named, in whatever direction it is written.
  await (await host.ask(`/tap?stage=${encodeURIComponent("*\u202ex")}&limit=0`)).text();
  stop.abort();
  await served;
  for (const line of host.errors) {
    assert(!/[\p{Cc}\p{Zl}\p{Zp}\u202e]/u.test(line), JSON.stringify(line));
  }
  assertEquals(host.errors.filter((line) => line.includes("\\u202e")).length > 0, true);
});

test("serve() tells a browser what it does and how to watch it", async () => {
  const { host, served, stop } = start({ port: 8_080 });
  host.type("1\nx\n");
  await settle();
  await linesOf(await host.ask("/tap?limit=1"));
  const page = await (await host.ask("/")).text();
  assertStringIncludes(page, "weir serve: 2 lines read, 1 not JSON\n");
  assertStringIncludes(page, "sessions: 0 open, 1 so far, 0 refused\n");
  assertStringIncludes(page, "events: 1 captured, 0 dropped\n");
  assertStringIncludes(page, "weir tap http://127.0.0.1:8080 --stage raw\n");
  assertStringIncludes(page, "http://127.0.0.1:8080/tap?stage=decoded");
  host.feed!.close();
  await settle();
  assertStringIncludes(await (await host.ask("/")).text(), "; the input has ended\n");
  const lost = await host.ask("/taps");
  assertEquals([lost.status, await lost.text()], [404, "There is only / and /tap here.\n"]);
  stop.abort();
  await served;
});

test("serve() answers in one line what has no readable address", async () => {
  const { host, served, stop } = start();
  for (const url of ["/tap", "http://[none/tap"]) {
    const request = Object.defineProperty(new Request("http://a/"), "url", { value: url });
    const answer = await host.servers[0]!.options.handler(request, undefined);
    assertEquals(answer.status, 400);
    assertEquals((await answer.text()).trim().split("\n").length, 1);
  }
  stop.abort();
  await served;
});

test("serve() shows its page to nobody who was led here by another name", async () => {
  const { host, served, stop } = start();
  const ask = async (name: string): Promise<number> => {
    const { options } = host.servers[0]!;
    return (await options.handler(new Request(`http://${name}:8707/`), undefined)).status;
  };
  assertEquals(await Promise.all(["127.0.0.1", "localhost"].map(ask)), [200, 200]);
  assertEquals(await Promise.all(["evil.example", "127.0.0.1.evil.example"].map(ask)), [404, 404]);
  stop.abort();
  await served;
});

/** An input that is fed by hand. */
function feed(): { input: ReadableStream<Uint8Array>; write(text: string): void; close(): void } {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const input = new ReadableStream<Uint8Array>({
    start: (its) => {
      controller = its;
    },
  });
  return {
    input,
    write: (text) => controller.enqueue(new TextEncoder().encode(text)),
    close: () => controller.close(),
  };
}

test("serve() on the runtime's server shows a tap every line, live, and ends with it", async () => {
  const logged: string[] = [];
  const host: Host = { ...runtimeHost(), log: (line) => logged.push(line) };
  const { input, write } = feed();
  const stop = new AbortController();
  const listening = Promise.withResolvers<string>();
  const served = serve({
    input,
    port: 0,
    signal: stop.signal,
    onListen: listening.resolve,
  }, host);
  const url = await listening.promise;
  assertMatch(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const client = tapClient(`${url}/tap`, { stage: "raw" });
  const seen: string[] = [];
  const watching = (async () => {
    for await (const line of client) seen.push(line);
  })();
  await until("the session is open", () => logged.length === 1);
  const lines = Array.from({ length: 5_000 }, (_, i) => `line ${i} ü€👧`);
  write(`${lines.join("\n")}\n`);
  await until("every line is shown", () => seen.length === 5_000);
  stop.abort();
  assertEquals(await served, { read: 5_000, unparsed: 5_000, cut: 0 });
  await watching;
  assertEquals(seen, lines);
  assertEquals([client.summary!.captured, client.summary!.dropped], [5_000, 0]);
  assertEquals(client.summary!.reason, "shutdown");
  await assertRejects(() => fetch(url), Error);
});

test("serve() on the runtime's server rejects for a port in use", async () => {
  const host = runtimeHost();
  const server = host.serve({ hostname: "127.0.0.1", port: 0, handler: () => new Response("") });
  const { input } = feed();
  const error = await assertRejects(() => serve({ input, port: server.port }, host), Error);
  assert((error as Error).message.startsWith(`Cannot listen at 127.0.0.1:${server.port}: `));
  assert(!input.locked);
  await server.stop(0);
});
