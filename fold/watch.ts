import { Channel, type ChannelReceiveResult, type ChannelWaitOptions } from "../channel/mod.ts";
import { checkInteger, onAbort } from "../internal/mod.ts";
import type { FoldBaseline, FoldChange, FoldDelta } from "./change.ts";
import type { FoldEntry } from "./entry.ts";
import type { FoldKey } from "./kind.ts";

/**
 * Options of {@linkcode Fold.watch}.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 */
export interface FoldWatchOptions<K extends FoldKey = FoldKey, P = unknown> {
  /** Ends the watch. Whoever waits or reads then is rejected with its reason. */
  readonly signal?: AbortSignal | undefined;

  /**
   * How many changes may wait to be read: a positive integer. One more, and all of them give way to a `"resync"`.
   *
   * @default {1_024}
   */
  readonly capacity?: number | undefined;

  /**
   * Which entries to tell of. One that is replaced is told of if it fits before or after. If it throws, the watch ends with what it throws.
   */
  readonly where?: ((entry: FoldEntry<K, P>) => boolean) | undefined;

  /**
   * Whether all entries that there are come first, as a `"snapshot"`.
   *
   * @default {true}
   */
  readonly initial?: boolean | undefined;
}

/** What a watch needs of its fold. */
export interface WatchHost<K extends FoldKey, P> {
  /** The version at which it begins. */
  readonly version: number;
  /** The time on the clock of the fold. */
  now(): number;
  /** All entries that there are now. */
  list(where: ((entry: FoldEntry<K, P>) => boolean) | undefined): FoldEntry<K, P>[];
  /** Forgets the watch. */
  remove(watch: FoldWatch<K, P>): void;
  /** Counts changes that a watch has missed. */
  addMissed(count: number): void;
}

/** What is beside the public face of a watch. */
export interface WatchInternals {
  create<K extends FoldKey, P>(
    host: WatchHost<K, P>,
    options: FoldWatchOptions<K, P>,
  ): FoldWatch<K, P>;
  /** Tells a watch of a change, which has made a version. */
  tell<K extends FoldKey, P>(
    watch: FoldWatch<K, P>,
    delta: FoldDelta<K, P>,
    version: number,
  ): void;
  /** Tells a watch that everything may have changed. */
  reset<K extends FoldKey, P>(watch: FoldWatch<K, P>, changes: number): void;
}

/** Set by the static block of {@linkcode FoldWatch}. */
export let watches: WatchInternals;

/** Stands for a resync among the changes that wait; what it says is made when it is read. */
const RESYNC = "resync";

/**
 * What happens to the entries of a {@linkcode Fold}, for one reader: all that there are, and then every change, in order and without a gap.
 *
 * A reader that is too slow does not see every change, and takes no memory for it: it is told how many it missed, and what there is now. For
 * each watch, the changes that were for it are those that were read, those missed, and those that wait.
 *
 * Leaving a loop over it closes it.
 *
 * | operation | cost |
 * | --- | --- |
 * | receive, tryReceive | O(1); O(entries) for a resync |
 * | close | O(1) |
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 *
 * @example Following who is there
 * ```ts
 * import { Fold, presenceKind } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * using fold = new Fold(presenceKind());
 * const payload = { room: "lobby", user: "ada" };
 * fold.apply({ node: "n1", generation: 1, payload });
 *
 * using watch = fold.watch();
 * fold.leave("n1");
 * const changes = [await watch.receive(), await watch.receive()];
 * assertEquals(changes.map(({ type }) => type), ["snapshot", "left"]);
 * ```
 */
export class FoldWatch<K extends FoldKey = FoldKey, P = unknown>
  implements AsyncIterable<FoldChange<K, P>>, Disposable, AsyncDisposable {
  static {
    watches = {
      create: (host, options) => new FoldWatch(host, options),
      tell: (watch, delta, version) => {
        // One that has begun since the change was made knows it already.
        if (version > watch.#host.version) watch.#tell(delta);
      },
      reset: (watch, changes) => watch.#reset(changes),
    };
  }

  readonly #host: WatchHost<K, P>;
  readonly #where: ((entry: FoldEntry<K, P>) => boolean) | undefined;
  readonly #channel: Channel<FoldChange<K, P> | typeof RESYNC>;
  readonly #stopListening: (() => void) | undefined;
  // What comes before anything in the channel.
  #baseline: FoldBaseline<K, P> | undefined;
  // How many changes the resync that waits stands for; undefined if none does.
  #behind: number | undefined;
  #missed = 0;
  // When it began, and when all entries were listed last, or would have been.
  readonly #beganAt: number;
  #listedAt: number;

  private constructor(host: WatchHost<K, P>, options: FoldWatchOptions<K, P>) {
    const { signal, capacity = 1_024, where, initial = true } = options;
    checkInteger("watch Fold", "capacity", capacity, 1);
    signal?.throwIfAborted();
    this.#host = host;
    this.#where = where;
    this.#channel = new Channel({ capacity });
    this.#beganAt = this.#listedAt = host.now();
    if (initial) this.#baseline = { type: "snapshot", entries: host.list(where) };
    // The predicate may have aborted it, and nobody would be told of that any more.
    signal?.throwIfAborted();
    this.#stopListening = signal && onAbort(signal, (reason) => this.#end(reason));
  }

  /** How many changes are told by no more than a resync, those among them that come to light after it. */
  get missed(): number {
    return this.#missed;
  }

  /** How many changes wait to be read; a resync counts as one. */
  get size(): number {
    return this.#channel.size + (this.#baseline === undefined ? 0 : 1);
  }

  /** Whether nothing more comes; some changes may still wait to be read. */
  get closed(): boolean {
    return this.#channel.closed;
  }

  /**
   * Takes the next change, waiting until there is one.
   *
   * @param options Cancellation of the wait. A change that is there is received even if the signal has aborted.
   * @returns A promise of the change.
   * @throws {ChannelClosedError} Rejects with it once the watch is closed and everything is read.
   * @throws Rejects with the reason of a signal, or with what `where` has thrown.
   */
  async receive(options?: ChannelWaitOptions): Promise<FoldChange<K, P>> {
    return this.#takeBaseline() ?? this.#open(await this.#channel.receive(options));
  }

  /**
   * Takes the next change if there is one.
   *
   * @returns The change, or whether there is none now or will be none any more.
   */
  tryReceive(): ChannelReceiveResult<FoldChange<K, P>> {
    const baseline = this.#takeBaseline();
    if (baseline !== undefined) return { state: "ok", value: baseline };
    const result = this.#channel.tryReceive();
    return result.state === "ok" ? { state: "ok", value: this.#open(result.value) } : result;
  }

  /**
   * Iterates over the changes until the watch is closed and everything is read. An abort of its signal ends the iteration, and rejects with the
   * reason. Leaving the iterator closes the watch, and ends a pending `next()` at once.
   *
   * @returns The iterator. It takes nothing before its first `next()`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<FoldChange<K, P>> {
    const changes = this.#channel[Symbol.asyncIterator]();
    let isDone = false;
    const iterator: AsyncIterableIterator<FoldChange<K, P>> = {
      next: async () => {
        const baseline = isDone ? undefined : this.#takeBaseline();
        if (baseline !== undefined) return { value: baseline, done: false };
        const result = await changes.next();
        return result.done ? result : { value: this.#open(result.value), done: false };
      },
      return: async (value) => {
        isDone = true;
        this.close();
        await changes.return?.();
        return { value: await value, done: true };
      },
      throw: (reason) => {
        isDone = true;
        this.close();
        return Promise.reject(reason);
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Ends the watch: nothing more comes, and what waits can still be read. Closing again does nothing. */
  close(): void {
    if (this.#channel.closed) return;
    this.#channel.close();
    this.#leave();
  }

  /** Closes the watch. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the watch. Waits for nobody. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #takeBaseline(): FoldBaseline<K, P> | undefined {
    const baseline = this.#baseline;
    this.#baseline = undefined;
    return baseline;
  }

  /** What is read for what was in the channel. */
  #open(change: FoldChange<K, P> | typeof RESYNC): FoldChange<K, P> {
    if (change !== RESYNC) return change;
    try {
      this.#listedAt = this.#host.now();
      const entries = this.#host.list(this.#where);
      const missed = this.#behind ?? 0;
      this.#behind = undefined;
      return { type: "resync", entries, missed };
    } catch (error) {
      this.#end(error);
      throw error;
    }
  }

  #tell(delta: FoldDelta<K, P>): void {
    // What had expired before it began was never for it.
    const isGone = this.#isKnownGone(delta);
    if (isGone && delta.entry.expiresAt <= this.#beganAt) return;
    try {
      if (this.#where !== undefined && !this.#fits(delta)) return;
    } catch (error) {
      this.#end(error);
      return;
    }
    // The predicate may have ended it.
    if (this.#channel.closed) return;
    if (this.#behind !== undefined) this.#miss(1);
    else if (isGone) this.#countMissed(1);
    else if (!this.#channel.trySend(delta)) this.#reset(1);
  }

  /**
   * Whether a list has left an entry out because it had expired: it may be removed long after. To remove it before the list was made would hold
   * everything up for as many as there are.
   */
  #isKnownGone({ type, entry }: FoldDelta<K, P>): boolean {
    // What came later, at this very time and without a life, was told of.
    return type === "expired" && entry.expiresAt <= this.#listedAt &&
      entry.receivedAt < this.#listedAt;
  }

  #fits(delta: FoldDelta<K, P>): boolean {
    const where = this.#where!;
    return where(delta.entry) || (delta.type === "replaced" && where(delta.previous));
  }

  #reset(changes: number): void {
    if (this.#behind !== undefined) return this.#miss(changes);
    this.#behind = 0;
    this.#miss(changes + this.#drain());
    this.#channel.trySend(RESYNC);
  }

  /** Takes out all that waits, and answers how many changes these were. A snapshot is none. */
  #drain(): number {
    this.#baseline = undefined;
    let changes = 0;
    while (this.#channel.tryReceive().state === "ok") changes++;
    return changes;
  }

  #miss(changes: number): void {
    this.#behind! += changes;
    this.#countMissed(changes);
  }

  #countMissed(changes: number): void {
    this.#missed += changes;
    this.#host.addMissed(changes);
  }

  /** Ends the watch with an error, without what waits. */
  #end(reason: unknown): void {
    if (this.#channel.closed) return;
    this.#drain();
    this.#channel.close(reason);
    this.#leave();
  }

  #leave(): void {
    this.#stopListening?.();
    this.#host.remove(this);
  }
}
