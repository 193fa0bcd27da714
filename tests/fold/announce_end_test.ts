import { assert, assertEquals, assertGreater, assertStrictEquals, assertThrows } from "@std/assert";
import { Announcer, type FoldAnnouncement, type Presence } from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { observe, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { announcing, AWAY, SlowLine, wordsOf } from "./_announcing.ts";
import { ADA } from "./_envelopes.ts";

test("close() tells others that it is over, before whoever calls it goes on, and leaves no timer", async () => {
  using time = new FakeTime();
  const { announcer, said } = announcing(AWAY);
  const closing = announcer.close();
  assertEquals(wordsOf(said), ["away", "leave"]);
  assertGreater(said[1]!.generation, said[0]!.generation);
  assertEquals({ ...said[1], generation: 0 }, { ...said[0], generation: 0, leave: true } as never);
  assertEquals([announcer.closed, time.armed], [true, 0]);
  await closing;
  announcer.update(ADA);
  time.pass(100_000);
  await Promise.all([announcer.close(), announcer[Symbol.asyncDispose]()]);
  assertEquals([said.length, announcer.sent], [2, 2]);
});

test("close() waits for what is being said, says no more of it, and then that it is over", async () => {
  using time = new FakeTime();
  const line = new SlowLine();
  const { announcer } = announcing(ADA, { send: line.send });
  announcer.update(AWAY);
  const closing = observe(announcer.close());
  const again = observe(announcer.close());
  // One that waits no longer than what is said would hold.
  assertEquals([wordsOf(line.said), time.armed], [["here"], 1]);
  await line.end();
  assertEquals([wordsOf(line.said), closing.state], [["here", "leave"], "pending"]);
  await line.end();
  assertEquals([closing.state, again.state, line.most], ["fulfilled", "fulfilled", 1]);
  assertEquals(time.armed, 0);
});

test("close() is done even if nobody could be told", async () => {
  using _time = new FakeTime();
  const errors: unknown[] = [];
  const line = new SlowLine();
  const { announcer } = announcing(ADA, {
    send: line.send,
    onError: (error) => errors.push(error),
  });
  const closing = observe(announcer.close());
  await line.end("lost");
  await line.end("lost, too");
  assertEquals([closing.state, errors, announcer.failed], ["fulfilled", ["lost", "lost, too"], 2]);
});

test("what was never said is not said to be over", async () => {
  using _time = new FakeTime();
  const { announcer, said } = announcing(() => {
    throw new Error("unknown");
  });
  await announcer.close();
  assertEquals([said, announcer.failed], [[], 1]);
});

test("with leave: false others find out when its life is over", async () => {
  using time = new FakeTime();
  const { announcer, said } = announcing(ADA, { leave: false });
  await announcer.close();
  time.pass(100_000);
  assertEquals([wordsOf(said), time.armed], [["here"], 0]);
});

test("a scope that ends closes it", async () => {
  using time = new FakeTime();
  let said: FoldAnnouncement<Presence>[];
  {
    const begun = announcing();
    await using announcer = begun.announcer;
    said = begun.said;
    assert(announcer instanceof Announcer);
  }
  assertEquals([wordsOf(said), time.armed], [["here", "leave"], 0]);
});

test("an abort ends it as close() does, and leaves neither a listener nor a timer", async () => {
  using time = new FakeTime();
  const counted = countedSignal();
  const { announcer, said } = announcing(ADA, { signal: counted.signal });
  time.pass(10_000);
  assertEquals(counted.listening, 1);
  counted.abort(new Error("stop"));
  assertEquals([wordsOf(said), announcer.closed], [["here", "here", "leave"], true]);
  assertEquals([counted.listening, time.armed], [0, 0]);
  await announcer.close();

  const other = countedSignal();
  const { announcer: closed } = announcing(ADA, { signal: other.signal });
  await closed.close();
  assertEquals([other.listening, time.armed], [0, 0]);
});

test("a signal that has aborted is the end before the beginning", () => {
  using time = new FakeTime();
  for (const reason of [new Error("before"), "text", null]) {
    const counted = countedSignal({ reason });
    let sent = 0;
    const start = () => announcing(ADA, { signal: counted.signal, send: () => void sent++ });
    assertStrictEquals(assertThrows(start), reason);
    assertEquals([sent, counted.added, time.armed], [0, 0, 0]);
  }
});

test("an abort while the first one is said is the end", async () => {
  using time = new FakeTime();
  const counted = countedSignal();
  const said: FoldAnnouncement<Presence>[] = [];
  const { announcer } = announcing(ADA, {
    signal: counted.signal,
    send: (announcement) => {
      said.push(announcement);
      counted.abort();
    },
  });
  await announcer.close();
  assertEquals([wordsOf(said), announcer.closed], [["here", "leave"], true]);
  assertEquals([counted.listening, time.armed], [0, 0]);
});

test("whoever ends it while something is said is not told of two things at a time", async () => {
  using time = new FakeTime();
  const line = new SlowLine();
  const closings: ReturnType<typeof observe<void>>[] = [];
  const { announcer } = announcing(ADA, {
    send(announcement) {
      if (line.said.length === 1) closings.push(observe(announcer.close()));
      return line.send(announcement);
    },
  });
  await line.end();
  time.pass(10_000);
  await settle();
  assertEquals([line.said.length, line.active], [2, 1]);
  await line.end();
  assertEquals([wordsOf(line.said), closings[0]!.state], [["here", "here", "leave"], "pending"]);
  await line.end();
  assertEquals([closings[0]!.state, line.most, time.armed], ["fulfilled", 1, 0]);
});
