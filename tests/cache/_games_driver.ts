import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { SpanCache, SpanDriver, type SpanEventMessage, type SpanInput } from "../../cache/mod.ts";
import { HandClock } from "../_hand_clock.ts";
import { Random } from "../_random.ts";
import { compareAll } from "./_games_compare.ts";
import { NaiveCache } from "./_naive.ts";
import { type EventMessage, NaiveDriver, type Sent } from "./_naive_driver.ts";

const LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
/** What is no span, whatever else is in it. */
const BAD_SPANS: readonly unknown[] = [
  { name: 7 },
  { startMs: NaN },
  { durationMs: -1 },
  { durationMs: Infinity },
  { id: "00" },
  { id: "0".repeat(16) },
  { traceId: "F".repeat(32) },
  { parentId: 7 },
  { level: "loud" },
  { status: "bad" },
  { events: [{ name: "no time" }] },
  { links: [{ traceId: "1", spanId: "2" }] },
];
const BAD_EVENTS: readonly unknown[] = [
  { name: null },
  { timeMs: "now" },
  { timeMs: Infinity },
  { level: "off" },
  { fields: "none" },
];
const NOTHING: readonly unknown[] = [null, undefined, 7, "text", [], {}];

/** Sends spans and events in all orders to one driver, which drains them now and then, and to its model. */
export function playDriver(seed: number): void {
  const game = new DriverGame(seed);
  try {
    for (let step = 0; step < 60; step++) game.step();
    game.end();
  } catch (error) {
    throw new Error(`seed ${seed}, last: ${game.actions.slice(-6).join("; ")}`, { cause: error });
  }
}

class DriverGame {
  readonly actions: string[] = [];
  readonly #random: Random;
  readonly #clock = new HandClock();
  readonly #cache: SpanCache;
  readonly #driver: SpanDriver;
  readonly #model: NaiveCache;
  readonly #naive: NaiveDriver;
  readonly #originMs = this.#clock.wallMs - this.#clock.ms;
  readonly #refused: unknown[] = [];
  readonly #bad: unknown[] = [];
  readonly #bounds: { capacity: number; maxEvents: number; channelCapacity: number };
  #events = 0;

  constructor(seed: number) {
    const random = this.#random = new Random(seed);
    const bounds = {
      capacity: 1 + random.below(20),
      maxOpen: 9,
      maxNames: 32,
      maxEvents: 1 + random.below(12),
      evict: random.pick(["oldest-opened", "oldest-closed"] as const),
      reserve: 0,
      slowMs: Infinity,
    };
    const sizes = {
      capacity: 1 + random.below(8),
      maxEvents: 1 + random.below(6),
      channelCapacity: random.pick([3, 10, 1_000]),
    };
    this.#bounds = sizes;
    this.#cache = new SpanCache({ ...bounds, clock: this.#clock });
    this.#driver = new SpanDriver(this.#cache, {
      ...sizes,
      onRefuse: (error, input) => {
        assert(error instanceof TypeError || error instanceof RangeError);
        this.#refused.push(input);
      },
    });
    this.#model = new NaiveCache(bounds);
    this.#model.now = this.#clock.ms;
    this.#naive = new NaiveDriver(this.#model, this.#originMs, sizes);
  }

  step(): void {
    const random = this.#random;
    for (let left = random.below(7); left > 0; left--) {
      if (random.below(3) > 0) this.#sendEvent();
      else this.#sendSpan();
    }
    if (random.below(12) === 0) {
      this.#cache.level = this.#model.level = random.pick(["trace", "info", "error"]);
    }
    if (random.below(20) === 0) {
      this.actions.push("clear");
      assertEquals(this.#cache.clear(), this.#model.clear());
    }
    if (random.below(3) > 0) this.#drain();
    this.#compare();
  }

  /** Closes the driver: what was sent before is still taken in. */
  end(): void {
    this.#driver.close();
    assert(this.#driver.closed);
    assertEquals(this.#driver.spans.trySend({ name: "late", startMs: 0, durationMs: 0 }), false);
    this.#drain();
    this.#compare();
    assertEquals(this.#driver.drain(), 0);
  }

  #drain(): void {
    this.actions.push("drain");
    assertEquals(this.#driver.drain(), this.#naive.drain());
    assertEquals(new Set(this.#refused), new Set(this.#bad.filter((one) => this.#isTaken(one))));
  }

  /** What is bad has been taken unless it waits in a channel. */
  #isTaken(one: unknown): boolean {
    const { spans, events } = this.#naive;
    return ![...spans, ...events].some(({ value }) => value === one);
  }

  #sendEvent(): void {
    const random = this.#random;
    const spanId = this.#id();
    const event = {
      name: `event ${++this.#events}`,
      timeMs: this.#originMs + random.below(1_000),
      level: random.pick(LEVELS),
      fields: { number: this.#events },
    };
    let sent: Sent<EventMessage> = { value: { spanId, event }, isBad: false };
    if (random.below(10) === 0) sent = { value: this.#badEvent(spanId, event), isBad: true };
    this.actions.push(`event of ${spanId}${sent.isBad ? ", bad" : ""}`);
    const isSent = this.#naive.sendEvent(sent);
    assertEquals(this.#driver.events.trySend(sent.value as SpanEventMessage), isSent);
    if (sent.isBad && isSent) this.#bad.push(sent.value);
  }

  #badEvent(spanId: string, event: object): EventMessage {
    const random = this.#random;
    return random.pick([
      random.pick(NOTHING),
      { spanId: random.pick(["", "f", 7, "g".repeat(16), undefined]), event },
      { spanId, event: random.pick(NOTHING) },
      { spanId, event: { ...event, ...random.pick(BAD_EVENTS) as object } },
    ]) as EventMessage;
  }

  #sendSpan(): void {
    const random = this.#random;
    const id = this.#id();
    const good: SpanInput = {
      name: `name ${random.below(4)}`,
      id,
      traceId: `f${id}`.padEnd(32, "0"),
      // Each begins when no other does, so that it is clear which one goes first.
      startMs: this.#originMs + Number(`0x${id.slice(-4)}`) - 100,
      durationMs: random.below(50),
      level: random.pick(LEVELS),
      selfMs: 0,
      ...(random.below(3) === 0
        ? { events: [{ name: "of its own", timeMs: this.#originMs }] }
        : {}),
      ...(random.below(3) === 0 ? { parentId: "f".repeat(16) } : {}),
    };
    let sent: Sent<SpanInput> = { value: good, isBad: false };
    if (random.below(10) === 0) {
      const isNothing = random.below(3) === 0;
      const bad = isNothing
        ? random.pick(NOTHING)
        : { ...good, ...random.pick(BAD_SPANS) as object };
      sent = { value: bad as SpanInput, isBad: true };
    }
    this.actions.push(`span ${id}${sent.isBad ? ", bad" : ""}`);
    const isSent = this.#naive.sendSpan(sent);
    assertEquals(this.#driver.spans.trySend(sent.value), isSent);
    if (sent.isBad && isSent) this.#bad.push(sent.value);
  }

  /** One of few spans; now and then one that never comes. */
  #id(): string {
    const random = this.#random;
    const number = random.below(30) + (random.below(6) === 0 ? 100 : 0);
    return `f0f0${number.toString(16).padStart(12, "0")}`;
  }

  #compare(): void {
    const stats = this.#driver.stats();
    const naive = this.#naive;
    assertEquals(stats, {
      ...naive.counts,
      parents: naive.waiting.length,
      parked: naive.parked,
    });
    const { attached, parked, droppedEvents } = stats;
    assertEquals(naive.taken, attached + parked + droppedEvents + naive.refusedEvents);
    assertLessOrEqual(stats.parents, this.#bounds.capacity);
    assertLessOrEqual(parked, stats.parents * this.#bounds.maxEvents);
    compareAll({
      cache: this.#cache,
      model: this.#model,
      random: this.#random,
      originMs: this.#originMs,
      isShort: false,
      hasAllNames: true,
      ids: new Set(),
    });
  }
}
