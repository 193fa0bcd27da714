import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { ChannelClosedError } from "../../channel/mod.ts";
import {
  type Fold,
  type FoldChange,
  FoldClosedError,
  type FoldKey,
  type FoldWatch,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { END, observe, reasonOf, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { foldOf } from "./_hand_clock.ts";
import { brief, drain, type Item, item, ITEMS } from "./_items.ts";

type Watch = FoldWatch<FoldKey, Item>;

/** Every way to wait for a change. */
const READS: Record<string, (watch: Watch) => Promise<unknown>> = {
  "receive()": (watch) => watch.receive(),
  "a loop": async (watch) => {
    for await (const _change of watch);
  },
};

/** Every way to end a watch as if nothing was wrong. */
const ENDS: Record<string, (watch: Watch, fold: Fold<FoldKey, Item, "tag" | "color">) => unknown> =
  {
    "close()": (watch) => watch.close(),
    "using": (watch) => watch[Symbol.dispose](),
    "await using": (watch) => watch[Symbol.asyncDispose](),
    "return() of an iterator": (watch) => watch[Symbol.asyncIterator]().return!(),
    "throw() of an iterator": (watch) =>
      watch[Symbol.asyncIterator]().throw!(new Error("thrown in")).catch(() => {}),
    "close() of the fold": (_watch, fold) => fold.close(),
    "using the fold": (_watch, fold) => fold[Symbol.dispose](),
    "await using the fold": (_watch, fold) => fold[Symbol.asyncDispose](),
  };

for (const [name, read] of Object.entries(READS)) {
  test(`${name} of a watch whose signal aborts rejects with its reason, and leaves no listener`, async () => {
    for (const reason of [new Error("stop"), "text", null, 0]) {
      const fold = foldOf(ITEMS);
      const counted = countedSignal();
      const watch = fold.watch({ signal: counted.signal, initial: false });
      const outcome = observe(read(watch));
      await settle();
      assertEquals([outcome.state, counted.listening], ["pending", 1]);
      counted.abort(reason);
      await settle();
      assertEquals(outcome.state, "rejected");
      assertStrictEquals(outcome.reason, reason);
      assertEquals([counted.listening, watch.closed, fold.stats().watches], [0, true, 0]);
    }
  });

  test(`${name} of a watch whose signal has aborted rejects with its reason, whatever was waiting`, async () => {
    const fold = foldOf(ITEMS);
    const controller = new AbortController();
    const watch = fold.watch(controller);
    fold.apply(item("n1", 1, "a"));
    const reason = new Error("stop");
    controller.abort(reason);
    fold.apply(item("n1", 1, "b"));
    assertEquals([watch.size, watch.tryReceive()], [0, { state: "closed" }]);
    assertStrictEquals(await reasonOf(read(watch)), reason);
  });
}

for (const [name, end] of Object.entries(ENDS)) {
  test(`a watch ends by ${name}: what waits can be read, and no listener is left`, async () => {
    const fold = foldOf(ITEMS);
    const counted = countedSignal();
    const watch = fold.watch({ signal: counted.signal });
    fold.apply(item("n1", 1, "a"));
    assertEquals(counted.listening, 1);
    await end(watch, fold);
    assertEquals([counted.listening, watch.closed, fold.stats().watches], [0, true, 0]);
    counted.abort(new Error("too late"));
    if (!fold.closed) fold.apply(item("n1", 1, "b"));
    assertEquals(brief(drain(watch)), ["snapshot []", "created a"]);
    assertEquals(watch.tryReceive(), { state: "closed" });
  });

  test(`whoever waits for a change when a watch ends by ${name} is told so`, async () => {
    const fold = foldOf(ITEMS);
    const watch = fold.watch({ initial: false });
    const receiving = observe(watch.receive());
    const iterating = observe(watch[Symbol.asyncIterator]().next());
    await settle();
    await end(watch, fold);
    await settle();
    assertEquals(receiving.reason instanceof ChannelClosedError, true);
    assertEquals(iterating.value, END);
  });
}

test("watch with a signal that has aborted throws its reason, and leaves nothing", () => {
  const fold = foldOf(ITEMS);
  const reason = new Error("before");
  const counted = countedSignal({ reason });
  assertStrictEquals(assertThrows(() => fold.watch({ signal: counted.signal })), reason);
  assertEquals([counted.listening, counted.added, fold.stats().watches], [0, 0, 0]);
});

test("watch with a signal that where aborts throws its reason, and leaves nothing", () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 1, "a"));
  const reason = new Error("meanwhile");
  const counted = countedSignal();
  const where = (): boolean => {
    counted.abort(reason);
    return true;
  };
  assertStrictEquals(assertThrows(() => fold.watch({ signal: counted.signal, where })), reason);
  assertEquals([counted.listening, fold.stats().watches], [0, 0]);
});

test("receive with a signal of its own gives up its turn, and leaves the watch as it was", async () => {
  const fold = foldOf(ITEMS);
  const watch = fold.watch({ initial: false });
  const counted = countedSignal();
  const [first, second] = [observe(watch.receive(counted)), observe(watch.receive())];
  await settle();
  assertEquals(counted.listening, 1);
  const reason = new Error("enough");
  counted.abort(reason);
  await settle();
  assertStrictEquals(first.reason, reason);
  assertEquals([counted.listening, watch.closed, fold.stats().watches], [0, false, 1]);
  fold.apply(item("n1", 1, "a"));
  await settle();
  assertEquals(brief([second.value!]), ["created a"]);

  // What is there is received all the same.
  fold.apply(item("n1", 1, "b"));
  assertEquals(brief([await watch.receive(counted)]), ["created b"]);
  assertStrictEquals(await reasonOf(watch.receive(counted)), reason);
  watch.close();
});

test("leaving a loop over a watch closes it", async () => {
  const fold = foldOf(ITEMS);
  const counted = countedSignal();
  const watch = fold.watch({ signal: counted.signal });
  fold.apply(item("n1", 1, "a"));
  for await (const change of watch) if (change.type === "snapshot") break;
  assertEquals([watch.closed, counted.listening, fold.stats().watches], [true, 0, 0]);
  assertEquals(brief(drain(watch)), ["created a"]);

  const failing = fold.watch();
  const reason = new Error("in the body");
  const fail = async (): Promise<void> => {
    for await (const _change of failing) throw reason;
  };
  assertStrictEquals(await reasonOf(fail()), reason);
  assertEquals([failing.closed, fold.stats().watches], [true, 0]);
});

test("leaving an iterator ends a pending next() of it at once", async () => {
  const fold = foldOf(ITEMS);
  const watch = fold.watch({ initial: false });
  const iterator = watch[Symbol.asyncIterator]();
  const pending = observe(iterator.next());
  await settle();
  assertEquals(await iterator.return!("result"), { value: "result", done: true });
  await settle();
  assertEquals(pending.value, END);
  assertEquals(await iterator.next(), END);
});

test("a watch whose where throws ends with that, and others and the fold go on", async () => {
  const fold = foldOf(ITEMS);
  const reason = new TypeError("no such field");
  const counted = countedSignal();
  const where = ({ key }: { key: FoldKey }): boolean => {
    if (key === "bad") throw reason;
    return true;
  };
  using before = fold.watch({ initial: false });
  const watch = fold.watch({ signal: counted.signal, where });
  using behind = fold.watch({ initial: false });
  const outcomes = Object.values(READS).map((read) => observe(read(fold.watch({ where }))));
  fold.apply(item("n1", 1, "good"));
  assertEquals(fold.apply(item("n1", 1, "bad")), { outcome: "inserted" });
  fold.apply(item("n1", 2, "good"));
  await settle();
  const told = ["created good", "created bad", "replaced good"];
  assertEquals([brief(drain(before)), brief(drain(behind))], [told, told]);
  assertEquals([watch.closed, watch.size, counted.listening, fold.stats().watches], [
    true,
    0,
    0,
    2,
  ]);
  assertStrictEquals(await reasonOf(watch.receive()), reason);
  // The loop had read the snapshot; receive() was given it.
  assertEquals(brief([outcomes[0]!.value as FoldChange]), ["snapshot []"]);
  assertStrictEquals(outcomes[1]!.reason, reason);
  // What it throws of what there is already, watch throws.
  assertStrictEquals(assertThrows(() => fold.watch({ where })), reason);
  assertEquals(fold.stats().watches, 2);
});

test("a watch whose where closes it, or its fold, keeps what waits", () => {
  const closings = [
    (watch: Watch) => watch.close(),
    (_watch: Watch, fold: Fold<FoldKey, Item, "tag" | "color">) => fold.close(),
  ];
  for (const close of closings) {
    const fold = foldOf(ITEMS);
    const watch: Watch = fold.watch({
      initial: false,
      where: ({ key }) => {
        if (key === "last") close(watch, fold);
        return true;
      },
    });
    fold.apply(item("n1", 1, "a"));
    fold.apply(item("n1", 1, "last"));
    assertEquals([watch.closed, watch.missed, fold.stats().watches], [true, 0, 0]);
    assertEquals(brief(drain(watch))[0], "created a");
    assertEquals(watch.tryReceive(), { state: "closed" });
  }
});

test("a watch whose where aborts its signal ends with the reason", async () => {
  const fold = foldOf(ITEMS);
  const controller = new AbortController();
  const watch = fold.watch({
    signal: controller.signal,
    initial: false,
    where: () => {
      controller.abort("by where");
      return true;
    },
  });
  fold.apply(item("n1", 1, "a"));
  fold.apply(item("n1", 1, "b"));
  assertEquals([watch.closed, watch.size, watch.missed, fold.stats().missed], [true, 0, 0, 0]);
  assertEquals(await reasonOf(watch.receive()), "by where");
});

test("a watch whose where closes the fold as it begins does not go on for ever", () => {
  const fold = foldOf(ITEMS);
  fold.apply(item("n1", 1, "a"));
  const where = (): boolean => {
    fold.close();
    return true;
  };
  let watch: Watch | undefined;
  try {
    watch = fold.watch({ where });
  } catch (error) {
    assertInstanceOf(error, FoldClosedError);
  }
  assertEquals([watch?.closed ?? true, fold.stats().watches], [true, 0]);
});

test("a closed fold cannot be watched", () => {
  const fold = foldOf(ITEMS);
  fold.close();
  assertThrows(() => fold.watch(), FoldClosedError, "Cannot watch Fold: fold of item is closed");
});
