import { assert, assertEquals, assertMatch } from "@std/assert";
import { bearer, Tap, tapHandler, tapMetrics } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { ask, read, refusalOf, withServer } from "./_streams.ts";

const [OPS, DEV] = ["0123456789abcdef-ops", "0123456789abcdef-dev"];
const authorize = bearer([
  { token: OPS!, subject: "ops", admin: true },
  { token: DEV!, subject: "dev" },
]);

function as(token: string | undefined, method = "GET"): RequestInit {
  return { method, headers: { authorization: `Bearer ${token}` } };
}

test("GET sessions lists who reads what, and how it goes", async () => {
  using time = new FakeTime();
  const tap = new Tap({ bufferEvents: 2, maxSessions: 3 });
  const handler = tapHandler(tap, { authorize });
  const none = await ask(handler, "/sessions", as(OPS));
  assertEquals(none.headers.get("content-type"), "application/json");
  assertEquals(none.headers.get("cache-control"), "no-store");
  assertEquals(await none.json(), { sessions: [] });

  const query = "?stage=raw,decoded&where=id > 0&duration=20s";
  const open = [await ask(handler, query, as(DEV)), await ask(handler, "?stage=raw", as(OPS))];
  for (let id = 0; id < 5; id++) tap.offer("decoded", { id });
  time.pass(1_500);
  const { sessions } = await (await ask(handler, "/sessions", as(OPS))).json();
  assertEquals(sessions.length, 2);
  assertEquals(sessions[0], {
    id: 1,
    subject: "dev",
    stage: "raw,decoded",
    stages: ["raw", "decoded"],
    where: "id > 0",
    opened: 1_000_000,
    "duration_ms": 1_500,
    seen: 5,
    matched: 4,
    "sampled_out": 0,
    "rate_limited": 0,
    dropped: 2,
    unshown: 0,
    counted: 0,
    captured: 2,
    held: 0,
    size: 2,
    undelivered: 0,
    truncated: 0,
  });
  assertEquals([sessions[1].id, sessions[1].subject, sessions[1].stage], [2, "ops", "raw"]);
  await Promise.all(open.map((response) => response.body!.cancel()));
});

test("DELETE sessions/ID ends a session as killed, and its reader gets what was captured", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize });
  const open = await ask(handler, "?stage=raw", as(DEV));
  tap.offer("raw", "before");
  const killed = await ask(handler, "/sessions/1", as(OPS, "DELETE"));
  assertEquals([killed.status, await killed.json()], [200, { killed: 1 }]);
  tap.offer("raw", "after");
  const { events, summary } = await read(open);
  assertEquals([events, summary.reason], [["before"], "killed"]);
  for (const id of ["1", "2", "0", "999999999999999"]) {
    const response = await ask(handler, `/sessions/${id}`, as(OPS, "DELETE"));
    assertEquals(
      (await refusalOf(response, 404)).error,
      `Cannot end tap session: there must be one that is open, received ${id}`,
    );
  }
});

test("GET metrics gives what Prometheus reads", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize });
  await read(await ask(handler, "?limit=0", as(DEV)));
  await refusalOf(await ask(handler, "?limit=x", as(DEV)), 400);
  const response = await ask(handler, "/metrics", as(OPS));
  assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assertEquals(response.headers.get("cache-control"), "no-store");
  const text = await response.text();
  assertEquals(text, tapMetrics(tap));
  assert(text.includes("\nweir_tap_sessions_total 1\n"));
  assert(text.includes('\nweir_tap_refused_total{reason="invalid"} 1\n'));
  assertMatch(text, /\nweir_tap_bytes_total [1-9]\d*\n/);
});

test("What administrators may, nobody else may, and nothing happens", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize });
  const open = await ask(handler, "", as(DEV));
  const places = [
    ["GET", "/sessions"],
    ["DELETE", "/sessions/1"],
    ["GET", "/metrics"],
    ["GET", "/enabled"],
    ["PUT", "/enabled"],
    ["PUT", "/enabled?for=1m"],
    ["DELETE", "/enabled"],
  ];
  for (const [method, place] of places) {
    const forbidden = await ask(handler, place, as(DEV, method));
    assertEquals(
      (await refusalOf(forbidden, 403)).error,
      "Cannot watch tap: this is for administrators",
    );
    const unknown = await ask(handler, place, as("another-token-16", method));
    assertEquals(unknown.headers.get("www-authenticate"), "Bearer");
    await refusalOf(unknown, 401);
  }
  assertEquals([tap.stats().active, tap.enabled], [1, true]);
  const { refusedBy } = tap.stats();
  assertEquals([refusedBy.forbidden, refusedBy.unauthorized], [7, 7]);
  await open.body!.cancel();
});

test("True from authorize is everything but administration", async () => {
  const handler = tapHandler(new Tap(), { authorize: () => true });
  await read(await ask(handler, "?limit=0"));
  await refusalOf(await ask(handler, "/sessions"), 403);
  await refusalOf(await ask(handler, "/metrics"), 403);
  await refusalOf(await ask(handler, "/enabled"), 403);
});

test("Other methods are answered with 405 that names the one there is", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize });
  const wrong: [string, string, string][] = [
    ["/sessions", "POST", "GET"],
    ["/sessions", "DELETE", "GET"],
    ["/sessions/1", "GET", "DELETE"],
    ["/sessions/1", "PUT", "DELETE"],
    ["/metrics", "POST", "GET"],
    ["/enabled", "POST", "GET, PUT, DELETE"],
    ["/enabled", "PATCH", "GET, PUT, DELETE"],
  ];
  for (const [place, method, allowed] of wrong) {
    const response = await ask(handler, place, as(OPS, method));
    assertEquals(response.headers.get("allow"), allowed);
    assertEquals(
      (await refusalOf(response, 405)).error,
      `Cannot watch tap: method must be ${allowed}, received "${method}"`,
    );
  }
});

test("A place below the tap that is none is answered with 404, and nothing is opened", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize });
  const wrong = ["/sessions/abc", "/sessions/-1", "/sessions/1.5", "/sessions/1/2", "/metrics/1"];
  for (const place of [...wrong, `/sessions/${"9".repeat(30)}`, "/enabled/1", "/enabled/x"]) {
    for (const method of ["GET", "PUT", "DELETE"]) {
      const response = await ask(handler, `${place}?limit=0`, as(OPS, method));
      assertEquals(response.status, 404, `${method} ${place}`);
      await response.body?.cancel();
    }
  }
  assertEquals([tap.stats().opened, tap.enabled], [0, true]);
});

test("The pages of administrators stand below the tap wherever it stands, with or without a slash", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize });
  for (const base of ["", "/", "/debug/tap", "/a/b/c"]) {
    const url = `http://localhost${base.replace(/\/$/, "")}`;
    for (const place of ["/sessions", "/metrics", "/enabled"].flatMap((at) => [at, `${at}/`])) {
      const response = await handler(new Request(url + place, as(OPS)));
      assertEquals(response.status, 200, url + place);
      await response.text();
    }
  }
  assertEquals(tap.stats().opened, 0);
});

test("Administration works while every place is taken, and while the tap is switched off", async () => {
  const tap = new Tap({ maxSessions: 1 });
  const handler = tapHandler(tap, { authorize });
  const open = await ask(handler, "", as(DEV));
  await refusalOf(await ask(handler, "", as(OPS)), 409);
  assertEquals((await (await ask(handler, "/sessions", as(OPS))).json()).sessions.length, 1);
  assertEquals((await ask(handler, "/sessions/1", as(OPS, "DELETE"))).status, 200);
  await read(open);
  tap.disable();
  assertEquals(await (await ask(handler, "/sessions", as(OPS))).json(), { sessions: [] });
  assert((await (await ask(handler, "/metrics", as(OPS))).text()).includes("weir_tap_enabled 0\n"));
});

test("Administration on a real server ends a session of another", () =>
  withServer(async (_tap, { url }) => {
    const open = await fetch(`${url}/tap`, as(DEV));
    const { sessions: [session] } = await (await fetch(`${url}/tap/sessions`, as(OPS))).json();
    const killed = await fetch(`${url}/tap/sessions/${session.id}`, as(OPS, "DELETE"));
    assertEquals([killed.status, await killed.json()], [200, { killed: session.id }]);
    assertEquals((await read(open)).summary.reason, "killed");
  }, { authorize }));
