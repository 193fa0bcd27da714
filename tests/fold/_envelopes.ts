import {
  type Fold,
  type FoldAnnouncement,
  type FoldIdentity,
  type FoldKind,
  FoldRegistry,
  type FoldRegistryOptions,
  importIdentity,
  type Presence,
  presenceKind,
  signAnnouncement,
} from "../../fold/mod.ts";
import { foldOf, START_MS } from "./_hand_clock.ts";

/** The kind that most envelopes here are of. */
export const KIND: FoldKind<string, Presence, "room" | "user"> = presenceKind();

/** What most envelopes here say. */
export const ADA: Presence = { room: "lobby", user: "ada" };

/** How many bytes of an envelope are before its node. */
export const HEAD_BYTES = 30;
/** How many bytes a signature has. */
export const SIGNATURE_BYTES = 64;

/** Makes the identity of a private key of 32 bytes, all of which are equal: the same one in every run. */
export function identityOf(seed: number): Promise<FoldIdentity> {
  return importIdentity(bytesOf("302e020100300506032b657004220420", new Uint8Array(32).fill(seed)));
}

/** Says something in the name of an identity, at the time when tests begin. */
export function sign(
  identity: FoldIdentity,
  generation: number = 1,
  rest: Partial<FoldAnnouncement<Presence>> = {},
): Promise<Uint8Array> {
  const announcement = { node: identity.node, generation, payload: ADA, announcedAtMs: START_MS };
  return signAnnouncement(KIND, { ...announcement, ...rest }, identity);
}

/** An identity that says that it is another node. */
export function pretending(identity: FoldIdentity, node: string): FoldIdentity {
  return { ...identity, node };
}

/** A registry with one fold of {@linkcode KIND}, both on clocks that stand still. */
export function registryOf(options: FoldRegistryOptions = {}): {
  readonly registry: FoldRegistry;
  readonly fold: Fold<string, Presence, "room" | "user">;
} {
  const registry = new FoldRegistry({ wallNow: () => START_MS, ...options });
  const fold = foldOf(KIND);
  registry.register(fold);
  return { registry, fold };
}

/** Joins bytes that are written in hexadecimal digits, and others. */
export function bytesOf(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => {
    if (typeof part !== "string") return [...part];
    return (part.match(/[0-9a-f]{2}/g) ?? []).map((digits) => parseInt(digits, 16));
  }));
}

/** Bytes as hexadecimal digits. */
export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes of which some are others. */
export function changed(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = Uint8Array.from(bytes);
  change(new DataView(copy.buffer));
  return copy;
}
