import { assert, assertEquals } from "@std/assert";
import { Bus, type Subscription } from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { collectGarbage } from "../_heap.ts";
import { observe, settle } from "../_settle.ts";

/** How many are dropped at once. A stack that is looked through word by word may hold some of them. */
const MANY = 200;
const MOST = 0.9 * MANY;

/** Collects until `condition` holds, or for so many rounds: garbage is found out in a task of its own, later. */
async function collectUntil(condition: () => boolean, rounds = 100): Promise<boolean> {
  for (let round = 0; round < rounds && !condition(); round++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return condition();
}

/** Calls `body` so deep that what it leaves on the stack is not where later calls look. */
function deep(body: () => void, depth = 50): void {
  if (depth === 0) body();
  else deep(body, depth - 1);
}

/** Has some others collected, by which it is known that whoever can be found out has been. */
async function collectOthers(bus: Bus<number>): Promise<void> {
  const before = bus.stats().reaped;
  deep(() => {
    for (let n = 0; n < MANY; n++) bus.subscribe({ name: "dropped", capacity: 1 });
  });
  assert(await collectUntil(() => bus.stats().reaped - before > MOST), "nothing was collected");
  // Once more, for those that were only reached through what was collected.
  for (let round = 0; round < 5; round++) {
    await collectUntil(() => false, 1);
  }
}

test("subscriptions that are dropped without being closed are found out, and closed", async () => {
  const bus = new Bus<number>();
  await collectOthers(bus);
  const { reaped, subscriptions, offered } = bus.stats();
  assert(reaped > MOST && reaped <= MANY, `${reaped}`);
  assertEquals([subscriptions.length, offered], [MANY - reaped, 0]);
  // They cost a publish nothing.
  assertEquals(bus.publish(1), MANY - reaped);
});

test("what was dropped with events in it stays lost to nobody but itself", async () => {
  const bus = new Bus<number>();
  const kept = bus.subscribe();
  deep(() => {
    for (let n = 0; n < MANY; n++) bus.subscribe();
  });
  bus.publish(1);
  assert(await collectUntil(() => bus.stats().reaped > MOST));
  assertEquals([kept.closed, await kept.receive()], [false, 1]);
  assertEquals(bus.stats().offered, MANY + 1);
});

test("subscriptions that were closed are not counted as found out", async () => {
  const bus = new Bus<number>();
  deep(() => {
    for (let n = 0; n < MANY; n++) {
      const queue = bus.subscribe();
      if (n % 3 === 0) queue.close();
      else if (n % 3 === 1) bus.unsubscribe(queue.id);
      else queue[Symbol.dispose]();
    }
  });
  // In a bus of its own, so that none of the first is among them.
  await collectOthers(new Bus<number>());
  assertEquals(bus.stats().reaped, 0);
});

test("a signal that lives on does not keep the subscriptions that listen to it", async () => {
  const { signal } = new AbortController();
  const bus = new Bus<number>();
  deep(() => {
    for (let n = 0; n < MANY; n++) {
      bus.subscribe({ signal, where: () => true, onLag: () => {}, overflow: "drop-oldest" });
    }
  });
  assert(await collectUntil(() => bus.stats().reaped > MOST), `${bus.stats().reaped}`);
  assert(!signal.aborted);
});

/** What keeps a subscription alive though nobody has it any more; each answers what an event has done. */
const KEEPERS: Record<string, (queue: Subscription<number>) => unknown> = {
  "a pending receive()": (queue) => observe(queue.receive()),
  "a pending receive() with a signal": (queue) =>
    observe(queue.receive({ signal: new AbortController().signal })),
  "a pending receiveBatch()": (queue) => observe(queue.receiveBatch(9)),
  "a pending next()": (queue) => observe(queue[Symbol.asyncIterator]().next()),
  "a loop": (queue) =>
    observe((async () => {
      for await (const event of queue) return event;
      return undefined;
    })()),
  "an open iterator": (queue) => queue[Symbol.asyncIterator](),
  "an open stream": (queue) => queue.toReadableStream(),
  "a pending read of a stream": (queue) => observe(queue.toReadableStream().getReader().read()),
};

for (const [name, keep] of Object.entries(KEEPERS)) {
  test(`${name} keeps its subscription open`, async () => {
    const bus = new Bus<number>();
    const held: unknown[] = [];
    deep(() => {
      for (let n = 0; n < MANY; n++) held.push(keep(bus.subscribe({ name: "kept" })));
    });
    await collectOthers(bus);
    const kept = bus.stats().subscriptions.filter((one) => one.name === "kept");
    assertEquals(kept.length, MANY);
    bus.publish(1);
    await settle();
    if (name.includes("pending") || name === "a loop") {
      const states = held.map((outcome) => (outcome as { state: string }).state);
      assertEquals(states.filter((state) => state === "fulfilled").length, MANY);
    }
    bus.close();
    assertEquals(held.length, MANY);
  });
}

test("waits that only the bus still holds go on to the end of the bus", async () => {
  const bus = new Bus<number>();
  let [ended, seen] = [0, 0];
  deep(() => {
    for (let n = 0; n < MANY; n++) {
      (async () => {
        for await (const event of bus.subscribe({ name: "kept" })) seen += event;
        ended++;
      })();
    }
  });
  await collectOthers(bus);
  bus.publish(1);
  await settle();
  assertEquals([seen, ended], [MANY, 0]);
  bus.close();
  await settle();
  assertEquals(ended, MANY);
});

test("a loop that is done with waiting for other things keeps its subscription open", async () => {
  const bus = new Bus<number>();
  const gates: (() => void)[] = [];
  let seen = 0;
  deep(() => {
    for (let n = 0; n < MANY; n++) {
      (async () => {
        for await (const event of bus.subscribe({ name: "kept" })) {
          seen += event;
          await new Promise<void>((resolve) => gates.push(resolve));
        }
      })();
    }
  });
  bus.publish(1);
  await settle();
  await collectOthers(bus);
  bus.publish(1);
  for (const open of gates.splice(0)) open();
  await settle();
  assertEquals(seen, 2 * MANY);
  bus.close();
  for (const open of gates) open();
  await settle();
});

test("a stream that is dropped with its subscription is found out as well", async () => {
  const bus = new Bus<number>();
  deep(() => {
    for (let n = 0; n < MANY; n++) bus.subscribe().toReadableStream();
  });
  assert(await collectUntil(() => bus.stats().reaped > MOST), `${bus.stats().reaped}`);
});

test("a wait that was served or given up keeps its subscription no longer", async () => {
  const bus = new Bus<number>();
  const controller = new AbortController();
  deep(() => {
    for (let n = 0; n < MANY; n++) {
      const queue = bus.subscribe();
      if (n % 2 === 0) queue.receive();
      else queue.receive(controller).catch(() => {});
    }
  });
  controller.abort();
  await settle();
  bus.publish(1);
  await settle();
  assert(await collectUntil(() => bus.stats().reaped > MOST), `${bus.stats().reaped}`);
});
