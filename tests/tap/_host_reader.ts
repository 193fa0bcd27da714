import { connect, type Socket } from "node:net";

/** A connection to a tap, by hand, which can stop reading and break. It keeps megabytes of what comes. */
export class HostReader {
  readonly #socket: Socket;
  readonly #closed: Promise<void>;
  #chunks: Uint8Array[] = [];
  #text = "";

  /** Connects, and asks for a path. */
  constructor(port: number, path: string, headers: readonly string[] = []) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("data", (chunk: Uint8Array) => this.#chunks.push(chunk));
    this.#closed = new Promise((resolve) => {
      this.#socket.on("error", () => {});
      this.#socket.on("close", () => resolve());
    });
    const head = [`GET ${path} HTTP/1.1`, `host: 127.0.0.1:${port}`, ...headers];
    this.#socket.write(`${head.join("\r\n")}\r\n\r\n`);
  }

  /** What has come, one character a byte. */
  get received(): string {
    const chunks = this.#chunks;
    this.#chunks = [];
    const decoder = new TextDecoder("latin1");
    this.#text += chunks.map((chunk) => decoder.decode(chunk)).join("");
    return this.#text;
  }

  /** The status of the answer; 0 before it has come. */
  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.received)?.[1] ?? 0);
  }

  /** Whether the body is complete. */
  get hasEnded(): boolean {
    return this.received.endsWith("\r\n0\r\n\r\n");
  }

  /** The body so far, taken out of its chunks. */
  get body(): string {
    const { received } = this;
    const parts: string[] = [];
    for (let at = received.indexOf("\r\n\r\n") + 4; at < received.length;) {
      const end = received.indexOf("\r\n", at);
      const length = parseInt(received.slice(at, end), 16);
      if (end === -1 || !(length > 0)) break;
      parts.push(received.slice(end + 2, end + 2 + length));
      at = end + 2 + length + 2;
    }
    return parts.join("");
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
