/** What messages come from and go to: a `BroadcastChannel`, a `MessagePort`, a `Worker`, or the global scope of a worker. */
export interface MessagePortLike {
  /**
   * Sends a message.
   *
   * @param message What can be cloned.
   */
  postMessage(message: unknown): void;

  /**
   * Adds a listener.
   *
   * @param type `message` or `messageerror`.
   * @param listener What to call.
   */
  // deno-lint-ignore no-explicit-any -- what is a target of any events is one of these.
  addEventListener(type: string, listener: (event: any) => void): void;

  /**
   * Removes a listener.
   *
   * @param type `message` or `messageerror`.
   * @param listener What was called.
   */
  // deno-lint-ignore no-explicit-any -- as above.
  removeEventListener(type: string, listener: (event: any) => void): void;

  /** Lets messages come, where they wait for that. */
  start?(): void;
}
