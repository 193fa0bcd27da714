import {
  LatestMap,
  type LatestMapOptions,
  memoryStorage,
  Ring,
  type RingSpec,
  type RingStorage,
  sharedStorage,
  textCodec,
} from "../../ring/mod.ts";
import { bytes } from "./_ring.ts";

/** What the rings of these maps are made of, unless a test says otherwise. */
export const SPEC = { capacity: 16, payloadCapacity: 64 };

/** A map of texts in a ring of one lane. */
export function textMap(
  spec: Partial<RingSpec> = {},
  options: LatestMapOptions<string> = {},
): { ring: Ring; map: LatestMap<string> } {
  const ring = new Ring(memoryStorage({ ...SPEC, ...spec }));
  return { ring, map: new LatestMap(ring, { codec: textCodec, ...options }) };
}

/** Maps of texts in one ring, one for each node. */
export function textMaps(
  nodes: number,
  spec: Partial<RingSpec> = {},
  options: LatestMapOptions<string> = {},
): { storage: RingStorage; rings: Ring[]; maps: LatestMap<string>[] } {
  const storage = sharedStorage({ ...SPEC, ...spec, nodes });
  const rings = Array.from({ length: nodes }, (_, node) => new Ring(storage, { node }));
  const maps = rings.map((ring) => new LatestMap(ring, { codec: textCodec, ...options }));
  return { storage, rings, maps };
}

/** What is in a map, in the order of the keys. */
export function contentOf(map: LatestMap<string>): string[] {
  return map.entries().map(([key, value]) => `${key}=${value}`).sort();
}

/** The payload of a change that gives a key a value. */
export function putBytes(key: string, value: string, expiresAt: number = Infinity): Uint8Array {
  const name = new TextEncoder().encode(key);
  const head = new DataView(new ArrayBuffer(10));
  head.setFloat64(0, expiresAt, true);
  head.setUint16(8, name.length, true);
  return bytes(...new Uint8Array(head.buffer), ...name, ...new TextEncoder().encode(value));
}
