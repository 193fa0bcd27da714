import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  replay,
  type ReplayInfo,
  type ReplaySource,
  Tap,
  tapClient,
  tapHandler,
} from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { reasonOf } from "../_settle.ts";
import { envelope, hello, notice, summary } from "./_scripted_fetch.ts";

function textOf(...lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** What a handler gets of a capture. */
async function eventsOf(source: ReplaySource): Promise<unknown[]> {
  const events: unknown[] = [];
  await replay(source, (event) => events.push(event));
  return events;
}

test("replay() gives the events of a capture one after another, and skips what is none", async () => {
  const capture = textOf(
    hello(),
    '{"a":1}',
    "",
    notice({ kind: "live", replayed: 1 }),
    "[2]",
    "  ",
    '"three"',
    "null",
    "plain text",
    summary({ captured: 5, dropped: 9 }),
  );
  const events: unknown[] = [];
  const { durationMs, ...result } = await replay(capture, (event) => events.push(event));
  assertEquals(events, [{ a: 1 }, [2], "three", null, "plain text"]);
  assertEquals([result.events, result.skipped, result.summary?.dropped], [5, 5, 9]);
  assert(durationMs >= 0);
});

test("replay() tells the handler where an event stood, and what is known of it", async () => {
  const head = '{"id":"9f3a000001-7","seq":7,"time":1764000000007,"stage":"raw"';
  const capture = textOf(
    '{"a":  1}',
    "",
    envelope(3, '{"big":12345678901234567890}'),
    `${head},"meta":{"trace":"x"},"text":"123"}`,
  );
  const seen: [unknown, ReplayInfo][] = [];
  await replay(capture, (event, info) => seen.push([event, info]));
  assertEquals(seen, [
    [{ a: 1 }, { line: 1, text: '{"a":  1}' }],
    [{ big: 12345678901234567890 }, {
      line: 3,
      text: '{"big":12345678901234567890}',
      id: "9f3a000001-3",
      seq: 3,
      time: 1_764_000_000_003,
      stage: "decoded",
      meta: undefined,
    }],
    // A text is a text, whatever it looks like.
    ["123", {
      line: 4,
      text: "123",
      id: "9f3a000001-7",
      seq: 7,
      time: 1_764_000_000_007,
      stage: "raw",
      meta: { trace: "x" },
    }],
  ]);
});

test("replay() gives out escaped events as they were, and what only looks like a record", async () => {
  const look = summary();
  const escaped = `{"weir_tap_event":${JSON.stringify(look)}}`;
  const odd = ['{"weir_tap_summary":{"captured":1}}', '{"weir_tap_event":7}'];
  const events = await eventsOf(textOf(hello(), escaped, ...odd));
  assertEquals(events, [look, ...odd].map((line) => JSON.parse(line)));
});

test("replay() reads a capture in several parts, with a summary at the end of each", async () => {
  const capture = textOf(
    hello(),
    "1",
    summary({ dropped: 1 }),
    hello(),
    "2",
    summary({ dropped: 2 }),
  );
  const result = await replay(capture, () => {});
  assertEquals([result.events, result.skipped, result.summary?.dropped], [2, 4, 2]);
});

test("replay() reads a capture of the original, whose summary is the last line", async () => {
  const last =
    '{"rsigma_tap_summary":{"captured":2,"dropped":1,"duration_ms":5,"stage":"decoded"}}';
  const events: unknown[] = [];
  const result = await replay(
    textOf('{"a":1}', last, "2", "", last),
    (event) => events.push(event),
  );
  assertEquals(events, [{ a: 1 }, JSON.parse(last), 2]);
  assertEquals([result.events, result.skipped, result.summary?.dropped], [3, 2, 1]);
  const cut = await replay(textOf(last, "2"), () => {});
  assertEquals([cut.events, cut.summary], [2, undefined]);
});

test("replay() leaves out a record at the end that was cut off", async () => {
  const encoder = new TextEncoder();
  for (const [end, events] of [['{"b":', 1], ['{"b":2}', 2], ["tex", 2], ["7", 2]] as const) {
    const stream = new Response(encoder.encode(`{"a":1}\n${end}`)).body!;
    const result = await replay(stream, () => {});
    assertEquals([result.events, result.skipped], [events, 2 - events], end);
  }
});

test("replay() reads texts, lines, chunks, streams, blobs and responses", async () => {
  const text = '{"a":"€"}\r\n\n2\nlast';
  const bytes = new TextEncoder().encode(text);
  const pieces = Array.from({ length: bytes.length }, (_, i) => bytes.slice(i, i + 1));
  async function* later<T>(values: readonly T[]): AsyncGenerator<T> {
    for (const value of values) yield await Promise.resolve(value);
  }
  const sources: Readonly<Record<string, ReplaySource>> = {
    text,
    lines: ['{"a":"€"}', "", "2", "last"],
    "lines with their ends": ['{"a":"€"}\r\n', "\n", "2\n", "last"],
    set: new Set(['{"a":"€"}', "2", "last"]),
    "async lines": later(['{"a":"€"}', "2", "last"]),
    chunks: later(pieces),
    stream: new Response(bytes).body!,
    response: new Response(text),
    blob: new Blob([text]),
  };
  for (const [name, source] of Object.entries(sources)) {
    assertEquals(await eventsOf(source), [{ a: "€" }, 2, "last"], name);
  }
  for (const empty of ["", [], new Response(null), new Blob([]), later([])] as ReplaySource[]) {
    assertEquals(await eventsOf(empty), []);
  }
});

test("replay() reads a file that is open", async () => {
  const directory = await mkdtemp(join(tmpdir(), "weir-replay-"));
  try {
    const path = join(directory, "capture.ndjson");
    await writeFile(path, Array.from({ length: 20_000 }, (_, i) => `{"n":${i}}\n`).join(""));
    const file = await open(path);
    let sum = 0;
    const stream = file.readableWebStream() as ReadableStream<Uint8Array>;
    const { events } = await replay<{ n: number }>(stream, ({ n }) => sum += n);
    await file.close();
    assertEquals([events, sum], [20_000, 199_990_000]);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("replay() closes the loop: what a client got of a tap is what a handler gets", async () => {
  const tap = new Tap({ backlog: 10 });
  const values = [{ a: 1 }, "text", { weir_tap_summary: 1 }, null, [1, { b: "\u2028\n" }]];
  for (const value of values) tap.offer("decoded", value, { trace: "x" });
  const handler = tapHandler(tap, { authorize: () => true });
  for (const query of ["?limit=5", "?limit=5&meta=1"]) {
    const response = await handler(new Request(`http://tap.test/tap${query}`));
    assertEquals(await eventsOf(response), values, query);
  }
  const real = globalThis.fetch;
  globalThis.fetch =
    ((url: URL, init: RequestInit) => handler(new Request(url, init))) as typeof fetch;
  try {
    const client = tapClient("http://tap.test/tap", { limit: 5, meta: true });
    const metas: unknown[] = [];
    const { events } = await replay(client, (_event, { meta }) => metas.push(meta?.trace));
    assertEquals([events, new Set(metas)], [5, new Set(["x"])]);
  } finally {
    globalThis.fetch = real;
  }
});

test("replay() waits for the handler before it goes on", async () => {
  let under = 0;
  let most = 0;
  await replay(textOf("1", "2", "3"), async () => {
    most = Math.max(most, ++under);
    await Promise.resolve();
    under--;
  });
  assertEquals(most, 1);
});

test("replay() tells of each event behind its handler", async () => {
  const order: string[] = [];
  await replay(textOf("1", "", "2"), async (event) => {
    await Promise.resolve();
    order.push(`event ${event}`);
  }, { onEvent: ({ line }) => order.push(`line ${line}`) });
  assertEquals(order, ["event 1", "line 1", "event 2", "line 3"]);
});

test("replay() ends with what a handler throws, and names the line", async () => {
  const problem = new RangeError("no such rule");
  const handlers = [
    (event: unknown) => {
      if (event === 2) throw problem;
    },
    (event: unknown) => event === 2 ? Promise.reject(problem) : undefined,
  ];
  for (const handler of handlers) {
    const source = new Response(textOf("1", "", "2", "3"));
    const error = await reasonOf(replay(source, handler));
    assertInstanceOf(error, Error);
    assertEquals(error.message, "Cannot replay line 3: no such rule");
    assertStrictEquals(error.cause, problem);
  }
  const odd = await reasonOf(replay("1", () => Promise.reject("a text"))) as Error;
  assertEquals([odd.message, odd.cause], ["Cannot replay line 1: a text", "a text"]);
});

test("replay() ends with what onEvent throws", async () => {
  const problem = new Error("enough");
  const onEvent = (): never => {
    throw problem;
  };
  assertStrictEquals(await reasonOf(replay("1\n2", () => {}, { onEvent })), problem);
});

test("replay() lets go of its source whenever it ends early, and not when that has ended", async () => {
  let returns = 0;
  const source = (lines: readonly string[]): AsyncIterable<string> => ({
    [Symbol.asyncIterator]() {
      const values = lines.values();
      return {
        next: () => Promise.resolve(values.next() as IteratorResult<string>),
        return: () => {
          returns++;
          return Promise.resolve({ value: undefined, done: true });
        },
      };
    },
  });
  await replay(source(["1", "2"]), () => {});
  assertEquals(returns, 0);
  await reasonOf(replay(source(["1", "2"]), () => Promise.reject(new Error("no"))));
  assertEquals(returns, 1);
  await reasonOf(replay(source(["1"]), () => {}, { speed: 1 }));
  assertEquals(returns, 2);
  let isCancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("1\n2\n")),
    cancel: () => {
      isCancelled = true;
    },
  });
  await reasonOf(replay(stream, () => Promise.reject(new Error("no"))));
  assert(isCancelled);
});

test("replay() fails with what its source fails with, and does not tell it to end", async () => {
  const problem = new Error("disk");
  let returns = 0;
  const source: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.reject(problem),
      return: () => {
        returns++;
        return Promise.resolve({ value: undefined, done: true });
      },
    }),
  };
  assertStrictEquals(await reasonOf(replay(source, () => {})), problem);
  assertEquals(returns, 0);
});

test("replay() refuses a line that is too long, by its number", async () => {
  const bytes = new TextEncoder().encode(textOf("1", "x".repeat(101)));
  const message = "Cannot replay line 2: it must have at most 100 bytes";
  for (const source of [textOf("1", "€".repeat(34)), new Blob([bytes]), ["1", "x".repeat(101)]]) {
    await assertRejects(() => replay(source, () => {}, { maxBytes: 100 }), RangeError, message);
  }
  const fits = textOf("€".repeat(33), "x".repeat(100));
  assertEquals((await replay(fits, () => {}, { maxBytes: 100 })).events, 2);
});

test("replay() refuses what it cannot use, before it reads", async () => {
  let pulls = 0;
  const source = {
    *[Symbol.iterator]() {
      pulls++;
      yield "1";
    },
  };
  const none = (): void => {};
  const bad: readonly (readonly [() => Promise<unknown>, typeof Error, string])[] = [
    [() => replay(source, 7 as unknown as () => void), TypeError, "handler"],
    [() => replay(source, none, { onEvent: 7 as unknown as () => void }), TypeError, "onEvent"],
    ...[0, -1, NaN, "2" as unknown as number].map((speed) =>
      [() => replay(source, none, { speed }), RangeError, "speed"] as const
    ),
    [() => replay(source, none, { maxBytes: 0 }), RangeError, "maxBytes"],
    ...[undefined, null, 7, {}, true].map((file) =>
      [() => replay(file as unknown as string, none), TypeError, "it must be a text"] as const
    ),
  ];
  for (const [attempt, kind, part] of bad) {
    const error = await reasonOf(attempt());
    assertInstanceOf(error, kind);
    assert(error.message.startsWith("Cannot replay capture: "), error.message);
    assert(error.message.includes(part), error.message);
  }
  assertEquals(pulls, 0);
});

test("replay() refuses lines and bytes in one source", async () => {
  const bytes = new TextEncoder().encode("2\n");
  for (const mixture of [["1\n", bytes], [bytes, "1\n"]]) {
    await assertRejects(() => replay(mixture as string[], () => {}), TypeError, "all bytes or all");
  }
});
