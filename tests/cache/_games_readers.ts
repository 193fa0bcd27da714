import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { SpanCache, type SpanRecord, type SpanSubscription } from "../../cache/mod.ts";
import { ChannelClosedError } from "../../channel/mod.ts";
import { Random } from "../_random.ts";
import { observe, type Outcome, settle } from "../_settle.ts";
import { type CountedSignal, countedSignal } from "../_signal.ts";
import { NaiveReader } from "./_naive_reader.ts";

/** A wait that has not ended. */
interface Wait {
  /** The most spans; undefined for a single one. */
  readonly max: number | undefined;
  readonly outcome: Outcome<SpanRecord | SpanRecord[]>;
  readonly signal: CountedSignal;
  isAborted: boolean;
}

interface Reader {
  readonly subscription: SpanSubscription;
  readonly naive: NaiveReader;
  readonly signal: CountedSignal;
  waits: Wait[];
}

/** What a predicate throws, and with what waits are aborted. */
const FAULT = new Error("a predicate that throws");
const REASON = new Error("enough");

const FILTERS: readonly ((span: SpanRecord) => boolean)[] = [
  () => true,
  ({ seq }) => seq % 2 === 0,
  ({ status }) => status === "error",
  ({ name }) => {
    if (name === "c") throw FAULT;
    return name === "a";
  },
];

/** Lets readers of all kinds read what one cache commits, each against its model. */
export async function playReaders(seed: number): Promise<void> {
  const game = new ReaderGame(seed);
  try {
    for (let step = 0; step < 60; step++) await game.step();
    await game.end();
  } catch (error) {
    throw new Error(`seed ${seed}, last: ${game.actions.slice(-6).join("; ")}`, { cause: error });
  }
}

class ReaderGame {
  readonly actions: string[] = [];
  readonly #random: Random;
  readonly #cache: SpanCache;
  /** How waits are to end that have not been looked at yet. */
  readonly #expected: Map<Wait, { value?: unknown; fault?: unknown; isClosed?: boolean }> =
    new Map();
  #readers: Reader[] = [];
  #foreign = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    const capacity = 1 + seed % 7;
    this.#cache = new SpanCache({ capacity, reserve: seed % 2 === 0 ? 0 : capacity >>> 1 });
  }

  async step(): Promise<void> {
    const random = this.#random;
    const kind = random.below(100);
    const reader = this.#readers.length === 0 ? undefined : random.pick(this.#readers);
    if (reader === undefined || kind < 8) this.#subscribe();
    else if (kind < 50) this.#commit();
    else if (kind < 62) this.#tryReceive(reader);
    else if (kind < 82) this.#receive(reader);
    else if (kind < 86) this.#abortWait(reader);
    else if (kind < 89) this.#close(reader);
    else if (kind < 91) await this.#leave(reader);
    else if (kind < 93) this.#cache.clear();
    else await this.#iterate(reader);
    this.#compareCounts();
    await settle();
    this.#settleWaits();
    this.#compareCounts();
  }

  /** Closes the cache, reads all that is left, and looks for what stays behind. */
  async end(): Promise<void> {
    this.actions.push("close");
    this.#cache.close();
    for (const { naive } of this.#readers) naive.close();
    await settle();
    this.#settleWaits();
    for (const reader of this.#readers) {
      const { subscription, signal } = reader;
      assert(subscription.closed);
      while (subscription.size > 0) this.#tryReceive(reader);
      while (!this.#tryReceive(reader)) continue;
      assertEquals(subscription.tryReceive(), { state: "closed" });
      assertEquals(await subscription.receiveBatch(3), []);
      assertEquals(signal.listening, 0, "a listener of a subscription");
    }
    this.#compareCounts();
    assertEquals(this.#cache.stats().waiting, 0);
  }

  #subscribe(): void {
    const random = this.#random;
    const { lastSeq } = this.#cache;
    const after = random.pick([undefined, 0, random.below(lastSeq + 1), lastSeq + 9]);
    const fits = random.pick(FILTERS);
    this.actions.push(`subscribe after ${after}`);
    const signal = countedSignal();
    const where = fits === FILTERS[2] ? undefined : fits;
    const failed = fits === FILTERS[2] ? true : undefined;
    const subscription = this.#cache.subscribe({ after, where, failed, signal: signal.signal });
    const naive = new NaiveReader(this.#cache, Math.min(after ?? lastSeq, lastSeq), fits);
    this.#readers.push({ subscription, naive, signal, waits: [] });
    if (this.#readers.length <= 8) return;
    // Those that are forgotten are closed first, so that none of their waits is left.
    const [oldest] = this.#readers;
    this.#close(oldest!);
    this.#readers = this.#readers.filter((reader) => reader !== oldest);
  }

  #commit(): void {
    const random = this.#random;
    for (let left = 1 + random.below(random.below(4) === 0 ? 12 : 3); left > 0; left--) {
      const name = random.pick(["a", "b", "c"]);
      const hasFailed = random.below(3) === 0;
      this.actions.push(`commit ${name}`);
      if (random.below(3) > 0) {
        const span = this.#cache.start(name);
        if (hasFailed) span.fail();
        span.end();
        continue;
      }
      const id = `f${(++this.#foreign).toString(16).padStart(15, "0")}`;
      const startMs = random.below(9) * 1e6;
      const status = hasFailed ? "error" : "ok";
      this.#cache.record({ id, name, startMs, durationMs: 1, status });
    }
  }

  /** Takes a span if there is one. Answers whether there was none. */
  #tryReceive({ subscription, naive }: Reader): boolean {
    this.actions.push("tryReceive");
    const expected = attempt(() => naive.next());
    const actual = attempt(() => subscription.tryReceive());
    if (expected.fault !== undefined || actual.fault !== undefined) {
      assertStrictEquals(actual.fault, expected.fault);
      return false;
    }
    const seq = expected.value;
    const { state } = actual.value!;
    if (seq === undefined) assertEquals(state, subscription.closed ? "closed" : "empty");
    assertEquals(actual.value!.state === "ok" ? actual.value!.value.seq : undefined, seq);
    return seq === undefined;
  }

  /** Asks for spans, however many others wait for them. */
  #receive(reader: Reader): void {
    const random = this.#random;
    const max = random.pick([undefined, 1, 2, 5, Infinity]);
    this.actions.push(`receive ${max ?? "one"}`);
    const signal = countedSignal();
    const options = random.below(2) === 0 ? { signal: signal.signal } : undefined;
    const { subscription } = reader;
    const promise: Promise<SpanRecord | SpanRecord[]> = max === undefined
      ? subscription.receive(options)
      : subscription.receiveBatch(max, options);
    // What is there is taken at once, whoever has waited.
    reader.waits.push({ max, outcome: observe(promise), signal, isAborted: false });
    if (options === undefined) signal.abort("nobody listens");
    this.#expectWait(reader, reader.waits.at(-1)!);
  }

  #abortWait({ waits }: Reader): void {
    const wait = waits.at(-1);
    if (wait === undefined || wait.signal.signal.aborted) return;
    this.actions.push("abort a wait");
    wait.isAborted = true;
    wait.signal.abort(REASON);
  }

  #close({ subscription, naive, signal }: Reader): void {
    this.actions.push("close a reader");
    if (this.#random.below(2) === 0) subscription.close();
    else signal.abort();
    naive.close();
    assert(subscription.closed);
    assertEquals(signal.listening, 0, "a listener of a subscription that was closed");
  }

  async #leave({ subscription, naive, waits }: Reader): Promise<void> {
    if (waits.length > 0) return;
    this.actions.push("leave");
    const iterator = subscription[Symbol.asyncIterator]();
    assertEquals(await iterator.return?.(), { value: undefined, done: true });
    naive.close();
  }

  /** Reads some spans in a loop, as long as there are some, and leaves it by what a predicate throws or by closing. */
  async #iterate(reader: Reader): Promise<void> {
    const { subscription, naive, waits } = reader;
    if (waits.length > 0) return;
    const most = 1 + this.#random.below(4);
    this.actions.push(`iterate ${most}`);
    const expected: number[] = [];
    let fault: unknown;
    try {
      for (let seq; expected.length < most && (seq = naive.batch(1)[0]) !== undefined;) {
        expected.push(seq);
      }
    } catch (error) {
      fault = error;
    }
    // Else the loop would wait for another one.
    if (fault === undefined && expected.length < most) naive.close();
    const isEnding = naive.last !== undefined;
    if (isEnding) subscription.close();
    const actual: number[] = [];
    try {
      for await (const { seq } of subscription) {
        actual.push(seq);
        if (actual.length === most) break;
      }
    } catch (error) {
      assertStrictEquals(error, fault);
    }
    assertEquals(actual, expected);
    // Leaving the loop closes it; what a predicate throws does not.
    if (actual.length === most) naive.close();
  }

  #expectWait({ naive, subscription }: Reader, wait: Wait): void {
    const { max } = wait;
    const result = attempt(() => max === undefined ? naive.next() : naive.batch(max));
    const isEmpty = result.value === undefined || (result.value as number[]).length === 0;
    if (result.fault !== undefined) this.#expected.set(wait, { fault: result.fault });
    else if (!isEmpty) this.#expected.set(wait, { value: result.value });
    else if (wait.isAborted) this.#expected.set(wait, { fault: REASON });
    else if (subscription.closed) {
      this.#expected.set(wait, max === undefined ? { isClosed: true } : { value: [] });
    }
  }

  /** Those that wait get what has come, one after the other. */
  #settleWaits(): void {
    for (const reader of this.#readers) {
      for (const wait of reader.waits) {
        if (!this.#expected.has(wait)) this.#expectWait(reader, wait);
        const expected = this.#expected.get(wait);
        const { state, value, reason } = wait.outcome;
        if (expected === undefined) {
          assertEquals(state, "pending");
          continue;
        }
        this.#expected.delete(wait);
        assertEquals(wait.signal.listening, 0, "a listener of a wait");
        if (expected.isClosed) assert(reason instanceof ChannelClosedError);
        else if (expected.fault !== undefined) assertStrictEquals(reason, expected.fault);
        else if (Array.isArray(value)) assertEquals(value.map(({ seq }) => seq), expected.value);
        else assertEquals(value?.seq, expected.value);
      }
      reader.waits = reader.waits.filter(({ outcome }) => outcome.state === "pending");
    }
    const waiting = this.#readers.reduce((sum, { waits }) => sum + waits.length, 0);
    assertEquals(this.#cache.stats().waiting, waiting);
  }

  #compareCounts(): void {
    for (const { subscription: actual, naive } of this.#readers) {
      const { offered, delivered, filtered, lagged, size, cursor } = actual;
      assertEquals(offered, delivered + filtered + lagged + size);
      assertEquals([offered, size, cursor], [naive.offered, naive.size, naive.cursor]);
      assertEquals([delivered, filtered, lagged], [naive.delivered, naive.filtered, naive.lagged]);
    }
  }
}

function attempt<T>(act: () => T): { readonly value?: T; readonly fault?: unknown } {
  try {
    return { value: act() };
  } catch (fault) {
    assertStrictEquals(fault, FAULT);
    return { fault };
  }
}
