import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { main } from "../../cli/mod.ts";
import { test } from "../_harness.ts";
import { settle, until } from "../tap/_wait.ts";
import { FakeHost } from "./_fake_host.ts";

/** Runs a command that must fail before it begins; answers its one line. */
async function refusal(host: FakeHost, code: number): Promise<string> {
  assertEquals(await main(host), code, host.args.join(" "));
  assertEquals(host.errors.length, 1, host.errors.join("\n"));
  const [line] = host.errors;
  assertMatch(line!, /^weir: [^\n\r]+$/);
  assertEquals(host.output, "");
  assertEquals(host.servers, []);
  assertEquals(host.stdinPulls, 0);
  assertEquals(host.leftovers, []);
  return line!;
}

/** What a stream has between the records of the session. */
function eventsOf(stream: string): string[] {
  return stream.split("\n").filter((line) => line !== "" && !line.startsWith('{"weir_tap_'));
}

test("weir --version prints the version of the package", async () => {
  const host = new FakeHost("--version");
  assertEquals(await main(host), 0);
  assertEquals([host.output, host.errors], [`weir ${manifest.version}\n`, []]);
});

test("weir --help, -h and help print every command with its flags", async () => {
  for (const word of ["--help", "-h", "help"]) {
    const host = new FakeHost(word);
    assertEquals(await main(host), 0);
    for (
      const part of [
        "weir serve",
        "weir tap",
        "weir ring tail",
        "weir ring stat",
        "--port PORT",
        "--json",
      ]
    ) {
      assertStringIncludes(host.output, part);
    }
    assert(host.output.endsWith("\n"));
    assertEquals(host.errors, []);
  }
});

test("weir without a command prints the help and fails", async () => {
  const host = new FakeHost();
  assertEquals(await main(host), 2);
  assertStringIncludes(host.output + host.errors.join("\n"), "weir serve");
  assertEquals(host.leftovers, []);
});

test("weir serve --help and weir tap --help print their own flags, and do nothing", async () => {
  for (const [name, own, other] of [["serve", "--port", "--stage"], ["tap", "--stage", "--port"]]) {
    for (const args of [["--help"], ["-h"], ["--help", "--backlog", "x"]]) {
      const host = new FakeHost(name!, ...args);
      assertEquals(await main(host), 0);
      assertStringIncludes(host.output, own!);
      assert(!host.output.includes(other!), host.output);
      assertEquals([host.errors, host.servers, host.stdinUses], [[], [], 0]);
    }
  }
});

test("weir refuses a command that does not exist", async () => {
  for (const name of ["bogus", "--bogus", "", "Serve", "toString", "__proto__", "constructor"]) {
    assertEquals(
      await refusal(new FakeHost(name), 2),
      `weir: there is no command "${name}", only serve, tap, ring tail, ring stat (see weir --help)`,
    );
  }
});

test("weir refuses flags and values that it cannot use, each in one line that names them", async () => {
  const integer = "must be an integer";
  const since = (text: string): string =>
    `flag "--since" must look like 30s, or be the id of an event, received "${text}"`;
  const refused: readonly (readonly [args: readonly string[], line: string])[] = [
    [["serve", "--bogus"], 'unknown flag "--bogus"'],
    [["serve", "-p", "1"], 'unknown flag "-p"'],
    [["serve", "--stage", "raw"], 'unknown flag "--stage"'],
    [["serve", "file.log"], 'weir serve takes no argument, received "file.log"'],
    [["serve", "--port"], 'flag "--port" needs a value, received nothing'],
    [["serve", "--port", "x"], `flag "--port" ${integer} from 0 to 65535, received "x"`],
    [["serve", "--port", "65536"], `flag "--port" ${integer} from 0 to 65535, received "65536"`],
    [["serve", "--port", "-1"], `flag "--port" ${integer} from 0 to 65535, received "-1"`],
    [["serve", "--port="], `flag "--port" ${integer} from 0 to 65535, received ""`],
    [["serve", "--backlog", "1.5"], `flag "--backlog" ${integer} of at least 0, received "1.5"`],
    [
      ["serve", "--max-sessions", "-2"],
      `flag "--max-sessions" ${integer} of at least 0, received "-2"`,
    ],
    [["serve", "--follow=1"], 'flag "--follow" takes no value, received "1"'],
    [
      ["serve", "--follow"],
      'flag "--follow" needs "--input FILE"; standard input is always followed',
    ],
    [["tap", "--bogus"], 'unknown flag "--bogus"'],
    [["tap", "--port", "1"], 'unknown flag "--port"'],
    [["tap", "--limit", "-1"], `flag "--limit" ${integer} of at least 0, received "-1"`],
    [["tap", "--backlog", "all"], `flag "--backlog" ${integer} of at least 0, received "all"`],
    [["tap", "--duration", "30"], 'flag "--duration" must look like 30s or 1m30s, received "30"'],
    [["tap", "--duration", "-1s"], 'flag "--duration" must look like 30s or 1m30s, received "-1s"'],
    [["tap", "--duration="], 'flag "--duration" must look like 30s or 1m30s, received ""'],
    [["tap", "http://a", "http://b"], 'weir tap takes one URL, received "http://b" too'],
    [["tap", ""], 'URL must be one of a web server, received ""'],
    [["tap", "two words"], 'URL must be one of a web server, received "two words"'],
    [["tap", "ftp://a/"], 'URL must be one of a web server, received "ftp://a/"'],
    [["tap", "http://"], 'URL must be one of a web server, received "http://"'],
    [["tap", "ftp://me:s3cret@a"], 'URL must be one of a web server, received "ftp://…@a"'],
    ...["http://me:s3cret@a", "http://s3cret@a/tap", "me:s3cret@a", "http://a/?token=s3cret"].map((
      url,
    ) =>
      [
        ["tap", url],
        "URL must hold no user, password or token: a token comes from WEIR_TAP_TOKEN or --token-file",
      ] as const
    ),
    [["tap", "--since", "30"], since("30")],
    [["tap", "--since="], since("")],
    [["tap", "--since", "yesterday"], since("yesterday")],
    [["tap", "--interval", "x"], 'flag "--interval" needs "--reservoir" or "--count-by"'],
    [
      ["tap", "--reservoir", "5", "--interval", "x"],
      'flag "--interval" must look like 30s or 1m30s, received "x"',
    ],
    [["tap", "--key", "a.b"], 'flag "--key" needs "--sample"'],
    [["tap", "--redact-mode", "mask"], 'flag "--redact-mode" needs "--redact"'],
    [
      ["tap", "--redact", "a", "--redact-mode", "md5"],
      "Cannot watch tap: redactMode must be one of hash, typed-hash, mask, remove, type, partial, " +
      'received "md5"',
    ],
    ...["0", "1.1", "-0.5", "x", "", "1e-3", "50%"].map((chance) =>
      [
        ["tap", `--sample=${chance}`],
        `flag "--sample" must be a number above 0, up to 1, received "${chance}"`,
      ] as const
    ),
    ...["0", "-1", "x", "", "1e3"].map((rate) =>
      [
        ["tap", `--rate=${rate}`],
        `flag "--rate" must be a number above 0, received "${rate}"`,
      ] as const
    ),
    [["tap", "--every", "0"], `flag "--every" ${integer} of at least 1, received "0"`],
    [["tap", "--reservoir", "0"], `flag "--reservoir" ${integer} of at least 1, received "0"`],
    [
      ["tap", "--fields", " , "],
      "Cannot watch tap: fields must be a list that is not empty, received object Array",
    ],
    [
      ["tap", "--where", " "],
      'Cannot watch tap: where must be a text that is not empty, received " "',
    ],
    [
      ["tap", "--format", "xml"],
      'flag "--format" must be ndjson, pretty or logfmt, received "xml"',
    ],
    [["tap", "--force"], 'flag "--force" needs "--output"'],
    [["tap", "--token", "s3cret"], 'unknown flag "--token"'],
    [["tap", "file:///etc"], 'URL must be one of a web server, received "file:///etc"'],
  ];
  for (const [args, line] of refused) {
    const host = new FakeHost(...args);
    assertEquals(await refusal(host, 2), `weir: ${line} (see weir --help)`);
    assertEquals(host.stdinUses, 0);
  }
});

test("weir serve refuses an input that does not exist", async () => {
  const host = new FakeHost("serve", "--input", "gone.log");
  assertEquals(
    await refusal(host, 1),
    'weir: Cannot open input "gone.log": no such file: gone.log',
  );
});

test("weir serve refuses an input that is a directory", async () => {
  for (const more of [[], ["--follow"]]) {
    const host = new FakeHost("serve", "--input", "logs", ...more);
    host.files.set("logs", "directory");
    assertEquals(
      await refusal(host, 1),
      'weir: Cannot open input "logs": it is a directory',
    );
  }
});

test("weir serve refuses a port in use, and leaves its input as it was", async () => {
  for (const args of [[], ["--input", "app.log"], ["--input", "app.log", "--follow"]]) {
    const host = new FakeHost("serve", "--port", "8080", ...args);
    host.files.set("app.log", "a line\n");
    host.serveProblem = new Error("Address already\n in use");
    assertEquals(
      await refusal(host, 1),
      "weir: Cannot listen at 127.0.0.1:8080: Address already in use (--port chooses another)",
    );
    assertEquals([host.stdinUses > 0, host.isStdinCancelled], [
      args.length === 0,
      args.length === 0,
    ]);
  }
});

test("weir says in one line whatever else fails", async () => {
  const host = new FakeHost("--version");
  host.writeProblem = new Error("disk full:\n  no space\r\n  left");
  assertEquals(await refusal(host, 1), "weir: disk full: no space left");
  const odd = new FakeHost("--version");
  odd.writeProblem = "not an error";
  assertEquals(await refusal(odd, 1), "weir: not an error");
});

test("weir serve serves standard input until it is interrupted", async () => {
  const host = new FakeHost("serve", "--port", "8080", "--backlog", "2", "--max-sessions", "1");
  const ended = main(host);
  await settle();
  assertEquals(host.errors, [
    "weir: serving standard input at http://127.0.0.1:8080",
    "weir: watch it with: weir tap http://127.0.0.1:8080 --stage raw",
  ]);
  assertEquals(host.servers[0]!.options.hostname, "127.0.0.1");
  assertEquals(host.interrupts.size, 1);
  host.type('plain\n{"a":1}\n\nlast');
  await settle();
  const kept = await (await host.ask("/tap?stage=raw&limit=2")).text();
  assertEquals(eventsOf(kept), ["plain", '{"a":1}']);
  const held = await host.ask("/tap");
  assertEquals((await host.ask("/tap")).status, 409);
  host.interrupt();
  host.interrupt();
  assertEquals(await ended, 0);
  const left = await held.text();
  assertEquals(eventsOf(left), ['{"a":1}']);
  assertMatch(left, /\{"weir_tap_summary":.*"reason":"shutdown".*\}\n$/);
  assertEquals(host.errors.at(-1), "weir: stopped: 2 lines read, 1 not JSON");
  assertEquals([host.isStdinCancelled, host.output], [true, ""]);
  assertEquals(host.leftovers, []);
});

test("weir serve serves a file to its end, then what was kept of it", async () => {
  const host = new FakeHost("serve", "--input", "app.log", "--port", "0");
  host.files.set("app.log", 'one\n{"two":2}\n');
  const ended = main(host);
  await until("the file is read", () => host.errors.length === 3);
  assertEquals(host.errors, [
    "weir: serving app.log at http://127.0.0.1:54321",
    "weir: watch it with: weir tap http://127.0.0.1:54321 --stage raw",
    "weir: the input has ended: 2 lines read, 1 not JSON",
  ]);
  assertEquals(host.openFiles, 0);
  const text = await (await host.ask("/tap?stage=raw")).text();
  assertEquals(eventsOf(text), ["one", '{"two":2}']);
  assertMatch(text, /\{"weir_tap_summary":.*"reason":"input".*\}\n$/);
  host.interrupt();
  assertEquals(await ended, 0);
  assertEquals([host.leftovers, host.stdinUses], [[], 0]);
});

test("weir serve stops a file that is followed when it is interrupted", async () => {
  const host = new FakeHost("serve", "--input", "app.log", "--follow");
  host.files.set("app.log", "one\n");
  const ended = main(host);
  await until("the server runs", () => host.errors.length === 2);
  await settle();
  host.interrupt();
  assertEquals(await ended, 0);
  assertEquals(host.errors.at(-1), "weir: stopped: 1 lines read, 1 not JSON");
  assertEquals(host.leftovers, []);
});
