import type { OpenSpanRecord, SpanRecord } from "./record.ts";

/** A span in its trace. */
export interface TraceNode {
  /** The span. One that runs has no `seq`. */
  readonly span: SpanRecord | OpenSpanRecord;
  /** Whether it runs. */
  readonly isOpen: boolean;
  /** Whether the span in which it was is not held, here or at all: another service may have it. */
  readonly isOrphan: boolean;
  /** The spans in it, in the order in which they began. */
  readonly children: readonly TraceNode[];
}

/** What is held of a trace. */
export interface TraceTree {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** How many spans of it are held or run. */
  readonly size: number;
  /** Those that are in no other one that is held, in the order in which they began. */
  readonly roots: readonly TraceNode[];
}

interface Growing extends TraceNode {
  isOrphan: boolean;
  readonly children: Growing[];
}

/** Puts spans into each other, which come in the order in which they began. Of those that claim to be within themselves, the one that began first becomes a root. */
export function treeOf(
  traceId: string,
  spans: readonly (SpanRecord | OpenSpanRecord)[],
): TraceTree {
  const nodes: Growing[] = spans.map((span) => ({
    span,
    isOpen: !("seq" in span),
    isOrphan: false,
    children: [],
  }));
  const byId = new Map(nodes.map((node) => [node.span.id, node]));
  const parentOf = ({ span: { parentId } }: Growing): Growing | undefined =>
    parentId === undefined ? undefined : byId.get(parentId);

  const firstOfCircles = circlesOf(nodes, parentOf);
  const roots: Growing[] = [];
  for (const node of nodes) {
    const parent = parentOf(node);
    if (parent !== undefined && !firstOfCircles.has(node)) {
      parent.children.push(node);
      continue;
    }
    node.isOrphan = node.span.parentId !== undefined && parent === undefined;
    roots.push(node);
  }
  return { traceId, size: nodes.length, roots };
}

/** One of each circle of parents: the one that is first among `nodes`. Each is passed once. */
function circlesOf(
  nodes: readonly Growing[],
  parentOf: (node: Growing) => Growing | undefined,
): Set<Growing> {
  const found = new Set<Growing>();
  // From which node each was first come to.
  const from = new Map<Growing, Growing>();
  for (const first of nodes) {
    let at: Growing | undefined = first;
    while (at !== undefined && !from.has(at)) {
      from.set(at, first);
      at = parentOf(at);
    }
    // Coming to what was passed on this very way closes a circle.
    if (at === undefined || from.get(at) !== first) continue;
    const circle = new Set<Growing>();
    for (let next = at; !circle.has(next); next = parentOf(next)!) circle.add(next);
    let earliest = at;
    for (const one of circle) if (one.span.startMs < earliest.span.startMs) earliest = one;
    found.add(earliest);
  }
  return found;
}
