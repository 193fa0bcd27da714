import { AbortGroup, type AbortMember } from "../internal/mod.ts";

/**
 * One pending operation: a link in the list it waits in and a member of its signal's group, until it is settled.
 *
 * @typeParam T What the operation waits for.
 */
export class Waiter<T> implements AbortMember {
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
    this.#group = signal && AbortGroup.join(signal, this);
  }

  /** Called by the group when the signal aborts. */
  handleAbort(reason: unknown): void {
    if (this.settle()) this.abort(reason);
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
