import type { Hook } from "./_hook.ts";

/** Set by the static block of {@linkcode Listener}. */
export let listenerOf: <E>(hook: Hook<E>) => Listener;

/** A function that a {@linkcode Bus} calls with events: what {@linkcode Bus.on} and {@linkcode Bus.once} answer, to end it by. */
export class Listener implements Disposable {
  static {
    listenerOf = (hook) => new Listener(hook);
  }

  readonly #hook: Hook<never>;

  private constructor(hook: Hook<never>) {
    this.#hook = hook;
  }

  /** Its number among all subscribers of the bus. */
  get id(): number {
    return this.#hook.id;
  }

  /** Its name. */
  get name(): string {
    return this.#hook.name;
  }

  /** Whether it is called no more: it was closed, its signal has aborted, its one event has come, or the bus is closed. */
  get closed(): boolean {
    return this.#hook.isClosed;
  }

  /** Ends it at once: it is not called again, not even with an event that is being delivered. Closing again does nothing. */
  close(): void {
    this.#hook.close();
  }

  /** Closes the listener. */
  [Symbol.dispose](): void {
    this.close();
  }
}
