/**
 * One bounded stream of events for one thread, many workers or many processes: writers never wait, and every reader knows exactly what it lost.
 *
 * Use {@linkcode Ring} for bytes, {@linkcode EventRing} for values with a topic, {@linkcode LatestMap} for the newest value of each key, and
 * {@linkcode Fleet} for a set of rings that sibling processes have in common. The memory is a value of its own: {@linkcode memoryStorage}
 * for one thread, {@linkcode sharedStorage} for the workers of a process, and `mappedStorage` of `@weir/weir/ring/mapped` for processes.
 *
 * Do not use it to hand work to one of several readers, each value once: that is what a channel does. And it keeps nothing beyond its capacity.
 *
 * ```ts
 * import { EventRing, memoryStorage, Ring } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * using ring = new Ring(memoryStorage({ capacity: 1024, payloadCapacity: 256 }));
 * const events = new EventRing<{ id: number }>(ring);
 * const cursor = events.cursorAtHead();
 *
 * events.publish("orders.created", { id: 1 });
 * events.publish("users.created", { id: 2 });
 *
 * const { events: orders, lagged } = events.pollTopic(cursor, "orders.>");
 * assertEquals(orders.map(({ topic, value }) => [topic, value.id]), [["orders.created", 1]]);
 * assertEquals(lagged, 0);
 * ```
 *
 * @module ring
 */
export { type EventFrame, readEventFrame } from "./_envelope.ts";
export { bytesCodec, type Codec, type JsonCodec, jsonCodec, textCodec } from "./codec.ts";
export { RingCursor, type RingCursorOptions, type RingLoss } from "./cursor.ts";
export { FrameTooLargeError, RingFormatError, RingLaneError } from "./errors.ts";
export {
  EventRing,
  type EventRingFollowOptions,
  type EventRingOptions,
  type EventRingPoll,
  type EventRingTopicPoll,
  type RingEvent,
  type RingEventLoss,
} from "./events.ts";
export {
  Fleet,
  type FleetEventsOptions,
  type FleetHeartbeats,
  type FleetHeartbeatsOptions,
  type FleetHome,
  type FleetJoinOptions,
  type FleetLatestOptions,
  type FleetRingDefaults,
  type FleetRingSpec,
} from "./fleet.ts";
export type { RingFollower } from "./follower.ts";
export {
  formatFrameId,
  frameId,
  type FrameIdParts,
  parseFrameId,
  type RingFrame,
} from "./frame.ts";
export {
  LatestMap,
  type LatestMapOptions,
  type LatestMapSetOptions,
  type LatestValue,
} from "./latest_map.ts";
export { ringGeometry } from "./layout.ts";
export type {
  RingFollowOptions,
  RingLaneStats,
  RingOptions,
  RingPoll,
  RingPollOptions,
  RingProgress,
  RingPublishOptions,
  RingStats,
} from "./options.ts";
export { Ring } from "./ring.ts";
export type { RingGeometry, RingSpec, RingTopology } from "./spec.ts";
export { attachStorage, memoryStorage, type RingStorage, sharedStorage } from "./storage.ts";
export { isSubject, matchSubject } from "../internal/mod.ts";
export type { RingBell } from "./_bell.ts";
export type { RingLanes } from "./_lanes.ts";
