import { assert, assertEquals } from "@std/assert";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mappedObserver, mappedStorage } from "../../ring/mapped.ts";
import { Ring, RingCursor, type RingTopology } from "../../ring/mod.ts";
import { Child } from "../_child.ts";
import { linuxTest as test } from "./_linux.ts";
import { bothRuntimes } from "../_runtimes.ts";
import { until } from "../tap/_wait.ts";
import { isFilled } from "./_frames.ts";

const writer = new URL("./_process_writer.ts", import.meta.url);

for (const topology of ["per-node", "shared"] satisfies RingTopology[]) {
  test(`Readers of a ${topology} ring go on while one of its writers is killed ten times`, async () => {
    const path = join(tmpdir(), `weir-kill-${crypto.randomUUID()}`);
    try {
      using storage = mappedStorage(path, {
        capacity: 64,
        payloadCapacity: 2_000,
        nodes: 2,
        topology,
      });
      using observed = mappedObserver(path);
      const readers = [storage, observed].map((one) => {
        const ring = new Ring(one, { stallMs: 20 });
        return { ring, cursor: RingCursor.fromStart(ring), corrupt: 0, seen: [0, 0] };
      });
      const read = (): void => {
        for (const reader of readers) {
          const { ring, cursor } = reader;
          const before = cursor.position;
          const { frames, lost, from, to } = ring.poll(cursor);
          assertEquals(from, before);
          assertEquals(to - from, frames.length + lost.overwritten + lost.unavailable);
          for (const { node, version, payload } of frames) {
            if (isFilled(payload, node, version)) reader.seen[node]!++;
            else reader.corrupt++;
          }
        }
      };
      const [one, other] = bothRuntimes;
      await using steady = new Child(one, writer, path, 0);
      await steady.says("writing");
      for (let kill = 0; kill < 10; kill++) {
        // The next one takes the lane of the one before, which the system has freed.
        await using victim = new Child(kill % 2 === 0 ? other : one, writer, path, 1);
        await victim.says("writing");
        const goals = readers.map(({ seen }) => seen[1]! + 100);
        await until("frames of the victim", () => {
          read();
          return readers.every(({ seen }, index) => seen[1]! >= goals[index]!);
        });
        victim.kill();
        await victim.code;
        const after = readers.map(({ seen }) => seen[0]! + 100);
        await until("frames of the other writer", () => {
          read();
          return readers.every(({ seen }, index) => seen[0]! >= after[index]!);
        });
      }
      steady.kill();
      await steady.code;
      await until("readers at the head", () => {
        read();
        return readers.every(({ ring, cursor }) => cursor.position === ring.head);
      });
      for (const { cursor, corrupt } of readers) {
        assertEquals(corrupt, 0);
        const { overwritten, unavailable } = cursor.lost;
        assertEquals(cursor.position, cursor.delivered + overwritten + unavailable);
        assert(cursor.delivered > 2_000);
      }
      // Nobody is left who could not be followed by another.
      using ring = new Ring(storage, { node: 1 });
      const cursor = RingCursor.atHead(ring);
      ring.publish(new Uint8Array([1, 2, 3]));
      assertEquals(ring.poll(cursor).frames.map(({ payload }) => [...payload]), [[1, 2, 3]]);
    } finally {
      await rm(path, { force: true });
    }
  });
}
