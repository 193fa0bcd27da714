import { checkInteger, refusal } from "../internal/mod.ts";
import {
  MAX_NODE_BYTES,
  type RawEnvelope,
  readEnvelope,
  SIGNATURE_BYTES,
  writeEnvelope,
} from "./_envelope.ts";
import { checkBytes, checkMs, checkText } from "./_check.ts";
import { decodePayload, encodePayload } from "./_payload.ts";
import { encodeText } from "./_text.ts";
import type { FoldAnnouncement } from "./announcement.ts";
import { type FoldIdentity, publisherOf } from "./identity.ts";
import type { FoldKey, FoldKind } from "./kind.ts";

/**
 * Why bytes are not taken for an announcement.
 *
 * - `"truncated"`: there are too few.
 * - `"version"`: they are of another format.
 * - `"malformed"`: they are not what the format says.
 * - `"generation"`: the generation is no positive integer.
 * - `"wrong-kind"`: they are of another kind than was expected.
 * - `"unsigned"`: there is no signature.
 * - `"bad-key"`: the public key is none.
 * - `"bad-signature"`: the signature is of other bytes, or of another key.
 * - `"node-mismatch"`: the node is not that of the key.
 * - `"payload"`: the payload is none of the kind.
 */
export type FoldEnvelopeReason =
  | "truncated"
  | "version"
  | "malformed"
  | "generation"
  | "wrong-kind"
  | "unsigned"
  | "bad-key"
  | "bad-signature"
  | "node-mismatch"
  | "payload";

/**
 * Thrown for bytes that are no announcement, or one that nobody should believe.
 *
 * @example Bytes of something else
 * ```ts
 * import { decodeAnnouncement, FoldEnvelopeError, presenceKind } from "@weir/weir/fold";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const decode = () => decodeAnnouncement(presenceKind(), new Uint8Array([7]));
 * assertEquals(assertThrows(decode, FoldEnvelopeError).reason, "version");
 * ```
 */
export class FoldEnvelopeError extends Error {
  /** Why. */
  readonly reason: FoldEnvelopeReason;

  /**
   * Creates the error.
   *
   * @param message What could not be done, and why.
   * @param reason Why, in a word.
   * @param options The cause, if there is one.
   */
  constructor(message: string, reason: FoldEnvelopeReason, options?: ErrorOptions) {
    super(message, options);
    this.name = "FoldEnvelopeError";
    this.reason = reason;
  }
}

/**
 * Writes an announcement as bytes, without a signature: for those who share a machine, and trust each other. {@linkcode FoldRegistry} refuses them
 * unless it is told otherwise.
 *
 * The same announcement always gives the same bytes, if it says when it was announced; otherwise, that is now.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 * @param kind What kind of announcement it is.
 * @param announcement The announcement.
 * @returns The bytes: 98 more than those of the node and the payload.
 * @throws {TypeError} If the node or the payload cannot be written.
 * @throws {RangeError} If the generation or the life is out of its range.
 *
 * @example Writing and reading
 * ```ts
 * import { decodeAnnouncement, encodeAnnouncement, presenceKind } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * const payload = { room: "lobby", user: "ada" };
 * const announcement = { node: "n1", generation: 7, payload, ttlMs: 9_000, announcedAtMs: 1_000 };
 * const bytes = encodeAnnouncement(presenceKind(), announcement);
 * assertEquals(decodeAnnouncement(presenceKind(), bytes), announcement);
 * ```
 */
export function encodeAnnouncement<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  announcement: FoldAnnouncement<P>,
): Uint8Array {
  const action = "encode announcement";
  const { node, generation, payload, ttlMs = kind.defaultTtlMs, leave = false } = announcement;
  const { announcedAtMs = Date.now() } = announcement;
  checkInteger(action, "kind.id", kind.id, 0, 0xffff);
  checkInteger(action, "generation", generation, 1);
  checkText(action, "node", node);
  if (!node.isWellFormed()) {
    throw new TypeError(refusal(action, "node must have no half of a surrogate pair", node));
  }
  if (encodeText(node).length > MAX_NODE_BYTES) {
    const requirement = `node must have at most ${MAX_NODE_BYTES} bytes`;
    throw new RangeError(refusal(action, requirement, node));
  }
  checkMs(action, "ttlMs", ttlMs, 0);
  if (!Number.isFinite(announcedAtMs)) {
    throw new RangeError(refusal(action, "announcedAtMs must be a number", announcedAtMs));
  }
  const bytes = encodePayload(kind, payload);
  return writeEnvelope({
    kind: kind.id,
    node,
    generation,
    announcedAtMs,
    ttlMs,
    leave,
    payload: bytes,
  });
}

/**
 * Writes an announcement as bytes, and signs them.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 * @param kind What kind of announcement it is.
 * @param announcement The announcement; its node must be that of the identity.
 * @param identity Who signs.
 * @returns A promise of the bytes.
 * @throws {TypeError} Rejects with it if the node is another, or the payload cannot be written.
 * @throws {RangeError} Rejects with it if the generation or the life is out of its range.
 *
 * @example From one node to another
 * ```ts
 * import { createIdentity, Fold, FoldRegistry, presenceKind, signAnnouncement } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * const kind = presenceKind();
 * const identity = await createIdentity();
 * const payload = { room: "lobby", user: "ada" };
 * const announcement = { node: identity.node, generation: 1, payload };
 * const bytes = await signAnnouncement(kind, announcement, identity);
 *
 * using fold = new Fold(kind);
 * const registry = new FoldRegistry();
 * registry.register(fold);
 * assertEquals(await registry.dispatch(bytes, identity.publicKey), { outcome: "inserted" });
 * assertEquals((await registry.dispatch(bytes, identity.publicKey)).reason, "stale");
 * ```
 */
export async function signAnnouncement<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  announcement: FoldAnnouncement<P>,
  identity: FoldIdentity,
): Promise<Uint8Array> {
  if (announcement.node !== identity.node) {
    const requirement = `node must be that of the identity, ${identity.node}`;
    throw new TypeError(refusal("sign announcement", requirement, announcement.node));
  }
  const bytes = encodeAnnouncement(kind, announcement);
  const body = bytes.subarray(0, bytes.length - SIGNATURE_BYTES);
  bytes.set(await identity.sign(body), body.length);
  return bytes;
}

/**
 * Reads an announcement, and believes it. {@linkcode verifyAnnouncement} says whether that is right.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 * @param kind What kind of announcement it should be.
 * @param bytes The bytes.
 * @returns The announcement.
 * @throws {FoldEnvelopeError} If they are none of this kind.
 * @throws {TypeError} If they are no bytes.
 */
export function decodeAnnouncement<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  bytes: Uint8Array,
): FoldAnnouncement<P> {
  const envelope = open(DECODE, bytes);
  if (envelope.kind !== kind.id) {
    const message = refusal(DECODE, `kind must be ${kind.id} (${kind.name})`, envelope.kind);
    throw new FoldEnvelopeError(message, "wrong-kind");
  }
  const { node, generation, ttlMs, leave, announcedAtMs } = envelope;
  let payload: P;
  try {
    payload = decodePayload(kind, envelope.payload);
  } catch (cause) {
    const message = `Cannot ${DECODE}: payload is none of kind ${kind.id} (${kind.name})`;
    throw new FoldEnvelopeError(message, "payload", { cause });
  }
  return { node, generation, payload, ttlMs, announcedAtMs, ...(leave ? { leave } : {}) };
}

/**
 * Checks that bytes were signed by the node that they are from.
 *
 * @param bytes The bytes of an announcement.
 * @param publicKey The key of whoever is said to have signed them, 32 bytes, from somewhere else than the bytes.
 * @returns A promise that is fulfilled if so.
 * @throws {FoldEnvelopeError} Rejects with it if not.
 * @throws {TypeError} Rejects with it if they are no bytes.
 */
export async function verifyAnnouncement(bytes: Uint8Array, publicKey: Uint8Array): Promise<void> {
  // Whoever has the bytes may write over them before this is done.
  const envelope = open(VERIFY, bytes instanceof Uint8Array ? new Uint8Array(bytes) : bytes);
  const cannot = `Cannot ${VERIFY}: `;
  if (!envelope.isSigned) throw new FoldEnvelopeError(`${cannot}it is not signed`, "unsigned");
  const publisher = await publisherOf(publicKey).catch((cause) => {
    throw new FoldEnvelopeError(`${cannot}the public key is none`, "bad-key", { cause });
  });
  const fault = await publisher.faultOf(envelope);
  if (fault === "bad-signature") {
    throw new FoldEnvelopeError(`${cannot}the signature is of something else`, fault);
  }
  if (fault !== undefined) {
    const message = refusal(VERIFY, `node must be ${publisher.node}`, envelope.node);
    throw new FoldEnvelopeError(message, fault);
  }
}

const DECODE = "decode announcement";
const VERIFY = "verify announcement";

function open(action: string, bytes: Uint8Array): RawEnvelope {
  checkBytes(action, "bytes", bytes);
  const envelope = readEnvelope(bytes);
  if (typeof envelope !== "string") return envelope;
  throw new FoldEnvelopeError(`Cannot ${action}: bytes are none (${envelope})`, envelope);
}
