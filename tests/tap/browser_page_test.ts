import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { tapPage } from "../../tap/mod.ts";
import { Wire } from "../bus/_wire.ts";
import { Child } from "../_child.ts";
import { browserTest as test, Chromium } from "../_chromium.ts";
import { bothRuntimes } from "../_runtimes.ts";
import { COUNTS, STATE, TapPage, watched } from "./_browser_page.ts";
import { serveTap, type TapServer, TOKEN } from "./_browser_server.ts";
import { serve } from "./_server.ts";
import { until } from "./_wait.ts";

/** The methods that a server was asked with, in order. */
const methodsOf = ({ asked }: TapServer): string => asked.map(({ method }) => method).join(" ");

test("The page shows events, what the tap says, and its session", () =>
  watched(
    async ({ page, server, tap }) => {
      tap.offer("decoded", { before: true });
      assertEquals(await page.evaluate(STATE), "ready: ");
      await page.live({ where: "level == error", fields: "level,user", sample: "1" });
      tap.offer("decoded", { level: "error", user: { email: "a@b", name: "Zoë" }, path: "/" });
      tap.offer("decoded", { level: "info" });
      tap.offer("decoded", { level: "error", number: 1e21 });
      await page.until("the events have come", "events.length === 2");
      const [first, second] = await page.evaluate<string[]>("events");
      assertMatch(
        first!,
        /^\{"level":"error","user":\{"email":"rsigma:redacted:[\da-f]{16}","name":"Zoë"\}\}$/,
      );
      assertEquals(second, '{"level":"error"}');
      assertEquals(
        await page.evaluate(`$("#hello").textContent`),
        "stage decoded; where level == error; fields level,user; redacted user.email; " +
          "sampling chance 1; seconds 60",
      );
      assertEquals(await page.evaluate("document.title"), "Orders");
      assertEquals(await page.evaluate(COUNTS), "2 received, 2 shown");
      assertEquals(await page.evaluate(`$("#badge").hidden`), true);
      assertEquals(await page.evaluate("notices"), ["session 1; missed 0"]);
      const times = await page.evaluate<string[]>(
        `[...document.querySelectorAll("#list time")].map(({ textContent }) => textContent)`,
      );
      for (const time of times) assertMatch(time, /^\d\d:\d\d:\d\d\.\d{3}Z$/);
      assertEquals(methodsOf(server), "POST GET");
      // The token is nowhere but where it was typed in.
      assert(!`${server.asked[1]!.query}`.includes(TOKEN));
      assert(await page.evaluate(`!document.documentElement.outerHTML.includes("${TOKEN}")`));
      assertEquals(await page.evaluate("localStorage.length + sessionStorage.length"), 0);
    },
    { redact: ["user.email"] },
  ));

test("The page shows the backlog, where it ends, and stages where there are several", () =>
  watched(
    async ({ page, tap }) => {
      tap.offer("raw", "kept");
      await page.live({ stage: "*" });
      tap.offer("decoded", "new");
      await page.until("the event has come", "events.length === 2");
      const rows = await page.evaluate<string[]>("rows");
      assertEquals(rows.length, 4);
      assertMatch(rows[0]!, /^session 1; missed \d+$/);
      assertEquals(rows.slice(1), ["raw kept", "kind live; replayed 1", 'decoded "new"']);
    },
    { backlog: 10 },
  ));

test("Hostile events are shown as what they are, and do nothing", () =>
  watched(async ({ page, tap }) => {
    await page.live({ stage: "*" });
    const hostile = [
      `<img src=x onerror="document.title='gone'">`,
      "</script><script>document.title='gone'</script>",
      "</li></ol><style>*{display:none}</style>",
      `<svg onload="document.title='gone'"/>`,
      "&lt;b&gt;&amp;",
      "javascript:alert(1)",
      '{"weir_tap_summary":{"reason":"limit"}}',
      "event: summary",
      "data: x",
      "${document.title='gone'}",
    ];
    for (const text of hostile) {
      tap.offer("raw", text);
      tap.offer("decoded", { [text]: text }, { [text]: text });
    }
    await page.until("all have come", `events.length === ${2 * hostile.length}`);
    assertEquals(
      await page.evaluate("events"),
      hostile.flatMap((text) => {
        const json = JSON.stringify({ [text]: text });
        return [`raw ${text}`, `decoded {"meta":${json},"event":${json}}`];
      }),
    );
    // Neither an order to a terminal, nor one to turn text around, nor half a character does anything but show what it is.
    tap.offer("raw", "\u001b[31mred\u0007 \u202egnp.exe \u2066x\u2069 \u0085\tend");
    tap.offer("decoded", "\u202ea\ud800");
    await page.until("they have come", `events.length === ${2 * hostile.length + 2}`);
    assertEquals(await page.evaluate("events.slice(-2)"), [
      String.raw`raw \u001b[31mred\u0007 \u202egnp.exe \u2066x\u2069 \u0085` + "\tend",
      String.raw`decoded "\u202ea\ud800"`,
    ]);
    assertEquals(await page.evaluate("document.title"), "Orders");
    assertEquals(await page.evaluate(`document.querySelectorAll("img, svg, a, iframe").length`), 0);
    assertEquals(await page.evaluate(`document.scripts.length + document.styleSheets.length`), 2);
    assertEquals(await page.evaluate(STATE), "live: ");
    const names = await page.evaluate<string[]>(
      `[...new Set([...document.querySelectorAll("#list *")].map(({ localName }) => localName))]`,
    );
    assertEquals(names.sort(), ["b", "li", "span", "time"]);
  }));

test("The policy of the page keeps out whatever somebody might get into it", () =>
  watched(async ({ page }) => {
    const evil = `"document.title = 'gone'"`;
    const attempts = [
      `document.body.innerHTML = "<img src=x onerror=" + ${evil} + ">"`,
      `document.body.setAttribute("onclick", ${evil})`,
      `document.head.append(Object.assign(document.createElement("script"), { text: ${evil} }))`,
      `const script = document.createElement("script");
      script.append(${evil});
      document.head.append(script);`,
      `const frame = document.createElement("iframe");
      frame.src = "javascript:parent." + ${evil};
      document.body.append(frame);`,
      `const style = document.createElement("style");
      style.append("* { display: none }");
      document.head.append(style);`,
      `const image = document.createElement("img");
      image.src = "/image";
      document.body.append(image);`,
      `fetch("https://example.org/").catch(() => {});`,
    ];
    for (const attempt of attempts) {
      await page.evaluate(`(() => { try { ${attempt} } catch {} })()`);
      await page.until(`the policy has something against ${attempt}`, "violations.length > 0");
      await page.evaluate("violations.length = 0");
    }
    assertEquals(await page.evaluate("document.title"), "Orders");
    assertEquals(await page.evaluate("document.body.onclick"), null);
    assertEquals(await page.evaluate(`getComputedStyle($("#list")).display`), "block");
  }));

test("A tap at another origin can be watched from a page that it knows, and from no other", async () => {
  let page = tapPage();
  await using site = serve((request) => page(request));
  const known = { origins: [site.url] };
  await using server = serveTap({}, known);
  await using browser = await Chromium.start();
  page = tapPage({ tap: `${server.url}/tap` });
  const opened = await TapPage.open(browser, `${site.url}/`);
  await opened.live();
  server.tap.offer("decoded", 1);
  await opened.until("the event has come", "events.length === 1");
  assertEquals(await opened.problems(), []);
  await opened.press("stop");

  await using other = serveTap();
  page = tapPage({ tap: `${other.url}/tap` });
  const stranger = await TapPage.open(browser, `${site.url}/`);
  await stranger.start();
  await stranger.until("it fails", "waits.length > 0");
  await stranger.press("stop");
  assertEquals(other.tap.stats().opened, 0);
  assert(other.asked.every(({ method }) => method === "OPTIONS"));
});

test("A wrong token is refused, in the words of the server, and the right one is not", () =>
  watched(async ({ page, server }) => {
    await page.type("#token", TOKEN.replace("page", "none"));
    await page.press("start");
    await page.until("it is refused", `$("#state").textContent === "refused"`);
    assertEquals(await page.evaluate(STATE), "refused: Cannot watch tap: not authorized");
    assertEquals(await page.evaluate(`$("#start").textContent`), "Start again");
    await page.until("it has a row", `notices[0] === ${STATE}`);
    assertEquals(await page.evaluate("waits"), []);
    assertEquals(methodsOf(server), "POST");
    await page.live();
    assertEquals(methodsOf(server), "POST POST GET");
  }));

test("What the server cannot use is refused in its words, though an EventSource is not told", () =>
  watched(async ({ page, server }) => {
    await page.start({ where: "level ==" });
    await page.until("it is refused", `$("#state").textContent === "refused"`);
    assertMatch(await page.evaluate(STATE), /^refused: Cannot read where: column 9, the end, /);
    await page.start({ where: "", stage: "nowhere" });
    await page.until("it is refused for another reason", `/nowhere/.test(${STATE})`);
    assertMatch(await page.evaluate(STATE), /^refused: Cannot .*stage.*"nowhere"$/);
    assertEquals(await page.evaluate("waits"), []);
    assertEquals(server.tap.stats().opened, 0);
    await page.live({ stage: "" });
  }));

test("The page waits for a place, and says for what it waits", () =>
  watched(
    async ({ page, tap }) => {
      const session = tap.open({ stage: "raw" })!;
      await page.start();
      await page.until("it waits", "waits.length > 0");
      await page.until("it says so", `/session capacity reached/.test(${STATE})`);
      assertMatch(
        await page.evaluate(STATE),
        /^connecting: Cannot watch tap: session capacity reached; .*; trying again in \d+ s$/,
      );
      session.close();
      await page.until("it is live", `$("#state").textContent === "live"`);
    },
    { maxSessions: 1 },
  ));

test("The page says why its session ended, stays away, and starts again where it was", () =>
  watched(
    async ({ page, server, tap }) => {
      await page.live();
      tap.offer("decoded", 1);
      await page.until("the event has come", "events.length === 1");
      tap.kill(tap.sessions[0]!.id);
      await page.until("it has ended", `$("#state").textContent === "ended"`);
      assertEquals(await page.evaluate(STATE), "ended: reason killed");
      await page.until("the numbers are there", "notices.length === 3");
      assertMatch(await page.evaluate("notices[1]"), /^captured 1; dropped 0; .*reason killed;/);
      assertEquals(await page.evaluate("waits"), []);
      assertEquals(await page.evaluate("sources.map(({ readyState }) => readyState)"), [2]);
      assertEquals(await page.evaluate(`$("#start").textContent`), "Start again");
      assertEquals(await page.evaluate(`$("#stop").disabled`), true);
      tap.offer("decoded", 2);
      await page.press("start");
      await page.until("it is live again", `$("#state").textContent === "live"`);
      await page.until("the missed event has come", "events.length === 2");
      assertEquals(await page.evaluate("events"), ["1", "2"]);
      // Whoever asks for something else gets all that there is of it.
      await page.type(`[name="where"]`, "not exists x");
      await page.press("start");
      await page.until("all have come once more", "events.length === 4");
      assertEquals(await page.evaluate("events"), ["1", "2", "1", "2"]);
      const { instance } = tap;
      const gets = server.asked.filter(({ method }) => method === "GET");
      assertEquals(gets.map(({ query }) => query.get("since")), [null, `${instance}-1`, null]);
      assertEquals(new Set(gets.map(({ query }) => query.get("ticket"))).size, 3);
    },
    { backlog: 10 },
  ));

test("The page ends with its time, and does not come back for more", () =>
  watched(async ({ page, server }) => {
    await page.start({ duration: "300ms" });
    await page.until("it has ended", `$("#state").textContent === "ended"`);
    assertEquals(await page.evaluate(STATE), "ended: reason duration");
    assertEquals(await page.evaluate("waits"), []);
    assertEquals(methodsOf(server), "POST GET");
  }));

test("Stopping ends the session, and keeps what is shown", () =>
  watched(async ({ page, tap }) => {
    await page.live();
    tap.offer("decoded", 1);
    await page.until("the event has come", "events.length === 1");
    await page.press("stop");
    await until("nobody watches", () => tap.sessions.length === 0);
    assertEquals(await page.evaluate(STATE), "ended: stopped here");
    assertEquals(await page.evaluate("events"), ["1"]);
    assertEquals(await page.evaluate("document.activeElement.id"), "start");
  }));

for (const runtime of bothRuntimes) {
  test(`The page comes back with a new ticket when its server on ${runtime.name} is started anew`, async () => {
    const file = new URL("_browser_server.ts", import.meta.url);
    const portOf = async (server: Child): Promise<number> => {
      await server.says("port ");
      await until("the port is said", () => /^port \d+$/m.test(server.output));
      return Number(/^port (\d+)$/m.exec(server.output)![1]);
    };
    const sessionOf = async (server: Child): Promise<URLSearchParams> => {
      await until("a session is asked for", () => /^GET .*\n/m.test(server.output));
      return new URLSearchParams(/^GET (.*)$/m.exec(server.output)![1]);
    };
    await using browser = await Chromium.start();
    let wire: Wire;
    let page: TapPage;
    let before: URLSearchParams;
    let shown: string[];
    {
      await using server = new Child(runtime, file, "first");
      wire = await Wire.to(await portOf(server));
      page = await TapPage.open(browser, `${wire.url}/`);
      await page.live();
      await page.until("events come", `events.length >= 5`);
      before = await sessionOf(server);
      assertEquals(before.get("since"), null);
      // Its connections break, as those of a process do that is killed.
      server.kill();
      await server.code;
      await page.until("it has noticed", `$("#state").textContent === "connecting"`);
      await page.until("it shows all", `parseInt($("#counts").textContent) === events.length`);
      shown = await page.evaluate<string[]>("events");
      for (const text of shown) assertMatch(text, /^\{"from":"first","count":\d+\}$/);
    }
    await using server = new Child(runtime, file, "second");
    wire.target = await portOf(server);
    await page.until("it is live", `$("#state").textContent === "live"`);
    await page.until("new events come", `/"second"/.test(events.at(-1))`);
    const after = await sessionOf(server);
    assertMatch(after.get("ticket")!, /^[\da-f]{48}$/);
    assertNotEquals(after.get("ticket"), before.get("ticket"));
    // Behind the last event that it has shown, for as long as is left of the minute.
    assertMatch(after.get("since")!, /^[\da-f]{10}-\d+$/);
    assertEquals(Number(after.get("since")!.split("-")[1]), shown.length);
    const [, left] = /^(\d+)ms$/.exec(after.get("duration")!)!;
    assert(Number(left) < 60_000, left);
    assert(await page.evaluate(`notices.some((text) => /missed unknown/.test(text))`));
    assertEquals(await page.problems(), []);
    await wire[Symbol.asyncDispose]();
  });
}
