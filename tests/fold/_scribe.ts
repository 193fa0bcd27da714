import { assertEquals } from "@std/assert";
import type { FoldChange, FoldEntry, FoldKey, FoldTransition } from "../../fold/mod.ts";

/** A key with its type: some are alike. */
export function keyOf(key: FoldKey): string {
  return `${typeof key} ${key}`;
}

/**
 * Writes what a fold has as texts, so that it is quickly compared, and a difference is easily read. Payloads have numbers, by which it is seen
 * whether they are the very ones that were announced.
 */
export class Scribe<P> {
  readonly #numbers: Map<P, number> = new Map();

  /** Gives a payload a number. */
  add(payload: P): void {
    this.#numbers.set(payload, this.#numbers.size);
  }

  /** The number of a payload. */
  numberOf(payload: P): number {
    return this.#numbers.get(payload)!;
  }

  /** One entry. */
  entry({ key, node, generation, payload, receivedAt, expiresAt }: FoldEntry<FoldKey, P>): string {
    const number = this.#numbers.get(payload);
    return `${keyOf(key)} of ${node} @${generation} #${number} ${receivedAt} to ${expiresAt}`;
  }

  /** Entries in no order. */
  entries(entries: readonly FoldEntry<FoldKey, P>[]): string {
    return entries.map((entry) => this.entry(entry)).sort().join("\n");
  }

  /** What a watch tells. */
  change(change: FoldChange<FoldKey, P>): string {
    switch (change.type) {
      case "snapshot":
        return `snapshot\n${this.entries(change.entries)}`;
      case "resync":
        return `resync, missed ${change.missed}\n${this.entries(change.entries)}`;
      case "created":
        return `created ${keyOf(change.key)}: ${this.entry(change.entry)}`;
      case "replaced": {
        const { key, entry, previous } = change;
        return `replaced ${keyOf(key)}: ${this.entry(entry)}, was ${this.entry(previous)}`;
      }
      default: {
        const { type, key, entry, reason } = change;
        return `${type} ${keyOf(key)}, ${reason}: ${this.entry(entry)}`;
      }
    }
  }

  /** What an audit is told. */
  transition(transition: FoldTransition<FoldKey, P>): string {
    if (transition.type !== "rejected") return this.change(transition);
    const { key, existing, incoming, reason } = transition;
    return `rejected ${keyOf(key)}, ${reason}, ${existing && this.entry(existing)}, ` +
      `${incoming.node} @${incoming.generation} #${this.#numbers.get(incoming.payload)}`;
  }
}

/** Fails unless two texts are equal, showing the lines that are not. */
export function assertSame(
  actual: string | undefined,
  expected: string | undefined,
  what: string,
): void {
  if (actual !== expected) assertEquals(actual?.split("\n"), expected?.split("\n"), what);
}
