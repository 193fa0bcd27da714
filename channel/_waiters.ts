/** What a signal calls when it aborts: one listener a signal, however many waiters share it. */
class AbortGroup {
  readonly waiters: Set<Waiter<never>> = new Set();
  readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = signal;
    groups.set(signal, this);
    signal.addEventListener("abort", this, { once: true });
  }

  handleEvent(): void {
    for (const waiter of this.waiters) {
      if (waiter.settle()) waiter.abort(this.signal.reason);
    }
  }

  leave(waiter: Waiter<never>): void {
    this.waiters.delete(waiter);
    if (this.waiters.size > 0) return;
    groups.delete(this.signal);
    this.signal.removeEventListener("abort", this);
  }
}

// Platforms look for a duplicate through all listeners of a signal whenever one is added, so ten thousand waiters that share a
// signal would cost ten thousand times ten thousand. Grouping them keeps joining, leaving and aborting O(1) a waiter.
const groups: WeakMap<AbortSignal, AbortGroup> = new WeakMap();

/**
 * One pending operation: a link in the list it waits in and a member of its signal's group, until it is settled.
 *
 * @typeParam T What the operation waits for.
 */
export class Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
  /** What an orderly end means to this operation; without it, every end rejects. */
  readonly end: (() => void) | undefined;
  list: WaiterList<this> | undefined;
  previous: this | undefined;
  next: this | undefined;
  readonly #group: AbortGroup | undefined;

  /** Joins the end of `list`. O(1). A signal that has aborted before never fires: {@linkcode Waiter.settle} must follow. */
  constructor(
    list: WaiterList<Waiter<T>>,
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
    signal?: AbortSignal,
    end?: () => void,
  ) {
    this.resolve = resolve;
    this.reject = reject;
    this.end = end;
    this.list = list as WaiterList<this>;
    const last = this.previous = this.list.last;
    if (last === undefined) this.list.first = this;
    else last.next = this;
    this.list.last = this;
    this.#group = signal && (groups.get(signal) ?? new AbortGroup(signal));
    this.#group?.waiters.add(this);
  }

  /** Called once the signal has aborted and the waiter is settled. */
  abort(reason: unknown): void {
    this.reject(reason);
  }

  /** Leaves the list and the signal. O(1). Answers false when that has happened before: the operation is not pending any more. */
  settle(): boolean {
    const { list, previous, next } = this;
    if (list === undefined) return false;
    if (previous === undefined) list.first = next;
    else previous.next = next;
    if (next === undefined) list.last = previous;
    else next.previous = previous;
    this.list = this.previous = this.next = undefined;
    this.#group?.leave(this);
    return true;
  }
}

/** Waiters in the order they came: doubly linked, so that one in the middle leaves in O(1). */
export class WaiterList<W extends Settleable> {
  first: W | undefined;
  last: W | undefined;

  /** Settles the oldest waiter and answers it. */
  shift(): W | undefined {
    const first = this.first;
    first?.settle();
    return first;
  }
}

interface Settleable {
  settle(): boolean;
}
