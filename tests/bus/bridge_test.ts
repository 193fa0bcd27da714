import {
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { EventEmitter } from "node:events";
import {
  Bus,
  type BusBridge,
  BusClosedError,
  type BusErrorContext,
  type BusOptions,
  type EmitterLike,
  fromEmitter,
  fromEventTarget,
} from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { countedSignal } from "../_signal.ts";

interface Event1 {
  readonly type: string;
  readonly id: number;
}

type Reported = [error: unknown, context: BusErrorContext<Event1>];

/** A bus whose events and errors are written down. */
function recorded(options: BusOptions<Event1> = {}): {
  bus: Bus<Event1>;
  seen: Event1[];
  reported: Reported[];
} {
  const seen: Event1[] = [];
  const reported: Reported[] = [];
  const onError: BusOptions<Event1>["onError"] = (...args) => void reported.push(args);
  const bus = new Bus<Event1>({ onError, ...options });
  bus.on({}, (event) => void seen.push(event));
  return { bus, seen, reported };
}

/** A target that counts who listens. */
class CountedTarget extends EventTarget {
  readonly listeners: Set<string> = new Set();

  override addEventListener(...args: Parameters<EventTarget["addEventListener"]>): void {
    this.listeners.add(args[0]);
    super.addEventListener(...args);
  }

  override removeEventListener(...args: Parameters<EventTarget["removeEventListener"]>): void {
    this.listeners.delete(args[0]);
    super.removeEventListener(...args);
  }

  /** Dispatches an event that says a number. */
  say(type: string, id: number): void {
    this.dispatchEvent(new CustomEvent(type, { detail: id }));
  }
}

const said = ({ type, detail }: CustomEvent<number>): Event1 => ({ type, id: detail });

/** mitt, as far as it matters here: `on` answers nothing, `off` takes the listener, and `*` gets the name too. */
function mittLike(): EmitterLike & { emit(name: string, event?: unknown): void; count(): number } {
  // deno-lint-ignore no-explicit-any -- as the emitter has it.
  const all = new Map<string, ((...args: any[]) => void)[]>();
  return {
    on(name, listener) {
      const list = all.get(name);
      if (list === undefined) all.set(name, [listener]);
      else list.push(listener);
    },
    off(name, listener) {
      const list = all.get(name);
      list?.splice(list.indexOf(listener) >>> 0, 1);
    },
    emit(name, event) {
      for (const listener of [...all.get(name) ?? []]) listener(event);
      for (const listener of [...all.get("*") ?? []]) listener(name, event);
    },
    count: () => [...all.values()].reduce((sum, { length }) => sum + length, 0),
  };
}

/** nanoevents, as far as it matters here: there is no `off`, and `on` answers what removes the listener. */
function nanoLike(): EmitterLike & {
  emit(name: string, ...args: unknown[]): void;
  count(): number;
} {
  // deno-lint-ignore no-explicit-any -- as the emitter has it.
  const events: Record<string, ((...args: any[]) => void)[]> = {};
  return {
    on(name, listener) {
      (events[name] ??= []).push(listener);
      return () => {
        events[name] = events[name]!.filter((one) => one !== listener);
      };
    },
    emit(name, ...args) {
      // The list as it is now: one that is removed meanwhile is still called.
      for (const listener of events[name] ?? []) listener(...args);
    },
    count: () => Object.values(events).reduce((sum, { length }) => sum + length, 0),
  };
}

/** eventemitter3 and the like: methods that need their object, and answer it. */
class ChainedEmitter implements EmitterLike {
  readonly #listeners: Map<unknown, Set<(...args: unknown[]) => void>> = new Map();

  on(name: unknown, listener: (...args: unknown[]) => void): this {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(listener));
    return this;
  }

  off(name: unknown, listener: (...args: unknown[]) => void): this {
    this.#listeners.get(name)?.delete(listener);
    return this;
  }

  emit(name: unknown, ...args: unknown[]): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(...args);
  }

  count(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

/** Each of these has its own way, with a thing that says a number by name. */
interface Foreign {
  bridge(
    bus: Bus<Event1>,
    names: string | readonly string[],
    map: (name: string, id: number) => Event1 | undefined,
    signal?: AbortSignal,
  ): BusBridge;
  say(name: string, id: number): void;
  /** How many listeners it has. */
  count(): number;
}

const FOREIGN: Readonly<Record<string, () => Foreign>> = {
  "fromEventTarget()": () => {
    const target = new CountedTarget();
    return {
      bridge: (bus, types, map, signal) => {
        const ofEvent = ({ type, detail }: CustomEvent<number>) => map(type, detail);
        return fromEventTarget(target, bus, { types, map: ofEvent, signal });
      },
      say: (name, id) => target.say(name, id),
      count: () => target.listeners.size,
    };
  },
  "fromEmitter() of an EventEmitter": () => {
    const emitter = new EventEmitter();
    return {
      bridge: (bus, names, map, signal) =>
        fromEmitter<Event1, [number]>(emitter, bus, { names, map, signal }),
      say: (name, id) => void emitter.emit(name, id),
      count: () => emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0),
    };
  },
  "fromEmitter() of a mitt": () => {
    const emitter = mittLike();
    return {
      bridge: (bus, names, map, signal) =>
        fromEmitter<Event1, [number]>(emitter, bus, { names, map, signal }),
      say: emitter.emit,
      count: emitter.count,
    };
  },
  "fromEmitter() of a nanoevents": () => {
    const emitter = nanoLike();
    return {
      bridge: (bus, names, map, signal) =>
        fromEmitter<Event1, [number]>(emitter, bus, { names, map, signal }),
      say: emitter.emit,
      count: emitter.count,
    };
  },
  "fromEmitter() of a chained emitter": () => {
    const emitter = new ChainedEmitter();
    return {
      bridge: (bus, names, map, signal) =>
        fromEmitter<Event1, [number]>(emitter, bus, { names, map, signal }),
      say: (name, id) => emitter.emit(name, id),
      count: () => emitter.count(),
    };
  },
};

const asIs = (type: string, id: number): Event1 => ({ type, id });

for (const [what, make] of Object.entries(FOREIGN)) {
  test(`${what} publishes what it maps, of the names that it was told`, () => {
    const { bus, seen } = recorded();
    const foreign = make();
    const one = foreign.bridge(bus, "a", asIs);
    const list = foreign.bridge(bus, ["b", "c"], (type, id) => ({ type: `list.${type}`, id }));
    ["a", "b", "c", "d"].forEach((name, id) => foreign.say(name, id));
    assertEquals(seen, [
      { type: "a", id: 0 },
      { type: "list.b", id: 1 },
      { type: "list.c", id: 2 },
    ]);
    assertEquals([one.received, one.sent, one.failed, one.closed], [1, 0, 0, false]);
    assertEquals(list.received, 2);
    one.close();
    list.close();
    assertEquals(foreign.count(), 0);
  });

  test(`${what} passes over what is mapped to undefined`, () => {
    const { bus, seen } = recorded();
    const foreign = make();
    using bridge = foreign.bridge(bus, "a", (type, id) => id > 1 ? { type, id } : undefined);
    for (const id of [0, 1, 2, 3]) foreign.say("a", id);
    assertEquals(seen.map(({ id }) => id), [2, 3]);
    assertEquals([bridge.received, bridge.failed], [2, 0]);
  });

  test(`${what} counts and reports what map throws, and whoever said it does not see it`, () => {
    const problem = new Error("no event");
    const { bus, seen, reported } = recorded();
    const foreign = make();
    using bridge = foreign.bridge(bus, "a", (type, id) => {
      if (id === 1) throw problem;
      return { type, id };
    });
    for (const id of [0, 1, 2]) foreign.say("a", id);
    assertEquals(seen.map(({ id }) => id), [0, 2]);
    assertEquals([bridge.received, bridge.failed, bus.stats().errors], [2, 1, 1]);
    assertStrictEquals(reported[0]![0], problem);
    assertEquals(reported[0]![1].source, "bridge");
    assertEquals(reported[0]![1].event, undefined);
  });

  test(`${what} ends when it is closed, with no listener left, and closing again does nothing`, () => {
    const { bus, seen } = recorded();
    const foreign = make();
    const bridge = foreign.bridge(bus, ["a", "b"], asIs);
    assertEquals(foreign.count(), 2);
    foreign.say("a", 1);
    bridge.close();
    bridge.close();
    bridge[Symbol.dispose]();
    foreign.say("a", 2);
    foreign.say("b", 3);
    assertEquals([bridge.closed, bridge.received, seen.length, foreign.count()], [true, 1, 1, 0]);
    bus.close();
    assertEquals(bridge.closed, true);
  });

  test(`${what} leaves no listener at its signal`, () => {
    for (const how of ["close", "bus", "abort"]) {
      const { bus } = recorded();
      const foreign = make();
      const counted = countedSignal();
      const bridge = foreign.bridge(bus, "a", asIs, counted.signal);
      assertEquals(counted.listening, 1);
      if (how === "close") bridge.close();
      else if (how === "bus") bus.close();
      else counted.abort();
      assertEquals([how, bridge.closed, counted.listening], [how, true, 0]);
    }
  });

  test(`${what} ends with the bus and with the signal, with no listener left`, () => {
    for (const how of ["bus", "bus with a reason", "signal"]) {
      const { bus, seen } = recorded();
      const foreign = make();
      const controller = new AbortController();
      const bridge = foreign.bridge(bus, "a", asIs, controller.signal);
      foreign.say("a", 1);
      if (how === "bus") bus.close();
      else if (how === "signal") controller.abort();
      else bus.close(new Error("why"));
      foreign.say("a", 2);
      assertEquals([how, bridge.closed, bridge.received, bridge.failed], [how, true, 1, 0]);
      assertEquals([foreign.count(), seen.length], [0, 1]);
    }
  });

  test(`${what} ends in the middle of an event, by whoever gets it`, () => {
    const { bus, seen } = recorded();
    const foreign = make();
    const first = foreign.bridge(bus, "a", asIs);
    const second = foreign.bridge(bus, "a", asIs);
    bus.once({}, () => {
      first.close();
      second.close();
    });
    foreign.say("a", 1);
    foreign.say("a", 2);
    assertEquals([seen.length, second.received, foreign.count()], [1, 0, 0]);
  });

  test(`${what} may be ended by the event that closes the bus`, () => {
    const { bus, reported } = recorded();
    const foreign = make();
    const bridge = foreign.bridge(bus, "a", asIs);
    bus.on({}, () => bus.close());
    foreign.say("a", 1);
    foreign.say("a", 2);
    assertEquals([bridge.received, bridge.failed, bridge.closed], [1, 0, true]);
    assertEquals([foreign.count(), reported.length], [0, 0]);
  });

  test(`${what} listens once to a name that it was told twice`, () => {
    const { bus, seen } = recorded();
    const foreign = make();
    const bridge = foreign.bridge(bus, ["a", "a"], asIs);
    foreign.say("a", 1);
    bridge.close();
    assertEquals([seen.length, foreign.count()], [1, 0]);
  });

  test(`${what} refuses a bus that is closed and a signal that has aborted, and listens to nothing`, () => {
    const foreign = make();
    const closed = new Bus<Event1>();
    closed.close();
    assertThrows(
      () => foreign.bridge(closed, "a", asIs),
      BusClosedError,
      "Cannot bridge to Bus: bus is closed",
    );
    const reason = new Error("too late");
    const counted = countedSignal({ reason });
    const { bus } = recorded();
    const error = thrownBy(() => foreign.bridge(bus, "a", asIs, counted.signal));
    assertStrictEquals(error, reason);
    assertEquals([foreign.count(), counted.added], [0, 0]);
  });

  test(`${what} refuses names that are none, and a map that is no function`, () => {
    const { bus } = recorded();
    const foreign = make();
    for (const names of [undefined, null, [], [1], {}, 7, ["a", undefined]]) {
      const error = assertThrows(
        () => foreign.bridge(bus, names as never, asIs),
        TypeError,
        "must be a name or a list of names, received ",
      );
      assertMatch(error.message, /^Cannot bridge to Bus: (names|types) must be/);
    }
    if (what.startsWith("fromEmitter")) {
      for (const map of [undefined, null, "map"]) {
        assertThrows(
          () => foreign.bridge(bus, "a", map as never),
          TypeError,
          `Cannot bridge to Bus: map must be a function, received ${
            typeof map === "string" ? `"${map}"` : map
          }`,
        );
      }
    }
    assertEquals(foreign.count(), 0);
  });

  test(`${what} counts what came though the bus could not match it`, () => {
    const problem = new Error("a getter throws");
    const { bus, reported } = recorded();
    bus.on({ type: "x" }, () => {});
    const foreign = make();
    using bridge = foreign.bridge(bus, "a", (type, id) => ({
      get type(): string {
        throw problem;
      },
      id,
      name: type,
    }));
    foreign.say("a", 1);
    assertEquals([bridge.received, bridge.failed], [0, 1]);
    assertStrictEquals(reported[0]![0], problem);
  });
}

function thrownBy(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error("It did not throw");
}

test("fromEventTarget() maps an event in the call that dispatches it", () => {
  const { bus, seen } = recorded();
  const target = new EventTarget();
  using _bridge = fromEventTarget(target, bus, {
    types: "a",
    map: (event: CustomEvent<number>) => {
      event.preventDefault();
      return said(event);
    },
  });
  const event = new CustomEvent("a", { detail: 7, cancelable: true });
  assertEquals(target.dispatchEvent(event), false);
  assertEquals(seen, [{ type: "a", id: 7 }]);
});

test("fromEventTarget() refuses a map that is no function", () => {
  const { bus } = recorded();
  const target = new CountedTarget();
  assertThrows(
    () => fromEventTarget(target, bus, { types: "a", map: undefined as never }),
    TypeError,
    "Cannot bridge to Bus: map must be a function, received undefined",
  );
  assertEquals(target.listeners.size, 0);
});

test("fromEventTarget() leaves nothing behind at a target that refuses a listener", () => {
  const { bus } = recorded();
  const counted = countedSignal();
  const problem = new Error("no listener of this type");
  const target = new CountedTarget();
  const add = target.addEventListener.bind(target);
  target.addEventListener = (...args: Parameters<typeof add>) => {
    if (args[0] === "b") throw problem;
    add(...args);
  };
  const error = thrownBy(() =>
    fromEventTarget(target, bus, { types: ["a", "b"], map: said, signal: counted.signal })
  );
  assertStrictEquals(error, problem);
  assertEquals([target.listeners.size, counted.listening], [0, 0]);
});

test("fromEventTarget() brings messages, errors and the end of something like a WebSocket", () => {
  class Socket extends CountedTarget {
    binaryType = "blob";
    readyState = 1;
  }
  const { bus, seen, reported } = recorded();
  const socket = new Socket();
  const bridge = fromEventTarget(socket, bus, {
    types: ["message", "close", "error"],
    map: (event: MessageEvent | CloseEvent | globalThis.Event): Event1 | undefined => {
      if (event instanceof MessageEvent) return JSON.parse(event.data);
      if (event.type === "close") return { type: "closed", id: (event as CloseEvent).code };
      return { type: "error", id: 0 };
    },
  });
  socket.dispatchEvent(new MessageEvent("message", { data: '{"type":"order","id":7}' }));
  socket.dispatchEvent(new MessageEvent("message", { data: "{" }));
  socket.dispatchEvent(new globalThis.Event("error"));
  socket.dispatchEvent(new CloseEvent("close", { code: 1006 }));
  assertEquals(seen, [
    { type: "order", id: 7 },
    { type: "error", id: 0 },
    { type: "closed", id: 1006 },
  ]);
  assertEquals([bridge.received, bridge.failed], [3, 1]);
  assertInstanceOf(reported[0]![0], SyntaxError);
  bus.close();
  assertEquals([socket.listeners.size, socket.readyState], [0, 1]);
});

test("fromEventTarget() brings the abort of a signal", () => {
  const { bus, seen } = recorded();
  const controller = new AbortController();
  using bridge = fromEventTarget(controller.signal, bus, {
    types: "abort",
    map: ({ type }) => ({ type, id: 1 }),
  });
  controller.abort();
  assertEquals([seen, bridge.received], [[{ type: "abort", id: 1 }], 1]);
});

test("fromEmitter() passes the name and all that was emitted", () => {
  const { bus } = recorded();
  const emitter = new EventEmitter();
  const calls: unknown[][] = [];
  using _bridge = fromEmitter(emitter, bus, {
    names: ["a", "b"],
    map: (...args) => void calls.push(args),
  });
  emitter.emit("a");
  emitter.emit("b", 1, "two", { three: 3 });
  assertEquals(calls, [["a"], ["b", 1, "two", { three: 3 }]]);
});

test("fromEmitter() that listens to error keeps an EventEmitter from throwing it", () => {
  const { bus, seen } = recorded();
  const emitter = new EventEmitter();
  const bridge = fromEmitter(emitter, bus, {
    names: "error",
    map: (type, error: Error) => ({ type, id: error.message.length }),
  });
  emitter.emit("error", new Error("oops"));
  assertEquals(seen, [{ type: "error", id: 4 }]);
  bridge.close();
  assertThrows(() => emitter.emit("error", new Error("oops")), Error, "oops");
});

test("fromEmitter() listens to everything of a mitt by its own name for it", () => {
  const { bus, seen } = recorded();
  const emitter = mittLike();
  using _bridge = fromEmitter(emitter, bus, {
    names: "*",
    map: (_, type: string, id: number) => ({ type, id }),
  });
  emitter.emit("a", 1);
  emitter.emit("b", 2);
  assertEquals(seen, [{ type: "a", id: 1 }, { type: "b", id: 2 }]);
});

test("fromEmitter() does not hear from a nanoevents that is in the middle of an event", () => {
  const { bus, seen } = recorded();
  const emitter = nanoLike();
  emitter.on("a", () => bridge.close());
  const bridge = fromEmitter(emitter, bus, { names: "a", map: asIs });
  emitter.emit("a", 1);
  assertEquals([seen, bridge.received], [[], 0]);
});

test("fromEmitter() leaves nothing behind at an emitter that refuses a listener", () => {
  const { bus } = recorded();
  const counted = countedSignal();
  const emitter = new ChainedEmitter();
  const on = emitter.on.bind(emitter);
  const problem = new Error("no such event");
  emitter.on = (name, listener) => {
    if (name === "b") throw problem;
    return on(name, listener);
  };
  const error = thrownBy(() =>
    fromEmitter(emitter, bus, { names: ["a", "b"], map: asIs, signal: counted.signal })
  );
  assertStrictEquals(error, problem);
  assertEquals([emitter.count(), counted.listening], [0, 0]);
});

test("Bus.close() ends every bridge, though one of them cannot be taken out of its emitter", () => {
  const { bus, reported } = recorded();
  const broken = new ChainedEmitter();
  const problem = new Error("off is broken");
  broken.off = () => {
    throw problem;
  };
  const good = new ChainedEmitter();
  const first = fromEmitter(broken, bus, { names: ["a", "b"], map: asIs });
  const second = fromEmitter(good, bus, { names: "a", map: asIs });
  bus.close();
  assertEquals([first.closed, second.closed, good.count()], [true, true, 0]);
  assertStrictEquals(reported[0]?.[0], problem);
});

test("Two bridges of one bus may listen to one emitter", () => {
  const { bus, seen } = recorded();
  const emitter = new EventEmitter();
  const one = fromEmitter(emitter, bus, { names: "a", map: asIs });
  const other = fromEmitter(emitter, bus, { names: "a", map: asIs });
  emitter.emit("a", 1);
  one.close();
  emitter.emit("a", 2);
  assertEquals([seen.map(({ id }) => id), one.received, other.received], [[1, 1, 2], 1, 2]);
  other.close();
});

test("A bridge keeps nothing of many that were made and closed", () => {
  const { bus } = recorded();
  const emitter = new EventEmitter();
  emitter.setMaxListeners(1);
  const counted = countedSignal();
  for (let i = 0; i < 1_000; i++) {
    fromEmitter(emitter, bus, { names: "a", map: asIs, signal: counted.signal }).close();
  }
  assertEquals([emitter.listenerCount("a"), counted.listening], [0, 0]);
  assertEquals(bus.stats().listeners.length, 1);
});
