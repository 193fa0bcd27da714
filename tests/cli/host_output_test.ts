import { assertEquals, assertRejects } from "@std/assert";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "../_harness.ts";
import { runtimeHost } from "../tap/_server.ts";

/** Runs `body` with a path at which nothing is yet. */
async function withPath(body: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "weir-host-"));
  try {
    await body(join(directory, "out"));
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("The runtime's host makes a file that only its owner may read, and writes all of it", () =>
  withPath(async (path) => {
    const file = await runtimeHost().create(path, false);
    const long = "€ü👧x".repeat(300_000);
    await file.write("first\n");
    assertEquals(await readFile(path, "utf8"), "first\n");
    await file.write(long);
    await file.write("last\n");
    file.close();
    assertEquals(await readFile(path, "utf8") === `first\n${long}last\n`, true);
    // Windows has no permissions of this kind.
    if (process.platform !== "win32") assertEquals((await stat(path)).mode & 0o777, 0o600);
  }));

test("The runtime's host makes no file where something is, unless it is to replace it", () =>
  withPath(async (path) => {
    const host = runtimeHost();
    await writeFile(path, "what was there, and long");
    await assertRejects(() => host.create(path, false), Error);
    assertEquals(await readFile(path, "utf8"), "what was there, and long");
    const file = await host.create(path, true);
    await file.write("new");
    file.close();
    assertEquals(await readFile(path, "utf8"), "new");
    for (const replace of [false, true]) {
      await assertRejects(() => host.create(join(path, ".."), replace), Error);
      await assertRejects(() => host.create(join(path, "none", "out"), replace), Error);
    }
  }));

test("The runtime's host knows the variables of the environment", () => {
  process.env.WEIR_HOST_TEST = "its value";
  try {
    assertEquals(runtimeHost().env("WEIR_HOST_TEST"), "its value");
  } finally {
    delete process.env.WEIR_HOST_TEST;
  }
  assertEquals(runtimeHost().env("WEIR_HOST_TEST"), undefined);
});
