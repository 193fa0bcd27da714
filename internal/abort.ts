import { reportUncaught } from "./report.ts";

/** What wants to know that a signal has aborted. */
export interface AbortMember {
  /** Called once, when the signal aborts. It may leave its group, or join another one. */
  handleAbort(reason: unknown): void;
}

/**
 * What a signal calls when it aborts: one listener a signal, however many members share it.
 *
 * Platforms look for a duplicate through all listeners of a signal whenever one is added, so ten thousand waits that share a signal would
 * cost ten thousand times ten thousand. Grouping them keeps joining, leaving and aborting O(1) a member.
 */
export class AbortGroup {
  readonly #members: Set<AbortMember> = new Set();
  readonly #signal: AbortSignal;

  private constructor(signal: AbortSignal) {
    this.#signal = signal;
    groups.set(signal, this);
    signal.addEventListener("abort", this, { once: true });
  }

  /** Joins the group of a signal. A signal that has aborted before never calls: its member must leave again. */
  static join(signal: AbortSignal, member: AbortMember): AbortGroup {
    const group = groups.get(signal) ?? new AbortGroup(signal);
    group.#members.add(member);
    return group;
  }

  /** Leaves the group; the last one takes the listener away. */
  leave(member: AbortMember): void {
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    this.#end();
  }

  /** Called by the signal. */
  handleEvent(): void {
    // Whoever joins from now on joins too late.
    this.#end();
    for (const member of this.#members) {
      if (!this.#members.delete(member)) continue;
      try {
        member.handleAbort(this.#signal.reason);
      } catch (error) {
        reportUncaught(error);
      }
    }
  }

  #end(): void {
    if (groups.get(this.#signal) !== this) return;
    groups.delete(this.#signal);
    this.#signal.removeEventListener("abort", this);
  }
}

const groups: WeakMap<AbortSignal, AbortGroup> = new WeakMap();

/**
 * Calls `callback` with the reason when a signal aborts; never, if it has aborted before.
 *
 * @returns What stops listening. Calling it again does nothing.
 */
export function onAbort(signal: AbortSignal, callback: (reason: unknown) => void): () => void {
  const member: AbortMember = { handleAbort: callback };
  const group = AbortGroup.join(signal, member);
  return () => group.leave(member);
}
