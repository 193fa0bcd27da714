import { decodeText, encodeText } from "./_text.ts";

/** The version of the format. */
export const ENVELOPE_VERSION = 1;
/** How many bytes a signature has. */
export const SIGNATURE_BYTES = 64;
/** How many bytes the longest node has. */
export const MAX_NODE_BYTES = 1_024;
/** What is before the node. */
const HEAD_BYTES = 30;
const LEAVE = 1;

/** What an envelope says, but for its payload, which is bytes yet. */
export interface RawEnvelope {
  readonly kind: number;
  readonly node: string;
  readonly generation: number;
  readonly announcedAtMs: number;
  readonly ttlMs: number;
  readonly leave: boolean;
  readonly payload: Uint8Array;
  /** What the signature is of. */
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
  /** Whether there is a signature at all. */
  readonly isSigned: boolean;
}

/** Why bytes are no envelope. */
export type EnvelopeFault = "truncated" | "version" | "malformed" | "generation";

/**
 * Writes an envelope without a signature: version, kind, flags, generation, time, life, node and payload, and room for the signature. All numbers
 * are big-endian. The same announcement gives the same bytes.
 */
export function writeEnvelope(
  { kind, node, generation, announcedAtMs, ttlMs, leave, payload }: Omit<
    RawEnvelope,
    "body" | "signature" | "isSigned"
  >,
): Uint8Array<ArrayBuffer> {
  const name = encodeText(node);
  const bytes = new Uint8Array(
    HEAD_BYTES + name.length + 4 + payload.length + SIGNATURE_BYTES,
  );
  const view = new DataView(bytes.buffer);
  view.setUint8(0, ENVELOPE_VERSION);
  view.setUint16(1, kind);
  view.setUint8(3, leave ? LEAVE : 0);
  view.setFloat64(4, generation);
  view.setFloat64(12, announcedAtMs);
  view.setFloat64(20, ttlMs);
  view.setUint16(28, name.length);
  bytes.set(name, HEAD_BYTES);
  view.setUint32(HEAD_BYTES + name.length, payload.length);
  bytes.set(payload, HEAD_BYTES + name.length + 4);
  return bytes;
}

/** Reads an envelope, or says what is wrong with it. Trusts nothing, and never throws. */
export function readEnvelope(bytes: Uint8Array): RawEnvelope | EnvelopeFault {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 0) return "truncated";
  if (view.getUint8(0) !== ENVELOPE_VERSION) return "version";
  if (bytes.length < HEAD_BYTES) return "truncated";
  const flags = view.getUint8(3);
  const generation = view.getFloat64(4);
  const announcedAtMs = view.getFloat64(12);
  const ttlMs = view.getFloat64(20);
  const nameEnd = HEAD_BYTES + view.getUint16(28);
  if (nameEnd + 4 + SIGNATURE_BYTES > bytes.length) return "truncated";
  const end = nameEnd + 4 + view.getUint32(nameEnd);
  if (end + SIGNATURE_BYTES > bytes.length) return "truncated";
  if (end + SIGNATURE_BYTES < bytes.length) return "malformed";
  if (nameEnd === HEAD_BYTES || nameEnd > HEAD_BYTES + MAX_NODE_BYTES) return "malformed";
  if (flags !== 0 && flags !== LEAVE) return "malformed";
  if (!Number.isFinite(announcedAtMs) || !(ttlMs >= 0 && ttlMs < Infinity)) return "malformed";
  if (!Number.isSafeInteger(generation) || generation < 1) return "generation";
  let node: string;
  try {
    node = decodeText(bytes.subarray(HEAD_BYTES, nameEnd));
  } catch {
    return "malformed";
  }
  const signature = bytes.subarray(end);
  return {
    kind: view.getUint16(1),
    node,
    generation,
    announcedAtMs,
    ttlMs,
    leave: flags === LEAVE,
    payload: bytes.subarray(nameEnd + 4, end),
    body: bytes.subarray(0, end),
    signature,
    isSigned: signature.some((byte) => byte !== 0),
  };
}
