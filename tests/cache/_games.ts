import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import {
  type Fields,
  type Span,
  SpanCache,
  type SpanInput,
  type SpanLevel,
  type SpanOptions,
  type SpanRecord,
  type TraceContext,
} from "../../cache/mod.ts";
import { HandClock } from "../_hand_clock.ts";
import { Random } from "../_random.ts";
import { compareAll } from "./_games_compare.ts";
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

/** Why a handle records nothing: its level alone, or all that is in it as well. */
type Unrecorded = "silent" | "suppressed";

/** What a span is in: nothing, what a handle is of, or what another process has said. */
type Around = undefined | Handle | TraceContext;

interface Handle {
  readonly span: Span;
  readonly state: NaiveSpan | Unrecorded;
  /** What it was put in. What was left out for its level hands that on. */
  readonly around: Around;
}

const LEVELS: readonly SpanLevel[] = ["error", "warn", "info", "debug", "trace"];
const KINDS = ["internal", "server", "client", "producer", "consumer"] as const;
const HOWS = ["none", "null", "remote", "context", "parent", "parent", "child", "run"] as const;
/** Where spans from elsewhere begin, so that none begins when one of this cache does: which of the two goes first is not said. */
const BETWEEN_MS = 1 / 16;

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
  readonly #handles: Handle[] = [];
  readonly #ids: Set<string> = new Set();
  readonly #records: SpanRecord[] = [];
  #chance = 0;
  #foreign = 0;
  #key = 0;

  constructor(game: Game) {
    const { seed, bounds, maxBytes } = game;
    this.#game = game;
    this.#random = new Random(seed);
    this.#cache = new SpanCache({
      ...bounds,
      maxBytes: maxBytes ?? 2 ** 20,
      clock: this.#clock,
      random: () => this.#chance,
    });
    this.#model = new NaiveCache(bounds);
    this.#originMs = this.#clock.wallMs - this.#clock.ms;
    this.#model.now = this.#clock.ms;
  }

  /** Does something with both, and compares them now and then. */
  step(number: number): void {
    const { compareEvery, steps } = this.#game;
    this.#act();
    this.#sync(this.#cache.size);
    this.#compareStats();
    if (number % compareEvery === 0 || number === steps) this.#compare();
  }

  /** Ends and clears all, after which nothing is in use any more. */
  end(): void {
    for (const { span, state } of this.#handles) {
      if (typeof state === "string" || state.end !== undefined) continue;
      this.#model.end(state);
      span.end();
      this.#sync(this.#cache.size);
    }
    this.#compare();
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
    if (kind < 24) return this.#start();
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

  #start(): void {
    const random = this.#random;
    const cache = this.#cache;
    const [name, fields] = [this.#name(), this.#fields()];
    const options: SpanOptions = { level: random.pick(LEVELS), kind: random.pick(KINDS) };
    const handle = this.#handle();
    const how = handle === undefined ? "none" : random.pick(HOWS);
    this.#chance = random.next();
    let around: Around = handle;
    if (handle === undefined || how === "none" || how === "null") around = undefined;
    else if (how === "remote") {
      around = { traceId: this.#hex(32), spanId: this.#hex(16), sampled: random.below(2) === 0 };
    } else if (how === "context") around = handle.span.context;
    else if (handle.state === "silent") around = handle.around;

    let span: Span;
    if (how === "none") span = cache.start(name, fields, options);
    else if (how === "null") span = cache.start(name, fields, { ...options, parent: null });
    else if (how === "child") span = handle!.span.start(name, fields, options);
    else if (how === "run") span = handle!.span.run(() => cache.start(name, fields, options));
    else if (how === "parent") {
      span = cache.start(name, fields, { ...options, parent: handle!.span });
    } else span = cache.start(name, fields, { ...options, parent: around as TraceContext });
    this.actions.push(`start ${name} ${how} ${span.id}`);
    const reason = this.#refusal(options.level!, around);
    assertEquals(span.recording, reason === undefined, `refused: ${reason}`);
    if (reason !== undefined) {
      // That it was around a call is not known any more.
      const isSaid = how !== "none" && how !== "run";
      this.#handles.push({ span, state: reason, around: isSaid ? around : undefined });
      return;
    }
    this.#handles.push({ span, state: this.#begin(span, name, fields, options, around), around });
  }

  #begin(
    { id, traceId }: Span,
    name: string,
    fields: Fields,
    { level = "info", kind = "internal" }: SpanOptions,
    around: Around,
  ): NaiveSpan {
    assert(!this.#ids.has(id), "an id of its own");
    this.#ids.add(id);
    let parentId: string | undefined;
    if (around !== undefined) {
      const context = "span" in around ? around.span.context! : around;
      parentId = context.spanId;
      assertEquals(traceId, context.traceId);
    }
    return this.#model.start({ id, traceId, parentId, name, fields, level, kind });
  }

  /** Why a span is not recorded, if so, and counts that. */
  #refusal(level: SpanLevel, around: Around): Unrecorded | undefined {
    const model = this.#model;
    if (!model.isRecorded(level)) {
      model.refused.level++;
      return "silent";
    }
    if (around !== undefined && "span" in around) {
      if (around.state === "suppressed") {
        model.refused.suppressed++;
        return "suppressed";
      }
    } else {
      // What is in a span of this cache is recorded if that is.
      const own = model.find(around?.spanId);
      if ((own === undefined || own.isForeign) && this.#chance >= this.#cache.chance) {
        model.refused.chance++;
        return "suppressed";
      }
    }
    if (!model.isFull) return undefined;
    model.refused.full++;
    return "suppressed";
  }

  #endSome(): void {
    this.#with("end", (span) => span.end(), (span) => this.#model.end(span));
  }

  #event(): void {
    const [name, fields, level] = [this.#name(), this.#fields(), this.#random.pick(LEVELS)];
    if (!this.#model.isRecorded(level)) {
      this.#handle()?.span.event(name, fields, { level });
      return;
    }
    this.#with("event", (span) => span.event(name, fields, { level }), (span) => {
      this.#model.event(span, name, level, fields, this.#model.now);
    });
  }

  #set(): void {
    const fields = this.#fields();
    const [first] = Object.entries(fields);
    const isOne = first !== undefined && this.#random.below(2) === 0;
    this.#with("set", (span) => isOne ? span.set(...first) : span.set(fields), (span) => {
      this.#model.set(span, isOne ? Object.fromEntries([first]) : fields);
    });
  }

  #fail(): void {
    const error = Object.assign(new TypeError(this.#text()), { stack: this.#text() });
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
    const name = this.#name();
    this.#with(`rename ${name}`, (span) => span.rename(name), (span) => {
      this.#model.rename(span, name);
    });
  }

  #link(): void {
    const link = { traceId: this.#hex(32), spanId: this.#hex(16) };
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
    const startMs = this.#originMs + this.#clock.ms - random.below(400) / 8 - BETWEEN_MS;
    const pastMs = this.#originMs + this.#clock.ms - startMs;
    // Never below itself: who claims that is treated elsewhere.
    const parents = [foreignId(random.below(number)), ...this.#handles.map(({ span }) => span.id)];
    this.#take({
      name: this.#name(),
      id: foreignId(number),
      startMs: random.below(30) === 0 ? startMs - 1_000 : startMs,
      durationMs: Math.floor(pastMs * random.next() * 16) / 16,
      ...(random.below(2) === 0 ? { selfMs: random.below(100) / 8 } : {}),
      ...(random.below(2) === 0 ? { parentId: random.pick(parents) || foreignId(0) } : {}),
      ...(random.below(3) > 0 ? { traceId: this.#hex(32) } : {}),
      level: random.pick(LEVELS),
      kind: random.pick(KINDS),
      status: random.pick(["ok", "error", "unset"]),
      ...(random.below(4) === 0 ? { message: this.#text() } : {}),
      fields: this.#fields(),
      ...(random.below(4) === 0
        ? { events: [{ name: this.#text(), timeMs: startMs, fields: this.#fields() }] }
        : {}),
      ...(random.below(8) === 0 ? { droppedEvents: 2, abandoned: true } : {}),
    });
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
    this.#ids.add(input.id!);
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
    const { page } = { page: this.#cache.page({ limit: Infinity }) };
    if (page.length > 0) this.#records.push(random.pick(page));
    const id = random.below(8) === 0
      ? this.#hex(16)
      : random.pick([...this.#ids].slice(-20).concat(page.map((span) => span.id)));
    if (id === undefined) return;
    const event = {
      name: this.#text(),
      timeMs: this.#originMs + this.#clock.ms,
      level: random.pick(LEVELS),
      fields: this.#fields(),
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
    const handle = this.#handle();
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

  #compare(): void {
    compareAll({
      cache: this.#cache,
      model: this.#model,
      random: this.#random,
      originMs: this.#originMs,
      isShort: this.#game.maxBytes !== undefined,
      ids: this.#ids,
      hasAllNames: this.#game.names <= this.#game.bounds.maxNames,
    });
  }

  #compareStats(): void {
    const { bytes, maxBytes, names: _, keys: _1, waiting, droppedFields, cutTexts: _2, ...stats } =
      this.#cache.stats();
    const model = this.#model;
    const { events, droppedEvents, ...counts } = model.counts;
    const isShort = this.#game.maxBytes !== undefined;
    assertEquals(stats, {
      ...counts,
      events: isShort ? stats.events : events,
      droppedEvents: isShort ? stats.droppedEvents : droppedEvents,
      held: model.held.length,
      reserved: model.reserved.length,
      open: model.open.length,
      refused: model.refused,
    });
    // Where bytes are short, an event may have been dropped that there was room for otherwise.
    assertEquals(stats.events + stats.droppedEvents, events + droppedEvents, "events");
    assertEquals(stats.closed + stats.recorded, stats.held + stats.evicted + stats.cleared);
    assertEquals(stats.opened, stats.open + stats.closed);
    if (!isShort) {
      assertEquals(droppedFields, { type: 0, count: 0, keys: model.droppedKeys, room: 0 });
    }
    assertEquals([this.#cache.size, this.#cache.lastSeq], [model.held.length, model.lastSeq]);
    assertLessOrEqual(bytes, maxBytes);
    assertEquals(waiting, 0);
  }

  /** Some handle: one of the newest as a rule. */
  #handle(): Handle | undefined {
    const random = this.#random;
    const handles = random.below(5) === 0 ? this.#handles : this.#handles.slice(-12);
    return handles.length === 0 ? undefined : random.pick(handles);
  }

  #name(): string {
    return `name ${this.#random.below(this.#game.names)}`;
  }

  #fields(): Fields {
    const random = this.#random;
    const fields: Record<string, Fields[string]> = {};
    for (let left = random.below(4); left > 0; left--) {
      // Few values for the key that spans are grouped by, many keys for what is short.
      const key = `k${random.below(4) === 0 ? this.#key++ % this.#game.names : random.below(3)}`;
      fields[key] = key === "k1"
        ? random.below(3)
        : random.pick([this.#text(), random.below(9), 0.5, true, 12n, undefined, null]);
    }
    return fields;
  }

  #text(): string {
    const { seed, maxBytes } = this.#game;
    const max = maxBytes === undefined ? 40 : 300;
    const one = this.#random.pick(["a", "é", "水", `${seed}`]);
    return one.repeat(this.#random.below(max) / one.length + 1);
  }

  #hex(digits: number): string {
    let hex = "";
    while (hex.length < digits) hex += this.#random.below(16).toString(16);
    return hex.replace(/^./, "f");
  }
}

/** None of them is one of the cache's own: those differ from game to game. */
function foreignId(number: number): string {
  return `f0f0${(number + 1).toString(16).padStart(12, "0")}`;
}
