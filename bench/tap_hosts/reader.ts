/**
 * A reader of the server that is measured, good or bad: its argument is {@linkcode ReaderOptions} as JSON. It says `open` when its session is, and in
 * the end what it has got.
 *
 * @module
 */
import { connect } from "node:net";
import process from "node:process";
import { LineStream } from "./line_stream.ts";

/** How somebody reads. */
export interface ReaderOptions {
  readonly port: number;
  readonly token: string;
  readonly query: string;
  /**
   * - `"fast"`: whatever comes.
   * - `"stalled"`: nothing, once the session is open.
   * - `"slow"`: 16 KiB twice a second, until it is told by a line to hurry.
   * - `"crowd"`: one of a thousand, who all come at once and want to know whether they are let in.
   */
  readonly kind: "fast" | "stalled" | "slow" | "crowd";
}

/** How many of a crowd got which status. */
export type Statuses = Readonly<Record<string, number>>;

const { port, token, query, kind }: ReaderOptions = JSON.parse(process.argv[2]!);
const say = (value: unknown): void => {
  process.stdout.write(`${typeof value === "string" ? value : JSON.stringify(value)}\n`);
};
const HEAD = [
  `GET /debug/tap?${query} HTTP/1.1`,
  `host: 127.0.0.1:${port}`,
  `authorization: Bearer ${token}`,
  "connection: close",
  "\r\n",
].join("\r\n");

if (kind === "crowd") crowd();
else read();

function crowd(): void {
  const statuses: Record<string, number> = {};
  let left = 1_000;
  for (let count = left; count > 0; count--) {
    const socket = connect(port, "127.0.0.1", () => socket.write(HEAD));
    let status = "none";
    socket.on("data", (chunk: Uint8Array) => {
      if (status !== "none") return;
      status = new TextDecoder().decode(chunk.subarray(9, 12));
      // Who is let in goes again.
      if (status === "200") socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (--left === 0) say(statuses);
    });
  }
}

function read(): void {
  const stream = new LineStream();
  const socket = connect(port, "127.0.0.1", () => socket.write(HEAD));
  let isOpen = false;
  let isSlow = kind === "slow";
  let allowed = 0;
  socket.on("data", (chunk: Uint8Array) => {
    stream.add(chunk);
    allowed -= chunk.length;
    if (isSlow && allowed <= 0) socket.pause();
    if (isOpen || !stream.hasBegun) return;
    isOpen = true;
    if (kind === "stalled") socket.pause();
    say("open");
  });
  const timer = setInterval(() => {
    allowed = Math.min(0, allowed) + 16_384;
    if (isSlow && allowed > 0) socket.resume();
  }, 500);
  // Whoever was bad may become good again.
  process.stdin.once("data", () => {
    isSlow = false;
    clearInterval(timer);
    socket.resume();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    say(stream.reading());
    process.exit(0);
  });
}
