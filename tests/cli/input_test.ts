import { assert, assertEquals, assertRejects } from "@std/assert";
import { appendFile, mkdir, mkdtemp, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openInput } from "../../cli/input.ts";
import type { Host, HostFile } from "../../cli/mod.ts";
import { test } from "../_harness.ts";
import { FakeTime } from "../_fake_time.ts";
import { runtimeHost } from "../tap/_server.ts";
import { settle, until } from "../tap/_wait.ts";
import { FakeHost } from "./_fake_host.ts";

/** The runtime's host, which counts the files that are open. */
function countingHost(): { host: Host; opened: () => number; open: () => number } {
  const host = runtimeHost();
  let opened = 0;
  let open = 0;
  return {
    opened: () => opened,
    open: () => open,
    host: {
      ...host,
      async open(path) {
        const file = await host.open(path);
        opened++;
        open++;
        return {
          ...file,
          close() {
            open--;
            file.close();
          },
        };
      },
    },
  };
}

/** Runs `body` in a directory of its own, which is removed afterwards. */
async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "weir-input-"));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** What a stream has given so far. */
class Seen {
  text = "";
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.ended = this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      assert(value.length > 0);
      this.text += decoder.decode(value, { stream: true });
    }
  }

  /** Waits until all of `text` has come, and fails if anything else does. */
  async expect(text: string): Promise<void> {
    await until(JSON.stringify(text), () => this.text.length >= text.length);
    assertEquals(this.text, text);
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

test("openInput() gives a file to its end and closes it", () =>
  inDirectory(async (directory) => {
    const { host, opened, open } = countingHost();
    for (const text of ["", "one\ntwo", "€".repeat(100_000)]) {
      const path = join(directory, "app.log");
      await writeFile(path, text);
      const seen = new Seen(await openInput(host, path, false));
      await seen.ended;
      assertEquals(seen.text, text);
    }
    assertEquals([opened(), open()], [3, 0]);
  }));

test("openInput() reads nothing before it is asked, and closes the file when it is cancelled", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "app.log");
    await writeFile(path, "one\n");
    for (const follow of [false, true]) {
      const { host, open } = countingHost();
      const stream = await openInput(host, path, follow);
      assertEquals(open(), 1);
      await stream.cancel();
      assertEquals(open(), 0);
    }
  }));

test("openInput() rejects for a path where nothing is, and for a directory", () =>
  inDirectory(async (directory) => {
    const { host, opened } = countingHost();
    for (const follow of [false, true]) {
      await assertRejects(() => openInput(host, join(directory, "gone"), follow), Error, "gone");
      await assertRejects(() => openInput(host, directory, follow), Error, "it is a directory");
    }
    assertEquals(opened(), 0);
  }));

test("openInput() follows what is appended", () =>
  inDirectory(async (directory) => {
    const { host, opened, open } = countingHost();
    const path = join(directory, "app.log");
    await writeFile(path, "one\n");
    const seen = new Seen(await openInput(host, path, true));
    await seen.expect("one\n");
    await appendFile(path, "two\nthr");
    await seen.expect("one\ntwo\nthr");
    await appendFile(path, "ee\n");
    await seen.expect("one\ntwo\nthree\n");
    await seen.cancel();
    await seen.ended;
    assertEquals([opened(), open()], [1, 0]);
  }));

test("openInput() follows a file that is empty at first", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "app.log");
    await writeFile(path, "");
    const seen = new Seen(await openInput(runtimeHost(), path, true));
    await appendFile(path, "one\n");
    await seen.expect("one\n");
    await seen.cancel();
  }));

test("openInput() begins anew when the file that it follows is cut short", () =>
  inDirectory(async (directory) => {
    const { host, open } = countingHost();
    const path = join(directory, "app.log");
    await writeFile(path, "a long first line\n");
    const seen = new Seen(await openInput(host, path, true));
    await seen.expect("a long first line\n");
    await truncate(path, 0);
    await appendFile(path, "two\n");
    await seen.expect("a long first line\ntwo\n");
    await appendFile(path, "three\n");
    await seen.expect("a long first line\ntwo\nthree\n");
    await seen.cancel();
    assertEquals(open(), 0);
  }));

test("openInput() goes on with the file that takes the place of the one it follows", () =>
  inDirectory(async (directory) => {
    const { host, opened, open } = countingHost();
    const path = join(directory, "app.log");
    await writeFile(path, "one\n");
    const seen = new Seen(await openInput(host, path, true));
    await seen.expect("one\n");
    // As a log is rotated: the old file gets its last line, then a longer one stands there.
    await appendFile(path, "two\n");
    await rename(path, join(directory, "app.log.1"));
    await writeFile(join(directory, "next"), "three, and it is longer than the file before\n");
    await rename(join(directory, "next"), path);
    await seen.expect("one\ntwo\nthree, and it is longer than the file before\n");
    await appendFile(path, "four\n");
    await seen.expect("one\ntwo\nthree, and it is longer than the file before\nfour\n");
    await seen.cancel();
    assertEquals([opened(), open()], [2, 0]);
  }));

test("openInput() ends the last line of a file, if need be, before it goes on with the next", () =>
  inDirectory(async (directory) => {
    for (const end of ["", "\n"]) {
      const path = join(directory, "app.log");
      await writeFile(path, `one${end}`);
      const seen = new Seen(await openInput(runtimeHost(), path, true));
      await seen.expect(`one${end}`);
      await writeFile(join(directory, "next"), "two\n");
      await rename(join(directory, "next"), path);
      await seen.expect("one\ntwo\n");
      await seen.cancel();
    }
  }));

test("openInput() waits while nothing, or a directory, stands where its file stood", () =>
  inDirectory(async (directory) => {
    const { host, open } = countingHost();
    let looks = 0;
    const watched: Host = { ...host, stat: (path) => (looks++, host.stat(path)) };
    const path = join(directory, "app.log");
    const old = join(directory, "app.log.1");
    await writeFile(path, "one\n");
    const seen = new Seen(await openInput(watched, path, true));
    await seen.expect("one\n");
    await rename(path, old);
    // It is still the file that is followed, until another takes its place.
    await appendFile(old, "two\n");
    await seen.expect("one\ntwo\n");
    const before = looks;
    await until("it has looked in vain", () => looks > before + 1);
    await mkdir(path);
    await until("it has seen the directory", () => looks > before + 3);
    await rm(path, { recursive: true });
    await writeFile(path, "three\n");
    await seen.expect("one\ntwo\nthree\n");
    await seen.cancel();
    assertEquals(open(), 0);
  }));

test("openInput() cancelled while it waits ends at once, with no timer and no open file", async () => {
  using time = new FakeTime();
  const host = new FakeHost();
  host.files.set("app.log", "one\n");
  const seen = new Seen(await openInput(host, "app.log", true));
  await settle();
  assertEquals([seen.text, time.armed, host.openFiles], ["one\n", 1, 1]);
  await seen.cancel();
  await seen.ended;
  assertEquals([time.armed, host.openFiles], [0, 0]);
});

test("openInput() cancelled while it opens the next file closes that too", async () => {
  using time = new FakeTime();
  const host = new FakeHost();
  host.files.set("app.log", "a long line\n");
  const opening = Promise.withResolvers<void>();
  const open = host.open.bind(host);
  let opens = 0;
  host.open = async (path) => {
    if (++opens === 2) await opening.promise;
    return open(path);
  };
  const seen = new Seen(await openInput(host, "app.log", true));
  await settle();
  host.files.set("app.log", "new\n");
  time.pass(1_000);
  await settle();
  assertEquals(opens, 2);
  await seen.cancel();
  opening.resolve();
  await settle();
  assertEquals([seen.text, host.openFiles, time.armed], ["a long line\n", 0, 0]);
});

test("openInput() looks again five times a second", async () => {
  using time = new FakeTime();
  const host = new FakeHost();
  host.files.set("app.log", "");
  let looks = 0;
  const stat = host.stat.bind(host);
  host.stat = (path) => (looks++, stat(path));
  const seen = new Seen(await openInput(host, "app.log", true));
  for (let expected = 2; expected < 5; expected++) {
    await settle();
    assertEquals([looks, time.armed], [expected, 1]);
    time.pass(200);
  }
  await seen.cancel();
});

test("openInput() fails with what reading fails with, names the file, and closes it", async () => {
  for (const follow of [false, true]) {
    const host = new FakeHost();
    host.files.set("app.log", "one\n");
    const open = host.open.bind(host);
    host.open = async (path): Promise<HostFile> => ({
      ...await open(path),
      read: () => Promise.reject(new Error("input/output error")),
    });
    const seen = new Seen(await openInput(host, "app.log", follow));
    await assertRejects(() => seen.ended, Error, 'Cannot read input "app.log": input/output error');
    assertEquals(host.openFiles, 0);
  }
});
