import { later } from "../../internal/mod.ts";

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

/** What a lease needs of those who made it. */
export interface LeaseHost {
  readonly resource: string;
  readonly fence: number;
  readonly termMs: number;
  /** When it was asked for, on both clocks. */
  readonly start: number;
  readonly wallStart: number;
  now(): number;
  wallNow(): number;
  has(): boolean;
  renew(): boolean;
  release(): void;
  /** Told that it is released, or lost. */
  end(lease: HeldLease): void;
}

/** Set by the static block of {@linkcode HeldLease}. */
export let heldLeases: {
  create(host: LeaseHost): HeldLease;
  /** Has a lease find out whether it is lost. */
  check(lease: HeldLease): void;
};

/**
 * A resource that a node has, until it gives it back or loses it. Made by {@linkcode Leases}.
 *
 * It is renewed by a timer that does not keep the process alive. Whether it is held is judged by the monotonic and the wall clock here, from before
 * it was asked for, and both must say so: a process that has stood still for too long does not have it any more, nor does one whose machine was
 * suspended, whatever others have done meanwhile.
 */
export class HeldLease implements Disposable, AsyncDisposable {
  static {
    heldLeases = {
      create: (host) => new HeldLease(host),
      check: (lease) => lease.#check(),
    };
  }

  readonly #host: LeaseHost;
  readonly #controller: AbortController = new AbortController();
  #heldUntil: number;
  #wallUntil: number;
  #stopTimer: (() => void) | undefined;
  #isReleased = false;

  private constructor(host: LeaseHost) {
    this.#host = host;
    this.#heldUntil = host.start + host.termMs;
    this.#wallUntil = host.wallStart + host.termMs;
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
    return !this.#isReleased && !this.#controller.signal.aborted && this.#isInTime() &&
      this.#host.has();
  }

  /**
   * Aborted with a {@linkcode LeaseLostError} when it is lost: as soon as the fold here knows, or when it could not be renewed in time. Not if it is
   * released.
   */
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
    const [start, wallStart] = [this.#host.now(), this.#host.wallNow()];
    if (!this.#isInTime()) return this.#lose("it was not renewed in time");
    let isRenewed = false;
    try {
      isRenewed = this.#host.renew();
    } catch (cause) {
      return this.#lose("it could not be renewed", cause);
    }
    if (!isRenewed) return this.#lose("another node has it, or it was evicted");
    this.#heldUntil = start + this.#host.termMs;
    this.#wallUntil = wallStart + this.#host.termMs;
    this.#arm();
    return true;
  }

  /** Gives it back. Doing so again does nothing, and so it does if it is lost. */
  release(): void {
    if (this.#isReleased) return;
    const wasHeld = this.isHeld;
    this.#isReleased = true;
    this.#stopTimer?.();
    this.#host.end(this);
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

  #isInTime(): boolean {
    return this.#host.now() < this.#heldUntil && this.#host.wallNow() < this.#wallUntil;
  }

  #check(): void {
    if (!this.#isReleased && !this.signal.aborted && !this.#host.has()) {
      this.#lose("another node has it, or it was evicted");
    }
  }

  #arm(): void {
    this.#stopTimer?.();
    this.#stopTimer = later(Math.max(1, Math.floor(this.#host.termMs / 3)), () => this.renew());
  }

  #lose(why: string, cause?: unknown): false {
    this.#stopTimer?.();
    this.#host.end(this);
    const { resource, fence } = this.#host;
    const message = `Lost lease of ${JSON.stringify(resource)} with fence ${fence}: ${why}`;
    this.#controller.abort(
      new LeaseLostError(message, cause === undefined ? undefined : { cause }),
    );
    return false;
  }
}
