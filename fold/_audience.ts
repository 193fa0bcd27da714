import { checkFunction, onAbort } from "../internal/mod.ts";
import { tellError } from "./_check.ts";
import type { Guard } from "./_guard.ts";
import { auditEventOf, type FoldAuditSink, type FoldTransition } from "./audit.ts";
import type { FoldDelta } from "./change.ts";
import type { FoldKey, FoldKind } from "./kind.ts";
import { type FoldWatch, type FoldWatchOptions, watches, type WatchHost } from "./watch.ts";

/** Who is told what happens to a fold: watches, those who wait for a change, and the audit. */
export class Audience<K extends FoldKey, P> {
  /** How many changes there have been. */
  version = 0;
  /** How many of them watches have missed. */
  missed = 0;
  /** How many times the audit has thrown. */
  auditErrors = 0;
  readonly #kind: Pick<FoldKind<K, P>, "audit">;
  readonly #guard: Guard;
  readonly #onError: (error: unknown) => void;
  readonly #watches: Set<FoldWatch<K, P>> = new Set();
  readonly #waiting: Set<() => void> = new Set();
  #sink: FoldAuditSink | undefined;
  #isClosed = false;

  constructor(
    kind: Pick<FoldKind<K, P>, "audit">,
    guard: Guard,
    onError: (error: unknown) => void,
  ) {
    this.#kind = kind;
    this.#guard = guard;
    this.#onError = onError;
  }

  /** How many watches there are. */
  get watches(): number {
    return this.#watches.size;
  }

  /** Whether there is an audit sink. */
  get hasSink(): boolean {
    return this.#sink !== undefined;
  }

  /** Whether anybody wants to know which entry has changed. */
  get isListening(): boolean {
    return this.#watches.size > 0 || this.#sink !== undefined;
  }

  setSink(sink: FoldAuditSink | undefined): void {
    if (sink !== undefined) checkFunction("audit Fold", "audit.record", sink?.record);
    this.#sink = sink;
  }

  /** Counts a change, and wakes those who wait for one. */
  change(): void {
    this.version++;
    for (const settle of this.#waiting) settle();
  }

  /** Tells what has changed. */
  tell(delta: FoldDelta<K, P>): void {
    if (this.#watches.size > 0) {
      this.#guard.run(() => {
        for (const watch of this.#watches) watches.tell(watch, delta, this.version);
      });
    }
    this.record(delta);
  }

  /** Tells the audit. */
  record(transition: FoldTransition<K, P>): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    const kind = this.#kind;
    try {
      this.#guard.run(() => {
        const event = kind.audit === undefined ? auditEventOf(transition) : kind.audit(transition);
        if (event !== undefined) sink.record(event);
      });
    } catch (error) {
      this.auditErrors++;
      this.#guard.run(() => tellError(this.#onError, error));
    }
  }

  /** Tells watches that so many changes have happened to anything. */
  reset(changes: number): void {
    for (const watch of this.#watches) watches.reset(watch, changes);
  }

  /** Makes a watch of entries. */
  watch(
    options: FoldWatchOptions<K, P>,
    entries: Pick<WatchHost<K, P>, "now" | "list">,
  ): FoldWatch<K, P> {
    const watch = watches.create({
      ...entries,
      version: this.version,
      remove: (watch) => void this.#watches.delete(watch),
      addMissed: (count) => void (this.missed += count),
    }, options);
    this.#watches.add(watch);
    // The predicate may have closed the fold.
    if (this.#isClosed) watch.close();
    return watch;
  }

  /** Waits for a version above one; rejects with what `closedError` makes once there will be none. */
  wait(
    since: number,
    signal: AbortSignal | undefined,
    closedError: () => Error,
  ): Promise<number> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.version > since) return Promise.resolve(this.version);
    if (this.#isClosed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      const stop = signal && onAbort(signal, (reason) => {
        this.#waiting.delete(settle);
        reject(reason);
      });
      const settle = (): void => {
        if (this.version <= since && !this.#isClosed) return;
        this.#waiting.delete(settle);
        stop?.();
        if (this.version > since) resolve(this.version);
        else reject(closedError());
      };
      this.#waiting.add(settle);
    });
  }

  /** Ends watches and waits. The audit is told of nothing any more because nothing happens. */
  close(): void {
    this.#isClosed = true;
    for (const watch of [...this.#watches]) watch.close();
    for (const settle of this.#waiting) settle();
  }
}
