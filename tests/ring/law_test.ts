import { assert, assertEquals } from "@std/assert";
import {
  attachStorage,
  frameId,
  Ring,
  RingCursor,
  type RingFrame,
  type RingSpec,
  type RingTopology,
} from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { NaiveCursor, type NaiveFrame, type NaivePoll, NaiveRing } from "./_naive.ts";
import { STORAGES, TOPOLOGIES } from "./_ring.ts";

// The law: to - from = frames + overwritten + unavailable, for any interleaving of what writers and readers do; and, in one thread, exactly
// the frames and the losses of a model that keeps everything.

/** A frame as far as it can be told apart; its bytes are copied, for frames that are used again. */
function seen({ node, counter, kind, version, payload }: RingFrame | NaiveFrame): NaiveFrame {
  return { node, counter, kind, version, payload: new Uint8Array(payload) };
}

/** Fails unless two lists of frames are the same; faster than comparing each deeply. */
function assertSame(actual: readonly NaiveFrame[], expected: readonly NaiveFrame[]): void {
  assertEquals(actual.map(told), expected.map(told));
}

function told({ node, counter, kind, version, payload }: NaiveFrame): string {
  return `${node}:${counter} ${kind} ${version} ${payload}`;
}

/** A cursor, and what it should be. */
interface Reader {
  readonly ring: Ring;
  readonly cursor: RingCursor;
  readonly naive: NaiveCursor;
  /** The sum of its counters when it was made, less what it has gone back. */
  start: number;
}

/** One ring, its writers and readers, and the model of it. */
class Play {
  readonly #random: Random;
  readonly #naive: NaiveRing;
  readonly #writers: readonly Ring[];
  readonly #spec: RingSpec & { readonly nodes: number };
  readonly #readers: Reader[] = [];

  constructor(random: Random, topology: RingTopology, firstCounter: number) {
    const capacity = random.pick([1, 2, 4, 8, 64]);
    const payloadCapacity = random.pick([0, 1, 8, 40, 130, 300]);
    const nodes = random.pick([1, 2, 3]);
    this.#random = random;
    // The sum of all counters must be exact.
    const first = topology === "shared" ? firstCounter : Math.min(firstCounter, 2 ** 52 / 4);
    this.#spec = { capacity, payloadCapacity, topology, nodes, firstCounter: first };
    const storage = random.pick(STORAGES)[1](this.#spec);
    this.#naive = new NaiveRing(capacity, storage.geometry.lanes, first);
    this.#writers = Array.from({ length: nodes }, (_, node) => {
      // Some have the storage, some have attached to it.
      const own = random.below(2) === 0 ? storage : attachStorage(storage.buffer, this.#spec);
      return new Ring(own, { node });
    });
  }

  /** How many frames the readers found, and how many they lost. */
  get delivered(): number {
    return sum(this.#readers.map(({ naive }) => naive.delivered));
  }

  get overwritten(): number {
    return sum(this.#readers.map(({ naive }) => naive.overwritten));
  }

  close(): void {
    for (const ring of this.#writers) ring.close();
  }

  step(): void {
    const steps = [
      this.#publish,
      this.#publish,
      this.#publishBatch,
      this.#look,
      this.#look,
      this.#lookBothWays,
      this.#read,
      this.#latest,
      this.#addReader,
      this.#say,
    ];
    // Rarely, or nothing is ever there.
    if (this.#random.below(40) === 0) this.#reset();
    else this.#random.pick(steps).call(this);
  }

  /** Lets every reader see all there is. */
  finish(): void {
    for (const reader of this.#readers) {
      const { cursor, naive } = reader;
      for (let looks = 0; looks < 1_000; looks++) {
        const found = this.#compare(reader, 1 + this.#random.below(100), false);
        if (found.frames.length === 0) break;
      }
      assertEquals(cursor.counters, naive.next);
      assertEquals(cursor.delivered, naive.delivered);
      assertEquals(cursor.lost, { overwritten: naive.overwritten, unavailable: 0 });
      assertEquals(cursor.position - reader.start, naive.delivered + naive.overwritten);
    }
  }

  #frame(node: number): Omit<NaiveFrame, "counter"> {
    const random = this.#random;
    const length = random.pick([0, 1, random.below(this.#spec.payloadCapacity + 1)]);
    const payload = new Uint8Array(Math.min(length, this.#spec.payloadCapacity));
    for (let index = 0; index < payload.length; index++) payload[index] = random.below(256);
    return {
      node,
      kind: random.below(256),
      version: Math.floor(random.next() * 2 ** random.below(54)),
      payload,
    };
  }

  #publish(): void {
    const node = this.#random.below(this.#writers.length);
    const lane = this.#laneOf(node);
    for (let count = this.#random.pick([1, 1, 1, 2, 5, this.#spec.capacity]); count > 0; count--) {
      const frame = this.#frame(node);
      const { kind, version } = frame;
      const payload = frame.payload.slice();
      const id = this.#writers[node]!.publish(payload, { kind, version });
      assertEquals(id, frameId(lane, this.#naive.publish(lane, frame)));
      // What was published is not what becomes of the array.
      payload.fill(255);
    }
  }

  #publishBatch(): void {
    const node = this.#random.below(this.#writers.length);
    const lane = this.#laneOf(node);
    const { kind, version } = this.#frame(node);
    const count = this.#random.below(Math.min(this.#spec.capacity, 20) + 1);
    const frames = Array.from({ length: count }, () => ({ ...this.#frame(node), kind, version }));
    const id = this.#writers[node]!.publishBatch(frames.map(({ payload }) => payload), {
      kind,
      version,
    });
    const [first] = frames.map((frame) => this.#naive.publish(lane, frame));
    assertEquals(id, first === undefined ? undefined : frameId(lane, first));
  }

  #addReader(): void {
    if (this.#readers.length >= 6) this.#readers.shift();
    const random = this.#random;
    const ring = random.pick(this.#writers);
    const { lanes } = this.#naive;
    const node = random.pick([undefined, undefined, random.below(lanes.length)]);
    const of = node === undefined ? lanes.map((_, lane) => lane) : [node];
    const options = { node };
    const way = random.below(3);
    const counters = of.map((lane) =>
      way === 0
        ? lanes[lane]!.base
        : way === 1
        ? this.#naive.head(lane)
        : Math.max(0, this.#naive.oldest(lane) - 3 + random.below(this.#spec.capacity + 8))
    );
    const cursor = way === 0
      ? RingCursor.fromStart(ring, options)
      : way === 1
      ? RingCursor.atHead(ring, options)
      : RingCursor.at(ring, counters, options);
    assertEquals(cursor.counters, counters);
    const naive = new NaiveCursor(this.#naive, node ?? 0, counters);
    this.#readers.push({ ring, cursor, naive, start: cursor.position });
  }

  #look(): void {
    const reader = this.#anyReader();
    if (reader !== undefined) this.#compare(reader, this.#max(), this.#random.below(2) === 0);
  }

  /** Looks by two cursors at the same place, once by each way. */
  #lookBothWays(): void {
    const reader = this.#anyReader();
    if (reader === undefined) return;
    const { ring, cursor, naive } = reader;
    const { lanes } = this.#naive;
    const node = naive.next.length === lanes.length ? undefined : cursor.node!;
    const twins = [0, 1].map(() => RingCursor.at(ring, cursor.counters, { node }));
    const max = this.#max();
    const { frames, ...polled } = ring.poll(twins[0]!, { max });
    const visits: NaiveFrame[] = [];
    const { delivered, ...visited } = ring.visit(
      twins[1]!,
      (frame) => void visits.push(seen(frame)),
      { max },
    );
    assertSame(visits, frames);
    assertEquals(visited, polled);
    assertEquals(delivered, frames.length);
    assertEquals(twins[0]!.counters, twins[1]!.counters);
    assertEquals(twins[0]!.lost, twins[1]!.lost);
  }

  /** Looks, and fails unless the model finds the same. */
  #compare(reader: Reader, max: number, isVisit: boolean): NaivePoll {
    const { ring, cursor, naive } = reader;
    const before = cursor.position;
    const expected = naive.poll(max);
    let found: readonly NaiveFrame[];
    let progress;
    if (isVisit) {
      const frames: NaiveFrame[] = [];
      progress = ring.visit(cursor, (frame) => void frames.push(seen(frame)), { max });
      assertEquals(progress.delivered, frames.length);
      found = frames;
    } else {
      progress = ring.poll(cursor, { max });
      found = progress.frames;
    }
    assertSame(found, expected.frames);
    const { lost, from, to } = progress;
    assertEquals(lost, { overwritten: expected.overwritten, unavailable: 0 });
    assertEquals(to - from, found.length + lost.overwritten + lost.unavailable);
    assertEquals(cursor.counters, expected.to);
    assertEquals([from, to], [sum(expected.from), sum(expected.to)]);
    reader.start -= before - from;
    return expected;
  }

  #read(): void {
    const random = this.#random;
    const lane = random.below(this.#naive.lanes.length + 1);
    const head = lane < this.#naive.lanes.length ? this.#naive.head(lane) : 0;
    const counter = Math.max(0, head + 2 - random.below(this.#spec.capacity + 5));
    const frame = random.pick(this.#writers).read(frameId(lane, counter));
    const expected = this.#naive.read(lane, counter);
    assertSame(frame === undefined ? [] : [frame], expected === undefined ? [] : [expected]);
    if (frame !== undefined) assertEquals(frame.id, frameId(lane, counter));
  }

  #latest(): void {
    const lane = this.#random.below(this.#naive.lanes.length);
    const frame = this.#random.pick(this.#writers).latest(lane);
    const expected = this.#naive.read(lane, this.#naive.head(lane) - 1);
    assertSame(frame === undefined ? [] : [frame], expected === undefined ? [] : [expected]);
  }

  #reset(): void {
    this.#random.pick(this.#writers).reset();
    this.#naive.reset();
  }

  #say(): void {
    const { lanes, head } = this.#random.pick(this.#writers).stats();
    assertEquals(head, sum(lanes.map((lane) => lane.head)));
    assertEquals(
      lanes.map((lane) => [lane.head, lane.base, lane.retainedFrom, lane.lapped]),
      this.#naive.lanes.map(({ base }, lane) => [
        this.#naive.head(lane),
        base,
        this.#naive.oldest(lane),
        0,
      ]),
    );
  }

  #laneOf(node: number): number {
    return this.#naive.lanes.length === 1 ? 0 : node;
  }

  #max(): number {
    const { capacity } = this.#spec;
    return this.#random.pick([1, 2, 3, 31, 32, 33, capacity, 1_024, 1 + this.#random.below(80)]);
  }

  #anyReader(): Reader | undefined {
    return this.#readers.length === 0 ? undefined : this.#random.pick(this.#readers);
  }
}

function sum(counters: readonly number[]): number {
  return counters.reduce((all, one) => all + one, 0);
}

/** Plays many games, and says by which seed a lost one can be played again. */
function playAll(topology: RingTopology, firstCounter: number, games: number): void {
  let [delivered, overwritten] = [0, 0];
  for (let game = 0; game < games; game++) {
    const seed = game * 1_000_003 + firstCounter % 999_983;
    const play = new Play(new Random(seed), topology, firstCounter);
    try {
      for (let step = 0; step < 120; step++) play.step();
      play.finish();
      delivered += play.delivered;
      overwritten += play.overwritten;
    } catch (error) {
      const { message } = error as Error;
      throw new Error(`seed ${seed}, ${topology}, ${firstCounter}: ${message}`, { cause: error });
    } finally {
      play.close();
    }
  }
  // A game in which nothing happens is won by any ring.
  assert(delivered > 50 * games && overwritten > 50 * games, `${delivered}, ${overwritten}`);
}

for (const topology of TOPOLOGIES) {
  for (const firstCounter of [0, 2 ** 31 - 3, 2 ** 32 - 5, 2 ** 40 - 2, 2 ** 52]) {
    test(`A ${topology} ring from ${firstCounter} on does what one does that keeps everything`, () => {
      playAll(topology, firstCounter, 60);
    });
  }
}
