import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { ask } from "./_streams.ts";

test("tapHandler() refuses an authorize that is no function, and an origin that is none", () => {
  for (const authorize of [null, true, "token", {}]) {
    assertThrows(
      () => tapHandler(new Tap(), { authorize: authorize as never }),
      TypeError,
      "Cannot create tap handler: authorize must be a function",
    );
  }
  const wrong = ["*", "null", "example.org", "https://example.org/", "https://example.org/x"];
  for (const origin of [...wrong, "https://EXAMPLE.org", "https://a.org:443"]) {
    assertThrows(
      () => tapHandler(new Tap(), { origins: ["https://example.org", origin] }),
      TypeError,
      `an origin must look like "https://example.org", received ${JSON.stringify(origin)}`,
    );
  }
});

test("tapHandler() refuses origins that are no list of texts, a path that is no text, and options that there are not", () => {
  const refused = (options: unknown): string =>
    assertThrows(() => tapHandler(new Tap(), options as never), TypeError).message;
  for (const origins of ["https://example.org", {}, 7, null, new Set(["https://a.org"])]) {
    if (origins === null) continue;
    assertMatch(refused({ origins }), /^Cannot create tap handler: origins must be a list\b/);
  }
  for (const origin of ["", 7, null, undefined, new URL("https://example.org")]) {
    assertMatch(refused({ origins: [origin] }), /^Cannot create tap handler: each of origins /);
  }
  for (const path of [7, null, true, ["/tap"], new URL("http://localhost/tap")]) {
    assertMatch(refused({ path }), /^Cannot create tap handler: path must be a text /);
  }
  for (const name of ["authorise", "origin", "Path", "heartbeat", "maxSessions", "stages"]) {
    assertEquals(
      refused({ [name]: undefined }),
      "Cannot create tap handler: options must be among authorize, origins, path, heartbeatMs, " +
        `stallMs, graceMs, ticketMs, retryMs, received "${name}"`,
    );
  }
  for (const none of [null, 7, "x", () => true]) {
    assertMatch(refused(none), /^Cannot create tap handler: options must be /);
  }
});

test("tapHandler() takes what its options are when it is made, whatever becomes of them", async () => {
  const own = "https://admin.example.org";
  const origins = [own];
  const options: { origins: string[]; path: string; authorize: () => boolean } = {
    origins,
    path: "/tap",
    authorize: () => true,
  };
  const handler = tapHandler(new Tap(), options);
  origins[0] = "https://evil.example";
  origins.push("https://evil.example");
  options.path = "/elsewhere";
  options.authorize = () => false;
  const allowed = async (origin: string): Promise<string | null> => {
    const response = await ask(handler, "?limit=0", { headers: { origin } });
    await response.text();
    return response.headers.get("access-control-allow-origin");
  };
  assertEquals([await allowed(own), await allowed("https://evil.example")], [own, null]);
});
