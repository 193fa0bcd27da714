import {
  checkFunction,
  checkInteger,
  later,
  onAbort,
  refusal,
  reportUncaught,
} from "../../internal/mod.ts";
import { checkText, tellError } from "../_check.ts";
import type { FoldAnnouncement } from "../announcement.ts";
import { FoldClosedError } from "../errors.ts";
import type { Fold } from "../fold.ts";
import { Generations } from "../generations.ts";
import { type HeldLease, heldLeases } from "./held_lease.ts";
import type { Lease } from "./lease.ts";

/** Options of {@linkcode Leases}. */
export interface LeasesOptions {
  /** Who takes leases. */
  readonly node: string;

  /**
   * How long a lease holds that is not renewed, in milliseconds: a positive integer. It is renewed three times a term.
   *
   * @default {30_000}
   */
  readonly termMs?: number | undefined;

  /** Where generations and fences come from; without it, `new Generations({ node })`. */
  readonly generations?: Generations | undefined;

  /** Tells other nodes of what the fold here has accepted, and of nothing else. */
  readonly send?: ((announcement: FoldAnnouncement<Lease>) => void | PromiseLike<void>) | undefined;

  /**
   * Told of what `send` throws.
   *
   * @default {reportError}
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** By how many milliseconds the fence of another node may be ahead of the clock here. */
const MAX_AHEAD_MS = 86_400_000;
/** Up to how many fences there are in a millisecond. */
const FENCES_PER_MS = 1_024;
/** After how long to look again whether a resource is free, at the latest, and where it is not said why it is not. */
const MAX_WAIT_MS = 60_000;
const RETRY_MS = 1_000;

/** Options of {@linkcode Leases.acquire}. */
export interface LeaseAcquireOptions {
  /** Cancels the wait. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes and keeps leases for one node, over a fold of {@linkcode leaseKind}.
 *
 * The fold here decides who has a resource: of those who share it, one at a time. Where folds of several nodes are to agree, that takes time, and
 * two may believe that they have it meanwhile: so the resource must refuse fences that are lower than one it has seen,
 * and the same one of anybody else.
 *
 * @example One of two workers does the work
 * ```ts
 * import { Fold, leaseKind, Leases } from "@weir/weir/fold";
 * import { assert, assertEquals } from "@std/assert";
 *
 * using fold = new Fold(leaseKind());
 * const one = new Leases(fold, { node: "n1", termMs: 10_000 });
 * const other = new Leases(fold, { node: "n2", termMs: 10_000 });
 *
 * const first = one.tryAcquire("cron")!;
 * assertEquals(other.tryAcquire("cron"), undefined);
 * first.release();
 *
 * const second = await other.acquire("cron", { signal: AbortSignal.timeout(1_000) });
 * assert(second.fence > first.fence);
 * assertEquals([first.isHeld, second.isHeld], [false, true]);
 * second.release();
 * ```
 */
export class Leases implements Disposable, AsyncDisposable {
  /** Who takes the leases. */
  readonly node: string;
  /** How long one holds that is not renewed, in milliseconds. */
  readonly termMs: number;
  readonly #fold: Fold<string, Lease, "state" | "holder">;
  readonly #generations: Generations;
  readonly #send: ((announcement: FoldAnnouncement<Lease>) => void | PromiseLike<void>) | undefined;
  readonly #held: Set<HeldLease> = new Set();
  // Aborted when there is nothing to watch any more.
  #watching: AbortController | undefined;
  // Aborted when no lease is to be taken any more.
  readonly #end: AbortController = new AbortController();
  readonly #onError: (error: unknown) => void;

  /**
   * Creates what takes leases.
   *
   * @param fold Where it is decided.
   * @param options Who takes them, and for how long.
   * @throws {RangeError} If `termMs` is no positive integer, or longer than entries of the fold may live.
   * @throws {TypeError} If `node` is no text, or another option is no function.
   */
  constructor(fold: Fold<string, Lease, "state" | "holder">, options: LeasesOptions) {
    const create = "create Leases";
    const { node, termMs = 30_000, send, onError = reportUncaught } = options;
    checkText(create, "node", node);
    checkInteger(create, "termMs", termMs, 1);
    if (termMs > fold.maxTtlMs) {
      const requirement = `termMs must be at most maxTtlMs of the fold, ${fold.maxTtlMs}`;
      throw new RangeError(refusal(create, requirement, termMs));
    }
    checkFunction(create, "onError", onError);
    if (send !== undefined) checkFunction(create, "send", send);
    this.node = node;
    this.termMs = termMs;
    this.#fold = fold;
    this.#generations = options.generations ??
      new Generations({ node, wallNow: () => fold.wallNow });
    this.#send = send;
    this.#onError = onError;
  }

  /**
   * Takes a resource if nobody has it, or if whoever had it did not renew in time.
   *
   * @param resource The resource.
   * @returns The lease, that is renewed until it is released or lost; undefined if another node has the resource, or this one has it already.
   * @throws {TypeError} If the resource is no text.
   * @throws {RangeError} If its last fence is more than a day ahead of the clock here: somebody has made that up.
   * @throws {FoldClosedError} If the fold is closed, or this is.
   */
  tryAcquire(resource: string): HeldLease | undefined {
    checkText("acquire Lease", "resource", resource);
    this.#end.signal.throwIfAborted();
    if (this.#fold.closed) throw closed("fold is");
    if (this.#isTaken(resource)) return undefined;
    const before = this.#fold.generationOf(resource);
    if (before > (this.#fold.wallNow + MAX_AHEAD_MS) * FENCES_PER_MS) {
      // To go on above it would take the node's generations with it.
      const requirement = `the last fence of ${resource} must be near the clock`;
      throw new RangeError(refusal("acquire Lease", requirement, before));
    }
    const { now: start, wallNow } = this.#fold;
    const fence = this.#generations.next(before);
    if (!this.#apply(this.#reserved(resource, fence), fence)) return undefined;
    const lease = heldLeases.create({
      resource,
      fence,
      termMs: this.termMs,
      start,
      wallStart: wallNow,
      now: () => this.#fold.now,
      wallNow: () => this.#fold.wallNow,
      has: () => this.#has(resource, fence),
      renew: () => this.#has(resource, fence) && this.#apply(this.#reserved(resource, fence)),
      release: () => {
        if (!this.#fold.closed && this.#has(resource, fence)) {
          this.#apply({ resource, fence, state: "free" });
        }
      },
      end: (lease) => this.#forget(lease),
    });
    this.#held.add(lease);
    void this.#watch();
    return lease;
  }

  /**
   * Takes a resource, waiting until it can be had. Of several that wait, it is not said who is next.
   *
   * @param resource The resource.
   * @param options Cancellation of the wait.
   * @returns A promise of the lease, that is renewed until it is released or lost.
   * @throws {TypeError} Rejects with it if the resource is no text.
   * @throws {RangeError} Rejects with it if its last fence is more than a day ahead of the clock here.
   * @throws {FoldClosedError} Rejects with it if the fold is closed, or this is.
   * @throws Rejects with the reason of the signal.
   */
  async acquire(resource: string, options: LeaseAcquireOptions = {}): Promise<HeldLease> {
    const { signal } = options;
    for (;;) {
      signal?.throwIfAborted();
      const since = this.#fold.version;
      const lease = this.tryAcquire(resource);
      if (lease !== undefined) return lease;
      await this.#wait(resource, since, signal);
    }
  }

  /** Releases all leases that are held, and takes no more: whoever waits for one is rejected. Closing again does nothing. */
  close(): void {
    this.#end.abort(closed(`leases of ${JSON.stringify(this.node)} are`));
    for (const lease of this.#held) lease.release();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes it. Waits for nobody. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Whether somebody has a resource, who may be this node: what is another lease of it is as taken as that of anybody else. */
  #isTaken(resource: string): boolean {
    const lease = this.#fold.get(resource)?.payload;
    if (lease === undefined || lease.state === "free") return false;
    return lease.state === "active" || lease.untilMs > this.#fold.wallNow;
  }

  /** Waits until a resource may be free. */
  async #wait(resource: string, since: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const ended = new AbortController();
    const stopTimer = later(this.#waitMs(resource), () => ended.abort(ended));
    const stops = [signal, this.#end.signal].map((signal) =>
      signal && onAbort(signal, (reason) => ended.abort(reason))
    );
    let known = since;
    try {
      // Changes of other resources are no reason to ask.
      do known = await this.#fold.changed({ since: known, signal: ended.signal }); while (
        this.#isTaken(resource)
      );
    } catch (error) {
      if (error !== ended) throw error;
    } finally {
      stopTimer();
      for (const stop of stops) stop?.();
    }
  }

  #waitMs(resource: string): number {
    if (!this.#isTaken(resource)) return RETRY_MS;
    const { payload: lease, expiresAt } = this.#fold.get(resource)!;
    const overMs = lease.state === "reserved" ? lease.untilMs - this.#fold.wallNow : Infinity;
    const ms = Math.min(overMs, expiresAt - this.#fold.now, MAX_WAIT_MS);
    return Math.max(1, Math.ceil(ms));
  }

  /** Has leases notice that they are lost as soon as the fold does. */
  async #watch(): Promise<void> {
    if (this.#watching !== undefined) return;
    const watching = this.#watching = new AbortController();
    const { signal } = watching;
    try {
      for (let since = this.#fold.version; !signal.aborted;) {
        since = await this.#fold.changed({ since, signal });
        for (const lease of this.#held) heldLeases.check(lease);
      }
    } catch {
      // Nothing is held any more, or the fold is closed, and nothing changes.
    } finally {
      if (this.#watching === watching) this.#watching = undefined;
    }
  }

  #forget(lease: HeldLease): void {
    this.#held.delete(lease);
    if (this.#held.size > 0) return;
    this.#watching?.abort();
    this.#watching = undefined;
  }

  #reserved(resource: string, fence: number): Lease {
    const untilMs = this.#fold.wallNow + this.termMs;
    return { resource, fence, state: "reserved", holder: this.node, untilMs };
  }

  #has(resource: string, fence: number): boolean {
    const entry = this.#fold.get(resource);
    return entry?.node === this.node && entry.payload.state !== "free" &&
      entry.payload.fence === fence;
  }

  #apply(payload: Lease, generation: number = this.#generations.next()): boolean {
    // The entry outlives the term, so that it is seen who had the resource.
    const announcement = { node: this.node, generation, payload, ttlMs: 2 * this.termMs };
    if (this.#fold.apply(announcement).outcome === "rejected") return false;
    void this.#tell(announcement);
    return true;
  }

  async #tell(announcement: FoldAnnouncement<Lease>): Promise<void> {
    try {
      await this.#send?.(announcement);
    } catch (error) {
      tellError(this.#onError, error);
    }
  }
}

function closed(what: string): FoldClosedError {
  return new FoldClosedError(`Cannot acquire Lease: ${what} closed`);
}
