import { assertEquals } from "@std/assert";
import { Bus, lateBind } from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { observe, settle } from "../_settle.ts";

// The five tests of the SharingBus that this bus comes from, by their names, with events of the same shape.

type RuntimeEvent =
  | { readonly type: "connected" }
  | {
    readonly type: "session-registered";
    readonly connectorId: string;
    readonly sessionId: string;
    readonly scrollId: string;
  };

interface BusEvent {
  readonly routing: {
    readonly scrollId?: string;
    readonly connectorUid?: string;
    readonly connectorId?: string;
    readonly nativeSessionId?: string;
    readonly kind: "system" | "session-lifecycle";
  };
  readonly origin: "runtime";
  readonly event: RuntimeEvent;
}

const CONNECTED: RuntimeEvent = { type: "connected" };

function makeEvent(
  routing: Partial<BusEvent["routing"]> = {},
  event: RuntimeEvent = CONNECTED,
): BusEvent {
  return { routing: { kind: "system", ...routing }, origin: "runtime", event };
}

test("subscribe_all_receives_published_event", async () => {
  const bus = new Bus<BusEvent>();
  const receiver = bus.subscribe();
  bus.publish(makeEvent());
  assertEquals((await receiver.receive()).event, CONNECTED);
});

test("connector_uid_filter_only_forwards_matching_events", async () => {
  const bus = new Bus<BusEvent>();
  const target = crypto.randomUUID();
  const receiver = bus.subscribe({ match: { routing: { connectorUid: target } }, capacity: 16 });

  assertEquals(bus.publish(makeEvent({ connectorUid: target })), 1);
  assertEquals(bus.publish(makeEvent({ connectorUid: crypto.randomUUID() })), 0);
  assertEquals(bus.publish(makeEvent()), 0);

  assertEquals((await receiver.receive()).routing.connectorUid, target);
  const further = observe(receiver.receive());
  await settle();
  assertEquals(further.state, "pending");
  assertEquals(receiver.offered, 1);
});

test("full_queue_increments_lagged_counter", async () => {
  const bus = new Bus<BusEvent>();
  const receiver = bus.subscribe({ capacity: 1 });
  const events = Array.from({ length: 5 }, () => makeEvent());
  assertEquals(events.map((event) => bus.publish(event)), [1, 0, 0, 0, 0]);

  assertEquals((await receiver.receive()) === events[0], true);
  assertEquals(receiver.lagged, 4);
  assertEquals(receiver.size, 0);
});

test("session_registered_populates_cache_and_late_binds_subsequent_events", async () => {
  const errors: unknown[] = [];
  const binding = lateBind<BusEvent, string>({
    capacity: 100,
    teach({ event }) {
      if (event.type !== "session-registered") return undefined;
      const { connectorId, sessionId, scrollId } = event;
      if (!/^[0-9a-f-]{36}$/.test(scrollId)) throw new TypeError(`No scroll id: ${scrollId}`);
      return { key: [connectorId, sessionId], value: scrollId };
    },
    lacks: ({ routing: { scrollId, connectorId, nativeSessionId } }) =>
      scrollId === undefined && connectorId !== undefined && nativeSessionId !== undefined
        ? [connectorId, nativeSessionId]
        : undefined,
    fill: (event, scrollId) => ({ ...event, routing: { ...event.routing, scrollId } }),
  });
  const bus = new Bus<BusEvent>({ bind: binding, onError: (error) => errors.push(error) });
  const scrollId = crypto.randomUUID();
  const receiver = bus.subscribe({ match: { routing: { scrollId } }, capacity: 16 });

  const registered: RuntimeEvent = {
    type: "session-registered",
    connectorId: "c",
    sessionId: "s",
    scrollId,
  };
  const routing = { connectorId: "c", nativeSessionId: "s" };
  bus.publish(makeEvent({ ...routing, kind: "session-lifecycle" }, registered));
  const first = await receiver.receive();
  assertEquals(first.event.type, "session-registered");
  assertEquals(first.routing.scrollId, scrollId);

  const followUp = makeEvent(routing);
  bus.publish(followUp);
  const second = await receiver.receive();
  assertEquals(second.event, CONNECTED);
  assertEquals(second.routing.scrollId, scrollId);
  // The publisher's own object is as it was.
  assertEquals(followUp.routing.scrollId, undefined);

  // Other sessions, and those that only look alike, get nothing; a scroll id that is none teaches nothing.
  const others = [["c", "other"], ["other", "s"], ["cs", ""], ["", "cs"]] as const;
  for (const [connectorId, nativeSessionId] of others) {
    assertEquals(bus.publish(makeEvent({ connectorId, nativeSessionId })), 0);
  }
  assertEquals(errors.length, 0);
  bus.publish(makeEvent({}, { ...registered, sessionId: "t", scrollId: "unparseable" }));
  assertEquals(errors.map(String), ["TypeError: No scroll id: unparseable"]);
  assertEquals(bus.publish(makeEvent({ connectorId: "c", nativeSessionId: "t" })), 0);
  assertEquals(bus.publish(makeEvent(routing)), 1);
});

test("closed_receiver_slot_is_reaped_on_next_publish", async () => {
  const bus = new Bus<BusEvent>();
  {
    using _receiver = bus.subscribe();
    assertEquals(bus.stats().subscriptions.length, 1);
  }
  // Here it need not even wait for the next publish.
  assertEquals(bus.stats().subscriptions.length, 0);
  assertEquals(bus.publish(makeEvent()), 0);

  const left = bus.subscribe();
  bus.publish(makeEvent());
  for await (const _event of left) break;
  assertEquals(bus.stats().subscriptions.length, 0);
  assertEquals(bus.publish(makeEvent()), 0);
});
