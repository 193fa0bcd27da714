// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * What `trace_deno.ts`, `trace_bun.ts` and `trace_hono.ts` have in common: some work to trace, somebody who asks for it, and what is printed of that.
 *
 * @module
 */
import { injectContext, type SpanCache, type TraceNode } from "../cache/mod.ts";

/** A database that takes its time. Each query is a span in whatever calls it. */
export function query(cache: SpanCache, table: string, ms: number): Promise<string[]> {
  return cache.span("query", { table }, async (span) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    span.set("rows", 3);
    return ["teapot", "kettle", "cup"];
  }, { kind: "client" });
}

/** The orders of everybody: two queries at a time, and then something that waits for nothing. */
export async function orders(cache: SpanCache): Promise<string> {
  const [items] = await Promise.all([query(cache, "orders", 10), query(cache, "users", 20)]);
  return cache.spanSync("render", () => items.join("\n"));
}

/** Asks a service, here this one itself, so that what it does is in the same trace. */
export function ask(cache: SpanCache, url: string): Promise<string> {
  return cache.span("ask", async (span) => {
    const headers = new Headers();
    injectContext(headers, span);
    const response = await fetch(url, { headers });
    span.event("answer", { status: response.status });
    return await response.text();
  });
}

/** Uses a server, and prints what its cache has seen of that. */
export async function visit(cache: SpanCache, url: string): Promise<void> {
  for (const path of ["orders", "report", "orders/7"]) {
    await (await fetch(`${url}/${path}`)).text();
  }
  console.log("What a request did:");
  const [report] = cache.find({ name: "GET /report" });
  for (const node of cache.trace(report!.traceId).roots) print(node, "  ");
  console.log("The slowest:");
  for (const span of cache.find({ order: "slowest", limit: 3 })) {
    console.log(`  ${span.name}, ${span.durationMs.toFixed(1)} ms`);
  }
  console.log("What failed:");
  for (const span of cache.find({ failed: true })) {
    console.log(`  ${span.name}, ${span.fields["http.response.status_code"]}`);
  }
}

/** Prints a span, and those in it. */
export function print({ span, children }: TraceNode, indent: string): void {
  const { name, durationMs, fields } = span;
  const more = fields["table"] ?? fields["http.response.status_code"] ?? "";
  console.log(`${indent}${`${name} ${more}`.trim()}, ${durationMs.toFixed(1)} ms`);
  for (const child of children) print(child, `${indent}  `);
}
