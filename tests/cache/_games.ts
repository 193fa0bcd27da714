import { assert, assertEquals } from "@std/assert";
import { type Span, SpanCache, type SpanInput, type SpanRecord } from "../../cache/mod.ts";
import { HandClock } from "../_hand_clock.ts";
import { Random } from "../_random.ts";
import { compareAll, type Compared } from "./_games_compare.ts";
import { Starter } from "./_games_start.ts";
import { compareStats } from "./_games_stats.ts";
import { BETWEEN_MS, foreignId, LEVELS, Words } from "./_games_words.ts";
import { type NaiveBounds, NaiveCache, type NaiveSpan } from "./_naive.ts";

/** What is played. Each seed is another play. */
export interface Game {
  readonly seed: number;
  readonly steps: number;
  readonly bounds: NaiveBounds;
  /** How many bytes there are; plenty without it. */
  readonly maxBytes?: number;
  /** How many different names and keys are used. */
  readonly names: number;
  /** After how many steps everything is compared. */
  readonly compareEvery: number;
  /** The most that passes in a step, in eighths of a millisecond. */
  readonly pace: number;
}

/** Plays one game with a cache and its model at once, and compares them all the time. */
export function play(game: Game): void {
  const player = new Player(game);
  try {
    for (let step = 1; step <= game.steps; step++) player.step(step);
    player.end();
  } catch (error) {
    const last = player.actions.slice(-6).join("; ");
    throw new Error(`${JSON.stringify(game)}, last: ${last}`, { cause: error });
  }
}

class Player {
  readonly actions: string[] = [];
  readonly #game: Game;
  readonly #random: Random;
  readonly #clock = new HandClock();
  readonly #cache: SpanCache;
  readonly #model: NaiveCache;
  readonly #originMs: number;
  readonly #starter: Starter;
  readonly #records: SpanRecord[] = [];
  readonly #words: Words;
  readonly #compared: Compared;
  #foreign = 0;

  constructor(game: Game) {
    const { seed, bounds, maxBytes } = game;
    this.#game = game;
    this.#random = new Random(seed);
    this.#model = new NaiveCache(bounds);
    this.#originMs = this.#clock.wallMs - this.#clock.ms;
    this.#model.now = this.#clock.ms;
    this.#words = new Words(this.#random, game.names, maxBytes === undefined ? 40 : 300);
    this.#starter = new Starter(this.#random, this.#words, this.#model, (random) => {
      const clock = this.#clock;
      return new SpanCache({ ...bounds, maxBytes: maxBytes ?? 2 ** 20, clock, random });
    });
    this.#cache = this.#starter.cache;
    this.#compared = {
      cache: this.#cache,
      model: this.#model,
      random: this.#random,
      originMs: this.#originMs,
      isShort: maxBytes !== undefined,
      hasAllNames: game.names <= bounds.maxNames,
      ids: this.#starter.ids,
    };
  }

  /** Does something with both, and compares them now and then. */
  step(number: number): void {
    const { compareEvery, steps } = this.#game;
    this.#act();
    this.#sync(this.#cache.size);
    compareStats(this.#compared);
    if (number % compareEvery === 0 || number === steps) compareAll(this.#compared);
  }

  /** Ends and clears all, after which nothing is in use any more. */
  end(): void {
    for (const { span, state } of this.#starter.handles) {
      if (typeof state === "string" || state.end !== undefined) continue;
      this.#model.end(state);
      span.end();
      this.#sync(this.#cache.size);
    }
    compareAll(this.#compared);
    assertEquals(this.#cache.clear(), this.#model.clear());
    assertEquals(this.#cache.stats().bytes, 0);
    this.#cache.level = "trace";
    this.#cache.chance = 1;
    // Names and keys that nothing has any more make room for others.
    const { maxNames, maxOpen } = this.#game.bounds;
    const before = this.#cache.stats();
    for (let i = 0; i < Math.min(maxNames, maxOpen); i++) {
      this.#cache.start(`new ${i}`, { [`new ${i}`]: i });
    }
    const { otherNames, droppedFields } = this.#cache.stats();
    assertEquals([otherNames, droppedFields], [before.otherNames, before.droppedFields]);
  }

  #act(): void {
    const kind = this.#random.below(100);
    if (kind < 24) return void this.actions.push(this.#starter.start());
    if (kind < 42) return this.#endSome();
    if (kind < 49) return this.#event();
    if (kind < 55) return this.#set();
    if (kind < 59) return this.#fail();
    if (kind < 62) return this.#rename();
    if (kind < 64) return this.#link();
    if (kind < 76) return this.#passTime();
    if (kind < 86) return this.#record();
    if (kind < 89) return this.#recordAgain();
    if (kind < 94) return this.#addEvent();
    if (kind < 95) return this.#abandon();
    if (kind < 96) return this.#clear();
    return this.#setLevel();
  }

  #endSome(): void {
    this.#with("end", (span) => span.end(), (span) => this.#model.end(span));
  }

  #event(): void {
    const [name, fields, level] = [
      this.#words.name(),
      this.#words.fields(),
      this.#random.pick(LEVELS),
    ];
    if (!this.#model.isRecorded(level)) {
      this.#starter.pick()?.span.event(name, fields, { level });
      return;
    }
    this.#with("event", (span) => span.event(name, fields, { level }), (span) => {
      this.#model.event(span, name, level, fields, this.#model.now);
    });
  }

  #set(): void {
    const fields = this.#words.fields();
    const [first] = Object.entries(fields);
    const isOne = first !== undefined && this.#random.below(2) === 0;
    this.#with("set", (span) => isOne ? span.set(...first) : span.set(fields), (span) => {
      this.#model.set(span, isOne ? Object.fromEntries([first]) : fields);
    });
  }

  #fail(): void {
    const error = Object.assign(new TypeError(this.#words.text()), { stack: this.#words.text() });
    const reason = this.#random.pick([undefined, "no route", 7, error]);
    this.#with("fail", (span) => span.fail(reason), (span) => {
      span.status = "error";
      if (reason !== undefined) span.message = reason === error ? error.message : String(reason);
      if (reason !== error) return;
      const fields = {
        "exception.type": "TypeError",
        "exception.message": error.message,
        "exception.stacktrace": error.stack!,
      };
      this.#model.event(span, "exception", "error", fields, this.#model.now);
    });
  }

  #rename(): void {
    const name = this.#words.name();
    this.#with(`rename ${name}`, (span) => span.rename(name), (span) => {
      this.#model.rename(span, name);
    });
  }

  #link(): void {
    const link = { traceId: this.#words.hex(32), spanId: this.#words.hex(16) };
    this.#with("link", (span) => span.link(link), (span) => void span.links.push(link));
  }

  #passTime(): void {
    this.#clock.pass(this.#random.below(this.#game.pace) / 8);
    this.#model.now = this.#clock.ms;
  }

  /** Records a span that has ended elsewhere before now, within what was recorded before it or what is known here. */
  #record(): void {
    const random = this.#random;
    const isOld = this.#foreign > 0 && random.below(4) === 0;
    const number = isOld ? 1 + random.below(this.#foreign) : ++this.#foreign;
    // Never below itself: who claims that is treated elsewhere.
    const parents = [
      foreignId(random.below(number)),
      ...this.#starter.handles.map(({ span }) => span.id),
    ];
    const parentId = random.below(2) === 0 ? random.pick(parents) || foreignId(0) : undefined;
    this.#take(this.#words.span(foreignId(number), parentId, this.#originMs, this.#clock.ms));
  }

  /** Records what was read before, whether it is still held or not. */
  #recordAgain(): void {
    if (this.#records.length === 0) return;
    const { cut: _, ...record } = this.#random.pick(this.#records);
    const isOwn = record.startMs * 8 % 1 === 0;
    this.#take({ ...record, startMs: record.startMs - (isOwn ? BETWEEN_MS : 0) });
  }

  #take(input: SpanInput): void {
    const [model, cache] = [this.#model, this.#cache];
    this.actions.push(`record ${input.id} in ${input.parentId}`);
    const isRecorded = cache.record(input);
    if (!model.isRecorded(input.level ?? "info")) {
      model.refused.level++;
      return assert(!isRecorded);
    }
    if (model.find(input.id) !== undefined) {
      model.counts.duplicates++;
      return assert(!isRecorded);
    }
    assert(isRecorded, "recorded");
    this.#starter.ids.add(input.id!);
    const [read] = cache.page({ after: model.lastSeq, limit: 1 });
    const span = model.take(input, input.id!, read!.traceId, this.#originMs);
    model.makeRoom();
    // What its fields have cost is gone before it is there.
    this.#sync(cache.size - 1);
    const traceId = input.traceId ?? model.find(input.parentId)?.traceId;
    if (traceId !== undefined) assertEquals(read!.traceId, traceId);
    model.record(span);
  }

  #addEvent(): void {
    const random = this.#random;
    const page = this.#cache.page({ limit: Infinity });
    if (page.length > 0) this.#records.push(random.pick(page));
    const id = random.below(8) === 0
      ? this.#words.hex(16)
      : random.pick([...this.#starter.ids].slice(-20).concat(page.map((span) => span.id)));
    if (id === undefined) return;
    const event = {
      name: this.#words.text(),
      timeMs: this.#originMs + this.#clock.ms,
      level: random.pick(LEVELS),
      fields: this.#words.fields(),
    };
    this.actions.push(`add event to ${id}`);
    const span = this.#model.find(id);
    const { droppedEvents } = this.#cache.stats();
    const actual = this.#cache.addEvent(id, event);
    if (span === undefined) return assertEquals(actual, "unknown");
    const isAdded = this.#model.lateEvent(span, event, this.#originMs);
    const hasRoom = this.#game.maxBytes === undefined;
    if (hasRoom || !isAdded) return assertEquals(actual, isAdded ? "added" : "dropped");
    assertEquals(actual === "dropped", this.#cache.stats().droppedEvents > droppedEvents);
  }

  #abandon(): void {
    const minMs = this.#random.below(200);
    const open = this.#cache.open({ minMs });
    this.actions.push(`abandon ${open.length}`);
    assertEquals(this.#cache.abandon({ minMs }), open.length);
    for (const { id } of open) this.#model.abandon(this.#model.find(id)!);
  }

  #clear(): void {
    if (this.#random.below(2) > 0) return;
    this.actions.push("clear");
    assertEquals(this.#cache.clear(), this.#model.clear());
  }

  #setLevel(): void {
    const random = this.#random;
    this.#cache.chance = random.pick([1, 1, 1, 0.5]);
    this.#model.level = random.pick(["trace", "trace", "trace", "debug", "info", "off"]);
    this.#cache.level = this.#model.level;
    assertEquals(this.#cache.enabled("error"), this.#model.isRecorded("error"));
  }

  /** Does something with some handle, and the same with its span in the model if that runs. */
  #with(what: string, act: (span: Span) => unknown, actNaively: (span: NaiveSpan) => void): void {
    const handle = this.#starter.pick();
    if (handle === undefined) return;
    const { span, state } = handle;
    this.actions.push(`${what} ${span.id}`);
    act(span);
    if (typeof state === "string") return;
    if (state.end !== undefined) this.#model.counts.stale++;
    else actNaively(state);
    assertEquals([span.id, span.traceId], [state.id, state.traceId]);
    assertEquals(span.recording, state.end === undefined);
  }

  /** Where bytes are short, spans have gone: those that are first to, and no others. */
  #sync(size: number): void {
    if (this.#game.maxBytes === undefined) return;
    while (this.#model.held.length > size) this.#model.evictOne();
  }
}
