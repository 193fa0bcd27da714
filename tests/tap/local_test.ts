import { assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { ask, HERE, read, refusalOf } from "./_streams.ts";

// Who may watch where nobody has said who: this machine, and only what means it.

test("tapHandler() without authorize answers 403 where the server does not say who asks", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const unknown = [
    undefined,
    null,
    {},
    { remoteAddr: undefined },
    { remoteAddr: { transport: "unix", path: "/run/weir" } },
    { requestIP: () => null },
  ];
  for (const peer of unknown) {
    const response = await handler(new Request("http://localhost/tap"), peer);
    const { error } = await refusalOf(response, 403);
    assertMatch(error, /does not pass on the address/);
  }
  const { opened, refusedBy } = tap.stats();
  assertEquals([opened, refusedBy.forbidden], [0, unknown.length]);
  const open = tapHandler(tap, { authorize: () => true });
  await (await open(new Request("http://localhost/tap?limit=0"))).text();
  assertEquals(tap.stats().opened, 1);
});

test("tapHandler() without authorize answers 403 to what a proxy on this machine has passed on", async () => {
  const tap = new Tap();
  const names = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"];
  const more = ["CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "X-Cluster-Client-IP"];
  const others = ["Fly-Client-IP", "X-Forwarded", "X-Forwarded-Port", "X-Forwarded-Server"];
  for (const name of [...names, ...more, ...others, "Via", "X-Real-IP"]) {
    const response = await ask(tapHandler(tap), "", { headers: { [name]: "203.0.113.9" } });
    const { error } = await refusalOf(response, 403);
    assertEquals(
      error,
      `Cannot watch tap: a proxy has passed the request on, by its header "${name.toLowerCase()}"`,
    );
  }
  assertEquals(tap.stats().opened, 0);
});

test("tapHandler() without authorize answers 403 to a foreign Host, so that no name can be bound to this machine", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const foreign = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil-localhost",
    "0.0.0.0",
    "192.168.0.7",
    "128.0.0.1",
    "[::]",
    "[::2]",
    "[fe80::1]",
  ];
  for (const host of foreign) {
    const response = await handler(new Request(`http://${host}:8707/tap`), HERE);
    const { error, hint } = await refusalOf(response, 403);
    const hostname = new URL(`http://${host}`).hostname;
    assertEquals(error, `Cannot watch tap: the host "${hostname}" is not this machine`);
    assertMatch(hint!, /authorize/);
  }
  assertEquals(tap.stats().opened, 0);
  const own = ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.1", "127.8.9.10", "[::1]"];
  for (const host of own) {
    await read(await handler(new Request(`http://${host}:8707/tap?limit=0`), HERE));
  }
});

test("tapHandler() without authorize answers 403 to a peer that is not this machine, as Deno and as Bun say it", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  const request = new Request("http://localhost/tap?limit=0");
  function peersOf(hostname: string): unknown[] {
    const server = {
      requestIP(asked: Request) {
        assertStrictEquals(this, server);
        assertStrictEquals(asked, request);
        return { address: hostname, family: "IPv4", port: 4_711 };
      },
    };
    return [{ remoteAddr: { transport: "tcp", hostname, port: 4_711 } }, server];
  }
  for (const address of ["203.0.113.9", "::ffff:203.0.113.9", "fe80::1", "10.127.0.1", "::"]) {
    for (const peer of peersOf(address)) {
      const { error } = await refusalOf(await handler(request, peer), 403);
      assertEquals(error, `Cannot watch tap: the peer ${address} is not this machine`);
    }
  }
  assertEquals(tap.stats().opened, 0);
  for (const address of ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"]) {
    for (const peer of peersOf(address)) await read(await handler(request, peer));
  }
});

test("tapHandler() without authorize holds for the pages below it, for tickets, and for every method", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap);
  for (const [method, place] of [["POST", ""], ["GET", "/sessions"], ["GET", "/metrics"]]) {
    const request = new Request(`http://evil.example/tap${place}`, { method: method! });
    await refusalOf(await handler(request, HERE), 403);
  }
  // This machine is its own administrator.
  assertEquals((await ask(handler, "/sessions")).status, 200);
  assertEquals((await ask(handler, "/metrics")).status, 200);
  assertEquals((await ask(handler, "", { method: "POST" })).status, 200);
});
