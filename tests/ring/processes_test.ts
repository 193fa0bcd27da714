import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rm } from "node:fs/promises";
import { mappedStorage } from "../../ring/mapped.ts";
import { Child } from "../_child.ts";
import { linuxTest as test } from "./_linux.ts";
import { bothRuntimes } from "../_runtimes.ts";

const peer = new URL("./_process_peer.ts", import.meta.url);

test("A Deno and a Bun process that follow each other account for a million frames each", async () => {
  // Less where only the lines count that they reach.
  const count = process.env["WEIR_LIGHT"] === undefined ? 1_000_000 : 20_000;
  const path = join(tmpdir(), `weir-processes-${crypto.randomUUID()}`);
  try {
    using storage = mappedStorage(path, { capacity: 4096, payloadCapacity: 64, nodes: 2 });
    const [one, other] = bothRuntimes;
    await using first = new Child(one, peer, path, 0, 1, count);
    await using second = new Child(other, peer, path, 1, 0, count);
    type Answer = { delivered: number; lost: number; corrupt: number };
    for (const child of [first, second]) {
      const { delivered, lost, corrupt } = await child.answer<Answer>();
      assertEquals(delivered + lost, count);
      assertEquals(corrupt, 0);
      // Whoever reads at all gets more than the little that is there at the end.
      assert(delivered > count / 10, `only ${delivered} delivered`);
    }
    assertEquals(storage.closed, false);
  } finally {
    await rm(path, { force: true });
  }
});
