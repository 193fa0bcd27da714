import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Channel,
  ChannelClosedError,
  ChannelFullError,
  type ChannelOptions,
  type ChannelReceiveResult,
  type ElementOf,
  merge,
  pipe,
  type Receiver,
  type Sender,
} from "../../channel/mod.ts";
import { test } from "../_harness.ts";

// What is here is checked by `deno check`; that it also runs shows that each example is one.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Compiles only if both types are the same. */
function same<A, B>(isSame: Same<A, B>): void {
  assertEquals<boolean>(isSame, true);
}

test("Channel<T> takes and gives values of T", async () => {
  const channel = new Channel<number>({ capacity: 9 });
  await channel.send(1);
  channel.trySend(2);
  await channel.sendBatch([3, 4] as readonly number[]);
  // @ts-expect-error a text is no number
  await channel.send("text");
  // @ts-expect-error a text is no number
  channel.trySend("text");
  // @ts-expect-error a list of texts is no list of numbers
  await channel.sendBatch(["text"]);
  // @ts-expect-error a value is needed
  await channel.send();
  assertEquals(channel.size, 8);
  same<ReturnType<typeof channel.receive>, Promise<number>>(true);
  same<ReturnType<typeof channel.receiveBatch>, Promise<number[]>>(true);
  same<ReturnType<typeof channel.batches>, AsyncIterableIterator<number[]>>(true);
  same<ReturnType<typeof channel.toReadableStream>, ReadableStream<number>>(true);
  same<ReturnType<typeof channel.tryReceive>, ChannelReceiveResult<number>>(true);
  same<ReturnType<typeof channel.trySend>, boolean>(true);
  for await (const value of channel) {
    same<typeof value, number>(true);
    break;
  }
});

test("the result of tryReceive() has a value only where its state says so", () => {
  const channel = new Channel<number>({ capacity: 1 });
  channel.trySend(1);
  const result = channel.tryReceive();
  same<typeof result.state, "ok" | "empty" | "closed">(true);
  // @ts-expect-error there may be no value
  result.value;
  if (result.state === "ok") same<typeof result.value, number>(true);
  // @ts-expect-error there is no such state
  assertEquals(result.state === "full", false);
});

test("the state of a channel is read-only", () => {
  const channel = new Channel<number>();
  for (const name of ["size", "bytes", "capacity", "closed", "dropped"] as const) {
    assertThrows(() => {
      // @ts-expect-error only the channel itself writes it
      channel[name] = 1;
    }, TypeError);
  }
});

test("the options of a channel are typed by its values", () => {
  const options: ChannelOptions<string> = {
    capacity: 1,
    overflow: "drop-oldest",
    maxBytes: 10,
    sizeOf: (value) => value.length,
    onDrop: (value) => same<typeof value, string>(true),
  };
  const channel = new Channel(options);
  same<typeof channel, Channel<string>>(true);
  channel.trySend("a");
  channel.trySend("b");
  assertEquals(channel.dropped, 1);
  // @ts-expect-error the options are for texts
  new Channel<number>(options);
  // @ts-expect-error there is no such policy
  assertThrows(() => new Channel({ overflow: "block" }));
  // @ts-expect-error a capacity is a number
  assertThrows(() => new Channel({ capacity: "1" }));
  // @ts-expect-error options are read-only
  options.capacity = 2;
  // Options that are computed may be undefined.
  const none = undefined as number | undefined;
  new Channel({ capacity: none, maxBytes: none, sizeOf: undefined, onDrop: undefined });
});

test("a signal that is computed may be undefined", async () => {
  const channel = new Channel<number>({ capacity: 4 });
  const signal = undefined as AbortSignal | undefined;
  await channel.send(1, { signal });
  await channel.sendBatch([2, 3], { signal, onUnsent: undefined });
  assertEquals(await channel.receive({ signal }), 1);
  assertEquals(await channel.receiveBatch(1, { signal }), [2]);
  // @ts-expect-error a signal goes into an options object
  await channel.receive(AbortSignal.abort());
});

test("Sender and Receiver show one side of a channel each", async () => {
  const channel = new Channel<number>({ capacity: 2 });
  const sender: Sender<number> = channel;
  const receiver: Receiver<number> = channel;
  await sender.send(1);
  assertEquals(await receiver.receive(), 1);
  // @ts-expect-error a sender does not receive
  sender.tryReceive();
  // @ts-expect-error a sender is not iterable
  sender[Symbol.asyncIterator]();
  // @ts-expect-error a receiver does not send
  receiver.trySend(1);
  // @ts-expect-error a receiver does not close
  receiver.close();
  // @ts-expect-error a receiver is no sender
  const wrong: Sender<number> = receiver;
  assertEquals(wrong.size, 1);
});

test("a receiver of something is a receiver of everything wider, and of nothing else", () => {
  const numbers: Receiver<number> = new Channel<number>();
  const wider: Receiver<number | string> = numbers;
  // @ts-expect-error it may give a text
  const narrower: Receiver<number> = wider;
  assertEquals(narrower.size, 0);
});

test("a receiver is an async iterable", () => {
  const receiver: Receiver<number> = new Channel<number>();
  const iterable: AsyncIterable<number> = receiver;
  // @ts-expect-error it gives numbers
  const wrong: AsyncIterable<string> = receiver;
  assertEquals(wrong === (iterable as unknown), true);
});

test("merge() gives the union of what its sources give", async () => {
  const numbers = new Channel<number>();
  const texts = new Channel<string>();
  numbers.close();
  texts.close();
  const merged = merge([numbers, texts, ReadableStream.from([true])]);
  same<typeof merged, AsyncIterableIterator<number | string | boolean>>(true);
  for await (const value of merged) same<typeof value, number | string | boolean>(true);
  same<ElementOf<Channel<number> | ReadableStream<string>>, number | string>(true);
  same<ElementOf<number>, never>(true);
  // @ts-expect-error a list is no async iterable
  assertThrows(() => merge([[1, 2]]), TypeError);
  // @ts-expect-error the sources come in one iterable
  assertThrows(() => merge(numbers), TypeError);
});

test("pipe() takes a source of what the channel takes", async () => {
  const channel = new Channel<number | string>({ capacity: 4 });
  async function* numbers(): AsyncGenerator<number> {
    yield 1;
  }
  same<ReturnType<typeof pipe<number>>, Promise<void>>(true);
  await pipe(numbers(), channel, { preventClose: true });
  const texts = new Channel<string>({ capacity: 1 });
  // @ts-expect-error a channel of texts takes no numbers
  await pipe(numbers(), texts);
  assertEquals([channel.size, texts.size], [1, 1]);
});

test("the errors carry values of an unknown type, read-only", async () => {
  const channel = new Channel<number>({ overflow: "fail" });
  const full = await assertRejects(() => channel.send(1), ChannelFullError);
  same<typeof full.value, unknown>(true);
  same<typeof full.capacity, number>(true);
  channel.close();
  const closed = await assertRejects(() => channel.send(1), ChannelClosedError);
  same<typeof closed.value, unknown>(true);
  assertThrows(() => {
    // @ts-expect-error what was not sent stays what it was
    closed.value = 2;
  }, TypeError);
  // @ts-expect-error at most one value
  assertEquals(new ChannelClosedError("text", 1, 2).value, 1);
});
