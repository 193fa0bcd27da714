import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import {
  type BindKey,
  Bus,
  type BusErrorContext,
  lateBind,
  type LateBinding,
  type LateBindOptions,
} from "../../bus/mod.ts";
import { Random } from "../_random.ts";
import { test } from "../_harness.ts";

interface Hit {
  readonly type: string;
  readonly session?: BindKey;
  readonly user?: string;
}

const options: LateBindOptions<Hit, string> = {
  capacity: 3,
  teach: ({ type, session, user }) =>
    type === "login" && user !== undefined ? { key: session!, value: user } : undefined,
  lacks: ({ session, user }) => user === undefined ? session : undefined,
  fill: (event, user) => ({ ...event, user }),
};

const login = (session: BindKey, user: string): Hit => ({ type: "login", session, user });
const click = (session: BindKey): Hit => ({ type: "click", session });

/** A bus that binds, what was published on it as its subscribers see it, and what was reported. */
function watched(
  bind: LateBinding<Hit> = lateBind(options),
): {
  bus: Bus<Hit>;
  bind: LateBinding<Hit>;
  users: (string | undefined)[];
  reports: [unknown, BusErrorContext<Hit>][];
} {
  const reports: [unknown, BusErrorContext<Hit>][] = [];
  const bus = new Bus<Hit>({ bind, onError: (error, context) => reports.push([error, context]) });
  const users: (string | undefined)[] = [];
  bus.on({}, ({ user }) => users.push(user));
  return { bus, bind, users, reports };
}

test("an event that lacks a value gets it before it is matched", async () => {
  const { bus, users, bind } = watched();
  const ada = bus.subscribe({ match: { user: "ada" } });
  const where = bus.subscribe({ where: ({ user }) => user === "ada" });
  bus.publish(click("s1"));
  bus.publish(login("s1", "ada"));
  bus.publish(click("s1"));
  bus.publish(click("s2"));
  bus.publish({ type: "tick" });
  assertEquals(users, [undefined, "ada", "ada", undefined, undefined]);
  assertEquals((await ada.receiveBatch(9)).map(({ type }) => type), ["login", "click"]);
  assertEquals(where.size, 2);
  assertEquals(bind.stats(), {
    size: 1,
    taught: 1,
    filled: 1,
    unknown: 2,
    evicted: 0,
    unusable: 0,
  });
});

test("send() binds as publish() does", async () => {
  const { bus, users } = watched();
  await bus.send(login("s1", "ada"));
  await bus.send(click("s1"));
  assertEquals(users, ["ada", "ada"]);
});

test("a later teacher overrides, and an event that has its value keeps it", () => {
  const { bus, users, bind } = watched();
  for (const event of [login("s1", "ada"), click("s1"), login("s1", "bob"), click("s1")]) {
    bus.publish(event);
  }
  bus.publish({ ...click("s1"), user: "eve" });
  assertEquals(users, ["ada", "ada", "bob", "bob", "eve"]);
  assertEquals([bind.stats().size, bind.stats().taught, bind.stats().filled], [1, 2, 2]);
});

test("an event that teaches carries its own value, whatever it said before", () => {
  const bind = lateBind<Hit, string>({
    ...options,
    teach: ({ session, user }) =>
      user === undefined ? undefined : { key: session!, value: user.toUpperCase() },
  });
  const { bus, users } = watched(bind);
  bus.publish(login("s1", "ada"));
  bus.publish(click("s1"));
  assertEquals(users, ["ADA", "ADA"]);
});

test("the key that was neither taught nor asked for the longest goes first", () => {
  const { bus, users, bind } = watched();
  for (const key of ["a", "b", "c"]) bus.publish(login(key, key));
  bus.publish(click("a"));
  bus.publish(login("d", "d"));
  assertEquals([bind.stats().size, bind.stats().evicted], [3, 1]);
  users.length = 0;
  for (const key of ["b", "c", "a", "d"]) bus.publish(click(key));
  assertEquals(users, [undefined, "c", "a", "d"]);
  // Taught again is met again.
  bus.publish(login("c", "c"));
  bus.publish(login("e", "e"));
  users.length = 0;
  for (const key of ["a", "c", "d", "e"]) bus.publish(click(key));
  assertEquals(users, [undefined, "c", "d", "e"]);
  assertEquals([bind.stats().size, bind.stats().evicted], [3, 2]);
});

test("a table of one key remembers the last", () => {
  const { bus, users } = watched(lateBind({ ...options, capacity: 1 }));
  for (const event of [login("a", "a"), click("a"), login("b", "b"), click("a"), click("b")]) {
    bus.publish(event);
  }
  assertEquals(users, ["a", "a", "b", undefined, "b"]);
});

test("keys that are different are never taken for each other", () => {
  const keys: BindKey[] = [
    "a",
    "a,b",
    '"a"',
    '["a"]',
    '"[\\"a\\"]"',
    "[",
    '"',
    "",
    "1",
    "true",
    "null",
    "1n",
    1,
    1n,
    true,
    false,
    -1,
    1.5,
    ["a"],
    ["a", "b"],
    ["a,b"],
    ["a,b", "c"],
    ["a", "b,c"],
    ["a", "b", "c"],
    ['a","b'],
    ['["a"]'],
    [1],
    ["1"],
    [true],
    ["true"],
    [""],
    ["", ""],
    ["\ud800"],
    ["\\ud800"],
    "\ud800",
    "\\ud800",
    "\ufffd",
    2 ** 53,
    [2 ** 53, 0],
    "toString",
    "__proto__",
    ["__proto__"],
  ];
  const { bus, users } = watched(lateBind({ ...options, capacity: 1_000 }));
  for (const [at, key] of keys.entries()) bus.publish(login(key, `user ${at}`));
  users.length = 0;
  // Equal ones are: a list is not the same object twice.
  for (const key of keys) bus.publish(click(Array.isArray(key) ? [...key] : key));
  assertEquals(users, keys.map((_, at) => `user ${at}`));
});

test("a teacher that cannot be used is reported, not thrown, and goes on as it is", () => {
  const error = new Error("in teach");
  const unusable: [Partial<LateBindOptions<Hit, string>>, (error: unknown) => boolean][] = [
    [{
      teach: () => {
        throw error;
      },
    }, (given) => given === error],
    [{ teach: () => ({ key: "k", value: undefined as never }) }, isTypeError],
    [{ teach: () => ({ key: undefined as never, value: "v" }) }, isTypeError],
    [{ teach: () => ({ key: null as never, value: "v" }) }, isTypeError],
    [{ teach: () => ({ key: NaN, value: "v" }) }, isTypeError],
    [{ teach: () => ({ key: Infinity, value: "v" }) }, isTypeError],
    [{ teach: () => ({ key: {} as never, value: "v" }) }, isTypeError],
    [{ teach: () => ({ key: Symbol() as never, value: "v" }) }, isTypeError],
    [{ teach: () => ({ key: [], value: "v" }) }, isTypeError],
    [{ teach: () => ({ key: ["a", undefined as never], value: "v" }) }, isTypeError],
    [{ teach: () => ({ key: ["a", null as never], value: "v" }) }, isTypeError],
    [{ teach: () => ({ key: ["a", NaN], value: "v" }) }, isTypeError],
    [{ teach: () => ({ key: [["a"] as never], value: "v" }) }, isTypeError],
    [{ teach: () => ({ key: Array(2) as never, value: "v" }) }, isTypeError],
    [{ teach: () => ({}) as never }, isTypeError],
    [{ teach: () => "k" as never }, isTypeError],
  ];
  for (const [at, [part, isExpected]] of unusable.entries()) {
    const { bus, bind, reports } = watched(
      lateBind({ ...options, lacks: () => undefined, ...part }),
    );
    const queue = bus.subscribe();
    const event = login("s1", "ada");
    assertEquals(bus.publish(event), 2, `case ${at}`);
    assertEquals(reports.length, 1, `case ${at}`);
    assert(isExpected(reports[0]![0]), `case ${at}: ${reports[0]![0]}`);
    assertEquals([reports[0]![1].source, reports[0]![1].event], ["bind", event]);
    assertStrictEquals((queue.tryReceive() as { value: Hit }).value, event);
    const { size, taught, unusable: counted } = bind.stats();
    assertEquals([size, taught, counted, bus.stats().errors], [0, 0, 1, 1], `case ${at}`);
  }
});

function isTypeError(error: unknown): boolean {
  return error instanceof TypeError && /^Cannot .+: .+, received .+/.test(error.message);
}

test("a teacher that cannot be used may still be given what it lacks", () => {
  let isBroken = false;
  const bind = lateBind<Hit, string>({
    ...options,
    teach(event) {
      if (isBroken) throw new Error("in teach");
      return options.teach(event);
    },
  });
  const { bus, users, reports } = watched(bind);
  bus.publish(login("s1", "ada"));
  isBroken = true;
  bus.publish(click("s1"));
  assertEquals([users, reports.length], [["ada", "ada"], 1]);
});

test("what lacks or fill throws is reported, and the event goes on as it is", () => {
  const error = new Error("thrown");
  const fail = (): never => {
    throw error;
  };
  for (const part of [{ lacks: fail }, { fill: fail }]) {
    const bind = lateBind({ ...options, teach: () => undefined, ...part });
    const taught = lateBind({
      ...options,
      ...part,
      teach: ({ type }: Hit) => type === "login" ? { key: "s1", value: "ada" } : undefined,
    });
    const { bus, users, reports } = watched(bind);
    bus.publish(click("s1"));
    assertEquals([users, reports.length], [[undefined], "lacks" in part ? 1 : 0]);

    const other = watched(taught);
    other.bus.publish(login("s1", "x"));
    other.bus.publish(click("s1"));
    // Once an event, whatever else it goes through.
    assertEquals(other.reports.length, "lacks" in part ? 1 : 2);
    assert(other.reports.every(([given, { source }]) => given === error && source === "bind"));
    assertEquals(other.users[1], undefined);
    assertEquals(taught.stats().filled, 0);
  }
});

test("a key that cannot be one is reported where it is asked for as well", () => {
  const { bus, users, reports, bind } = watched(
    lateBind({ ...options, lacks: () => NaN }),
  );
  bus.publish(click("s1"));
  assertEquals([users, reports.length, bind.stats().unknown], [[undefined], 1, 0]);
  assert(isTypeError(reports[0]![0]));
});

test("what fill answers is published; the event of its publisher stays what it was", async () => {
  const { bus } = watched();
  const queue = bus.subscribe();
  bus.publish(login("s1", "ada"));
  const event = click("s1");
  bus.publish(event);
  const [, filled] = await queue.receiveBatch(2);
  assertNotStrictEquals(filled, event);
  assertEquals([event, filled], [click("s1"), { ...click("s1"), user: "ada" }]);
  const untouched = click("s2");
  bus.publish(untouched);
  assertStrictEquals(await queue.receive(), untouched);
});

test("null, false, 0 and the empty text are values", () => {
  for (const value of [null, false, 0, ""]) {
    const seen: unknown[] = [];
    const bus = new Bus<{ key?: string; value?: unknown; teaches?: boolean }>({
      bind: lateBind({
        capacity: 1,
        teach: ({ teaches }) => teaches ? { key: "k", value } : undefined,
        lacks: ({ key }) => key,
        fill: (event, value) => ({ ...event, value }),
      }),
    });
    bus.on({}, (event) => seen.push(event.value));
    bus.publish({ teaches: true });
    bus.publish({ key: "k" });
    assertEquals(seen, [value, value]);
  }
});

test("forget() says whether the key was remembered", () => {
  const { bus, users, bind } = watched();
  bus.publish(login(["a", 1], "ada"));
  assertEquals([bind.forget(["a", "1"]), bind.forget(["a", 1]), bind.forget(["a", 1])], [
    false,
    true,
    false,
  ]);
  bus.publish(click(["a", 1]));
  assertEquals([users, bind.stats().size, bind.stats().evicted], [["ada", undefined], 0, 0]);
});

test("two buses may share what is learned", () => {
  const bind = lateBind(options);
  const [one, other] = [watched(bind), watched(bind)];
  one.bus.publish(login("s1", "ada"));
  other.bus.publish(click("s1"));
  assertEquals([one.users, other.users], [["ada"], ["ada"]]);
  assertEquals([bind.stats().taught, bind.stats().filled], [1, 1]);
  // What cannot be used is reported by the bus that it came through.
  other.bus.publish(login(NaN, "eve"));
  assertEquals([one.reports.length, other.reports.length], [0, 1]);
});

test("what binds must not publish, and its event goes on", () => {
  const errors: unknown[] = [];
  const bus: Bus<Hit> = new Bus<Hit>({
    bind: lateBind({
      ...options,
      teach: (event) => {
        if (event.type === "click") bus.publish(login("s1", "eve"));
        return undefined;
      },
    }),
    onError: (error) => errors.push(error),
  });
  const queue = bus.subscribe();
  bus.publish(click("s1"));
  assertEquals([queue.size, errors.length, errors[0] instanceof TypeError], [1, 1, true]);
});

test("a binding of one's own completes events, reports, and what it throws is reported", () => {
  const reports: string[] = [];
  const bus = new Bus<number>({
    bind: {
      apply(event, onUnusable) {
        if (event === 2) throw new Error("two");
        if (event === 3) onUnusable(new Error("three"));
        return 10 * event;
      },
    },
    onError: (error, { source, event }) => {
      reports.push(`${source} ${(error as Error).message} ${event}`);
    },
  });
  const seen: number[] = [];
  bus.on({}, (event) => seen.push(event));
  for (const event of [1, 2, 3]) bus.publish(event);
  assertEquals(seen, [10, 2, 30]);
  assertEquals(reports, ["bind two 2", "bind three 3"]);
});

test("random events are bound as by a list that is searched", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const capacity = 1 + random.below(6);
    const { bus, users, bind } = watched(lateBind({ ...options, capacity }));
    // The key that was met last comes last.
    const model: [string, string][] = [];
    let [taught, filled, unknown, evicted] = [0, 0, 0, 0];
    for (let step = 0; step < 300; step++) {
      const parts = [random.pick(["a", "b", ","]), random.pick(["a", "b", ","])];
      const key = random.pick<BindKey>([parts, parts.join(","), random.below(4)]);
      const name = JSON.stringify(key);
      const at = model.findIndex(([known]) => known === name);
      const [found] = at === -1 ? [] : model.splice(at, 1);
      const choice = random.below(10);
      if (choice === 0) {
        assertEquals(bind.forget(key), found !== undefined);
        continue;
      }
      if (choice < 4) {
        const user = `user ${step}`;
        model.push([name, user]);
        taught++;
        if (model.length > capacity) {
          model.shift();
          evicted++;
        }
        bus.publish(login(key, user));
        assertEquals(users.at(-1), user);
        continue;
      }
      if (found === undefined) unknown++;
      else {
        model.push(found);
        filled++;
      }
      bus.publish(click(key));
      assertEquals(users.at(-1), found?.[1], `seed ${seed}, step ${step}`);
    }
    assertEquals(
      bind.stats(),
      { size: model.length, taught, filled, unknown, evicted, unusable: 0 },
      `seed ${seed}`,
    );
  }
});
