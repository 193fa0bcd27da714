import { assertEquals, assertThrows } from "@std/assert";
import { SpanDriver, type SpanDriverOptions } from "../../cache/mod.ts";
import { START_MS } from "../_hand_clock.ts";
import { test } from "../_harness.ts";
import { clocked } from "./_clocked.ts";
import { idOf, spanOf } from "./_origin_spans.ts";

// Cases of the original's driver, by their names: events that come before their span.

function driven(options: SpanDriverOptions) {
  const { cache } = clocked();
  const driver = new SpanDriver(cache, options);
  let count = 0;
  const take = (...parents: number[]): void => {
    for (const parent of parents) {
      const event = { name: `event ${++count}`, timeMs: START_MS + count };
      driver.events.trySend({ spanId: idOf(parent), event });
    }
    driver.drain();
  };
  /** Lets the span come, and answers which events waited for it. */
  const arrive = (number: number): string[] => {
    driver.spans.trySend(spanOf(number));
    driver.drain();
    return cache.get(idOf(number))!.events.map(({ name }) => name);
  };
  const waiting = (): number[] => [driver.stats().parents, driver.stats().parked];
  return { cache, driver, take, arrive, waiting };
}

test("event_orphan_below_capacity_stashes_for_parent", () => {
  const { cache, driver, take, arrive, waiting } = driven({ capacity: 8 });
  take(99, 99);
  assertEquals(waiting(), [1, 2]);
  assertEquals([cache.size, cache.get(idOf(99))], [0, undefined]);

  assertEquals(arrive(99), ["event 1", "event 2"]);
  assertEquals(waiting(), [0, 0]);
  const { attached, droppedEvents } = driver.stats();
  assertEquals([attached, droppedEvents], [2, 0]);
});

test("span_arrival_attaches_parked_events_to_fanout", async () => {
  const { cache, take, arrive } = driven({ capacity: 8 });
  const before = cache.subscribe();
  const waiting = cache.subscribe();
  const received = waiting.receive();
  take(99, 99);
  arrive(99);
  const next = before.tryReceive();
  const copies = [next.state === "ok" ? next.value : undefined, await received];
  for (const copy of copies) {
    assertEquals(copy?.events.map(({ name }) => name), ["event 1", "event 2"]);
  }
});

test("event_orphan_at_capacity_evicts_oldest_parent_id", () => {
  const { driver, take, arrive, waiting } = driven({ capacity: 4 });
  take(10, 20, 30, 40);
  assertEquals(waiting(), [4, 4]);
  take(999);
  assertEquals(waiting(), [4, 4]);
  assertEquals(driver.stats().droppedEvents, 1);
  assertEquals([10, 20, 30, 40, 999].map((parent) => arrive(parent).length), [0, 1, 1, 1, 1]);
});

test("event_orphan_at_capacity_evicts_oldest_parent_id: who has waited longest goes, whatever its id", () => {
  const { take, arrive } = driven({ capacity: 4 });
  // Another event for a parent does not make it wait anew.
  take(40, 10, 30, 20, 40);
  take(5);
  assertEquals([5, 10, 20, 30, 40].map((parent) => arrive(parent).length), [1, 1, 1, 1, 0]);
});

test("event_orphan_at_capacity_grows_existing_parent_without_eviction", () => {
  const { driver, take, arrive, waiting } = driven({ capacity: 2 });
  take(1, 2);
  assertEquals(waiting(), [2, 2]);
  take(1, 1);
  assertEquals(waiting(), [2, 4]);
  assertEquals(driver.stats().droppedEvents, 0);
  assertEquals([arrive(1), arrive(2)], [["event 1", "event 3", "event 4"], ["event 2"]]);
});

test("event_orphan_at_capacity_grows_existing_parent_without_eviction: up to a bound of its own", () => {
  const { driver, take, arrive, waiting } = driven({ capacity: 2, maxEvents: 3 });
  take(1, 2, 1, 1, 1, 1);
  assertEquals(waiting(), [2, 4]);
  assertEquals(driver.stats().droppedEvents, 2);
  assertEquals(arrive(1), ["event 1", "event 3", "event 4"]);
});

test("event_orphan_appends_to_existing_parent_below_capacity", () => {
  const { take, arrive, waiting } = driven({ capacity: 8 });
  take(7, 7, 7);
  assertEquals(waiting(), [1, 3]);
  assertEquals(arrive(7), ["event 1", "event 2", "event 3"]);
});

test("event_orphan_eviction_drops_entire_bucket_not_just_one_event", () => {
  const { driver, take, arrive, waiting } = driven({ capacity: 2 });
  take(1, 1, 1, 2);
  assertEquals(waiting(), [2, 4]);
  take(7);
  assertEquals(waiting(), [2, 2]);
  assertEquals(driver.stats().droppedEvents, 3);
  assertEquals([1, 2, 7].map((parent) => arrive(parent).length), [0, 1, 1]);
});

// The original behaves as if that were 1.
test("a driver without room for anything is refused", () => {
  const { cache } = clocked();
  for (const capacity of [0, -1, 1.5, NaN]) {
    assertThrows(() => new SpanDriver(cache, { capacity }), RangeError, "capacity");
  }
});
