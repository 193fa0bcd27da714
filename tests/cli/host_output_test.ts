import { assertEquals, assertRejects } from "@std/assert";
import {
  chmod,
  link,
  lstat,
  mkdtemp,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
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

// Windows has no permissions and no links of this kind.
const isUnix = process.platform !== "win32";

test("The runtime's host replaces a file by a new one that only its owner may read, whoever may read the old one", () =>
  withPath(async (path) => {
    for (const mode of [0o644, 0o666, 0o400, 0o000]) {
      await writeFile(path, "old");
      await chmod(path, mode);
      // Whoever has the old one open, or by another name, gets nothing of the new one.
      if (isUnix) await link(path, `${path}-${mode}`);
      const file = await runtimeHost().create(path, true);
      await file.write("secret");
      file.close();
      assertEquals(await readFile(path, "utf8"), "secret");
      if (!isUnix) continue;
      assertEquals((await stat(path)).mode & 0o777, 0o600);
      await chmod(`${path}-${mode}`, 0o600);
      assertEquals(await readFile(`${path}-${mode}`, "utf8"), "old");
      await rm(path);
    }
  }));

test("The runtime's host follows no link, wherever it leads, and puts a file in its place", () =>
  withPath(async (path) => {
    if (!isUnix) return;
    const victim = `${path}-victim`;
    await writeFile(victim, "not yours");
    for (const target of [victim, `${path}-nowhere`, "/dev/null", join(path, "..")]) {
      await symlink(target, path);
      // Without being told to replace it, not even a link that leads nowhere is written through.
      await assertRejects(() => runtimeHost().create(path, false), Error);
      const file = await runtimeHost().create(path, true);
      await file.write("mine");
      file.close();
      const found = await lstat(path);
      assertEquals([found.isFile(), found.mode & 0o777], [true, 0o600]);
      assertEquals(await readFile(path, "utf8"), "mine");
      await rm(path);
    }
    assertEquals(await readFile(victim, "utf8"), "not yours");
    await assertRejects(() => stat(`${path}-nowhere`), Error);
  }));

test("The runtime's host writes to a device as it is, and leaves it there", async () => {
  if (!isUnix) return;
  const before = await stat("/dev/null");
  const file = await runtimeHost().create("/dev/null", true);
  await file.write("gone\n");
  file.close();
  const after = await stat("/dev/null");
  assertEquals([after.isCharacterDevice(), after.mode, after.ino], [true, before.mode, before.ino]);
});

test("The runtime's host makes a file where there is none, also when it may replace one", () =>
  withPath(async (path) => {
    const file = await runtimeHost().create(path, true);
    await file.write("new");
    file.close();
    assertEquals(await readFile(path, "utf8"), "new");
    if (isUnix) assertEquals((await stat(path)).mode & 0o777, 0o600);
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
