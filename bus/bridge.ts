import { onAbort, refusal } from "../internal/mod.ts";
import { type Bus, buses } from "./bus.ts";
import { BusClosedError } from "./errors.ts";

/** Options that every way from or to something foreign has. */
export interface BusBridgeOptions {
  /** Ends it. One that has aborted before is an error. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A way between a {@linkcode Bus} and something foreign. It ends when it is closed, when its signal aborts, and when the bus is closed; what it
 * is connected to stays open.
 */
export interface BusBridge extends Disposable {
  /** How many events have come in and were published. */
  readonly received: number;
  /** How many events have gone out. */
  readonly sent: number;
  /** How many could not be turned into what the other side takes; `onError` of the bus was told why. */
  readonly failed: number;
  /** Whether it has ended. */
  readonly closed: boolean;
  /** Ends it. Closing again does nothing. */
  close(): void;
}

/** How refusals of a bridge begin. */
export const BRIDGE = "bridge to Bus";

/** One that is being built: what its two ends do, and what ends it. */
export class OpenBridge<E> implements BusBridge {
  received = 0;
  sent = 0;
  failed = 0;
  readonly #bus: Bus<E>;
  readonly #ends: (() => void)[] = [];
  #isClosed = false;

  constructor(bus: Bus<E>, { signal }: BusBridgeOptions) {
    signal?.throwIfAborted();
    if (bus.closed) throw new BusClosedError("Cannot bridge to Bus: bus is closed");
    this.#bus = bus;
    this.onClose(buses.onClose(bus, () => this.close()));
    if (signal !== undefined) this.onClose(onAbort(signal, () => this.close()));
  }

  get closed(): boolean {
    return this.#isClosed || this.#bus.closed;
  }

  /** Connects one thing to another; if that fails, nothing of it stays. */
  connect(connect: () => void): this {
    try {
      connect();
    } catch (error) {
      this.close();
      throw error;
    }
    return this;
  }

  /** Has `end` called when the bridge is closed. */
  onClose(end: () => void): void {
    this.#ends.push(end);
    // Connecting is the code of others.
    if (this.#isClosed) this.#end();
  }

  /** Publishes what has come in; `make` makes an event of it, or undefined to pass it over. */
  receive(make: () => E | undefined): void {
    // Some sources have a copy of their listeners.
    if (this.closed) return;
    try {
      const event = make();
      if (event === undefined) return;
      this.#bus.publish(event, { origin: this });
      this.received++;
    } catch (error) {
      this.fail(error);
    }
  }

  /** Sends an event out; `send` answers false to pass it over. */
  send(event: E, send: () => boolean): void {
    try {
      if (send()) this.sent++;
    } catch (error) {
      this.fail(error, event);
    }
  }

  /** Counts and reports what could not be passed on. */
  fail(error: unknown, event?: E): void {
    this.failed++;
    buses.report(this.#bus, error, { source: "bridge", event });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #end(): void {
    for (const end of this.#ends.splice(0)) {
      try {
        end();
      } catch (error) {
        buses.report(this.#bus, error, { source: "bridge" });
      }
    }
  }
}

/** The names of events, of which one may stand alone. */
export function namesOf(names: string | readonly string[], option: string): readonly string[] {
  const list = typeof names === "string" ? [names] : names;
  if (Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === "string")) {
    return [...new Set(list)];
  }
  throw new TypeError(
    refusal(BRIDGE, `${option} must be a name or a list of names`, names),
  );
}
