/**
 * Those who read whenever they like: loops, batches and streams. How many events each of them gets is known in the end.
 *
 * @module
 */
import { LaggedError } from "../../../bus/mod.ts";
import type { Happening } from "./model.ts";
import { type Queued, remember, subscribe } from "./queued.ts";
import { bus, expect, members, random, run, sleep, totals } from "./world.ts";

/** Counts for a reader that reads whenever it likes. */
export class Reader {
  /** How many it should get, or lose. */
  expected: number;
  /** How many it has got. */
  received = 0;
  /** Which one it has got last. */
  last = 0;
  readonly #queued: Queued;

  /** Begins with what is replayed. */
  constructor(queued: Queued) {
    this.#queued = queued;
    this.expected = queued.replayed.length;
  }

  /** Whether it still hears of events. */
  readonly hears = (): boolean => !this.#queued.queue.closed;

  /** Counts an event that it should get. */
  readonly expect = (): void => {
    this.expected++;
    totals.offered++;
  };

  /** Counts an event that it has got. */
  readonly take = ({ id }: Happening): void => {
    expect(id > this.last, true, `${this.#queued.what}: order`);
    this.last = id;
    this.received++;
    this.#remember();
  };

  /** Counts several. */
  readonly takeBatch = (batch: readonly Happening[]): void => {
    for (const { id } of batch) {
      expect(id > this.last, true, `${this.#queued.what}: order`);
      this.last = id;
    }
    this.received += batch.length;
    this.#remember();
  };

  /** Somebody else may go on behind the event that was read last. */
  #remember(): void {
    const { lastEventId } = this.#queued.queue;
    if (random.below(64) > 0 || lastEventId === undefined) return;
    remember(lastEventId, this.last);
  }

  /** What holds in the end, whatever has happened. `left` is what it has not read. */
  check(left: number, tellsLag: boolean): void {
    const { queue, what, told } = this.#queued;
    expect(this.received, this.expected - queue.lagged - left, `${what}: received`);
    expect(queue.delivered, this.received, `${what}: delivered`);
    expect(queue.offered, this.expected, `${what}: offered`);
    expect(queue.size, left, `${what}: size`);
    if (tellsLag && left === 0) expect(told.lost, queue.lagged, `${what}: losses told`);
    totals.delivered += this.received;
    totals.lagged += queue.lagged;
  }
}

/** A loop that keeps up, or sleeps now and then, and may leave by itself. */
export function addLoop(): void {
  const tellsLag = random.below(2) === 0;
  const queued = subscribe("loop", tellsLag);
  const { queue, wish, leave } = queued;
  const reader = new Reader(queued);
  const sleepsEvery = random.of([Infinity, 100, 10]);
  const way = random.below(4);
  const most = way === 0 ? 1 + random.below(500) : Infinity;
  let isDone = false;
  run("loop", async () => {
    let isCut = false;
    try {
      for await (const event of queue) {
        reader.take(event);
        if (reader.received === most) break;
        if (reader.received % sleepsEvery === 0) await sleep(5);
      }
    } catch (error) {
      isCut = true;
      if (!(error instanceof LaggedError)) expect(error, "left", "loop: its error");
    }
    isDone = true;
    // An abort ends a loop though there are events still; all other ends are behind the last event.
    if (!isCut && reader.received < most) expect(queue.size, 0, "loop: events that were not read");
    queue.close();
    await sleep(0);
    reader.check(queue.size, tellsLag && !leave.signal.aborted && reader.received < most);
  });
  members.add({
    wish,
    hears: reader.hears,
    expect: reader.expect,
    end() {
      if (way === 1) leave.abort("left");
      else if (way === 2) bus.unsubscribe(queue.id);
      else queue.close();
    },
    isOver: () => isDone,
  });
}

/** Reads what is there, in batches. */
export function addBatches(): void {
  const tellsLag = random.below(2) === 0;
  const queued = subscribe("batches", tellsLag);
  const { queue, wish } = queued;
  const reader = new Reader(queued);
  const most = random.of([1, 16, Infinity]);
  const pause = random.of([0, 0, 10]);
  let isDone = false;
  run("batches", async () => {
    try {
      for (;;) {
        const batch = await queue.receiveBatch(most);
        if (batch.length === 0) break;
        reader.takeBatch(batch);
        if (pause > 0) await sleep(pause);
      }
    } catch (error) {
      if (!(error instanceof LaggedError)) throw error;
    }
    isDone = true;
    await sleep(0);
    reader.check(0, tellsLag);
  });
  members.add({
    wish,
    hears: reader.hears,
    expect: reader.expect,
    end: () => queue.close(),
    isOver: () => isDone,
  });
}

/** Reads a stream of events, and cancels it or reads it to its end. */
export function addStream(): void {
  const queued = subscribe("stream", false);
  const { queue, wish } = queued;
  const reader = new Reader(queued);
  const cancels = random.below(2) === 0;
  let isDone = false;
  const stream = queue.toReadableStream().getReader();
  let isLeaving = false;
  run("stream", async () => {
    try {
      while (!isLeaving) {
        const { done, value } = await stream.read();
        if (done) break;
        reader.take(value);
        if (random.below(50) === 0) await sleep(2);
      }
      if (isLeaving) await stream.cancel();
    } catch (error) {
      if (!(error instanceof LaggedError)) throw error;
    }
    isDone = true;
    queue.close();
    await sleep(0);
    reader.check(queue.size, false);
  });
  members.add({
    wish,
    hears: reader.hears,
    expect: reader.expect,
    end() {
      // The loop may be waiting for an event: it gets an end instead.
      if (cancels) isLeaving = true;
      queue.close();
    },
    isOver: () => isDone,
  });
}
