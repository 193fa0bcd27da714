import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { abortable, deadline, delay } from "@std/async";
import { deadline as deadlineAlone } from "@std/async/deadline";
import { delay as delayAlone } from "@std/async/delay";
import { test } from "../_harness.ts";

// These tests pass with the stand-ins and with the real package alike.

const LONG_MS = 60_000;

const reason = new Error("enough");

const never: Promise<never> = new Promise(() => {});

/** A controller whose signal counts the abort listeners it still has, those gone by firing not deducted. */
function counted(): { controller: AbortController; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  const added = new Set<unknown>();
  signal.addEventListener = (...args: unknown[]): void => {
    added.add(args[1]);
    Reflect.apply(EventTarget.prototype.addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]): void => {
    added.delete(args[1]);
    Reflect.apply(EventTarget.prototype.removeEventListener, signal, args);
  };
  return { controller, listeners: () => added.size };
}

async function* numbers(closed: string[] = []): AsyncGenerator<number, string> {
  try {
    yield 1;
    yield 2;
    return "end";
  } finally {
    closed.push("closed");
  }
}

test("The subpaths export the same functions", () => {
  assertStrictEquals(delayAlone, delay);
  assertStrictEquals(deadlineAlone, deadline);
});

test("delay() resolves to undefined after the time", async () => {
  const start = performance.now();
  assertStrictEquals<unknown>(await delay(4), undefined);
  // Timers count whole milliseconds and may fire within the last one.
  assert(performance.now() - start >= 3);
});

test("delay() takes zero, negative, fractional and NaN durations", async () => {
  await Promise.all([delay(0), delay(-1000), delay(0.5), delay(NaN), delay(-Infinity)]);
});

test("delay() keeps the order of durations", async () => {
  const order: number[] = [];
  await Promise.all([6, 3, 1].map((ms) => delay(ms).then(() => order.push(ms))));
  assertEquals(order, [1, 3, 6]);
});

test("delay() rejects at once when the signal is already aborted", async () => {
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(await assertRejects(() => delay(LONG_MS, { signal })), reason);
});

test("delay() rejects with the reason when the signal aborts", async () => {
  for (const value of [reason, null, "text", 0]) {
    const controller = new AbortController();
    const waiting = delay(LONG_MS, { signal: controller.signal });
    controller.abort(value);
    assertStrictEquals(await assertRejects(() => waiting), value);
  }
});

test("delay() rejects with an AbortError when the signal aborts without a reason", async () => {
  const controller = new AbortController();
  const waiting = delay(LONG_MS, { signal: controller.signal });
  controller.abort();
  const error = await assertRejects(() => waiting, DOMException);
  assertStrictEquals(error.name, "AbortError");
});

test("delay() drops its listener, and ignores a later abort", async () => {
  const { controller, listeners } = counted();
  await delay(1, { signal: controller.signal });
  assertStrictEquals(listeners(), 0);
  controller.abort(reason);
});

test("delay() waits through durations longer than one timer holds, until aborted", async () => {
  for (const ms of [2 ** 31 - 1, 2 ** 31, Number.MAX_SAFE_INTEGER, Infinity]) {
    const controller = new AbortController();
    const waiting = delay(ms, { signal: controller.signal });
    assertStrictEquals(await Promise.race([waiting, delay(2).then(() => "short")]), "short");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => waiting), reason);
  }
});

test("delay() that is not persistent resolves while something else keeps the process alive", async () => {
  await Promise.all([delay(1, { persistent: false }), delay(10)]);
});

test("deadline() settles like its promise", async () => {
  assertStrictEquals(await deadline(Promise.resolve(1), LONG_MS), 1);
  assertStrictEquals(await deadline(delay(1).then(() => "late"), LONG_MS), "late");
  assertStrictEquals(
    await assertRejects(() => deadline(Promise.reject(reason), LONG_MS)),
    reason,
  );
});

test("deadline() rejects with a TimeoutError once the time is over", async () => {
  // The delay keeps the process alive: the limit's own timer does not.
  const [error] = await Promise.all([
    assertRejects(() => deadline(never, 1), DOMException),
    delay(20),
  ]);
  assertStrictEquals(error.name, "TimeoutError");
});

test("deadline() without a limit leaves the promise its time", async () => {
  assertStrictEquals(await deadline(delay(2).then(() => 1), Infinity), 1);
  assertStrictEquals(await deadline(Promise.resolve(1), Number.MAX_SAFE_INTEGER), 1);
});

test("deadline() rejects with the reason when the signal aborts", async () => {
  for (const ms of [LONG_MS, Infinity]) {
    const controller = new AbortController();
    const waiting = deadline(never, ms, { signal: controller.signal });
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => waiting), reason);
  }
});

test("deadline() rejects when the signal is already aborted", async () => {
  const signal = AbortSignal.abort(reason);
  const settled = Promise.resolve(1);
  assertStrictEquals(await assertRejects(() => deadline(settled, LONG_MS, { signal })), reason);
});

test("deadline() rejects, rather than throws, on a negative limit", async () => {
  await assertRejects(() => deadline(never, -1), Error);
});

test("abortable() settles like its promise", async () => {
  const { controller, listeners } = counted();
  const { signal } = controller;
  const result: number = await abortable(Promise.resolve(1), signal);
  assertStrictEquals(result, 1);
  assertStrictEquals(await assertRejects(() => abortable(Promise.reject(reason), signal)), reason);
  assertStrictEquals(listeners(), 0);
});

test("abortable() rejects with the reason when the signal aborts", async () => {
  const { controller, listeners } = counted();
  const waiting = abortable(never, controller.signal);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
  assertStrictEquals(listeners(), 0);
});

test("abortable() rejects when the signal is already aborted, whatever the promise does", async () => {
  const signal = AbortSignal.abort(reason);
  const other = Promise.reject(new Error("unheard"));
  assertStrictEquals(await assertRejects(() => abortable(Promise.resolve(1), signal)), reason);
  assertStrictEquals(await assertRejects(() => abortable(other, signal)), reason);
});

test("abortable() lets a promise win that was settled before the abort", async () => {
  const controller = new AbortController();
  const waiting = abortable(Promise.resolve(1), controller.signal);
  controller.abort(reason);
  assertStrictEquals(await waiting, 1);
});

test("abortable() yields what the source yields and returns what it returns", async () => {
  const { controller, listeners } = counted();
  const closed: string[] = [];
  const items: number[] = [];
  for await (const item of abortable(numbers(closed), controller.signal)) items.push(item);
  assertEquals(items, [1, 2]);
  assertEquals(closed, ["closed"]);
  assertStrictEquals(listeners(), 0);
  const iterator = abortable(numbers(), controller.signal);
  await iterator.next();
  await iterator.next();
  assertEquals<unknown>(await iterator.next(), { done: true, value: "end" });
});

test("abortable() ends the iteration when the signal aborts between two pulls", async () => {
  const { controller, listeners } = counted();
  const closed: string[] = [];
  const items: number[] = [];
  const error = await assertRejects(async () => {
    for await (const item of abortable(numbers(closed), controller.signal)) {
      items.push(item);
      controller.abort(reason);
    }
  });
  assertStrictEquals(error, reason);
  assertEquals(items, [1]);
  assertEquals(closed, ["closed"]);
  assertStrictEquals(listeners(), 0);
});

test("abortable() ends a pending pull and closes the source when the signal aborts", async () => {
  const controller = new AbortController();
  const calls: string[] = [];
  const source: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => never,
      return: () => {
        calls.push("return");
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  const pull = abortable(source, controller.signal).next();
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => pull), reason);
  assertEquals(calls, ["return"]);
});

test("abortable() does not touch the source when the signal is already aborted", async () => {
  const source: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => {
      throw new Error("touched");
    },
  };
  const iterator = abortable(source, AbortSignal.abort(reason));
  assertStrictEquals(await assertRejects(() => iterator.next()), reason);
});

test("abortable() passes on an error of the source", async () => {
  const source = async function* (): AsyncGenerator<number> {
    yield 1;
    throw reason;
  };
  const { controller, listeners } = counted();
  const iterator = abortable(source(), controller.signal);
  const first = await iterator.next();
  assertInstanceOf(first, Object);
  assertEquals<unknown>(first, { done: false, value: 1 });
  assertStrictEquals(await assertRejects(() => iterator.next()), reason);
  assertStrictEquals(listeners(), 0);
});
