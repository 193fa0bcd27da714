import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import {
  bearer,
  Tap,
  type TapAuthorize,
  type TapBearer,
  type TapGrant,
  tapHandler,
} from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { reportsOf } from "../_reports.ts";
import { ask, HERE, read, refusalOf } from "./_streams.ts";

const STRANGER = { remoteAddr: { transport: "tcp", hostname: "203.0.113.9", port: 1 } };
const [OPS, DEV] = ["0123456789abcdef-ops", "0123456789abcdef-dev"];

function withToken(token: string): RequestInit {
  return { headers: { authorization: `Bearer ${token}` } };
}

/** A handler of a tap for somebody who has been granted this. */
function granting(grant: TapGrant, tap: Tap = new Tap()): (query: string) => Promise<Response> {
  const handler = tapHandler(tap, { authorize: () => grant });
  return (query) => ask(handler, query);
}

test("tapHandler() asks authorize before anything else, and answers 401 without opening anything", async () => {
  const tap = new Tap({ enabled: false });
  const asked: Request[] = [];
  for (const answer of [false, Promise.resolve(false), undefined, null, 0, "", "yes", 1]) {
    const handler = tapHandler(tap, {
      authorize: (request) => {
        asked.push(request);
        return answer as boolean;
      },
    });
    for (
      const [method, place] of [["GET", "?stage=bogus"], ["POST", ""], ["DELETE", "/sessions/1"]]
    ) {
      const request = new Request(`http://localhost/tap${place}`, { method: method! });
      const response = await handler(request, HERE);
      assertEquals(response.headers.get("www-authenticate"), "Bearer");
      assertEquals((await refusalOf(response, 401)).error, "Cannot watch tap: not authorized");
      assertStrictEquals(asked.at(-1), request);
    }
  }
  const { opened, refusedBy } = tap.stats();
  assertEquals([opened, refusedBy.unauthorized], [0, 24]);
});

test("tapHandler() serves everybody whom authorize lets in, wherever they are", async () => {
  const tap = new Tap();
  for (const answer of [true, {}, Promise.resolve(true)]) {
    const handler = tapHandler(tap, { authorize: () => answer as boolean });
    for (const peer of [STRANGER, undefined]) {
      const request = new Request("https://tap.example/tap?limit=0", {
        headers: { "x-forwarded-for": "203.0.113.9" },
      });
      assertEquals((await read(await handler(request, peer))).summary.reason, "limit");
    }
  }
});

test("tapHandler() rejects with what authorize throws, for the server to answer, and opens nothing", async () => {
  const problem = new Error("database down");
  const tap = new Tap();
  const throwing: TapAuthorize[] = [() => Promise.reject(problem), () => {
    throw problem;
  }];
  const reports = await reportsOf(async () => {
    for (const authorize of throwing) {
      const error: unknown = await ask(tapHandler(tap, { authorize })).catch((error) => error);
      assertStrictEquals(error, problem);
    }
  });
  assertEquals([reports, tap.stats().opened], [[], 0]);
});

test("tapHandler() sends a response of authorize's own, also one whose headers cannot be added to", async () => {
  const origin = "https://admin.example.org";
  const tap = new Tap();
  const answers: [() => Response, number][] = [
    [() => new Response("who?", { status: 401, headers: { "www-authenticate": "Basic" } }), 401],
    [() => Response.redirect("https://login.example.org/", 302), 302],
    [() => new Response(null, { status: 204 }), 204],
    [() => Response.json({ error: "not on Sundays" }, { status: 403 }), 403],
  ];
  for (const [make, status] of answers) {
    const handler = tapHandler(tap, { authorize: make, origins: [origin] });
    const response = await ask(handler, "", { headers: { origin } });
    assertEquals(response.status, status);
    assertEquals(response.headers.get("access-control-allow-origin"), origin);
    assertEquals(response.headers.get("vary"), "origin");
    assertEquals(response.headers.get("location"), make().headers.get("location"));
    assertEquals(response.headers.get("www-authenticate"), make().headers.get("www-authenticate"));
    assertEquals(await response.text(), await make().text());
  }
  const { opened, refusedBy } = tap.stats();
  assertEquals([opened, refusedBy.unauthorized, refusedBy.forbidden], [0, 1, 3]);
});

test("A grant of stages holds for names, lists and patterns", async () => {
  const tap = new Tap<string>({
    stages: { "http.in": "json", "http.out": "json", db: "json", decoded: "json" },
  });
  const authorize = (): TapGrant => ({ stages: ["http.*", "decoded"] });
  const handler = tapHandler(tap, { authorize });
  for (const stage of ["http.in", "http.*", "http.i*", "decoded", "http.in,decoded", "http.x*"]) {
    assertEquals((await read(await ask(handler, `?limit=0&stage=${stage}`))).hello.stage, stage);
  }
  const refused = ["db", "*", "d*", "htt*", "*.in", "http*", "*http.*", "decoded*", "bogus"];
  for (const stage of refused) {
    for (const asked of [stage, `http.in,${stage}`]) {
      const { error } = await refusalOf(await ask(handler, `?stage=${asked}`), 403);
      assertEquals(
        error,
        `Cannot watch tap: stage must be one that is granted, received ${JSON.stringify(stage)}`,
      );
    }
  }
  assertEquals(tap.stats().refusedBy.forbidden, 2 * refused.length);
});

test("A refusal names no stage that is not granted", async () => {
  const tap = new Tap<string>({ stages: { "http.in": "json", "secret.stage": "json" } });
  const handler = tapHandler(tap, { authorize: () => ({ stages: ["http.*"] }) });
  for (const stage of ["http.nothing", "http.nothing,http.in", "other", ""]) {
    const response = await ask(handler, `?stage=${stage}`);
    assert(response.status === 400 || response.status === 403);
    const { error } = await refusalOf(response, response.status);
    assert(!error.includes("secret"), error);
  }
});

test("A grant of a stage is what a request gets that asks for none; of no stage there is nothing", async () => {
  const tap = new Tap<string>({ stages: { decoded: "json", orders: "json", db: "json" } });
  const stageFor = async (stages: readonly string[]): Promise<string> => {
    const handler = tapHandler(tap, { authorize: () => ({ stages }) });
    return (await read(await ask(handler, "?limit=0"))).hello.stage;
  };
  assertEquals(await stageFor(["orders", "db"]), "orders");
  assertEquals(await stageFor(["d*"]), "decoded");
  assertEquals(await stageFor(["*"]), "decoded");
  const handler = tapHandler(tap, { authorize: () => ({ stages: [] }) });
  await refusalOf(await ask(handler), 403);
});

test("A session of a granted pattern gets no stage that is added later and is not granted", async () => {
  using time = new FakeTime();
  const tap = new Tap<string>({ stages: { "http.in": "json" } });
  const handler = tapHandler(tap, { authorize: () => ({ stages: ["http.*"] }) });
  const response = await ask(handler, "?stage=http.*&duration=1s");
  tap.addStage("http.out", "json");
  tap.addStage("httpx", "json");
  for (const stage of ["http.in", "http.out", "httpx"]) tap.offer(stage, stage);
  time.pass(1_000);
  assertEquals((await read(response)).events, ['"http.in"', '"http.out"']);
});

test("What a grant redacts nobody gets to see, whatever they ask for", async () => {
  const tap = new Tap();
  const get = granting({ redact: ["user.email", { path: "card", mode: "mask" }] }, tap);
  for (
    const query of ["", "&redact=user.id", "&redact=user.email&redact_mode=partial", "&meta=1"]
  ) {
    const response = await get(`?limit=1${query}`);
    tap.offer("decoded", { user: { email: "ada@example.org" }, card: "4111111111111111" });
    const body = await response.text();
    assert(!/ada@|example|41111/.test(body), body);
    // What a reader redacts as well is the token.
    assertMatch(body, /"email":"(?:rsigma:redacted:[0-9a-f]{16}|…[0-9a-f]{4})"/);
    assertMatch(body, /"redact":\["user.email","card"/);
  }
  await refusalOf(await get("?where=user.email == x"), 400);
});

test("A grant of a time bounds what is asked for, and what is taken without asking", async () => {
  using time = new FakeTime();
  const get = granting({ maxDurationMs: 5_000 });
  const { error } = await refusalOf(await get("?duration=5s1ms"), 400);
  assertMatch(error, /\bduration exceeds the maximum of 5s, received "5s1ms"$/);
  for (const query of ["", "?duration=5s"]) {
    const response = await get(query);
    time.pass(5_000);
    const { hello, summary } = await read(response);
    assertEquals([hello.duration_ms, summary.reason], [5_000, "duration"]);
  }
  // It is no way to get more than the tap gives.
  const longer = granting({ maxDurationMs: 1e9 }, new Tap({ maxDurationMs: 7_000 }));
  assertMatch((await refusalOf(await longer("?duration=8s"), 400)).error, /maximum of 7s/);
});

test("A subject has as many sessions as may be, and 429 for more, whatever others have", async () => {
  const tap = new Tap({ maxSessions: 5, maxSessionsPerSubject: 2 });
  const handler = tapHandler(tap, {
    authorize: ({ headers }) => ({ subject: headers.get("user")! }),
  });
  const get = (user: string) => ask(handler, "", { headers: { user } });
  const held = [await get("ada"), await get("ada")];
  const refused = await get("ada");
  assertEquals(refused.headers.get("retry-after"), "5");
  const { error, hint } = await refusalOf(refused, 429);
  assertMatch(error, /session capacity of this subject reached/);
  assertMatch(hint!, /maxSessionsPerSubject/);
  held.push(await get("bob"), await get("bob"), await get("cyd"));
  // Where all places are taken, that is what is said.
  await refusalOf(await get("cyd"), 409);
  const { refusedBy } = tap.stats();
  assertEquals([refusedBy.subject, refusedBy.full], [1, 1]);
  await held[0]!.body!.cancel();
  held.push(await get("ada"));
  await Promise.all(held.slice(1).map((response) => response.body!.cancel()));
});

test("bearer() lets in who shows a token, and nobody else", async () => {
  const handler = tapHandler(new Tap(), { authorize: bearer([{ token: OPS! }, { token: DEV! }]) });
  const statusOf = async (authorization: string | undefined): Promise<number> => {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await ask(handler, "?limit=0", { headers });
    await response.text();
    return response.status;
  };
  for (const token of [OPS, DEV]) {
    for (const scheme of ["Bearer ", "bearer ", "BEARER   "]) {
      assertEquals(await statusOf(scheme + token), 200);
    }
  }
  const wrong = [
    undefined,
    "",
    "Bearer",
    `${OPS}`,
    `Basic ${OPS}`,
    `Bearer${OPS}`,
    `Bearer x${OPS}`,
    `Bearer ${OPS}x`,
    `Bearer ${OPS!.slice(0, -1)}`,
    `Bearer ${OPS!.toUpperCase()}`,
    `Bearer ${OPS} ${DEV}`,
    `Bearer ${OPS}, Bearer ${DEV}`,
    `Bearer ${OPS},${DEV}`,
    `Bearer "${OPS}"`,
    `Bearer ${"x".repeat(100_000)}`,
    "Bearer 0123456789abcdef-öps",
  ];
  for (const authorization of wrong) {
    // What is no byte cannot be sent at all.
    assertEquals(await statusOf(authorization), 401, authorization);
  }
});

test("bearer() takes no token from the address", async () => {
  const handler = tapHandler(new Tap(), { authorize: bearer(OPS!) });
  await refusalOf(await ask(handler, `?ticket=${OPS}`), 401);
  await refusalOf(await ask(handler, `?token=${OPS}`), 401);
  await refusalOf(await ask(handler, `?access_token=${OPS}`), 401);
});

test("bearer() grants what stands with the token", async () => {
  const tokens: TapBearer[] = [
    { token: OPS!, subject: "ops", admin: true },
    { token: DEV!, subject: "dev", stages: ["decoded"], redact: ["user"], maxDurationMs: 1_000 },
  ];
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize: bearer(tokens) });
  const ops = await ask(handler, "?stage=raw", withToken(OPS!));
  assertEquals(tap.sessions[0]!.subject, "ops");
  const dev = await ask(handler, "", withToken(DEV!));
  assertEquals(tap.sessions[1]!.subject, "dev");
  tap.close();
  await read(ops);
  const { hello } = await read(dev);
  assertEquals([hello.duration_ms, hello.redact], [1_000, ["user"]]);
  await refusalOf(await ask(handler, "?stage=raw", withToken(DEV!)), 403);
  await refusalOf(await ask(handler, "/sessions", withToken(DEV!)), 403);
  assertEquals((await ask(handler, "/sessions", withToken(OPS!))).status, 200);
  // The token itself is nowhere in what it grants.
  const grant = await bearer(tokens)(new Request("http://x/", withToken(DEV!)));
  assert(!JSON.stringify(grant).includes(DEV!));
});

test("bearer() compares with all tokens, whichever it is", () => {
  const tokens = Array.from({ length: 20 }, (_, at) => ({ token: `${at}`.padStart(20, "token-") }));
  const authorize = bearer(tokens);
  const iterators = Object.getPrototypeOf([][Symbol.iterator]());
  const { next } = iterators;
  /** How many steps along lists the decision takes. */
  const stepsOf = (token: string): number => {
    const request = new Request("http://localhost/", withToken(token));
    let steps = 0;
    iterators.next = function (...args: []) {
      steps++;
      return next.apply(this, args);
    };
    try {
      authorize(request);
    } finally {
      iterators.next = next;
    }
    return steps;
  };
  const steps = stepsOf(tokens[0]!.token);
  assert(steps > tokens.length, `${steps} steps`);
  for (const { token } of tokens) assertEquals(stepsOf(token), steps);
  assertEquals(stepsOf("a-token-that-is-none"), steps);
});

test("bearer() refuses tokens that are none, without saying them", () => {
  const wrong = ["", "short", "fifteen-letters", "a token with blanks", "x".repeat(1_025)];
  for (const token of [...wrong, "sixteen-letters\n", "sixteen-letters-é", 7, null, undefined]) {
    const error = assertThrows(() => bearer([{ token: DEV! }, { token } as TapBearer]), TypeError);
    const said = typeof token === "string" ? `"a text of ${token.length}"` : `${token}`;
    assertEquals(
      error.message,
      `Cannot check bearer tokens: a token must have 16 to 1024 visible ASCII characters, received ${said}`,
    );
  }
  assertThrows(() => bearer([]), RangeError, "there must be a token");
  for (const none of [undefined, null, 7, { ops: OPS! }]) {
    assertThrows(() => bearer(none as never), TypeError, "tokens must be a text or a list");
  }
  assertThrows(
    () => bearer([{ token: OPS! }, { token: DEV! }, { token: OPS! }]),
    RangeError,
    'each token must be given once, received "token 3"',
  );
  assertThrows(() => bearer([{ token: OPS!, subject: "" }]), TypeError, "subject");
  bearer("x".repeat(16));
  bearer("x".repeat(1_024));
});

test("A grant that cannot be what it says opens nothing", async () => {
  const wrong: TapGrant[] = [
    { stages: "decoded" as never },
    { stages: [""] },
    { redact: ["user..email"] },
    { redact: "user.email" as never },
    { redact: [{ path: "a", mode: "hide" as never }] },
    { maxDurationMs: -1 },
    { maxDurationMs: NaN },
    { subject: "" },
    { subject: 7 as never },
    { admin: "yes" as never },
  ];
  for (const grant of wrong) {
    const tap = new Tap();
    const handler = tapHandler(tap, { authorize: () => grant });
    const status = await ask(handler).then(({ status }) => status, () => 500);
    assert(status >= 400, `${JSON.stringify(grant)} was taken`);
    assertEquals(tap.stats().opened, 0);
  }
});
