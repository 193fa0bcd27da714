/**
 * Spans of which everything is known beforehand: what is asked for can be checked, and found in other ways as well.
 *
 * @module
 */
import type { SpanCache } from "../../cache/mod.ts";

/** Spans of a trace: one, and the others in it, one after the other. */
export const perTrace = 8;

/** How many different names there are. */
export const names = 20;

/** Says what time it is: what is asked for should not depend on how fast spans could be made. */
export class HandClock {
  time = 1;
  readonly now = (): number => this.time;
  readonly wallNow = (): number => 1_750_000_000_000;
}

/** The name of a span. */
export function nameOf(index: number): string {
  return `step ${index % names}`;
}

/** Whether it failed: one in fifty. */
export function hasFailed(index: number): boolean {
  return index % 50 === 7;
}

/** How long it took, in milliseconds, children aside. */
export function durationOf(index: number): number {
  return 1 + index * 7_919 % 10_007;
}

/** A field of it: one in a thousand has the same. */
export function shardOf(index: number): number {
  return index * 31 % 1_000;
}

/** Fills a cache that has this clock. Spans are numbered in the order in which they end: the one around the others is the last of its trace. */
export function fill(cache: SpanCache, clock: HandClock, count: number): void {
  for (let first = 0; first < count; first += perTrace) {
    const last = first + perTrace - 1;
    const root = cache.start(nameOf(last), { shard: shardOf(last), index: last });
    for (let index = first; index < last; index++) {
      const span = root.start(nameOf(index), { shard: shardOf(index), index });
      clock.time += durationOf(index);
      if (hasFailed(index)) span.fail();
      span.end();
    }
    clock.time += durationOf(last);
    if (hasFailed(last)) root.fail();
    root.end();
  }
}

/** What people keep of a span. */
export interface Row {
  readonly id: string;
  readonly traceId: string;
  readonly parentId: string | undefined;
  readonly name: string;
  readonly hasFailed: boolean;
  readonly startMs: number;
  readonly durationMs: number;
  readonly fields: { readonly shard: number; readonly index: number };
}

/** The same spans as objects. */
export function rowsOf(count: number): Row[] {
  const rows: Row[] = [];
  let time = 0;
  for (let first = 0; first < count; first += perTrace) {
    const last = first + perTrace - 1;
    const traceId = `${idOf(first)}${idOf(first)}`;
    const start = time;
    for (let index = first; index <= last; index++) {
      const startMs = index === last ? start : time;
      time += durationOf(index);
      rows.push({
        id: idOf(index),
        traceId,
        parentId: index === last ? undefined : idOf(last),
        name: nameOf(index),
        hasFailed: hasFailed(index),
        startMs,
        durationMs: time - startMs,
        fields: { shard: shardOf(index), index },
      });
    }
  }
  return rows;
}

/** As ids are: texts that are made for one span each, of 16 digits. */
export function idOf(index: number): string {
  return `1${index.toString(16).padStart(15, "0")}`;
}
