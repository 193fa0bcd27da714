import { assert, assertEquals, assertFalse, assertRejects, assertStrictEquals } from "@std/assert";
import { Channel, ChannelClosedError } from "../../channel/mod.ts";
import { test } from "../_harness.ts";
import { observe, reasonOf, settle } from "../_settle.ts";

test("Channel.toReadableStream() yields what is buffered, then closes", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  await channel.sendBatch([1, 2]);
  channel.close();
  assertEquals(await Array.fromAsync(channel.toReadableStream()), [1, 2]);
});

test("Channel.toReadableStream() keeps up with a sender at every capacity", async () => {
  for (const capacity of [0, 1, 2, 3]) {
    const channel = new Channel<number>({ capacity });
    const produced = (async () => {
      for (let i = 0; i < 20; i++) await channel.send(i);
      channel.close();
    })();
    const values = await Array.fromAsync(channel.toReadableStream());
    assertEquals(values, Array.from({ length: 20 }, (_, i) => i));
    await produced;
  }
});

test("Channel.toReadableStream() takes nothing before somebody reads, and nothing ahead", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  await channel.sendBatch([1, 2, 3]);
  const stream = channel.toReadableStream();
  await settle();
  assertEquals(channel.size, 3);
  const reader = stream.getReader();
  await settle();
  assertEquals(channel.size, 3);
  assertEquals(await reader.read(), { value: 1, done: false });
  await settle();
  assertEquals(channel.size, 2);
});

test("Channel.toReadableStream() passes falsy values, undefined too", async () => {
  const values = [undefined, null, 0, "", false];
  const channel = new Channel<unknown>({ capacity: values.length });
  await channel.sendBatch(values);
  channel.close();
  assertEquals(await Array.fromAsync(channel.toReadableStream()), values);
});

test("Channel.toReadableStream() errors with the reason after what is buffered", async () => {
  for (const reason of [new Error("fail"), undefined]) {
    const channel = new Channel<number>({ capacity: 2 });
    await channel.send(1);
    channel.close(reason);
    const reader = channel.toReadableStream().getReader();
    assertEquals(await reader.read(), { value: 1, done: false });
    assertStrictEquals(await reasonOf(reader.read()), reason);
    assertStrictEquals(await reasonOf(reader.closed), reason);
  }
});

test("Channel.toReadableStream() with a pending read follows a close, with and without a reason", async () => {
  const ended = new Channel<number>();
  const read = ended.toReadableStream().getReader().read();
  await settle();
  ended.close();
  assertEquals((await read).done, true);
  const reason = new Error("broken");
  const broken = new Channel<number>();
  const failing = reasonOf(broken.toReadableStream().getReader().read());
  await settle();
  broken.close(reason);
  assertStrictEquals(await failing, reason);
});

test("Channel.toReadableStream() cancelled closes the channel", async () => {
  const channel = new Channel<number>({ capacity: 2 });
  await channel.toReadableStream().cancel();
  assert(channel.closed);
  const error = await assertRejects(() => channel.receive(), ChannelClosedError);
  assertFalse("value" in error);
});

test("Channel.toReadableStream() cancelled with a reason closes the channel with it", async () => {
  for (const reason of [new Error("cancelled"), null, 0, ""]) {
    const channel = new Channel<number>({ capacity: 2 });
    const waiting = reasonOf(channel.receive());
    await channel.toReadableStream().cancel(reason);
    assert(channel.closed);
    assertStrictEquals(await waiting, reason);
    assertStrictEquals(await reasonOf(channel.receive()), reason);
  }
});

test("Channel.toReadableStream() cancelled leaves what is buffered to the others", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  await channel.sendBatch([1, 2, 3]);
  const reader = channel.toReadableStream().getReader();
  assertEquals(await reader.read(), { value: 1, done: false });
  await reader.cancel();
  assertEquals(channel.size, 2);
  assertEquals(await Array.fromAsync(channel), [2, 3]);
});

test("Channel.toReadableStream() cancelled with a pending read settles it and takes nothing", async () => {
  for (const reason of [[], [new Error("cancelled")]]) {
    const channel = new Channel<number>({ capacity: 2 });
    const reader = channel.toReadableStream().getReader();
    const read = observe(reader.read());
    await settle();
    assertEquals(read.state, "pending");
    await reader.cancel(...reason);
    await settle();
    assertEquals(read.state, "fulfilled");
    assertEquals(read.value?.done, true);
    assert(channel.closed);
  }
});

test("Channel.toReadableStream() cancelled while a value is on its way counts the value as dropped", async () => {
  const drops: number[] = [];
  const channel = new Channel<number>({ capacity: 2, onDrop: (value) => drops.push(value) });
  const reader = channel.toReadableStream().getReader();
  const read = observe(reader.read());
  await settle();
  assert(channel.trySend(1));
  await reader.cancel();
  await settle();
  // Whether the read still got it is up to the platform; that it is nowhere is not an answer.
  const delivered = read.value?.done === false ? 1 : 0;
  assertEquals(delivered + channel.size + channel.dropped, 1);
  assertEquals(drops.length, channel.dropped);
});

test("Channel.toReadableStream() cancelled rejects waiting senders with their values", async () => {
  const channel = new Channel<number>();
  const sent = channel.send(7);
  await channel.toReadableStream().cancel(new Error("cancelled"));
  const error = await assertRejects(() => sent, ChannelClosedError);
  assertEquals(error.value, 7);
});

test("Channel.toReadableStream() cancelled after a close changes nothing", async () => {
  const reason = new Error("first");
  const channel = new Channel<number>({ capacity: 1 });
  channel.trySend(1);
  channel.close(reason);
  await channel.toReadableStream().cancel(new Error("second"));
  assertEquals(await channel.receive(), 1);
  assertStrictEquals(await reasonOf(channel.receive()), reason);
});

test("leaving a loop over the stream cancels it, and so closes the channel", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  await channel.sendBatch([1, 2, 3]);
  for await (const value of channel.toReadableStream()) {
    assertEquals(value, 1);
    break;
  }
  assert(channel.closed);
  assertEquals(channel.size, 2);
});

test("several streams of one channel share its values", async () => {
  const channel = new Channel<number>({ capacity: 8 });
  await channel.sendBatch([0, 1, 2, 3, 4]);
  channel.close();
  const readers = [0, 1].map(() => channel.toReadableStream().getReader());
  const seen: number[][] = [[], []];
  for (let turn = 0;; turn++) {
    const result = await readers[turn % 2]!.read();
    if (result.done) break;
    seen[turn % 2]!.push(result.value);
  }
  assertEquals(seen, [[0, 2, 4], [1, 3]]);
  for (const reader of readers) await reader.cancel();
});

test("streams, iterators and receivers are served in the order in which they asked", async () => {
  const channel = new Channel<number>();
  const first = channel.toReadableStream().getReader();
  const read = first.read();
  await settle();
  const received = channel.receive();
  const next = channel[Symbol.asyncIterator]().next();
  for (const value of [1, 2, 3]) await channel.send(value);
  assertEquals(await read, { value: 1, done: false });
  assertEquals(await received, 2);
  assertEquals(await next, { value: 3, done: false });
});

test("Channel.toReadableStream() feeds a response body", async () => {
  const channel = new Channel<Uint8Array>({ capacity: 1 });
  const text = new Response(channel.toReadableStream()).text();
  const encoder = new TextEncoder();
  for (const part of ["to", "get", "her"]) await channel.send(encoder.encode(part));
  channel.close();
  assertEquals(await text, "together");
});

test("Channel.toReadableStream() feeds a pipe, whose failure closes the channel", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  await channel.sendBatch([1, 2, 3, 4]);
  const reason = new Error("sink is broken");
  const written: number[] = [];
  const sink = new WritableStream<number>({
    write(value) {
      if (value === 3) throw reason;
      written.push(value);
    },
  });
  assertStrictEquals(await reasonOf(channel.toReadableStream().pipeTo(sink)), reason);
  assertEquals(written, [1, 2]);
  assert(channel.closed);
  assertStrictEquals(
    await reasonOf((async () => {
      for await (const _ of channel) { /* what was left */ }
    })()),
    reason,
  );
});
