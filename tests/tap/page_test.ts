import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { tapPage, type TapPageOptions } from "../../tap/mod.ts";
import { test } from "../_harness.ts";

const URL_OF_PAGE = "http://localhost/admin/";

/** Gets a page. */
function get(options?: TapPageOptions): Response {
  return tapPage(options)(new Request(URL_OF_PAGE));
}

/** What a policy says, by its directives. */
function policyOf(response: Response): Record<string, string> {
  const policy = response.headers.get("content-security-policy")!;
  // A comma would begin another policy.
  assert(!policy.includes(","), policy);
  const directives = policy.split("; ").map((directive) => {
    const [, name, sources] = /^([a-z-]+) (.+)$/.exec(directive)!;
    return [name!, sources!] as const;
  });
  const byName = Object.fromEntries(directives);
  assertEquals(Object.keys(byName).length, directives.length);
  return byName;
}

/** What the script of a page is told. */
function configOf(html: string): unknown {
  const [, json] = /^<script type="module" nonce="[^"]+">const config = (.*);$/m.exec(html)!;
  return JSON.parse(json!);
}

test("The page is one HTML document that is neither kept, nor guessed at, nor told of elsewhere", async () => {
  const response = get();
  assertEquals(response.status, 200);
  const { headers } = response;
  assertEquals(headers.get("content-type"), "text/html; charset=utf-8");
  assertEquals(headers.get("cache-control"), "no-store");
  assertEquals(headers.get("x-content-type-options"), "nosniff");
  assertEquals(headers.get("referrer-policy"), "no-referrer");
  const html = await response.text();
  assertMatch(html, /^<!doctype html>\n<html lang="en">\n<meta charset="utf-8">/);
  assertEquals(configOf(html), { tap: "./tap", title: "Tap" });
});

test("The page has fewer than ten thousand bytes", async () => {
  const { byteLength } = await get().arrayBuffer();
  assert(byteLength < 10_000, `${byteLength}`);
});

test("The policy of the page allows its own script, its own style and its tap, and nothing else", async () => {
  const response = get();
  const html = await response.text();
  const [, nonce] = /<script type="module" nonce="([^"]+)">/.exec(html)!;
  assertEquals(policyOf(response), {
    "default-src": "'none'",
    "script-src": `'nonce-${nonce}'`,
    "style-src": `'nonce-${nonce}'`,
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
  });
  assertEquals(html.match(/<style nonce="([^"]+)">/)![1], nonce);
});

test("The page has a nonce of its own at each request", async () => {
  const answer = tapPage();
  const nonces = new Set<string>();
  for (let request = 0; request < 50; request++) {
    const response = answer(new Request(URL_OF_PAGE));
    const html = await response.text();
    const found = [...html.matchAll(/nonce="([^"]*)"/g)].map(([, nonce]) => nonce!);
    assertEquals(found.length, 2);
    assertEquals(found[0], found[1]);
    assertMatch(found[0]!, /^[A-Za-z\d+/]{24}$/);
    assert(policyOf(response)["script-src"]!.includes(`'nonce-${found[0]}'`));
    nonces.add(found[0]!);
  }
  assertEquals(nonces.size, 50);
});

test("The page refers to nothing else, and has neither handlers nor styles in its markup", async () => {
  const html = await get().text();
  assertEquals(html.match(/<script/g)!.length, 1);
  assertEquals(html.match(/<style/g)!.length, 1);
  const [markup] = html.split('<script type="module"');
  const tags = markup!.match(/<[a-z][^>]*>/g)!;
  assert(tags.length > 20);
  for (const tag of tags) assert(!/\s(?:on\w+|style|src|srcset|href|action)=/.test(tag), tag);
  assert(!/url\(|@import/.test(html));
  assert(!/innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(/.test(html));
  assert(!/(?:local|session)Storage|indexedDB|document\.cookie/.test(html));
});

test("Each input of the page has a label, and the list a name", async () => {
  const html = await get().text();
  const inputs = html.match(/<input[^>]*>/g)!;
  const labelled = html.match(/<label>\w+ <input[^>]*><\/label>/g)!;
  assertEquals(labelled.length, inputs.length);
  assertEquals(inputs.length, 7);
  assertMatch(html, /<ol id="list" tabindex="0" aria-label="Events">/);
  assertMatch(html, /<input id="token" type="password" autocomplete="off"/);
});

test("What is in a title ends neither the script nor a string of it", async () => {
  const titles = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]></SCRIPT >",
    '"; alert(1); "',
    "${alert(1)}",
    '\\"; alert(1) //',
    "a\u2028b\u2029c\r\nd",
    "$& $1 $` $'",
    "\ud800 alone",
    "__proto__",
    "Straße 🦫",
    "",
  ];
  const plain = await get().text();
  for (const title of titles) {
    const html = await get({ title }).text();
    assertEquals(configOf(html), { tap: "./tap", title });
    assertEquals(html.match(/<\/script/gi)!.length, 1);
    assertEquals(html.match(/<script/gi)!.length, 1);
    assert(!html.includes("<!--"));
    assert(!/[\u2028\u2029\r]/.test(html));
    // It is nowhere else, and moves nothing.
    assertEquals(html.split("\n").length, plain.split("\n").length);
    assertEquals(html.split("<script")[0]!.length, plain.split("<script")[0]!.length);
  }
});

test("A tap at the page's own origin adds nothing to the policy", async () => {
  const taps = [
    "./tap",
    "tap",
    "/tap",
    "../x/tap/",
    "",
    "/täp",
    "/a;b,c'd",
    "/</script>",
    "/a%20b",
  ];
  for (const tap of taps) {
    const response = get({ tap });
    assertEquals(policyOf(response)["connect-src"], "'self'", tap);
    assertEquals(configOf(await response.text()), { tap, title: "Tap" });
  }
});

test("A tap at another origin adds that origin to the policy, and nothing more", () => {
  const origins = {
    "https://api.example.org/tap": "https://api.example.org",
    "http://127.0.0.1:8707/tap": "http://127.0.0.1:8707",
    "HTTPS://API.example.org:443/tap": "https://api.example.org",
    "//api.example.org/tap": "http://api.example.org",
    "\\\\api.example.org\\tap": "http://api.example.org",
    "https://bücher.example/tap": "https://xn--bcher-kva.example",
  };
  for (const [tap, origin] of Object.entries(origins)) {
    assertEquals(policyOf(get({ tap }))["connect-src"], `'self' ${origin}`, tap);
  }
});

test("tapPage() refuses what is no address of a tap, or would say something else in a policy", () => {
  const taps = [
    "https://a;script-src/tap",
    "https://a,b/tap",
    "https://a'b/tap",
    "https://*.example.org/tap",
    "https://a*b/tap",
    "https://[::1]:8707/tap",
    "https://user@example.org/tap",
    "https://:password@example.org/tap",
    "https://example.org/tap?token=x",
    "./tap?token=x",
    "./tap#x",
    "javascript:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/plain,x",
    "blob:https://example.org/x",
    "file:///tap",
    "ftp://example.org/tap",
    "ws://example.org/tap",
    "https://",
    "http://a b/tap",
  ];
  for (const tap of taps) {
    const error = assertThrows(() => tapPage({ tap }), TypeError);
    assertEquals(
      error.message,
      `Cannot create tap page: tap must look like "./tap" or "https://example.org/tap", received ${
        JSON.stringify(tap)
      }`,
    );
  }
  const wrong = [null, 7, {}, new URL("https://example.org/tap")] as unknown as string[];
  for (const tap of wrong) assertThrows(() => tapPage({ tap }), TypeError, "tap must look like");
  for (const title of wrong) {
    assertThrows(() => tapPage({ title }), TypeError, "title must be a text, received");
  }
});

test("Other methods than GET are answered with 405", async () => {
  const answer = tapPage();
  for (const method of ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
    const response = answer(new Request(URL_OF_PAGE, { method }));
    assertEquals(response.status, 405);
    assertEquals(response.headers.get("allow"), "GET");
    assertEquals(response.headers.get("cache-control"), "no-store");
    assertEquals(response.headers.get("x-content-type-options"), "nosniff");
    assertEquals(response.headers.get("content-type"), "text/plain; charset=utf-8");
    assertEquals(
      await response.text(),
      `Cannot show tap page: method must be GET, received "${method}"\n`,
    );
  }
});

test("Pages of two handlers know nothing of each other", async () => {
  const [one, two] = [tapPage({ title: "one" }), tapPage({ title: "two", tap: "/two" })];
  const request = new Request(URL_OF_PAGE);
  assertEquals(configOf(await one(request).text()), { tap: "./tap", title: "one" });
  assertEquals(configOf(await two(request).text()), { tap: "/two", title: "two" });
  assertNotEquals(await one(request).text(), await one(request).text());
});
