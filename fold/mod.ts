/**
 * Who is alive, and who owns what, right now: a {@linkcode Fold} holds keyed entries that nodes announce, with merge rules, owners, indexes and a
 * change feed, and that are gone when nobody announces them any more.
 *
 * Use it for presence, for what services there are and what they can do, for routes, for leases: for what is true only as long as somebody says so.
 *
 * Do not use it as a cache of what can be computed again, nor as a database: nothing in it survives whoever said it. And it is no consensus: nodes
 * agree after a while, or not at all where their kind says so.
 *
 * ```ts
 * import { Fold, presenceKind } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * using fold = new Fold(presenceKind({ ttlMs: 30_000 }));
 * fold.apply({ node: "n1", generation: 1, payload: { room: "lobby", user: "ada" } });
 * fold.apply({ node: "n2", generation: 1, payload: { room: "lobby", user: "bob" } });
 * assertEquals(fold.count({ by: { room: "lobby" } }), 2);
 *
 * fold.evictNode("n2", "connection lost");
 * assertEquals(fold.query({ by: { room: "lobby" } }).map(({ node }) => node), ["n1"]);
 * ```
 *
 * @module fold
 */
export { announce, type AnnounceOptions, Announcer } from "./announce.ts";
export type {
  FoldAccepted,
  FoldAnnouncement,
  FoldRejected,
  FoldRejection,
  FoldResult,
} from "./announcement.ts";
export {
  type FoldAuditEvent,
  type FoldAuditSink,
  type FoldRejectedTransition,
  type FoldTransition,
  RingAuditSink,
} from "./audit.ts";
export type {
  FoldBaseline,
  FoldChange,
  FoldCreation,
  FoldDelta,
  FoldRemoval,
  FoldReplacement,
  FoldResync,
} from "./change.ts";
export type { FoldEntry } from "./entry.ts";
export {
  decodeAnnouncement,
  encodeAnnouncement,
  FoldEnvelopeError,
  type FoldEnvelopeReason,
  signAnnouncement,
  verifyAnnouncement,
} from "./envelope.ts";
export { FoldClosedError, FoldSnapshotError } from "./errors.ts";
export { fileStore, type FileSystemLike } from "./file_store.ts";
export { Fold } from "./fold.ts";
export { Generations, type GenerationsOptions, type GenerationStore } from "./generations.ts";
export { createIdentity, type FoldIdentity, importIdentity, nodeIdOf } from "./identity.ts";
export { FoldKeeper, keepFold, type KeepFoldOptions } from "./keep.ts";
export {
  type FoldCodec,
  type FoldIndex,
  type FoldIndexValue,
  type FoldKey,
  foldKey,
  type FoldKind,
  type FoldMergeAction,
  type FoldMergeContext,
  type FoldReject,
} from "./kind.ts";
export {
  type Capability,
  type CapabilityKind,
  capabilityKind,
  type CapabilityKindOptions,
  type CapabilityState,
} from "./kinds/capability.ts";
export {
  type Lease,
  type LeaseActive,
  type LeaseBase,
  type LeaseFree,
  type LeaseKind,
  leaseKind,
  type LeaseKindOptions,
  type LeaseReserved,
} from "./kinds/lease.ts";
export { HeldLease, LeaseLostError } from "./kinds/held_lease.ts";
export { type LeaseAcquireOptions, Leases, type LeasesOptions } from "./kinds/leases.ts";
export {
  type Presence,
  type PresenceKind,
  presenceKind,
  type PresenceKindOptions,
  usersIn,
} from "./kinds/presence.ts";
export {
  bestRoute,
  type Route,
  type RouteKind,
  routeKind,
  type RouteKindOptions,
} from "./kinds/route.ts";
export type { FoldChangedOptions, FoldClock, FoldOptions, FoldRestoreOptions } from "./options.ts";
export type { FoldAllOf, FoldCondition, FoldQuery } from "./query.ts";
export {
  type AnyFold,
  type FoldDispatchOptions,
  type FoldDispatchResult,
  type FoldRefusal,
  type FoldRefused,
  FoldRegistry,
  type FoldRegistryOptions,
  type FoldRegistryStats,
  type FoldSettledOptions,
} from "./registry.ts";
export type { FoldSnapshot, FoldSnapshotEntry, FoldSnapshotGeneration } from "./snapshot.ts";
export { decodeSnapshot, encodeSnapshot } from "./snapshot_codec.ts";
export type { FoldStats } from "./stats.ts";
export { type FoldStore, restoreFold, saveFold } from "./store.ts";
export { FoldWatch, type FoldWatchOptions } from "./watch.ts";
