import { assertEquals } from "@std/assert";
import type { OtlpTraces } from "../../cache/mod.ts";
import { packages } from "./_otel.ts";

/** An object of a message. */
export type Json = Record<string, unknown>;

/** OTLP/JSON has ids in hexadecimal digits, where JSON of other messages has Base64. */
function withBytes(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((part) => withBytes(part));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, withBytes(part, name)]),
    );
  }
  return /^(traceId|spanId|parentSpanId)$/.test(key) ? Uint8Array.fromHex(value as string) : value;
}

function withDigits(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.toHex();
  if (Array.isArray(value)) return value.map(withDigits);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withDigits(part)]));
}

/** What a collector makes of what is posted: read as JSON, checked, written as bytes and read again. */
export async function received(posted: OtlpTraces): Promise<Json> {
  const { traceRequest } = await packages();
  const message = traceRequest.fromObject(withBytes(JSON.parse(JSON.stringify(posted))) as Json);
  assertEquals(traceRequest.verify(message), null);
  const again = traceRequest.decode(traceRequest.encode(message).finish());
  // Whole numbers of 64 bits as digits, and what is not there not there.
  return withDigits(traceRequest.toObject(again, { longs: String, json: true })) as Json;
}
