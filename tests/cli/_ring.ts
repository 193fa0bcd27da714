import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mappedStorage } from "../../ring/mapped.ts";
import type { RingSpec, RingStorage } from "../../ring/mod.ts";

/** Runs `body` with a path at which nothing is yet. */
export async function withPath(body: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "weir-cli-ring-"));
  try {
    await body(join(directory, "events.ring"));
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Runs `body` with a ring in a file. */
export function withRing(
  spec: RingSpec,
  body: (path: string, storage: RingStorage) => Promise<void>,
): Promise<void> {
  return withPath(async (path) => {
    using storage = mappedStorage(path, spec);
    await body(path, storage);
  });
}
