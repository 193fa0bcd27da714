import { checkFunction, checkInteger, onAbort, refusal } from "../internal/mod.ts";
import { checkObject } from "./_check.ts";
import { type RawEnvelope, readEnvelope } from "./_envelope.ts";
import { decodePayload } from "./_payload.ts";
import { Tally } from "./_tally.ts";
import { within } from "./_within.ts";
import type { FoldAnnouncement, FoldResult } from "./announcement.ts";
import type { FoldEnvelopeReason } from "./envelope.ts";
import type { Fold } from "./fold.ts";
import { checkPublicKey, hexOf, type Publisher, publisherOf } from "./identity.ts";
import type { FoldKey } from "./kind.ts";
import type { FoldStats } from "./stats.ts";

/**
 * Why a registry does not give bytes to a fold: a {@linkcode FoldEnvelopeReason}, or
 *
 * - `"oversized"`: there are more than `maxBytes`.
 * - `"unknown-kind"`: no fold of that kind is registered.
 * - `"future-dated"`: they were announced later than now, and not just by `maxSkewMs`.
 * - `"outdated"`: they were announced more than `maxAgeMs` ago.
 * - `"unknown-publisher"`: nobody knows the public key of the node.
 * - `"busy"`: `maxPending` others are being checked.
 * - `"failed"`: the kind has thrown, or the fold is closed.
 */
export type FoldRefusal =
  | FoldEnvelopeReason
  | "oversized"
  | "unknown-kind"
  | "future-dated"
  | "outdated"
  | "unknown-publisher"
  | "busy"
  | "failed";

/** What has become of bytes: what the fold says, or why it was not asked. */
export type FoldDispatchResult = FoldResult | FoldRefused;

/** Bytes were given to no fold. */
export interface FoldRefused {
  /** What has become of them. */
  readonly outcome: "refused";
  /** Why. */
  readonly reason: FoldRefusal;
}

/** Options of {@linkcode FoldRegistry}. */
export interface FoldRegistryOptions {
  /**
   * The most bytes of an announcement: a positive integer.
   *
   * @default {65_536}
   */
  readonly maxBytes?: number | undefined;

  /**
   * By how many milliseconds the clock of a node may be ahead of the one here.
   *
   * @default {60_000}
   */
  readonly maxSkewMs?: number | undefined;

  /**
   * How many milliseconds ago something may have been announced. If folds remember generations for that long and `maxSkewMs` more, nothing that
   * somebody has recorded can ever bring back what is gone.
   *
   * @default {300_000}
   */
  readonly maxAgeMs?: number | undefined;

  /**
   * How many announcements may be checked at a time: a positive integer.
   *
   * @default {1_024}
   */
  readonly maxPending?: number | undefined;

  /**
   * How long `publicKeyOf` may take, in milliseconds: after that, nobody knows the node.
   *
   * @default {10_000}
   */
  readonly maxLookupMs?: number | undefined;

  /**
   * Whether what is not signed is believed: for those who share a machine, and trust each other.
   *
   * @default {false}
   */
  readonly allowUnsigned?: boolean | undefined;

  /**
   * The public key of a node, 32 bytes, or undefined if it is not to be believed: for where bytes come without their publisher, as over a ring that
   * several nodes write to. What it throws counts as undefined.
   */
  readonly publicKeyOf?:
    | ((node: string) => Uint8Array | undefined | PromiseLike<Uint8Array | undefined>)
    | undefined;

  /** Told of each refusal, with the bytes as they are now, and what was thrown if something was. What it throws is ignored. */
  readonly onRefused?:
    | ((reason: FoldRefusal, bytes: Uint8Array, error?: unknown) => void)
    | undefined;

  /** The wall clock, in milliseconds since 1970; without it, `Date.now`. */
  readonly wallNow?: (() => number) | undefined;
}

/** Options of {@linkcode FoldRegistry.dispatch}. */
export interface FoldDispatchOptions {
  /** The id of the kind that is expected: for where each kind has a channel of its own. */
  readonly kind?: number | undefined;
}

/** Options of {@linkcode FoldRegistry.settled}. */
export interface FoldSettledOptions {
  /** Cancels the wait. */
  readonly signal?: AbortSignal | undefined;
}

/** How a {@linkcode FoldRegistry} is doing. Everything in it is JSON. */
export interface FoldRegistryStats {
  /** How many times it was given bytes: `accepted + rejected + refused + pending`. */
  readonly dispatched: number;
  /** How many were inserted, replaced, or left. */
  readonly accepted: number;
  /** How many a fold has rejected. */
  readonly rejected: number;
  /** How many were given to no fold. */
  readonly refused: number;
  /** How many were given to no fold, by reason. */
  readonly refusals: Readonly<Partial<Record<FoldRefusal, number>>>;
  /** How many are being checked. */
  readonly pending: number;
  /** The folds. */
  readonly folds: readonly FoldStats[];
}

/** How many public keys are kept ready. */
const MAX_PUBLISHERS = 1_024;

/** A fold of any kind. */
// deno-lint-ignore no-explicit-any -- what fits together in each of them is not known here
export type AnyFold = Fold<any, any, any>;

/** Something that goes no further. */
interface Refused {
  readonly reason: FoldRefusal;
  readonly error?: unknown;
}

/** Something that a fold is to be asked about, if it is from whom it says. */
interface Prechecked {
  readonly fold: AnyFold;
  readonly envelope: RawEnvelope;
}

/**
 * Gives announcements that come as bytes to the folds of their kinds, once it is sure of whom they are from.
 *
 * Nothing that comes makes `dispatch` throw: each announcement is accepted, rejected by its fold, or refused before, for a reason, and counted.
 * Those of one node reach the folds in the order in which they came, though they are checked at the same time.
 *
 * | operation | cost |
 * | --- | --- |
 * | register, deregister, get | O(1) |
 * | dispatch | O(bytes), most of which is the signature |
 */
export class FoldRegistry {
  readonly #folds: Map<number, AnyFold> = new Map();
  readonly #publishers: Map<string, Promise<Publisher>> = new Map();
  readonly #maxBytes: number;
  readonly #maxSkewMs: number;
  readonly #maxAgeMs: number;
  readonly #maxLookupMs: number;
  readonly #maxPending: number;
  readonly #allowUnsigned: boolean;
  readonly #publicKeyOf: FoldRegistryOptions["publicKeyOf"];
  readonly #onRefused: FoldRegistryOptions["onRefused"];
  readonly #wallNow: () => number;
  readonly #refusals: Tally = new Tally();
  #dispatched = 0;
  #accepted = 0;
  #rejected = 0;
  #pending = 0;
  // By node, what settles once everything that came from it so far has reached its fold.
  readonly #last: Map<string, Promise<unknown>> = new Map();

  /**
   * Creates a registry.
   *
   * @param options What is refused.
   * @throws {RangeError} If a number is out of its range.
   * @throws {TypeError} If an option is no function.
   */
  constructor(options: FoldRegistryOptions = {}) {
    const create = "create FoldRegistry";
    const { maxBytes = 65_536, maxPending = 1_024, allowUnsigned = false } = options;
    const { maxSkewMs = 60_000, maxAgeMs = 300_000, wallNow = Date.now } = options;
    checkInteger(create, "maxBytes", maxBytes, 1);
    checkInteger(create, "maxPending", maxPending, 1);
    const { maxLookupMs = 10_000 } = options;
    for (const [name, ms] of Object.entries({ maxSkewMs, maxAgeMs, maxLookupMs })) {
      if (typeof ms !== "number" || !(ms >= 0)) {
        throw new RangeError(refusal(create, `${name} must be a number from 0`, ms));
      }
    }
    checkFunction(create, "wallNow", wallNow);
    for (const name of ["publicKeyOf", "onRefused"] as const) {
      if (options[name] !== undefined) checkFunction(create, name, options[name]);
    }
    this.#maxBytes = maxBytes;
    this.#maxPending = maxPending;
    this.#maxSkewMs = maxSkewMs;
    this.#maxAgeMs = maxAgeMs;
    this.#maxLookupMs = maxLookupMs;
    this.#allowUnsigned = allowUnsigned;
    this.#publicKeyOf = options.publicKeyOf;
    this.#onRefused = options.onRefused;
    this.#wallNow = wallNow;
  }

  /** How many folds there are. */
  get size(): number {
    return this.#folds.size;
  }

  /**
   * Gives announcements of a kind to a fold from now on.
   *
   * @typeParam K The keys.
   * @typeParam P The payloads.
   * @typeParam I The names of the indexes.
   * @param fold The fold.
   * @returns The fold that had them before; undefined if none did.
   * @throws {TypeError} If it is no fold.
   */
  register<K extends FoldKey, P, I extends string>(fold: Fold<K, P, I>): AnyFold | undefined {
    checkObject("register Fold", "fold", fold);
    checkFunction("register Fold", "fold.apply", fold.apply);
    checkFunction("register Fold", "fold.stats", fold.stats);
    checkInteger("register Fold", "fold.kind.id", fold.kind?.id, 0, 0xffff);
    const before = this.#folds.get(fold.kind.id);
    this.#folds.set(fold.kind.id, fold);
    return before;
  }

  /**
   * Gives announcements of a kind to nobody from now on.
   *
   * @param kind The id of the kind.
   * @returns The fold that had them; undefined if none did.
   */
  deregister(kind: number): AnyFold | undefined {
    const before = this.#folds.get(kind);
    this.#folds.delete(kind);
    return before;
  }

  /**
   * The fold that has the announcements of a kind.
   *
   * @param kind The id of the kind.
   * @returns The fold; undefined if none has.
   */
  get(kind: number): AnyFold | undefined {
    return this.#folds.get(kind);
  }

  /**
   * Checks an announcement and gives it to the fold of its kind. Never throws, and never rejects.
   *
   * @param bytes The announcement. They are copied, and may be written over at once.
   * @param publicKey The key of whoever has sent them, 32 bytes, as the connection knows it; without it, `publicKeyOf` is asked.
   * @param options What is expected of them.
   * @returns A promise of what has become of it.
   */
  async dispatch(
    bytes: Uint8Array,
    publicKey?: Uint8Array,
    options: FoldDispatchOptions = {},
  ): Promise<FoldDispatchResult> {
    this.#dispatched++;
    let checked: FoldRefusal | Prechecked;
    try {
      checked = this.#precheck(bytes, options.kind);
    } catch (error) {
      return this.#refuse({ reason: "failed", error }, bytes);
    }
    if (typeof checked === "string") return this.#refuse({ reason: checked }, bytes);
    const { fold, envelope } = checked;
    const { node } = envelope;
    this.#pending++;
    const before = this.#last.get(node);
    const checking = this.#check(fold, envelope, publicKey)
      .catch((error): Refused => ({ reason: "failed", error }));
    const settling = (async () => {
      const result = await checking;
      await before;
      this.#pending--;
      return "reason" in result ? this.#refuse(result, bytes) : this.#apply(fold, result, bytes);
    })();
    this.#last.set(node, settling);
    const result = await settling;
    if (this.#last.get(node) === settling) this.#last.delete(node);
    return result;
  }

  /**
   * Waits until everything that has come from a node so far has reached its fold, or was refused: before it is evicted because its connection is
   * lost, so that what was still being checked does not bring it back.
   *
   * @param node The node.
   * @param options Cancellation of the wait.
   * @returns A promise that is fulfilled then.
   * @throws Rejects with the reason of the signal.
   */
  async settled(node: string, options: FoldSettledOptions = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const stopListening = signal && onAbort(signal, reject);
      void Promise.resolve(this.#last.get(node)).then(() => {
        stopListening?.();
        resolve();
      });
    });
  }

  /** How it is doing. */
  stats(): FoldRegistryStats {
    return {
      dispatched: this.#dispatched,
      accepted: this.#accepted,
      rejected: this.#rejected,
      refused: this.#refusals.total,
      refusals: this.#refusals.byReason(),
      pending: this.#pending,
      folds: [...this.#folds.values()].map((fold) => fold.stats()),
    };
  }

  /** What can be said of bytes without waiting: why they are refused, or what they are and for whom. */
  #precheck(bytes: Uint8Array, expected: number | undefined): FoldRefusal | Prechecked {
    if (!(bytes instanceof Uint8Array)) return "malformed";
    if (bytes.length > this.#maxBytes) return "oversized";
    // A Buffer's own slice() would be no copy.
    const envelope = readEnvelope(new Uint8Array(bytes));
    if (typeof envelope === "string") return envelope;
    const { kind, announcedAtMs } = envelope;
    if (expected !== undefined && kind !== expected) return "wrong-kind";
    const fold = this.#folds.get(kind);
    if (fold === undefined) return "unknown-kind";
    const now = this.#wallNow();
    if (announcedAtMs > now + this.#maxSkewMs) return "future-dated";
    if (announcedAtMs < now - this.#maxAgeMs) return "outdated";
    return this.#pending >= this.#maxPending ? "busy" : { fold, envelope };
  }

  async #check(
    fold: AnyFold,
    envelope: RawEnvelope,
    publicKey: Uint8Array | undefined,
  ): Promise<Refused | FoldAnnouncement> {
    const refused = await this.#verify(envelope, publicKey);
    if (refused !== undefined) return refused;
    const { node, generation, ttlMs, leave, announcedAtMs } = envelope;
    try {
      const payload: unknown = decodePayload(fold.kind, envelope.payload);
      return { node, generation, payload, ttlMs, leave, announcedAtMs };
    } catch (error) {
      return { reason: "payload", error };
    }
  }

  async #verify(
    envelope: RawEnvelope,
    publicKey: Uint8Array | undefined,
  ): Promise<Refused | undefined> {
    if (!envelope.isSigned) return this.#allowUnsigned ? undefined : { reason: "unsigned" };
    let key = publicKey;
    try {
      key ??= await this.#lookUp(envelope.node) ?? undefined;
    } catch (error) {
      return { reason: "unknown-publisher", error };
    }
    if (key === undefined) return { reason: "unknown-publisher" };
    let publisher: Publisher;
    try {
      publisher = await this.#publisher(key);
    } catch (error) {
      return { reason: "bad-key", error };
    }
    const fault = await publisher.faultOf(envelope);
    return fault && { reason: fault };
  }

  /** Asks for the public key of a node, for so long: one that is never found must not stand in the way of others. */
  async #lookUp(node: string): Promise<Uint8Array | undefined> {
    const looking = this.#publicKeyOf?.(node);
    if (looking === undefined || looking instanceof Uint8Array) return looking;
    return await within("look up public key", this.#maxLookupMs, looking);
  }

  /** The publisher of a public key, of which the ones that were asked for last are kept. */
  #publisher(publicKey: Uint8Array): Promise<Publisher> {
    checkPublicKey(publicKey);
    const id = hexOf(publicKey);
    const publisher = this.#publishers.get(id) ?? publisherOf(publicKey);
    this.#publishers.delete(id);
    this.#publishers.set(id, publisher);
    // What has failed once may not the next time.
    publisher.catch(() => {
      if (this.#publishers.get(id) === publisher) this.#publishers.delete(id);
    });
    if (this.#publishers.size > MAX_PUBLISHERS) {
      const [oldest] = this.#publishers.keys();
      this.#publishers.delete(oldest!);
    }
    return publisher;
  }

  #apply(fold: AnyFold, announcement: FoldAnnouncement, bytes: Uint8Array): FoldDispatchResult {
    let result: FoldResult;
    try {
      result = fold.apply(announcement);
    } catch (error) {
      return this.#refuse({ reason: "failed", error }, bytes);
    }
    if (result.outcome === "rejected") this.#rejected++;
    else this.#accepted++;
    return result;
  }

  #refuse({ reason, error }: Refused, bytes: Uint8Array): FoldDispatchResult {
    this.#refusals.add(reason);
    try {
      this.#onRefused?.(reason, bytes, error);
    } catch {
      // It was to be told, and nothing depends on it.
    }
    return { outcome: "refused", reason };
  }
}
