/**
 * Those who are called: functions that hear of events, one that publishes when it does, and those who wait for one event.
 *
 * @module
 */
import { type Happening, makeWish } from "./model.ts";
import { bus, expect, members, publish, random, run, sessions, totals } from "./world.ts";

/** A handler that publishes, for as long as the bus is there. */
export function audit(): void {
  let expected = 0;
  let called = 0;
  members.add({
    wish: {
      match: {},
      where: undefined,
      wants: ({ type, id }) => type === "order" && id % 64 === 0,
      throws: () => false,
    },
    hears: () => true,
    expect() {
      expected++;
      totals.offered++;
      totals.delivered++;
    },
    isOver() {
      expect(called, expected, "audits");
      return false;
    },
  });
  bus.on({ type: "order" }, () => {
    called++;
    publish("audit", false);
  }, { where: ({ id }) => id % 64 === 0 });
}

/** A function that is called, which may throw, and may leave by itself. */
export function addListener(): void {
  const wish = makeWish(random, sessions.users);
  const isThrowing = random.below(4) === 0;
  const most = random.below(3) === 0 ? 1 + random.below(200) : Infinity;
  const leave = new AbortController();
  const way = random.below(3);
  let expected = 0;
  let called = 0;
  let last = 0;
  const handler = ({ id }: Happening): unknown => {
    called++;
    // Events that handlers publish come behind the event that they handle, in the order of their publishing.
    expect(id > last, true, "order of a listener's events");
    last = id;
    if (called === most) listener.close();
    if (isThrowing && id % 256 === 0) throw new Error("a handler throws");
    return isThrowing && id % 256 === 1
      ? Promise.reject(new Error("the promise of a handler"))
      : undefined;
  };
  const listener = bus.on(wish.match as object, handler as never, {
    ...(wish.where === undefined ? {} : { where: wish.where as never }),
    signal: leave.signal,
  });
  members.add({
    wish,
    // It closes itself when it is called, which is later for an event that a handler has published.
    hears: () => called < most,
    expect(id) {
      if (expected === most) return;
      expected++;
      totals.offered++;
      totals.delivered++;
      if (isThrowing && id % 256 < 2) totals.errors++;
    },
    end() {
      const wasOpen = called < most;
      if (way === 0) listener.close();
      else if (way === 1) leave.abort();
      else expect(bus.unsubscribe(listener.id), wasOpen, "unsubscribe");
      expect(called, expected, "calls of a listener");
      expect(listener.closed, true, "whether a listener is closed");
    },
    isOver: () => called === most,
  });
}

/** Waits for the next event, or gives up. */
export function addNext(): void {
  const wish = makeWish(random, sessions.users);
  const leave = new AbortController();
  let expected: number | undefined;
  const promise = bus.next(wish.match as object, {
    ...(wish.where === undefined ? {} : { where: wish.where as never }),
    signal: leave.signal,
  }) as Promise<Happening>;
  run("next", async () => {
    const id = await promise.then((event) => event.id, (error) => String(error));
    expect(id, expected ?? "gone", "what next answers");
  });
  members.add({
    wish,
    hears: () => expected === undefined,
    expect(id) {
      expected = id;
      totals.offered++;
      totals.delivered++;
    },
    end: () => leave.abort("gone"),
    isOver: () => expected !== undefined,
  });
}
