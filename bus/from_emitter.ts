import { checkFunction } from "../internal/mod.ts";
import { BRIDGE, type BusBridge, type BusBridgeOptions, namesOf, OpenBridge } from "./bridge.ts";
import type { Bus } from "./bus.ts";

/**
 * What emits events by name to functions: `EventEmitter` of `node:events`, eventemitter3, mitt, nanoevents and the like.
 */
export interface EmitterLike {
  /**
   * Adds a listener.
   *
   * @param name The name of the event.
   * @param listener What to call.
   * @returns Anything; a function is taken to remove the listener, where there is no `off`.
   */
  // deno-lint-ignore no-explicit-any -- every emitter has listeners of other types.
  on(name: any, listener: (...args: any[]) => void): unknown;

  /**
   * Removes a listener.
   *
   * @param name The name of the event.
   * @param listener What was called.
   */
  // deno-lint-ignore no-explicit-any -- as above.
  off?(name: any, listener: (...args: any[]) => void): unknown;
}

/**
 * Options of {@linkcode fromEmitter}.
 *
 * @typeParam E The events of the bus.
 * @typeParam A What the emitter emits with a name.
 */
export interface FromEmitterOptions<E, A extends readonly unknown[] = readonly unknown[]>
  extends BusBridgeOptions {
  /**
   * The names of the events to listen to: one, or a list. To listen to `error` keeps an `EventEmitter` from throwing it.
   */
  readonly names: string | readonly string[];

  /**
   * Makes an event of the bus of one of the emitter; undefined passes it over. What it throws goes to `onError` of the bus.
   *
   * @param name The name of the event.
   * @param args What it was emitted with.
   */
  readonly map: (name: string, ...args: A) => E | undefined;
}

/**
 * Publishes the events of an emitter.
 *
 * @typeParam E The events of the bus.
 * @typeParam A What the emitter emits with a name.
 * @param emitter Where the events come from.
 * @param bus Where they are published.
 * @param options Which events, and what becomes of them.
 * @returns What it can be ended by.
 * @throws {BusClosedError} If the bus is closed.
 * @throws {TypeError} If `names` has no names, or `map` is not a function.
 * @throws The reason of the signal, if that has aborted.
 *
 * @example Listening to an emitter
 * ```ts
 * import { EventEmitter } from "node:events";
 * import { Bus, fromEmitter } from "@weir/weir/bus";
 * import { assertEquals } from "@std/assert";
 *
 * const bus = new Bus<{ type: string; id: number }>();
 * const emitter = new EventEmitter();
 * using _bridge = fromEmitter(emitter, bus, {
 *   names: ["created", "paid"],
 *   map: (name, id: number) => ({ type: `order.${name}`, id }),
 * });
 * const next = bus.next({ type: "order.paid" });
 * emitter.emit("paid", 7);
 * assertEquals(await next, { type: "order.paid", id: 7 });
 * ```
 */
export function fromEmitter<E, A extends readonly unknown[] = readonly unknown[]>(
  emitter: EmitterLike,
  bus: Bus<E>,
  options: FromEmitterOptions<E, A>,
): BusBridge {
  const names = namesOf(options.names, "names");
  const { map } = options;
  checkFunction(BRIDGE, "map", map);
  const bridge = new OpenBridge(bus, options);
  return bridge.connect(() => {
    for (const name of names) {
      const listen = (...args: unknown[]): void => {
        bridge.receive(() => map(name, ...args as unknown as A));
      };
      const remove = emitter.on(name, listen);
      bridge.onClose(() => {
        if (typeof emitter.off === "function") emitter.off(name, listen);
        else if (typeof remove === "function") remove();
      });
    }
  });
}
