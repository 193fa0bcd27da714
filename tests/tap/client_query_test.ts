import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseWhere, Tap, tapClient, type TapClientOptions, tapHandler } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { hello, ScriptedFetch, summary } from "./_scripted_fetch.ts";

const ADDRESS = "http://tap.test/tap";

/** What a client asks for. */
async function ask(
  options: TapClientOptions,
  url: string | URL = ADDRESS,
): Promise<{ query: string; headers: Headers; redirect: RequestRedirect | undefined }> {
  using server = new ScriptedFetch((request) => request.open(hello(), summary()));
  await Array.fromAsync(tapClient(url, options));
  const { query, headers, redirect } = server.last;
  return { query, headers, redirect };
}

test("tapClient() asks for what each of its options says", async () => {
  const asked: readonly (readonly [TapClientOptions, string])[] = [
    [{}, ""],
    [{ stage: undefined, limit: undefined, where: undefined, meta: undefined }, ""],
    [{ stage: "a&b=c d" }, "?stage=a&b=c+d"],
    [{ stage: ["raw", "http.*"] }, "?stage=raw,http.*"],
    [{ limit: 0 }, "?limit=0"],
    [{ durationMs: 0 }, "?duration=0ms"],
    [{ durationMs: 90_500 }, "?duration=1m30s500ms"],
    [{ backlog: 7 }, "?backlog=7"],
    [{ since: 30_000 }, "?since=30s"],
    [{ since: "9f3a000001-12" }, "?since=9f3a000001-12"],
    [{ where: 'status >= 500 and path ~ "/a*"' }, '?where=status+>=+500+and+path+~+"/a*"'],
    [{ fields: ["a", "b.c"] }, "?fields=a,b.c"],
    [{ fields: ["a,b", "c\\,d", '["e,f"]', "g\\\\"] }, '?fields=a\\,b,c\\,d,["e\\,f"],g\\\\'],
    [{ redact: ["user.email"] }, "?redact=user.email"],
    [{ redact: ["a"], redactMode: "typed-hash" }, "?redact=a&redact_mode=typed-hash"],
    [{ sample: 1 }, "?sample=1"],
    [{ sample: 0.25, key: "user.id" }, "?sample=0.25&key=user.id"],
    // A server reads no exponents.
    [{ sample: 1e-7 }, "?sample=0.0000001"],
    [{ every: 10 }, "?every=10"],
    [{ reservoir: 5, intervalMs: 250 }, "?reservoir=5&interval=250ms"],
    [{ countBy: "status" }, "?count_by=status"],
    [{ rate: 0.5 }, "?rate=0.5"],
    [{ rate: 1_000 }, "?rate=1000"],
    [{ maxBytes: 10, maxEventBytes: 200 }, "?max_bytes=10&max_event_bytes=200"],
    [{ drop: "oldest" }, "?drop=oldest"],
    [{ meta: true }, "?meta=1"],
    [{ meta: false }, "?meta=0"],
  ];
  for (const [options, query] of asked) assertEquals((await ask(options)).query, query);
});

test("tapClient() leaves what its URL asks for, unless an option says otherwise", async () => {
  const url = `${ADDRESS}?stage=raw&limit=9&ticket=t`;
  assertEquals((await ask({}, url)).query, "?stage=raw&limit=9&ticket=t");
  assertEquals((await ask({ limit: 1 }, new URL(url))).query, "?stage=raw&limit=1&ticket=t");
});

test("tapClient() sends its token and its headers, and follows nobody with a token", async () => {
  const plain = await ask({});
  assertEquals(plain.headers.get("accept"), "application/x-ndjson");
  assertEquals([plain.headers.get("authorization"), plain.redirect], [null, "follow"]);
  const known = await ask({ token: "s3cr.e_t~+/=", headers: { "x-who": "me" } });
  assertEquals(known.headers.get("authorization"), "Bearer s3cr.e_t~+/=");
  assertEquals([known.headers.get("x-who"), known.redirect], ["me", "manual"]);
  const own = await ask({ headers: { Authorization: "Basic x" } });
  assertEquals([own.headers.get("authorization"), own.redirect], ["Basic x", "manual"]);
});

test("tapClient() refuses options that cannot be, by their names, before it asks anybody", () => {
  const numbers = [NaN, -1, Infinity, "5" as unknown as number, null as unknown as number];
  const bad: readonly (readonly [TapClientOptions, name: string, kind: typeof Error])[] = [
    ...["limit", "backlog", "every", "reservoir", "maxBytes", "maxEventBytes"].flatMap((name) =>
      [...numbers, 1.5].map((value) => [{ [name]: value }, name, RangeError] as const)
    ),
    ...["every", "reservoir", "maxBytes", "maxEventBytes", "rate", "sample"].map((name) =>
      [{ [name]: 0 }, name, RangeError] as const
    ),
    ...["durationMs", "intervalMs", "rate", "sample"].flatMap((name) =>
      numbers.map((value) => [{ [name]: value }, name, RangeError] as const)
    ),
    ...[NaN, -1, Infinity].map((since) => [{ since }, "since", RangeError] as const),
    [{ sample: 1.01 }, "sample", RangeError],
    [{ sample: 1e-13 }, "sample", RangeError],
    ...["stage", "where", "key", "countBy", "since"].flatMap((name) =>
      ["", "  ", null, {}, true].map((value) => [{ [name]: value }, name, TypeError] as const)
    ),
    ...["fields", "redact"].flatMap((name) =>
      [[], "a.b", [""], [1], [null], {}].map((value) =>
        [{ [name]: value }, name, TypeError] as const
      )
    ),
    [{ stage: [] }, "stage", TypeError],
    [{ stage: ["a", ""] }, "stage", TypeError],
    [{ redactMode: "md5" as "hash" }, "redactMode", RangeError],
    [{ drop: "all" as "newest" }, "drop", RangeError],
    [{ meta: 1 as unknown as boolean }, "meta", TypeError],
    [{ silenceMs: 0 }, "silenceMs", RangeError],
    [{ silenceMs: NaN }, "silenceMs", RangeError],
    ...["onHello", "onNotice", "onReconnect", "random"].map((name) =>
      [{ [name]: 7 }, name, TypeError] as const
    ),
    [{ reconnect: 5 as unknown as boolean }, "reconnect", TypeError],
    [{ reconnect: null as unknown as boolean }, "reconnect", TypeError],
    [{ reconnect: { attempts: -1 } }, "attempts", RangeError],
    [{ reconnect: { attempts: 1.5 } }, "attempts", RangeError],
    [{ reconnect: { baseMs: -1 } }, "baseMs", RangeError],
    [{ reconnect: { baseMs: NaN } }, "baseMs", RangeError],
    [{ reconnect: { maxMs: Infinity } }, "maxMs", RangeError],
  ];
  using server = new ScriptedFetch();
  for (const [options, name, kind] of bad) {
    const said = JSON.stringify(options);
    const error = assertThrows(() => tapClient(ADDRESS, options), kind, name);
    assert(/^Cannot (?:watch|reconnect to) tap: [^\n]+$/.test((error as Error).message), said);
  }
  assertEquals(server.requests, []);
});

test("tapClient() refuses a token that cannot be sent, and does not repeat it", () => {
  for (const token of ["", "two words", "line\n", "ünï", 7 as unknown as string]) {
    const error = assertThrows(() => tapClient(ADDRESS, { token }), TypeError) as Error;
    assertEquals(
      error.message,
      "Cannot watch tap: token must be a text of visible ASCII characters",
    );
  }
  const headers = { authorization: "Bearer other" };
  const error = assertThrows(
    () => tapClient(ADDRESS, { token: "one", headers }),
    TypeError,
  ) as Error;
  assertEquals(
    error.message,
    "Cannot watch tap: only one of token and headers.authorization may be given",
  );
});

test("tapClient() refuses a URL that is none of a web server, and does not repeat its secrets", () => {
  const urls = ["", "nonsense", "http://", "//localhost", "ftp://a/tap", "data:text/plain,x"];
  for (const url of urls) {
    const error = assertThrows(() => tapClient(url), TypeError) as Error;
    assertEquals(
      error.message,
      `Cannot watch tap: url must be one of a web server, received "${url}"`,
    );
  }
  for (const url of ["http://u:p4ss@h/tap", "http://p4ss@h/", "ftp://u:p4ss@h/", "x://h/?t=p4ss"]) {
    const error = assertThrows(() => tapClient(url), TypeError) as Error;
    assert(!error.message.includes("p4ss"), error.message);
  }
});

test("tapClient() and tapHandler() mean the same by every option", async () => {
  const options: TapClientOptions = {
    stage: ["raw", "deco*"],
    limit: 7,
    durationMs: 1_500,
    backlog: 3,
    since: 60_000,
    where: 'a == 1 and b ~ "x*"',
    fields: ["a", "b,c", "d.e"],
    redact: ["user.email", "a,b"],
    redactMode: "mask",
    sample: 0.5,
    key: "user.id",
    rate: 2.5,
    maxBytes: 1_000,
    maxEventBytes: 500,
    drop: "oldest",
    meta: true,
  };
  const tap = new Tap({ maxSessions: 9 });
  const handler = tapHandler(tap, { authorize: () => true });
  const real = globalThis.fetch;
  globalThis.fetch =
    ((url: URL, init: RequestInit) => handler(new Request(url, init))) as typeof fetch;
  try {
    const queryOf = async (asked: TapClientOptions): Promise<Record<string, unknown>> => {
      const iterator = tapClient(ADDRESS, asked)[Symbol.asyncIterator]();
      const first = iterator.next();
      while (tap.sessions.length === 0) await Promise.resolve();
      const [session] = tap.sessions;
      await iterator.return!();
      await first;
      return { ...session!.query };
    };
    const query = await queryOf(options);
    const { where, redact, ...rest } = query;
    assertEquals(parseWhere(options.where!).text, typeof where === "string" ? where : undefined);
    assertEquals(redact, [
      { path: "user.email", mode: "mask" },
      { path: "a,b", mode: "mask" },
    ]);
    const found = Object.fromEntries(
      Object.entries(rest).filter(([, value]) => value !== undefined),
    );
    assertEquals(found, {
      stage: ["raw", "deco*"],
      limit: 7,
      durationMs: 1_500,
      backlog: 3,
      since: 60_000,
      fields: ["a", "b,c", "d.e"],
      sample: 0.5,
      key: "user.id",
      rate: 2.5,
      maxBytes: 1_000,
      maxEventBytes: 500,
      overflow: "drop-oldest",
    });
    const other = await queryOf({ reservoir: 4, intervalMs: 200, since: "9f3a000001-4" });
    assertEquals([other.reservoir, other.intervalMs, other.since], [4, 200, "9f3a000001-4"]);
    assertEquals((await queryOf({ every: 3, meta: false })).every, 3);
    assertEquals((await queryOf({ countBy: "a.b" })).countBy, "a.b");
  } finally {
    globalThis.fetch = real;
    tap.close();
  }
});
