import type { MessagePortLike } from "../internal/mod.ts";
import type { EventRing, RingCursor } from "../ring/mod.ts";
import { isList } from "./_check.ts";
import type { SpanDriver } from "./driver.ts";
import { LOSS_TOPIC, SPAN_TOPIC, type SpanFeedMessage } from "./feed.ts";
import type { SpanInput } from "./record.ts";

/** Takes in spans from one place. It is made by {@linkcode receivePort} or {@linkcode receiveRing}. */
export interface SpanReceiver extends Disposable {
  /** How many spans have come. */
  readonly received: number;
  /** How many were lost on the way, or before they were sent. */
  readonly lost: number;
  /** Settles when it has ended: rejects with what has broken it. */
  readonly finished: Promise<void>;
  /** Ends it. Closing it again does nothing. */
  close(): void;
}

class Receiver implements SpanReceiver {
  received = 0;
  lost = 0;
  finished: Promise<void> = Promise.resolve();
  stop: () => void = () => {};

  close(): void {
    this.stop();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Takes in what {@linkcode feedPort} sends from the other end of a port. Other messages are passed over.
 *
 * What comes is taken in at once, so `run` of the driver need not be called for it.
 *
 * @param driver What takes it in.
 * @param port The port, or the worker. Closing it is its owner's.
 * @returns What it can be ended by.
 */
export function receivePort(driver: SpanDriver, port: MessagePortLike): SpanReceiver {
  const receiver = new Receiver();
  const listener = ({ data }: MessageEvent): void => {
    if (!isFeedMessage(data)) return;
    receiver.lost += countOf(data.lost);
    if (driver.closed) {
      receiver.lost += data.spans.length;
      return;
    }
    receiver.received += data.spans.length;
    for (const span of data.spans) driver.spans.trySend(span);
    driver.drain();
  };
  port.addEventListener("message", listener);
  const { promise, resolve } = Promise.withResolvers<void>();
  receiver.finished = promise;
  receiver.stop = () => {
    port.removeEventListener("message", listener);
    resolve();
  };
  port.start?.();
  return receiver;
}

/** Options of {@linkcode receiveRing}. */
export interface ReceiveRingOptions {
  /** Where to begin. Without it, with what is published from now on. */
  readonly from?: RingCursor | undefined;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes in what {@linkcode feedRing} publishes in an `EventRing`, here or in another process.
 *
 * @param driver What takes it in.
 * @param events The ring.
 * @param options Where to begin, and what ends it.
 * @returns What it can be ended by.
 */
export function receiveRing(
  driver: SpanDriver,
  events: EventRing<SpanInput>,
  options: ReceiveRingOptions = {},
): SpanReceiver {
  const { from = events.cursorAtHead(), signal } = options;
  const receiver = new Receiver();
  const controller = new AbortController();
  receiver.stop = () => controller.abort();
  const follow = async (): Promise<void> => {
    const followed = events.follow({
      from,
      signal: signal === undefined
        ? controller.signal
        : AbortSignal.any([signal, controller.signal]),
      onLag: ({ overwritten, unavailable, undecodable }) => {
        receiver.lost += overwritten + unavailable + undecodable;
      },
    });
    try {
      for await (const { topic, value } of followed) {
        if (driver.closed) return;
        if (topic === LOSS_TOPIC) {
          receiver.lost += countOf((value as { readonly lost?: unknown } | null)?.lost);
          continue;
        }
        if (topic !== SPAN_TOPIC) continue;
        receiver.received++;
        driver.spans.trySend(value);
        driver.drain();
      }
    } catch (error) {
      if (!controller.signal.aborted && signal?.aborted !== true) throw error;
    }
  };
  receiver.finished = follow();
  // Whoever does not look at it is not to be ended by it.
  receiver.finished.catch(() => {});
  return receiver;
}

/** A number that another process has said, if it is one. */
function countOf(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? value as number : 0;
}

function isFeedMessage(data: unknown): data is SpanFeedMessage {
  const message = data as Partial<SpanFeedMessage> | null | undefined;
  return message?.type === SPAN_TOPIC && isList(message.spans);
}
