import { checkFunction, checkInteger, every, refusal } from "../internal/mod.ts";
import type { Entry, Queue } from "./_queue.ts";
import { type Subscription, subscriptions } from "./subscription.ts";

/**
 * Options of {@linkcode eventStream}.
 *
 * @typeParam E The events.
 */
export interface EventStreamOptions<E> {
  /**
   * Writes the data of an event. What it throws goes to `onError` of the bus, and the event is lost to this reader.
   *
   * @param event The event.
   * @default {JSON.stringify}
   */
  readonly data?: ((event: E) => string) | undefined;

  /**
   * The name by which `EventSource` dispatches an event; undefined, or nothing, for `message`. `lag` and `end` are taken.
   *
   * @param event The event.
   */
  readonly type?: ((event: E) => string | undefined) | undefined;

  /**
   * How long the stream may be silent before something is written that a browser does not show, in milliseconds: shorter than what a server or
   * a proxy between takes for a dead connection (`Bun.serve`: 10 seconds).
   *
   * @default {5_000}
   */
  readonly heartbeatMs?: number | undefined;

  /** How long a browser waits before it comes back, in milliseconds; its own choice without it. */
  readonly retryMs?: number | undefined;

  /** Headers of the response, beside those that an event stream needs. */
  readonly headers?: HeadersInit | undefined;
}

/** How many events go into one chunk at the most. */
const CHUNK_EVENTS = 256;

const MAX_MS = 2_147_483_647;

/**
 * Answers with the events of a subscription, as a stream for the `EventSource` of a browser.
 *
 * Every event has an id, and so has the beginning. A browser that was cut off comes back by itself and says the last one in the header
 * `last-event-id`: give it to `after` of {@linkcode Bus.subscribe}, with a `history` in the bus, and nothing is there twice, and nothing is missing
 * that it is not told of. What is not an event of the bus has a name of its own:
 *
 * | event | data | when |
 * | --- | --- | --- |
 * | `lag` | `{"lost":3}` | so many events are missing here, because the browser was too slow |
 * | `lag` | `{"missed":3}` | so many events behind the last id are not kept any more; `null` if nobody knows, as after a restart |
 * | `end` | `{}` | there will be no more; the browser should close its `EventSource`, or it comes back |
 *
 * There is no `end` if the bus was closed with a reason, or the subscription was disconnected or aborted: the browser comes back, and goes on.
 *
 * When the browser goes away, the subscription is closed.
 *
 * @typeParam E The events.
 * @param subscription What to stream. It has no other reader.
 * @param options How events are written.
 * @returns The response, for `Deno.serve`, `Bun.serve` and whatever takes one.
 * @throws {RangeError} If `heartbeatMs` or `retryMs` is not a number of milliseconds that a timer can wait.
 * @throws {TypeError} If `data` or `type` is not a function, `headers` are none, or it is no subscription.
 *
 * @example Streaming to browsers
 * ```ts
 * import { Bus, eventStream } from "@weir/weir/bus";
 * import { assertEquals } from "@std/assert";
 *
 * const bus = new Bus<{ type: string; id: number }>({ history: 1_000 });
 *
 * // For Deno.serve(handler), or Bun.serve({ fetch: handler }).
 * function handler(request: Request): Response {
 *   const after = request.headers.get("last-event-id");
 *   return eventStream(bus.subscribe({ match: { type: "order" }, after }));
 * }
 *
 * const response = handler(new Request("http://localhost/events"));
 * bus.publish({ type: "order", id: 7 });
 * bus.close();
 * const text = (await response.text()).replaceAll(/^id: \w+-/gm, "id: ");
 * assertEquals(text, 'id: 0\n\nid: 1\ndata: {"type":"order","id":7}\n\nevent: end\ndata: {}\n\n');
 * ```
 */
export function eventStream<E>(
  subscription: Subscription<E>,
  options: EventStreamOptions<E> = {},
): Response {
  const { data = JSON.stringify as (event: E) => string, type, retryMs } = options;
  const { heartbeatMs = 5_000 } = options;
  if (!subscriptions.isOne(subscription)) {
    throw new TypeError(refusal(STREAM, "it must be those of a subscription", subscription));
  }
  checkInteger(STREAM, "heartbeatMs", heartbeatMs, 1, MAX_MS);
  if (retryMs !== undefined) checkInteger(STREAM, "retryMs", retryMs, 0, MAX_MS);
  checkFunction(STREAM, "data", data);
  if (type !== undefined) checkFunction(STREAM, "type", type);
  const headers = new Headers(options.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);

  const queue = subscriptions.queueOf(subscription);
  const pending: Pending = { text: retryMs === undefined ? "" : `retry: ${retryMs}\n\n` };
  tellOfLosses(queue, pending);
  // Whoever is cut off before the first event knows where to go on from.
  let lastId = subscription.lastEventId!;
  pending.text += `id: ${lastId}\n\n`;
  if (subscription.missed !== 0) {
    pending.text += notice("lag", { missed: subscription.missed ?? null });
  }
  const encoder = new TextEncoder();
  // A heartbeat ends the wait of the reader, but not that for an event: it goes on, for the next time that somebody reads.
  let isWaiting = false;
  let found: Entry<unknown> | "end" | "cut off" | undefined;
  let wake: (() => void) | undefined;
  let isCancelled = false;
  let stopHeartbeat: (() => void) | undefined;

  const wait = async (): Promise<void> => {
    isWaiting = true;
    try {
      found = await subscriptions.next(subscription) ?? "end";
    } catch {
      found = "cut off";
    }
    isWaiting = false;
    if (isCancelled && typeof found === "object") queue.giveUp(found);
    wake?.();
  };
  const write = (entry: Entry<unknown>): void => {
    const event = entry.event as E;
    const id = queue.host.idOf(entry.seq);
    let text: string;
    try {
      text = eventText(type?.(event), id, data(event));
    } catch (error) {
      queue.giveUp(entry);
      queue.host.report(error, { source: "bridge", event, id: queue.id, name: queue.name });
      return;
    }
    // What is told of a gap stands before the event.
    subscriptions.take(subscription, entry);
    pending.text += text;
    lastId = id;
  };
  /** What is written when nothing is: what is missing by now, and how far everything has been looked at. */
  const writeHeartbeat = (): void => {
    queue.tellLast();
    const id = queue.host.idOf(queue.host.lastSeq);
    pending.text += id === lastId || queue.size > 0 ? ":\n\n" : `id: ${lastId = id}\n\n`;
  };

  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      // Nothing holds an answer that nobody has begun to read.
      stopHeartbeat ??= every(heartbeatMs, () => {
        if (wake === undefined) return;
        writeHeartbeat();
        wake();
      });
      let hasEnded = false;
      // Some servers send nothing of an answer, not even its status, before the first chunk.
      while (pending.text === "" && !hasEnded) {
        if (found === undefined) {
          if (!isWaiting) wait();
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = undefined;
          if (isCancelled) return;
        }
        if (typeof found === "object") write(found);
        else hasEnded = found !== undefined;
        if (found === "end") pending.text += notice("end", {});
        // It comes back by itself, and is told then.
        if (found === "cut off") pending.text = "";
        found = undefined;
      }
      for (let count = 1; count < CHUNK_EVENTS && !hasEnded && !isWaiting; count++) {
        const entry = queue.signal?.aborted ? undefined : queue.shift();
        if (entry === undefined) break;
        write(entry);
      }
      if (pending.text !== "") controller.enqueue(encoder.encode(pending.text));
      pending.text = "";
      if (!hasEnded) return;
      stopHeartbeat();
      controller.close();
    },
    cancel() {
      isCancelled = true;
      if (typeof found === "object") queue.giveUp(found);
      stopHeartbeat?.();
      subscription.close();
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers });
}

/** What is to be written next. */
interface Pending {
  text: string;
}

/** A function of its own, whose closure does not hold the subscription: a queue must not know it. */
function tellOfLosses(queue: Queue<unknown>, pending: Pending): void {
  queue.onLag = [...queue.onLag, (lost) => {
    pending.text += notice("lag", { lost });
  }];
}

const STREAM = "stream events";

const HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
  "x-content-type-options": "nosniff",
};

function notice(type: string, data: Readonly<Record<string, number | null>>): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function eventText(type: string | undefined, id: string, data: string): string {
  if (typeof data !== "string") {
    throw new TypeError(refusal("stream an event", "its data must be a string", data));
  }
  if (type !== undefined && (typeof type !== "string" || /[\r\n]/.test(type))) {
    throw new TypeError(refusal("stream an event", "its type must be a line of text", type));
  }
  if (type === "lag" || type === "end") {
    throw new TypeError(refusal("stream an event", "its type must not be lag or end", type));
  }
  const name = type ? `event: ${type}\n` : "";
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${name}id: ${id}\n${lines.join("")}\n`;
}
