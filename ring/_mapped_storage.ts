import { refusal } from "../internal/mod.ts";
import type { RingBell } from "./_bell.ts";
import { Closing } from "./_closing.ts";
import { detectSystem } from "./_detect_system.ts";
import type { RingLanes } from "./_lanes.ts";
import type { FileFacts, Mapping, System } from "./_system.ts";
import { RingFormatError } from "./errors.ts";
import {
  BELL,
  HEADER_BYTES,
  LANE_BYTES,
  laneOffset,
  OWNER,
  readHeader,
  ringGeometry,
  writeHeaders,
} from "./layout.ts";
import type { RingGeometry, RingSpec } from "./spec.ts";
import type { RingStorage } from "./storage.ts";

/** How often to begin anew because another process has made, or removed, the file meanwhile. */
const ATTEMPTS = 10;
/** Whoever is not the owner of a file may not write to it. */
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Maps a file as a ring, which all processes that map it share. The file is made if there is none and `spec` is given; it is there, whole,
 * from its first moment on, and it is never made shorter or removed.
 *
 * Each call maps the file anew: a worker calls it for itself, since a mapping cannot be sent. A lane belongs to a process as long as the
 * process lives: the lanes of a killed one are free again.
 *
 * @param path Where the file is.
 * @param spec What the ring is made of; without it, the file must be there, and is taken as it is.
 * @throws {RingFormatError} If the file is no ring, or another one.
 * @throws {RangeError} If a number of the specification is out of its range.
 * @throws {Error} If the file cannot be made, opened or mapped, belongs to somebody else, or can be written by others; or if the runtime
 * may not, or cannot, map files.
 *
 * @example Going on with what is in the file
 * ```ts
 * import { Ring } from "@weir/weir/ring";
 * import { mappedStorage } from "@weir/weir/ring/mapped";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `/tmp/weir-example-${crypto.randomUUID()}`;
 * for (const expected of [0n, 1n]) {
 *   using storage = mappedStorage(path, { capacity: 1024, payloadCapacity: 64 });
 *   using ring = new Ring(storage);
 *   assertEquals(ring.publish(new TextEncoder().encode("started")), expected);
 * }
 * await Deno.remove(path);
 * ```
 */
export function mappedStorage(path: string | URL, spec?: RingSpec): RingStorage {
  const name = nameOf(path);
  if (spec !== undefined) ringGeometry(spec);
  return open(detectSystem(), name, spec, "write");
}

/**
 * Maps a file as a ring that can only be read: it makes no file, takes no lane, and needs no permission to write. What the ring is made
 * of is what its header says.
 *
 * Readers are not woken on such a ring: they look again and again.
 *
 * @param path Where the file is.
 * @throws {RingFormatError} If the file is no ring.
 * @throws {Error} If the file cannot be opened or mapped; or if the runtime may not, or cannot, map files.
 *
 * @example Asking who writes a ring
 * ```ts
 * import { Ring } from "@weir/weir/ring";
 * import { mappedObserver, mappedStorage } from "@weir/weir/ring/mapped";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `/tmp/weir-example-${crypto.randomUUID()}`;
 * using storage = mappedStorage(path, { capacity: 1024, payloadCapacity: 64, nodes: 2 });
 * using writer = new Ring(storage, { node: 1 });
 * writer.publish(new Uint8Array([1]));
 *
 * using observed = mappedObserver(path);
 * using ring = new Ring(observed);
 * assertEquals(ring.stats().lanes.map(({ hasWriter }) => hasWriter), [false, true]);
 * await Deno.remove(path);
 * ```
 */
export function mappedObserver(path: string | URL): RingStorage {
  return open(detectSystem(), nameOf(path), undefined, "read");
}

function nameOf(path: string | URL): string {
  const { protocol, pathname } = path instanceof URL ? path : { protocol: "", pathname: path };
  if (typeof pathname !== "string" || pathname === "" || !/^(?:file:)?$/.test(protocol)) {
    throw new TypeError(
      refusal("map a ring", "path must be that of a file", path instanceof URL ? path.href : path),
    );
  }
  return path instanceof URL ? decodeURIComponent(pathname) : pathname;
}

function open(
  system: System,
  path: string,
  spec: RingSpec | undefined,
  access: "read" | "write",
): RingStorage {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const facts = system.inspect(path, HEADER_BYTES);
    if (facts === undefined) {
      if (spec === undefined) throw new Error(`Cannot map ${quoted(path)}: there is no such file`);
      system.create(path, contentOf(spec), ringGeometry(spec).byteLength);
      continue;
    }
    check(facts, path, access);
    const geometry = readHeader(bufferOf(facts.start), facts.size, spec, quoted(path));
    const mapping = system.map(path, geometry.byteLength, access);
    try {
      // It may be another file by now.
      readHeader(mapping.buffer, mapping.buffer.byteLength, geometry, quoted(path));
      return new MappedStorage(mapping, geometry, access === "read");
    } catch (error) {
      mapping.close();
      throw error;
    }
  }
  throw new Error(`Cannot map ${quoted(path)}: others remove it as soon as it is made`);
}

function check({ type, owner, user, mode }: FileFacts, path: string, access: string): void {
  if (type !== "file") {
    const message = refusal(`map ${quoted(path)}`, "it must be a regular file", type);
    throw new RingFormatError("type", message);
  }
  if (access === "read") return;
  if (owner !== undefined && owner !== user) {
    throw new Error(
      `Cannot map ${quoted(path)}: it belongs to user ${owner}, and this is user ${user}`,
    );
  }
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    const received = `0${mode.toString(8)}`;
    throw new Error(
      `Cannot map ${quoted(path)}: only its owner may write to it, received mode ${received}`,
    );
  }
}

function quoted(path: string): string {
  return JSON.stringify(path);
}

/** The bytes that the file of a new ring begins with. */
function contentOf(spec: RingSpec): Uint8Array {
  const geometry = ringGeometry(spec);
  const { firstCounter = 0 } = spec;
  // A ring that begins with 0 has nothing behind its header.
  const buffer = new ArrayBuffer(firstCounter === 0 ? HEADER_BYTES : geometry.byteLength);
  writeHeaders(buffer, geometry, firstCounter);
  return new Uint8Array(buffer);
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  const buffer = new ArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return buffer;
}

class MappedStorage implements RingStorage {
  readonly buffer: ArrayBuffer;
  readonly geometry: RingGeometry;
  readonly readOnly: boolean;
  readonly lanes: RingLanes;
  readonly bell: RingBell | undefined;
  readonly #mapping: Mapping;
  readonly #closing: Closing = new Closing();

  constructor(mapping: Mapping, geometry: RingGeometry, readOnly: boolean) {
    this.buffer = mapping.buffer;
    this.geometry = geometry;
    this.readOnly = readOnly;
    this.lanes = lockedLanes(mapping, geometry);
    this.bell = readOnly ? undefined : mappedBell(mapping);
    this.#mapping = mapping;
  }

  get closed(): boolean {
    return this.#closing.closed;
  }

  onClose(callback: () => void): () => void {
    return this.#closing.add(callback);
  }

  close(): void {
    try {
      this.#closing.close();
    } finally {
      this.#mapping.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Lanes that the system locks: it knows who lives. */
function lockedLanes(mapping: Mapping, geometry: RingGeometry): RingLanes {
  const words = new Int32Array(mapping.buffer, 0, laneOffset(geometry.lanes) / 4);
  // The system does not tell the writers of one mapping from each other.
  const own = new Map<number, number>();
  const owner = (lane: number): number => laneOffset(lane) / 4 + OWNER;
  return {
    claim(lane, writer) {
      if (own.has(lane) || !mapping.tryLock(laneOffset(lane), LANE_BYTES)) return false;
      own.set(lane, writer);
      Atomics.store(words, owner(lane), writer);
      return true;
    },
    release(lane, writer) {
      if (own.get(lane) !== writer) return;
      own.delete(lane);
      Atomics.store(words, owner(lane), 0);
      mapping.unlock(laneOffset(lane), LANE_BYTES);
    },
    isClaimed: (lane) => own.has(lane) || mapping.isLocked(laneOffset(lane), LANE_BYTES),
  };
}

function mappedBell(mapping: Mapping): RingBell {
  const wake = (): void => mapping.wake(4 * BELL);
  const wait = mapping.wait?.bind(mapping);
  if (wait === undefined) return { wake };
  const words = new Int32Array(mapping.buffer, 0, BELL + 1);
  return {
    isSlow: true,
    wake,
    wait(expected, timeoutMs, done) {
      const waiting = wait(4 * BELL, expected, timeoutMs);
      waiting.then(done);
      return async () => {
        if (words.length > 0) {
          // Should the wait not have begun yet, it must not begin any more.
          Atomics.add(words, BELL, 1);
          wake();
        }
        await waiting;
      };
    },
  };
}
