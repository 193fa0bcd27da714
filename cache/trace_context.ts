import { isId } from "./_hex.ts";

/** A span of another process, as W3C Trace Context names it. */
export interface TraceContext {
  /** 32 hexadecimal digits, not all of them 0. */
  readonly traceId: string;
  /** The span in which this is to be: 16 hexadecimal digits, not all of them 0. */
  readonly spanId: string;
  /** Whether that process records the trace. */
  readonly sampled: boolean;
  /** What vendors have put along, which is handed on as it is: the header `tracestate`. */
  readonly state?: string | undefined;
}

/** The part of `Headers` that is read. */
export interface HeadersLike {
  /** The value of a header; null if there is none. */
  get(name: string): string | null;
}

/** Version, trace, span, flags, and what later versions say. */
const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
/** The longest `traceparent` that is looked at. */
const MAX_TRACEPARENT = 512;
/** The longest `tracestate` that is handed on. The standard asks for 512 at least. */
const MAX_STATE = 1_024;

/**
 * Reads a header `traceparent` of W3C Trace Context.
 *
 * @param text The value of the header.
 * @returns What it says; undefined if it is malformed, as the standard has it: then a trace begins anew.
 *
 * @example What a caller said
 * ```ts
 * import { parseTraceparent } from "@weir/weir/cache";
 * import { assertEquals } from "@std/assert";
 *
 * const context = parseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
 * assertEquals(context?.spanId, "00f067aa0ba902b7");
 * assertEquals(context?.sampled, true);
 * assertEquals(parseTraceparent("00-0-0-0"), undefined);
 * ```
 */
export function parseTraceparent(text: string | null | undefined): TraceContext | undefined {
  if (typeof text !== "string" || text.length > MAX_TRACEPARENT) return undefined;
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(text.trim()) ?? [];
  // Later versions may say more behind it; this one does not.
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (!isId(traceId, 32) || !isId(spanId, 16)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags!, 16) & 1) === 1 };
}

/**
 * Writes a header `traceparent` of W3C Trace Context.
 *
 * @param context What it is to say.
 * @returns The value of the header.
 */
export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? "01" : "00"}`;
}

/**
 * Reads whose span a request is in: `traceparent` and `tracestate` of its headers.
 *
 * @param headers The headers of a request.
 * @returns What they say; undefined if there is nothing, or nothing that can be believed.
 */
export function extractContext(headers: HeadersLike): TraceContext | undefined {
  const context = parseTraceparent(headers.get("traceparent"));
  const state = context === undefined ? null : headers.get("tracestate");
  if (context === undefined || state === null || state === "" || state.length > MAX_STATE) {
    return context;
  }
  return { ...context, state };
}
