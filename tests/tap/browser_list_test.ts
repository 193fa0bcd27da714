import { assert, assertEquals, assertMatch } from "@std/assert";
import { browserTest as test, Chromium } from "../_chromium.ts";
import { COUNTS, STATE, TapPage, watched } from "./_browser_page.ts";
import { serveTap, type TapServer, TOKEN } from "./_browser_server.ts";
import { serve } from "./_server.ts";
import { until } from "./_wait.ts";

/** Offers whole numbers, from one to another. */
function offer(tap: TapServer["tap"], from: number, to: number): void {
  for (let number = from; number <= to; number++) tap.offer("decoded", number);
}

/** What the rows of events say, as numbers. */
const NUMBERS = "events.map(Number)";

test("A badge says how many events were dropped, over all sessions, until it is cleared", () =>
  watched(
    async ({ page, tap }) => {
      await page.live();
      assertEquals(await page.evaluate(`$("#badge").hidden`), true);
      offer(tap, 1, 1_000);
      await page.until("the loss is told", `!$("#badge").hidden`);
      const badge = await page.evaluate<string>(`$("#badge").textContent`);
      const dropped = Number(/^(\d+) dropped$/.exec(badge)![1]);
      await page.until("all that came is shown", `events.length === ${1_000 - dropped}`);
      assertMatch(
        await page.evaluate("notices.at(-1)"),
        new RegExp(`^kind drop; dropped ${dropped}; new ${dropped};`),
      );
      // The next session counts on.
      await page.press("stop");
      await until("it has ended", () => tap.sessions.length === 0);
      await page.live();
      assertEquals(await page.evaluate(`$("#badge").textContent`), badge);
      offer(tap, 1, 1_000);
      await page.until("more is told", `$("#badge").textContent !== "${badge}"`);
      const more = parseInt(await page.evaluate(`$("#badge").textContent`)) - dropped;
      await page.until("the rest is shown", `events.length === ${2_000 - dropped - more}`);
      await page.press("clear");
      assertEquals(await page.evaluate(`$("#badge").hidden`), true);
      assertEquals(await page.evaluate(COUNTS), "0 received, 0 shown");
      assertEquals(await page.evaluate("rows"), []);
    },
    { bufferEvents: 10 },
  ));

test("The list holds a thousand rows, the oldest out", () =>
  watched(async ({ page, tap }) => {
    await page.live();
    offer(tap, 1, 700);
    await page.until("they have come", `events.length === 700`);
    assertEquals(await page.evaluate("rows[0]"), "session 1; missed 0");
    offer(tap, 701, 2_500);
    await page.until("all have come", `/^2500 received/.test(${COUNTS})`);
    await page.until("all are shown", `events.at(-1) === "2500"`);
    const numbers = await page.evaluate<number[]>(NUMBERS);
    assertEquals(numbers, Array.from({ length: 1_000 }, (_, index) => 1_501 + index));
    assertEquals(await page.evaluate(COUNTS), "2500 received, 1000 shown");
    assertEquals(await page.evaluate(`$("#list").children.length`), 1_000);
  }));

test("While the page is paused, events are counted and wait, up to the bound", () =>
  watched(async ({ page, tap }) => {
    await page.live();
    offer(tap, 1, 3);
    await page.until("they have come", "events.length === 3");
    await page.press("pause");
    assertEquals(await page.evaluate(STATE), "paused: ");
    assertEquals(await page.evaluate(`$("#pause").textContent`), "Resume");
    offer(tap, 4, 10);
    await page.until("they wait", `${COUNTS} === "10 received, 3 shown, 7 waiting"`);
    assertEquals(await page.evaluate(NUMBERS), [1, 2, 3]);
    await page.press("pause");
    assertEquals(await page.evaluate(STATE), "live: ");
    assertEquals(await page.evaluate(NUMBERS), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assertEquals(await page.evaluate(COUNTS), "10 received, 10 shown");

    await page.press("pause");
    offer(tap, 11, 1_500);
    await page.until("they wait", `${COUNTS} === "1500 received, 10 shown, 1000 waiting"`);
    // The end of the session is said at once, though the rows wait.
    tap.kill(tap.sessions[0]!.id);
    await page.until("it has ended", `$("#state").textContent === "ended"`);
    assertEquals(await page.evaluate(NUMBERS), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await page.press("pause");
    const rows = await page.evaluate<string[]>("rows");
    assertEquals(rows.length, 1_000);
    assertEquals(rows.slice(0, 998).map(Number), Array.from({ length: 998 }, (_, i) => 503 + i));
    assertEquals(rows.at(-1), "ended: reason killed");
  }));

test("A filter shows the events that have its text, and every notice", () =>
  watched(async ({ page, tap }) => {
    await page.live({ stage: "*" });
    tap.offer("decoded", { name: "Zoë" });
    tap.offer("decoded", { name: "Bob" });
    tap.offer("raw", "ZOË [.*]");
    await page.until("they have come", "events.length === 3");
    const shows = async (filter: string, ...expected: string[]): Promise<void> => {
      await page.type("#filter", filter);
      assertEquals(await page.evaluate("events"), expected);
      assertEquals(await page.evaluate("notices.length"), 1);
      assertEquals(await page.evaluate(COUNTS), `3 received, ${expected.length} shown`);
    };
    const [zoe, bob, raw] = ['decoded {"name":"Zoë"}', 'decoded {"name":"Bob"}', "raw ZOË [.*]"];
    await shows("zoë", zoe, raw);
    await shows("BOB", bob);
    await shows("[.*]", raw);
    await shows("decoded {", zoe, bob);
    await shows("nobody");
    await shows("", zoe, bob, raw);
    // It goes for what comes later too, and for what has waited.
    await page.type("#filter", "later");
    await page.press("pause");
    tap.offer("raw", "much later");
    tap.offer("raw", "sooner");
    await page.until("they wait", `/, 2 waiting$/.test(${COUNTS})`);
    await page.press("pause");
    assertEquals(await page.evaluate("events"), ["raw much later"]);
  }));

test("Saving writes the shown events as they came, whole, one a line", () =>
  watched(async ({ page, tap }) => {
    await page.command("Page.setDownloadBehavior", { behavior: "deny" });
    await page.live();
    const long = "x".repeat(5_000);
    tap.offer("decoded", { long }, { trace: "é" });
    tap.offer("decoded", { text: "a\nb\u2028</script>" });
    tap.offer("decoded", { other: true });
    await page.until("they have come", "events.length === 3");
    assertMatch(
      await page.evaluate("events[0]"),
      /^\{"meta":\{"trace":"é"\},"event":\{"long":"x{1900,2000} … and \d+ characters more$/,
    );
    const save = async (): Promise<{ event: unknown; id: string; stage: string }[]> => {
      await page.press("save");
      const text = await page.evaluate<string>("saved.at(-1)");
      assert(text === "" || text.endsWith("\n"));
      return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
    };
    const [first, second, third, ...more] = await save();
    assertEquals(more, []);
    assertEquals(
      [first, second, third].map((record) => record!.event),
      [{ long }, { text: "a\nb\u2028</script>" }, { other: true }],
    );
    assertEquals([first!.id, first!.stage], [`${tap.instance}-1`, "decoded"]);
    await page.type("#filter", "other");
    assertEquals(await save(), [third!]);
    await page.type("#filter", "nothing");
    assertEquals(await save(), []);
  }));

test("The list follows its end until somebody scrolls up, and again from the end", () =>
  watched(async ({ page, tap }) => {
    await page.live();
    const left = `($("#list").scrollHeight - $("#list").scrollTop - $("#list").clientHeight)`;
    offer(tap, 1, 100);
    await page.until("they have come", "events.length === 100");
    assert(await page.evaluate(`$("#list").scrollTop > 1000`));
    assertEquals(await page.evaluate(`Math.round(${left})`), 0);
    await page.evaluate(`$("#list").focus()`);
    await page.key("Home", 36);
    await page.until("it is at its beginning", `$("#list").scrollTop === 0`);
    offer(tap, 101, 200);
    await page.until("more have come", "events.length === 200");
    assertEquals(await page.evaluate(`$("#list").scrollTop`), 0);
    await page.key("End", 35);
    await page.until("it is at its end", `${left} < 2`);
    offer(tap, 201, 300);
    await page.until("more have come", "events.length === 300");
    await page.until("it is at its end", `${left} < 2`);
  }));

test("The page can be used by keyboard", () =>
  watched(async ({ page, tap }) => {
    await page.type("#token", TOKEN);
    await page.key("Enter", 13, "\r");
    await page.until("it is live", `$("#state").textContent === "live"`);
    offer(tap, 1, 2);
    await page.until("they have come", "events.length === 2");
    // From the token on, everything in its order.
    const order: string[] = [];
    for (let stop = 0; stop < 12; stop++) {
      await page.key("Tab", 9);
      order.push(await page.evaluate("document.activeElement.id || document.activeElement.name"));
      if (order.at(-1) === "pause") {
        await page.key(" ", 32, " ");
        assertEquals(await page.evaluate(STATE), "paused: ");
        await page.key("Enter", 13, "\r");
        assertEquals(await page.evaluate(STATE), "live: ");
      }
    }
    assertEquals(
      order.join(" "),
      "stage where fields sample duration start stop pause clear save filter list",
    );
  }));

test("On a telephone nothing is wider than the page", () =>
  watched(
    async ({ page, tap }) => {
      await page.live({ where: `text == ${"w".repeat(200)} or exists text` });
      tap.offer("decoded", { text: "x".repeat(300) });
      await page.until("it has come", "events.length === 1");
      await page.type("#token", TOKEN + "y".repeat(200));
      assertEquals(await page.evaluate("innerWidth"), 400);
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 400);
      const widest = `Math.max(...[...document.querySelectorAll("body *")]
        .map((node) => node.getBoundingClientRect().right))`;
      assert(await page.evaluate<number>(widest) <= 400);
      assert(await page.evaluate(`$("#list").scrollWidth === $("#list").clientWidth`));
    },
    {},
    { width: 400 },
  ));

test("The page follows the light and the dark of its reader", () =>
  watched(async ({ page }) => {
    const seen: string[][] = [];
    for (const value of ["light", "dark"]) {
      const features = [{ name: "prefers-color-scheme", value }];
      await page.command("Emulation.setEmulatedMedia", { features });
      const colors = await page.evaluate<string[]>(
        `["#counts", "#state", "#filter"].map((name) => getComputedStyle($(name)).color)`,
      );
      seen.push(colors);
    }
    for (const [index, color] of seen[0]!.entries()) assert(color !== seen[1]![index], color);
  }));

test("The page tries again after 1, 2, 4, 8 and then 15 seconds, and says so, until it is stopped", async () => {
  await using browser = await Chromium.start();
  let page: TapPage;
  {
    await using server = serveTap();
    page = await TapPage.open(browser, `${server.url}/`);
    await page.live();
  }
  await page.until("it has tried seven times", "waits.length >= 7");
  assertEquals(await page.evaluate("waits.slice(0, 7)"), [1, 2, 4, 8, 15, 15, 15]);
  await page.until("it says so", `/; trying again in 15 s$/.test(${STATE})`);
  await page.press("stop");
  assertEquals(await page.evaluate(STATE), "ended: stopped here");
  // The first failure has a row, the others have none.
  await page.until("the end has a row", `notices.at(-1) === "ended: stopped here"`);
  assertEquals((await page.evaluate<string[]>("notices")).slice(1), [
    "the connection is lost",
    "ended: stopped here",
  ]);
  const tries = await page.evaluate("waits.length");
  await page.evaluate("new Promise((resolve) => setTimeout(resolve, 200))");
  assertEquals(await page.evaluate("waits.length"), tries);
});

test("A page that finds no tap says so", async () => {
  await using browser = await Chromium.start();
  await using tap = serveTap();
  const html = await (await fetch(`${tap.url}/`)).text();
  let answer = (): Response => new Response("nothing here", { status: 404 });
  await using server = serve((request) => {
    if (new URL(request.url).pathname !== "/") return answer();
    return new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } });
  });
  const page = await TapPage.open(browser, `${server.url}/`);
  await page.start();
  await page.until("it is refused", `$("#state").textContent === "refused"`);
  assertEquals(await page.evaluate(STATE), "refused: the answer is 404");
  // As servers do that answer everything with their one page.
  answer = () => new Response("<!doctype html>", { headers: { "content-type": "text/html" } });
  await page.press("start");
  await page.until("it is refused anew", `/no tap/.test(${STATE})`);
  assertEquals(await page.evaluate(STATE), `refused: there is no tap at ${server.url}/tap`);
  // A server that is not well may be well soon.
  answer = () => new Response("", { status: 502 });
  await page.press("start");
  await page.until("it tries again", "waits.length > 1");
  assertMatch(
    await page.evaluate(STATE),
    /^connecting: (?:the answer is 502; trying again in .*)?$/,
  );
  await page.press("stop");
});
