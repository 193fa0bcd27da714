import type { SpanRecord } from "./record.ts";

/** The most names of a stack: the lines of a chain of spans would be as long as its square. */
const MAX_DEPTH = 256;

/**
 * Sums up self times by what was within what, as lines of folded stacks: names from the outermost to the innermost with semicolons between them, and
 * the whole microseconds. Tools for flame graphs read that, speedscope among them.
 *
 * @param spans The spans, in any order. One whose parent is not among them begins a stack. What is more than 256
 * deep counts for what is that deep.
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
  const stacks = new Map<string, Stack>();
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

/** A stack, and how many names it has. */
interface Stack {
  readonly text: string;
  readonly depth: number;
}

/** The stack of a span, from those of the spans around it that are known already. */
function stackOf(
  span: SpanRecord,
  known: Map<string, SpanRecord>,
  stacks: Map<string, Stack>,
): string {
  const inner: SpanRecord[] = [];
  let stack: Stack | undefined;
  const seen = new Set<string>();
  for (let at: SpanRecord | undefined = span; at !== undefined && !seen.has(at.id);) {
    stack = stacks.get(at.id);
    if (stack !== undefined) break;
    seen.add(at.id);
    inner.push(at);
    at = at.parentId === undefined ? undefined : known.get(at.parentId);
  }
  for (const { id, name } of inner.reverse()) {
    if (stack === undefined) stack = { text: nameOf(name), depth: 1 };
    else if (stack.depth < MAX_DEPTH) {
      stack = { text: `${stack.text};${nameOf(name)}`, depth: stack.depth + 1 };
    }
    stacks.set(id, stack);
  }
  return stack!.text;
}

/** A name without what divides names, and lines. */
function nameOf(name: string): string {
  return name.replace(/[;\r\n\u2028\u2029]/g, " ") || "(no name)";
}
