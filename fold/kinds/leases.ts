import {
  checkFunction,
  checkInteger,
  later,
  onAbort,
  refusal,
  reportUncaught,
} from "../../internal/mod.ts";
import type { FoldAnnouncement } from "../announcement.ts";
import type { Fold } from "../fold.ts";
import { Generations } from "../generations.ts";
import type { Lease } from "./lease.ts";

/** Options of {@linkcode Leases}. */
export interface LeasesOptions {
  /** Who takes leases. */
  readonly node: string;

  /**
   * How long a lease holds that is not renewed, in milliseconds: a positive integer. It is renewed three times as often.
   *
   * @default {30_000}
   */
  readonly termMs?: number | undefined;

  /** Where generations and fences come from; without it, from the wall clock. */
  readonly generations?: Generations | undefined;

  /** Tells other nodes of what the fold here has accepted, and of nothing else. */
  readonly send?: ((announcement: FoldAnnouncement<Lease>) => void | PromiseLike<void>) | undefined;

  /** The wall clock, in milliseconds since 1970; without it, `Date.now`. */
  readonly wallNow?: (() => number) | undefined;

  /**
   * Told of what `send` throws.
   *
   * @default {reportError}
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Options of {@linkcode Leases.acquire}. */
export interface LeaseAcquireOptions {
  /** Cancels the wait. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What the signal of a {@linkcode HeldLease} is aborted with.
 *
 * @example Noticing that a lease is lost
 * ```ts
 * import { Fold, LeaseLostError, leaseKind, Leases } from "@weir/weir/fold";
 * import { assertInstanceOf } from "@std/assert";
 *
 * using fold = new Fold(leaseKind());
 * const lease = new Leases(fold, { node: "n1" }).tryAcquire("cron")!;
 * fold.evictNode("n1");
 * lease.renew();
 * assertInstanceOf(lease.signal.reason, LeaseLostError);
 * ```
 */
export class LeaseLostError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was lost, and why.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LeaseLostError";
  }
}

/**
 * Takes and keeps leases for one node, over a fold of {@linkcode leaseKind}.
 *
 * The fold here decides who has a resource: of those who share it, one at a time. Where folds of several nodes are to agree, that takes time, and
 * two may believe that they have it meanwhile: so the resource must refuse fences that are lower than one it has seen.
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
export class Leases {
  /** Who takes the leases. */
  readonly node: string;
  /** How long one holds that is not renewed, in milliseconds. */
  readonly termMs: number;
  readonly #fold: Fold<string, Lease, "state" | "holder">;
  readonly #generations: Generations;
  readonly #send: ((announcement: FoldAnnouncement<Lease>) => void | PromiseLike<void>) | undefined;
  readonly #wallNow: () => number;
  readonly #onError: (error: unknown) => void;

  /**
   * Creates what takes leases.
   *
   * @param fold Where it is decided.
   * @param options Who takes them, and for how long.
   * @throws {RangeError} If `termMs` is no positive integer.
   * @throws {TypeError} If `node` is no text, or another option is no function.
   */
  constructor(fold: Fold<string, Lease, "state" | "holder">, options: LeasesOptions) {
    const create = "create Leases";
    const { node, termMs = 30_000, wallNow = Date.now, send, onError = reportUncaught } = options;
    if (typeof node !== "string" || node === "") {
      throw new TypeError(refusal(create, "node must be a text that is not empty", node));
    }
    checkInteger(create, "termMs", termMs, 1);
    checkFunction(create, "wallNow", wallNow);
    checkFunction(create, "onError", onError);
    if (send !== undefined) checkFunction(create, "send", send);
    this.node = node;
    this.termMs = termMs;
    this.#fold = fold;
    this.#generations = options.generations ?? new Generations({ wallNow });
    this.#send = send;
    this.#wallNow = wallNow;
    this.#onError = onError;
  }

  /**
   * Takes a resource if nobody has it, or if whoever had it did not renew in time.
   *
   * @param resource The resource.
   * @returns The lease, that is renewed until it is released or lost; undefined if another node has the resource, or this one has it already.
   * @throws {TypeError} If the resource is no text.
   * @throws {FoldClosedError} If the fold is closed.
   */
  tryAcquire(resource: string): HeldLease | undefined {
    if (typeof resource !== "string" || resource === "") {
      const requirement = "resource must be a text that is not empty";
      throw new TypeError(refusal("acquire Lease", requirement, resource));
    }
    const existing = this.#fold.get(resource);
    const before = existing?.payload;
    const isOwn = existing?.node === this.node && before?.state !== "free";
    // What is another lease of this node is as taken as that of anybody else, until it is over.
    if (isOwn && before!.state === "reserved" && before!.untilMs > this.#wallNow()) {
      return undefined;
    }
    if (isOwn && before!.state === "active") return undefined;
    const start = this.#fold.now;
    const fence = this.#generations.next(before?.fence);
    const isTaken = this.#apply(this.#reserved(resource, fence), fence);
    if (!isTaken) return undefined;
    return heldLeases.create({
      resource,
      fence,
      termMs: this.termMs,
      start,
      now: () => this.#fold.now,
      has: () => this.#has(resource, fence),
      renew: () => this.#has(resource, fence) && this.#apply(this.#reserved(resource, fence)),
      release: () => {
        if (this.#has(resource, fence)) this.#apply({ resource, fence, state: "free" });
      },
    });
  }

  /**
   * Takes a resource, waiting until it can be had. Of several that wait, it is not said who is next.
   *
   * @param resource The resource.
   * @param options Cancellation of the wait.
   * @returns A promise of the lease, that is renewed until it is released or lost.
   * @throws {TypeError} Rejects with it if the resource is no text.
   * @throws {FoldClosedError} Rejects with it if the fold is closed.
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

  /** Waits until a resource may be free. */
  async #wait(resource: string, since: number, signal: AbortSignal | undefined): Promise<void> {
    const entry = this.#fold.get(resource);
    if (entry === undefined) return;
    const { payload: lease, expiresAt } = entry;
    const overMs = lease.state === "reserved" ? lease.untilMs - this.#wallNow() : Infinity;
    const ms = Math.min(Math.max(1, overMs), Math.max(1, expiresAt - this.#fold.now), MAX_WAIT_MS);
    signal?.throwIfAborted();
    const ended = new AbortController();
    const stopTimer = later(Math.ceil(ms), () => ended.abort(ended));
    const stopListening = signal && onAbort(signal, (reason) => ended.abort(reason));
    try {
      await this.#fold.changed({ since, signal: ended.signal });
    } catch (error) {
      if (error !== ended) throw error;
    } finally {
      stopTimer();
      stopListening?.();
    }
  }

  #reserved(resource: string, fence: number): Lease {
    const untilMs = this.#wallNow() + this.termMs;
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
      this.#onError(error);
    }
  }
}

/** After how long to look again whether a resource is free, at the latest. */
const MAX_WAIT_MS = 60_000;

/** What a lease needs of those who made it. */
interface LeaseHost {
  readonly resource: string;
  readonly fence: number;
  readonly termMs: number;
  /** When it was asked for. */
  readonly start: number;
  now(): number;
  has(): boolean;
  renew(): boolean;
  release(): void;
}

/** Set by the static block of {@linkcode HeldLease}. */
let heldLeases: { create(host: LeaseHost): HeldLease };

/**
 * A resource that a node has, until it gives it back or loses it. Made by {@linkcode Leases}.
 *
 * It is renewed by a timer that does not keep the process alive. Whether it is held is judged by the monotonic clock here, from before it was
 * asked for: a process that has stood still for too long does not have it any more, whatever others have done meanwhile.
 */
export class HeldLease implements Disposable, AsyncDisposable {
  static {
    heldLeases = { create: (host) => new HeldLease(host) };
  }

  readonly #host: LeaseHost;
  readonly #controller: AbortController = new AbortController();
  #heldUntil: number;
  #stopTimer: (() => void) | undefined;
  #isReleased = false;

  private constructor(host: LeaseHost) {
    this.#host = host;
    this.#heldUntil = host.start + host.termMs;
    this.#arm();
  }

  /** What is held. */
  get resource(): string {
    return this.#host.resource;
  }

  /** What the resource must be told with everything that is done to it: higher than that of whoever had it before. */
  get fence(): number {
    return this.#host.fence;
  }

  /** Whether it is held now. Ask right before whatever must not be done twice, and let the resource check the fence all the same. */
  get isHeld(): boolean {
    return !this.#isReleased && !this.#controller.signal.aborted &&
      this.#host.now() < this.#heldUntil && this.#host.has();
  }

  /** Aborted with a {@linkcode LeaseLostError} when it turns out that it is lost; not if it is released. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Renews it now. That happens by itself, three times a term.
   *
   * @returns Whether it is held for another term. If not, it is lost, and the signal aborted.
   */
  renew(): boolean {
    if (this.#isReleased || this.signal.aborted) return false;
    const start = this.#host.now();
    if (start >= this.#heldUntil) return this.#lose("it was not renewed in time");
    let isRenewed = false;
    try {
      isRenewed = this.#host.renew();
    } catch (cause) {
      return this.#lose("it could not be renewed", cause);
    }
    if (!isRenewed) return this.#lose("another node has it, or it was evicted");
    this.#heldUntil = start + this.#host.termMs;
    this.#arm();
    return true;
  }

  /** Gives it back. Doing so again does nothing, and so it does if it is lost. */
  release(): void {
    if (this.#isReleased) return;
    const wasHeld = this.isHeld;
    this.#isReleased = true;
    this.#stopTimer?.();
    if (wasHeld) this.#host.release();
  }

  /** Gives it back. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** Gives it back. Waits for nobody. */
  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  #arm(): void {
    this.#stopTimer?.();
    this.#stopTimer = later(Math.max(1, Math.floor(this.#host.termMs / 3)), () => this.renew());
  }

  #lose(why: string, cause?: unknown): false {
    this.#stopTimer?.();
    const { resource, fence } = this.#host;
    const message = `Lost lease of ${JSON.stringify(resource)} with fence ${fence}: ${why}`;
    this.#controller.abort(
      new LeaseLostError(message, cause === undefined ? undefined : { cause }),
    );
    return false;
  }
}
