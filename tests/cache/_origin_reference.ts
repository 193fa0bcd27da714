import type { SpanInput } from "../../cache/mod.ts";
import type { Random } from "../_random.ts";
import { spanOf } from "./_origin_spans.ts";

/** What a sum says, as far as it is exact, and the middle duration. */
export interface ReferenceRow {
  readonly count: number;
  readonly failed: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly totalMs: number;
  readonly selfMs: number;
  readonly seen: number;
  readonly p50Ms: number;
}

/** Holds spans as a cache does, and sums them up from the beginning each time it is asked. */
export class Reference {
  readonly #capacity: number;
  readonly #evict: "oldest-opened" | "oldest-closed";
  readonly #seen: Map<string, number> = new Map();
  readonly #children: Map<string, number> = new Map();
  held: SpanInput[] = [];

  constructor(capacity: number, evict: "oldest-opened" | "oldest-closed") {
    this.#capacity = capacity;
    this.#evict = evict;
  }

  record(span: SpanInput): void {
    if (this.held.length >= this.#capacity) {
      let first = 0;
      if (this.#evict === "oldest-opened") {
        this.held.forEach(({ startMs }, index) => {
          if (startMs < this.held[first]!.startMs) first = index;
        });
      }
      this.held.splice(first, 1);
    }
    this.held.push(span);
    this.#seen.set(span.name, (this.#seen.get(span.name) ?? 0) + 1);
    const { parentId, durationMs } = span;
    if (parentId === undefined) return;
    this.#children.set(parentId, (this.#children.get(parentId) ?? 0) + durationMs);
  }

  /** How many held spans have a parent that is not held. */
  get orphans(): number {
    const ids = new Set(this.held.map(({ id }) => id));
    return this.held.filter(({ parentId }) => parentId !== undefined && !ids.has(parentId)).length;
  }

  rows(groupOf: (span: SpanInput) => string = ({ name }) => name): Record<string, ReferenceRow> {
    const groups = new Map<string, SpanInput[]>();
    for (const span of this.held) {
      const group = groupOf(span);
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group)!.push(span);
    }
    const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
    return Object.fromEntries([...groups].map(([group, spans]) => {
      const durations = spans.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
      return [group, {
        count: spans.length,
        failed: spans.filter(({ status }) => status === "error").length,
        minMs: durations[0]!,
        maxMs: durations.at(-1)!,
        totalMs: sum(durations),
        selfMs: sum(spans.map(({ id, durationMs }) => durationMs - (this.#children.get(id!) ?? 0))),
        seen: this.#seen.get(group) ?? spans.length,
        p50Ms: durations[Math.ceil(durations.length / 2) - 1]!,
      }];
    }));
  }
}

/** Spans in the order in which they end, children first: some failed, some in a parent that never comes. */
export function workload(random: Random, count: number): SpanInput[] {
  const spans: SpanInput[] = [];
  let last = 0;
  const grow = (parent: number | undefined, at: number, ms: number, depth: number): void => {
    const number = ++last;
    let free = at;
    for (let child = 0; child < 3 && depth < 5; child++) {
      const room = at + ms - free;
      if (room < 4 || random.next() < 0.4) break;
      const length = 1 + random.below(room - 1);
      grow(number, free, length, depth + 1);
      free += length;
    }
    spans.push(spanOf(number, {
      name: `${depth} ${random.pick(["read", "write"])}`,
      at,
      ms,
      status: random.next() < 0.1 ? "error" : "unset",
      fields: random.next() < 0.5 ? {} : { tenant: random.pick(["a", "b"]) },
      ...(parent === undefined ? {} : { parent }),
    }));
  };
  for (let root = 0; spans.length < count; root++) {
    const isLost = random.next() < 0.05;
    grow(isLost ? 1_000_000 + root : undefined, root * 20, 1 + random.below(2_000), 0);
  }
  return spans;
}

/** The same spans, some runs of them in the order from last to first. */
export function shuffled(random: Random, spans: readonly SpanInput[]): SpanInput[] {
  const mixed: SpanInput[] = [];
  for (let at = 0; at < spans.length;) {
    const run = spans.slice(at, at += 1 + random.below(40));
    mixed.push(...random.next() < 0.5 ? run.reverse() : run);
  }
  return mixed;
}
