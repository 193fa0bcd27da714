import { assert, assertEquals, assertMatch } from "@std/assert";
import { main } from "../../cli/mod.ts";
import { test } from "../_harness.ts";
import { settle } from "../_settle.ts";
import { hello, ScriptedFetch, summary } from "../tap/_scripted_fetch.ts";
import { FakeHost } from "./_fake_host.ts";
import { answerOf, endless, tap } from "./_tap.ts";

test("weir tap --output writes the events to a file, and nothing of them to standard output", async () => {
  const { code, host, url } = await tap(
    () => answerOf(hello(), "\x1b[31mone", '{"b":"€"}', summary()),
    ["--output", "capture.ndjson"],
    (host) => {
      host.isTerminal = true;
    },
  );
  assertEquals([code, host.output], [0, ""]);
  assertEquals(host.files.get("capture.ndjson"), '\x1b[31mone\n{"b":"€"}\n');
  assertEquals(host.errors, [
    `tap: watching decoded of ${url}/tap for 30s`,
    "tap: 2 shown, 0 dropped (6 ms, stage decoded, ended by limit)",
  ]);
});

test("weir tap --output has no colours, also on a terminal", async () => {
  const { host } = await tap(
    () => answerOf(hello(), '{"a":1}', summary()),
    ["--output", "capture", "--format", "pretty"],
    (host) => {
      host.isTerminal = true;
    },
  );
  assertEquals(host.files.get("capture"), "a=1\n");
});

test("weir tap --output refuses a file that is there, before it asks anybody", async () => {
  using server = new ScriptedFetch();
  for (const there of ["kept", "directory"]) {
    const host = new FakeHost("tap", "http://127.0.0.1:1", "--output", "capture");
    host.files.set("capture", there);
    assertEquals(await main(host), 1);
    assertEquals(host.errors, ['weir: Cannot write "capture": it is there already (see --force)']);
    assertEquals([host.files.get("capture"), host.leftovers], [there, []]);
  }
  assertEquals(server.requests, []);
});

test("weir tap --output --force replaces a file", async () => {
  const { code, host } = await tap(
    () => answerOf(hello(), "new", summary()),
    ["--output", "capture", "--force"],
    (host) => host.files.set("capture", "old and longer\n"),
  );
  assertEquals([code, host.files.get("capture")], [0, "new\n"]);
});

test("weir tap --output makes a file for a session without events, and none for a refusal", async () => {
  for (const first of [[], [hello()]]) {
    const args = ["--output", "capture"];
    const empty = await tap(() => answerOf(...first, summary({ captured: 0 })), args);
    assertEquals([empty.code, empty.host.files.get("capture")], [0, ""]);
  }
  const refused = await tap(() => new Response("", { status: 404 }), ["--output", "capture"]);
  assertEquals([refused.code, refused.host.files.has("capture")], [3, false]);
});

test("weir tap exits with 1 when its file cannot be made or written, and ends the session", async () => {
  let isCancelled = 0;
  const made = await tap(endless(() => isCancelled++, hello()), ["--output", "a/b"], (host) => {
    host.createProblem = new Error("no such directory");
  });
  assertEquals(made.code, 1);
  assertEquals(made.host.errors.at(-1), 'weir: Cannot write "a/b": no such directory');
  const written = await tap(endless(() => isCancelled++, hello()), ["--output", "a"], (host) => {
    host.fileProblem = new Error("no space\n left on device");
  });
  assertEquals(written.code, 1);
  assertEquals(written.host.errors.at(-1), 'weir: Cannot write "a": no space left on device');
});

test("weir tap that cannot make its file says so at once, though no event comes", async () => {
  using server = new ScriptedFetch((request) => request.open(hello()));
  const host = new FakeHost("tap", "http://127.0.0.1:1", "--output", "a/b");
  host.createProblem = new Error("no such directory");
  assertEquals(await main(host), 1);
  assertEquals([server.last.isGone, host.leftovers], [true, []]);
});

test("weir tap --output writes line by line, and all of it before it ends when it is interrupted", async () => {
  using server = new ScriptedFetch((request) => request.open(hello(), "1"));
  const host = new FakeHost("tap", "http://127.0.0.1:1", "--output", "capture");
  const ended = main(host);
  await settle();
  assertEquals(host.files.get("capture"), "1\n");
  server.last.send("2", "3");
  await settle();
  assertEquals(host.files.get("capture"), "1\n2\n3\n");
  host.interrupt();
  assertEquals([await ended, host.leftovers], [0, []]);
  assertEquals(host.files.get("capture"), "1\n2\n3\n");
  assertEquals(host.errors.at(-1), "tap: 3 shown, 0 dropped so far, interrupted");
});

/** Runs `weir tap` with a token; answers what was sent, or said. */
async function tokenOf(
  prepare: (host: FakeHost) => void,
  args: readonly string[] = [],
  url = "http://127.0.0.1:1",
): Promise<{ code: number; sent: string | null | undefined; said: string }> {
  using server = new ScriptedFetch((request) => request.open(hello(), summary()));
  const host = new FakeHost("tap", url, ...args);
  prepare(host);
  const code = await main(host);
  assertEquals(host.leftovers, []);
  const said = host.errors.join("\n");
  assert(!said.includes("s3cret"), said);
  return { code, sent: server.requests[0]?.headers.get("authorization"), said };
}

const inEnvironment = (host: FakeHost): void =>
  void host.variables.set("WEIR_TAP_TOKEN", "s3cret1\n");
const inFile = (host: FakeHost): void => void host.files.set("token", "  s3cret2\r\n");

test("weir tap takes its token from the environment, or from the file that a flag names", async () => {
  const nothing = (): void => {};
  assertEquals((await tokenOf(nothing)).sent, null);
  assertEquals((await tokenOf((host) => host.variables.set("WEIR_TAP_TOKEN", " "))).sent, null);
  assertEquals((await tokenOf(inEnvironment)).sent, "Bearer s3cret1");
  const flag = ["--token-file", "token"];
  assertEquals((await tokenOf(inFile, flag)).sent, "Bearer s3cret2");
  const both = (host: FakeHost): void => {
    inEnvironment(host);
    inFile(host);
  };
  assertEquals((await tokenOf(both, flag)).sent, "Bearer s3cret2");
});

test("weir tap sends a token by https or to this machine only, unless it is told to", async () => {
  const places: readonly (readonly [url: string, isSafe: boolean])[] = [
    ["https://tap.example.org", true],
    ["http://localhost:1", true],
    ["http://app.localhost", true],
    ["http://127.8.9.1/tap", true],
    ["http://[::1]:1", true],
    ["http://tap.example.org", false],
    ["http://10.0.0.1", false],
    ["http://127.0.0.1.example.org", false],
    ["http://localhost.example.org", false],
    ["http://xlocalhost", false],
    ["http://0.0.0.0", false],
    ["http://[::2]", false],
  ];
  for (const [url, isSafe] of places) {
    const { code, sent, said } = await tokenOf(inEnvironment, [], url);
    assertEquals([code, sent], isSafe ? [0, "Bearer s3cret1"] : [2, undefined], url);
    if (isSafe) continue;
    assertEquals(
      said,
      `weir: a token goes by https or to this machine only, received "${new URL(url).origin}"; ` +
        "--insecure-token sends it all the same (see weir --help)",
    );
    assertEquals((await tokenOf(inEnvironment, ["--insecure-token"], url)).sent, "Bearer s3cret1");
    assertEquals((await tokenOf(() => {}, [], url)).sent, null);
  }
});

test("weir tap refuses a token that cannot be read or sent, and does not repeat it", async () => {
  const flag = ["--token-file", "token"];
  const cases: readonly (readonly [(host: FakeHost) => void, readonly string[], RegExp])[] = [
    [() => {}, flag, /^weir: Cannot read token file "token": no such file: token$/],
    [(host) => host.files.set("token", " \n"), flag, /"token": it is empty$/],
    [(host) => host.files.set("token", "s3cret".repeat(9_999)), flag, /"token": it is too long$/],
    [
      (host) => host.files.set("token", "s3cret\ns3cret"),
      flag,
      /^weir: Cannot use token: "token" must hold one line of visible ASCII characters$/,
    ],
    [
      (host) => host.variables.set("WEIR_TAP_TOKEN", "s3cret ünï"),
      [],
      /^weir: Cannot use token: WEIR_TAP_TOKEN must hold one line of visible ASCII characters$/,
    ],
  ];
  for (const [prepare, args, pattern] of cases) {
    const { code, sent, said } = await tokenOf(prepare, args);
    assertEquals([code, sent], [1, undefined]);
    assertMatch(said, pattern);
  }
});
