/**
 * What is measured between two threads or processes, over any kind of link.
 *
 * **Flow**: one end sends as fast as it can for a while; the other counts what it gets. The time is that of the writer, or that from
 * the first message that came to the last, whichever is longer. What the link does with what the reader is too slow for is its own
 * affair: a ring loses it and says so, a socket makes the writer wait, `postMessage` piles it up.
 *
 * **Latency**: two threads or processes have no clock in common that is good enough, so one end sends a message, the other sends it back,
 * and half of the time that took is called one way. *Paced*: the next message comes a millisecond after the answer, so that both ends
 * have begun to wait, in whatever way they do: most of it is the time to wake up, twice. *Busy*: the next message comes at once.
 *
 * @module
 */
import type { Figure, Figures } from "../case.ts";
import type { Flow } from "./messages.ts";

/** One end of a link. */
export interface Link {
  /** Lets the other end begin to flood, and takes what it sends. */
  drain(): Promise<Flow>;
  /** Waits until it may begin, then sends as fast as it can for `ms`, and in the end how many messages there were. */
  flood(ms: number): Promise<void>;
  /**
   * Sends messages for `ms`, each once the one before has come back, and `pauseMs` later.
   *
   * @returns How long each was away, in milliseconds.
   */
  ping(ms: number, pauseMs: number): Promise<number[]>;
  /** Sends back what it gets, up to the last. */
  echo(): Promise<void>;
  /** Ends the link. */
  close(): void;
}

/** What the other end of a link does, one after the other. */
export type Job = { readonly do: "flood"; readonly ms: number } | { readonly do: "echo" };

/** Our end of a link whose other end does some jobs. */
export interface Connection {
  /** Our end. */
  readonly link: Link;
  /** Rejects if the other end fails. */
  readonly failure: Promise<never>;
  /** Ends both. */
  close(): Promise<void>;
}

/** Connects with another thread or process that does some jobs. */
export type Connect = (size: number, jobs: readonly Job[]) => Promise<Connection>;

/** How long a link may take for all that it does. */
const limitMs = 30_000;
/** How many floods are measured. */
const floods = 7;
/** How long both ends have to begin to wait, in milliseconds. */
const pauseMs = 1;

/** What {@linkcode measureFlow} answers. */
export const flowFigures: readonly Figure[] = [
  { name: "M/s delivered", digits: 2 },
  { name: "lost %", digits: 1 },
];

/** What {@linkcode measureLatency} answers. */
export const latencyFigures: readonly Figure[] = [
  { name: "paced p50 µs", digits: 1 },
  { name: "p99 µs", digits: 1 },
  { name: "busy p50 µs", digits: 1 },
  { name: "p99 µs, busy", digits: 1 },
];

/** Does the other end's jobs. */
export async function doJobs(link: Link, jobs: readonly Job[]): Promise<void> {
  for (const job of jobs) {
    if (job.do === "flood") await link.flood(job.ms);
    else await link.echo();
  }
}

/** Measures how much gets through a link, in messages of `size` bytes: the median of some floods. */
export async function measureFlow(connect: Connect, size: number, ms: number): Promise<Figures> {
  // The first is for both engines to compile what they need. The others are short, for a thread that is kept waiting to spoil few.
  const jobs = [flood(ms / 4), ...Array.from({ length: floods }, () => flood(ms / 10))];
  return await withLink(connect, size, jobs, async (link) => {
    await link.drain();
    const flows: Flow[] = [];
    for (let count = 0; count < floods; count++) flows.push(await link.drain());
    return {
      "M/s delivered": ranked(flows.map(({ delivered, ms }) => delivered / ms / 1000))(0.5),
      "lost %": ranked(flows.map(({ lost, sent }) => 100 * lost / sent))(0.5),
    };
  });
}

/** Measures how long a message of `size` bytes takes, each way for a share of `ms`. */
export async function measureLatency(connect: Connect, size: number, ms: number): Promise<Figures> {
  return await withLink(connect, size, [echo, echo, echo], async (link) => {
    await link.ping(ms / 5, 0);
    const paced = ranked((await link.ping(0.8 * ms, pauseMs)).map(oneWay));
    const busy = ranked((await link.ping(ms / 5, 0)).map(oneWay));
    return {
      "paced p50 µs": paced(0.5),
      "p99 µs": paced(0.99),
      "busy p50 µs": busy(0.5),
      "p99 µs, busy": busy(0.99),
    };
  });
}

const echo: Job = { do: "echo" };

function flood(ms: number): Job {
  return { do: "flood", ms };
}

async function withLink<T>(
  connect: Connect,
  size: number,
  jobs: readonly Job[],
  use: (link: Link) => Promise<T>,
): Promise<T> {
  const connection = await connect(size, jobs);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took more than ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([use(connection.link), connection.failure, limit]);
  } finally {
    clearTimeout(timer);
    await connection.close();
  }
}

/** The time of one way, in microseconds. */
function oneWay(roundTripMs: number): number {
  return roundTripMs / 2 * 1000;
}

/** What stands at a rank, from 0 to 1, among numbers. */
function ranked(numbers: readonly number[]): (rank: number) => number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return (rank) => sorted[Math.floor(rank * (sorted.length - 1))]!;
}

/** Sends messages and waits for each to come back, for a link that waits without holding its thread. */
export async function pingAsync(
  send: (isLast: boolean) => void,
  receive: () => Promise<void>,
  ms: number,
  pauseMs: number,
): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + ms;
  for (let isLast = false; !isLast;) {
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const start = performance.now();
    isLast = start >= end;
    send(isLast);
    await receive();
    times.push(performance.now() - start);
  }
  return times;
}

/** Sends messages and looks for each to come back, for a link that holds its thread meanwhile. */
export function pingBusily(
  send: (isLast: boolean) => void,
  receive: () => void,
  ms: number,
  pauseMs: number,
): number[] {
  const times: number[] = [];
  const end = performance.now() + ms;
  for (let isLast = false; !isLast;) {
    const next = performance.now() + pauseMs;
    while (performance.now() < next);
    const start = performance.now();
    isLast = start >= end;
    send(isLast);
    receive();
    times.push(performance.now() - start);
  }
  return times;
}

/** Ends a loop that finds nothing for too long. */
export class Patience {
  #misses = 0;
  #since = 0;

  /** Says that something was found. */
  found(): void {
    this.#misses = 0;
  }

  /**
   * Says that nothing was found.
   *
   * @throws {Error} After ten seconds of this.
   */
  miss(): void {
    // To look at the clock costs more than to look at a ring.
    if (this.#misses++ % 4096 !== 0) return;
    const now = performance.now();
    if (this.#misses === 1) this.#since = now;
    else if (now - this.#since > 10_000) throw new Error("The other end said nothing for 10 s");
  }
}
