import { assertEquals } from "@std/assert";
import { bearer, Tap, tapHandler } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { ask, HERE, read, refusalOf, withServer } from "./_streams.ts";

// What pages of other sites may do.

const ADMIN = "https://admin.example.org";
const TOKEN = "0123456789abcdef";

test("Without origins no answer says that a page of another site may read it", async () => {
  const tap = new Tap();
  for (const authorize of [undefined, () => true]) {
    const handler = tapHandler(tap, { authorize });
    for (const query of ["?limit=0", "?limit=x"]) {
      for (const headers of [{}, { origin: "http://localhost" }]) {
        const response = await ask(handler, query, { headers });
        await response.text();
        for (const name of response.headers.keys()) {
          assertEquals(name.startsWith("access-control"), false);
        }
        assertEquals(response.headers.get("vary"), null);
      }
    }
  }
});

test("A page of an origin that is listed may read every answer, and no other page may", async () => {
  const tap = new Tap({ maxSessions: 9 });
  const handler = tapHandler(tap, { authorize: () => true, origins: ["https://a.org", ADMIN] });
  const answers: [string, number][] = [["?limit=0", 200], ["?limit=x", 400], ["/sessions", 403]];
  for (const [query, status] of answers) {
    for (const origin of ["https://a.org", ADMIN]) {
      const headers = { origin, "sec-fetch-site": "cross-site" };
      const response = await ask(handler, query, { headers });
      await response.text();
      assertEquals(response.status, status);
      assertEquals(response.headers.get("access-control-allow-origin"), origin);
      assertEquals(response.headers.get("access-control-allow-credentials"), "true");
      assertEquals(response.headers.get("vary"), "origin");
    }
  }
  const others = ["https://b.org", "http://admin.example.org", "https://admin.example.org:8443"];
  for (const origin of [...others, "null", "https://ADMIN.example.org", `${ADMIN}/`, "*"]) {
    const response = await ask(handler, "?limit=0", { headers: { origin } });
    assertEquals(response.headers.get("access-control-allow-origin"), null);
    // Caches must not give one's answer to the other.
    assertEquals(response.headers.get("vary"), "origin");
    await refusalOf(response, 403);
  }
});

test("A request that no page sent is answered as ever, where origins are listed", async () => {
  const handler = tapHandler(new Tap(), { authorize: () => true, origins: [ADMIN] });
  const response = await ask(handler, "?limit=0");
  assertEquals(response.headers.get("vary"), "origin");
  assertEquals(response.headers.get("access-control-allow-origin"), null);
  await read(response);
});

test("A browser that asks before it asks is answered without authorization, if the origin is listed", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { authorize: () => false, origins: [ADMIN] });
  const preflight = (origin: string, method = "GET") =>
    ask(handler, "", {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization",
        "sec-fetch-site": "cross-site",
      },
    });
  for (const method of ["GET", "POST", "PUT", "DELETE"]) {
    const response = await preflight(ADMIN, method);
    assertEquals([response.status, await response.text()], [204, ""]);
    const { headers } = response;
    assertEquals(headers.get("access-control-allow-origin"), ADMIN);
    assertEquals(headers.get("access-control-allow-credentials"), "true");
    assertEquals(headers.get("access-control-allow-methods"), "GET, POST, PUT, DELETE");
    assertEquals(headers.get("access-control-allow-headers"), "authorization, last-event-id");
    assertEquals(headers.get("access-control-max-age"), "600");
    assertEquals(headers.get("vary"), "origin");
  }
  const refused = await preflight("https://evil.example");
  assertEquals(refused.headers.get("access-control-allow-methods"), null);
  assertEquals(refused.headers.get("access-control-allow-origin"), null);
  await refusalOf(refused, 403);
  assertEquals([tap.stats().opened, tap.stats().refusedBy.unauthorized], [0, 0]);
});

test("A page of another site is refused before anybody is asked who it is, and with a token it is not", async () => {
  const tap = new Tap();
  let asked = 0;
  const check = bearer(TOKEN);
  const handler = tapHandler(tap, {
    authorize: (request) => {
      asked++;
      return check(request);
    },
  });
  for (const site of ["cross-site", "same-site"]) {
    const response = await ask(handler, "", { headers: { "sec-fetch-site": site } });
    const { error } = await refusalOf(response, 403);
    assertEquals(error, "Cannot watch tap: a page of another site sent the request");
  }
  assertEquals([asked, tap.stats().refusedBy.forbidden], [0, 2]);
  // No browser adds a token by itself: whoever does may.
  const headers = { "sec-fetch-site": "cross-site", authorization: `Bearer ${TOKEN}` };
  await read(await ask(handler, "?limit=0", { headers }));
  // What a browser does add by itself is none.
  const basic = { "sec-fetch-site": "cross-site", authorization: "Basic Og==" };
  await refusalOf(await ask(handler, "", { headers: basic }), 403);
});

test("Without authorize a page is refused whose site is another, unless its origin is listed", async () => {
  const tap = new Tap();
  const handler = tapHandler(tap, { origins: [ADMIN] });
  for (const site of ["cross-site", "same-site"]) {
    await refusalOf(
      await ask(handler, "?limit=0", { headers: { "sec-fetch-site": site } }),
      403,
    );
    const headers = { "sec-fetch-site": site, origin: ADMIN };
    await read(await ask(handler, "?limit=0", { headers }));
  }
  for (const site of ["none", "same-origin"]) {
    await read(await ask(handler, "?limit=0", { headers: { "sec-fetch-site": site } }));
  }
  // A token that nobody checks is no excuse.
  const headers = { "sec-fetch-site": "cross-site", authorization: "Bearer x" };
  await refusalOf(await ask(handler, "", { headers }), 403);
  // Nor is an origin that is listed for another machine.
  const request = new Request("http://localhost/tap", { headers: { origin: ADMIN } });
  const peer = { remoteAddr: { ...HERE.remoteAddr, hostname: "203.0.113.9" } };
  await refusalOf(await handler(request, peer), 403);
});

test("The host that a request names decides whether its page is of this site, behind a proxy too", async () => {
  const handler = tapHandler(new Tap(), { authorize: () => true });
  const get = (url: string, headers: Record<string, string>) => {
    const request = new Request(`${url}/tap?limit=0`, { headers });
    // Not every runtime lets a program set it.
    const { get } = request.headers;
    const host = headers.host;
    if (host !== undefined) {
      request.headers.get = function (name) {
        return name === "host" ? host : get.call(this, name);
      };
    }
    return handler(request);
  };
  const origin = "https://tap.example.org";
  await read(await get("http://10.0.0.7:8080", { host: "tap.example.org", origin }));
  await read(await get("https://tap.example.org", { origin }));
  await refusalOf(await get("http://10.0.0.7:8080", { host: "other.example.org", origin }), 403);
  await refusalOf(await get("http://10.0.0.7:8080", { origin }), 403);
});

test("A page of a listed origin on a real server reads a stream", () =>
  withServer(async (_tap, { url }) => {
    const options = await fetch(`${url}/tap`, { method: "OPTIONS", headers: { origin: ADMIN } });
    assertEquals([options.status, await options.text()], [204, ""]);
    const response = await fetch(`${url}/tap?limit=0`, { headers: { origin: ADMIN } });
    assertEquals(response.headers.get("access-control-allow-origin"), ADMIN);
    await read(response);
    const foreign = await fetch(`${url}/tap`, { headers: { origin: "https://evil.example" } });
    await refusalOf(foreign, 403);
  }, { origins: [ADMIN] }));
