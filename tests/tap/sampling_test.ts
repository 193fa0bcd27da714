import { assert, assertEquals } from "@std/assert";
import { Tap, type TapOpenOptions } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { assertStats, linesOf, valuesOf } from "./_sessions.ts";

type Options = Omit<TapOpenOptions<"raw" | "decoded">, "stage">;

/** A source of chance that gives these numbers, and knows how many were asked for: what it throws would not be seen. */
class Chances {
  readonly #numbers: readonly number[];
  asked = 0;
  readonly next = (): number => this.#numbers[this.asked++] ?? 0;

  constructor(...numbers: readonly number[]) {
    this.#numbers = numbers;
  }
}

/** Which of some events a session of a new tap takes. */
async function taken<T>(
  events: readonly T[],
  options: Options,
  random?: () => number,
): Promise<T[]> {
  const nothing = new Chances();
  using tap = new Tap({ random: random ?? nothing.next });
  const session = tap.open({ stage: "decoded", ...options })!;
  for (const event of events) tap.offer("decoded", event);
  assertEquals(nothing.asked, 0);
  return (await valuesOf(session)) as T[];
}

test("sample takes each event with its chance, and asks for one number an event", async () => {
  const chances = new Chances(0, 0.4999, 0.5, 0.75, 0.999);
  using tap = new Tap({ random: chances.next });
  const session = tap.open({ stage: "raw", sample: 0.5 })!;
  for (const line of ["a", "b", "c", "d", "e"]) tap.offer("raw", line);
  assertStats(session, { seen: 5, matched: 5, sampledOut: 3, captured: 2, size: 2 });
  assertEquals(await linesOf(session), ["a", "b"]);
  assertEquals(chances.asked, 5);
});

test("sample 1 takes all, and a chance near nothing next to nothing", async () => {
  const random = new Random(7);
  const events = Array.from({ length: 2_000 }, (_, id) => id);
  assertEquals(await taken(events, { sample: 1 }, () => random.next()), events);
  assertEquals(await taken(events, { sample: 1e-9 }, () => random.next()), []);
});

test("sample takes about as many as its chance says", async () => {
  for (const [seed, sample] of [[1, 0.1], [2, 0.5], [3, 0.9]] as const) {
    const random = new Random(seed);
    const events = Array.from({ length: 8_000 }, (_, id) => id);
    const { length } = await taken(events, { sample }, () => random.next());
    // Four standard deviations.
    const bound = 4 * Math.sqrt(8_000 * sample * (1 - sample));
    assert(Math.abs(length - 8_000 * sample) < bound, `${sample}: ${length}`);
  }
});

test("every takes the first event and then each of so many, of those that where wants", async () => {
  const events = [1, 2, 3, 4, 5, 6, 7, 8];
  assertEquals(await taken(events, { every: 1 }), events);
  assertEquals(await taken(events, { every: 3 }), [1, 4, 7]);
  assertEquals(await taken(events, { every: 8 }), [1]);
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", where: "odd", every: 2 })!;
  for (const id of events) tap.offer("decoded", { id, odd: id % 2 === 1 });
  assertStats(session, { seen: 8, matched: 4, sampledOut: 2, captured: 2, size: 2 });
  assertEquals((await valuesOf(session)).map((event) => (event as { id: number }).id), [1, 5]);
});

test("Sessions are sampled on their own", async () => {
  using tap = new Tap({ maxSessions: 3 });
  const first = tap.open({ stage: "raw", every: 2 })!;
  tap.offer("raw", "a");
  const second = tap.open({ stage: "raw", every: 2 })!;
  const other = tap.open({ stage: "decoded", every: 2 })!;
  for (const line of ["b", "c"]) tap.offer("raw", line);
  tap.offer("decoded", "d");
  const lines = await Promise.all([first, second, other].map(linesOf));
  assertEquals(lines, [["a", "c"], ["b"], ['"d"']]);
});

test("What sampling leaves out is not written", () => {
  using tap = new Tap();
  const session = tap.open({ stage: "decoded", every: 2 })!;
  let calls = 0;
  for (let i = 0; i < 5; i++) tap.offer("decoded", { toJSON: () => ++calls });
  // Nor is a function called whose event nobody takes.
  for (let i = 0; i < 5; i++) tap.offer("decoded", () => ++calls);
  assertEquals([calls, session.stats().sampledOut], [5, 5]);
});

const USERS = Array.from({ length: 500 }, (_, user) => `user-${user}`);
const BY_USER = USERS.flatMap((user, id) =>
  [0, 1, 2].map((part) => ({ id: 3 * id + part, user, roles: ["reader", `role-${id}`] }))
);

test("sample with a key keeps whole groups together, the same ones in every tap", async () => {
  const options: Options = { sample: 0.3, key: "user" };
  const kept = await taken(BY_USER, options);
  const groups = Map.groupBy(kept, ({ user }) => user);
  assert([...groups.values()].every(({ length }) => length === 3));
  // Four standard deviations.
  assert(Math.abs(groups.size - 150) < 41, `${groups.size}`);
  assertEquals(await taken(BY_USER, options), kept);
  // In another order, and as text.
  using tap = new Tap();
  const session = tap.open({ stage: "raw", ...options })!;
  for (const event of BY_USER.toReversed()) tap.offer("raw", JSON.stringify(event));
  assertEquals((await valuesOf(session)).toReversed(), kept);
});

test("A group that is kept with a chance is kept with every larger one", async () => {
  let smaller: Set<string> = new Set();
  for (const sample of [0.01, 0.1, 0.2, 0.5, 0.9, 1]) {
    const kept = await taken(BY_USER, { sample, key: "user" });
    const users = new Set(kept.map(({ user }) => user));
    assert(smaller.isSubsetOf(users), `${sample}`);
    smaller = users;
  }
  assertEquals(smaller.size, USERS.length);
});

test("Keys that are alike are spread as evenly as others", async () => {
  const kinds: readonly ((id: number) => unknown)[] = [
    (id) => id,
    (id) => `${id}`.padStart(12, "0"),
    (id) => [`tenant t, ${id}`, "other"],
    (id) => String.fromCodePoint(0x4e00 + id),
    (id) => id / 8,
  ];
  for (const [kind, make] of kinds.entries()) {
    const events = Array.from({ length: 4_000 }, (_, id) => ({ k: make(id) }));
    for (const sample of [0.1, 0.5]) {
      const { length } = await taken(events, { sample, key: "k" });
      const bound = 4 * Math.sqrt(4_000 * sample * (1 - sample));
      assert(Math.abs(length - 4_000 * sample) < bound, `kind ${kind}, ${sample}: ${length}`);
    }
  }
});

test("A key may be anywhere in an event; of several values the first decides", async () => {
  const values = Array.from({ length: 60 }, (_, id) => `v${id}`);
  const options = { sample: 0.4 };
  const kept = (await taken(values.map((k) => ({ k })), { ...options, key: "k" }))
    .map(({ k }) => k);
  const shapes: readonly (readonly [string, (k: string) => unknown])[] = [
    ["a.b", (k) => ({ a: { b: k } })],
    ["a.b", (k) => ({ a: [{}, { b: k }, { b: "other" }] })],
    ["a[1].b", (k) => ({ a: ["x", { b: k }] })],
    ['["a.b"]', (k) => ({ "a.b": k })],
    ["/a~1b", (k) => ({ "a/b": k })],
    ["k", (k) => ({ toJSON: () => ({ k }) })],
    ["k", (k) => () => ({ k })],
  ];
  for (const [key, shape] of shapes) {
    using tap = new Tap();
    const session = tap.open({ stage: "decoded", ...options, key })!;
    const numbers: number[] = [];
    for (const [id, k] of values.entries()) {
      const before = session.captured;
      tap.offer("decoded", shape(k));
      if (session.captured > before) numbers.push(id);
    }
    assertEquals(numbers.map((id) => values[id]), kept, key);
  }
});

test("Events without a value at the key are taken by chance, and so are those that cannot be read", () => {
  const unreadable = {
    get k(): never {
      throw new Error("no key");
    },
  };
  const cycle: Record<string, unknown> = {};
  cycle["k"] = { cycle };
  const objects = [{ k: { a: 1 } }, { k: [] }, { k: [{ a: 1 }, {}] }, {
    k: { toJSON: () => ({}) },
  }];
  const events = [{}, { k: undefined }, null, 5, "text", [], unreadable, cycle, ...objects];
  for (const event of events) {
    const chances = new Chances(0.6, 0.4);
    using tap = new Tap({ random: chances.next });
    const session = tap.open({ stage: "decoded", sample: 0.5, key: "k" })!;
    tap.offer("decoded", event);
    assertEquals(session.stats().sampledOut, 1);
    tap.offer("decoded", event);
    assertEquals([session.stats().sampledOut, session.captured + session.dropped], [1, 1]);
    assertEquals(chances.asked, 2);
  }
});

test("A backlog is sampled as live events are", async () => {
  using tap = new Tap({ backlog: 10, maxSessions: 9 });
  for (let id = 0; id < 10; id++) tap.offer("decoded", { id, user: USERS[id % 5] });
  const every = tap.open({ stage: "decoded", every: 3 })!;
  assertStats(every, { seen: 10, matched: 10, sampledOut: 6, captured: 4, size: 4 });
  // From the newest on.
  assertEquals((await valuesOf(every)).map((event) => (event as { id: number }).id), [0, 3, 6, 9]);
  const byKey: Options = { sample: 0.5, key: "user" };
  const fromBacklog = await linesOf(tap.open({ stage: "decoded", ...byKey })!);
  const live = tap.open({ stage: "decoded", ...byKey, backlog: 0 })!;
  for (let id = 0; id < 10; id++) tap.offer("decoded", { id, user: USERS[id % 5] });
  assertEquals(await linesOf(live), fromBacklog);
});
