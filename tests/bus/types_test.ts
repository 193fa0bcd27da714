import { assertEquals, assertThrows } from "@std/assert";
import {
  Bus,
  type BusErrorContext,
  eventStream,
  type KnownFields,
  type Listener,
  type Match,
  type Matched,
  subject,
  type SubjectPattern,
  type SubjectText,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionStats,
} from "../../bus/mod.ts";
import type { Receiver } from "../../channel/mod.ts";
import { test } from "../_harness.ts";

// What is here is checked by `deno check`; that it also runs shows that each example is one.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Compiles only if both types are the same. */
function same<A, B>(isSame: Same<A, B>): void {
  assertEquals<boolean>(isSame, true);
}

/** The events of a subscription. */
type EventOf<S> = S extends Subscription<infer E> ? E : never;

type Order = { type: "order"; id: number; region?: string };
type User = { type: "user"; name: string; kind: "a" | "b" };
type Tick = { type: "tick"; topic: string };
type Event = Order | User | Tick;

test("a match on a field that tells a union apart narrows it", () => {
  const bus = new Bus<Event>();
  const order = bus.subscribe({ match: { type: "order" } });
  same<typeof order, Subscription<Order>>(true);
  const two = bus.subscribe({ match: { type: ["order", "user"] } });
  same<EventOf<typeof two>, Order | User>(true);
  const all = bus.subscribe();
  same<typeof all, Subscription<Event>>(true);
  const empty = bus.subscribe({ match: {} });
  same<typeof empty, Subscription<Event>>(true);
  const options = bus.subscribe({ capacity: 3, overflow: "wait" });
  same<typeof options, Subscription<Event>>(true);
  // A constant list need not be written in place.
  const types = ["order", "tick"] as const;
  const listed = bus.subscribe({ match: { type: types } });
  same<EventOf<typeof listed>, Order | Tick>(true);
});

test("a match on any other field leaves the events that have it", () => {
  const bus = new Bus<Event>();
  const kind = bus.subscribe({ match: { kind: "a" } });
  same<EventOf<typeof kind>["type"], "user">(true);
  same<EventOf<typeof kind>["kind"], "a">(true);
  same<EventOf<typeof kind>["name"], string>(true);
  const region = bus.subscribe({ match: { region: "eu" } });
  same<EventOf<typeof region>["type"], "order">(true);
  same<EventOf<typeof region>["region"], "eu">(true);
  const id = bus.subscribe({ match: { id: [1, 2] } });
  same<EventOf<typeof id>["id"], 1 | 2>(true);
});

test("a value that is known only when the program runs narrows to what it may be", () => {
  const bus = new Bus<Event>();
  const type = "order" as "order" | "tick";
  const either = bus.subscribe({ match: { type } });
  same<EventOf<typeof either>, Order | Tick>(true);
  const text = "eu" as string;
  const region = bus.subscribe({ match: { region: text } });
  same<EventOf<typeof region>["region"], string>(true);
  const match = {} as Match<Event>;
  const dynamic = bus.subscribe({ match });
  same<EventOf<typeof dynamic>, Event>(true);
});

test("the type of subjects that a pattern matches is narrowed as well", () => {
  const bus = new Bus<Event>();
  const created = bus.subscribe({ match: { topic: subject("orders.*.created") } });
  same<EventOf<typeof created>["topic"], `orders.${string}.created`>(true);
  same<EventOf<typeof created>["type"], "tick">(true);
  same<SubjectText<"a.*.>">, `a.${string}.${string}`>(true);
  same<SubjectText<"a.b">, "a.b">(true);
  same<SubjectText<string>, string>(true);
  same<SubjectText<"*x">, "*x">(true);
  const pattern = subject("orders.>");
  same<typeof pattern, SubjectPattern<"orders.>">>(true);
  const wide: SubjectPattern = pattern;
  assertEquals(wide.matches("orders.1"), true);

  type Topics = { topic: "orders.created"; a: 1 } | { topic: "users.created"; b: 2 };
  const topics = new Bus<Topics>();
  const orders = topics.subscribe({ match: { topic: subject("orders.>") } });
  same<EventOf<typeof orders>, { topic: "orders.created"; a: 1 }>(true);
  const both = topics.subscribe({ match: { topic: [subject("orders.>"), "users.created"] } });
  same<EventOf<typeof both>, Topics>(true);
});

test("fields of wide types, of null, of booleans and within objects are narrowed", () => {
  type Wide = {
    type: string;
    data: { kind: "x"; v: 1 } | { kind: "y"; w: 2 };
    none: number | null;
    flag: boolean;
  };
  const bus = new Bus<Wide>();
  const order = bus.subscribe({ match: { type: "order" } });
  same<EventOf<typeof order>["type"], "order">(true);
  const x = bus.subscribe({ match: { data: { kind: "x" } } });
  same<EventOf<typeof x>["data"]["v"], 1>(true);
  const none = bus.subscribe({ match: { none: null } });
  same<EventOf<typeof none>["none"], null>(true);
  const flag = bus.subscribe({ match: { flag: true } });
  same<EventOf<typeof flag>["flag"], true>(true);
  assertEquals(
    bus.publish({ type: "order", data: { kind: "x", v: 1 }, none: null, flag: true }),
    4,
  );
});

test("interfaces, classes, bigints and symbols are events and values like others", () => {
  interface Named {
    type: "named";
  }
  class Made {
    readonly type = "made";
    readonly size: bigint = 1n;
  }
  const bus = new Bus<Named | Made>();
  const named = bus.subscribe({ match: { type: "named" } });
  same<EventOf<typeof named>, Named>(true);
  const made = bus.subscribe({ match: { type: "made", size: 1n } });
  same<EventOf<typeof made>["size"], 1n>(true);
  bus.publish(new Made());
  assertEquals([named.size, made.size], [0, 1]);
});

test("nothing is known of unknown and any, and everything may be asked", () => {
  const unknown = new Bus();
  same<typeof unknown, Bus<unknown>>(true);
  const one = unknown.subscribe({ match: { a: 1, b: { c: ["x", subject("y.*")] } } });
  same<EventOf<typeof one>, unknown>(true);
  // deno-lint-ignore no-explicit-any -- what is tested.
  const any = new Bus<any>();
  const other = any.subscribe({ match: { a: 1 } });
  // deno-lint-ignore no-explicit-any -- as above.
  same<EventOf<typeof other>, any>(true);
  const texts = new Bus<string>();
  const text = texts.subscribe();
  same<EventOf<typeof text>, string>(true);
  same<Matched<number, Match<number>>, number>(true);
});

test("handlers, predicates and the like are given what matches", async () => {
  const bus = new Bus<Event>();
  const listener = bus.on({ type: "order" }, (event) => same<typeof event, Order>(true));
  same<typeof listener, Listener>(true);
  bus.once({ type: ["user", "tick"] }, (event) => same<typeof event, User | Tick>(true));
  bus.on({}, (event) => same<typeof event, Event>(true));
  bus.on({ type: "order" }, () => {}, {
    where: (event) => {
      same<typeof event, Order>(true);
      return event.id > 1;
    },
  });
  bus.subscribe({
    match: { type: "user" },
    where: ({ name }) => name.length > 1,
    maxBytes: 9,
    sizeOf: ({ name }) => name.length,
    onLag: (lost) => same<typeof lost, number>(true),
  });
  const next = bus.next({ type: "order" }, { where: ({ id }) => id === 1 });
  same<typeof next, Promise<Order>>(true);
  bus.publish({ type: "order", id: 1 });
  assertEquals((await next).id, 1);
  // A handler of everything is one of something.
  const any = (_event: Event): void => {};
  bus.on({ type: "order" }, any);
  // @ts-expect-error an order is not a user
  bus.on({ type: "order" }, (_event: User) => {});
  // @ts-expect-error a predicate of users says nothing of orders
  bus.on({ type: "order" }, () => {}, { where: (_event: User) => true });
  // @ts-expect-error a predicate answers a boolean
  bus.on({}, () => {}, { where: () => "yes" });
});

test("what no event could ever have is an error", () => {
  const bus = new Bus<Event>();
  // @ts-expect-error there is no such field
  bus.subscribe({ match: { typ: "order" } });
  // @ts-expect-error there is no such field beside a known one
  bus.on({ type: "order", regoin: "eu" }, () => {});
  // @ts-expect-error there is no such type
  bus.subscribe({ match: { type: "ordre" } });
  // @ts-expect-error one of the list is no type
  bus.on({ type: ["order", "x"] }, () => {});
  // @ts-expect-error an id is a number
  bus.subscribe({ match: { id: "1" } });
  // @ts-expect-error subjects are texts
  bus.subscribe({ match: { id: subject("a.b") } });
  // @ts-expect-error nested too
  bus.subscribe({ match: { name: { first: "Ada" } } });
  // @ts-expect-error there is no such field, of next
  bus.next({ typ: "order" }).catch(() => {});
  // @ts-expect-error tests belong in where
  assertThrows(() => bus.subscribe({ match: { id: (id: number) => id > 1 } }), TypeError);
  // @ts-expect-error undefined matches nothing
  assertThrows(() => bus.subscribe({ match: { region: undefined } }), TypeError);
  type Nested = { data: { kind: "x" | "y" } };
  const nested = new Bus<Nested>();
  // @ts-expect-error there is no such value within
  nested.subscribe({ match: { data: { kind: "z" } } });
  // @ts-expect-error there is no such field within
  nested.subscribe({ match: { data: { kid: "x" } } });
  const numbers = new Bus<number>();
  // @ts-expect-error a number has no fields that are worth a match
  numbers.subscribe({ match: { type: "order" } });
  bus.close();
});

test("publish() and send() take events only", async () => {
  const bus = new Bus<Event>();
  same<ReturnType<typeof bus.publish>, number>(true);
  same<ReturnType<typeof bus.send>, Promise<number>>(true);
  bus.publish({ type: "order", id: 1 });
  // @ts-expect-error there is no such type
  bus.publish({ type: "ordre", id: 1 });
  // @ts-expect-error a name is missing
  await bus.send({ type: "user", kind: "a" });
  // @ts-expect-error an event is needed
  bus.publish();
  // @ts-expect-error there is nothing to wait for
  bus.publish({ type: "order", id: 1 }, { signal: AbortSignal.abort() });
});

test("the options of a bus are typed by its events", () => {
  new Bus<Event>({ fields: ["type", "id", "region", "name", "kind", "topic"] });
  // @ts-expect-error no event has such a field
  new Bus<Event>({ fields: ["type", "nmae"] });
  new Bus<Event>({
    onError: (_error, context) => same<typeof context, BusErrorContext<Event>>(true),
  });
  new Bus<Event>({ history: { add: () => 1, read: () => ({ records: [], missed: 0 }) } });
  // @ts-expect-error a history reads as well
  assertThrows(() => new Bus<Event>({ history: { add: () => 1 } }));
  // @ts-expect-error a number of nested events
  assertThrows(() => new Bus<Event>({ maxNested: "1" }));
  // Options that are computed may be undefined.
  const none = undefined as number | undefined;
  new Bus<Event>({ history: none, maxNested: none, fields: undefined, bind: undefined });
});

test("the options of a subscription are typed", () => {
  const bus = new Bus<Event>();
  // @ts-expect-error there is no such policy
  assertThrows(() => bus.subscribe({ overflow: "block" }));
  // @ts-expect-error a capacity is a number
  assertThrows(() => bus.subscribe({ capacity: "1" }));
  // @ts-expect-error there is no such option
  bus.subscribe({ capcity: 1 });
  const none = undefined as number | undefined;
  bus.subscribe({
    capacity: none,
    maxBytes: none,
    sizeOf: undefined,
    onLag: undefined,
    match: undefined,
    where: undefined,
    replay: none,
    after: undefined as string | null | undefined,
    name: undefined,
    overflow: undefined,
    signal: undefined,
  });
  const options: SubscribeOptions<Event, { type: "order" }> = { match: { type: "order" } };
  const orders = bus.subscribe(options);
  same<EventOf<typeof orders>, Order>(true);
});

test("a subscription gives its events in every way", async () => {
  const bus = new Bus<Event>();
  const orders = bus.subscribe({ match: { type: "order" } });
  bus.publish({ type: "order", id: 1 });
  same<ReturnType<typeof orders.receive>, Promise<Order>>(true);
  same<ReturnType<typeof orders.receiveBatch>, Promise<Order[]>>(true);
  same<ReturnType<typeof orders.toReadableStream>, ReadableStream<Order>>(true);
  same<ReturnType<typeof orders.stats>, SubscriptionStats>(true);
  same<typeof orders.missed, number | undefined>(true);
  same<typeof orders.lastEventId, string | undefined>(true);
  const result = orders.tryReceive();
  // @ts-expect-error there may be no value
  result.value;
  if (result.state === "ok") same<typeof result.value, Order>(true);
  bus.close();
  for await (const order of orders) same<typeof order, Order>(true);
  for (const name of ["id", "size", "capacity", "lagged", "closed", "name"] as const) {
    assertThrows(() => {
      // @ts-expect-error only the subscription itself changes
      orders[name] = 1;
    }, TypeError);
  }
});

test("a subscription of something is one of everything wider, and of nothing else", async () => {
  const bus = new Bus<Event>();
  const orders: Subscription<Order> = bus.subscribe({ match: { type: "order" } });
  const wider: Subscription<Event> = orders;
  const iterable: AsyncIterable<Event> = orders;
  const receive: Pick<Receiver<Event>, "receive" | "tryReceive" | "receiveBatch"> = orders;
  // @ts-expect-error it may give a user
  const narrower: Subscription<Order> = wider;
  assertEquals(
    [wider, iterable, receive, narrower].every((one) => one === (orders as unknown)),
    true,
  );
  const response = eventStream(orders, { data: ({ id }) => `${id}` });
  same<typeof response, Response>(true);
  await response.body!.cancel();
});

test("a subscription and a listener are made by a bus only", () => {
  const bus = new Bus<number>();
  const Made = bus.subscribe().constructor as new () => unknown;
  const Listened = bus.on({}, () => {}).constructor as new () => unknown;
  assertEquals([Made.name, Listened.name], ["Subscription", "Listener"]);
});

test("a class of any events listens to all of them, and passes matches on", () => {
  class Hub<E extends { readonly type: string }> {
    readonly bus: Bus<E> = new Bus();
    readonly seen: E[] = [];

    constructor() {
      this.bus.on({}, (event) => this.seen.push(event));
    }

    read<const M extends Match<E>>(match: M & KnownFields<E, M>): Subscription<Matched<E, M>> {
      return this.bus.subscribe<M>({ match });
    }
  }
  const hub = new Hub<{ type: "order"; id: number } | { type: "user"; name: string }>();
  const orders = hub.read({ type: "order" });
  hub.bus.publish({ type: "order", id: 7 });
  const result = orders.tryReceive();
  assertEquals(result.state === "ok" && result.value.id, 7);
  assertEquals(hub.seen.length, 1);
});
