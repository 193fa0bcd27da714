import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { tracingChannel } from "node:diagnostics_channel";
import {
  type SpanCache,
  type SpanRecord,
  traceChannel,
  type TraceChannelOptions,
  type TracingChannelHandlers,
} from "../../cache/mod.ts";
import { test } from "../_harness.ts";
import type { HandClock } from "../_hand_clock.ts";
import { clocked } from "./_clocked.ts";

type Channel = ReturnType<typeof tracingChannel>;

interface Bridged {
  readonly cache: SpanCache;
  readonly clock: HandClock;
  readonly channel: Channel;
  /** What has ended, in that order. */
  ended(): readonly SpanRecord[];
}

let channels = 0;

/** Records the calls of a channel of its own, and takes care that none is left running. */
async function bridged(
  body: (bridged: Bridged) => Promise<void> | void,
  options: TraceChannelOptions = { name: "call" },
): Promise<void> {
  const { cache, clock } = clocked();
  const channel = tracingChannel(`weir test ${++channels}`);
  {
    using _bridge = traceChannel(cache, channel, options);
    await body({ cache, clock, channel, ended: () => cache.page() });
  }
  assertEquals(cache.open(), []);
}

/** Calls a function that calls back, and waits for that. */
function callBack(
  channel: Channel,
  call: (callback: (error: unknown, value?: unknown) => void) => void,
  callback: (error: unknown, value: unknown) => void = () => {},
): Promise<void> {
  return new Promise((resolve) => {
    channel.traceCallback(call, 0, {}, undefined, (error: unknown, value: unknown) => {
      callback(error, value);
      // What is published when this has returned is to be there too.
      queueMicrotask(() => resolve());
    });
  });
}

test("traceChannel() records a call from its beginning to its return", () =>
  bridged(({ channel, clock, ended }) => {
    const result = channel.traceSync(() => {
      clock.pass(2);
      return 7;
    }, { sql: "select 1" });
    assertEquals(result, 7);
    const [span, ...others] = ended();
    assertEquals([span?.name, span?.durationMs, span?.status], ["call", 2, "unset"]);
    assertEquals(others, []);
  }));

test("traceChannel() records a call that returns nothing, and one that throws", () =>
  bridged(({ channel, clock, ended }) => {
    channel.traceSync(() => clock.pass(1), {});
    const error = new TypeError("bad");
    const thrown = assertThrows(() =>
      channel.traceSync(() => {
        clock.pass(2);
        throw error;
      }, {})
    );
    assert(thrown === error);
    // Whatever is thrown.
    for (const odd of [undefined, null, "text"]) {
      try {
        channel.traceSync(() => {
          throw odd;
        }, {});
      } catch { /* The program has it. */ }
    }
    const [plain, failed, ...odd] = ended();
    assertEquals([plain?.status, plain?.durationMs], ["unset", 1]);
    assertEquals([failed?.status, failed?.message, failed?.durationMs], ["error", "bad", 2]);
    assertEquals(failed?.events.map(({ name }) => name), ["exception"]);
    assertEquals(odd.map(({ status }) => status), ["error", "error", "error"]);
  }));

test("traceChannel() records a call until its promise has settled", () =>
  bridged(async ({ channel, clock, ended, cache }) => {
    const wait = Promise.withResolvers<number>();
    const result = channel.tracePromise(() => wait.promise, {});
    clock.pass(1);
    assertEquals(cache.open().map(({ name }) => name), ["call"]);
    assertEquals(ended(), []);
    wait.resolve(7);
    assertEquals(await result, 7);
    assertEquals(ended().map(({ durationMs, status }) => [durationMs, status]), [[1, "unset"]]);
  }));

test("traceChannel() records a call whose promise rejects, or that throws before there is one", () =>
  bridged(async ({ channel, clock, ended }) => {
    const error = new Error("late");
    await assertRejects(() =>
      channel.tracePromise(async () => {
        await undefined;
        clock.pass(3);
        throw error;
      }, {})
    );
    try {
      await channel.tracePromise(() => {
        clock.pass(1);
        throw new Error("at once");
      }, {});
    } catch { /* The program has it. */ }
    await channel.tracePromise(() => Promise.resolve(), {});
    assertEquals(
      ended().map(({ status, message, durationMs }) => [status, message, durationMs]),
      [["error", "late", 3], ["error", "at once", 1], ["unset", undefined, 0]],
    );
  }));

test("traceChannel() records a call until what it calls back has returned", () =>
  bridged(async ({ channel, clock, ended, cache }) => {
    let answer!: () => void;
    const done = callBack(channel, (callback) => {
      answer = () => callback(null, 7);
    }, () => clock.pass(2));
    clock.pass(1);
    assertEquals(cache.open().length, 1);
    answer();
    await done;
    assertEquals(ended().map(({ durationMs, status }) => [durationMs, status]), [[3, "unset"]]);
  }));

test("traceChannel() records a call that calls back with an error, at once, or throws instead", () =>
  bridged(async ({ channel, clock, ended }) => {
    await callBack(channel, (callback) => {
      queueMicrotask(() => {
        clock.pass(1);
        callback(new Error("no answer"));
      });
    });
    await callBack(channel, (callback) => callback(null));
    const throwing = (_callback: () => void): never => {
      throw new Error("no call");
    };
    assertThrows(() => channel.traceCallback(throwing, 0, {}, undefined, () => {}));
    assertEquals(ended().map(({ status, message }) => [status, message]), [
      ["error", "no answer"],
      ["unset", undefined],
      ["error", "no call"],
    ]);
  }));

test("traceChannel() tells calls at the same time apart, each in the span around it", () =>
  bridged(async ({ channel, cache, clock }) => {
    const waits = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const calls = waits.map(({ promise }, i) =>
      cache.span(`request ${i}`, () => channel.tracePromise(() => promise, { i }))
    );
    for (const i of [2, 0, 3, 1]) {
      clock.pass(1);
      waits[i]!.resolve();
      await calls[i];
    }
    const spans = cache.page();
    const requests = spans.filter(({ name }) => name.startsWith("request"));
    const of = (i: number): SpanRecord => requests.find(({ name }) => name === `request ${i}`)!;
    const inside = spans.filter(({ name }) => name.startsWith("call"));
    assertEquals(
      inside.map(({ name, parentId, durationMs }) => [name, parentId, durationMs]),
      [["call 2", of(2).id, 1], ["call 0", of(0).id, 2], ["call 3", of(3).id, 3], [
        "call 1",
        of(1).id,
        4,
      ]],
    );
  }, { name: (message) => `call ${(message as { i: number }).i}` }));

test("traceChannel() records a call in another one as a child of that", () =>
  bridged(async ({ channel, cache }) => {
    channel.traceSync(() => channel.traceSync(() => {}, { name: "in sync" }), { name: "sync" });
    await channel.tracePromise(async () => {
      await undefined;
      await channel.tracePromise(() => Promise.resolve(), { name: "in promise" });
      cache.start("by hand").end();
    }, { name: "promise" });
    const byName = Object.fromEntries(cache.page().map((span) => [span.name, span]));
    assertEquals(byName["in sync"]?.parentId, byName["sync"]?.id);
    assertEquals(byName["in promise"]?.parentId, byName["promise"]?.id);
    assertEquals(byName["by hand"]?.parentId, byName["promise"]?.id);
  }, { name: (message) => (message as { name: string }).name }));

test("traceChannel() records what a call does within it, also where a synchronous span is around both", () =>
  bridged(({ channel, cache }) => {
    cache.spanSync("outer", () => {
      channel.traceSync(() => {
        cache.start("by hand").end();
        cache.spanSync("inner", () => {});
      }, {});
      cache.start("after").end();
    });
    const byName = Object.fromEntries(cache.page().map((span) => [span.name, span]));
    const { outer, call } = byName;
    assertEquals(call?.parentId, outer?.id);
    assertEquals(byName["by hand"]?.parentId, call?.id);
    assertEquals(byName.inner?.parentId, call?.id);
    assertEquals(byName.after?.parentId, outer?.id);
  }));

test("A call that does not matter enough is around nothing: what is in it belongs to what is around it", () =>
  bridged(async ({ channel, cache }) => {
    cache.level = "warn";
    const level = "warn";
    await cache.span("outer", undefined, async () => {
      await undefined;
      await channel.tracePromise(async () => {
        await undefined;
        cache.start("inner", undefined, { level }).end();
      }, {});
    }, { level });
    const [inner, outer, ...others] = cache.page();
    assertEquals([inner?.name, inner?.parentId, others], ["inner", outer?.id, []]);
  }));

test("traceChannel() records a call again whose message was used for one before", () =>
  bridged(async ({ channel, clock, ended }) => {
    const message = {};
    channel.traceSync(() => clock.pass(1), message);
    for (const ms of [2, 3]) {
      await channel.tracePromise(async () => {
        await undefined;
        clock.pass(ms);
      }, message);
    }
    assertEquals(ended().map(({ durationMs }) => durationMs), [1, 2, 3]);
  }));

test("traceChannel() takes fields from the message", () =>
  bridged(({ channel, ended }) => {
    channel.traceSync(() => {}, { sql: "select 1", rows: 3 });
    assertEquals(ended()[0]?.fields, { sql: "select 1", rows: 3 });
  }, { name: "call", fields: (message) => ({ ...message as { sql: string; rows: number } }) }));

test("Callbacks that throw, or answer what they should not, do not break the program", () => {
  const { cache } = clocked();
  const fail = (): never => {
    throw new Error("in the callback");
  };
  const odd = [fail, () => undefined, () => null, () => 7, () => Symbol("x"), () => ({})];
  for (const name of ["call", ...odd] as TraceChannelOptions["name"][]) {
    for (const fields of [undefined, ...odd] as TraceChannelOptions["fields"][]) {
      // By hand: what a subscriber throws ends the process.
      let handlers!: TracingChannelHandlers;
      traceChannel(cache, { subscribe: (given) => handlers = given, unsubscribe() {} }, {
        name,
        fields,
      });
      const message = {};
      handlers.start(message);
      handlers.end(Object.assign(message, { result: 1 }));
    }
  }
  assertEquals(cache.size, 7 * 7);
  assertEquals(cache.open(), []);
});

test("Messages that nobody began, or that end twice, change nothing", () => {
  const { cache } = clocked();
  let handlers!: TracingChannelHandlers;
  traceChannel(cache, { subscribe: (given) => handlers = given, unsubscribe() {} }, { name: "a" });
  const message = { result: 1, error: new Error("x") };
  for (const say of ["end", "error", "asyncStart", "asyncEnd"] as const) handlers[say](message);
  assertEquals(cache.size, 0);
  handlers.start(message);
  for (const say of ["end", "asyncEnd", "error", "end"] as const) handlers[say](message);
  assertEquals(cache.page().map(({ status }) => status), ["unset"]);
  assertEquals(cache.stats().stale, 0);
});

test("After it is disposed of nothing is recorded, and the channel has no subscribers", () => {
  const { cache } = clocked();
  const channel = tracingChannel("weir test of the end");
  const bridge = traceChannel(cache, channel, { name: "call" });
  assert(channel.start.hasSubscribers);
  bridge[Symbol.dispose]();
  bridge[Symbol.dispose]();
  for (const part of ["start", "end", "asyncStart", "asyncEnd", "error"] as const) {
    assertEquals(channel[part].hasSubscribers, false, part);
  }
  assertEquals(channel.traceSync(() => 7, {}), 7);
  assertEquals([cache.size, cache.open().length], [0, 0]);
});

test("A call that goes on when the bridge is disposed of does not run for ever", async () => {
  const { cache } = clocked();
  const channel = tracingChannel("weir test of a late end");
  const wait = Promise.withResolvers<void>();
  const bridge = traceChannel(cache, channel, { name: "call" });
  const call = channel.tracePromise(() => wait.promise, {});
  bridge[Symbol.dispose]();
  wait.resolve();
  await call;
  assertEquals(cache.open(), []);
});

test("A cache that is closed does not disturb the program", async () => {
  const { cache } = clocked();
  const channel = tracingChannel("weir test of a closed cache");
  using _bridge = traceChannel(cache, channel, { name: "call" });
  cache.close();
  assertEquals(channel.traceSync(() => 7, {}), 7);
  assertEquals(await channel.tracePromise(() => Promise.resolve(7), {}), 7);
  assertEquals(cache.size, 0);
});
