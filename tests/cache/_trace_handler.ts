import { assertEquals } from "@std/assert";
import type { SpanCache, SpanRecord } from "../../cache/mod.ts";

/** A request of a path of a server. */
export function ask(path: string = "/users", init: RequestInit = {}): Request {
  return new Request(`http://localhost${path}`, init);
}

/** The only span that a cache holds, and none runs. */
export function only(cache: SpanCache): SpanRecord {
  const spans = cache.page();
  assertEquals([spans.length, cache.stats().open], [1, 0]);
  return spans[0]!;
}
