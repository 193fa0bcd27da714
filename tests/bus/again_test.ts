import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Bus, BusClosedError, eventStream, type Listener } from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { settle } from "../_settle.ts";
import { parseSse, tally } from "./_sse_client.ts";

// What reviews have found that the other tests did not: each of these has failed once.

interface Event {
  readonly type: string;
}

test("an error in a nested publish is reported, though the event before went to plain handlers only", () => {
  const sources: string[] = [];
  const bus = new Bus<Event>({ onError: (_, { source }) => sources.push(source) });
  bus.on({ type: "a" }, () => bus.publish({ type: "b" }));
  const where = (): boolean => {
    throw new Error("where");
  };
  using _queue = bus.subscribe({ match: { type: "b" }, where });
  for (let turn = 0; turn < 3; turn++) bus.publish({ type: "a" });
  assertEquals([sources, bus.stats().errors], [["where", "where", "where"], 3]);
});

test("a send whose event has no size is lost, and those in line behind it are not", async () => {
  const errors: unknown[] = [];
  const bus = new Bus<number>({ onError: (error) => errors.push(error) });
  const sizeOf = (event: number): number => event === 3 ? NaN : 1;
  const queue = bus.subscribe({ capacity: 1, overflow: "wait", maxBytes: 9, sizeOf });
  const sent = [1, 2, 3, 4].map((event) => bus.send(event));
  assertEquals([await queue.receive(), await queue.receive(), await queue.receive()], [1, 2, 4]);
  assertEquals([await Promise.all(sent), errors.length], [[1, 1, 0, 1], 1]);
  assertEquals([queue.lagged, queue.size], [1, 0]);
});

test("a getter that closes the bus and throws leaves nobody waiting", async () => {
  for (const options of [undefined, {}]) {
    const bus = new Bus<Event>({ history: 9 });
    const queue = bus.subscribe({ match: { type: "a" } });
    const next = bus.next({ type: "a" });
    const evil = {
      get type(): string {
        bus.close();
        throw new Error("evil");
      },
    };
    assertThrows(() => bus.publish(evil, options), Error, "evil");
    assertEquals(queue.closed, true);
    await assertRejects(() => next, BusClosedError);
  }
});

test("whoever subscribes while an event is completed gets the next one, and can be closed", () => {
  const got: number[] = [];
  let joined: Listener | undefined;
  const apply = (event: number): number => {
    joined ??= bus.on({}, (event) => got.push(event));
    return event;
  };
  const bus: Bus<number> = new Bus<number>({ bind: { apply } });
  bus.on({}, (event) => {
    if (event === 1) bus.on({}, () => {});
  });
  bus.publish(1);
  bus.publish(2);
  joined!.close();
  bus.publish(3);
  assertEquals(got, [2]);
});

test("a handler that a predicate adds does not get the event that is being matched", () => {
  for (const fails of [false, true]) {
    const got: number[] = [];
    const bus = new Bus<number>({ onError: () => {} });
    let isFirst = true;
    using _queue = bus.subscribe({
      where: () => {
        if (isFirst) bus.on({}, (event) => got.push(event));
        isFirst = false;
        if (fails) throw new Error("where");
        return true;
      },
    });
    bus.publish(1);
    bus.publish(2);
    assertEquals(got, [2]);
  }
});

test("a replay is refused while an event is completed that the history does not have yet", () => {
  const errors: unknown[] = [];
  let isFirst = true;
  const apply = (event: number): number => {
    if (isFirst) assertThrows(() => bus.subscribe({ replay: 1 }), TypeError, "being completed");
    isFirst = false;
    return event;
  };
  const bus: Bus<number> = new Bus<number>({
    history: 9,
    bind: { apply },
    onError: (error) => errors.push(error),
  });
  bus.publish(1);
  assertEquals([errors, bus.subscribe({ replay: 1 }).size], [[], 1]);
});

test("a gap before an event that is already on its way to a stream is told before it", async () => {
  const bus = new Bus<number>();
  const queue = bus.subscribe({ capacity: 2, overflow: "drop-oldest" });
  const reader = eventStream(queue).body!.getReader();
  const decoder = new TextDecoder();
  let text = decoder.decode((await reader.read()).value);
  for (const event of [1, 2, 3, 4, 5]) bus.publish(event);
  const read = reader.read();
  for (const event of [6, 7]) bus.publish(event);
  await settle();
  bus.close();
  text += decoder.decode((await read).value);
  for (let chunk; !(chunk = await reader.read()).done;) text += decoder.decode(chunk.value);
  const { values, lost } = tally(parseSse(text));
  assertEquals(values.length + lost, 7);
  // Each event follows on what was told to be missing before it.
  let last = 0;
  for (const { type, data } of parseSse(text)) {
    if (type === "lag") last += JSON.parse(data).lost;
    else if (type === "message") assertEquals(Number(data), ++last);
  }
});
