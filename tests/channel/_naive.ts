import {
  type Channel,
  ChannelClosedError,
  ChannelFullError,
  type ChannelOptions,
  type ChannelOverflow,
  type ChannelReceiveResult,
  type ChannelSendBatchOptions,
  type ChannelWaitOptions,
} from "../../channel/mod.ts";

/** What a play needs of a channel. */
export type Subject = Pick<
  Channel<number>,
  | "send"
  | "sendBatch"
  | "trySend"
  | "receive"
  | "receiveBatch"
  | "tryReceive"
  | "batches"
  | "close"
  | "closed"
  | "size"
  | "bytes"
  | "dropped"
  | typeof Symbol.asyncIterator
>;

interface Item {
  readonly value: number;
  readonly size: number;
}

interface Sender {
  items: Item[];
  resolve: () => void;
  reject: (reason: unknown) => void;
  giveBack: (values: number[]) => unknown;
}

interface Reader {
  give: (value: number) => void;
  reject: (reason: unknown) => void;
  end?: () => void;
}

const LEFT = Symbol("the reader has left");

const values = (items: Item[]): number[] => items.map((item) => item.value);

/** The contract of a channel, written down with plain arrays and no thought of cost. */
export class NaiveChannel implements Subject {
  dropped = 0;
  closed = false;
  #capacity: number;
  #overflow: ChannelOverflow;
  #maxBytes: number;
  #sizeOf: (value: number) => number;
  #onDrop: (value: number) => void;
  #buffer: Item[] = [];
  #senders: Sender[] = [];
  #readers: Reader[] = [];
  #reason: [] | [unknown] = [];

  constructor(options: ChannelOptions<number>) {
    const { capacity = 0, overflow = "wait", maxBytes = Infinity } = options;
    this.#capacity = capacity;
    this.#overflow = overflow;
    this.#maxBytes = maxBytes;
    this.#sizeOf = options.sizeOf ?? (() => 0);
    this.#onDrop = options.onDrop ?? (() => {});
  }

  get size(): number {
    return this.#buffer.length;
  }

  get bytes(): number {
    return this.#buffer.reduce((sum, item) => sum + item.size, 0);
  }

  send(value: number, options?: ChannelWaitOptions): Promise<void> {
    return this.#send([value], options, ([unsent]) => unsent);
  }

  sendBatch(batch: readonly number[], options?: ChannelSendBatchOptions<number>): Promise<void> {
    return this.#send(batch, options, (unsent) => {
      options?.onUnsent?.(unsent);
      return unsent;
    });
  }

  trySend(value: number): boolean {
    return !this.closed && this.#offer({ value, size: this.#sizeOf(value) }) === "in";
  }

  receive(options?: ChannelWaitOptions): Promise<number> {
    const [taken] = this.#take(1);
    if (taken !== undefined) return Promise.resolve(taken);
    return new Promise((give, reject) => this.#read({ give, reject }, options?.signal));
  }

  receiveBatch(max: number, options?: ChannelWaitOptions): Promise<number[]> {
    const taken = this.#take(max);
    if (taken.length > 0) return Promise.resolve(taken);
    return new Promise<number[]>((resolve, reject) => {
      const give = (value: number): void => resolve([value]);
      this.#read({ give, reject, end: () => resolve([]) }, options?.signal);
    }).then((first) => first.length > 0 ? [...first, ...this.#take(max - 1)] : first);
  }

  tryReceive(): ChannelReceiveResult<number> {
    const [value] = this.#take(1);
    if (value !== undefined) return { state: "ok", value };
    return { state: this.closed ? "closed" : "empty" };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<number> {
    return this.#iterate((signal) => this.receiveBatch(1, { signal }).then(([value]) => value));
  }

  batches(max: number, options?: ChannelWaitOptions): AsyncIterableIterator<number[]> {
    return this.#iterate(
      (signal) =>
        this.receiveBatch(max, { signal }).then((batch) => batch.length ? batch : undefined),
      options?.signal,
    );
  }

  close(...reason: [] | [unknown]): void {
    if (this.closed) return;
    this.closed = true;
    this.#reason = reason;
    for (const sender of this.#senders.splice(0)) {
      sender.reject(new ChannelClosedError("", sender.giveBack(values(sender.items))));
    }
    for (const reader of this.#readers.splice(0)) this.#end(reader);
  }

  #fits(item: Item): boolean {
    return this.size < this.#capacity && this.bytes + item.size <= this.#maxBytes;
  }

  #offer(item: Item): "in" | "dropped" | "no room" {
    const overflow = this.#overflow;
    const fitsAtAll = item.size <= this.#maxBytes;
    if (fitsAtAll && this.#readers.length > 0) {
      this.#readers.shift()!.give(item.value);
      return "in";
    }
    if (this.#fits(item) && this.#senders.length === 0) {
      this.#buffer.push(item);
      return "in";
    }
    if (overflow === "wait" || overflow === "fail") return "no room";
    const victims: Item[] = [];
    if (overflow === "drop-oldest" && this.#capacity > 0 && fitsAtAll) {
      while (!this.#fits(item)) victims.push(this.#buffer.shift()!);
      this.#buffer.push(item);
    } else victims.push(item);
    this.dropped += victims.length;
    for (const victim of victims) this.#onDrop(victim.value);
    return victims.includes(item) ? "dropped" : "in";
  }

  #send(
    batch: readonly number[],
    options: ChannelWaitOptions | undefined,
    giveBack: (values: number[]) => unknown,
  ): Promise<void> {
    const items = batch.map((value) => ({ value, size: this.#sizeOf(value) }));
    const overflow = this.#overflow;
    const keeps = overflow === "wait" || overflow === "fail";
    if (this.closed) return Promise.reject(new ChannelClosedError("", giveBack(values(items))));
    if (keeps && items.some((item) => item.size > this.#maxBytes)) {
      giveBack(values(items));
      return Promise.reject(new RangeError());
    }
    while (items.length > 0 && this.#offer(items[0]!) !== "no room") items.shift();
    if (items.length === 0) return Promise.resolve();
    if (overflow === "fail") {
      return Promise.reject(new ChannelFullError(this.#capacity, giveBack(values(items))));
    }
    return new Promise((resolve, reject) => {
      const sender: Sender = { items, resolve, reject, giveBack };
      this.#senders.push(sender);
      this.#onAbort(options?.signal, (reason) => {
        if (!this.#senders.includes(sender)) return;
        this.#senders.splice(this.#senders.indexOf(sender), 1);
        giveBack(values(items));
        reject(reason);
        this.#admit();
      });
    });
  }

  /** Takes up to `max` values from the buffer, refilled by waiting senders, or from these themselves. */
  #take(max: number): number[] {
    const taken: number[] = [];
    while (taken.length < max && this.size + this.#senders.length > 0) {
      taken.push((this.#buffer.shift() ?? this.#next()).value);
      this.#admit();
    }
    return taken;
  }

  /** The next item of the first sender, which is done with its last. */
  #next(): Item {
    const sender = this.#senders[0]!;
    const item = sender.items.shift()!;
    if (sender.items.length === 0) {
      this.#senders.shift();
      sender.resolve();
    }
    return item;
  }

  #admit(): void {
    while (this.#senders.length > 0 && this.#fits(this.#senders[0]!.items[0]!)) {
      this.#buffer.push(this.#next());
    }
  }

  #read(reader: Reader, signal: AbortSignal | undefined): void {
    if (this.closed) return this.#end(reader);
    this.#readers.push(reader);
    this.#onAbort(signal, (reason) => {
      if (!this.#readers.includes(reader)) return;
      this.#readers.splice(this.#readers.indexOf(reader), 1);
      reader.reject(reason);
    });
  }

  #end(reader: Reader): void {
    if (this.#reason.length > 0) reader.reject(this.#reason[0]);
    else if (reader.end !== undefined) reader.end();
    else reader.reject(new ChannelClosedError(""));
  }

  #onAbort(signal: AbortSignal | undefined, abort: (reason: unknown) => void): void {
    if (signal?.aborted) abort(signal.reason);
    else signal?.addEventListener("abort", () => abort(signal.reason), { once: true });
  }

  /** An iterator that is asked for one result at a time. */
  #iterate<R>(
    pull: (signal: AbortSignal) => Promise<R | undefined>,
    signal?: AbortSignal,
  ): AsyncIterableIterator<R> {
    const left = new AbortController();
    let done = false;
    const iterator: AsyncIterableIterator<R> = {
      async next() {
        if (done) return { value: undefined, done };
        try {
          signal?.throwIfAborted();
          const value = await pull(signal ? AbortSignal.any([signal, left.signal]) : left.signal);
          if (value !== undefined) return { value, done: false };
          done = true;
        } catch (error) {
          done = true;
          if (error !== LEFT) throw error;
        }
        return { value: undefined, done };
      },
      return() {
        done = true;
        left.abort(LEFT);
        return Promise.resolve({ value: undefined, done });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }
}
