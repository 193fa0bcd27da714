import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { bearer, Tap, type TapHandler, tapHandler } from "../../tap/mod.ts";
import { chunksOf } from "../_chunks.ts";
import { HandClock } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { ask, helloOf, HERE, read, refusalOf, restOf, withServer } from "./_streams.ts";

const TOKEN = "0123456789abcdef";
const BEARER = { authorization: `Bearer ${TOKEN}` };

/** Asks for a ticket, and checks the answer. */
async function ticketOf(handler: TapHandler, headers: HeadersInit = BEARER): Promise<string> {
  const response = await ask(handler, "", { method: "POST", headers });
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(response.headers.get("cache-control"), "no-store");
  const { ticket, ...rest } = await response.json();
  assertEquals(rest, { expires_ms: 30_000 });
  // More chance than anybody can try out.
  assertMatch(ticket, /^[0-9a-f]{48}$/);
  return ticket;
}

test("A ticket opens one session, without a header, and no second one", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize: bearer(TOKEN) });
  const ticket = await ticketOf(handler);
  assertEquals((await read(await ask(handler, `?limit=0&ticket=${ticket}`))).events, []);
  for (const query of [`?limit=0&ticket=${ticket}`, `?ticket=${ticket}`]) {
    const response = await ask(handler, query);
    assertEquals(response.headers.get("www-authenticate"), "Bearer");
    const { error } = await refusalOf(response, 401);
    assertEquals(error, "Cannot watch tap: the ticket is used, expired or none");
  }
  assertEquals([tap.stats().opened, tap.stats().refusedBy.unauthorized], [1, 2]);
});

test("A ticket that is none opens nothing, whoever shows it", async () => {
  const tap = new Tap();
  const authorized = tapHandler(tap, { authorize: bearer(TOKEN) });
  const local = tapHandler(tap);
  const ticket = await ticketOf(authorized);
  const wrong = [
    "",
    "x",
    "0".repeat(48),
    ticket.slice(1),
    ticket.toUpperCase() + "x",
    `${ticket} `,
  ];
  for (const handler of [authorized, local]) {
    for (const none of wrong) {
      // A header that is right does not help: it is one or the other.
      await refusalOf(
        await ask(handler, `?ticket=${encodeURIComponent(none)}`, { headers: BEARER }),
        401,
      );
    }
  }
  assertEquals(tap.stats().opened, 0);
  await read(await ask(authorized, `?limit=0&ticket=${ticket}`));
});

test("A ticket is of one handler alone", async () => {
  const tap = new Tap();
  const one = tapHandler(tap, { authorize: bearer(TOKEN) });
  const other = tapHandler(tap, { authorize: bearer(TOKEN) });
  const ticket = await ticketOf(one);
  await refusalOf(await ask(other, `?ticket=${ticket}`), 401);
  await read(await ask(one, `?limit=0&ticket=${ticket}`));
});

test("Tickets differ, and are good in any order", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize: bearer(TOKEN) });
  const tickets: string[] = [];
  for (let count = 0; count < 50; count++) tickets.push(await ticketOf(handler));
  assertEquals(new Set(tickets).size, 50);
  for (const ticket of tickets.toReversed()) {
    await read(await ask(handler, `?limit=0&ticket=${ticket}`));
  }
});

test("A ticket expires after ticketMs, which its answer says", async () => {
  const clock = new HandClock();
  const tap = new Tap({ now: () => clock.now() });
  for (const [ticketMs, ms] of [[undefined, 30_000], [1, 1], [5_000, 5_000]] as const) {
    const handler = tapHandler(tap, { authorize: () => true, ticketMs });
    const issue = async (): Promise<string> => {
      const { ticket, expires_ms } = await (await ask(handler, "", { method: "POST" })).json();
      assertEquals(expires_ms, ms);
      return ticket;
    };
    const [first, second] = [await issue(), await issue()];
    clock.pass(ms - 0.5);
    await read(await ask(handler, `?limit=0&ticket=${first}`));
    clock.pass(0.5);
    await refusalOf(await ask(handler, `?limit=0&ticket=${second}`), 401);
  }
});

test("A ticket is used up by a request that is refused, too", async () => {
  const tap = new Tap({ maxSessions: 0 });
  const handler = tapHandler(tap, { authorize: bearer(TOKEN) });
  for (const [query, status] of [["&limit=x", 400], ["", 409]] as const) {
    const ticket = await ticketOf(handler);
    await refusalOf(await ask(handler, `?ticket=${ticket}${query}`), status);
    await refusalOf(await ask(handler, `?ticket=${ticket}`), 401);
  }
});

test("A ticket is good for what its owner may have, and never for administration", async () => {
  const tap = new Tap();
  const authorize = bearer([
    { token: TOKEN, subject: "ops", stages: ["decoded"], redact: ["user"], admin: true },
  ]);
  const handler = tapHandler(tap, { authorize });
  const session = await ask(handler, `?ticket=${await ticketOf(handler)}`);
  assertEquals(tap.sessions[0]!.subject, "ops");
  for (const place of ["/sessions", "/metrics"]) {
    const ticket = await ticketOf(handler);
    assertMatch(
      (await refusalOf(await ask(handler, `${place}?ticket=${ticket}`), 403)).error,
      /administrators/,
    );
    assertEquals((await ask(handler, place, { headers: BEARER })).status, 200);
  }
  const ticket = await ticketOf(handler);
  await refusalOf(await ask(handler, `/sessions/1?ticket=${ticket}`, { method: "DELETE" }), 401);
  assertEquals(tap.stats().active, 1);
  await refusalOf(await ask(handler, `?stage=raw&ticket=${await ticketOf(handler)}`), 403);
  tap.close();
  assertEquals((await read(session)).hello.redact, ["user"]);
});

test("A ticket is no way to another one", async () => {
  const handler = tapHandler(new Tap(), { authorize: bearer(TOKEN) });
  const ticket = await ticketOf(handler);
  await refusalOf(await ask(handler, `?ticket=${ticket}`, { method: "POST" }), 401);
  await read(await ask(handler, `?limit=0&ticket=${ticket}`));
});

test("There are not more tickets than 1,024 that nobody has used, and they make room when they expire", async () => {
  const clock = new HandClock();
  const tap = new Tap({ now: () => clock.now() });
  // Of one subject there are 64.
  let asked = 0;
  const authorize = () => ({ subject: `reader-${asked++ % 100}` });
  const handler = tapHandler(tap, { authorize, ticketMs: 10_000 });
  const issue = () => ask(handler, "", { method: "POST" });
  const { ticket } = await (await issue()).json();
  assertEquals((await issue()).status, 200);
  clock.pass(1);
  for (let count = 2; count < 1_024; count++) assertEquals((await issue()).status, 200);
  const refused = await issue();
  assertEquals(refused.headers.get("retry-after"), "10");
  assertMatch((await refusalOf(refused, 429)).error, /too many tickets/);
  // One that is used makes room for one, one that expires too, and then there is room for all.
  await read(await ask(handler, `?limit=0&ticket=${ticket}`));
  assertEquals([(await issue()).status, (await issue()).status], [200, 429]);
  clock.pass(9_999);
  assertEquals([(await issue()).status, (await issue()).status], [200, 429]);
  clock.pass(10_000);
  for (let count = 0; count < 1_024; count++) assertEquals((await issue()).status, 200);
});

test("There are not more tickets of one subject than 64 that nobody has used", async () => {
  let subject = "ada";
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize: () => ({ subject }) });
  const issue = () => ask(handler, "", { method: "POST" });
  const { ticket } = await (await issue()).json();
  for (let count = 1; count < 64; count++) assertEquals((await issue()).status, 200);
  assertEquals((await issue()).status, 429);
  assertEquals(tap.stats().refusedBy.subject, 1);
  subject = "bob";
  assertEquals((await issue()).status, 200);
  subject = "ada";
  await read(await ask(handler, `?limit=0&ticket=${ticket}`));
  assertEquals((await issue()).status, 200);
});

test("A page of another site gets no ticket, though the browser adds what lets its user in", async () => {
  const tap = new Tap();
  const byCookie = tapHandler(tap, {
    authorize: ({ headers }) => headers.get("cookie") === "session=1",
  });
  const from = (headers: Record<string, string>) =>
    byCookie(
      new Request("https://tap.example/tap", {
        method: "POST",
        headers: { cookie: "session=1", ...headers },
      }),
      HERE,
    );
  const foreign: Record<string, string>[] = [
    { "sec-fetch-site": "cross-site", origin: "https://evil.example" },
    { "sec-fetch-site": "same-site", origin: "https://other.tap.example" },
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "https://tap.example:8443" },
    { origin: "https://tap.example.evil.example" },
  ];
  for (const headers of foreign) {
    const { error } = await refusalOf(await from(headers), 403);
    assertEquals(error, "Cannot watch tap: a page of another site sent the request");
  }
  const own: Record<string, string>[] = [
    {},
    { "sec-fetch-site": "same-origin", origin: "https://tap.example" },
    { "sec-fetch-site": "none" },
    { origin: "https://tap.example" },
    // The scheme is another behind a proxy that ends TLS.
    { origin: "http://tap.example" },
  ];
  for (const headers of own) assertEquals((await from(headers)).status, 200);
});

test("A ticket is no way in for a page of another site that has come by one", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize: bearer(TOKEN) });
  const ticket = await ticketOf(handler);
  const headers = { origin: "https://evil.example", "sec-fetch-site": "cross-site" };
  await refusalOf(await ask(handler, `?ticket=${ticket}`, { headers }), 403);
  await read(await ask(handler, `?limit=0&ticket=${ticket}`));
});

test("A ticket on a real server opens an event stream", () =>
  withServer(async (tap, { url }) => {
    const asked = await fetch(`${url}/tap`, { method: "POST", headers: BEARER });
    const { ticket } = await asked.json();
    const response = await fetch(`${url}/tap?ticket=${ticket}&limit=1`);
    const chunks = chunksOf(response);
    const hello = await helloOf(chunks);
    assertEquals(hello.limit, 1);
    tap.offer("decoded", 7);
    assert((await restOf(chunks)).startsWith("7\n"));
    const again = await fetch(`${url}/tap?ticket=${ticket}&limit=1`);
    assertNotEquals(again.status, 200);
    await again.text();
  }, { authorize: bearer(TOKEN) }));
