import { type TapClient, tapClient, type TapClientOptions } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { observe, type Outcome, settle } from "../_settle.ts";
import { ScriptedFetch } from "./_scripted_fetch.ts";

/** Where the server is that is played. */
export const ADDRESS = "http://tap.test/tap";

/** A client over a server that is played by hand, while time stands still. */
export class Play implements Disposable {
  readonly time: FakeTime = new FakeTime();
  readonly server: ScriptedFetch = new ScriptedFetch();
  readonly client: TapClient;
  /** What has come. */
  readonly lines: string[] = [];
  /** The waits that were announced. */
  readonly waits: { attempt: number; delayMs: number; reason: string }[] = [];
  readonly hellos: (number | null)[] = [];
  /** How the reading has ended. */
  readonly end: Outcome<void>;

  constructor(options: TapClientOptions = {}, url: string = ADDRESS) {
    this.client = tapClient(url, {
      reconnect: true,
      random: () => 0.5,
      onReconnect: ({ reason, ...wait }) => this.waits.push({ ...wait, reason: reason.message }),
      onHello: ({ missed }) => this.hellos.push(missed),
      ...options,
    });
    this.end = observe(this.#read());
  }

  async #read(): Promise<void> {
    for await (const line of this.client) this.lines.push(line);
  }

  /** Lets what is under way come to rest. */
  async rest(): Promise<void> {
    await settle();
  }

  /** Lets the wait that was announced last be over. */
  async retry(): Promise<void> {
    this.time.pass(this.waits.at(-1)!.delayMs);
    await this.rest();
  }

  /** What the requests asked for so far. */
  get queries(): string[] {
    return this.server.requests.map(({ query }) => query);
  }

  [Symbol.dispose](): void {
    this.server[Symbol.dispose]();
    this.time[Symbol.dispose]();
  }
}
