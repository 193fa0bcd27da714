/**
 * One publisher side, many filtered subscribers, none of which can hurt another: a {@linkcode Bus} tells each of them exactly what it asked
 * for, and an event costs what it delivers.
 *
 * Use it to fan events out inside of a process: to handlers that are called, to readers with a bounded queue of their own, to browsers over
 * `EventSource`, to other tabs and workers. Matches on values and on subjects such as `orders.*.created` are indexed.
 *
 * Do not use it where each event is to be worked on by one of several workers: that is a channel. And it lives in one thread; a ring goes
 * further.
 *
 * ```ts
 * import { Bus } from "@weir/weir/bus";
 * import { assertEquals } from "@std/assert";
 *
 * type Event = { type: "order"; id: number } | { type: "user"; name: string };
 * const bus = new Bus<Event>();
 * using orders = bus.subscribe({ match: { type: "order" }, capacity: 100 });
 * bus.publish({ type: "order", id: 7 });
 * bus.publish({ type: "user", name: "Ada" });
 * assertEquals(await orders.receive(), { type: "order", id: 7 });
 * assertEquals(orders.size, 0);
 * ```
 *
 * @module bus
 */
export type { BusBridge, BusBridgeOptions } from "./bridge.ts";
export type { MessagePortLike } from "../internal/mod.ts";
export { bridgePort, type BridgePortOptions } from "./bridge_port.ts";
export { Bus } from "./bus.ts";
export { BusClosedError, LaggedError } from "./errors.ts";
export { eventStream, type EventStreamOptions } from "./event_stream.ts";
export { type EmitterLike, fromEmitter, type FromEmitterOptions } from "./from_emitter.ts";
export { fromEventTarget, type FromEventTargetOptions } from "./from_event_target.ts";
export type { BusHistory, BusHistoryRead, BusRecord } from "./history.ts";
export {
  type BindEntry,
  type BindKey,
  type BindKeyPart,
  lateBind,
  type LateBinding,
  type LateBindingStats,
  type LateBindOptions,
} from "./late_bind.ts";
export { Listener } from "./listener.ts";
export type {
  FieldAlternative,
  FieldMatch,
  KnownFields,
  Match,
  Matched,
  MatchedField,
  MatchedFields,
  MatchedValue,
  MatchOfObject,
  MatchValue,
  UnknownFieldMatch,
  UnknownMatch,
} from "./match.ts";
export type {
  BusBinding,
  BusErrorContext,
  BusErrorSource,
  BusOptions,
  BusOverflow,
  ListenOptions,
  NextOptions,
  PublishOptions,
  SendOptions,
  SubscribeOptions,
} from "./options.ts";
export { ringHistory, type RingHistoryOptions } from "./ring_history.ts";
export type { BusStats, ListenerStats, SubscriptionStats } from "./stats.ts";
export { subject, type SubjectPattern, type SubjectText } from "./subject_pattern.ts";
export { Subscription } from "./subscription.ts";
