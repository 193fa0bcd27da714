import { checkFunction, type MessagePortLike, refusal } from "../internal/mod.ts";
import { BRIDGE, type BusBridge, type BusBridgeOptions, OpenBridge } from "./bridge.ts";
import type { Bus } from "./bus.ts";
import type { KnownFields, Match, Matched } from "./match.ts";

/**
 * Options of {@linkcode bridgePort}.
 *
 * @typeParam E The events of the bus.
 * @typeParam M What is asked of events that go out.
 */
export interface BridgePortOptions<E, M extends Match<E> = Match<E>> extends BusBridgeOptions {
  /**
   * Which way events go.
   *
   * @default {"both"}
   */
  readonly direction?: "in" | "out" | "both" | undefined;

  /**
   * Which events go out.
   *
   * @default {{}}
   */
  readonly match?: (M & KnownFields<E, M>) | undefined;

  /**
   * Makes a message of an event; undefined keeps the event here. Without it the event is the message.
   *
   * @param event The event.
   */
  readonly encode?: ((event: Matched<E, M>) => unknown) | undefined;

  /**
   * Makes an event of a message; undefined passes it over. What it throws goes to `onError` of the bus. Without it the message is taken for an
   * event: others may run another version of the program, so look at what comes.
   *
   * @param message The message.
   */
  readonly decode?: ((message: unknown) => E | undefined) | undefined;
}

/**
 * Carries events to and from other tabs, workers or ports: what is published here is sent, and what is received is published here. What came
 * in does not go out again the way it came. Two ways from a bus to the same place are a circle, in which an event never rests.
 *
 * The platform queues messages without a bound: where they come faster than they are handled, use a ring. On some platforms a
 * `BroadcastChannel` loses messages under load, and says nothing.
 *
 * @typeParam E The events of the bus.
 * @typeParam M What is asked of events that go out.
 * @param bus The bus.
 * @param port What messages go through. Closing it is its owner's.
 * @param options Which way events go, which of them, and how they are written.
 * @returns What it can be ended by.
 * @throws {BusClosedError} If the bus is closed.
 * @throws {TypeError} If an option is not of its type, or the match asks for what cannot be compared.
 * @throws The reason of the signal, if that has aborted.
 *
 * @example Two buses that are one
 * ```ts
 * import { bridgePort, Bus } from "@weir/weir/bus";
 * import { assertEquals } from "@std/assert";
 *
 * type Event = { type: string; id: number };
 * const [here, there] = [new Bus<Event>(), new Bus<Event>()];
 * // new BroadcastChannel("events") for all tabs or workers, a Worker for one.
 * const { port1, port2 } = new MessageChannel();
 * {
 *   using _one = bridgePort(here, port1, { match: { type: "order" } });
 *   using _other = bridgePort(there, port2);
 *   const next = there.next({ type: "order" });
 *   here.publish({ type: "order", id: 7 });
 *   assertEquals((await next).id, 7);
 * }
 * port1.close();
 * port2.close();
 * ```
 */
export function bridgePort<E, const M extends Match<E> = Match<E>>(
  bus: Bus<E>,
  port: MessagePortLike,
  options: BridgePortOptions<E, M> = {},
): BusBridge {
  const { direction = "both", encode, decode } = options;
  if (direction !== "in" && direction !== "out" && direction !== "both") {
    const requirement = "direction must be one of in, out, both";
    throw new TypeError(refusal(BRIDGE, requirement, direction));
  }
  if (encode !== undefined) checkFunction(BRIDGE, "encode", encode);
  if (decode !== undefined) checkFunction(BRIDGE, "decode", decode);
  const bridge = new OpenBridge(bus, options);
  return bridge.connect(() => {
    if (direction !== "in") sendTo(bridge, bus, port, options);
    if (direction !== "out") receiveFrom(bridge, port, decode);
  });
}

function receiveFrom<E>(
  bridge: OpenBridge<E>,
  port: MessagePortLike,
  decode: ((message: unknown) => E | undefined) | undefined,
): void {
  const listeners = {
    message: ({ data }: MessageEvent): void => {
      bridge.receive(() => decode === undefined ? data : decode(data));
    },
    messageerror: ({ data }: MessageEvent): void => {
      bridge.fail(new TypeError(refusal("receive a message", "it must be readable here", data)));
    },
  };
  for (const [type, listener] of Object.entries(listeners)) {
    port.addEventListener(type, listener);
    bridge.onClose(() => port.removeEventListener(type, listener));
  }
  port.start?.();
}

function sendTo<E, M extends Match<E>>(
  bridge: OpenBridge<E>,
  bus: Bus<E>,
  port: MessagePortLike,
  { match, encode }: BridgePortOptions<E, M>,
): void {
  const send = (event: Matched<E, M>): void => {
    bridge.send(event as E, () => {
      const message = encode === undefined ? event : encode(event);
      if (message === undefined) return false;
      // A message to a closed channel throws, and so does what cannot be cloned.
      port.postMessage(message);
      return true;
    });
  };
  const all = {} as M & KnownFields<E, M>;
  const listener = bus.on(match ?? all, send, { origin: bridge, name: "bridge" });
  bridge.onClose(() => listener.close());
}
