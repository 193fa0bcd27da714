/**
 * Rings in mapped files: one stream of events for the processes of a machine, whether they run in Deno or in Bun.
 *
 * Use {@linkcode mappedStorage} for one ring, {@linkcode mappedObserver} to look at one without being able to change it, and
 * {@linkcode mappedHome} for a fleet. A file in `/dev/shm` or `/run/user` is in memory only, and gone when the machine restarts; any other
 * file system does as well, but a network's does not.
 *
 * It needs Linux. Deno needs `--allow-ffi`, without a value, and `--allow-read` and `--allow-write` for the directory of the file; an
 * observer does not need to write. For `/dev/shm` Deno wants `--allow-all`. Bun needs no flags. A ring in a file trusts all who may write it: files belong to one user, and those that others could write,
 * or that belong to somebody else, are refused. Nobody may ever make such a file shorter: the system kills whoever reads it then.
 *
 * ```ts
 * import { Ring, RingCursor } from "@weir/weir/ring";
 * import { mappedStorage } from "@weir/weir/ring/mapped";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `/tmp/weir-example-${crypto.randomUUID()}`;
 * const spec = { capacity: 1024, payloadCapacity: 64, nodes: 2 };
 * // One process ...
 * using one = mappedStorage(path, spec);
 * using writer = new Ring(one, { node: 0 });
 * // ... and another.
 * using other = mappedStorage(path, spec);
 * using reader = new Ring(other, { node: 1 });
 *
 * const cursor = RingCursor.atHead(reader);
 * writer.publish(new TextEncoder().encode("hello"));
 * const [frame] = reader.poll(cursor).frames;
 * assertEquals(new TextDecoder().decode(frame?.payload), "hello");
 * await Deno.remove(path);
 * ```
 *
 * @module ring/mapped
 */
export { mappedHome, type MappedHomeOptions } from "./_mapped_home.ts";
export { mappedObserver, mappedStorage } from "./_mapped_storage.ts";
