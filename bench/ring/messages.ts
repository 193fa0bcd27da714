/**
 * What goes over every link: messages that say their number at both ends, so that one that is torn, lost, doubled or out of order is
 * found out.
 *
 * | offset | size | |
 * |---|---|---|
 * | 0 | 4 | number, from 0 on, modulo 2^32 |
 * | 4 | 1 | 1 in the last message of a flood, else 0 |
 * | 8 | 4 | in the last message: how many messages the flood had, with it |
 * | 12 | 4 | in the last message: how long the flood took its writer, in microseconds |
 * | last 4 | 4 | the number, with all bits turned over |
 *
 * @module
 */
import { WrongAnswerError } from "../case.ts";

/** Numbers the messages of one end. */
export class Outgoing {
  /** The messages, which are used again and again. */
  readonly messages: readonly Uint8Array<ArrayBuffer>[];
  readonly #words: readonly Int32Array[];
  #next = 0;
  #first = 0;
  #start = 0;

  /** Makes `count` messages of `size` bytes. */
  constructor(size: number, count: number) {
    this.messages = Array.from({ length: count }, () => new Uint8Array(size).fill(0xa5));
    this.#words = this.messages.map(({ buffer }) => new Int32Array(buffer));
  }

  /** Begins a flood. */
  begin(): void {
    this.#first = this.#next;
    this.#start = performance.now();
  }

  /** Numbers a message and answers it. */
  next(index = 0): Uint8Array<ArrayBuffer> {
    const words = this.#words[index]!;
    words[0] = this.#next;
    words[1] = 0;
    words[words.length - 1] = ~this.#next;
    this.#next = (this.#next + 1) | 0;
    return this.messages[index]!;
  }

  /** Numbers all messages and answers them. */
  nextBatch(): readonly Uint8Array<ArrayBuffer>[] {
    for (let index = 0; index < this.messages.length; index++) this.next(index);
    return this.messages;
  }

  /** Numbers the message that ends the flood and answers it. */
  last(): Uint8Array<ArrayBuffer> {
    const message = this.next();
    const words = this.#words[0]!;
    words[1] = 1;
    words[2] = (this.#next - this.#first) | 0;
    words[3] = (performance.now() - this.#start) * 1000;
    return message;
  }
}

/** Checks the messages that come from the other end. */
export class Incoming {
  #next = 0;
  #delivered = 0;
  #missing = 0;
  /** When the first message of a flood came. */
  #start = 0;
  /** How long its writer says that it took, in milliseconds. */
  #writerMs = 0;

  /** How many messages came since `begin`. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Begins to count. */
  begin(): void {
    this.#delivered = this.#missing = this.#start = 0;
  }

  /**
   * Checks one message.
   *
   * @returns How many messages its flood had, if it is the last; else 0.
   */
  take(message: Uint8Array): number {
    const number = wordAt(message, 0);
    if (wordAt(message, message.length - 4) !== ~number) {
      throw new WrongAnswerError(`message ${number} is torn`);
    }
    const gap = (number - this.#next) | 0;
    if (gap < 0) {
      throw new WrongAnswerError(`message ${number} came where ${this.#next} was due`);
    }
    this.#missing += gap;
    this.#next = (number + 1) | 0;
    this.#delivered++;
    if (message[4] === 0) return 0;
    this.#writerMs = wordAt(message, 12) / 1000;
    return wordAt(message, 8);
  }

  /** Says that some messages came: the time of a flood begins with the first that did. */
  started(): void {
    if (this.#start === 0) this.#start = performance.now();
  }

  /**
   * Ends the count.
   *
   * @param sent How many messages there were.
   * @param lost How many of them the link says that it lost; undefined if it loses some and does not say so.
   */
  end(sent: number, lost: number = this.#missing): Flow {
    // A reader that was kept from reading has not been any faster.
    const ms = Math.max(performance.now() - this.#start, this.#writerMs);
    const delivered = this.#delivered;
    if (this.#missing !== lost || delivered + lost !== sent) {
      throw new WrongAnswerError(
        `of ${sent} messages ${delivered} came, ${this.#missing} were missing, and ${lost} were said to be lost`,
      );
    }
    return { sent, delivered, lost, ms };
  }
}

/** What got through. */
export interface Flow {
  /** How many messages were sent. */
  readonly sent: number;
  /** How many came. */
  readonly delivered: number;
  /** How many did not. */
  readonly lost: number;
  /** How long that took, in milliseconds: the writer, or the reader from the first that came to the last. */
  readonly ms: number;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
