import { assertInstanceOf } from "@std/assert";
import {
  type AnyFold,
  type Fold,
  FoldEnvelopeError,
  type FoldEnvelopeReason,
  type FoldIdentity,
  type FoldKey,
  type FoldKind,
  FoldRegistry,
  type FoldRegistryOptions,
  signAnnouncement,
} from "../../fold/mod.ts";
import { reasonOf } from "../_settle.ts";
import { cap, capKind } from "./_origin_folds.ts";

/** Why bytes are not believed. */
export async function whyNot(verifying: Promise<unknown>): Promise<FoldEnvelopeReason> {
  const error = await reasonOf(verifying);
  assertInstanceOf(error, FoldEnvelopeError);
  return error.reason;
}

/** What a node announces of itself, as the bytes that it sends. */
export function signed(
  identity: FoldIdentity,
  generation: number,
  tags: readonly string[],
  kind: ReturnType<typeof capKind> = capKind(),
): Promise<Uint8Array> {
  return signAnnouncement(kind, cap(identity.node, generation, tags), identity);
}

/** A registry of some folds. */
export function registryOf(
  folds: readonly AnyFold[],
  options?: FoldRegistryOptions,
): FoldRegistry {
  const registry = new FoldRegistry(options);
  for (const fold of folds) registry.register(fold);
  return registry;
}

/** Sends what a node announces to a fold by way of a registry, and answers what has become of it. */
export async function dispatchSigned<K extends FoldKey, P, I extends string>(
  fold: Fold<K, P, I>,
  identity: FoldIdentity,
  payload: P,
): Promise<unknown> {
  const kind: FoldKind<K, P, I> = fold.kind;
  const announcement = { node: identity.node, generation: 1, payload };
  const bytes = await signAnnouncement(kind, announcement, identity);
  return await registryOf([fold]).dispatch(bytes, identity.publicKey);
}

/** A copy of bytes with one of them changed; a negative index counts from the end. */
export function withByte(
  bytes: Uint8Array,
  index: number,
  change: (byte: number) => number,
): Uint8Array {
  const changed = bytes.slice();
  const at = index < 0 ? bytes.length + index : index;
  changed[at] = change(changed[at]!);
  return changed;
}

/** Where a text stands in bytes. */
export function indexOfText(bytes: Uint8Array, text: string): number {
  const all = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const index = all.indexOf(text);
  if (index === -1) throw new Error(`There is no ${text}`);
  return index;
}
