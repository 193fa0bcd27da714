import { checkInteger, every, refusal } from "../internal/mod.ts";
import { type Subscription, subscriptions } from "./subscription.ts";

/**
 * Options of {@linkcode eventStream}.
 *
 * @typeParam E The events.
 */
export interface EventStreamOptions<E> {
  /**
   * Writes the data of an event. What it throws goes to `onError` of the bus, and the event counts as lost.
   *
   * @param event The event.
   * @default {JSON.stringify}
   */
  readonly data?: ((event: E) => string) | undefined;

  /**
   * The name by which `EventSource` dispatches an event; undefined for `message`. `lag` and `end` have a meaning of their own.
   *
   * @param event The event.
   */
  readonly type?: ((event: E) => string | undefined) | undefined;

  /**
   * How long the stream may be silent before a comment is written, in milliseconds: shorter than what a server or a proxy between takes for a
   * dead connection (`Bun.serve`: 10 seconds).
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
 * Every event has an id. A browser that was cut off comes back by itself and says the last one in the header `last-event-id`: give it to
 * `after` of {@linkcode Bus.subscribe}, with a `history` in the bus, and nothing is missing and nothing is there twice. What is not an event of
 * the bus has a name of its own:
 *
 * | event | data | when |
 * | --- | --- | --- |
 * | `lag` | `{"lost":3}` | so many events are missing here, because the browser was too slow |
 * | `lag` | `{"missed":3}` | so many events behind the last id are not kept any more; `null` if nobody knows, as after a restart |
 * | `end` | `{}` | there will be no more; the browser should close its `EventSource`, or it comes back |
 *
 * When the browser goes away, the subscription is closed.
 *
 * @typeParam E The events.
 * @param subscription What to stream. It has no other reader.
 * @param options How events are written.
 * @returns The response, for `Deno.serve`, `Bun.serve` and whatever takes one.
 * @throws {RangeError} If `heartbeatMs` or `retryMs` is not a number of milliseconds that a timer can wait.
 * @throws {TypeError} If `data` or `type` is not a function.
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
 * const text = (await response.text()).replace(/^id: .*$/m, "id: 1");
 * assertEquals(text, ':\n\nid: 1\ndata: {"type":"order","id":7}\n\nevent: end\ndata: {}\n\n');
 * ```
 */
export function eventStream<E>(
  subscription: Subscription<E>,
  options: EventStreamOptions<E> = {},
): Response {
  const {
    data = JSON.stringify as (event: E) => string,
    type,
    heartbeatMs = 5_000,
    retryMs,
    headers,
  } = options;
  const stream = "stream events";
  checkInteger(stream, "heartbeatMs", heartbeatMs, 1, MAX_MS);
  if (retryMs !== undefined) checkInteger(stream, "retryMs", retryMs, 0, MAX_MS);
  for (const [name, value] of Object.entries({ data, type })) {
    if (value !== undefined && typeof value !== "function") {
      throw new TypeError(refusal(stream, `${name} must be a function`, value));
    }
  }
  const queue = subscriptions.queueOf(subscription);
  const encoder = new TextEncoder();
  let text = retryMs === undefined ? ":\n\n" : `retry: ${retryMs}\n\n`;
  if (subscription.missed !== 0) {
    text += notice("lag", { missed: subscription.missed ?? null });
  }
  queue.onLag = [...queue.onLag, (lost) => {
    text += notice("lag", { lost });
  }];
  let isWaiting = false;
  let stopHeartbeat = (): void => {};

  const write = (event: E): void => {
    try {
      // In this order: what is told of a gap stands before the event.
      text += eventText(type?.(event), subscription.lastEventId!, data(event));
    } catch (error) {
      queue.untake();
      queue.host.report(error, { source: "bridge", event, id: queue.id, name: queue.name });
      text += notice("lag", { lost: 1 });
    }
  };

  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      stopHeartbeat = every(heartbeatMs, () => {
        // One that the reader has not taken yet is enough.
        if (isWaiting && controller.desiredSize === 0) controller.enqueue(encoder.encode(":\n\n"));
      });
    },
    async pull(controller) {
      let hasEnded = false;
      // Some servers send nothing of an answer, not even its status, before the first chunk.
      if (text === "") {
        isWaiting = true;
        try {
          write(await subscription.receive());
        } catch {
          hasEnded = true;
          // A browser that is to begin anew must come back by itself.
          if (queue.reason === undefined) text += notice("end", {});
        }
        isWaiting = false;
      }
      for (let count = 1; count < CHUNK_EVENTS && !hasEnded; count++) {
        const next = subscription.tryReceive();
        if (next.state !== "ok") break;
        write(next.value);
      }
      try {
        if (text !== "") controller.enqueue(encoder.encode(text));
        text = "";
        if (!hasEnded) return;
        stopHeartbeat();
        controller.close();
      } catch {
        // Cancelled meanwhile.
      }
    },
    cancel() {
      stopHeartbeat();
      subscription.close();
    },
  }, { highWaterMark: 0 });
  const all = new Headers(headers);
  for (const [name, value] of Object.entries(HEADERS)) all.set(name, value);
  return new Response(body, { headers: all });
}

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
  if (type !== undefined && /[\r\n]/.test(type)) {
    throw new TypeError(refusal("stream an event", "its type must be one line", type));
  }
  const name = type === undefined ? "" : `event: ${type}\n`;
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${name}id: ${id}\n${lines.join("")}\n`;
}
