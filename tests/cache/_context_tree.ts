import type { SpanCache, TraceNode } from "../../cache/mod.ts";

/**
 * What is held of a trace, as text: each span by its field `node` or its name, with those in it in brackets. One that runs has a star. Those in the
 * same span are in the order of their texts, since they may have begun in the same moment.
 */
export function shapeOf(cache: SpanCache, traceId: string): string {
  return inOrder(cache.trace(traceId).roots.map(textOf));
}

function textOf({ span, isOpen, children }: TraceNode): string {
  return `${span.fields["node"] ?? span.name}${isOpen ? "*" : ""}${
    children.length === 0 ? "" : `(${inOrder(children.map(textOf))})`
  }`;
}

/** Texts in the order in which they stand in a shape. */
export function inOrder(texts: readonly string[]): string {
  return [...texts].sort().join(" ");
}

/** Names of all spans that have ended, each with the name of the span in which it was. */
export function parentsOf(cache: SpanCache): Record<string, string | undefined> {
  const spans = cache.page({ limit: Infinity });
  const names = new Map(spans.map(({ id, name }) => [id, name]));
  return Object.fromEntries(
    spans.map(({ name, parentId }) => [name, parentId && (names.get(parentId) ?? "?")]),
  );
}
