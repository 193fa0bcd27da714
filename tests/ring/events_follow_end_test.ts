import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { EventRing, Ring, type RingEventLoss, sharedStorage } from "../../ring/mod.ts";
import { MARK } from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { END, observe, reasonOf, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { textEvents } from "./_events.ts";
import { Memory } from "./_ring.ts";

test("EventRing.follow() hands nothing out that onLag does not want any more", async () => {
  for (const end of ["return", "abort", "close"] as const) {
    const { ring, events } = textEvents({ capacity: 2 });
    const { signal, abort, ...counts } = countedSignal();
    const cursor = events.cursorFromStart();
    const reason = new Error("enough");
    const following = events.follow({
      from: cursor,
      signal,
      onLag() {
        if (end === "return") void following.return!();
        else if (end === "abort") abort(reason);
        else ring.close();
      },
    });
    for (let value = 0; value < 5; value++) events.publish("a", `${value}`);
    if (end === "abort") assertStrictEquals(await reasonOf(following.next()), reason);
    else assertEquals(await following.next(), END);
    assertEquals(await following.next(), END);
    assertEquals(counts.listening, 0);
    if (end === "close") continue;
    // The loss was told; the events are still to come.
    assertEquals(events.lagged, 3);
    assertEquals(events.poll(cursor).events.map(({ value }) => value), ["3", "4"]);
  }
});

test("EventRing.follow() rejects with the reason of its signal, and leaves no listener", async () => {
  const { events } = textEvents();
  for (const reason of [new Error("stop"), undefined, "text"]) {
    const { signal, abort, ...counts } = countedSignal();
    const following = events.follow({ signal });
    const next = following.next();
    await settle();
    abort(reason);
    assertStrictEquals(await reasonOf(next), signal.reason);
    assertEquals(counts.listening, 0);
    assertEquals(await following.next(), END);
  }
});

test("EventRing.follow() rejects with the reason before it hands out what was read ahead", async () => {
  const { events } = textEvents();
  events.publishBatch("a", ["1", "2", "3"]);
  const controller = new AbortController();
  const cursor = events.cursorFromStart();
  const following = events.follow({ from: cursor, signal: controller.signal });
  assertEquals((await following.next()).value.value, "1");
  const reason = new Error("stop");
  controller.abort(reason);
  assertStrictEquals(await reasonOf(following.next()), reason);
  assertEquals(await following.next(), END);
  assertEquals(events.poll(cursor).events.map(({ value }) => value), ["2", "3"]);
});

test("EventRing.follow() with a signal that has aborted takes nothing", async () => {
  const { events } = textEvents();
  events.publish("a", "1");
  const reason = new Error("stop");
  const { signal, ...counts } = countedSignal({ reason });
  const cursor = events.cursorFromStart();
  assertStrictEquals(await reasonOf(events.follow({ from: cursor, signal }).next()), reason);
  assertEquals([cursor.position, counts.listening], [0, 0]);
});

test("EventRing.follow() leaves no listener while it waits for nothing", async () => {
  const { events } = textEvents();
  const { signal, ...counts } = countedSignal();
  const following = events.follow({ signal });
  const next = following.next();
  await settle();
  assert(counts.listening <= 1);
  events.publish("a", "1");
  await next;
  assertEquals(counts.listening, 0);
  await following[Symbol.asyncDispose]();
});

test("break keeps a cursor behind the event that was handed out last", async () => {
  const { events } = textEvents();
  const cursor = events.cursorFromStart();
  const topics = ["a", "b", "a", "b", "a"];
  topics.forEach((topic, index) => events.publish(topic, `${index}`));
  for await (const { value } of events.follow({ from: cursor, topic: "a" })) {
    if (value === "2") break;
  }
  assertEquals(cursor.position, 3);
  assertEquals(cursor.delivered, 3);
  assertEquals(events.poll(cursor).events.map(({ value }) => value), ["3", "4"]);
});

test("break loses nothing in any lane, and nothing is told twice", async () => {
  for (let seed = 1; seed <= 40; seed++) await breakAndGoOn(new Random(seed), seed);
});

/** Follows with breaks at random, and accounts for every frame. */
async function breakAndGoOn(random: Random, seed: number): Promise<void> {
  const nodes = 1 + random.below(3);
  const topology = random.pick(["per-node", "shared"] as const);
  const storage = sharedStorage({ capacity: 8, payloadCapacity: 24, nodes, topology });
  const memory = new Memory(storage);
  const rings = Array.from({ length: nodes }, (_, node) => new Ring(storage, { node, stallMs: 0 }));
  const writers = rings.map((ring) => new EventRing<number>(ring));
  const events = writers[0]!;
  const cursor = events.cursorFromStart();
  const last = new Map<bigint, number>();
  let handed = 0;
  const told = { overwritten: 0, unavailable: 0, undecodable: 0 };
  const onLag = (lost: RingEventLoss): void => {
    told.overwritten += lost.overwritten;
    told.unavailable += lost.unavailable;
    told.undecodable += lost.undecodable;
  };
  let value = 0;
  for (let round = 0; round < 40; round++) {
    for (let count = random.below(14); count > 0; count--) {
      const node = random.below(nodes);
      if (random.below(6) > 0) writers[node]!.publish("a", value++);
      else rings[node]!.publish(new Uint8Array(2), { kind: 7 });
      const lane = topology === "shared" ? 0 : node;
      // A frame that something wrote over, never the last: at the head of a shared lane it might still come.
      const torn = memory.head(lane) - 2;
      if (random.below(12) === 0 && torn >= 0) memory.words[memory.slotWord(torn, MARK, lane)] = 0;
    }
    if (random.below(10) === 0) rings[0]!.reset();
    const following = events.follow({ from: cursor, max: 1 + random.below(20), onLag });
    // As many as there may be; a look too many waits, and ends with the loop.
    const looks = random.below(12);
    for (let count = 0; count < looks; count++) {
      const next = following.next();
      const outcome = observe(next);
      await settle();
      if (outcome.state === "pending") break;
      const event = (await next).value;
      const lane = event.id >> 53n;
      assert(event.counter > (last.get(lane) ?? -1), `seed ${seed}: ${event.counter} again`);
      last.set(lane, event.counter);
      handed++;
      // Everything up to the cursor was handed out or told; what a look has passed and not told is none.
      assertEquals(
        cursor.position,
        handed + told.overwritten + told.unavailable + told.undecodable,
        `seed ${seed}`,
      );
      assertEquals(cursor.counters[topology === "shared" ? 0 : event.node], event.counter + 1);
    }
    await following.return?.();
    assertEquals(
      events.lagged,
      told.overwritten + told.unavailable + told.undecodable,
      `seed ${seed}`,
    );
    assertEquals(cursor.lost, { overwritten: told.overwritten, unavailable: told.unavailable });
    assertEquals(cursor.delivered, handed + told.undecodable);
  }
  for (const ring of rings) ring.close();
}

test("EventRing.follow() ends when its ring is closed", async () => {
  const { ring, events } = textEvents();
  events.publishBatch("a", ["1", "2"]);
  const [one, other] = [events.follow({ from: "start" }), events.follow()];
  const waiting = other.next();
  assertEquals((await one.next()).value.value, "1");
  ring.close();
  assertEquals(await waiting, END);
  assertEquals(await one.next(), END);
  assertEquals(await other.next(), END);
});

test("EventRing.follow() ends with return(), throw() and dispose, each also while it waits", async () => {
  const { events } = textEvents();
  const reason = new Error("thrown");
  for (const isWaiting of [true, false]) {
    const ends: readonly ((following: ReturnType<typeof events.follow>) => Promise<unknown>)[] = [
      async (following) => assertEquals(await following.return!("x"), { value: "x", done: true }),
      async (following) => assertStrictEquals(await reasonOf(following.throw!(reason)), reason),
      async (following) => assertEquals(await following[Symbol.asyncDispose](), undefined),
    ];
    for (const end of ends) {
      const following = events.follow();
      assertStrictEquals(following[Symbol.asyncIterator](), following);
      const next = isWaiting ? following.next() : Promise.resolve(END);
      await settle();
      await end(following);
      assertEquals(await next, END);
      events.publish("a", "too late");
      assertEquals(await following.next(), END);
    }
  }
});
