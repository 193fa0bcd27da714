import { assertEquals, assertMatch } from "@std/assert";
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { test } from "./_harness.ts";

const folder = new URL("../examples/", import.meta.url);

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs an example under the runtime of this test; `onOutput` sees all output so far, and may end it. */
function run(
  file: string,
  args: readonly string[] = [],
  onOutput: (output: string, end: () => void) => void = () => {},
): Promise<Ended> {
  const runtime = "Deno" in globalThis ? ["run", permissions[file] ?? "--allow-net"] : [];
  const path = fileURLToPath(new URL(file, folder));
  const child = spawn(process.execPath, [...runtime, path, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Promise((resolve, reject) => {
    let output = "";
    const collect = (chunk: Uint8Array): void => {
      output += new TextDecoder().decode(chunk);
      // Not child.kill(): after that, Deno says that the signal ended the process, whatever its exit code was.
      onOutput(output, () => process.kill(child.pid!, "SIGINT"));
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

/** What each example must print; one that is missing here fails. */
const expected: Readonly<Record<string, RegExp>> = {
  "bus_backpressure.ts":
    /^archive: 100 ticks lost, .*\narchive: 0 ticks lost since .*\nchart: the last price is 1000, .*\narchive: the last price is 1000\nledger: 1000 ticks without a gap, cut off [1-9]\d* times\n/,
  "bus_filters.ts":
    /^shop\.order\.created\n {2}log: .*\nprinter failed: no printer\nshop\.order\.paid\.late\n {2}sales: order 2, 250 €\n {2}customs: order 2\nprinter .*\nshop\.stock\.changed\n {2}purchasing: 2 teapots left\nshop\.stock\.changed\naudit: order, order, stock, stock\n$/,
  "bus_late_bind.ts":
    /^ada: login \(s1\)\nada: view \(s1\)\nsold to grace\nunusable: .* s3 .*\nsold to somebody\nsold to somebody\n3 taught, 3 filled in, 3 unknown\n1 remembered, 1 evicted, 1 unusable\n$/,
  "batch_writer.ts": /^2500 rows in \d+ batches\n$/,
  // On a machine that stands still for half a second, worker 1 may lose the lead before its time, and take it again.
  "leader_lease.ts":
    /^worker 1 leads\n(?:report [123] of worker 1 is stored\n|worker 1 (?:leads|has lost the lead)\n)*worker 1 has lost the lead\nworker 2 leads\nreport 5 of worker 2 is stored\nreport 4 of worker 1 comes late, and is refused\nreport 6 of worker 2 is stored\nworker 2 stops\nworker 3 leads\nreport 7 of worker 3 is stored\nworker 3 stops\nstored: 1, 2, 3, 5, 6, 7\n$/,
  "merge_sources.ts":
    /^order 1\npayment 1\norder 2\npayment 2\nstopped: seen enough\n1 left in the channels\n$/,
  "presence_chat.ts":
    /^eve hears {2}here: eve\neve hears {2}eve came\neve hears {2}ada came\neve hears {2}ada: hello\nbob hears {2}here: ada \(2 tabs\), bob, eve\neve hears {2}bob came\neve hears {2}bob is away\neve hears {2}ada: I am still here\neve hears {2}ada went\neve hears {2}cy came\neve hears {2}cy is gone: connection lost\neve hears {2}dan came\neve hears {2}dan is gone: expired\neve hears {2}bob is back\n6 connections: 4 closed, 1 lost, 1 fell silent\n$/,
  "ring_workers.ts": /^worker 0: steps 1 2 3\nworker 1: steps 1 2 3\n$/,
  "slow_reader.ts": /^wait +received 1 2 3 4 5 6 7 8 9 10 11 12\n +12 received \+ 0 dropped/,
  "two_processes.ts": /^10000 published = \d+ received \+ \d+ lost\n$/,
  "tap_bun.ts":
    /^opened: a session of somebody here\n(?=[^]*ended: a session of somebody here\n)(?:ended.*\n)?{"method":"POST","path":"\/orders","status":400,"authorization":"\[redacted\]","order":{"count":0,"email":"(rsigma:redacted:[0-9a-f]{16})","card":"…9010"}}\n(?:ended.*\n)?{.*"count":-1,"email":"\1",.*\n(?:ended.*\n)?2 of 4 shown, 0 dropped\n$/,
  "tap_deno.ts":
    /^opened: a session of somebody here\n(?=[^]*ended: a session of somebody here\n)(?:ended.*\n)?{"method":"POST","path":"\/orders","status":400,"authorization":"\[redacted\]","order":{"count":0,"email":"(rsigma:redacted:[0-9a-f]{16})","card":"…9010"}}\n(?:ended.*\n)?{.*"count":-1,"email":"\1",.*\n(?:ended.*\n)?2 of 4 shown, 0 dropped\n$/,
  // Deno says first what it downloads.
  "tap_hono.ts":
    /(?:^|\n)opened: a session of guests\n(?=[^]*ended: a session of guests\n)(?:(?:ended.*\n)?{"method":"POST","path":"\/orders","status":400,"authorization":"\[redacted\]","order":"rsigma:redacted:[0-9a-f]{16}"}\n){2}(?:ended.*\n)?2 of 4 shown, 0 dropped\n$/,
  "trace_bun.ts":
    /^What a request did:\n {2}GET \/report 200, .* ms\n {4}ask, .* ms\n {6}GET \/orders 200, .* ms\n {8}query orders, .* ms\n {8}query users, .* ms\n {8}render, .* ms\nThe slowest:\n(?: {2}(?:GET \/(?:orders|report)|ask|query), \d+\.\d ms\n){3}What failed:\n {2}GET, 500\n$/,
  "trace_deno.ts":
    /^What a request did:\n {2}GET \/report 200, .* ms\n {4}ask, .* ms\n {6}GET \/orders 200, .* ms\n {8}query orders, .* ms\n {8}query users, .* ms\n {8}render, .* ms\nThe slowest:\n(?: {2}(?:GET \/(?:orders|report)|ask|query), \d+\.\d ms\n){3}What failed:\n {2}GET, 500\n$/,
  // Deno says first what it downloads.
  "trace_hono.ts":
    /(?:^|\n)What a request did:\n {2}GET \/report 200, .* ms\n {4}ask, .* ms\n {6}GET \/orders 200, .* ms\n {8}query orders, .* ms\n {8}query users, .* ms\n {8}render, .* ms\nThe slowest:\n(?: {2}(?:GET \/(?:orders|report)|ask|query), \d+\.\d ms\n){3}What failed:\n {2}GET \/orders\/:id, 500\n$/,
  "trace_workers.ts":
    /^resize all, .* ms\n(?: {2}job, .* ms\n {4}resize, .* ms\n {6}decode, .* ms\n {6}scale, .* ms\n {6}encode, .* ms\n){2}The slowest:\n {2}resize all, .* ms\n(?: {2}(?:job|resize), .* ms\n){2}11 spans, 0 lost\n$/,
};

/** What an example is started with under Deno; `--allow-net` is enough for those that are missing here. */
const permissions: Readonly<Record<string, string>> = {
  "ring_workers.ts": "--allow-read",
  "trace_workers.ts": "--allow-read",
  "two_processes.ts": "-A",
};

// Those with an underscore are parts of others, and servers run until they are told to end.
const files = readdirSync(folder).filter((name) => !/^_|^live_service|^bus_to_browser/.test(name))
  // Only Linux has what it shows.
  .filter((name) => name !== "two_processes.ts" || process.platform === "linux")
  // One shows the server of Deno, one that of Bun, which the other runtime does not have.
  .filter((name) => !name.endsWith("Deno" in globalThis ? "_bun.ts" : "_deno.ts"));
for (const file of files) {
  test(`examples/${file} runs and prints what it says`, async () => {
    const { code, output } = await run(file);
    assertMatch(output, expected[file] ?? /an example without an expectation/);
    assertEquals(code, 0, output);
  });
}

// Windows has no signal that a process could be sent to end in good order.
if (process.platform !== "win32") {
  test("examples/live_service.ts serves its requests to a tap until it is interrupted", async () => {
    let watched: Promise<string> | undefined;
    const { code, output } = await run("live_service.ts", ["--port", "0"], (output, end) => {
      const url = /weir tap (\S+)/.exec(output)?.[1];
      if (url === undefined || watched !== undefined) return;
      watched = fetch(`${url}/tap?limit=7`).then((response) => response.text()).finally(end);
    });
    const lines = (await watched ?? "").trim().split("\n").map((line) => JSON.parse(line || "{}"));
    const statuses = lines.map(({ status }) => status).filter((status) => status !== undefined);
    assertEquals(statuses, [200, 201, 200, 400, 204, 404, 200]);
    assertEquals(lines.at(-1).weir_tap_summary.dropped, 0);
    assertEquals(code, 0, output);
  });

  // Each is for one runtime; the browser is in `bus/browser_test.ts`.
  const file = `bus_to_browser_${"Deno" in globalThis ? "deno" : "bun"}.ts`;
  test(`examples/${file} serves a page and its events until it is interrupted`, async () => {
    let visited: Promise<string> | undefined;
    const visit = async (url: string, end: () => void): Promise<string> => {
      const page = await (await fetch(url)).text();
      assertMatch(page, /^<!doctype html>[^]*new EventSource\("\/events/);
      for (const [path, status] of [["events?type=x", 400], ["burst", 404], ["x", 404]] as const) {
        const response = await fetch(`${url}${path}`);
        assertEquals([path, response.status], [path, status]);
        await response.text();
      }
      const stream = await fetch(`${url}events?type=order`);
      await fetch(`${url}burst`, { method: "POST" });
      const decoder = new TextDecoder();
      let text = "";
      let hasAsked = false;
      // It ends with the server.
      for await (const chunk of stream.body!) {
        text += decoder.decode(chunk, { stream: true });
        if (hasAsked || !/event: lag[^]*data: {"type"/.test(text)) continue;
        hasAsked = true;
        end();
      }
      return text;
    };
    const { code, output } = await run(file, ["--port", "0"], (output, end) => {
      const url = /^Open (\S+)$/m.exec(output)?.[1];
      if (url === undefined || visited !== undefined) return;
      visited = visit(url, end);
      // Whatever goes wrong, the example ends.
      visited.catch(end);
    });
    const text = await visited!;
    assertMatch(
      text,
      /^retry: 1000\n\nid: \S+\n\n(id: \S+\ndata: {"type":"order",.*}\n\n)+event: lag\n/,
    );
    assertMatch(text, /event: lag\ndata: {"lost":\d+}\n\nid: /);
    assertMatch(output, /^Open .*\n1\d{4} events, \d+ lost to browsers that were too slow\n$/);
    assertEquals(code, 0, output);
  });
}

// Only Windows has no SIGINT to send.
if (process.platform !== "win32") {
  for (const file of [`tap_${"Deno" in globalThis ? "deno" : "bun"}.ts`, "tap_hono.ts"]) {
    test(`examples/${file} with a port can be watched until it is interrupted`, async () => {
      let watched: Promise<string> | undefined;
      const watch = async (url: string, token: string | undefined, end: () => void) => {
        const headers = new Headers(
          token === undefined ? {} : { authorization: `Bearer ${token}` },
        );
        const stream = await fetch(`${url}/debug/tap?duration=1m`, { headers });
        const body = JSON.stringify({ count: 1, email: "you@example.org" });
        await (await fetch(`${url}/orders`, { method: "POST", body })).body?.cancel();
        // While somebody still reads.
        end();
        return await stream.text();
      };
      const { code, output } = await run(file, ["0"], (output, end) => {
        const [, token, url] =
          /curl -N(?: -H 'authorization: Bearer (\S+)')? '(\S+)\/debug\/tap/.exec(output) ?? [];
        if (url === undefined || watched !== undefined) return;
        watched = watch(url, token, end);
        // Whatever goes wrong, the example ends.
        watched.catch(end);
      });
      const lines = (await watched!).split("\n").filter((line) => line !== "");
      assertMatch(lines[0]!, /^{"weir_tap_hello":/);
      assertMatch(lines[1]!, /^{"method":"POST","path":"\/orders","status":201,"order":/);
      assertMatch(lines[2]!, /^{"weir_tap_summary":{"captured":1,.*"reason":"shutdown"/);
      assertEquals([lines.length, code], [3, 0], output);
    });
  }
}

test("examples/live_service.ts refuses a port that is none", async () => {
  const { code, output } = await run("live_service.ts", ["--port", "x"]);
  assertEquals(output, 'live_service: arguments must be --port PORT, received "--port x"\n');
  assertEquals(code, 2);
});
