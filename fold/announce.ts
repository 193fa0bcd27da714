import { checkFunction, later, onAbort, refusal } from "../internal/mod.ts";
import type { FoldAnnouncement } from "./announcement.ts";
import { checkText, tellError } from "./_check.ts";
import { within } from "./_within.ts";
import { type Generations, sharedGenerations } from "./generations.ts";
import type { FoldKey, FoldKind } from "./kind.ts";

/**
 * Options of {@linkcode announce}.
 *
 * @typeParam P The payloads.
 */
export interface AnnounceOptions<P> {
  /** Who announces. */
  readonly node: string;

  /**
   * Tells others, and the fold here. It is not called again before its promise has settled, or `ttlMs` have passed: what comes meanwhile is told
   * once, with what is to be said then. If it answers what a fold does, a rejection counts as a failure.
   */
  readonly send: (announcement: FoldAnnouncement<P>) => unknown;

  /**
   * How long what is said holds, in milliseconds, above 0.
   *
   * @default {kind.defaultTtlMs}
   */
  readonly ttlMs?: number | undefined;

  /**
   * After how long it is said again at the latest, in milliseconds, above 0 and below `ttlMs`.
   *
   * @default {ttlMs / 3}
   */
  readonly everyMs?: number | undefined;

  /**
   * By which part of `everyMs`, from 0 to 1, it is said earlier at most, by chance, so that not all nodes speak at once.
   *
   * @default {0.1}
   */
  readonly jitter?: number | undefined;

  /** Where the generations come from; without it, from the wall clock. */
  readonly generations?: Generations | undefined;

  /** Ends it, as {@linkcode Announcer.close} does. */
  readonly signal?: AbortSignal | undefined;

  /**
   * Whether others are told at the end that it is over.
   *
   * @default {true}
   */
  readonly leave?: boolean | undefined;

  /** Told of what `send` or the payload's function throws. It is counted in any case, and said again in time. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Says something again and again, so that it does not expire, until it is closed.
 *
 * It says it at once, and then, with a higher generation each time, before the life of what was said ends. Its timer does not keep the process
 * alive.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 * @param kind What kind of thing it is.
 * @param payload What to say, or what answers it each time.
 * @param options Who says it to whom, how often, and until when.
 * @returns What it can be changed and ended by.
 * @throws {RangeError} If `ttlMs`, `everyMs` or `jitter` is out of its range: something would expire in between.
 * @throws {TypeError} If another option is not of its type.
 * @throws The reason of the signal, if that has aborted.
 *
 * @example Being there for as long as a program runs
 * ```ts
 * import { announce, Fold, presenceKind } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * const kind = presenceKind<{ status: string }>();
 * using fold = new Fold(kind);
 * const me = { room: "lobby", user: "ada" };
 * const announcer = announce(kind, { ...me, meta: { status: "here" } }, {
 *   node: "n1",
 *   send: (announcement) => fold.apply(announcement),
 * });
 * assertEquals(fold.query().map(({ payload }) => payload.meta?.status), ["here"]);
 *
 * announcer.update({ ...me, meta: { status: "away" } });
 * assertEquals(fold.query().map(({ payload }) => payload.meta?.status), ["away"]);
 *
 * await announcer.close();
 * assertEquals(fold.size, 0);
 * ```
 */
export function announce<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  payload: P | (() => P),
  options: AnnounceOptions<P>,
): Announcer<P> {
  const action = `announce ${kind.name}`;
  const { node, send, ttlMs = kind.defaultTtlMs, jitter = 0.1, signal, onError } = options;
  const { leave = true, generations = sharedGenerations() } = options;
  checkText(action, "node", node);
  checkFunction(action, "send", send);
  if (onError !== undefined) checkFunction(action, "onError", onError);
  if (typeof ttlMs !== "number" || !(ttlMs > 0 && ttlMs < Infinity)) {
    throw new RangeError(refusal(action, "ttlMs must be a number above 0", ttlMs));
  }
  const { everyMs = ttlMs / 3 } = options;
  if (typeof everyMs !== "number" || !(everyMs > 0 && everyMs < ttlMs)) {
    const requirement = `everyMs must be above 0 and below ttlMs, which is ${ttlMs}`;
    throw new RangeError(refusal(action, requirement, everyMs));
  }
  if (typeof jitter !== "number" || !(jitter >= 0 && jitter <= 1)) {
    throw new RangeError(refusal(action, "jitter must be a number from 0 to 1", jitter));
  }
  signal?.throwIfAborted();
  return announcers.create(payload, {
    node,
    send,
    ttlMs,
    everyMs,
    jitter,
    leave,
    generations,
    onError,
    signal,
  });
}

/** What an announcer goes by. */
interface Setup<P> {
  readonly node: string;
  readonly send: (announcement: FoldAnnouncement<P>) => unknown;
  readonly ttlMs: number;
  readonly everyMs: number;
  readonly jitter: number;
  readonly leave: boolean;
  readonly generations: Generations;
  readonly onError: ((error: unknown) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Set by the static block of {@linkcode Announcer}. */
let announcers: { create<P>(payload: P | (() => P), setup: Setup<P>): Announcer<P> };

/**
 * Says something again and again. Made by {@linkcode announce}.
 *
 * @typeParam P The payloads.
 */
export class Announcer<P> implements AsyncDisposable {
  static {
    announcers = { create: (payload, setup) => new Announcer(payload, setup) };
  }

  /** How many times it was said. */
  sent = 0;
  /** How many times that has failed. */
  failed = 0;
  readonly #setup: Setup<P>;
  readonly #stopListening: (() => void) | undefined;
  #payload: P | (() => P);
  // What was said last: what is left at the end.
  #last: P | undefined;
  #generation = 0;
  #stopTimer: (() => void) | undefined;
  // Whether something is being said, and whether there is something to say after it.
  #isSending = false;
  #isDirty = false;
  #isClosed = false;
  #hasLeft = false;
  readonly #ended: PromiseWithResolvers<void> = Promise.withResolvers();

  private constructor(payload: P | (() => P), setup: Setup<P>) {
    this.#payload = payload;
    this.#setup = setup;
    this.#stopListening = setup.signal && onAbort(setup.signal, () => void this.close());
    this.#say();
  }

  /** The generation that was said last; 0 if nothing was. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether it has ended. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /**
   * Says something else from now on, and at once. Does nothing once it has ended.
   *
   * @param payload What to say, or what answers it each time. It must be of the same key.
   */
  update(payload: P | (() => P)): void {
    if (this.closed) return;
    this.#payload = payload;
    this.#say();
  }

  /**
   * Ends it, and tells others that it is over. Closing again does nothing.
   *
   * @returns A promise that is fulfilled once they are told, or could not be.
   */
  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#stopTimer?.();
      this.#stopListening?.();
      if (!this.#isSending) this.#goOn();
    }
    return this.#ended.promise;
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #say(): void {
    this.#stopTimer?.();
    const { everyMs, jitter } = this.#setup;
    const ms = everyMs * (1 - jitter * Math.random());
    this.#stopTimer = later(Math.max(1, Math.floor(ms)), () => this.#say());
    if (this.#isSending) {
      this.#isDirty = true;
      return;
    }
    this.#isSending = true;
    let payload: P;
    try {
      payload = typeof this.#payload === "function" ? (this.#payload as () => P)() : this.#payload;
    } catch (error) {
      this.#fail(error);
      this.#goOn();
      return;
    }
    // Whoever was asked may have closed it.
    if (this.#isClosed) this.#goOn();
    else this.#send(payload, false);
  }

  /** After something was said. */
  #goOn(): void {
    this.#isSending = false;
    if (!this.#isClosed) {
      if (!this.#isDirty) return;
      this.#isDirty = false;
      this.#say();
    } else if (this.#setup.leave && this.#generation > 0 && !this.#hasLeft) {
      this.#hasLeft = true;
      this.#isSending = true;
      this.#send(this.#last as P, true);
    } else this.#ended.resolve();
  }

  #send(payload: P, leave: boolean): void {
    const { node, ttlMs, generations, send } = this.#setup;
    try {
      const generation = this.#generation = generations.next();
      this.#last = payload;
      const sending = send({
        node,
        generation,
        payload,
        ttlMs,
        announcedAtMs: Date.now(),
        ...(leave ? { leave } : {}),
      });
      if (isPromiseLike(sending)) {
        void this.#wait(sending);
        return;
      }
      this.#succeed(sending);
    } catch (error) {
      this.#fail(error);
    }
    this.#goOn();
  }

  /** Waits until something was said, but not longer than it would hold: others must hear something again. */
  async #wait(sending: PromiseLike<unknown>): Promise<void> {
    const { node, ttlMs } = this.#setup;
    const action = `announce for ${JSON.stringify(node)}`;
    try {
      this.#succeed(await within(action, ttlMs, sending));
    } catch (error) {
      this.#fail(error);
    }
    this.#goOn();
  }

  /** What a fold has rejected is not said, whatever it was sent by. */
  #succeed(answer: unknown): void {
    const { outcome, reason } = (answer ?? {}) as { outcome?: unknown; reason?: unknown };
    if (outcome !== "rejected" && outcome !== "refused") this.sent++;
    else {
      const node = JSON.stringify(this.#setup.node);
      this.#fail(new Error(`Cannot announce for ${node}: it was ${outcome}, ${reason}`));
    }
  }

  #fail(error: unknown): void {
    this.failed++;
    tellError(this.#setup.onError, error);
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}
