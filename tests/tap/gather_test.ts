import { assert, assertEquals } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { type Chunks, chunksOf } from "../_chunks.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { ask, parse, waitFor } from "./_streams.ts";
import { settle } from "./_wait.ts";

/** So many chunks come at once, one for each event, before the next ones wait. */
const QUICK = 8;

/** A reader that has got so many events, each at once, that the next ones wait for others. */
async function hurried(tap: Tap, query = ""): Promise<Chunks> {
  const chunks = chunksOf(await ask(tapHandler(tap), `?stage=raw&duration=1m${query}`));
  await chunks.next();
  for (let count = 0; count < QUICK; count++) {
    const chunk = waitFor(chunks);
    await settle();
    tap.offer("raw", `quick ${count}`);
    await settle();
    assertEquals(chunk.text, `quick ${count}\n`);
  }
  return chunks;
}

test("Events that come one by one, and fast, come together after two milliseconds", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const chunks = await hurried(tap);
  // Again and again, as long as some come meanwhile.
  for (let round = 0; round < 3; round++) {
    const chunk = waitFor(chunks);
    await settle();
    tap.offer("raw", "first");
    await settle();
    time.pass(1);
    for (let id = 1; id < 8; id++) tap.offer("raw", `${id}`);
    await settle();
    assertEquals(chunk.text, undefined);
    time.pass(1);
    await settle();
    assertEquals(chunk.text, "first\n1\n2\n3\n4\n5\n6\n7\n");
  }
  await chunks.cancel();
  assertEquals(time.armed, 0);
});

test("Events wait for others less and less often while few come", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const chunks = await hurried(tap);
  // How many came at once before one had to wait.
  const runs: number[] = [0];
  while (runs.length < 5) {
    const chunk = waitFor(chunks);
    await settle();
    tap.offer("raw", "x");
    await settle();
    if (chunk.text === undefined) {
      time.pass(2);
      await settle();
      runs.push(0);
    } else runs[runs.length - 1]!++;
    assertEquals(chunk.text, "x\n");
  }
  assertEquals(runs, [0, 2 * QUICK, 4 * QUICK, 8 * QUICK, 0]);
  await chunks.cancel();
  assertEquals(time.armed, 0);
});

test("A chunk that has enough events does not wait for more", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const chunks = await hurried(tap);
  const chunk = waitFor(chunks);
  await settle();
  for (let id = 0; id < 64; id++) tap.offer("raw", "x");
  await settle();
  assertEquals(chunk.text, "x\n".repeat(64));
  await chunks.cancel();
  assertEquals(time.armed, 0);
});

test("Events do not wait for others until their buffer is full", async () => {
  using time = new FakeTime();
  const tap = new Tap({ bufferEvents: 6 });
  const chunks = await hurried(tap);
  const chunk = waitFor(chunks);
  await settle();
  // The first one is in nobody's way.
  for (let id = 0; id < 4; id++) {
    assertEquals(chunk.text, undefined);
    tap.offer("raw", `${id}`);
    await settle();
  }
  assertEquals(chunk.text, "0\n1\n2\n3\n");
  assertEquals(tap.sessions[0]!.dropped, 0);
  await chunks.cancel();
  assertEquals(time.armed, 0);
});

test("The end of a session, and a reader that goes, end the wait for more events", async () => {
  for (const end of ["close", "limit", "cancel"]) {
    using time = new FakeTime();
    const tap = new Tap();
    const chunks = await hurried(tap, end === "limit" ? `&limit=${QUICK + 1}` : "");
    const chunk = waitFor(chunks);
    await settle();
    const [session] = tap.sessions;
    tap.offer("raw", "last");
    await settle();
    if (end === "close") tap.close();
    if (end === "cancel") await chunks.cancel();
    await settle();
    if (end === "cancel") assertEquals(session!.stats().undelivered, 1);
    else {
      assertEquals(chunk.text, "last\n", end);
      const { summary } = parse(`{"weir_tap_hello":{}}\n${await chunks.next()}`);
      assertEquals([summary.captured, summary.undelivered], [QUICK + 1, 0]);
    }
    assertEquals(time.armed, 0, end);
  }
});

test("Nobody who asks for signs of life more often than that waits for events", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const handler = tapHandler(tap, { heartbeatMs: 10 });
  const chunks = chunksOf(await ask(handler, "?stage=raw&duration=1m"));
  await chunks.next();
  for (let count = 0; count < 3 * QUICK; count++) {
    const chunk = waitFor(chunks);
    await settle();
    tap.offer("raw", `${count}`);
    await settle();
    assertEquals(chunk.text, `${count}\n`);
  }
  await chunks.cancel();
  assert(time.armed === 0);
});
