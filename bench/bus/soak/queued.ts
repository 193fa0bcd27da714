/**
 * Subscriptions with a queue: how each of those who read begins, and what it should find there.
 *
 * @module
 */
import type { Subscription } from "../../../bus/mod.ts";
import { type Happening, makeWish, type Wish } from "./model.ts";
import { bus, expect, random, recent, sessions, totals } from "./world.ts";

const overflows = ["drop-newest", "drop-oldest", "wait", "disconnect"] as const;

/** A subscription, and what it was made with. */
export interface Queued {
  readonly queue: Subscription<Happening>;
  readonly wish: Wish;
  readonly what: string;
  /** Ids that it begins with. */
  readonly replayed: readonly number[];
  readonly told: { lost: number };
  /** The model of its queue, for those that read in turn with the publisher. */
  readonly overflow: (typeof overflows)[number];
  readonly capacity: number;
  readonly leave: AbortController;
}

let lastRead: { readonly id: string; readonly number: number } | undefined;

/** Notes an event that was read: somebody else may go on behind it. */
export function remember(id: string, number: number): void {
  lastRead = { id, number };
}

/** Subscribes for a wish, with a policy, a capacity and a beginning that are drawn by lot. */
export function subscribe(what: string, tellsLag: boolean): Queued {
  const wish = makeWish(random, sessions.users);
  const overflow = random.of(overflows);
  const capacity = random.of([1 + random.below(8), 1 + random.below(64), 512]);
  const leave = new AbortController();
  const told = { lost: 0 };
  const begin = random.below(6);
  const replay = begin === 0 ? 1 + random.below(100) : begin === 1 ? Infinity : 0;
  const after = begin === 2 ? lastRead : undefined;
  const behind = after?.number ?? 0;
  const wanted = replay === 0 && after === undefined ? [] : recent.wanted(wish, behind);
  if (replay > 0 || after !== undefined) totals.errors += recent.throwing(wish, behind);
  const replayed = after !== undefined || replay === Infinity
    ? wanted
    : replay === 0
    ? []
    : wanted.slice(-replay);
  const queue = bus.subscribe({
    match: wish.match as object,
    ...(wish.where === undefined ? {} : { where: wish.where as never }),
    overflow,
    capacity,
    signal: leave.signal,
    name: what,
    replay,
    after: after?.id,
    onLag: tellsLag
      ? (lost) => {
        told.lost += lost;
      }
      : undefined,
  }) as Subscription<Happening>;
  expect(queue.missed, after === undefined ? 0 : recent.missed(behind), `${what}: missed`);
  expect(queue.size, replayed.length, `${what}: size of a replay`);
  totals.offered += replayed.length;
  return { queue, wish, what, replayed, told, overflow, capacity, leave };
}
