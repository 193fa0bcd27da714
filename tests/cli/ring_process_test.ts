import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { chmod } from "node:fs/promises";
import process from "node:process";
import { EventRing, Ring } from "../../ring/mod.ts";
import { Child } from "../_child.ts";
import { test } from "../_harness.ts";
import { bothRuntimes, thisRuntime } from "../_runtimes.ts";
import { until } from "../tap/_wait.ts";
import { command, runtimeWith, Weir } from "./_process.ts";
import { withRing } from "./_ring.ts";

const SPEC = { capacity: 1024, payloadCapacity: 64, nodes: 2 };
const writer = new URL("./_ring_writer.ts", import.meta.url);

interface Line {
  readonly topic: string;
  readonly value: number;
  readonly time: string;
  readonly node: number;
  readonly counter: number;
}

/** The lines that it has written to standard output, read. */
function linesOf(tail: Child): Line[] {
  return tail.output.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** What `weir ring tail` said at its end. */
function summaryOf(
  tail: Child,
): { shown: number; lost: number; filtered: number; missed: number; reason: string } {
  const line = tail.errorLines.at(-1) ?? "";
  const [, shown, lost, filtered, missed, reason] =
    /^ring: (\d+) shown, (\d+) lost(?: \(\d+ overwritten, \d+ unavailable\))?, (\d+) filtered(?:, (\d+) missed before it began)? \((\w+)\)/
      .exec(line) ?? [];
  assert(reason !== undefined, `no summary: ${tail.errors}`);
  return {
    shown: Number(shown),
    lost: Number(lost),
    filtered: Number(filtered),
    missed: Number(missed ?? 0),
    reason,
  };
}

for (const runtime of bothRuntimes) {
  test(`weir ring tail shows what a process of ${runtime.name} publishes, as it comes`, () =>
    withRing(SPEC, async (path) => {
      await using tail = new Weir("ring", "tail", path, "--from", "start");
      await using live = new Child(runtime, writer, path, 1);
      await live.says("writer ");
      for (let round = 1; round <= 3; round++) {
        await live.write("100\n");
        await until("they are shown", () => linesOf(tail).length === 100 * round);
      }
      live.endInput();
      assertEquals(await live.code, 0, live.errors);
      tail.signal("SIGINT");
      assertEquals(await tail.code, 0, tail.errors);
      assertEquals(tail.errors, "ring: 300 shown, 0 lost, 0 filtered (interrupted)\n");
      for (const [index, { topic, value, time, node, counter }] of linesOf(tail).entries()) {
        assertEquals([topic, value, node, counter], ["count.node1", index, 1, index]);
        assertMatch(time, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      }
    }));

  test(`weir ring stat names a process of ${runtime.name} that writes, until it is killed`, () =>
    withRing(SPEC, async (path) => {
      await using live = new Child(runtime, writer, path, 1);
      await live.write("7\n");
      await live.says("published 7");
      await using stat = new Weir("ring", "stat", path, "--json", "--over", "1ms");
      const { lanes, rate, never_written: unused } = await stat.answer<
        { lanes: Record<string, number>[]; rate: number; "never_written": number }
      >();
      const lane = { node: 1, head: 7, oldest: 0, retained: 7, lapped: 0, rate: 0 };
      assertEquals([lanes, rate, unused], [[{ ...lane, writer: live.pid }], 0, 1]);
      live.kill();
      await live.code;
      await using after = new Weir("ring", "stat", path, "--over", "0");
      assertEquals(await after.code, 0);
      assertMatch(after.output, /\n +1 +none +7 +0 +7 +0\n1 of 2 nodes never wrote\n$/);
    }));
}

test("weir ring tail accounts for every event of a flood from both runtimes", () =>
  withRing(SPEC, async (path) => {
    const count = 50_000;
    const [one, other] = bothRuntimes;
    await using tail = new Weir("ring", "tail", path, "--from=start", "--topic", "count.*");
    await using first = new Child(one, writer, path, 0);
    await using second = new Child(other, writer, path, 1);
    for (const live of [first, second]) {
      await live.says("writer ");
      await live.write(`${count}\n`);
    }
    for (const live of [first, second]) await live.says(`published ${count}`);
    // The last ones are there to be read, whatever was lost before.
    for (const node of [0, 1]) {
      await until(
        "the last one is shown",
        () => tail.output.includes(`"node":${node},"counter":${count - 1}}\n`),
      );
    }
    tail.signal("SIGINT");
    assertEquals(await tail.code, 0, tail.errors);
    const lines = linesOf(tail);
    const { shown, lost, filtered, missed, reason } = summaryOf(tail);
    assertEquals([shown, filtered, reason], [lines.length, 0, "interrupted"]);
    assertEquals(shown + lost + missed, 2 * count, tail.errors);
    const last = [-1, -1];
    for (const { topic, value, node, counter } of lines) {
      assertEquals([topic, value], [`count.node${node}`, counter]);
      assert(counter > last[node]!, "out of order");
      last[node] = counter;
    }
    // What was said on the way is a part of it.
    const told = tail.errorLines.slice(0, -1).map((line) => {
      const [, sum, overwritten, unavailable] =
        /^ring: (\d+) lost \((\d+) overwritten, (\d+) unavailable\)$/.exec(line) ?? [];
      assertEquals(Number(sum), Number(overwritten) + Number(unavailable), line);
      return Number(sum);
    });
    assert(told.reduce((sum, part) => sum + part, 0) <= lost, tail.errors);
    assertEquals(told.length > 0, lost > 0);
  }));

test("weir ring tail counts what a reader of its output that is slow makes it lose", () =>
  withRing({ ...SPEC, capacity: 16_384 }, async (path, storage) => {
    using ring = new Ring(storage);
    const events = new EventRing(ring);
    const rounds = 20;
    await using tail = new Weir("ring", "tail", path, "--from", "start");
    events.publish("first", "x".repeat(32));
    await until("the first one is shown", () => tail.output !== "");
    tail.pauseOutput();
    // More than the command and the system keep between them.
    for (let round = 0; round < rounds; round++) {
      for (let value = 0; value < 16_384; value++) events.publish("flood", "x".repeat(32));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    tail.resumeOutput();
    await tail.says(" lost (");
    const total = 1 + rounds * 16_384;
    await until("the last one is shown", () => tail.output.includes(`"counter":${total - 1}}\n`));
    tail.signal("SIGTERM");
    assertEquals(await tail.code, 0, tail.errors);
    const { shown, lost } = summaryOf(tail);
    assertEquals(shown, tail.output.split("\n").length - 1);
    assertEquals([shown + lost, lost > 0], [total, true]);
  }));

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} to weir ring tail of a quiet ring ends it in good order`, () =>
    withRing(SPEC, async (path, storage) => {
      using ring = new Ring(storage);
      new EventRing(ring).publish("a", 1);
      await using tail = new Weir("ring", "tail", path, "--from", "start");
      await until("the event is shown", () => tail.output !== "");
      tail.signal(signal);
      assertEquals(await tail.code, 0, tail.errors);
      assertEquals(tail.errors, "ring: 1 shown, 0 lost, 0 filtered (interrupted)\n");
    }));
}

test("SIGINT twice ends a weir ring tail whose output nobody takes", () =>
  withRing({ capacity: 4096, payloadCapacity: 1024, nodes: 1 }, async (path, storage) => {
    using ring = new Ring(storage);
    const events = new EventRing(ring);
    events.publish("first", 1);
    await using tail = new Weir("ring", "tail", path, "--from", "start");
    await until("the first one is shown", () => tail.output !== "");
    tail.pauseOutput();
    process.kill(tail.pid, "SIGSTOP");
    // Much more than the system keeps, and than the ring does: what it says of its loss shows that it has begun to write the rest.
    for (let value = 0; value < 5_000; value++) events.publish("flood", "x".repeat(1_000));
    process.kill(tail.pid, "SIGCONT");
    await tail.says(" lost (");
    // Signals that come together are one.
    await until("it ends", () => !tail.signal("SIGINT"));
    tail.resumeOutput();
    assertEquals(await tail.code, 130, tail.errors);
  }));

test("weir ring tail exits with 0 when its output is closed early, as head does", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    const events = new EventRing(ring);
    events.publish("a", 1);
    await using tail = new Weir("ring", "tail", path, "--from", "start");
    await until("the first line is shown", () => tail.output !== "");
    const { output } = tail;
    tail.closeOutput();
    // It notices at the next lines.
    let hasEnded = false;
    tail.code.finally(() => hasEnded = true);
    await until("it ends", () => {
      events.publish("a", 2);
      return hasEnded;
    });
    assertEquals([await tail.code, tail.output, tail.errors], [0, output, ""]);
  }));

test("weir ring tail --limit ends after so many lines, though more are there", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    new EventRing(ring).publishBatch("a", [1, 2, 3, 4, 5]);
    await using tail = new Weir("ring", "tail", path, "--from", "start", "--limit", "3");
    assertEquals(await tail.code, 0);
    assertEquals(linesOf(tail).map(({ value }) => value), [1, 2, 3]);
    assertEquals(tail.errors, "ring: 3 shown, 0 lost, 0 filtered (limit)\n");
  }));

test("weir ring exits with 1 and one line for what is no ring", () =>
  withRing(SPEC, async (path) => {
    for (const name of ["tail", "stat"]) {
      for (const wrong of [`${path}.gone`, new URL("..", import.meta.url).pathname]) {
        await using weir = new Weir("ring", name, wrong);
        assertEquals([await weir.code, weir.output, weir.errorLines.length], [1, "", 1]);
        assert(weir.errors.startsWith("weir: Cannot "), weir.errors);
        assertStringIncludes(weir.errors, wrong);
      }
    }
  }));

// Nothing is forbidden to root.
if (process.getuid?.() !== 0) {
  test("weir ring exits with 1 and one line for a ring that it may not read", () =>
    withRing(SPEC, async (path) => {
      await chmod(path, 0);
      await using weir = new Weir("ring", "stat", path);
      assertEquals([await weir.code, weir.output, weir.errorLines.length], [1, "", 1]);
      assertMatch(weir.errors, /permission denied/i);
    }));
}

// Bun has no permissions.
if (thisRuntime.name === "Deno") {
  test("weir ring names the permission that it lacks, in one line; other commands need none of it", () =>
    withRing(SPEC, async (path) => {
      for (
        const [given, missing] of [["--allow-read", "--allow-ffi"], ["--allow-ffi", "--allow-read"]]
      ) {
        for (const name of ["tail", "stat"]) {
          await using weir = new Child(runtimeWith(given!), command, "ring", name, path);
          assertEquals([await weir.code, weir.output, weir.errorLines.length], [1, "", 1]);
          assertStringIncludes(weir.errors, missing!);
        }
      }
      await using help = new Child(runtimeWith(), command, "ring", "--help");
      assertEquals([await help.code, help.errors], [0, ""]);
    }));
}
