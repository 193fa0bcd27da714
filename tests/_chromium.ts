import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Register, test } from "./_harness.ts";
import { until } from "./tap/_wait.ts";

/** The browser of this machine, if it has one; `WEIR_CHROMIUM` names another, or with an empty name none. */
const executable = [process.env.WEIR_CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/google-chrome"]]
  .flat().find((path) => existsSync(path));

/** Registers a test that needs a browser. Where there is none, the test is left out, and its name says why. */
export const browserTest: Register = executable !== undefined ? test : (name, body) => {
  // As Deno calls it, and as Bun does.
  const { ignore, skip } = test as Register & { ignore?: Register; skip?: Register };
  const why = "left out: there is no Chromium here, see WEIR_CHROMIUM";
  (ignore ?? skip)!(`${name} (${why})`, body);
};

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
];

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/**
 * A browser without a window. It is told what to do by its own protocol, so that nothing has to be downloaded that speaks it. Leaving its scope
 * ends it.
 */
export class Chromium implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #directory: string = mkdtempSync(join(tmpdir(), "weir-chromium-"));
  readonly #pending: Map<number, PromiseWithResolvers<unknown>> = new Map();
  #socket: WebSocket | undefined;
  #lastId = 0;

  private constructor() {
    this.#child = spawn(executable!, [...FLAGS, `--user-data-dir=${this.#directory}`], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#ended = new Promise((resolve) => this.#child.on("close", () => resolve()));
  }

  /** Starts it. */
  static async start(): Promise<Chromium> {
    const browser = new Chromium();
    try {
      await browser.#connect();
    } catch (error) {
      await browser[Symbol.asyncDispose]();
      throw error;
    }
    return browser;
  }

  /** Opens a page. */
  async open(url: string): Promise<Page> {
    const { targetId } = await this.send<{ targetId: string }>("Target.createTarget", { url });
    const { sessionId } = await this.send<{ sessionId: string }>("Target.attachToTarget", {
      targetId,
      flatten: true,
    });
    const page = new Page(this, targetId, sessionId);
    // At first there is an empty page in its place, and for a moment none.
    const isThere = `location.href === ${
      JSON.stringify(url)
    } && document.readyState === "complete"`;
    await page.until("the page is loaded", isThere);
    return page;
  }

  /** Gives a command, to a page if there is a session. */
  async send<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    const id = ++this.#lastId;
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(id, pending);
    this.#socket!.send(JSON.stringify({ id, method, params, sessionId }));
    return await pending.promise as T;
  }

  async #connect(): Promise<void> {
    let said = "";
    let hasEnded = false;
    this.#child.stderr!.on("data", (chunk: Uint8Array) => said += new TextDecoder().decode(chunk));
    this.#ended.then(() => hasEnded = true);
    const address = (): string | undefined => /DevTools listening on (\S+)/.exec(said)?.[1];
    await until("the browser listens", () => address() !== undefined || hasEnded);
    if (hasEnded) throw new Error(`The browser did not start: ${said}`);
    const socket = new WebSocket(address()!);
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error("The browser cannot be reached"));
    });
    this.#socket = socket;
  }

  #take({ id, result, error }: Answer): void {
    const pending = this.#pending.get(id ?? 0);
    this.#pending.delete(id ?? 0);
    if (error === undefined) pending?.resolve(result);
    else pending?.reject(new Error(`The browser refuses: ${error.message}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const socket = this.#socket;
    if (socket !== undefined) {
      const closed = new Promise<void>((resolve) => socket.onclose = () => resolve());
      this.send("Browser.close").catch(() => {});
      await closed;
    } else this.#child.kill("SIGKILL");
    await this.#ended;
    // Some of its processes may still write there.
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** A page of a browser. */
export class Page {
  readonly #browser: Chromium;
  readonly #target: string;
  readonly #session: string;

  constructor(browser: Chromium, target: string, session: string) {
    this.#browser = browser;
    this.#target = target;
    this.#session = session;
  }

  /** What an expression is in the page, as JSON has it. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#browser.send<{
      result: { value: T };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    }>(
      "Runtime.evaluate",
      { expression, returnByValue: true, awaitPromise: true },
      this.#session,
    );
    if (exceptionDetails === undefined) return result.value;
    const { text, exception } = exceptionDetails;
    throw new Error(`The page has thrown: ${exception?.description ?? text}`);
  }

  /** Waits until an expression holds in the page; fails, naming `what`, after twenty seconds. */
  async until(what: string, expression: string): Promise<void> {
    let problem: unknown;
    for (let tries = 0; tries < 1_000; tries++) {
      // Before the page is there, it has nothing that could be asked.
      const holds = await this.evaluate<boolean>(`!!(${expression})`).catch((error) => {
        problem = error;
        return false;
      });
      if (holds) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`Waited in vain: ${what}`, { cause: problem });
  }

  /** A picture of it, as PNG in Base64. */
  async screenshot(): Promise<string> {
    const { data } = await this.#browser.send<{ data: string }>(
      "Page.captureScreenshot",
      {},
      this.#session,
    );
    return data;
  }

  /** Closes it, as a person does who closes a tab. */
  async close(): Promise<void> {
    await this.#browser.send("Target.closeTarget", { targetId: this.#target });
  }
}
