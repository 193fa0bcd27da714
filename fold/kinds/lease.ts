import type { FoldKind, FoldMergeAction } from "../kind.ts";
import { checkNumber, checkOneOf, checkTextField, fieldsOf } from "./_check.ts";

/** What is known of a resource that one node at a time may use. */
export type Lease = LeaseFree | LeaseReserved | LeaseActive;

/** What every {@linkcode Lease} says. */
export interface LeaseBase {
  /** What it is about. */
  readonly resource: string;
  /**
   * A number that only grows: who has had the resource later has a higher one. Whatever the resource is should refuse whoever comes with a lower
   * one than it has seen, or with the same one as somebody else. It is at most the generation of the announcement, and best the generation of the one by which the resource was taken.
   */
  readonly fence: number;
}

/** Nobody has the resource. */
export interface LeaseFree extends LeaseBase {
  /** Nobody has it. */
  readonly state: "free";
}

/** A node has the resource until a time, and others may take it then. */
export interface LeaseReserved extends LeaseBase {
  /** Somebody has it for a time. */
  readonly state: "reserved";
  /** Who has it. */
  readonly holder: string;
  /** From when on others may take it, in milliseconds since 1970. */
  readonly untilMs: number;
}

/** A node has the resource until it gives it back, or does not refresh the entry in time. */
export interface LeaseActive extends LeaseBase {
  /** Somebody has it. */
  readonly state: "active";
  /** Who has it. */
  readonly holder: string;
  /** What for. */
  readonly job?: string | undefined;
}

/** The kind of who has what. */
export type LeaseKind = FoldKind<string, Lease, "state" | "holder">;

/** Options of {@linkcode leaseKind}. */
export interface LeaseKindOptions {
  /**
   * How long an entry lives that is not refreshed, in milliseconds.
   *
   * @default {30_000}
   */
  readonly ttlMs?: number | undefined;
}

/**
 * Makes the kind of who has what: one entry for each resource. Its indexes are `state` and `holder`. {@linkcode Leases} is how a node uses it.
 *
 * | the entry is | announced | outcome |
 * | --- | --- | --- |
 * | not there | anything whose fence is above all generations that are remembered | inserted |
 * | free, of this node | reserved or active, with a higher fence | replaced |
 * | reserved, of this node | anything | replaced |
 * | active, of this node | active or free | replaced |
 * | free, of another node | reserved or active, with a higher fence | replaced |
 * | reserved, of another node, and over | reserved, with a higher fence | replaced: a takeover |
 * | reserved or active, of another node | anything else | rejected: `"held"` |
 * | any | with a fence that is too low, or above the generation | rejected: `"fence"` |
 * | any | in the name of another node | rejected: `"not-holder"` |
 * | any | any other step | rejected: `"transition"` |
 * | of this node | with the same or a lower generation | rejected: `"stale"` |
 *
 * **Does not converge**: of two nodes that take a resource at the same time, the first to be heard has it, and others may hear them in another
 * order. Let one fold decide, and the fence protect the resource. A fold is no consensus.
 *
 * @param options How long an entry lives.
 * @returns The kind; its id is 3.
 */
export function leaseKind(options: LeaseKindOptions = {}): LeaseKind {
  return {
    id: 3,
    name: "lease",
    defaultTtlMs: options.ttlMs ?? 30_000,
    key: (_, { resource }) => resource,
    indexes: {
      state: ({ state }) => state,
      holder: (lease) => lease.state === "free" ? undefined : lease.holder,
    },
    merge(existing, { node, generation, payload: lease }, { nowMs, remembered }) {
      if (lease.state !== "free" && lease.holder !== node) return { reject: "not-holder" };
      // So that what is remembered of entries that are gone, their generations, is above all their fences.
      if (!Number.isSafeInteger(lease.fence) || lease.fence > generation) {
        return { reject: "fence" };
      }
      if (existing === undefined) {
        return lease.fence > remembered ? "insert" : { reject: "fence" };
      }
      const before = existing.payload;
      return existing.node === node ? mergeOwn(before, lease) : mergeForeign(before, lease, nowMs);
    },
    parse(payload) {
      const { resource, fence, state, holder, untilMs, job } = fieldsOf("lease", payload);
      checkTextField("lease", "resource", resource);
      checkNumber("lease", "fence", fence);
      checkOneOf("lease", "state", state, ["free", "reserved", "active"]);
      if (state !== "free") checkTextField("lease", "holder", holder);
      if (state === "reserved") checkNumber("lease", "untilMs", untilMs);
      if (job !== undefined) checkTextField("lease", "job", job);
      return payload as Lease;
    },
  };
}

function mergeOwn(before: Lease, lease: Lease): FoldMergeAction {
  if (before.state === "free") return lease.state === "free" ? TRANSITION : take(before, lease);
  if (before.state === "active" && lease.state === "reserved") return TRANSITION;
  return lease.fence >= before.fence ? "replace" : { reject: "fence" };
}

function mergeForeign(before: Lease, lease: Lease, nowMs: number): FoldMergeAction {
  if (before.state === "free") return lease.state === "free" ? TRANSITION : take(before, lease);
  const isOver = before.state === "reserved" && before.untilMs <= nowMs;
  return isOver && lease.state === "reserved" ? take(before, lease) : { reject: "held" };
}

function take(before: Lease, lease: Lease): FoldMergeAction {
  return lease.fence > before.fence ? "replace" : { reject: "fence" };
}

const TRANSITION: FoldMergeAction = { reject: "transition" };
