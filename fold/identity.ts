import { refusal } from "../internal/mod.ts";
import type { RawEnvelope } from "./_envelope.ts";
import { bytesOfBase64, encodeText } from "./_text.ts";

const ALGORITHM = { name: "Ed25519" };
/** How many bytes a public key has. */
const PUBLIC_KEY_BYTES = 32;
/** Before what is signed, so that a signature of something else is none of an announcement. */
const SIGNED = encodeText("weir-fold-announcement-1\n");
/** Before what a node is made of, for the same reason. */
const NODE = encodeText("weir-fold-node-1\n");

/** Who signs announcements: a node that is bound to a key. */
export interface FoldIdentity {
  /** The node: what {@linkcode nodeIdOf} says of the public key. */
  readonly node: string;
  /** The public key, 32 bytes, that others check signatures with. */
  readonly publicKey: Uint8Array;
  /**
   * Signs what an envelope says.
   *
   * @param body The bytes.
   * @returns A promise of the signature, 64 bytes.
   */
  sign(body: Uint8Array): Promise<Uint8Array>;
  /** The private key as PKCS #8, for {@linkcode importIdentity}. Whoever has it is this node. */
  exportKey(): Promise<Uint8Array>;
}

/**
 * Makes a new identity, with an Ed25519 key of its own.
 *
 * @returns A promise of the identity.
 *
 * @example The same node after a restart
 * ```ts
 * import { createIdentity, importIdentity } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * const identity = await createIdentity();
 * const restored = await importIdentity(await identity.exportKey());
 * assertEquals(restored.node, identity.node);
 * ```
 */
export async function createIdentity(): Promise<FoldIdentity> {
  const pair = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  return await identityOf((pair as { privateKey: CryptoKey }).privateKey);
}

/**
 * Makes the identity of a private key that was exported.
 *
 * @param key The key as PKCS #8.
 * @returns A promise of the identity.
 * @throws {TypeError} Rejects with it if it is no such key.
 */
export async function importIdentity(key: Uint8Array): Promise<FoldIdentity> {
  let imported: CryptoKey;
  try {
    imported = await crypto.subtle.importKey("pkcs8", Uint8Array.from(key), ALGORITHM, true, [
      "sign",
    ]);
  } catch (cause) {
    throw new TypeError(
      refusal("import identity", "key must be an Ed25519 key as PKCS #8", key),
      { cause },
    );
  }
  return await identityOf(imported);
}

/**
 * The node that a public key stands for: the first 16 bytes of a SHA-256 of it, as 32 hexadecimal digits. Nobody finds another key for it.
 *
 * @param publicKey The key, 32 bytes.
 * @returns A promise of the node.
 * @throws {RangeError} Rejects with it if it has another number of bytes.
 */
export async function nodeIdOf(publicKey: Uint8Array): Promise<string> {
  checkPublicKey(publicKey);
  const bytes = new Uint8Array(NODE.length + PUBLIC_KEY_BYTES);
  bytes.set(NODE);
  bytes.set(publicKey, NODE.length);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return hexOf(digest.subarray(0, 16));
}

/** A public key that can check signatures, and its node. */
export interface Publisher {
  readonly node: string;
  /** What is wrong with an envelope: its signature is of something else, or its node is another one. */
  faultOf(
    envelope: Pick<RawEnvelope, "node" | "body" | "signature">,
  ): Promise<"bad-signature" | "node-mismatch" | undefined>;
}

/** Makes a publisher of a public key. Rejects for bytes that are none. */
export async function publisherOf(publicKey: Uint8Array): Promise<Publisher> {
  checkPublicKey(publicKey);
  // Whoever has the bytes may write over them before this is done.
  const raw = Uint8Array.from(publicKey);
  if (isWeak(raw)) {
    throw new RangeError(refusal("use a public key", "it must be one of large order", hexOf(raw)));
  }
  const node = await nodeIdOf(raw);
  const key = await crypto.subtle.importKey("raw", raw, ALGORITHM, false, ["verify"]);
  return {
    node,
    async faultOf({ node: claimed, body, signature }) {
      const copy = Uint8Array.from(signature);
      const isRight = await crypto.subtle.verify(ALGORITHM, key, copy, signedBytes(body));
      if (!isRight) return "bad-signature";
      return claimed === node ? undefined : "node-mismatch";
    },
  };
}

/** Throws unless bytes can be a public key. */
export function checkPublicKey(publicKey: Uint8Array): void {
  if (publicKey instanceof Uint8Array && publicKey.length === PUBLIC_KEY_BYTES) return;
  throw new RangeError(refusal("use a public key", "it must be 32 bytes", publicKey));
}

/**
 * The points of small order, without their sign, little-endian: for these, there are signatures that fit anything, and the platforms accept them.
 */
const WEAK_KEYS: readonly string[] = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ...["ec", "ed", "ee"].map((first) => `${first}${"ff".repeat(30)}7f`),
];

function isWeak(publicKey: Uint8Array): boolean {
  const unsigned = Uint8Array.from(publicKey);
  unsigned[31]! &= 0x7f;
  return WEAK_KEYS.includes(hexOf(unsigned));
}

/** Bytes as hexadecimal digits. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function identityOf(privateKey: CryptoKey): Promise<FoldIdentity> {
  // The one way of the platform from a private key to its public one.
  const { x } = await crypto.subtle.exportKey("jwk", privateKey) as { x?: string };
  const publicKey = bytesOfBase64(x!.replaceAll("-", "+").replaceAll("_", "/"));
  return {
    node: await nodeIdOf(publicKey),
    publicKey,
    sign: async (body) =>
      new Uint8Array(await crypto.subtle.sign(ALGORITHM, privateKey, signedBytes(body))),
    exportKey: async () => new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey)),
  };
}

function signedBytes(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SIGNED.length + body.length);
  bytes.set(SIGNED);
  bytes.set(body, SIGNED.length);
  return bytes;
}
