import { assert, assertEquals } from "@std/assert";
import type {
  Fields,
  Span,
  SpanCache,
  SpanLevel,
  SpanOptions,
  TraceContext,
} from "../../cache/mod.ts";
import type { Random } from "../_random.ts";
import { KINDS, LEVELS, type Words } from "./_games_words.ts";
import type { NaiveCache, NaiveSpan } from "./_naive.ts";

/** Why a handle records nothing: its level alone, or all that is in it as well. */
export type Unrecorded = "silent" | "suppressed";

/** What a span is in: nothing, what a handle is of, or what another process has said. */
export type Around = undefined | Handle | TraceContext;

export interface Handle {
  readonly span: Span;
  readonly state: NaiveSpan | Unrecorded;
  /** What it was put in. What was left out for its level hands that on. */
  readonly around: Around;
}

const HOWS = ["none", "null", "remote", "context", "parent", "parent", "child", "run"] as const;

/** Starts spans with a cache and its model, and keeps the handles. */
export class Starter {
  readonly handles: Handle[] = [];
  /** The ids of all of them. */
  readonly ids: Set<string> = new Set();
  readonly #random: Random;
  readonly #words: Words;
  readonly #model: NaiveCache;
  readonly #cache: SpanCache;
  #chance = 0;

  /** @param create Makes the cache, of which chance is to come from here. */
  constructor(
    random: Random,
    words: Words,
    model: NaiveCache,
    create: (chance: () => number) => SpanCache,
  ) {
    this.#random = random;
    this.#words = words;
    this.#model = model;
    this.#cache = create(() => this.#chance);
  }

  get cache(): SpanCache {
    return this.#cache;
  }

  /** Starts a span in one of many ways. Answers how. */
  start(): string {
    const random = this.#random;
    const cache = this.#cache;
    const [name, fields] = [this.#words.name(), this.#words.fields()];
    const options: SpanOptions = { level: random.pick(LEVELS), kind: random.pick(KINDS) };
    const handle = this.pick();
    const how = handle === undefined ? "none" : random.pick(HOWS);
    this.#chance = random.next();
    let around: Around = handle;
    if (handle === undefined || how === "none" || how === "null") around = undefined;
    else if (how === "remote") {
      around = {
        traceId: this.#words.hex(32),
        spanId: this.#words.hex(16),
        sampled: random.below(2) === 0,
      };
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
    const action = `start ${name} ${how} ${span.id}`;
    const reason = this.#refusal(options.level!, around);
    assertEquals(span.recording, reason === undefined, `refused: ${reason}`);
    if (reason !== undefined) {
      // That it was around a call is not known any more.
      const isSaid = how !== "none" && how !== "run";
      this.handles.push({ span, state: reason, around: isSaid ? around : undefined });
      return action;
    }
    this.handles.push({ span, state: this.#begin(span, name, fields, options, around), around });
    return action;
  }

  #begin(
    { id, traceId }: Span,
    name: string,
    fields: Fields,
    { level = "info", kind = "internal" }: SpanOptions,
    around: Around,
  ): NaiveSpan {
    assert(!this.ids.has(id), "an id of its own");
    this.ids.add(id);
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

  /** Some handle: one of the newest as a rule. */
  pick(): Handle | undefined {
    const random = this.#random;
    const handles = random.below(5) === 0 ? this.handles : this.handles.slice(-12);
    return handles.length === 0 ? undefined : random.pick(handles);
  }
}
