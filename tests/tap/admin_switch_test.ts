import { assertEquals, assertMatch } from "@std/assert";
import { bearer, Tap, tapHandler } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { ask, HERE, read, refusalOf, withServer } from "./_streams.ts";

// How administrators switch the tap on and off over HTTP.

const TOKEN = "0123456789abcdef-ops";
const authorize = bearer([{ token: TOKEN, subject: "ops", admin: true }]);

function as(method: string): RequestInit {
  return { method, headers: { authorization: `Bearer ${TOKEN}` } };
}

test("The switch says whether the tap is on, and throws it, also while the tap is off", async () => {
  const tap = new Tap({ enabled: false });
  const handler = tapHandler(tap, { authorize });
  const steps = [
    ["GET", false],
    ["PUT", true],
    ["GET", true],
    ["PUT", true],
    ["DELETE", false],
    ["DELETE", false],
    ["GET", false],
    ["PUT", true],
  ] as const;
  for (const [method, enabled] of steps) {
    const response = await ask(handler, "/enabled", as(method));
    assertEquals(response.headers.get("content-type"), "application/json");
    assertEquals(response.headers.get("cache-control"), "no-store");
    assertEquals([response.status, await response.text()], [200, `{"enabled":${enabled}}\n`]);
    assertEquals(tap.enabled, enabled);
    const watched = await ask(handler, "?limit=0", as("GET"));
    await watched.text();
    assertEquals(watched.status, enabled ? 200 : 503);
  }
});

test("A tap that is switched off over HTTP ends its sessions as killed, with what they have captured", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize });
  const open = await ask(handler, "?stage=raw", as("GET"));
  tap.offer("raw", "before");
  await (await ask(handler, "/enabled", as("DELETE"))).text();
  tap.offer("raw", "after");
  const { events, summary } = await read(open);
  assertEquals([events, summary.reason], [["before"], "killed"]);
});

test("A tap that is switched on for a time is off behind it, and the last word holds", async () => {
  using time = new FakeTime();
  const tap = new Tap({ enabled: false });
  const handler = tapHandler(tap, { authorize });
  const put = async (query: string): Promise<void> => {
    const response = await ask(handler, `/enabled${query}`, as("PUT"));
    assertEquals([response.status, await response.json()], [200, { enabled: true }]);
  };
  await put("?for=15m");
  time.pass(899_999);
  assertEquals(tap.enabled, true);
  time.pass(1);
  assertEquals([tap.enabled, time.armed], [false, 0]);
  assertEquals(await (await ask(handler, "/enabled", as("GET"))).json(), { enabled: false });
  await put("?for=1m");
  await put("?for=2m30s");
  time.pass(60_000);
  assertEquals(tap.enabled, true);
  await put("");
  time.pass(1_000_000_000);
  assertEquals([tap.enabled, time.armed], [true, 0]);
  await put("?for=1m");
  await (await ask(handler, "/enabled", as("DELETE"))).text();
  assertEquals([tap.enabled, time.armed], [false, 0]);
});

test("A time that is none throws no switch, and is answered with 400 that says why", async () => {
  for (const enabled of [true, false]) {
    const tap = new Tap({ enabled });
    const handler = tapHandler(tap, { authorize });
    const wrong = ["", "x", "15", "-1m", "1d", "m", "Infinity", "NaNs", "1e3s", "99999h", "10m;1h"];
    for (const time of wrong) {
      const query = `/enabled?for=${encodeURIComponent(time)}`;
      const { error } = await refusalOf(await ask(handler, query, as("PUT")), 400);
      assertMatch(error, /^Cannot (?:read duration|enable Tap): .*, received /);
      assertEquals(tap.enabled, enabled, time);
    }
    const { refusedBy, opened } = tap.stats();
    assertEquals([refusedBy.invalid, opened], [wrong.length, 0]);
  }
});

test("A page of another site does not throw the switch, though the browser adds what lets its user in", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize: () => ({ admin: true }) });
  const foreign: Record<string, string>[] = [
    { "sec-fetch-site": "cross-site", origin: "https://evil.example" },
    { origin: "https://evil.example" },
  ];
  for (const headers of foreign) {
    for (const method of ["GET", "PUT", "DELETE"]) {
      await refusalOf(await ask(handler, "/enabled", { method, headers }), 403);
    }
  }
  assertEquals(tap.enabled, true);
  assertEquals((await ask(handler, "/enabled", { method: "DELETE" })).status, 200);
  assertEquals(tap.enabled, false);
});

test("Without authorize this machine throws the switch, and nobody else", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { path: "/tap" });
  const remote = { remoteAddr: { transport: "tcp", hostname: "203.0.113.9", port: 1 } };
  const request = () => new Request("http://localhost/tap/enabled", { method: "DELETE" });
  await refusalOf(await handler(request(), remote), 403);
  assertEquals(tap.enabled, true);
  assertEquals((await handler(request(), HERE)).status, 200);
  assertEquals(tap.enabled, false);
});

test("A ticket is no way to the switch", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize });
  const { ticket } = await (await ask(handler, "", as("POST"))).json();
  await refusalOf(await ask(handler, `/enabled?ticket=${ticket}`), 403);
  const again = await (await ask(handler, "", as("POST"))).json();
  const query = `/enabled?ticket=${again.ticket}`;
  await refusalOf(await ask(handler, query, { method: "DELETE" }), 401);
  assertEquals(tap.enabled, true);
});

test("The switch on a real server", () =>
  withServer(async (tap, { url }) => {
    for (const [method, enabled] of [["DELETE", false], ["PUT", true], ["GET", true]] as const) {
      const response = await fetch(`${url}/tap/enabled`, as(method));
      assertEquals([response.status, await response.json()], [200, { enabled }]);
      assertEquals(tap.enabled, enabled);
    }
  }, { authorize }));
