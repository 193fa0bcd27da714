import { assert, assertEquals, assertMatch } from "@std/assert";
import { main } from "../../cli/mod.ts";
import { test } from "../_harness.ts";
import { serve } from "../tap/_server.ts";
import { hello, notice, summary } from "../tap/_scripted_fetch.ts";
import { until } from "../tap/_wait.ts";
import { FakeHost } from "./_fake_host.ts";
import { answerOf, endless, NDJSON, tap } from "./_tap.ts";

test("weir tap writes the events, and all else to standard error", async () => {
  const told = notice({ kind: "live", replayed: 1 });
  const answer = (): Response => answerOf(hello(), "one", "", told, '{"b":"€"}', summary());
  const { code, host, url } = await tap(answer);
  assertEquals(code, 0);
  assertEquals(host.output, 'one\n{"b":"€"}\n');
  assertEquals(host.errors, [
    `tap: watching decoded of ${url}/tap for 30s`,
    "tap: 1 from before, what follows is new",
    "tap: 2 shown, 0 dropped (6 ms, stage decoded, ended by limit)",
  ]);
});

test("weir tap says nothing but what goes wrong when it is to be quiet", async () => {
  const told = notice({ kind: "drop", dropped: 1, new: 1 });
  const good = await tap(() => answerOf(hello(), told, "one", summary()), ["--quiet"]);
  assertEquals([good.code, good.host.output, good.host.errors], [0, "one\n", []]);
  const cut = await tap(() => answerOf(hello(), "one"), ["--quiet"]);
  assertEquals([cut.code, cut.host.errors.length], [4, 1]);
  const refused = await tap(() => Response.json({ error: "full" }, { status: 409 }), ["--quiet"]);
  assertEquals([refused.code, refused.host.errors], [3, ["weir: full"]]);
});

test("weir tap says in one line what it watches, and of the address no more than where it is", async () => {
  const all = hello({
    stage: "raw,http.*",
    worker: "w1",
    "duration_ms": 90_000,
    limit: 5,
    where: 'a == "\x1b[31m"',
    fields: ["a", "b.c"],
    sampling: { chance: 0.1, key: "user.id" },
    rate: 20,
    redact: ["user.email"],
    replayed: 3,
    missed: 2,
  });
  const samplings = [
    [{ chance: 0.5 }, "each by a chance of 0.5"],
    [{ every: 10 }, "1 of every 10"],
    [{ reservoir: 4, "interval_ms": 500 }, "4 of each 500ms"],
  ] as const;
  await using server = serve((request) => {
    const at = Number(new URL(request.url).searchParams.get("limit"));
    const first = at === 9 ? all : hello({ sampling: samplings[at]![0], missed: null });
    return answerOf(first, summary());
  });
  const saidOf = async (...args: readonly string[]): Promise<string> => {
    const host = new FakeHost("tap", `${server.url}/debug/tap?ticket=t1cket`, ...args);
    assertEquals(await main(host), 0);
    return host.errors[0]!;
  };
  assertEquals(
    await saidOf("--limit", "9"),
    `tap: watching raw,http.* of ${server.url}/debug/tap (worker w1) for 1m30s, at most 5, ` +
      'where a == "\\x1b[31m", 0.1 of all user.id, at most 20 a second, only a b.c, ' +
      "redacted: user.email, 3 from before, 2 missed before",
  );
  for (const [at, [, words]] of samplings.entries()) {
    assertEquals(
      await saidOf("--limit", `${at}`),
      `tap: watching decoded of ${server.url}/debug/tap for 30s, ${words}, nobody knows what came before`,
    );
  }
});

test("weir tap says what the server tells in between", async () => {
  const told: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
    [
      { kind: "drop", dropped: 7, new: 3, "rate_limited": 0 },
      "7 dropped so far, 3 of them since last told",
    ],
    [
      { kind: "drop", dropped: 7, new: 3, "rate_limited": 2 },
      "7 dropped so far, 3 of them since last told; 2 beyond the rate",
    ],
    [{ kind: "match", stages: ["http.in", "a\x1b[2J"] }, "stages now too: http.in, a\\x1b[2J"],
    [{ kind: "unmatched", patterns: ["http.*"] }, "no stage fits as yet: http.*"],
    [{ kind: "weather", is: "fine" }, '{"kind":"weather","is":"fine"}'],
  ];
  const { host } = await tap(() =>
    answerOf(hello(), ...told.map(([record]) => notice(record)), summary())
  );
  assertEquals(host.errors.slice(1, -1), told.map(([, words]) => `tap: ${words}`));
});

test("weir tap says what is missing, and why there may be nothing", async () => {
  const none = { captured: 0, seen: 0, matched: 0 };
  const cases: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
    [
      { dropped: 2, undelivered: 3, missed: 4, reason: "shutdown" },
      "1 shown, 2 dropped, 3 undelivered, 4 missed before it began " +
      "(6 ms, stage decoded, ended by shutdown)",
    ],
    [
      {
        dropped: 5,
        unshown: 1,
        seen: 20,
        matched: 9,
        "sampled_out": 2,
        "rate_limited": 1,
        truncated: 1,
      },
      "1 shown, 5 dropped (1 could not be shown), 11 did not match, 2 sampled out, " +
      "1 beyond the rate, 1 cut short (6 ms, stage decoded, ended by limit)",
    ],
    [{ missed: null }, "1 shown, 0 dropped (6 ms, stage decoded, ended by limit)"],
    [
      { ...none, reason: "duration" },
      "1 shown, 0 dropped (6 ms, stage decoded, ended by duration); nothing came at this stage; " +
      "lines that are not JSON: --stage raw",
    ],
    [
      { ...none, stage: "raw" },
      "1 shown, 0 dropped (6 ms, stage raw, ended by limit); nothing came at this stage",
    ],
    [
      { ...none, seen: 12 },
      "1 shown, 0 dropped, 12 did not match (6 ms, stage decoded, ended by limit); " +
      "--where fits none that came",
    ],
    [
      { ...none, missed: 3 },
      "1 shown, 0 dropped, 3 missed before it began (6 ms, stage decoded, ended by limit)",
    ],
  ];
  for (const [counts, line] of cases) {
    const { code, host } = await tap(() => answerOf(hello(), "one", summary(counts)));
    assertEquals([code, host.errors.at(-1)], [0, `tap: ${line}`]);
  }
});

test("weir tap understands a server that keeps to the framing of the original", async () => {
  const last = '{"rsigma_tap_summary":{"captured":1,"dropped":2,"duration_ms":9,"stage":"raw"}}';
  const { code, host } = await tap(() => answerOf("one", last));
  assertEquals([code, host.output], [0, "one\n"]);
  assertEquals(host.errors, ["tap: 1 shown, 2 dropped (9 ms, stage raw)"]);
});

test("weir tap asks for what its flags say, at /tap unless the URL says where", async () => {
  const asked: string[] = [];
  const answer = (request: Request): Response => {
    const { pathname, search } = new URL(request.url);
    asked.push(`${pathname}${decodeURIComponent(search)}`);
    return answerOf(hello(), summary());
  };
  const flags: readonly (readonly [args: readonly string[], query: string])[] = [
    [[], ""],
    [
      ["--stage", "raw", "--duration", "1m 30s", "--limit", "7", "--backlog=0"],
      "?stage=raw&limit=7&duration=1m30s&backlog=0",
    ],
    [["--stage", "a, http.*"], "?stage=a,http.*"],
    [["--since", "5m"], "?since=5m"],
    [["--since", "9f3a000001-12"], "?since=9f3a000001-12"],
    [["--where", 'a == "b&c"'], '?where=a+==+"b&c"'],
    [["--fields", "a, b\\,c ,d.*"], "?fields=a,b\\,c,d.*"],
    [["--redact", "a,b", "--redact-mode", "mask"], "?redact=a,b&redact_mode=mask"],
    [["--sample", ".25", "--key", "user.id"], "?sample=0.25&key=user.id"],
    [["--every", "10"], "?every=10"],
    [["--reservoir", "5", "--interval", "1s"], "?reservoir=5&interval=1s"],
    [["--count-by", "status"], "?count_by=status"],
    [["--rate", "2.5"], "?rate=2.5"],
    [["--meta"], "?meta=1"],
    [["--format", "pretty"], "?meta=1"],
    [["--format", "logfmt"], ""],
    [["--format", "logfmt", "--meta"], "?meta=1"],
    [["--reconnect"], "?meta=1"],
  ];
  for (const [args] of flags) assertEquals((await tap(answer, args)).code, 0);
  assertEquals(asked, flags.map(([, query]) => `/tap${query}`));
  asked.length = 0;
  await using server = serve(answer);
  for (const path of ["/", "/debug/tap?stage=x", "/?limit=3"]) {
    assertEquals(await main(new FakeHost("tap", `${server.url}${path}`)), 0);
  }
  assertEquals(await main(new FakeHost("tap", server.url.replace("http://", ""))), 0);
  assertEquals(asked, ["/tap", "/debug/tap?stage=x", "/tap?limit=3", "/tap"]);
});

test("weir tap exits with 0 when there was nothing to show, and whatever has ended the session", async () => {
  for (const reason of ["limit", "duration", "input", "shutdown", "killed", "slow_reader"]) {
    const { code, host } = await tap(() => answerOf(hello(), summary({ captured: 0, reason })));
    assertEquals([code, host.output], [0, ""]);
  }
});

test("weir tap exits with 3, in one line, when the server refuses", async () => {
  const error = 'Cannot open tap session: stage must be one of raw, decoded, received "bogus"';
  const refused = await tap(() => Response.json({ error }, { status: 400 }));
  assertEquals([refused.code, refused.host.errors], [3, [`weir: ${error}`]]);
  const html = "<html>\n<body>\n  Not found\n</body>\n</html>\n";
  for (const status of [404, 200]) {
    const lost = await tap(() => new Response(html, { status }));
    assertEquals([lost.code, lost.host.output, lost.host.errors.length], [3, "", 1]);
    assertMatch(
      lost.host.errors[0]!,
      /^weir: Cannot watch tap: [^\n\r]*\/tap is not a tap[^\n\r]*(?:404|200)/,
    );
  }
});

test("weir tap says where a token comes from when the server wants one", async () => {
  const answer = (): Response => Response.json({ error: "not authorized" }, { status: 401 });
  const none = await tap(answer);
  assertEquals(none.host.errors, [
    "weir: not authorized (a token comes from WEIR_TAP_TOKEN or --token-file)",
  ]);
  const wrong = await tap(answer, [], (host) => host.variables.set("WEIR_TAP_TOKEN", "wrong"));
  assertEquals([wrong.code, wrong.host.errors], [3, ["weir: not authorized"]]);
});

test("weir tap exits with 3, in one line, when nothing listens", async () => {
  const { url } = await tap(() => answerOf(hello(), summary()));
  const host = new FakeHost("tap", url);
  assertEquals(await main(host), 3);
  assertEquals([host.output, host.errors.length, host.leftovers], ["", 1, []]);
  assertMatch(host.errors[0]!, new RegExp(`^weir: Cannot reach ${url}: [^\\n\\r]+$`));
});

const CUT = "then the stream was cut off; events may be missing";

test("weir tap exits with 4 when the stream ends without a summary", async () => {
  for (const first of [[], [hello()]]) {
    const { code, host } = await tap(() => answerOf(...first, "one", "two"));
    assertEquals([code, host.output], [4, "one\ntwo\n"]);
    assertEquals(host.errors.at(-1), `tap: 2 shown, ${CUT}`);
    const empty = await tap(() => answerOf(...first));
    assertEquals([empty.code, empty.host.errors.at(-1)], [4, `tap: 0 shown, ${CUT}`]);
  }
});

test("weir tap does not show a line that was cut off", async () => {
  const { code, host } = await tap(() => new Response(`${hello()}\n{"a":1}\n{"b":`, NDJSON));
  assertEquals([code, host.output, host.errors.at(-1)], [4, '{"a":1}\n', `tap: 1 shown, ${CUT}`]);
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
  assertEquals([host.errors, host.leftovers], [[`tap: 1 shown, ${CUT}`], []]);
});

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

test("weir tap writes many events in few writes", async () => {
  const count = 40_000;
  const body = `${"x".repeat(99)}\n`.repeat(count) + `${summary({ captured: count })}\n`;
  let writes = 0;
  const { code, host } = await tap(
    () => new Response(`${hello()}\n${body}`, NDJSON),
    [],
    (host) => {
      const write = host.write.bind(host);
      host.write = async (text) => {
        writes++;
        await new Promise((resolve) => setTimeout(resolve, 0));
        return await write(text);
      };
    },
  );
  assertEquals([code, host.output.length], [0, count * 100]);
  assert(writes < count / 100, `${writes} writes`);
});
