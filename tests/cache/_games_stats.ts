import { assertEquals, assertLessOrEqual } from "@std/assert";
import type { Compared } from "./_games_compare.ts";

/** Compares what is counted, which must add up as well. */
export function compareStats({ cache, model, isShort }: Compared): void {
  const { bytes, maxBytes, names: _, keys: _1, cutTexts: _2, waiting, droppedFields, ...stats } =
    cache.stats();
  const { events, droppedEvents, ...counts } = model.counts;
  assertEquals(stats, {
    ...counts,
    events: isShort ? stats.events : events,
    droppedEvents: isShort ? stats.droppedEvents : droppedEvents,
    held: model.held.length,
    reserved: model.reserved.length,
    open: model.open.length,
    refused: model.refused,
  });
  // Where bytes are short, an event may have been dropped that there was room for otherwise.
  assertEquals(stats.events + stats.droppedEvents, events + droppedEvents, "events");
  assertEquals(stats.closed + stats.recorded, stats.held + stats.evicted + stats.cleared);
  assertEquals(stats.opened, stats.open + stats.closed);
  if (!isShort) {
    assertEquals(droppedFields, { type: 0, count: 0, keys: model.droppedKeys, room: 0 });
  }
  assertEquals([cache.size, cache.lastSeq], [model.held.length, model.lastSeq]);
  assertLessOrEqual(bytes, maxBytes);
  assertEquals(waiting, 0);
}
