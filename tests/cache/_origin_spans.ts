import type { SpanAggregate, SpanCache, SpanInput } from "../../cache/mod.ts";
import { START_MS } from "../_hand_clock.ts";

/** The id of a span, as the original has it: a number. */
export function idOf(number: number): string {
  return number.toString(16).padStart(16, "0");
}

/** What is to be said of a span beside its number. */
export interface SpanParts extends Omit<SpanInput, "name" | "startMs" | "durationMs"> {
  readonly name?: string;
  /** The number of its parent. */
  readonly parent?: number;
  /** When it began, counted from the beginning of the test. */
  readonly at?: number;
  /** How long it took. */
  readonly ms?: number;
}

/** A span as it comes from elsewhere. */
export function spanOf(number: number, parts: SpanParts = {}): SpanInput {
  const { name = `span ${number}`, parent, at = 0, ms = 1, ...rest } = parts;
  return {
    id: idOf(number),
    name,
    startMs: START_MS + at,
    durationMs: ms,
    ...(parent === undefined ? {} : { parentId: idOf(parent) }),
    ...rest,
  };
}

/** The names of what is held, in the order of commits. */
export function namesOf(cache: SpanCache): string[] {
  return cache.page({ limit: Infinity }).map(({ name }) => name);
}

/** The sum of what has a name; undefined if there is none. */
export function rowOf(cache: SpanCache, name: string): SpanAggregate | undefined {
  return cache.aggregate().find((row) => row.name === name);
}

/** Self times by name, of what is held. */
export function selvesOf(cache: SpanCache): Record<string, number> {
  const held = cache.aggregate().filter(({ count }) => count > 0);
  return Object.fromEntries(held.map(({ name, selfMs }) => [name, selfMs]));
}
