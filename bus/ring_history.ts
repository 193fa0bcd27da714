import { checkFunction } from "../internal/mod.ts";
import type { EventRing, RingEvent } from "../ring/mod.ts";
import type { BusHistory } from "./history.ts";

/**
 * Options of {@linkcode ringHistory}.
 *
 * @typeParam E The events.
 */
export interface RingHistoryOptions<E> {
  /**
   * The topic under which an event is kept: tokens with dots between them.
   *
   * @param event The event.
   */
  readonly topic: (event: E) => string;

  /**
   * Names the events of the ring, in visible ASCII characters. Who was told the id of an event before a restart finds what came behind it, if the ring is still there and
   * has the same name. Without it, ids are of no use after a restart.
   */
  readonly id?: string | undefined;
}

/**
 * Keeps the events of a {@linkcode Bus} in a ring, where workers and other processes can read them as well, and where they outlive the bus.
 *
 * What is replayed has been through the codec of the ring: it is equal to what was published, not the same object. Of a ring with a lane for
 * each node, only the lane of this ring is replayed; of a shared one, also what others have written. To keep an event costs what a publish
 * to the ring costs, and to subscribe with a replay costs a look at every frame of the lane.
 *
 * Give it an `EventRing` of its own, since reading what is gone already counts in its `lagged`.
 *
 * @typeParam E The events.
 * @param events Where they are kept.
 * @param options How they are called there.
 * @returns What `history` of {@linkcode BusOptions} takes.
 * @throws {TypeError} If `topic` is not a function.
 *
 * @example Keeping events where others can read them
 * ```ts
 * import { Bus, ringHistory } from "@weir/weir/bus";
 * import { EventRing, memoryStorage, Ring } from "@weir/weir/ring";
 * import { assertEquals } from "@std/assert";
 *
 * type Order = { type: "order"; id: number };
 * // sharedStorage(spec) for workers, mappedStorage(path, spec) for processes.
 * using ring = new Ring(memoryStorage({ capacity: 1024, payloadCapacity: 512 }));
 * const history = ringHistory(new EventRing<Order>(ring), { topic: ({ type }) => type });
 *
 * const bus = new Bus<Order>({ history });
 * bus.publish({ type: "order", id: 7 });
 * const late = bus.subscribe({ replay: 10 });
 * assertEquals(await late.receive(), { type: "order", id: 7 });
 * ```
 */
export function ringHistory<E>(
  events: EventRing<E>,
  options: RingHistoryOptions<E>,
): BusHistory<E> {
  const { topic, id } = options;
  checkFunction("keep history in a ring", "topic", topic);
  /** The lane that is read, as options of a cursor; undefined while there is none, since nothing was published here. */
  const lane = (): { readonly node?: number } | undefined => {
    const { ring } = events;
    if (ring.geometry.topology === "shared") return {};
    return ring.node === undefined ? undefined : { node: ring.node };
  };
  return {
    id,
    // Numbers begin with 1, counters with 0. A counter is the lower 53 bits of the id of a frame.
    add: (event) => Number(BigInt.asUintN(53, events.publish(topic(event), event))) + 1,
    get last() {
      const options = lane();
      return options === undefined ? 0 : events.cursorAtHead(options).position;
    },
    read(after) {
      const options = lane();
      if (options === undefined) return { records: [], missed: 0 };
      const cursor = events.cursorFromStart(options);
      const found: RingEvent<E>[] = [];
      for (;;) {
        const poll = events.poll(cursor);
        found.push(...poll.events);
        if (poll.from === poll.to) break;
      }
      const records = found.filter(({ counter }) => counter >= after)
        .map(({ counter, value }) => ({ seq: counter + 1, event: value }));
      return { records, missed: Math.max(0, cursor.position - after - records.length) };
    },
  };
}
