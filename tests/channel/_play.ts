import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { ChannelOptions } from "../../channel/mod.ts";
import type { Subject } from "./_naive.ts";
import { settle } from "../_settle.ts";

/** One random play: the same seed and options give the same operations to any channel. */
export interface Play {
  readonly seed: number;
  readonly rounds: number;
  readonly options: ChannelOptions<number>;
  /** Leaves out what only ours has: batches. */
  readonly plain?: boolean;
}

/** Numbers from 0 up to 1, the same ones for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function describe(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  return "value" in reason ? `${reason.name} ${JSON.stringify(reason.value)}` : reason.name;
}

interface Reading {
  readonly name: string;
  readonly iterator: AsyncIterator<number | number[]>;
  state: "idle" | "asked" | "answered" | "over";
}

/** Plays, holds the laws that need no model, and answers what could be observed, a text a round. */
export async function play(
  make: (options: ChannelOptions<number>) => Subject,
  play: Play,
): Promise<string[]> {
  const random = randomFrom(play.seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const ledger = { delivered: [] as number[], dropped: [] as number[], refused: [] as number[] };
  const channel = make({ ...play.options, onDrop: (value) => ledger.dropped.push(value) });
  const { capacity = 0, maxBytes = Infinity } = play.options;
  const transcript: string[] = [];
  const streams = new Map<string, number[]>();
  const readings: Reading[] = [];
  let controllers = [0, 1, 2].map(() => new AbortController());
  let actions: string[] = [];
  let settled = new Map<string, string[]>();
  let offered = 0;
  let operations = 0;

  /** Notes a result under its kind: within one kind, the order counts. */
  const note = (kind: string, text: string): void => {
    if (!settled.has(kind)) settled.set(kind, []);
    settled.get(kind)!.push(text);
  };
  const deliver = (stream: string, received: number | readonly number[]): void => {
    const got = [received].flat();
    ledger.delivered.push(...got);
    streams.set(stream, [...streams.get(stream) ?? [], ...got]);
  };
  const signals = (): { signal?: AbortSignal } => {
    const choice = pick(8);
    if (choice < 3) return { signal: controllers[choice]!.signal };
    return choice === 3 ? { signal: AbortSignal.abort("before") } : {};
  };
  const open = (slot: number): Reading => {
    const ofBatches = !play.plain && pick(3) === 0;
    const iterator = ofBatches
      ? channel.batches(1 + pick(3), signals())
      : channel[Symbol.asyncIterator]();
    const name = `${ofBatches ? "batches" : "iterator"} ${slot} of round ${transcript.length}`;
    return readings[slot] = { name, iterator, state: "idle" };
  };

  const act: Record<string, () => void> = {
    send() {
      const value = offered++;
      const id = operations++;
      channel.send(value, signals()).then(() => note("send", `${id} done`), (reason) => {
        ledger.refused.push(value);
        note("send", `${id} ${describe(reason)}`);
      });
    },
    trySend() {
      const value = offered++;
      const drops = ledger.dropped.length;
      const accepted = channel.trySend(value);
      if (!accepted && ledger.dropped.length === drops) ledger.refused.push(value);
      note("now", `trySend ${value} ${accepted}`);
    },
    sendBatch() {
      const batch = Array.from({ length: pick(5) }, () => offered++);
      const id = operations++;
      const onUnsent = (unsent: number[]): void => {
        ledger.refused.push(...unsent);
        note("unsent", `${id} ${unsent}`);
      };
      channel.sendBatch(batch, { ...signals(), onUnsent }).then(
        () => note("send", `${id} done`),
        (reason) => note("send", `${id} ${describe(reason)}`),
      );
      batch.length = 0;
    },
    receive() {
      const id = operations++;
      channel.receive(signals()).then((value) => {
        deliver("receive", value);
        note("receive", `${id} got ${value}`);
      }, (reason) => note("receive", `${id} ${describe(reason)}`));
    },
    tryReceive() {
      const result = channel.tryReceive();
      if (result.state === "ok") deliver("tryReceive", result.value);
      note("now", `tryReceive ${JSON.stringify(result)}`);
    },
    receiveBatch() {
      const id = operations++;
      const max = [1, 2, 3, Infinity][pick(4)]!;
      channel.receiveBatch(max, signals()).then((batch) => {
        assertLessOrEqual(batch.length, max);
        deliver(`batch ${id}`, batch);
        note("batch", `${id} got ${batch}`);
      }, (reason) => note("batch", `${id} ${describe(reason)}`));
    },
    next() {
      const slot = pick(3);
      const reading = readings[slot] ?? open(slot);
      if (reading.state !== "idle") return;
      reading.state = "asked";
      reading.iterator.next().then(({ value, done }) => {
        reading.state = done ? "over" : "answered";
        if (!done) deliver(reading.name, value);
        note(reading.name, done ? "end" : `got ${value}`);
      }, (reason) => {
        reading.state = "over";
        note(reading.name, describe(reason));
      });
    },
    return() {
      const reading = readings[pick(3)];
      if (reading === undefined || play.plain) return;
      reading.iterator.return?.();
      if (reading.state === "idle") reading.state = "over";
    },
    abort() {
      const slot = pick(3);
      controllers[slot]!.abort(`abort ${operations++}`);
      controllers = controllers.with(slot, new AbortController());
    },
    close() {
      const choice = pick(3);
      if (choice === 0) channel.close();
      else channel.close(choice === 1 ? undefined : "closed for a reason");
    },
  };
  const senders = ["send", "send", "trySend", ...(play.plain ? [] : ["sendBatch", "sendBatch"])];
  const readers = [
    "receive",
    "tryReceive",
    "next",
    "next",
    ...(play.plain ? [] : ["receiveBatch"]),
  ];

  for (let round = 0; round < play.rounds; round++) {
    actions = [];
    settled = new Map();
    // Now the senders are ahead, now the readers; the last rounds are for a channel that is closed.
    const bias = (Math.floor(round / 10) % 3 + 1) / 4;
    for (let count = 1 + pick(4); count > 0; count--) {
      const kind = random();
      const mayClose = round > play.rounds * 0.9 && kind < 0.02;
      const side = random() < bias ? senders : readers;
      const name = mayClose
        ? "close"
        : kind < 0.08
        ? "abort"
        : kind < 0.11
        ? "return"
        : side[pick(side.length)]!;
      actions.push(name);
      act[name]!();
      for (let ticks = pick(3); ticks > 0; ticks--) await undefined;
    }
    await settle();
    for (const [slot, reading] of readings.entries()) {
      if (reading?.state === "over") delete readings[slot];
      else if (reading?.state === "answered") reading.state = "idle";
    }
    const results = [...settled].toSorted(([a], [b]) => a < b ? -1 : 1)
      .map(([kind, texts]) => `${kind}: ${texts.join(", ")}`);
    const { size, closed } = channel;
    const state = `size ${size}, closed ${closed}` +
      (play.plain ? "" : `, bytes ${channel.bytes}, dropped ${channel.dropped}`);
    transcript.push([`round ${round}: ${actions.join(", ")}`, ...results, state].join("\n  "));
    assert(size <= capacity && (play.plain || channel.bytes <= maxBytes), transcript.at(-1));
    if (!play.plain) assertEquals(channel.dropped, ledger.dropped.length);
  }

  // The laws: everything offered is somewhere, once, and no reader sees two values in the wrong order.
  channel.close();
  await settle();
  const queued: number[] = [];
  for (let result; (result = channel.tryReceive()).state === "ok";) queued.push(result.value);
  const { delivered, dropped, refused } = ledger;
  const accounted = [...delivered, ...dropped, ...refused, ...queued].toSorted((a, b) => a - b);
  assertEquals(accounted, Array.from({ length: offered }, (_, value) => value));
  for (const [name, got] of streams) {
    assertEquals(got, got.toSorted((a, b) => a - b), `${name} is out of order`);
  }
  return transcript;
}

/** Fails with the first round that differs, and those that led to it. */
export function assertSamePlay(actual: string[], expected: string[], what: string): void {
  const at = actual.findIndex((round, i) => round !== expected[i]);
  if (at < 0) return assertEquals(actual.length, expected.length);
  const before = expected.slice(Math.max(0, at - 4), at).join("\n");
  assertEquals(actual[at], expected[at], `${what}\n${before}`);
}
