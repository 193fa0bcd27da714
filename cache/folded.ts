import type { SpanRecord } from "./record.ts";

/**
 * Sums up self times by what was within what, as lines of folded stacks: names from the outermost to the innermost with semicolons between them, and
 * the whole microseconds. Tools for flame graphs read that, speedscope among them.
 *
 * @param spans The spans, in any order. One whose parent is not among them begins a stack.
 * @returns The lines, in the order of their stacks.
 *
 * @example Where time goes
 * ```ts
 * import { foldedStacks, type SpanRecord } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const of = (id: string, name: string, selfMs: number, parentId?: string) =>
 *   ({ id, name, selfMs, parentId }) as SpanRecord;
 * const spans = [of("1", "GET", 2), of("2", "query", 5, "1"), of("3", "query", 1, "1")];
 * assertEquals(foldedStacks(spans), "GET 2000\nGET;query 6000\n");
 * ```
 */
export function foldedStacks(spans: Iterable<SpanRecord>): string {
  const known = new Map<string, SpanRecord>();
  for (const span of spans) known.set(span.id, span);
  const stacks = new Map<string, string>();
  const sums = new Map<string, number>();
  for (const span of known.values()) {
    const stack = stackOf(span, known, stacks);
    sums.set(stack, (sums.get(stack) ?? 0) + span.selfMs * 1e3);
  }
  return [...sums]
    .sort(([a], [b]) => a < b ? -1 : 1)
    .map(([stack, micros]) => `${stack} ${Math.round(micros)}\n`)
    .join("");
}

/** The stack of a span, from those of the spans around it that are known already. */
function stackOf(
  span: SpanRecord,
  known: Map<string, SpanRecord>,
  stacks: Map<string, string>,
): string {
  const inner: SpanRecord[] = [];
  let stack = "";
  const seen = new Set<string>();
  for (let at: SpanRecord | undefined = span; at !== undefined && !seen.has(at.id);) {
    const found = stacks.get(at.id);
    if (found !== undefined) {
      stack = `${found};`;
      break;
    }
    seen.add(at.id);
    inner.push(at);
    at = at.parentId === undefined ? undefined : known.get(at.parentId);
  }
  for (const { id, name } of inner.reverse()) {
    stack += nameOf(name);
    stacks.set(id, stack);
    stack += ";";
  }
  return stacks.get(span.id)!;
}

/** A name without what divides names, and lines. */
function nameOf(name: string): string {
  return name.replace(/[;\r\n]/g, " ") || "(no name)";
}
