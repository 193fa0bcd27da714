import {
  EventRing,
  type EventRingOptions,
  memoryStorage,
  Ring,
  type RingSpec,
  textCodec,
} from "../../ring/mod.ts";

/** What the rings of these events are made of, unless a test says otherwise. */
export const SPEC = { capacity: 16, payloadCapacity: 64 };

/** Events of texts, in a ring of one lane. */
export function textEvents(
  spec: Partial<RingSpec> = {},
  options: EventRingOptions<string> = {},
): { ring: Ring; events: EventRing<string> } {
  const ring = new Ring(memoryStorage({ ...SPEC, ...spec }));
  return { ring, events: new EventRing(ring, { codec: textCodec, ...options }) };
}
