/**
 * Thrown by an operation that a closed {@linkcode Bus} can no longer serve.
 *
 * @example Publishing too late
 * ```ts
 * import { Bus, BusClosedError } from "@weir/weir/bus";
 * import { assertThrows } from "@std/assert";
 *
 * const bus = new Bus<{ type: string }>();
 * bus.close();
 * assertThrows(() => bus.publish({ type: "order" }), BusClosedError, "bus is closed");
 * ```
 */
export class BusClosedError extends Error {
  /**
   * Creates the error.
   *
   * @param message What could not be done, and why.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BusClosedError";
  }
}

/**
 * What a {@linkcode Subscription} with `overflow: "disconnect"` ends with when its reader is too slow. Everything before the first event that
 * found no room has been read then: nothing is missing in between, and whoever reads must begin anew.
 *
 * @example Noticing that a story has a gap
 * ```ts
 * import { Bus, LaggedError } from "@weir/weir/bus";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const bus = new Bus<number>();
 * const slow = bus.subscribe({ capacity: 1, overflow: "disconnect", name: "slow" });
 * bus.publish(1);
 * bus.publish(2);
 * assertEquals(await slow.receive(), 1);
 * const error = await assertRejects(() => slow.receive(), LaggedError, "slow");
 * assertEquals(error.capacity, 1);
 * ```
 */
export class LaggedError extends Error {
  /** The number of the subscription. */
  readonly id: number;
  /** How many events it could hold. */
  readonly capacity: number;

  /**
   * Creates the error.
   *
   * @param id The number of the subscription.
   * @param name Its name.
   * @param capacity How many events it could hold.
   */
  constructor(id: number, name: string, capacity: number) {
    super(`Cannot go on reading "${name}": its reader fell behind, and lost an event`);
    this.name = "LaggedError";
    this.id = id;
    this.capacity = capacity;
  }
}
