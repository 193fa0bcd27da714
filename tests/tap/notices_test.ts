import { assert, assertEquals } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { type Chunks, chunksOf } from "../_chunks.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { ask, chunkNow, helloOf, noticeOf, parse, restOf, waitFor } from "./_streams.ts";
import { settle } from "./_wait.ts";

/** The lines of the next chunk, which must be there already. */
async function linesNow(chunks: Chunks): Promise<string[]> {
  const text = await chunkNow(chunks);
  assert(text !== undefined && text.endsWith("\n"), text);
  return text.slice(0, -1).split("\n");
}

/** Reads all chunks as they come. */
function follow(chunks: Chunks): { readonly text: string } {
  const followed = { text: "" };
  const next = (): Promise<void> =>
    chunks.next().then((text) => {
      if (text === undefined) return;
      followed.text += text;
      return next();
    });
  next();
  return followed;
}

test("A reader is told at once when an event is lost while it waits, within a second", async () => {
  using time = new FakeTime();
  const tap = new Tap();
  const chunks = chunksOf(await ask(tapHandler(tap), "?redact=ip&stage=raw"));
  await helloOf(chunks);
  const next = waitFor(chunks);
  await settle();
  // What is no JSON cannot be redacted by its paths.
  tap.offer("raw", "ip=10.0.0.1");
  tap.offer("raw", "ip=10.0.0.2");
  time.pass(999);
  await settle();
  assertEquals(next.hasCome, false);
  time.pass(1);
  await settle();
  assertEquals(noticeOf(next.text!.trimEnd()), {
    kind: "drop",
    dropped: 2,
    new: 2,
    unshown: 2,
    rate_limited: 0,
  });
  await chunks.cancel();
});

test("A reader that is too slow finds what it has lost before the next events, with a running count", async () => {
  using time = new FakeTime();
  const tap = new Tap({ bufferEvents: 2 });
  const chunks = chunksOf(await ask(tapHandler(tap), "?rate=8"));
  const offer = (count: number): void => {
    for (let id = 0; id < count; id++) tap.offer("decoded", id);
  };
  offer(5);
  time.pass(1_000);
  offer(20);
  time.pass(1_000);
  // Nothing is lost in this one.
  time.pass(1_000);
  const [_hello, ...lines] = await linesNow(chunks);
  // Of twenty the rate lets through what a second gives back. Counts of before are of no use any more.
  const told = { kind: "drop", unshown: 0, "rate_limited": 12 };
  assertEquals(lines.map(readLine), [{ ...told, dropped: 11, new: 11 }, 0, 1]);
  offer(4);
  // Between two notices there is a second, and less than another one.
  time.pass(2_000);
  assertEquals((await linesNow(chunks)).map(readLine), [{ ...told, dropped: 13, new: 2 }, 0, 1]);
  // What was told is not told again.
  offer(1);
  time.pass(1_000);
  assertEquals(await linesNow(chunks), ["0"]);
  tap.close();
  const { events, notices, summary } = parse(`{"weir_tap_hello":{}}\n${await restOf(chunks)}`);
  assertEquals([events, notices, summary.dropped, summary.rate_limited], [[], [], 13, 12]);
});

function readLine(line: string): unknown {
  return line.startsWith("{") ? noticeOf(line) : JSON.parse(line);
}

for (const stallMs of [100, 999, 1_000, 30_000]) {
  test(`A reader is told of losses at most once a second, with a stallMs of ${stallMs}`, async () => {
    using time = new FakeTime();
    const tap = new Tap({ redact: ["ip"] });
    const chunks = chunksOf(await ask(tapHandler(tap, { stallMs }), "?stage=raw"));
    const followed = follow(chunks);
    await settle();
    // A hundred losses a second for ten seconds.
    for (let step = 0; step < 1_000; step++) {
      tap.offer("raw", "ip=10.0.0.1");
      time.pass(10);
      await settle();
    }
    tap.close();
    await settle();
    const { notices, summary } = parse(followed.text);
    assertEquals(summary.dropped, 1_000);
    assert(notices.length >= 9 && notices.length <= 10, `${notices.length} notices`);
    let told = 0;
    for (const notice of notices) {
      assert(notice.kind === "drop");
      assertEquals(notice.new, notice.dropped - told);
      told = notice.dropped;
    }
  });
}

test("Two notices of losses have a second between them, however late the first one was taken", async () => {
  using time = new FakeTime();
  const tap = new Tap({ redact: ["ip"] });
  const chunks = chunksOf(await ask(tapHandler(tap), "?stage=raw"));
  tap.offer("raw", '{"id":1}');
  await linesNow(chunks);
  tap.offer("raw", "ip=10.0.0.1");
  tap.offer("raw", '{"id":2}');
  time.pass(1_900);
  const [late] = await linesNow(chunks);
  assertEquals(noticeOf(late!).kind, "drop");
  const next = waitFor(chunks);
  await settle();
  tap.offer("raw", "ip=10.0.0.1");
  time.pass(999);
  await settle();
  assertEquals(next.hasCome, false);
  time.pass(1_001);
  await settle();
  assertEquals(noticeOf(next.text!.trimEnd()).kind, "drop");
  await chunks.cancel();
});

test("What is kept to be told to a reader that takes nothing does not grow, and its count is right", async () => {
  using time = new FakeTime();
  const tap = new Tap({ bufferEvents: 1, maxDurationMs: 2e9 });
  const handler = tapHandler(tap, { stallMs: 2e9 });
  const chunks = chunksOf(await ask(handler, "?duration=10h"));
  for (let second = 0; second < 10_000; second++) {
    tap.offer("decoded", second);
    time.pass(1_000);
  }
  const text = await chunkNow(chunks);
  assert(text!.length < 300_000, `${text!.length} characters`);
  tap.close();
  const { notices, summary } = parse(text! + await restOf(chunks));
  const [notice] = notices;
  assert(notice?.kind === "drop");
  assertEquals(
    notices.reduce((sum, each) => sum + (each.kind === "drop" ? each.new : 0), 0),
    9_999,
  );
  assertEquals([summary.captured, summary.dropped], [1, 9_999]);
});

test("A reader is told where what was kept ends, and what is new begins", async () => {
  // More than one chunk has, exactly one, and less.
  for (const count of [1, 511, 512, 513, 1_500]) {
    const tap = new Tap({ backlog: 2_000 });
    for (let id = 1; id <= count; id++) tap.offer("decoded", id);
    const response = await ask(tapHandler(tap), `?limit=${count + 2}`);
    tap.offer("decoded", "new");
    tap.offer("decoded", "newer");
    const lines = (await response.text()).split("\n");
    const seam = lines.findIndex((line) => line.startsWith('{"weir_tap_notice"'));
    assertEquals(seam, count + 1);
    assertEquals(noticeOf(lines[seam]!), { kind: "live", replayed: count });
    assertEquals(lines.slice(seam + 1, seam + 3), ['"new"', '"newer"']);
    assertEquals(lines.slice(1, seam), Array.from({ length: count }, (_, at) => `${at + 1}`));
  }
});

test("A reader is told nothing of a seam where nothing was kept, or nothing of it was wanted", async () => {
  for (const query of ["backlog=0", "where=id == 2", "stage=raw"]) {
    const tap = new Tap({ backlog: 9 });
    tap.offer("decoded", { id: 1 });
    const response = await ask(tapHandler(tap), `?${query}&limit=1`);
    tap.offer("decoded", { id: 2 });
    tap.offer("raw", "2");
    const { hello, notices, events } = parse(await response.text());
    assertEquals([hello.replayed, notices, events.length], [0, [], 1], query);
  }
});

test("A reader is told when no stage fits what it asks for, and when one does", async () => {
  using time = new FakeTime();
  const tap = new Tap<string>({ stages: { "http.in": "json" } });
  const chunks = chunksOf(await ask(tapHandler(tap), "?stage=queue.*,db*&duration=1m"));
  const [, notice, ...more] = await linesNow(chunks);
  assertEquals(noticeOf(notice!), { kind: "unmatched", patterns: ["queue.*", "db*"] });
  assertEquals(more, []);

  const followed = follow(chunks);
  await settle();
  tap.addStage("queue.in", "json");
  tap.addStage("other", "json");
  tap.addStage("db", "text");
  time.pass(1_000);
  await settle();
  const [matched] = followed.text.split("\n");
  assertEquals(noticeOf(matched!), { kind: "match", stages: ["queue.in", "db"] });
  tap.addStage("queue.out", "json");
  tap.offer("queue.out", 7);
  tap.offer("other", 8);
  time.pass(1_000);
  tap.close();
  await settle();
  const { events, notices } = parse(`{"weir_tap_hello":{}}\n${followed.text}`);
  assertEquals(events, ["7"]);
  assertEquals(notices.slice(1), [{ kind: "match", stages: ["queue.out"] }]);
});

test("A reader whose pattern fits a stage is not told of one that is not there, and hello has those that are", async () => {
  const tap = new Tap<string>({ stages: { "http.in": "json", "http.out": "json", db: "json" } });
  const response = await ask(tapHandler(tap), "?stage=http.*&limit=0");
  const { hello, notices } = parse(await response.text());
  assertEquals([hello.stage, hello.stages, notices], ["http.*", ["http.in", "http.out"], []]);
});
