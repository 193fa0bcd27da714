/**
 * Subscriptions that nobody holds any more: the bus finds out, some time after they were collected.
 *
 * @module
 */
import { type Queued, subscribe } from "./queued.ts";
import { bus, members, totals } from "./world.ts";

/** Forgotten subscriptions, and what to do when the bus has found one out. */
export const forgotten: Map<number, (isReaped: boolean) => void> = new Map();
/** How many were found out. */
export let reaped = 0;

/** Subscribes and forgets: the bus finds out when it has been collected. */
export function addForgotten(): void {
  const { wish, capacity, overflow, replayed, id } = subscribeOnly();
  let offered = 0;
  let isGone = false;
  const isCut = (): boolean => overflow === "disconnect" && offered > capacity;
  forgotten.set(id, (isReaped) => {
    isGone = true;
    // What is there when it is found out is lost as well; what is there when the bus is closed could still be read.
    if (!isReaped || isCut()) totals.lagged += Math.max(0, offered - capacity);
    else {
      reaped++;
      totals.lagged += replayed.length + offered;
    }
  });
  members.add({
    wish,
    hears: () => !isGone && !isCut(),
    expect() {
      offered++;
      totals.offered++;
    },
    isOver: () => isGone,
  });
}

/** In a function of its own, of which nothing is left on the stack. */
function subscribeOnly(): Omit<Queued, "queue" | "leave"> & { readonly id: number } {
  const { queue, leave: _leave, ...rest } = subscribe("forgotten", false);
  return { ...rest, id: queue.id };
}

/** Nobody is found out between two turns of the event loop, so that this is exact. */
export function findForgotten(): void {
  if (forgotten.size === 0) return;
  const live = new Set(bus.stats().subscriptions.map(({ id }) => id));
  for (const [id, found] of forgotten) {
    if (live.has(id)) continue;
    forgotten.delete(id);
    found(true);
  }
}
