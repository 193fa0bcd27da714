import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { existsSync, readFileSync, statSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { setImmediate } from "node:timers";
import { main } from "../../cli/mod.ts";
import { mappedStorage } from "../../ring/mapped.ts";
import { MARK, OWNER_PROCESS } from "../../ring/layout.ts";
import { bytesCodec, EventRing, Ring, textCodec } from "../../ring/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { Memory } from "../ring/_ring.ts";
import { until } from "../tap/_wait.ts";
import { FakeHost } from "./_fake_host.ts";
import { withPath, withRing } from "./_ring.ts";

const SPEC = { capacity: 8, payloadCapacity: 128, nodes: 2 };

/** Runs a command to its end; answers what it wrote. */
async function run(...args: readonly string[]): Promise<{ code: number; host: FakeHost }> {
  const host = new FakeHost(...args);
  const code = await main(host);
  assertEquals(host.leftovers, []);
  return { code, host };
}

/** What `weir ring tail` shows of what a ring has, as it stands. */
async function shown(path: string, limit: number, ...args: readonly string[]): Promise<string[]> {
  const { code, host } = await run(
    ...["ring", "tail", path, "--from", "start", "--limit", `${limit}`, ...args],
  );
  assertEquals(code, 0, host.errors.join("\n"));
  return host.output.trimEnd().split("\n");
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** The payload of an event, by the table at `EventRing`. */
function eventOf(topic: string, value: string | Uint8Array): Uint8Array {
  const name = text(topic);
  const bytes = typeof value === "string" ? text(value) : value;
  return Uint8Array.of(name.length & 0xff, name.length >> 8, ...name, ...bytes);
}

test("weir ring and weir ring --help print both of its commands", async () => {
  for (const [args, code] of [[[], 2], [["--help"], 0], [["-h"], 0], [["help"], 0]] as const) {
    const { code: ended, host } = await run("ring", ...args);
    assertEquals([ended, host.errors], [code, []]);
    for (
      const part of ["weir ring tail PATH", "weir ring stat PATH", "--topic PATTERN", "--json"]
    ) {
      assertStringIncludes(host.output, part);
    }
    assert(!host.output.includes("--port"), host.output);
  }
});

test("weir ring tail --help and weir ring stat --help print their own flags", async () => {
  for (const [name, own, other] of [["tail", "--topic", "--over"], ["stat", "--over", "--topic"]]) {
    const { code, host } = await run("ring", name!, "gone.ring", "--help");
    assertEquals([code, host.errors], [0, []]);
    assertStringIncludes(host.output, own!);
    assert(!host.output.includes(other!), host.output);
  }
});

test("weir ring refuses a command line that it cannot use, in one line that names what it is", async () => {
  const start = "there is no command";
  const known = "only serve, tap, ring tail, ring stat";
  const refused: readonly (readonly [args: readonly string[], line: string])[] = [
    [["bogus"], `${start} "ring bogus", ${known}`],
    [["toString"], `${start} "ring toString", ${known}`],
    [["/dev/shm/x"], `${start} "ring /dev/shm/x", ${known}`],
    [["tail"], "weir ring tail needs a PATH, received nothing"],
    [["stat"], "weir ring stat needs a PATH, received nothing"],
    [["tail", "a", "b"], 'weir ring tail takes one PATH, received "b" too'],
    [["stat", "a", "b"], 'weir ring stat takes one PATH, received "b" too'],
    [["tail", "a", "--bogus"], 'unknown flag "--bogus"'],
    [["stat", "a", "--topic", "b"], 'unknown flag "--topic"'],
    [["tail", "a", "--from", "end"], 'flag "--from" must be start or head, received "end"'],
    [["tail", "a", "--from="], 'flag "--from" must be start or head, received ""'],
    [
      ["tail", "a", "--limit", "0"],
      'flag "--limit" must be an integer of at least 1, received "0"',
    ],
    [
      ["tail", "a", "--limit", "x"],
      'flag "--limit" must be an integer of at least 1, received "x"',
    ],
    ...["", "a..b", ".", ">.a", "a."].map((pattern) =>
      [
        ["tail", "a", `--topic=${pattern}`],
        `flag "--topic" must look like orders.* or orders.>, received "${pattern}"`,
      ] as const
    ),
    ...["", "1", "-1s", "2h", "x", "999999999h"].map((time) =>
      [
        ["stat", "a", `--over=${time}`],
        `flag "--over" must be 0 or look like 1s or 1m30s, up to 1h, received "${time}"`,
      ] as const
    ),
  ];
  for (const [args, line] of refused) {
    const { code, host } = await run("ring", ...args);
    assertEquals([code, host.output], [2, ""]);
    assertEquals(host.errors, [`weir: ${line} (see weir --help)`]);
  }
});

test("weir ring refuses a file that is no ring, in one line that names it, and leaves it as it is", () =>
  withPath(async (path) => {
    const directory = dirname(path);
    const ring = `${path}.whole`;
    mappedStorage(ring, SPEC).close();
    const whole = readFileSync(ring);
    const files: readonly (readonly [name: string, content: Uint8Array, words: string])[] = [
      ["empty", new Uint8Array(), "size must be at least 128 bytes, received 0"],
      ["short", whole.subarray(0, 127), "size must be at least 128 bytes, received 127"],
      ["truncated", whole.subarray(0, -1), `received ${whole.length - 1}`],
      ["text", text("a line of a log\n".repeat(100)), "magic must be 0x52494557"],
      ["version", Uint8Array.from(whole, (byte, at) => at === 4 ? 9 : byte), "version must be 1"],
    ];
    for (const [name, content, words] of files) {
      const path = `${directory}/${name}`;
      await writeFile(path, content);
      for (const command of ["tail", "stat"]) {
        const { code, host } = await run("ring", command, path);
        assertEquals([code, host.output, host.errors.length], [1, "", 1], host.errors.join("\n"));
        assertStringIncludes(host.errors[0]!, path);
        assertStringIncludes(host.errors[0]!, words);
        assertMatch(host.errors[0]!, /^weir: [^\n\r]+$/);
      }
      assertEquals(new Uint8Array(readFileSync(path)), new Uint8Array(content));
    }
  }));

test("weir ring refuses a path where there is nothing, or no file, and makes none", () =>
  withPath(async (path) => {
    const directory = `${path}.d`;
    await mkdir(directory);
    for (const command of ["tail", "stat"]) {
      for (const [wrong, words] of [[path, "no such file"], [directory, "regular file"]]) {
        const { code, host } = await run("ring", command, wrong!);
        assertEquals([code, host.output, host.errors.length], [1, "", 1], host.errors.join("\n"));
        assertStringIncludes(host.errors[0]!, wrong!);
        assertStringIncludes(host.errors[0]!, words!);
      }
      assertEquals(existsSync(path), false);
      const { code, host } = await run("ring", command, "");
      assertEquals([code, host.errors.length], [1, 1]);
      assertStringIncludes(host.errors[0]!, 'received ""');
    }
  }));

test("weir ring shows no control characters of a path", async () => {
  for (const command of ["tail", "stat"]) {
    const { code, host } = await run("ring", command, "/gone/\x1b[31m\nweir: forged");
    assertEquals([code, host.errors.length], [1, 1]);
    assertMatch(host.errors[0]!, /^[\x20-\x7e]+$/);
  }
});

test("weir ring tail shows events, one a line, with what their values are", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage, { node: 1 });
    let now = 1_700_000_000_123;
    const clock = { now: () => now++ };
    new EventRing(ring, clock).publish("orders.created", { id: 7, name: "€ ü" });
    new EventRing(ring, { codec: textCodec, ...clock }).publish("log.line", 'not "JSON"\n');
    new EventRing(ring, { codec: textCodec, ...clock }).publish("log.empty", "");
    new EventRing(ring, { codec: bytesCodec, ...clock }).publish("raw", Uint8Array.of(0xff, 0));
    new EventRing(ring, { codec: bytesCodec, ...clock }).publish("raw", Uint8Array.of(7, 0, 0, 0));
    const time = (ms: number): string => `"time":"2023-11-14T22:13:20.${ms}Z","node":1`;
    assertEquals(await shown(path, 5), [
      `{"topic":"orders.created","value":{"id":7,"name":"€ ü"},${time(123)},"counter":0}`,
      `{"topic":"log.line","value":"not \\"JSON\\"\\n",${time(124)},"counter":1}`,
      `{"topic":"log.empty","value":"",${time(125)},"counter":2}`,
      `{"topic":"raw","value":{"base64":"/wA="},${time(126)},"counter":3}`,
      `{"topic":"raw","value":{"base64":"BwAAAA=="},${time(127)},"counter":4}`,
    ]);
  }));

test("weir ring tail shows JSON as it stands, on one line", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    const long = '{\r\n\t"id": 12345678901234567890,\n\n"a\\n": 1.10}';
    for (const value of [long, "null", ' "x" ']) ring.publish(eventOf("a", value), { kind: 1 });
    const end = '"time":"1970-01-01T00:00:00.000Z","node":0,"counter"';
    assertEquals(await shown(path, 3), [
      `{"topic":"a","value":{ "id": 12345678901234567890, "a\\n": 1.10},${end}:0}`,
      `{"topic":"a","value":null,${end}:1}`,
      `{"topic":"a","value": "x" ,${end}:2}`,
    ]);
  }));

test("weir ring tail shows long topics, and a text that begins with a byte order mark, as they are", () =>
  withRing({ ...SPEC, payloadCapacity: 1000 }, async (path, storage) => {
    using ring = new Ring(storage);
    const topic = `${"long.".repeat(150)}topic`;
    new EventRing(ring, { codec: textCodec }).publish(topic, "\ufefftext");
    ring.publish(text("\ufefftext"));
    const [event, frame] = (await shown(path, 2)).map((line) => JSON.parse(line));
    assertEquals([event.topic, event.value, frame.text], [topic, "\ufefftext", "\ufefftext"]);
  }));

test("weir ring tail shows whatever is a topic to EventRing as one", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    const events = new EventRing(ring);
    const topics = ["a", "\x01.\n", "ü.\ufeffx.€", "a b.*c", "a.>x", "\u2028"];
    for (const topic of topics) events.publish(topic, 1);
    const lines = await shown(path, topics.length, "--topic", ">");
    assertEquals(lines.map((line) => JSON.parse(line).topic), topics);
  }));

test("weir ring tail shows a time that no date can have as the number that it is", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    for (const version of [8.64e15, 8.64e15 + 1, Number.MAX_SAFE_INTEGER]) {
      ring.publish(eventOf("a", "1"), { kind: 1, version });
    }
    const times = (await shown(path, 3)).map((line) => JSON.parse(line).time);
    assertEquals(times, ["+275760-09-13T00:00:00.000Z", 8.64e15 + 1, Number.MAX_SAFE_INTEGER]);
  }));

test("weir ring tail shows other frames by what they hold", () =>
  withRing({ ...SPEC, capacity: 16 }, async (path, storage) => {
    using ring = new Ring(storage, { node: 1 });
    ring.publish(text("plain € \x1b[31m"), { kind: 2, version: 5 });
    ring.publish(Uint8Array.of(0xff), { kind: 2 });
    ring.publish(Uint8Array.of(65, 0x1a));
    ring.publish(new Uint8Array());
    const odd = [
      Uint8Array.of(),
      Uint8Array.of(1),
      Uint8Array.of(0, 0),
      // A topic that is longer than the frame, empty, not UTF-8, or a pattern.
      Uint8Array.of(2, 0, 97),
      Uint8Array.of(97, 1, 97, 97),
      Uint8Array.of(0, 0, 97),
      Uint8Array.of(1, 0, 0xff),
      eventOf("a.>", "1"),
      eventOf("a..b", "1"),
    ];
    for (const payload of odd) ring.publish(payload, { kind: 1 });
    ring.publish(eventOf("a", "1"), { kind: 3 });
    const lines = await shown(path, 4 + odd.length + 1);
    assertEquals(lines.slice(0, 4), [
      '{"kind":2,"version":5,"text":"plain € \\u001b[31m","node":1,"counter":0}',
      '{"kind":2,"version":0,"bytes":{"base64":"/w=="},"node":1,"counter":1}',
      '{"kind":0,"version":0,"bytes":{"base64":"QRo="},"node":1,"counter":2}',
      '{"kind":0,"version":0,"text":"","node":1,"counter":3}',
    ]);
    const kinds = lines.slice(4).map((line) => JSON.parse(line)).map(({ kind, topic }) => [
      kind,
      topic,
    ]);
    assertEquals(kinds, [...odd.map(() => [1, undefined]), [3, undefined]]);
    assertEquals(JSON.parse(lines[8]!).bytes, { base64: "YQFhYQ==" });
  }));

test("weir ring tail shows the longest payload there can be", () =>
  withRing({ capacity: 1, payloadCapacity: 2 ** 24 }, async (path, storage) => {
    using ring = new Ring(storage);
    ring.publish(new Uint8Array(2 ** 24).fill(0xff));
    const [line] = await shown(path, 1);
    assertEquals(JSON.parse(line!).bytes.base64.length, 4 * Math.ceil(2 ** 24 / 3));
  }));

test("weir ring tail shows control characters on a terminal, and passes them on elsewhere", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    ring.publish(eventOf("a\x9b", '"\x9b\u2028"'), { kind: 1 });
    ring.publish(text("\x1b[31m\x85"));
    for (const isTerminal of [true, false]) {
      const host = new FakeHost("ring", "tail", path, "--from=start", "--limit=2");
      host.isTerminal = isTerminal;
      assertEquals(await main(host), 0);
      const [event, frame] = host.output.split("\n");
      const c1 = isTerminal ? ["\\x9b", "\\u2028", "\\x85"] : ["\x9b", "\u2028", "\x85"];
      assertStringIncludes(event!, `{"topic":"a${c1[0]}","value":"${c1[0]}${c1[1]}"`);
      assertStringIncludes(frame!, `"text":"\\u001b[31m${c1[2]}"`);
      if (!isTerminal) host.output.trimEnd().split("\n").forEach((line) => JSON.parse(line));
    }
  }));

test("weir ring tail --topic shows the topics that match, and counts all others, events or not", () =>
  withRing({ ...SPEC, capacity: 16 }, async (path, storage) => {
    using ring = new Ring(storage);
    const events = new EventRing(ring);
    const topics = ["orders.1.created", "orders", "users.1.created", "orders.2.paid", "orders.3"];
    for (const topic of topics) events.publish(topic, topic);
    ring.publish(text("orders.1"));
    const patterns: readonly (readonly [string, readonly string[]])[] = [
      ["orders.>", ["orders.1.created", "orders.2.paid", "orders.3"]],
      ["*.*.created", ["orders.1.created", "users.1.created"]],
      ["orders", ["orders"]],
      [">", topics],
    ];
    for (const [pattern, expected] of patterns) {
      const host = new FakeHost("ring", "tail", path, "--topic", pattern, "--from", "start");
      const ended = main(host);
      await until("they are shown", () => host.output.split("\n").length > expected.length);
      host.interrupt();
      assertEquals(await ended, 0);
      const values = host.output.trimEnd().split("\n").map((line) => JSON.parse(line).value);
      assertEquals(values, [...expected]);
      const filtered = 6 - expected.length;
      assertEquals(host.errors, [
        `ring: ${expected.length} shown, 0 lost, ${filtered} filtered (interrupted)`,
      ]);
      assertEquals(host.leftovers, []);
    }
  }));

test("weir ring tail begins with what comes, unless it is told to begin with what is there", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    const events = new EventRing<number>(ring);
    for (const value of [1, 2]) events.publish("a", value);
    const tails = [[], ["--from", "head"], ["--from", "start"]].map((args) => {
      const host = new FakeHost("ring", "tail", path, ...args);
      return { host, ended: main(host) };
    });
    for (const value of [3, 4]) events.publish("a", value);
    const wanted = [[3, 4], [3, 4], [1, 2, 3, 4]];
    for (const [index, { host, ended }] of tails.entries()) {
      const values = (): number[] =>
        host.output.split("\n").slice(0, -1).map((line) => JSON.parse(line).value);
      await until("all are shown", () => values().length === wanted[index]!.length);
      host.interrupt();
      assertEquals([await ended, values()], [0, wanted[index]]);
    }
  }));

test("weir ring tail follows all lanes, each in its order", () =>
  withRing(SPEC, async (path, storage) => {
    const host = new FakeHost("ring", "tail", path, "--limit", "8");
    const ended = main(host);
    using other = mappedStorage(path);
    const rings = [new Ring(storage, { node: 0 }), new Ring(other, { node: 1 })];
    for (let round = 0; round < 4; round++) {
      for (const ring of rings) ring.publish(text(`${ring.node}.${round}`));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals(await ended, 0);
    const places = host.output.trimEnd().split("\n").map((line) => JSON.parse(line).text);
    for (const node of [0, 1]) {
      const own = places.filter((place) => place.startsWith(`${node}`));
      assertEquals(own, [0, 1, 2, 3].map((round) => `${node}.${round}`));
    }
    assertEquals(host.errors, ["ring: 8 shown, 0 lost, 0 filtered (limit)"]);
    for (const ring of rings) ring.close();
  }));

test("weir ring tail says where to look when nothing came", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    ring.publish(text("before"));
    const host = new FakeHost("ring", "tail", path);
    const ended = main(host);
    host.interrupt();
    assertEquals([await ended, host.output], [0, ""]);
    assertEquals(host.errors, [
      "ring: 0 shown, 0 lost, 0 filtered (interrupted); what the ring has already: --from start",
    ]);
    assertEquals(host.leftovers, []);
  }));

test("weir ring tail --from start tells what was gone before from what it loses", () =>
  withRing({ ...SPEC, firstCounter: 2 ** 32 - 5 }, async (path, storage) => {
    using ring = new Ring(storage);
    for (let value = 0; value < 20; value++) ring.publish(Uint8Array.of(65 + value));
    const { code, host } = await run("ring", "tail", path, "--from", "start", "--limit", "8");
    assertEquals(code, 0);
    const frames = host.output.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(frames.map(({ text }) => text).join(""), "MNOPQRST");
    assertEquals(frames[0].counter, 2 ** 32 - 5 + 12);
    assertEquals(host.errors, [
      "ring: 8 shown, 0 lost, 0 filtered, 12 missed before it began (limit)",
    ]);
  }));

test("weir ring tail says what it loses while it happens, and all of it at its end", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    const memory = new Memory(storage);
    const host = new FakeHost("ring", "tail", path);
    using time = new FakeTime();
    /** Lets time pass in which nothing is late. */
    const pass = async (ms: number): Promise<void> => {
      for (; ms > 0; ms--) {
        await new Promise((resolve) => setImmediate(resolve));
        time.pass(1);
      }
    };
    const ended = main(host);
    await pass(50);
    for (let value = 0; value < 20; value++) ring.publish(text(`${value}`));
    // Somebody who wrote over one of the eight that are left.
    memory.words[memory.slotWord(15, MARK)]! ^= 2;
    await pass(50);
    assertEquals(host.errors, ["ring: 13 lost (12 overwritten, 1 unavailable)"]);
    // Not again at once.
    for (let round = 0; round < 3; round++) {
      for (let value = 0; value < 10; value++) ring.publish(text("x"));
      await pass(50);
    }
    assertEquals(host.errors.length, 1);
    // But soon, though nothing comes any more.
    await pass(1_000);
    assertEquals(host.errors.slice(1), ["ring: 6 lost (6 overwritten, 0 unavailable)"]);
    await pass(5_000);
    assertEquals(host.errors.length, 2);
    for (let value = 0; value < 9; value++) ring.publish(text("y"));
    await pass(50);
    for (let value = 0; value < 9; value++) ring.publish(text("z"));
    await pass(50);
    assertEquals(host.errors.slice(2), ["ring: 1 lost (1 overwritten, 0 unavailable)"]);
    host.interrupt();
    await pass(1);
    assertEquals(await ended, 0);
    assertEquals(host.errors.slice(3), [
      "ring: 47 shown, 21 lost (20 overwritten, 1 unavailable), 0 filtered (interrupted)",
    ]);
    assertEquals(host.output.split("\n").length - 1, 47);
    assertEquals([host.leftovers, time.armed], [[], 0]);
  }));

test("weir ring tail exits with 0 when whoever reads its output has gone", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    ring.publish(text("x"));
    const host = new FakeHost("ring", "tail", path, "--from", "start");
    host.isUnread = true;
    const ended = main(host);
    // It may notice with the line after.
    const timer = setInterval(() => ring.publish(text("x")), 1);
    assertEquals([await ended, host.output, host.errors], [0, "", []]);
    clearInterval(timer);
    assertEquals(host.leftovers, []);
  }));

test("weir ring tail exits with 1 when its output cannot be written", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    ring.publish(text("x"));
    const host = new FakeHost("ring", "tail", path, "--from", "start", "--limit", "1");
    host.writeProblem = new Error("no space left on device");
    assertEquals(await main(host), 1);
    assertEquals(host.errors, ["weir: no space left on device"]);
    assertEquals(host.leftovers, []);
  }));

test("weir ring tail that is interrupted twice does not wait for whoever reads its output", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    ring.publish(text("x"));
    const host = new FakeHost("ring", "tail", path, "--from", "start");
    const written = Promise.withResolvers<boolean>();
    let isWriting = false;
    host.write = () => {
      isWriting = true;
      return written.promise;
    };
    let code: number | undefined;
    host.exit = (given: number): never => {
      code = given;
      return undefined as never;
    };
    const ended = main(host);
    await until("it writes", () => isWriting);
    host.interrupt();
    assertEquals(code, undefined);
    host.interrupt();
    assertEquals(code, 130);
    written.resolve(true);
    assertEquals(await ended, 0);
    assertEquals(host.leftovers, []);
  }));

test("weir ring tail and weir ring stat take no lane, change no byte and leave the ring's file alone", () =>
  withRing({ ...SPEC, nodes: 1 }, async (path, storage) => {
    using ring = new Ring(storage);
    for (let value = 0; value < 20; value++) ring.publish(text(`${value}`));
    const before = readFileSync(path);
    const { mtimeMs } = statSync(path);
    await chmod(path, 0o400);
    await shown(path, 8);
    const { code } = await run("ring", "stat", path, "--over", "5ms");
    assertEquals(code, 0);
    assert(readFileSync(path).equals(before));
    assertEquals(statSync(path).mtimeMs, mtimeMs);
    ring.publish(text("still its writer"));
  }));

test("weir ring stat says what a ring is made of, and shows the lanes that were written", () =>
  withRing({ capacity: 64, payloadCapacity: 100, nodes: 1500 }, async (path, storage) => {
    using ring = new Ring(storage, { node: 7 });
    for (let value = 0; value < 3000; value++) ring.publish(text("x"));
    using other = mappedStorage(path);
    const gone = new Ring(other, { node: 1234 });
    gone.publish(text("x"));
    gone.close();
    const { code, host } = await run("ring", "stat", path, "--over", "0");
    assertEquals([code, host.errors], [0, []]);
    assertEquals(
      host.output,
      [
        `ring      ${path}`,
        "topology  per-node, 1,500 nodes",
        "keeps     64 frames for each node, of up to 100 bytes",
        "size      18,528,128 bytes",
        "",
        `node  ${"writer".padStart(`${process.pid}`.length)}   head  oldest  retained  lapped`,
        `   7  ${`${process.pid}`.padStart(6)}  3,000   2,936        64       0`,
        `1234  ${
          "none".padStart(Math.max(6, `${process.pid}`.length))
        }      1       0         1       0`,
        "1,498 of 1,500 nodes never wrote",
        "",
      ].join("\n"),
    );
  }));

test("weir ring stat --json says the same as one JSON object", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage, { node: 1 });
    for (let value = 0; value < 20; value++) ring.publish(text("x"));
    const { code, host } = await run("ring", "stat", path, "--json", "--over=0");
    assertEquals([code, host.errors], [0, []]);
    assertMatch(host.output, /^[^\n]+\n$/);
    assertEquals(JSON.parse(host.output), {
      path,
      topology: "per-node",
      nodes: 2,
      capacity: 8,
      "payload_capacity": 128,
      bytes: statSync(path).size,
      head: 20,
      lanes: [{ node: 1, writer: process.pid, head: 20, oldest: 12, retained: 8, lapped: 0 }],
      "never_written": 1,
    });
  }));

test("weir ring stat shows a lane whose writer did not say who it is", () =>
  withRing(SPEC, async (path, storage) => {
    const ring = new Ring(storage);
    ring.publish(text("x"));
    const memory = new Memory(storage);
    memory.words[memory.laneWord(OWNER_PROCESS)] = 0;
    const { host } = await run("ring", "stat", path, "--over", "0");
    assertMatch(host.output, /\n +0 +unknown +1 +0 +1 +0\n1 of 2 nodes never wrote\n$/);
    ring.close();
    const { host: after } = await run("ring", "stat", path, "--over", "0");
    assertMatch(after.output, /\n +0 +none +1 +0 +1 +0\n1 of 2 nodes never wrote\n$/);
  }));

test("weir ring stat shows the one lane of a shared ring, whoever writes it", () =>
  withRing({ ...SPEC, topology: "shared" }, async (path, storage) => {
    const { host: unused } = await run("ring", "stat", path, "--over", "0");
    assert(
      unused.output.endsWith(
        "\n\nhead  oldest  retained  lapped\n   0       0         0       0\n",
      ),
      unused.output,
    );
    using ring = new Ring(storage);
    ring.publish(text("x"));
    const { host } = await run("ring", "stat", path, "--over", "0", "--json");
    const { topology, lanes } = JSON.parse(host.output);
    assertEquals([topology, lanes], [
      "shared",
      [{ head: 1, oldest: 0, retained: 1, lapped: 0 }],
    ]);
  }));

test("weir ring stat shows a ring that nobody has written yet, and one that was emptied", () =>
  withRing({ ...SPEC, firstCounter: 100 }, async (path, storage) => {
    const { host: unused } = await run("ring", "stat", path, "--over", "0");
    assert(unused.output.endsWith("bytes\n\n2 of 2 nodes never wrote\n"), unused.output);
    using ring = new Ring(storage);
    ring.publish(text("x"));
    ring.reset();
    const { host } = await run("ring", "stat", path, "--over", "0", "--json");
    const [lane] = JSON.parse(host.output).lanes;
    assertEquals([lane.head, lane.oldest, lane.retained], [101, 101, 0]);
  }));

test("weir ring stat measures how many frames come in a second", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage, { node: 0 });
    using other = mappedStorage(path);
    using second = new Ring(other, { node: 1 });
    second.publish(text("x"));
    for (const args of [[], ["--json"]]) {
      const host = new FakeHost("ring", "stat", path, "--over", "2s", ...args);
      using time = new FakeTime();
      const ended = main(host);
      time.pass(1_000);
      for (let value = 0; value < 3_001; value++) ring.publish(text("x"));
      assertEquals(host.output, "");
      time.pass(1_000);
      assertEquals(await ended, 0);
      assertEquals([host.leftovers, time.armed], [[], 0]);
      if (args.length > 0) {
        const { rate, over_ms: overMs, lanes } = JSON.parse(host.output);
        assertEquals([rate, lanes[0].rate, lanes[1].rate, overMs], [1501, 1501, 0, 2000]);
      } else {
        assertStringIncludes(host.output, "\nrate      1,501 frames/s, over 2 s\n");
        assertMatch(host.output, / {2}frames\/s\n.* {5}1,501\n.* {9}0\n$/);
      }
    }
  }));

test("weir ring stat that is interrupted shows what it has measured", () =>
  withRing(SPEC, async (path, storage) => {
    using ring = new Ring(storage);
    const host = new FakeHost("ring", "stat", path, "--over", "1h", "--json");
    using time = new FakeTime();
    const ended = main(host);
    time.pass(20_000);
    for (let value = 0; value < 10; value++) ring.publish(text("x"));
    host.interrupt();
    assertEquals(await ended, 0);
    assertEquals(JSON.parse(host.output).rate, 0.5);
    assertEquals([host.leftovers, time.armed], [[], 0]);
  }));
