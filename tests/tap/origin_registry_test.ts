import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Tap } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { settle } from "../_settle.ts";

// The tests that the origin has of what captures and hands on, under the names they have there.

test("register_respects_session_cap: of two places, whatever the stages, there is none for a third", () => {
  using tap = new Tap({ maxSessions: 2 });
  const [one, two] = [tap.open({ stage: "raw" }), tap.open({ stage: "decoded" })];
  assert(one && two);
  assert(one.id !== two.id);
  assertEquals(tap.stats().active, 2);
  for (const stage of ["raw", "decoded", "*"] as const) {
    assertStrictEquals(tap.open({ stage }), undefined);
  }
  const { active, opened, refusedBy } = tap.stats();
  assertEquals({ active, opened, full: refusedBy.full }, { active: 2, opened: 2, full: 3 });
  // Who was refused takes nothing from those who are there.
  tap.offer("raw", "x");
  assertEquals([one.captured, two.captured], [1, 0]);
  // No place at all is a cap like any other.
  assertStrictEquals(new Tap({ maxSessions: 0 }).open({ stage: "raw" }), undefined);
});

test("dropping_handle_deregisters_session: leaving its scope frees the place, for another one", async () => {
  using tap = new Tap({ maxSessions: 1 });
  {
    using session = tap.open({ stage: "raw" })!;
    assertEquals(tap.stats().active, 1);
    assertStrictEquals(tap.open({ stage: "raw" }), undefined);
    assertEquals(session.reason, undefined);
  }
  assertEquals(tap.stats().active, 0);
  assert(!tap.isListening("raw"));

  // Leaving a loop, closing by hand, twice, and a signal do the same.
  const left = tap.open({ stage: "raw" })!;
  tap.offer("raw", "x");
  for await (const _event of left) break;
  assertEquals([left.reason, tap.stats().active], ["client", 0]);
  const closed = tap.open({ stage: "raw" })!;
  closed.close();
  closed.close();
  assertEquals(tap.stats().active, 0);
  const gone = new AbortController();
  const aborted = tap.open({ stage: "raw", signal: gone.signal })!;
  gone.abort();
  assertEquals([aborted.reason, tap.stats().active], ["client", 0]);

  const again = tap.open({ stage: "raw" });
  assert(again !== undefined);
  assertEquals([again.id, tap.stats().opened], [5, 5]);
});

test("offer_delivers_until_full_then_drops: of three offers a queue of two has the first two", async () => {
  const tap = new Tap({ bufferEvents: 2, maxSessions: 2 });
  using slow = tap.open({ stage: "decoded" })!;
  using other = tap.open({ stage: "decoded", limit: 9, where: "id > 1" })!;
  for (let id = 1; id <= 3; id++) tap.offer("decoded", { id });
  // All of it before the program goes on: nobody has waited for anybody.
  assertEquals([slow.captured, slow.dropped, slow.size], [2, 1, 2]);
  // Each session counts for itself.
  assertEquals([other.captured, other.dropped, other.size], [2, 0, 2]);
  const lines = (await slow.receiveBatch(9)).map(({ line }) => line);
  assertEquals(lines, ['{"id":1}', '{"id":2}']);

  // Room that was made is used again, and a session that has ended gets and counts nothing.
  tap.offer("decoded", { id: 4 });
  assertEquals([slow.captured, slow.dropped, slow.size], [3, 1, 1]);
  slow.close();
  tap.offer("decoded", { id: 5 });
  await settle();
  assertEquals([slow.captured, slow.dropped], [3, 1]);
  const { captured, dropped } = tap.stats();
  assertEquals([captured, dropped], [slow.captured + other.captured, slow.dropped + other.dropped]);
});
