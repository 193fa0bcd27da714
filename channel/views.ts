import type { Channel } from "./channel.ts";

/**
 * The writing side of a {@linkcode Channel}: what to hand to code that only sends.
 *
 * It is a restriction of the type alone; the object is the channel.
 *
 * @typeParam T The type of the values.
 */
export type Sender<T> = Pick<
  Channel<T>,
  "send" | "sendBatch" | "trySend" | "close" | "closed" | "capacity" | "size" | "bytes" | "dropped"
>;

/**
 * The reading side of a {@linkcode Channel}: what to hand to code that only receives.
 *
 * It is a restriction of the type alone; the object is the channel.
 *
 * @typeParam T The type of the values.
 */
export type Receiver<T> = Pick<
  Channel<T>,
  | "receive"
  | "receiveBatch"
  | "batches"
  | "tryReceive"
  | "toReadableStream"
  | "closed"
  | "capacity"
  | "size"
  | "bytes"
  | "dropped"
  | typeof Symbol.asyncIterator
>;
