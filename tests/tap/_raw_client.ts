import { connect, type Socket } from "node:net";

/** A connection that speaks HTTP by hand, so that it can send what fetch does not, stop reading, and break. */
export class RawClient {
  /** What has come, one character a byte. */
  received = "";
  readonly #socket: Socket;
  readonly #closed: Promise<void>;

  /** Connects, and sends a request with these headers. */
  constructor(port: number, head: readonly string[]) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("data", (chunk: Uint8Array) => {
      for (const byte of chunk) this.received += String.fromCharCode(byte);
    });
    this.#closed = new Promise((resolve) => {
      this.#socket.on("error", () => {});
      this.#socket.on("close", () => resolve());
    });
    this.#socket.write(`${head.join("\r\n")}\r\n\r\n`);
  }

  /** The status of the answer; 0 before it has come. */
  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.received)?.[1] ?? 0);
  }

  /** The body so far, taken out of its chunks. */
  get body(): string {
    let rest = this.received.slice(this.received.indexOf("\r\n\r\n") + 4);
    let body = "";
    for (;;) {
      const [head, digits] = /^([0-9a-f]+)\r\n/i.exec(rest) ?? [];
      if (head === undefined || digits === undefined) return body;
      const length = parseInt(digits, 16);
      body += rest.slice(head.length, head.length + length);
      rest = rest.slice(head.length + length + 2);
    }
  }

  /** Stops reading. */
  pause(): void {
    this.#socket.pause();
  }

  /** Goes on reading. */
  resume(): void {
    this.#socket.resume();
  }

  /** Breaks the connection. */
  async destroy(): Promise<void> {
    this.#socket.destroy();
    await this.#closed;
  }
}
