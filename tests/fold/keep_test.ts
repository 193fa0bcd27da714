import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  decodeSnapshot,
  FoldKeeper,
  type FoldStore,
  keepFold,
  type KeepFoldOptions,
} from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { observe, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { foldOf } from "./_hand_clock.ts";
import { KIND, type PresenceFold, say } from "./_presences.ts";

/** A store in memory, that remembers who was there each time it was told, and can fail. */
class MemoryStore implements FoldStore {
  readonly saves: string[][] = [];
  /** What it does instead of saving. */
  fail: (() => void | Promise<void>) | undefined;
  /** How many saves are pending, and how many were at most. */
  active = 0;
  most = 0;
  readonly #ends: (() => void)[] = [];
  readonly #isSlow: boolean;

  constructor(isSlow: boolean = false) {
    this.#isSlow = isSlow;
  }

  load(): undefined {}

  async save(text: string): Promise<void> {
    if (this.fail !== undefined) return await this.fail();
    this.saves.push(decodeSnapshot(KIND, text).entries.map(({ node }) => node).sort());
    this.most = Math.max(this.most, ++this.active);
    if (this.#isSlow) await new Promise<void>((resolve) => this.#ends.push(resolve));
    this.active--;
  }

  async end(): Promise<void> {
    this.#ends.shift()!();
    await settle();
  }
}

function keeping(
  options: KeepFoldOptions = {},
  store: MemoryStore = new MemoryStore(),
): { fold: PresenceFold; store: MemoryStore; keeper: FoldKeeper } {
  const fold = foldOf(KIND);
  return { fold, store, keeper: keepFold(fold, store, options) };
}

test("a change is saved after the delay, with all that have followed", async () => {
  using time = new FakeTime();
  const { fold, store, keeper } = keeping();
  await settle();
  assertEquals([store.saves, time.armed], [[], 0]);
  say(fold, "ada", 1);
  await settle();
  assertEquals([time.armed, time.referenced], [1, 0]);
  time.pass(999);
  say(fold, "bob", 1);
  await settle();
  assertEquals(store.saves, []);
  time.pass(1);
  await settle();
  assertEquals([store.saves, keeper.saved, time.armed], [[["ada", "bob"]], 1, 0]);
  // Nothing has changed, and nothing is saved.
  time.pass(100_000);
  await settle();
  assertEquals(store.saves.length, 1);
  say(fold, "cleo", 1);
  await settle();
  time.pass(1_000);
  await settle();
  assertEquals([store.saves[1], keeper.saved], [["ada", "bob", "cleo"], 2]);
  await keeper.close();
  assertEquals([store.saves.length, keeper.failed], [2, 0]);
});

test("changes that do not end are saved once in each delay", async () => {
  using time = new FakeTime();
  const { fold, store, keeper } = keeping({ delayMs: 500 });
  for (let generation = 1; generation <= 100; generation++) {
    say(fold, "ada", generation);
    await settle();
    time.pass(50);
    await settle();
  }
  assert(store.saves.length >= 9 && store.saves.length <= 10, `${store.saves.length} saves`);
  await keeper.close();
});

test("what changes while it is saved is saved next, and no two are saved at a time", async () => {
  using time = new FakeTime();
  const store = new MemoryStore(true);
  const { fold, keeper } = keeping({ delayMs: 10 }, store);
  say(fold, "ada", 1);
  await settle();
  time.pass(10);
  await settle();
  say(fold, "bob", 1);
  time.pass(100);
  await settle();
  assertEquals(store.saves, [["ada"]]);
  await store.end();
  time.pass(10);
  await settle();
  assertEquals(store.saves, [["ada"], ["ada", "bob"]]);
  await store.end();
  await keeper.close();
  assertEquals([store.most, keeper.saved], [1, 2]);
});

test("close() saves what has changed since, at once, and leaves no timer", async () => {
  using time = new FakeTime();
  const { fold, store, keeper } = keeping({ delayMs: 60_000 });
  say(fold, "ada", 1);
  await settle();
  assertEquals([time.armed, keeper.closed], [1, false]);
  const closing = keeper.close();
  assertStrictEquals(keeper.close(), closing);
  assert(keeper.closed);
  await closing;
  assertEquals([store.saves, keeper.saved, time.armed], [[["ada"]], 1, 0]);
  say(fold, "bob", 1);
  await keeper[Symbol.asyncDispose]();
  time.pass(100_000);
  await settle();
  assertEquals([store.saves.length, time.armed], [1, 0]);
});

test("close() sees a change that was made right before it", async () => {
  using _time = new FakeTime();
  const { fold, store, keeper } = keeping();
  say(fold, "ada", 1);
  await keeper.close();
  assertEquals(store.saves, [["ada"]]);
  const idle = keeping();
  await idle.keeper.close();
  assertEquals(idle.store.saves, []);
});

test("close() waits for what is being saved, and saves what has changed meanwhile", async () => {
  using time = new FakeTime();
  const store = new MemoryStore(true);
  const { fold, keeper } = keeping({ delayMs: 10 }, store);
  say(fold, "ada", 1);
  await settle();
  time.pass(10);
  await settle();
  say(fold, "bob", 1);
  const closing = observe(keeper.close());
  await settle();
  assertEquals([store.saves.length, closing.state], [1, "pending"]);
  await store.end();
  assertEquals([store.saves.length, closing.state], [2, "pending"]);
  await store.end();
  assertEquals([closing.state, store.most, time.armed], ["fulfilled", 1, 0]);
});

test("a scope that ends saves for the last time", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  {
    const fold = foldOf(KIND);
    await using keeper = keepFold(fold, store);
    assert(keeper instanceof FoldKeeper);
    say(fold, "ada", 1);
  }
  assertEquals([store.saves, time.armed], [[["ada"]], 0]);
});

test("what a store throws is counted and told, and saved with the next change", async () => {
  using time = new FakeTime();
  const errors: unknown[] = [];
  const { fold, store, keeper } = keeping({ delayMs: 10, onError: (error) => errors.push(error) });
  const thrown = new Error("thrown");
  const rejected = new Error("rejected");
  const fails = [() => Promise.reject(rejected), () => {
    throw thrown;
  }];
  for (const [i, fail] of fails.entries()) {
    store.fail = fail;
    say(fold, "ada", i + 1);
    await settle();
    time.pass(10);
    await settle();
  }
  assertEquals([errors, keeper.saved, keeper.failed], [[rejected, thrown], 0, 2]);
  store.fail = undefined;
  say(fold, "bob", 1);
  await settle();
  time.pass(10);
  await settle();
  assertEquals([store.saves, keeper.saved, errors.length], [[["ada", "bob"]], 1, 2]);
  await keeper.close();
  assertEquals(keeper.saved, 1);
});

test("what could not be saved is tried again at the end, though nothing has changed since", async () => {
  using time = new FakeTime();
  const { fold, store, keeper } = keeping({ delayMs: 10 });
  store.fail = () => Promise.reject(new Error("disk full"));
  say(fold, "ada", 1);
  await settle();
  time.pass(10);
  await settle();
  assertEquals([keeper.saved, keeper.failed], [0, 1]);
  store.fail = undefined;
  await keeper.close();
  assertEquals([store.saves, keeper.saved], [[["ada"]], 1]);
});

test("close() is done even if it cannot be saved", async () => {
  using _time = new FakeTime();
  const errors: unknown[] = [];
  const { fold, store, keeper } = keeping({ onError: (error) => errors.push(error) });
  store.fail = () => Promise.reject("disk full");
  say(fold, "ada", 1);
  await keeper.close();
  assertEquals([errors, keeper.saved, keeper.failed], [["disk full"], 0, 1]);
});

test("an abort ends it as close() does, and leaves neither a listener nor a timer", async () => {
  using time = new FakeTime();
  for (const isWaiting of [false, true]) {
    const counted = countedSignal();
    const { fold, store, keeper } = keeping({ signal: counted.signal });
    if (isWaiting) {
      say(fold, "ada", 1);
      await settle();
    }
    assertEquals(counted.listening, 1);
    counted.abort(new Error("stop"));
    assertEquals([keeper.closed, counted.listening], [true, 0]);
    await settle();
    assertEquals([store.saves.length, time.armed], [isWaiting ? 1 : 0, 0]);
    await keeper.close();
  }
  const counted = countedSignal();
  const { keeper } = keeping({ signal: counted.signal });
  await keeper.close();
  assertEquals(counted.listening, 0);
});

test("a signal that has aborted is the end before the beginning", () => {
  const reason = new Error("before");
  const counted = countedSignal({ reason });
  const fold = foldOf(KIND);
  const keep = () => keepFold(fold, new MemoryStore(), { signal: counted.signal });
  assertStrictEquals(assertThrows(keep), reason);
  assertEquals(counted.added, 0);
});

test("a fold that is closed is saved once more, whether before its keeper or after", async () => {
  using time = new FakeTime();
  const first = keeping({ delayMs: 10 });
  say(first.fold, "ada", 1);
  first.fold.close();
  await settle();
  time.pass(10);
  await settle();
  assertEquals(first.store.saves, [["ada"]]);
  await first.keeper.close();
  assertEquals([first.store.saves.length, time.armed], [1, 0]);

  const second = keeping({ delayMs: 10 });
  await settle();
  say(second.fold, "ada", 1);
  second.fold.close();
  await second.keeper.close();
  assertEquals([second.store.saves, time.armed], [[["ada"]], 0]);
});

test("a delay that no timer is long enough for is no reason to save all the time", async () => {
  using time = new FakeTime();
  const { setTimeout } = globalThis;
  const delays: number[] = [];
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    delays.push(ms);
    return setTimeout(callback, ms);
  }) as typeof setTimeout;
  const { fold, keeper } = keeping({ delayMs: 2 ** 40 });
  say(fold, "ada", 1);
  await settle();
  globalThis.setTimeout = setTimeout;
  assertEquals(delays.length, 1);
  assert(delays[0]! < 2 ** 31, `${delays[0]} ms`);
  await keeper.close();
  assertEquals(time.armed, 0);
});

test("nothing waits for a fold any more once its keeper is closed", async () => {
  const { fold, keeper } = keeping();
  await settle();
  await keeper.close();
  // What waited would be settled by this.
  say(fold, "ada", 1);
  await settle();
  assertEquals([keeper.saved, keeper.failed], [0, 0]);
});
