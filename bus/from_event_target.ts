import { checkFunction } from "../internal/mod.ts";
import { BRIDGE, type BusBridge, type BusBridgeOptions, namesOf, OpenBridge } from "./bridge.ts";
import type { Bus } from "./bus.ts";

/**
 * Options of {@linkcode fromEventTarget}.
 *
 * @typeParam E The events of the bus.
 * @typeParam F The events of the target.
 */
export interface FromEventTargetOptions<E, F extends Event = Event> extends BusBridgeOptions {
  /** The types of events to listen to: one, or a list. */
  readonly types: string | readonly string[];

  /**
   * Makes an event of the bus of one of the target; undefined passes it over. What it throws goes to `onError` of the bus.
   *
   * @param event The event of the target, in the call that dispatches it.
   */
  readonly map: (event: F) => E | undefined;
}

/**
 * Publishes the events of an `EventTarget`: a `WebSocket`, a `Worker`, an `AbortSignal`, anything of a browser.
 *
 * @typeParam E The events of the bus.
 * @typeParam F The events of the target.
 * @param target Where the events come from.
 * @param bus Where they are published.
 * @param options Which events, and what becomes of them.
 * @returns What it can be ended by.
 * @throws {BusClosedError} If the bus is closed.
 * @throws {TypeError} If `types` has no names, or `map` is not a function.
 * @throws The reason of the signal, if that has aborted.
 *
 * @example Listening to a target
 * ```ts
 * import { Bus, fromEventTarget } from "@weir/weir/bus";
 * import { assertEquals } from "@std/assert";
 *
 * const bus = new Bus<{ type: string; text: string }>();
 * const target = new EventTarget();
 * using bridge = fromEventTarget(target, bus, {
 *   types: ["message"],
 *   map: ({ type, data }: MessageEvent) => ({ type, text: data }),
 * });
 * const next = bus.next({ type: "message" });
 * target.dispatchEvent(new MessageEvent("message", { data: "hello" }));
 * assertEquals((await next).text, "hello");
 * assertEquals(bridge.received, 1);
 * ```
 */
export function fromEventTarget<E, F extends Event = Event>(
  target: EventTarget,
  bus: Bus<E>,
  options: FromEventTargetOptions<E, F>,
): BusBridge {
  const types = namesOf(options.types, "types");
  const { map } = options;
  checkFunction(BRIDGE, "map", map);
  const bridge = new OpenBridge(bus, options);
  const listen: EventListener = (event) => bridge.receive(() => map(event as unknown as F));
  return bridge.connect(() => {
    for (const type of types) {
      target.addEventListener(type, listen);
      bridge.onClose(() => target.removeEventListener(type, listen));
    }
  });
}
