import { assert, assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import { Bus, type BusOptions, type Listener, subject } from "../../bus/mod.ts";
import { test } from "../_harness.ts";

interface Event {
  readonly topic: string;
  readonly kind: string;
  readonly n: number;
}

const EVENT: Event = { topic: "a.b", kind: "k", n: 1 };

/** Matches of every shape, each of which the event above meets. */
const MATCHES = [
  {},
  { kind: "k" },
  { topic: subject("a.*") },
  { kind: ["k", "other"], n: 1 },
  { topic: "a.b" },
  { topic: [subject("*.b"), subject("a.>"), "a.b"] },
  { kind: "k", topic: subject(">") },
] as const;

/**
 * Buses that must do the same: an event takes another way through one that keeps events, and through one where somebody must be asked.
 */
const BUSES: Record<string, <E>(options?: BusOptions<E>) => Bus<E>> = {
  "a bus": (options) => new Bus(options),
  "a bus with a history": (options) => new Bus({ ...options, history: 1 }),
  "a bus with a binding": (options) => new Bus({ ...options, bind: { apply: (event) => event } }),
  "a bus with a predicate": (options) => {
    const bus = new Bus(options);
    (bus as unknown as Bus).on({}, () => {}, { where: () => false });
    return bus;
  },
};

for (const [name, make] of Object.entries(BUSES)) {
  test(`Bus.publish() on ${name} calls handlers in the order in which they were added, whatever they ask for`, () => {
    for (let turn = 0; turn < MATCHES.length; turn++) {
      const bus = make<Event>();
      const seen: number[] = [];
      const added: number[] = [];
      // Twice around, from another one each time, so that each shape comes before and behind each other one.
      for (let at = 0; at < 2 * MATCHES.length; at++) {
        bus.on(MATCHES[(turn + at) % MATCHES.length]!, () => seen.push(at));
        if (at % 3 === 0) bus.once({}, () => seen.push(100 + at));
        if (at % 3 === 0) added.push(at, 100 + at);
        else added.push(at);
      }
      bus.publish(EVENT);
      assertEquals(seen, added);
      seen.length = 0;
      bus.publish(EVENT);
      assertEquals(seen, added.filter((at) => at < 100));
    }
  });

  test(`Bus.publish() on ${name} fills all queues before it calls a handler`, () => {
    const bus = make<number>();
    const sizes: number[][] = [];
    const first = bus.subscribe();
    bus.on({}, () => sizes.push([first.size, last.size]));
    const last = bus.subscribe();
    assertEquals(bus.publish(1), 3);
    assertEquals(sizes, [[1, 1]]);
  });

  test(`Bus.publish() in a handler on ${name} queues at once, and calls handlers behind the event that is handled`, () => {
    const bus = make<number>();
    const seen: string[] = [];
    const counts: number[] = [];
    const queue = bus.subscribe();
    bus.on({}, (event) => {
      seen.push(`first ${event}`);
      if (event > 2) return;
      counts.push(bus.publish(event + 10), bus.publish(event + 20), queue.size);
    });
    bus.on({}, (event) => seen.push(`second ${event}`));
    assertEquals(bus.publish(1), 3);
    assertEquals(seen, ["first 1", "second 1", "first 11", "second 11", "first 21", "second 21"]);
    assertEquals(counts, [3, 3, 3]);
    assertEquals(bus.publish(2), 3);
    assertEquals(counts, [3, 3, 3, 3, 3, 6]);
    assertEquals(
      seen.slice(6),
      [2, 12, 22].flatMap((event) => [`first ${event}`, `second ${event}`]),
    );
    const { published, offered, delivered } = bus.stats();
    assertEquals([published, offered, delivered], [6, 18, 12]);
  });

  test(`Bus.publish() on ${name} gives everybody the same order, however handlers publish`, () => {
    const bus = make<number>();
    const seen: number[][] = [[], [], []];
    const queues = [bus.subscribe(), bus.subscribe({ where: () => true })];
    bus.on({}, (event) => seen[0]!.push(event));
    // A tree: each event has two effects, of which each has one more.
    bus.on({}, (event) => {
      seen[1]!.push(event);
      if (event < 10) bus.publish(event * 10);
      if (event < 100) bus.publish(event * 10 + 1);
    });
    bus.on({}, (event) => {
      seen[2]!.push(event);
      if (event < 10) bus.publish(event * 10 + 2);
    });
    bus.publish(1);
    const expected = [1, 10, 11, 12, 101, 111, 121];
    assertEquals(seen, [expected, expected, expected]);
    for (const queue of queues) {
      const events: number[] = [];
      for (let got; (got = queue.tryReceive()).state === "ok";) events.push(got.value);
      assertEquals(events, expected);
    }
  });

  test(`Bus.publish() on ${name} does not call a handler that one before it has closed, nor count it`, () => {
    const counts: number[] = [];
    for (const isNested of [false, true]) {
      const bus = make<number>();
      const seen: string[] = [];
      let later: Listener | undefined = undefined;
      if (isNested) bus.once({}, () => void bus.publish(2));
      bus.on({}, (event) => {
        seen.push(`first ${event}`);
        if (event === 2) later!.close();
      });
      later = bus.on({}, () => seen.push("later"));
      bus.on({}, (event) => seen.push(`last ${event}`));
      if (isNested) {
        bus.publish(1);
        assertEquals(seen.slice(3), ["first 2", "last 2"]);
      } else {
        counts.push(bus.publish(2));
        assertEquals(seen, ["first 2", "last 2"]);
      }
      const { offered, delivered } = bus.stats();
      assertEquals(offered, isNested ? 6 : 2);
      assertEquals(delivered, offered);
    }
    assertEquals(counts, [2]);
  });

  test(`Listener.close() in its own handler on ${name} ends it, and the others go on`, () => {
    const bus = make<number>();
    const seen: string[] = [];
    const self: Listener = bus.on({}, () => {
      seen.push("self");
      self.close();
      self.close();
      seen.push(`closed ${self.closed}`);
    });
    bus.on({}, () => seen.push("other"));
    bus.publish(1);
    bus.publish(2);
    assertEquals(seen, ["self", "closed true", "other", "other"]);
  });

  test(`Listener.close() of an earlier handler on ${name} leaves the event in delivery as it was`, () => {
    const bus = make<number>();
    const seen: string[] = [];
    const earlier = bus.on({}, () => seen.push("earlier"));
    bus.on({}, () => {
      seen.push("closing");
      earlier.close();
    });
    bus.on({}, () => seen.push("last"));
    bus.publish(1);
    bus.publish(2);
    assertEquals(seen, ["earlier", "closing", "last", "closing", "last"]);
  });

  test(`Bus.on() in a handler on ${name} hears of the next event, not of the one in delivery`, () => {
    for (const match of MATCHES) {
      const bus = make<Event>();
      const seen: string[] = [];
      let isFirst = true;
      bus.on({ kind: "k" }, ({ n }) => {
        if (!isFirst) return;
        isFirst = false;
        seen.push(`old ${n}`);
        bus.on(match, ({ n }) => seen.push(`on ${n}`));
        bus.once(match, ({ n }) => seen.push(`once ${n}`));
        bus.publish(EVENT);
        const queue = bus.subscribe({ match });
        seen.push(`size ${queue.size}`);
      });
      bus.publish(EVENT);
      assertEquals(seen, ["old 1", "size 0", "on 1", "once 1"]);
      bus.publish(EVENT);
      assertEquals(seen, ["old 1", "size 0", "on 1", "once 1", "on 1"]);
    }
  });

  test(`Bus.on() in place of a closed handler on ${name}, in its own call, waits for the next event`, () => {
    const bus = make<number>();
    const seen: string[] = [];
    const replace = (turn: number): void => {
      const listener: Listener = bus.on({}, (event) => {
        seen.push(`${turn} ${event}`);
        listener.close();
        replace(turn + 1);
      });
    };
    replace(0);
    const { length } = bus.stats().listeners;
    for (const event of [1, 2, 3]) assertEquals(bus.publish(event), 1);
    assertEquals(seen, ["0 1", "1 2", "2 3"]);
    assertEquals(bus.stats().listeners.length, length);
  });

  test(`Bus.once() on ${name} is called once, even if it publishes what it waits for`, () => {
    const bus = make<number>();
    const seen: string[] = [];
    const once = bus.once({}, (event) => {
      seen.push(`once ${event}, closed ${once.closed}`);
      bus.publish(event + 1);
    });
    bus.on({}, (event) => seen.push(`on ${event}`));
    assertFalse(once.closed);
    const { length } = bus.stats().listeners;
    assertEquals(bus.publish(1), 2);
    assertEquals(seen, ["once 1, closed true", "on 1", "on 2"]);
    assertEquals(bus.stats().listeners.length, length - 1);
  });

  test(`Bus.once() on ${name} gets the first event of several that are published before it is called`, () => {
    const bus = make<number>();
    const seen: number[] = [];
    bus.once({}, () => {
      bus.once({}, (event) => seen.push(event));
      for (const event of [2, 3, 4]) bus.publish(event);
    });
    bus.publish(1);
    assertEquals(seen, [2]);
  });

  test(`Bus.once() on ${name} can be closed by a handler that is called before it, in every way`, () => {
    const answers: boolean[] = [];
    const ends: Record<string, (bus: Bus<number>, listener: Listener) => void> = {
      "close()": (_, listener) => listener.close(),
      "dispose": (_, listener) => listener[Symbol.dispose](),
      "its signal": () => controller.abort(),
      "unsubscribe()": (bus, { id }) => answers.push(bus.unsubscribe(id)),
    };
    let controller = new AbortController();
    for (const [way, end] of Object.entries(ends)) {
      controller = new AbortController();
      const bus = make<number>();
      const seen: number[] = [];
      let once: Listener | undefined = undefined;
      bus.on({}, () => end(bus, once!));
      once = bus.once({}, (event) => seen.push(event), { signal: controller.signal });
      bus.publish(1);
      assertEquals(seen, [], way);
      assert(once.closed);
    }
    assertEquals(answers, [true]);
  });

  test(`Bus.unsubscribe() in a handler on ${name} ends whoever is called later`, () => {
    const bus = make<number>();
    const seen: string[] = [];
    let [on, queue] = [0, 0];
    const answers: boolean[] = [];
    bus.on({}, () => {
      answers.push(bus.unsubscribe(on), bus.unsubscribe(on), bus.unsubscribe(queue));
    });
    on = bus.on({}, () => seen.push("on")).id;
    const subscription = bus.subscribe();
    queue = subscription.id;
    bus.publish(1);
    assertEquals(seen, []);
    assertEquals(answers, [true, false, true]);
    // It had the event before any handler was called.
    assertEquals(subscription.tryReceive(), { state: "ok", value: 1 });
    assertEquals(subscription.tryReceive(), { state: "closed" });
  });

  test(`Bus.publish() on ${name} refuses more nested events than maxNested, and is usable afterwards`, () => {
    for (const maxNested of [1, 2, 7]) {
      const errors: unknown[] = [];
      const bus = make<string>({ maxNested, onError: (error) => errors.push(error) });
      const seen: string[] = [];
      let published = 0;
      bus.on({}, (event) => {
        seen.push(event);
        if (event !== "root") return;
        // The last of them throws.
        for (;; published++) bus.publish(`child ${published}`);
      });
      const queue = bus.subscribe({ capacity: 100 });
      bus.publish("root");
      assertEquals(published, maxNested);
      assertEquals(seen.length, 1 + maxNested);
      assertEquals(queue.size, 1 + maxNested);
      const [error] = errors as [RangeError];
      assert(error instanceof RangeError);
      assertStringIncludes(error.message, "Cannot publish to Bus");
      assertStringIncludes(error.message, `more than ${maxNested}`);
      assertEquals(errors.length, 1);
      // Nothing is left of it.
      published = 0;
      seen.length = 0;
      assert(bus.publish("plain") > 0);
      assertEquals(seen, ["plain"]);
      bus.publish("root");
      assertEquals(published, maxNested);
    }
  });

  test(`Bus.publish() on ${name} refuses a longer chain than maxNested, and is usable afterwards`, () => {
    for (const maxNested of [1, 2, 7]) {
      const errors: unknown[] = [];
      const bus = make<number>({ maxNested, onError: (error) => errors.push(error) });
      const seen: number[] = [];
      bus.on({}, (event) => {
        seen.push(event);
        if (event >= 0) bus.publish(event + 1);
      });
      for (let turn = 1; turn <= 2; turn++) {
        seen.length = 0;
        bus.publish(0);
        assertEquals(seen, Array.from({ length: maxNested + 1 }, (_, event) => event));
        assertEquals(errors.length, turn);
        assert(errors[turn - 1] instanceof RangeError);
        seen.length = 0;
        bus.publish(-5);
        assertEquals(seen, [-5]);
      }
    }
  });

  test(`Bus.publish() on ${name} counts what waits now for maxNested, not what has waited`, () => {
    const errors: unknown[] = [];
    const bus = make<number>({ maxNested: 20, onError: (error) => errors.push(error) });
    let handled = 0;
    // A binary tree of 2 ** 5 - 1 events, of which never more than 16 wait, and 5 are a chain.
    bus.on({}, (depth) => {
      handled++;
      if (depth === 4) return;
      bus.publish(depth + 1);
      bus.publish(depth + 1);
    });
    bus.publish(0);
    assertEquals(errors, []);
    assertEquals(handled, 31);
  });
}

test("Bus.publish() keeps the order of two hundred thousand nested events without keeping all of them", () => {
  const bus = new Bus<number>({ maxNested: 3 });
  let last = -1;
  let errors = 0;
  // Two events are under way; a chain, but each of its links begins anew.
  bus.on({}, (event) => {
    if (event !== last + 1) errors++;
    last = event;
  });
  for (let turn = 0; turn < 50_000; turn++) {
    const event = turn * 4;
    bus.once({}, () => {
      for (const step of [1, 2, 3]) bus.publish(event + step);
    });
    bus.publish(event);
  }
  assertEquals([errors, last], [0, 199_999]);
});

test("Bus.publish() in a handler throws at once what it refuses", () => {
  const bus = new Bus<number>({ maxNested: 1 });
  let refuse = (): void => {};
  bus.once({}, () => {
    bus.publish(2);
    try {
      bus.publish(3);
    } catch (error) {
      refuse = () => {
        throw error;
      };
    }
  });
  bus.on({}, () => {});
  bus.publish(1);
  assertThrows(() => refuse(), RangeError, "received 2");
  assertEquals(bus.stats().published, 2);
});

test("Bus.publish() in onError is bounded by maxNested, too", () => {
  let reports = 0;
  const refused: unknown[] = [];
  const bus: Bus<number> = new Bus<number>({
    maxNested: 8,
    onError() {
      // Far more than there may be, far less than there is room for on the stack.
      if (++reports > 200) return;
      try {
        bus.publish(reports);
      } catch (error) {
        refused.push(error);
      }
    },
  });
  const seen: number[] = [];
  bus.on({}, (event) => {
    seen.push(event);
    throw new Error("a handler");
  });
  bus.publish(0);
  assertEquals(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(refused.length, 1);
});

test("Bus.publish() in onError about a predicate is bounded by maxNested, too", () => {
  let reports = 0;
  const refused: unknown[] = [];
  const bus: Bus<number> = new Bus<number>({
    maxNested: 8,
    onError() {
      if (++reports > 200) return;
      try {
        bus.publish(reports);
      } catch (error) {
        refused.push(error);
      }
    },
  });
  bus.subscribe({
    where() {
      throw new Error("a predicate");
    },
  });
  bus.publish(0);
  assert(reports <= 20, `onError was called ${reports} times`);
  assertEquals(refused.length, 1);
});
