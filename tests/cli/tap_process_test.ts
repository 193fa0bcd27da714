import { assert, assertEquals, assertMatch } from "@std/assert";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { bearer, replay, Tap, tapHandler } from "../../tap/mod.ts";
import { Child } from "../_child.ts";
import { test } from "../_harness.ts";
import { serve } from "../tap/_server.ts";
import { until } from "../tap/_wait.ts";
import { command, runtimeWith, Weir } from "./_process.ts";

// Windows has no signal that one process could send another to end it in good order, and no permissions of this kind.
const isUnix = process.platform !== "win32";

const TOKEN = "a-token-of-32-characters-or-more";

/** `weir tap` that may write files and read the environment. */
function tapWith(...args: readonly string[]): Child {
  const runtime = runtimeWith("--allow-net", "--allow-read", "--allow-write", "--allow-env");
  return new Child(runtime, command, "tap", ...args);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Runs `body` with a directory of its own. */
async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "weir-tap-"));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("weir tap --output writes a capture that replay() reads, and that only its owner may", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "capture.ndjson");
    const tap = new Tap({ backlog: 10 });
    for (let n = 0; n < 3; n++) tap.offer("decoded", { n, text: "€\n" });
    await using server = serve(tapHandler(tap));
    await using child = tapWith(`${server.url}/tap`, "--limit", "3", "--meta", "--output", path);
    assertEquals([await child.code, child.output], [0, ""], child.errors);
    const events: unknown[] = [];
    const text = await readFile(path, "utf8");
    const { events: count } = await replay(text, (event, { seq }) => events.push([event, seq]));
    assertEquals([count, events], [3, [0, 1, 2].map((n) => [{ n, text: "€\n" }, n + 1])]);
    if (isUnix) assertEquals((await stat(path)).mode & 0o777, 0o600);
    // What is there stays.
    await using again = tapWith(`${server.url}/tap`, "--limit", "1", "--output", path);
    assertEquals([await again.code, await readFile(path, "utf8")], [1, text]);
    assertEquals(again.errors, `weir: Cannot write "${path}": it is there already (see --force)\n`);
    await using forced = tapWith(`${server.url}/tap`, "--limit=1", "--output", path, "--force");
    assertEquals(await forced.code, 0, forced.errors);
    assertEquals(await readFile(path, "utf8"), '{"n":2,"text":"€\\n"}\n');
  }));

test("weir tap sends the token of its environment or of a file, and says neither", () =>
  inDirectory(async (directory) => {
    const tap = new Tap({ maxSessions: 5 });
    const authorize = bearer(TOKEN);
    await using server = serve(tapHandler(tap, { authorize }));
    const url = `${server.url}/tap?duration=10ms`;
    await using none = tapWith(url);
    assertEquals(await none.code, 3);
    assertMatch(
      none.errors,
      /not authorized.*\(a token comes from WEIR_TAP_TOKEN or --token-file\)\n$/,
    );
    const path = join(directory, "token");
    await writeFile(path, `${TOKEN}\n`);
    await using byFile = tapWith(url, "--token-file", path);
    assertEquals(await byFile.code, 0, byFile.errors);
    process.env.WEIR_TAP_TOKEN = TOKEN;
    const byVariable = tapWith(url);
    delete process.env.WEIR_TAP_TOKEN;
    await using _ended = byVariable;
    assertEquals(await byVariable.code, 0, byVariable.errors);
    assert(![none, byFile, byVariable].some(({ errors }) => errors.includes(TOKEN)));
  }));

test("weir tap asks nobody whether it may read its environment, and goes without", async () => {
  process.env.WEIR_TAP_TOKEN = TOKEN;
  await using server = serve((request) =>
    Response.json({ error: `sent ${request.headers.get("authorization")}` }, { status: 403 })
  );
  const child = new Child(runtimeWith("--allow-net"), command, "tap", server.url);
  delete process.env.WEIR_TAP_TOKEN;
  await using _ended = child;
  assertEquals(await child.code, 3);
  const isFree = "Bun" in globalThis;
  assertEquals(child.errors, `weir: sent ${isFree ? `Bearer ${TOKEN}` : null}\n`);
});

test("weir tap --reconnect goes on with the process that takes the place of one that has ended", async () => {
  await using first = new Weir("serve", "--port", "0");
  const url = await first.url();
  await first.write("1\n2\n");
  await using tap = tapWith(
    url,
    "--stage",
    "raw",
    "--limit",
    "4",
    "--reconnect",
    "--duration",
    "1m",
  );
  await until("the first lines are shown", () => tap.output === "1\n2\n");
  first.kill();
  await first.code;
  await until("the tap tries again", () => tap.errors.includes("; attempt 1 in "));
  await using second = new Weir("serve", "--port", new URL(url).port);
  await second.url();
  await second.write("3\n4\n");
  assertEquals([await tap.code, tap.output], [0, "1\n2\n3\n4\n"], tap.errors);
  assertMatch(tap.errors, /\ntap: watching again, nobody knows what was missed\n/);
  assertMatch(tap.errorLines.at(-1)!, /^tap: 4 shown, 0 dropped.*ended by limit\)$/);
});

if (isUnix) {
  test("SIGINT to weir tap --output leaves a file with every line that had come", () =>
    inDirectory(async (directory) => {
      const path = join(directory, "capture");
      await using server = new Weir("serve", "--port", "0");
      const lines = Array.from({ length: 5_000 }, (_, i) => `{"n":${i}}\n`).join("");
      await server.write(lines);
      await using tap = tapWith(await server.url(), "--duration", "2m", "--output", path);
      await server.says("session 1 opened");
      await tap.says("5000 from before, what follows is new");
      tap.signal("SIGINT");
      assertEquals(await tap.code, 0, tap.errors);
      assertEquals(await readFile(path, "utf8"), lines);
      assertEquals(tap.errorLines.at(-1), "tap: 5000 shown, 0 dropped so far, interrupted");
    }));

  test("A second SIGINT to weir tap whose output nobody takes ends it at once", async () => {
    await using server = new Weir("serve", "--port", "0");
    const url = await server.url();
    await using tap = tapWith(url, "--stage", "raw", "--duration", "2m");
    await server.says("session 1 opened");
    tap.pauseOutput();
    const line = `${"x".repeat(9_999)}\n`;
    for (let i = 0; i < 20; i++) await server.write(line.repeat(100));
    await tap.says("watching raw");
    tap.signal("SIGINT");
    await server.says("session 1 ended");
    tap.signal("SIGINT");
    // Its output is taken only now, so that it cannot have ended because all was written.
    await until("the process is gone", () => !isAlive(tap.pid));
    tap.resumeOutput();
    assertEquals(await tap.code, 130, tap.errors);
  });
}
