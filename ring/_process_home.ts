import { refusal } from "../internal/mod.ts";
import { RingFormatError } from "./errors.ts";
import { ringGeometry } from "./layout.ts";
import type { RingGeometry, RingSpec } from "./spec.ts";
import { attachStorage, memoryStorage, type RingStorage } from "./storage.ts";

/** A ring that members of fleets have open. */
interface Kept {
  readonly storage: RingStorage;
  /** How many have it open. */
  users: number;
}

/** The rings of all fleets of this thread; none before the first is opened. */
let kept: Map<string, Kept> | undefined;

/** Keeps the rings of fleets in the memory of this thread, each as long as a member has it open. */
export function processHome(fleet: string, ring: string, spec: RingSpec): RingStorage {
  const rings = kept ??= new Map();
  const name = `${fleet}/${ring}`;
  const found = rings.get(name);
  if (found !== undefined) checkSame(fleet, ring, spec, found.storage.geometry);
  const entry = found ?? { storage: memoryStorage(spec), users: 0 };
  rings.set(name, entry);
  entry.users++;
  // Each has one of its own, so that closing it closes nobody else's.
  const storage = attachStorage(entry.storage.buffer);
  storage.onClose(() => {
    if (--entry.users === 0) rings.delete(name);
  });
  return storage;
}

/** Refuses to take a ring for another one than it is. */
export function checkSame(fleet: string, ring: string, spec: RingSpec, is: RingGeometry): void {
  const wanted = ringGeometry(spec);
  for (const field of ["capacity", "payloadCapacity", "topology", "nodes"] as const) {
    if (is[field] === wanted[field]) continue;
    const shown = typeof is[field] === "string" ? `"${is[field]}"` : is[field];
    throw new RingFormatError(
      field,
      refusal(
        `open ring "${ring}" of fleet "${fleet}"`,
        `${field} must be ${shown}`,
        wanted[field],
      ),
    );
  }
}
