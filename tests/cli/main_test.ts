import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { main } from "../../cli/mod.ts";
import { test } from "../_harness.ts";
import { serve } from "../tap/_server.ts";
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
  assertMatch(kept, /^plain\n\{"a":1\}\n\{"weir_tap_summary":/);
  const held = await host.ask("/tap");
  assertEquals((await host.ask("/tap")).status, 409);
  host.interrupt();
  host.interrupt();
  assertEquals(await ended, 0);
  assertMatch(await held.text(), /^\{"a":1\}\n.*"reason":"shutdown"/);
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
  assertMatch(text, /^one\n\{"two":2\}\n.*"reason":"input"/);
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

const NDJSON = { headers: { "content-type": "application/x-ndjson" } };

function summary(values: Readonly<Record<string, unknown>> = {}): string {
  const counts = { captured: 2, dropped: 0, undelivered: 0, missed: 0 };
  const rest = { "duration_ms": 5, stage: "raw", reason: "limit" };
  return `${JSON.stringify({ "weir_tap_summary": { ...counts, ...rest, ...values } })}\n`;
}

/** Runs `weir tap` against a server that answers with `answer`; says how it ended. */
async function tap(
  answer: (request: Request) => Response,
  args: readonly string[] = [],
  prepare: (host: FakeHost) => void = () => {},
): Promise<{ code: number; host: FakeHost; url: string }> {
  await using server = serve((request) => answer(request));
  const host = new FakeHost("tap", server.url, ...args);
  prepare(host);
  const code = await main(host);
  assertEquals(host.leftovers, []);
  return { code, host, url: server.url };
}

test("weir tap writes the events, and the summary to standard error", async () => {
  const { code, host } = await tap(() => new Response(`one\n\n{"b":"€"}\n${summary()}`, NDJSON));
  assertEquals(code, 0);
  assertEquals(host.output, 'one\n{"b":"€"}\n');
  assertEquals(host.errors, ["tap: 2 shown, 0 dropped (5 ms, stage raw, ended by limit)"]);
});

test("weir tap says what is missing", async () => {
  const counts = { captured: 1, dropped: 2, undelivered: 3, missed: 4, reason: "shutdown" };
  const { code, host } = await tap(() => new Response(`one\n${summary(counts)}`, NDJSON));
  assertEquals(code, 0);
  assertEquals(host.errors, [
    "tap: 1 shown, 2 dropped, 3 undelivered, 4 missed before it began " +
    "(5 ms, stage raw, ended by shutdown)",
  ]);
});

test("weir tap asks for what its flags say, at /tap unless the URL says where", async () => {
  const asked: string[] = [];
  const answer = (request: Request): Response => {
    const { pathname, search } = new URL(request.url);
    asked.push(`${pathname}${search}`);
    return new Response(summary(), NDJSON);
  };
  const flags = ["--stage", "raw", "--duration", "1m 30s", "--limit", "7", "--backlog=0"];
  assertEquals((await tap(answer)).code, 0);
  assertEquals((await tap(answer, flags)).code, 0);
  await using server = serve(answer);
  for (const path of ["/", "/debug/tap?stage=x", "/?limit=3"]) {
    assertEquals(await main(new FakeHost("tap", `${server.url}${path}`)), 0);
  }
  assertEquals(asked, [
    "/tap",
    "/tap?stage=raw&limit=7&duration=1m30s&backlog=0",
    "/tap",
    "/debug/tap?stage=x",
    "/tap?limit=3",
  ]);
});

test("weir tap exits with 3, in one line, when the server refuses", async () => {
  const error = 'Cannot open tap session: stage must be one of raw, decoded, received "bogus"';
  const refused = await tap(() => Response.json({ error }, { status: 400 }));
  assertEquals([refused.code, refused.host.errors], [3, [`weir: ${error}`]]);
  const html = "<html>\n<body>\n  Not found\n</body>\n</html>\n";
  const lost = await tap(() => new Response(html, { status: 404 }));
  assertEquals([lost.code, lost.host.output, lost.host.errors.length], [3, "", 1]);
  assertMatch(
    lost.host.errors[0]!,
    /^weir: Cannot watch tap: [^\n\r]*\/tap is not a tap[^\n\r]*404/,
  );
});

test("weir tap exits with 3, in one line, when nothing listens", async () => {
  const { url } = await tap(() => new Response(summary(), NDJSON));
  const host = new FakeHost("tap", url);
  assertEquals(await main(host), 3);
  assertEquals([host.output, host.errors.length, host.leftovers], ["", 1, []]);
  assertMatch(host.errors[0]!, new RegExp(`^weir: Cannot reach ${url}: [^\\n\\r]+$`));
});

test("weir tap exits with 4 when the stream ends without a summary", async () => {
  const { code, host } = await tap(() => new Response("one\ntwo\n", NDJSON));
  assertEquals([code, host.output], [4, "one\ntwo\n"]);
  assertEquals(host.errors, ["tap: 2 shown, then the stream was cut off; events may be missing"]);
});

test("weir tap exits with 4 when the connection breaks", async () => {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("one\n")),
  });
  const server = serve(() => new Response(body, NDJSON));
  const host = new FakeHost("tap", server.url);
  const ended = main(host);
  await until("the event is shown", () => host.output === "one\n");
  await server[Symbol.asyncDispose]();
  assertEquals(await ended, 4);
  assertEquals(host.errors, ["tap: 1 shown, then the stream was cut off; events may be missing"]);
  assertEquals(host.leftovers, []);
});

/** Answers with events for ever, and says when nobody wants them any more. */
function endless(onCancel: () => void): () => Response {
  let timer: ReturnType<typeof setTimeout>;
  const body = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      async pull(controller) {
        controller.enqueue(new TextEncoder().encode("event\n"));
        await new Promise((resolve) => timer = setTimeout(resolve, 1));
      },
      cancel() {
        clearTimeout(timer);
        onCancel();
      },
    }, { highWaterMark: 0 });
  return () => new Response(body(), NDJSON);
}

test("weir tap exits with 0 when whoever reads its output has gone", async () => {
  let isCancelled = false;
  const { code, host } = await tap(endless(() => isCancelled = true), [], (host) => {
    host.isUnread = true;
  });
  assertEquals([code, host.output, host.errors], [0, "", []]);
  await until("the server is told", () => isCancelled);
});

test("weir tap exits with 1 when its output cannot be written", async () => {
  const { code, host } = await tap(endless(() => {}), [], (host) => {
    host.writeProblem = new Error("no space left on device");
  });
  assertEquals([code, host.errors], [1, ["weir: no space left on device"]]);
});

test("weir tap shows control characters of an event in a terminal, and passes them on elsewhere", async () => {
  for (const isTerminal of [true, false]) {
    const { host } = await tap(
      () => new Response("\x1b[31mred\ttab\u009b\n", NDJSON),
      [],
      (host) => {
        host.isTerminal = isTerminal;
      },
    );
    const shown = isTerminal ? "\\x1b[31mred\ttab\\x9b\n" : "\x1b[31mred\ttab\u009b\n";
    assertEquals(host.output, shown);
  }
});

test("weir tap exits with 0 when it is interrupted, and says how far it came", async () => {
  let isCancelled = false;
  await using server = serve(endless(() => isCancelled = true));
  const host = new FakeHost("tap", server.url);
  const ended = main(host);
  await until("an event is shown", () => host.output !== "");
  host.interrupt();
  assertEquals(await ended, 0);
  const shown = host.output.split("\n").length - 1;
  assertEquals(host.errors, [`tap: ${shown} shown, interrupted`]);
  assertEquals(host.leftovers, []);
  await until("the server is told", () => isCancelled);
});

test("weir tap exits with 0 when it is interrupted before an answer has come", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  await using server = serve(() => {
    asked.resolve();
    return answer.promise;
  });
  const host = new FakeHost("tap", server.url);
  const ended = main(host);
  await asked.promise;
  host.interrupt();
  assertEquals(await ended, 0);
  assertEquals(host.errors, ["tap: 0 shown, interrupted"]);
  answer.resolve(new Response("late"));
});

test("weir tap writes many events in few writes", async () => {
  const count = 40_000;
  const body = `${"x".repeat(99)}\n`.repeat(count) + summary({ captured: count });
  let writes = 0;
  const { code, host } = await tap(() => new Response(body, NDJSON), [], (host) => {
    const write = host.write.bind(host);
    host.write = async (text) => {
      writes++;
      await new Promise((resolve) => setTimeout(resolve, 0));
      return await write(text);
    };
  });
  assertEquals([code, host.output.length], [0, count * 100]);
  assert(writes < count / 100, `${writes} writes`);
});
