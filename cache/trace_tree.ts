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
  readonly children: Growing[];
}

/** Puts spans into each other. Those that claim to be within themselves become roots. */
export function treeOf(
  traceId: string,
  ended: readonly SpanRecord[],
  open: readonly OpenSpanRecord[],
): TraceTree {
  const byId = new Map<string, Growing>();
  const nodes: Growing[] = [];
  const add = (span: SpanRecord | OpenSpanRecord, isOpen: boolean): void => {
    const node = { span, isOpen, isOrphan: false, children: [] };
    nodes.push(node);
    byId.set(span.id, node);
  };
  for (const span of ended) add(span, false);
  for (const span of open) add(span, true);
  nodes.sort((a, b) => a.span.startMs - b.span.startMs);

  const roots: Growing[] = [];
  for (const node of nodes) {
    const { parentId } = node.span;
    const parent = parentId === undefined ? undefined : byId.get(parentId);
    if (parent !== undefined && !isWithin(parent, node, byId)) parent.children.push(node);
    else roots.push({ ...node, isOrphan: parentId !== undefined && parent === undefined });
  }
  return { traceId, size: nodes.length, roots };
}

/** Whether a span says of itself that it is in another one, however far. */
function isWithin(span: TraceNode, other: TraceNode, byId: Map<string, TraceNode>): boolean {
  let at: TraceNode | undefined = span;
  for (let steps = 0; at !== undefined && steps <= byId.size; steps++) {
    if (at === other) return true;
    at = at.span.parentId === undefined ? undefined : byId.get(at.span.parentId);
  }
  return at !== undefined;
}
