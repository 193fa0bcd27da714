import { assertEquals } from "@std/assert";
import type { TapHandlerOptions, TapOptions } from "../../tap/mod.ts";
import { Chromium, Page } from "../_chromium.ts";
import { serveTap, type TapServer, TOKEN } from "./_browser_server.ts";
import { until } from "./_wait.ts";

/** What runs in a page before its own script: it remembers what goes wrong, and how long the page wants to wait. */
const WATCH = `
  globalThis.violations = [];
  globalThis.failures = [];
  globalThis.waits = [];
  globalThis.sources = [];
  globalThis.saved = [];
  addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
  addEventListener("error", ({ message }) => failures.push(message));
  addEventListener("unhandledrejection", ({ reason }) => failures.push(String(reason)));
  // Whole seconds up to 15 are waits before another attempt, but for the 10 that an answer may take; the tests do not wait for them.
  const wait = setTimeout;
  globalThis.setTimeout = (callback, ms, ...more) => {
    const isAttempt = ms % 1000 === 0 && ms <= 15_000 && ms !== 10_000;
    if (isAttempt) waits.push(ms / 1000);
    return wait(callback, isAttempt ? 20 : ms, ...more);
  };
  globalThis.EventSource = class extends EventSource {
    constructor(url) {
      super(url);
      sources.push(this);
    }
  };
  const create = URL.createObjectURL;
  URL.createObjectURL = (blob) => {
    saved.push(blob.text());
    return create(blob);
  };
`;

/** The page of a tap, as a person uses it. */
export class TapPage {
  readonly #page: Page;
  readonly #command: (method: string, params?: object) => Promise<unknown>;

  private constructor(page: Page, command: (method: string, params?: object) => Promise<unknown>) {
    this.#page = page;
    this.#command = command;
  }

  /** Opens it, as wide as a telephone is if that is asked for. */
  static async open(browser: Chromium, url: string, width = 1_000): Promise<TapPage> {
    const blank = "about:blank";
    const { targetId } = await browser.send<{ targetId: string }>("Target.createTarget", {
      url: blank,
    });
    const { sessionId } = await browser.send<{ sessionId: string }>("Target.attachToTarget", {
      targetId,
      flatten: true,
    });
    const command = (method: string, params = {}) => browser.send(method, params, sessionId);
    const size = { width, height: 700, deviceScaleFactor: 1, mobile: false };
    await command("Emulation.setDeviceMetricsOverride", size);
    await command("Page.enable");
    await command("Page.addScriptToEvaluateOnNewDocument", { source: WATCH });
    await command("Page.navigate", { url });
    const page = new Page(browser, targetId, sessionId);
    await page.until("the page has begun", `document.querySelector("#state")?.textContent`);
    return new TapPage(page, command);
  }

  /** What an expression is in the page; `$` finds an element, and `rows` are the texts of the rows, without their times. */
  evaluate<T>(expression: string): Promise<T> {
    return this.#page.evaluate(`{
      const $ = (selector) => document.querySelector(selector);
      const list = [...document.querySelectorAll("#list li")];
      const textOf = ({ children: [, ...parts] }) => parts.map((part) => part.textContent).join(" ");
      const rows = list.filter((row) => !row.hidden).map(textOf);
      const events = list.filter((row) => !row.hidden && !row.className).map(textOf);
      const notices = list.filter(({ className }) => className === "notice").map(textOf);
      (${expression});
    }`);
  }

  /** Waits until an expression holds in it. */
  async until(what: string, expression: string): Promise<void> {
    for (let tries = 0; tries < 1_000; tries++) {
      if (await this.evaluate(`!!(${expression})`)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(
      `Waited in vain: ${what}, in ${await this.evaluate("document.body.innerText")}`,
    );
  }

  /** Presses a button. */
  async press(id: string): Promise<void> {
    await this.evaluate(`$("#${id}").click()`);
  }

  /** Types a text into an input, in place of what is there. */
  async type(selector: string, text: string): Promise<void> {
    const found = `$(${JSON.stringify(selector)})`;
    await this.evaluate(`(${found}.focus(), ${found}.select())`);
    if (text === "") await this.key("Backspace", 8);
    else await this.#command("Input.insertText", { text });
  }

  /** Presses a key, where the focus is. */
  async key(key: string, code: number, text?: string): Promise<void> {
    const params = { key, code: key, windowsVirtualKeyCode: code };
    await this.#command("Input.dispatchKeyEvent", { type: "keyDown", text, ...params });
    await this.#command("Input.dispatchKeyEvent", { type: "keyUp", ...params });
  }

  /** Starts a session, with the right token, for a minute unless something else is asked for. */
  async start(asked: Record<string, string> = {}): Promise<void> {
    await this.type("#token", TOKEN);
    for (const [name, text] of Object.entries({ duration: "60s", ...asked })) {
      await this.type(`[name="${name}"]`, text);
    }
    await this.press("start");
  }

  /** Starts a session, and waits until it is live. */
  async live(asked?: Record<string, string>): Promise<void> {
    await this.start(asked);
    await this.until("the session is live", `$("#state").textContent === "live"`);
  }

  /** What has gone wrong in the page that nobody has seen: nothing, it should be. */
  problems(): Promise<string[]> {
    return this.evaluate("[...violations, ...failures]");
  }

  /** A command of the browser's own protocol. */
  command(method: string, params?: object): Promise<unknown> {
    return this.#command(method, params);
  }
}

/** Lets a person watch a tap on its page, which must come through without a fault of its own. */
export async function watched(
  body: (watched: { page: TapPage; server: TapServer; tap: TapServer["tap"] }) => Promise<void>,
  options?: TapOptions<"raw" | "decoded">,
  { width, ...handling }: TapHandlerOptions & { readonly width?: number } = {},
): Promise<void> {
  await using server = serveTap(options, handling);
  {
    await using browser = await Chromium.start();
    const page = await TapPage.open(browser, `${server.url}/`, width);
    await body({ page, server, tap: server.tap });
    assertEquals(await page.problems(), []);
  }
  await until("nobody watches any more", () => server.tap.sessions.length === 0);
}

/** What the page says of its session. */
export const STATE: string = `($("#state").textContent + ": " + $("#why").textContent)`;

/** How many events it says it has received, shows and holds. */
export const COUNTS: string = `$("#counts").textContent`;
