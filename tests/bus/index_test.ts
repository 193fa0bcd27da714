import { assert, assertEquals, assertLess, assertNotStrictEquals } from "@std/assert";
import type { Bucket } from "../../bus/_bucket.ts";
import { conditionsOf } from "../../bus/_filter.ts";
import type { Hook } from "../../bus/_hook.ts";
import { Index, placementOf } from "../../bus/_index.ts";
import { Slots } from "../../bus/_slots.ts";
import { SubjectIndex } from "../../bus/_subject_index.ts";
import { Bus, subject, type UnknownMatch } from "../../bus/mod.ts";
import { test } from "../_harness.ts";
import { heapUsed } from "../_heap.ts";
import { Random } from "../_random.ts";
import { matches, randomFields, randomMatch, randomPattern, randomSubject } from "./_matching.ts";

const KB = 2 ** 10;

/** Has something done again and again; fails if that leaves more than so many bytes. */
function assertLeavesNothing(turn: () => void, most: number): void {
  for (let warm = 0; warm < 2; warm++) turn();
  const before = heapUsed();
  for (let again = 0; again < 5; again++) turn();
  assertLess(heapUsed() - before, most);
}

/** An event whose fields count how often they are read. */
function countedEvent(
  fields: Record<string, unknown>,
): { event: Record<string, unknown>; reads: Record<string, number> } {
  const reads: Record<string, number> = {};
  const event: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(fields)) {
    reads[field] = 0;
    Object.defineProperty(event, field, {
      enumerable: true,
      get() {
        reads[field]!++;
        return value;
      },
    });
  }
  return { event, reads };
}

/** Something that a bucket takes for a handler. */
function outlet(id: number): Hook<unknown> {
  return { id, name: `${id}`, isPlain: true, handler: () => id } as unknown as Hook<unknown>;
}

test("a predicate is asked about events only that its match lets through", () => {
  const bus = new Bus<{ type: string; topic: string }>();
  const asked = new Map<string, number>();
  const where = (name: string) => (): boolean => {
    asked.set(name, (asked.get(name) ?? 0) + 1);
    return true;
  };
  for (let n = 0; n < 2_000; n++) {
    const [value, pattern] = [`type ${n}`, `topic ${n}`];
    bus.on({ type: value }, () => {}, { where: where(value) });
    bus.subscribe({ match: { topic: subject(`t.${n}.*`) }, where: where(pattern) });
    bus.once({ type: value, topic: subject(`t.${n}.>`) }, () => {}, { where: where("both") });
  }
  bus.publish({ type: "type 7", topic: "t.9.x" });
  bus.publish({ type: "none", topic: "t.x.y" });
  assertEquals([...asked], [["topic 9", 1], ["type 7", 1]]);
  asked.clear();
  bus.publish({ type: "type 5", topic: "t.5.x" });
  assertEquals([...asked].toSorted(), [["both", 1], ["topic 5", 1], ["type 5", 1]]);
});

test("a publish reads no more fields for twenty thousand subscribers than for ten", () => {
  const fields = { type: "t7", topic: "a.b7.c", level: 3, unused: "u", deep: { kind: "k7" } };
  const readsWith = (subscribers: number): Record<string, number> => {
    const bus = new Bus<Record<string, unknown>>();
    for (let n = 0; n < subscribers; n++) {
      const matches: UnknownMatch[] = [
        { type: `t${n}` },
        { topic: subject(`a.b${n}.*`) },
        { type: [`t${n}`, `s${n}`], level: [3, 4] },
        { deep: { kind: `k${n}` } },
        { level: 3, topic: subject(`*.b${n}.>`) },
      ];
      bus.on(matches[n % matches.length]!, () => {});
    }
    const { event, reads } = countedEvent(fields);
    bus.publish(event);
    return reads;
  };
  const few = readsWith(10);
  assertEquals(few.unused, 0);
  for (const [field, count] of Object.entries(few)) {
    // Once for each of the shapes it is in, and not more than once more.
    assert(count <= 4, `${field} was read ${count} times`);
  }
  assertEquals(readsWith(20_000), few);
});

test("a publish reads a field that all ask for once, however many do", () => {
  const bus = new Bus<Record<string, unknown>>();
  for (let n = 0; n < 1_000; n++) bus.on({ type: `t${n}` }, () => {});
  for (let n = 0; n < 1_000; n++) bus.subscribe({ match: { type: [`t${n}`, "t7"] }, capacity: 9 });
  const { event, reads } = countedEvent({ type: "t7", other: 1 });
  assertEquals(bus.publish(event), 1_001);
  assertEquals(reads, { type: 1, other: 0 });
});

test("a publish reads a second field only if the first is one that somebody asks for", () => {
  const bus = new Bus<Record<string, unknown>>();
  for (let n = 0; n < 100; n++) bus.on({ a: n, b: n }, () => {});
  const without = countedEvent({ a: "none", b: 1 });
  assertEquals(bus.publish(without.event), 0);
  assertEquals(without.reads, { a: 1, b: 0 });
  const withBoth = countedEvent({ a: 1, b: 1 });
  assertEquals(bus.publish(withBoth.event), 1);
  assertEquals(withBoth.reads, { a: 1, b: 1 });
});

test("a publish to a bus without subscribers reads nothing", () => {
  const bus = new Bus<Record<string, unknown>>();
  const { event, reads } = countedEvent({ type: 1 });
  bus.on({ type: 1 }, () => {}).close();
  bus.on({ type: subject("a.*") }, () => {}).close();
  bus.on({}, () => {});
  assertEquals(bus.publish(event), 1);
  assertEquals(reads, { type: 0 });
});

test("what a getter of an event throws comes out of publish(), and nobody has the event", () => {
  for (const history of [undefined, 3]) {
    const reports: unknown[] = [];
    const bus = new Bus<Record<string, unknown>>({
      onError: (error) => reports.push(error),
      ...(history === undefined ? {} : { history }),
    });
    const queue = bus.subscribe();
    const seen: unknown[] = [];
    bus.on({}, (event) => seen.push(event));
    bus.on({ type: "a" }, (event) => seen.push(event));
    const reason = new Error("a getter");
    const event = {
      get type(): string {
        throw reason;
      },
    };
    let thrown: unknown;
    try {
      bus.publish(event);
    } catch (error) {
      thrown = error;
    }
    assert(thrown === reason);
    assertEquals([queue.offered, seen.length, reports.length], [0, 0, 0]);
    assertEquals(bus.stats().published, 0);
    assertEquals(bus.publish({ type: "a" }), 3);
    assertEquals(bus.subscribe({ replay: 9 }).size, history === undefined ? 0 : 1);
  }
});

test("Index forgets each bucket when nobody is in it any more", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const index = new Index<unknown>();
    const added: { id: number; match: UnknownMatch }[] = [];
    const outlets = new Map<number, Hook<unknown>>();
    const findAll = (event: unknown): Set<Bucket<unknown>> => {
      const first = index.find(event);
      return new Set(first === undefined ? [] : [first, ...index.more ?? []]);
    };
    for (let step = 1; step <= 120; step++) {
      if (random.below(5) < 3) {
        const match = randomMatch(random);
        const one = outlet(step);
        index.place(placementOf(conditionsOf(match, undefined)), (bucket) => bucket.add(one));
        added.push({ id: step, match });
        outlets.set(step, one);
      } else if (added.length > 0) {
        const [{ id, match }] = added.splice(random.below(added.length), 1) as [typeof added[0]];
        index.remove(placementOf(conditionsOf(match, undefined)), (bucket) => {
          bucket.delete(outlets.get(id!)!).tidy();
        });
      }
      // Everybody whom it leads to may want the event, and nobody who does is missing.
      const event = randomFields(random);
      const found = new Set<number>();
      for (const bucket of findAll(event)) {
        assert(!bucket.isEmpty, `seed ${seed}, step ${step}: an empty bucket`);
        for (const handler of bucket.handlers.values) {
          if (handler !== undefined) found.add(handler(event) as number);
        }
      }
      for (const { id, match } of added) {
        if (matches(match, event)) assert(found.has(id), `seed ${seed}, step ${step}: ${id}`);
      }
    }
    for (const { id, match } of added) {
      index.remove(placementOf(conditionsOf(match, undefined)), (bucket) => {
        bucket.delete(outlets.get(id)!).tidy();
      });
    }
    for (let turn = 0; turn < 30; turn++) assertEquals(findAll(randomFields(random)).size, 0);
  }
});

test("Index.remove() of what was never placed changes nothing", () => {
  const index = new Index<unknown>();
  const placement = (match: UnknownMatch) => placementOf(conditionsOf(match, undefined));
  index.place(placement({ a: 1 }), (bucket) => bucket.add(outlet(1)));
  const [bucket] = [index.find({ a: 1 })!];
  for (const match of [{ a: 2 }, { b: 1 }, { a: subject("x.*") }, { a: 1, b: 2 }, {}]) {
    index.remove(placement(match), () => {});
  }
  assert(index.find({ a: 1 }) === bucket);
  assertEquals(index.find({ a: 2 }), undefined);
});

test("SubjectIndex is empty again once all that was asked for is taken back", () => {
  for (let seed = 1; seed <= 80; seed++) {
    const random = new Random(seed);
    const index = new SubjectIndex<unknown>();
    const entries: { key: string; isValue: boolean }[] = [];
    const bucketOf = ({ key, isValue }: typeof entries[0]): Bucket<unknown> =>
      isValue ? index.ofValue(key) : index.ofPattern(subject(key));
    for (let step = 1; step <= 100; step++) {
      if (random.below(2) === 0 || entries.length === 0) {
        const isValue = random.below(3) === 0;
        const entry = { key: isValue ? randomSubject(random) : randomPattern(random), isValue };
        const hook = outlet(step);
        bucketOf(entry).add(hook);
        entries.push({ ...entry });
        outletsOf.set(entries.at(-1)!, hook);
      } else {
        const [entry] = entries.splice(random.below(entries.length), 1) as [typeof entries[0]];
        bucketOf(entry).delete(outletsOf.get(entry)!).tidy();
        if (entry.isValue) index.pruneValue(entry.key);
        else index.prunePattern(subject(entry.key));
      }
      const text = randomSubject(random);
      const found = [index.find(text) ?? []].flat() as Bucket<unknown>[];
      assert(found.every((bucket) => !bucket.isEmpty), `seed ${seed}, step ${step}`);
      assertEquals(new Set(found).size, found.length);
    }
    assert(!index.isEmpty || entries.length === 0);
    for (const entry of entries) {
      bucketOf(entry).delete(outletsOf.get(entry)!).tidy();
      if (entry.isValue) index.pruneValue(entry.key);
      else index.prunePattern(subject(entry.key));
    }
    assert(index.isEmpty, `seed ${seed}`);
  }
});

const outletsOf = new WeakMap<object, Hook<unknown>>();

test("SubjectIndex keeps a bucket that somebody is in, and makes another one once it was forgotten", () => {
  const index = new SubjectIndex<unknown>();
  for (const text of ["a.b", "a.*", "a.>", "*.b", ">", "*", "a.*.c"]) {
    const pattern = subject(text);
    const bucket = index.ofPattern(pattern);
    assert(index.ofPattern(pattern) === bucket);
    const hook = outlet(1);
    bucket.add(hook);
    index.prunePattern(pattern);
    assert(index.ofPattern(pattern) === bucket, text);
    bucket.delete(hook).tidy();
    index.prunePattern(pattern);
    // Again, and of what is not there: nothing.
    index.prunePattern(pattern);
    index.prunePattern(subject("never.there.*"));
    assert(index.isEmpty, text);
    assertNotStrictEquals(index.ofPattern(pattern), bucket);
    index.prunePattern(pattern);
    assert(index.isEmpty, text);
  }
});

test("Slots keep the order of what is added, whatever is taken out", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const slots = new Slots<string>();
    let model: { owner: { id: number; name: string }; value: string }[] = [];
    let lastId = 0;
    for (let step = 0; step < 120; step++) {
      const kind = random.below(7);
      if (kind < 4) {
        lastId += 1 + random.below(3);
        const entry = { owner: { id: lastId, name: `${lastId}` }, value: `value ${lastId}` };
        slots.add(entry.owner, entry.value);
        model.push(entry);
      } else if (kind < 6 && model.length > 0) {
        const entry = random.pick(model);
        slots.delete(entry.owner);
        // It is out already; and nobody of this id was ever in.
        slots.delete(entry.owner);
        slots.delete({ ...random.pick(model).owner });
        model = model.filter((one) => one !== entry);
      } else {
        const { length } = slots.values;
        slots.tidy();
        assert(2 * slots.live >= slots.values.length, `seed ${seed}: untidy`);
        if (2 * model.length >= length) assertEquals(slots.values.length, length);
      }
      assertEquals(slots.live, model.length, `seed ${seed}`);
      const there = [...slots.values.entries()].filter(([, value]) => value !== undefined);
      assertEquals(
        there.map(([, value]) => value),
        model.map(({ value }) => value),
        `seed ${seed}`,
      );
      for (const [i, [place]] of there.entries()) {
        assert(slots.ownerOf(place) === model[i]!.owner);
      }
    }
  }
});

test("Slots leave places empty while somebody goes through them, and close up afterwards", () => {
  const slots = new Slots<number>();
  const owners = Array.from({ length: 9 }, (_, id) => ({ id, name: `${id}` }));
  for (const owner of owners) slots.add(owner, owner.id);
  const { values } = slots;
  for (const owner of owners.slice(0, 8)) slots.delete(owner);
  assertEquals(values.length, 9);
  slots.add({ id: 9, name: "9" }, 9);
  assertEquals(values.filter((value) => value !== undefined), [8, 9]);
  slots.tidy();
  assertEquals(slots.values, [8, 9]);
  assertEquals([slots.ownerOf(0).id, slots.ownerOf(1).id], [8, 9]);
});

/** Every kind of match, of which each number has one that nobody else has. */
function distinct(n: number): UnknownMatch {
  const kinds: UnknownMatch[] = [
    { type: `t${n}` },
    { topic: subject(`a.b${n}.*`) },
    { topic: subject(`a.*.c${n}.>`) },
    { topic: [`x${n}`, subject(`y${n}.>`)], level: [n, n + 1] },
    { deep: { kind: [`k${n}`, `l${n}`] }, type: ["u", "v", `w${n}`] },
    { [`field ${n}`]: 1 },
    { topic: `a.b.c${n}` },
  ];
  return kinds[n % kinds.length]!;
}

/** An event that the match of the number lets through. */
function eventFor(n: number): Record<string, unknown> {
  const kinds: Record<string, unknown>[] = [
    { type: `t${n}` },
    { topic: `a.b${n}.x` },
    { topic: `a.x.c${n}.y.z` },
    { topic: `y${n}.x`, level: n },
    { deep: { kind: `l${n}` }, type: "u" },
    { [`field ${n}`]: 1 },
    { topic: `a.b.c${n}` },
  ];
  return kinds[n % kinds.length]!;
}

test("thousands of subscribers that come and go leave nothing in a bus", () => {
  const bus = new Bus<Record<string, unknown>>();
  // They keep the parts of the index that they share with others.
  for (let n = 0; n < 7; n++) bus.on(distinct(n), () => {});
  let next = 7;
  assertLeavesNothing(() => {
    const ends: (() => void)[] = [];
    for (let count = 0; count < 3_000; count++, next++) {
      const match = distinct(next);
      const listener = count % 2 === 0 ? bus.on(match, () => {}) : bus.once(match, () => {});
      const queue = bus.subscribe({ match, capacity: 1 });
      if (count % 50 === 0) assertEquals(bus.publish(eventFor(next)), 2);
      ends.push(() => listener.close(), () => queue.close());
    }
    for (const end of ends) end();
    assertEquals(bus.publish(eventFor(next - 1)), 0);
  }, 400 * KB);
  assertEquals(bus.stats().subscriptions.length, 0);
  assertEquals(bus.stats().listeners.length, 7);
});

test("subscribers that come and go within handlers leave nothing in a bus", () => {
  const bus = new Bus<Record<string, unknown>>();
  let next = 0;
  let isWorking = true;
  let calls = 0;
  bus.on({}, () => {
    if (!isWorking) return;
    isWorking = false;
    const ends: (() => void)[] = [];
    for (let count = 0; count < 1_000; count++, next++) {
      const match = distinct(next);
      const listener = bus.on(match, () => calls++);
      const queue = bus.subscribe({ match, capacity: 1, where: () => true });
      const everything = bus.on({}, () => calls++);
      ends.push(() => everything.close(), () => listener.close(), () => queue.close());
    }
    for (const end of ends) end();
    isWorking = true;
  });
  assertLeavesNothing(() => {
    for (let turn = 0; turn < 3; turn++) bus.publish({});
  }, 400 * KB);
  assertEquals(calls, 0);
  assertEquals(bus.stats().subscriptions.length, 0);
  assertEquals(bus.stats().listeners.length, 1);
});

test("handlers that replace themselves for ever take no more room than one", () => {
  const bus = new Bus<number>();
  let calls = 0;
  const replace = (): void => {
    bus.once({}, () => {
      calls++;
      replace();
    });
  };
  replace();
  const keep = bus.on({}, () => {});
  assertLeavesNothing(() => {
    for (let event = 0; event < 5_000; event++) bus.publish(event);
  }, 200 * KB);
  assertEquals(calls, 35_000);
  keep.close();
});

test("a queue that is full and lags for ever takes no more room than its capacity", () => {
  const bus = new Bus<Record<string, unknown>>();
  for (const overflow of ["drop-newest", "drop-oldest", "wait"] as const) {
    bus.subscribe({ capacity: 4, overflow });
    bus.subscribe({ capacity: 4, overflow, onLag: () => {} });
  }
  assertLeavesNothing(() => {
    for (let n = 0; n < 10_000; n++) bus.publish({ n });
  }, 200 * KB);
});

test("a queue that lags between reads remembers no gap that was told", () => {
  const bus = new Bus<Record<string, unknown>>();
  let told = 0;
  const queues = (["drop-newest", "drop-oldest", "wait"] as const).map((overflow) =>
    bus.subscribe({ capacity: 3, overflow, onLag: (lost) => told += lost })
  );
  assertLeavesNothing(() => {
    for (let n = 0; n < 10_000; n++) {
      bus.publish({ n });
      if (n % 5 !== 0) continue;
      for (const queue of queues) {
        queue.tryReceive();
        queue.tryReceive();
      }
    }
  }, 200 * KB);
  for (const queue of queues) while (queue.tryReceive().state === "ok");
  assert(told > 0);
});
