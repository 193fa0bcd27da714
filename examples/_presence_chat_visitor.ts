/**
 * Who comes to the chat of `presence_chat.ts`.
 *
 * @module
 */
import { connect } from "node:net";

/** A user in a tab of a browser. It says that it is there again and again, until it falls silent. */
export class Visitor {
  // What was heard and not waited for yet.
  readonly #heard: string[] = [];
  readonly #socket: WebSocket;
  readonly #ended: Promise<void>;
  readonly #beating: ReturnType<typeof setInterval>;
  #status = "here";
  #hasEnded = false;
  #wake: () => void = () => {};

  /** Comes in; `everyMs` says how often it says that it is there. */
  static async enter(address: string, everyMs: number): Promise<Visitor> {
    const socket = new WebSocket(address);
    const visitor = new Visitor(socket, everyMs);
    await new Promise((resolve) => {
      socket.onopen = resolve;
      void visitor.#ended.then(resolve);
    });
    return visitor;
  }

  private constructor(socket: WebSocket, everyMs: number) {
    this.#socket = socket;
    this.#beating = setInterval(() => this.turn(this.#status), everyMs);
    socket.onmessage = ({ data }) => {
      this.#heard.push(data);
      this.#wake();
    };
    this.#ended = new Promise((resolve) => {
      socket.onclose = () => {
        this.silence();
        this.#hasEnded = true;
        this.#wake();
        resolve();
      };
    });
  }

  /** Waits until it hears something, and answers everything up to that. */
  async hear(text: string): Promise<string[]> {
    while (!this.#heard.includes(text)) {
      if (this.#hasEnded) throw new Error(`the chat ended before anybody heard "${text}"`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#heard.splice(0, this.#heard.indexOf(text) + 1);
  }

  /** Says something to all who are there. */
  say(text: string): void {
    this.#send({ type: "text", text });
  }

  /** Is here, or away. */
  turn(status: string): void {
    this.#status = status;
    this.#send({ type: "status", status });
  }

  /** Stays connected and says nothing any more, as a tab does whose machine was closed. */
  silence(): void {
    clearInterval(this.#beating);
  }

  /** Goes, and waits until that is over. */
  async close(): Promise<void> {
    this.#socket.close(1_000);
    await this.#ended;
  }

  /** Waits until the server has closed it. */
  async closed(): Promise<void> {
    await this.#ended;
  }

  #send(message: unknown): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

/** Opens a WebSocket by hand, since only so it can be lost without a word: answers what loses it. */
export async function openAndLose(address: string): Promise<() => void> {
  const { hostname, port, pathname, search } = new URL(address);
  const socket = connect(Number(port), hostname);
  socket.write([
    `GET ${pathname}${search} HTTP/1.1`,
    `host: ${hostname}`,
    "connection: upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    `sec-websocket-key: ${btoa("sixteen bytes or")}`,
    "\r\n",
  ].join("\r\n"));
  await new Promise((resolve, reject) => {
    socket.once("data", resolve);
    socket.once("error", reject);
  });
  return () => void socket.destroy();
}
