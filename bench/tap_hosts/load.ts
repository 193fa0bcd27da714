/**
 * The users of the server that is measured: `load.ts PORT CONNECTIONS`. Each connection asks for an order again as soon as it has its answer. A line
 * on standard input is answered with how many answers have come, and when.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";

/** What is answered. */
export interface Progress {
  readonly answers: number;
  /** How many of them were no orders. */
  readonly failures: number;
  /** What came in place of the first order that did not. */
  readonly sample: string;
  readonly atMs: number;
}

const [port, connections] = process.argv.slice(2).map(Number) as [number, number];
const HEAD = "HTTP/1.1 200 ";
const BODY = /\r\n\r\n{"id":\d+,"item":"teapot"}$/;
let answers = 0;
let failures = 0;
let sample = "";

function ask(socket: Socket): void {
  socket.write(`GET /orders/${answers % 1_000} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
}

for (let count = 0; count < connections; count++) {
  const socket = connect(port, "127.0.0.1", () => ask(socket));
  socket.setNoDelay(true);
  let text = "";
  socket.on("data", (chunk: Uint8Array) => {
    text += String.fromCharCode(...chunk);
    const isOrder = BODY.test(text);
    // What has a head and is not an order either is something else, or will be one with what comes next.
    if (!isOrder && (text.startsWith(HEAD) || HEAD.startsWith(text))) return;
    answers++;
    if (!isOrder && failures++ === 0) sample = text;
    text = "";
    ask(socket);
  });
  // A server that ends is none to be measured.
  socket.on("error", () => {});
  socket.on("close", () => failures++);
}

for await (const _line of createInterface({ input: process.stdin })) {
  const progress: Progress = { answers, failures, sample, atMs: performance.now() };
  process.stdout.write(`${JSON.stringify(progress)}\n`);
}
process.exit(0);
