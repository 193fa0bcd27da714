import { assert, assertEquals, assertMatch } from "@std/assert";
import { execFileSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "../_harness.ts";
import { RawClient } from "../tap/_raw_client.ts";
import { serve } from "../tap/_server.ts";
import { until } from "../tap/_wait.ts";
import { Weir } from "./_process.ts";

// Windows has no signal that one process could send another to end it in good order, and no named pipes of this kind.
const hasSignals = process.platform !== "win32";

/** Runs `body` with a path at which nothing is yet. */
async function withPath(body: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "weir-process-"));
  try {
    await body(join(directory, "app.log"));
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** What `weir tap` said at its end. */
function summaryOf(
  tap: Weir,
): { shown: number; dropped: number; undelivered: number; reason: string } {
  const line = tap.errorLines.at(-1) ?? "";
  const [, shown, dropped, undelivered, reason] =
    /^tap: (\d+) shown, (\d+) dropped(?: \(\d+ could not be shown\))?(?:, (\d+) undelivered)?(?:, \d+ missed before it began)? \(.*ended by (\w+)\)/
      .exec(line) ??
      [];
  assert(reason !== undefined, `no summary: ${tap.errors}`);
  return {
    shown: Number(shown),
    dropped: Number(dropped),
    undelivered: Number(undelivered ?? 0),
    reason,
  };
}

/** Lines as a system log has them, and some that are odd. */
function log(count: number): string[] {
  return Array.from({ length: count }, (_, i) =>
    [
      `2026-08-07 12:00:${i % 60} status installed lib${i}:amd64 ${i}.0-1`,
      `{"n":${i},"text":"€ ü 👧"}`,
      `\t  indented, with trailing blanks ${i}  `,
      `\u001b[31mcolour ${i}\u001b[0m \\ "quoted" \u0000 ${"x".repeat(i % 400)}`,
      `"weir_tap_summary" ${i}`,
    ][i % 5]!);
}

test("weir serve and weir tap: a log that is piped in comes out byte for byte", async () => {
  const lines = log(7_000);
  await using server = new Weir("serve", "--port", "0");
  const url = await server.url();
  await using tap = new Weir("tap", url, "--stage", "raw", "--duration", "2m");
  // Half of it before the tap is there, which gets it from the backlog.
  await server.write(`${lines.slice(0, 3_000).join("\n")}\n`);
  await server.says("session 1 opened, stage raw");
  await server.write(`${lines.slice(3_000).join("\n")}\n`);
  server.endInput();
  assertEquals(await tap.code, 0);
  assert(tap.output === `${lines.join("\n")}\n`);
  const { shown, dropped, undelivered, reason } = summaryOf(tap);
  assertEquals([shown, dropped, undelivered, reason], [7_000, 0, 0, "input"]);
  assertMatch(tap.errorLines[0]!, /^tap: watching raw of http:\S+\/tap for 2m/);
  await server.says("the input has ended: 7000 lines read, 5600 not JSON");
});

test("weir serve and weir tap: every line of a flood is shown or counted", async () => {
  await using server = new Weir("serve", "--port", "0", "--backlog", "0");
  const url = await server.url();
  await using tap = new Weir("tap", url, "--stage", "raw", "--duration", "2m");
  await server.says("session 1 opened");
  const count = 200_000;
  for (let start = 0; start < count; start += 10_000) {
    const numbers = Array.from({ length: 10_000 }, (_, i) => start + i);
    await server.write(numbers.map((number) => `${number}\n`).join(""));
  }
  server.endInput();
  assertEquals(await tap.code, 0);
  const { shown, dropped, undelivered } = summaryOf(tap);
  assertEquals(shown + dropped + undelivered, count, tap.errors + server.errors);
  const numbers = tap.output.split("\n").slice(0, -1).map(Number);
  assertEquals(numbers.length, shown);
  assert(numbers.every((number, i) => i === 0 || number > numbers[i - 1]!), "out of order");
  await server.says(`${count} lines read`);
});

test("weir serve --input and weir tap --stage decoded: one JSON value a line, and the rest counted", () =>
  withPath(async (path) => {
    const lines = log(2_000).concat(' { "spaced" : [ 1, 2 ] } ', "{broken", "null");
    await writeFile(path, lines.join("\n"));
    await using server = new Weir("serve", "--port", "0", "--input", path);
    await using tap = new Weir("tap", await server.url(), "--stage", "decoded");
    assertEquals(await tap.code, 0);
    const values = Array.from({ length: 400 }, (_, i) => `{"n":${5 * i + 1},"text":"€ ü 👧"}\n`);
    assertEquals(tap.output, [...values, '{"spaced":[1,2]}\n', "null\n"].join(""));
    assertEquals(summaryOf(tap).shown, 402);
    await server.says(`serving ${path} at`);
    await server.says("2003 lines read, 1601 not JSON");
  }));

test("weir tap --limit and --backlog take what they say", async () => {
  await using server = new Weir("serve", "--port", "0");
  const url = await server.url();
  await server.write("1\n2\n3\n4\n5\n");
  await using waits = new Weir("tap", url, "--limit", "5");
  assertEquals([await waits.code, waits.output], [0, "1\n2\n3\n4\n5\n"]);
  await using tap = new Weir("tap", url, "--limit=2", "--backlog=3");
  assertEquals([await tap.code, tap.output], [0, "3\n4\n"]);
  assertEquals(summaryOf(tap).reason, "limit");
  await using none = new Weir("tap", url, "--backlog", "0", "--duration", "50ms");
  assertEquals([await none.code, none.output], [0, ""]);
  assertEquals(summaryOf(none).reason, "duration");
});

test("weir tap exits with 3 and one line where nothing listens", async () => {
  const server = serve(() => new Response());
  await server[Symbol.asyncDispose]();
  await using tap = new Weir("tap", server.url);
  assertEquals([await tap.code, tap.output], [3, ""]);
  assertMatch(tap.errors, new RegExp(`^weir: Cannot reach ${server.url}: [^\\n]+\\n$`));
});

test("weir tap exits with 3 and one line for a stage that does not exist", async () => {
  await using server = new Weir("serve", "--port", "0");
  await using tap = new Weir("tap", await server.url(), "--stage", "bogus");
  assertEquals([await tap.code, tap.output], [3, ""]);
  assertEquals(
    tap.errors,
    'weir: Cannot open tap session: stage must be one of raw, decoded, received "bogus"\n',
  );
});

test("weir tap exits with 4 when the server cuts the stream", async () => {
  const head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n";
  for (const framing of ["connection: close\r\n\r\n", "transfer-encoding: chunked\r\n\r\n4\r\n"]) {
    let connection: Socket | undefined;
    const server = createServer((socket) => {
      connection = socket;
      socket.on("error", () => {});
      socket.once("data", () => socket.write(`${head}${framing}one\n`));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await using tap = new Weir("tap", `http://127.0.0.1:${port}`);
    await until("the event is shown", () => tap.output === "one\n");
    connection!.end();
    assertEquals([await tap.code, tap.output], [4, "one\n"], tap.errors);
    assertEquals(tap.errors, "tap: 1 shown, then the stream was cut off; events may be missing\n");
    connection!.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("weir tap exits with 0 when its output is closed early, as head does", async () => {
  await using server = new Weir("serve", "--port", "0");
  const url = await server.url();
  await using tap = new Weir("tap", url, "--stage", "raw", "--duration", "2m");
  await server.says("session 1 opened");
  await server.write("one\n");
  await until("the first line is shown", () => tap.output !== "");
  tap.closeOutput();
  // It notices at the next lines.
  let hasEnded = false;
  tap.code.finally(() => hasEnded = true);
  for (let i = 0; !hasEnded && i < 1_000; i++) {
    await server.write("more\n".repeat(100));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals([await tap.code, tap.output], [0, "one\n"]);
  // Whoever reads it has seen enough, and needs no summary.
  assertEquals(tap.errorLines.length, 1, tap.errors);
  await server.says("session 1 ended, stage raw");
  assertMatch(server.errors, /session 1 ended, .*\(client\)/);
});

test("weir serve exits with 1 and one line for a port in use, and starts nothing", async () => {
  await using server = serve(() => new Response());
  await using second = new Weir("serve", "--port", `${server.port}`);
  assertEquals([await second.code, second.output], [1, ""]);
  assertMatch(
    second.errors,
    new RegExp(`^weir: Cannot listen at 127\\.0\\.0\\.1:${server.port}: [^\\n]+\\n$`),
  );
});

test("weir serve exits with 1 and one line for an input that does not exist, or is a directory", () =>
  withPath(async (path) => {
    await using missing = new Weir("serve", "--port", "0", "--input", path);
    assertEquals([await missing.code, missing.output], [1, ""]);
    assert(missing.errors.startsWith(`weir: Cannot open input "${path}": `), missing.errors);
    assertEquals(missing.errorLines.length, 1);
    await using directory = new Weir("serve", "--port", "0", "--input", join(path, ".."));
    assertEquals([await directory.code, directory.output], [1, ""]);
    assertEquals(directory.errorLines.length, 1);
    assertMatch(directory.errors, /: it is a directory\n$/);
  }));

test("weir serve answers a Host that is none in one line, and says nothing of it", async () => {
  await using server = new Weir("serve", "--port", "0");
  const { port } = new URL(await server.url());
  const client = new RawClient(Number(port), ["GET / HTTP/1.1", "Host: [none"]);
  await until("the answer comes", () => client.status > 0 && client.received.endsWith("\n"));
  assertEquals(client.status, 400);
  const body = client.received.slice(client.received.indexOf("\r\n\r\n") + 4);
  assertMatch(body, /^[^\n]+\n$/);
  await server.says("watch it with");
  assertEquals(server.errorLines.length, 2, server.errors);
  await client.destroy();
});

test("weir exits with 2 and one line for a command line that it cannot use", async () => {
  await using weir = new Weir("tap", "--stgae", "raw");
  assertEquals([await weir.code, weir.output], [2, ""]);
  assertEquals(weir.errors, 'weir: unknown flag "--stgae" (see weir --help)\n');
});

test("weir --version writes to standard output and exits with 0", async () => {
  await using weir = new Weir("--version");
  assertEquals([await weir.code, weir.errors], [0, ""]);
  assertMatch(weir.output, /^weir \d+\.\d+\.\d+\n$/);
});

if (hasSignals) {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    test(`${signal} to weir serve ends it and its tap in good order`, async () => {
      await using server = new Weir("serve", "--port", "0");
      const url = await server.url();
      await server.write("one\ntw");
      await using tap = new Weir("tap", url, "--stage", "raw", "--duration", "2m");
      await until("the line is shown", () => tap.output === "one\n");
      server.signal(signal);
      assertEquals([await server.code, await tap.code], [0, 0], server.errors + tap.errors);
      assertEquals(summaryOf(tap), { shown: 1, dropped: 0, undelivered: 0, reason: "shutdown" });
      assertEquals(server.errorLines.at(-1), "weir: stopped: 1 lines read, 1 not JSON");
      assertEquals(server.output, "");
    });
  }

  test("SIGINT to weir serve after its input has ended ends it", () =>
    withPath(async (path) => {
      await writeFile(path, "1\n");
      await using server = new Weir("serve", "--port", "0", "--input", path);
      await server.says("the input has ended");
      server.signal("SIGINT");
      assertEquals(await server.code, 0);
      assertEquals(server.errorLines.at(-1), "weir: stopped: 1 lines read, 0 not JSON");
    }));

  test("SIGINT to weir serve that follows a file ends it", () =>
    withPath(async (path) => {
      await writeFile(path, "1\n");
      await using server = new Weir("serve", "--port", "0", "--input", path, "--follow");
      await using tap = new Weir("tap", await server.url(), "--duration", "2m");
      await until("the first line is shown", () => tap.output === "1\n");
      await appendFile(path, "2\n");
      await until("the second line is shown", () => tap.output === "1\n2\n");
      server.signal("SIGINT");
      assertEquals([await server.code, await tap.code], [0, 0]);
      assertEquals(server.errorLines.at(-1), "weir: stopped: 2 lines read, 0 not JSON");
    }));

  test("SIGINT to weir serve with a reader that has stalled ends it too, after the grace", async () => {
    await using server = new Weir("serve", "--port", "0", "--backlog", "0");
    const { port } = new URL(await server.url());
    const client = new RawClient(Number(port), [
      "GET /tap?stage=raw&duration=5m HTTP/1.1",
      "Host: localhost",
    ]);
    client.pause();
    await server.says("session 1 opened");
    // More than the system keeps between the two, so that the answer cannot be finished.
    const line = `${"x".repeat(9_999)}\n`;
    for (let i = 0; i < 30; i++) await server.write(line.repeat(100));
    server.signal("SIGINT");
    assertEquals(await server.code, 0, server.errors);
    assertMatch(server.errorLines.at(-1)!, /^weir: stopped: \d+ lines read/);
    await client.destroy();
  });

  test("SIGINT to weir tap ends it in good order, and frees its session", async () => {
    await using server = new Weir("serve", "--port", "0", "--max-sessions", "1");
    const url = await server.url();
    await server.write("one\n");
    await using tap = new Weir("tap", url, "--stage", "raw", "--duration", "2m");
    await until("the line is shown", () => tap.output === "one\n");
    tap.signal("SIGINT");
    assertEquals(await tap.code, 0, tap.errors);
    assertEquals(tap.errorLines.at(-1), "tap: 1 shown, 0 dropped so far, interrupted");
    await server.says("session 1 ended, stage raw: 1 captured, 0 dropped (client)");
    await using next = new Weir("tap", url, "--stage", "raw", "--limit", "1");
    assertEquals(await next.code, 0, next.errors);
  });

  test("A weir tap that is killed frees its session", async () => {
    await using server = new Weir("serve", "--port", "0");
    await using tap = new Weir("tap", await server.url(), "--duration", "2m");
    await server.says("session 1 opened");
    tap.signal("SIGKILL");
    await tap.code;
    await server.says("session 1 ended, stage decoded: 0 captured, 0 dropped (client)");
  });

  test("weir serve --input reads a named pipe", () =>
    withPath(async (path) => {
      execFileSync("mkfifo", [path]);
      await using server = new Weir("serve", "--port", "0", "--input", path);
      // Opening either end waits for the other.
      const writer = createWriteStream(path);
      await new Promise<void>((resolve) => writer.write("one\n", () => resolve()));
      await using tap = new Weir("tap", await server.url(), "--stage", "raw", "--limit", "2");
      await server.says("session 1 opened");
      await new Promise<void>((resolve) => writer.end("two\n", () => resolve()));
      assertEquals([await tap.code, tap.output], [0, "one\ntwo\n"]);
      await server.says("the input has ended: 2 lines read");
    }));
}
