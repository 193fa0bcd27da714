import type { SpanCache } from "../../cache/mod.ts";
import type { Random } from "../_random.ts";
import { inOrder } from "./_context_tree.ts";

/** How a span is made that is around something. */
const WAYS = ["span", "run", "bind", "sync"] as const;
/** What is waited for in front of a step. */
const PAUSES = ["nothing", "promise", "microtask", "timer", "immediate"] as const;

/** A span, and what is done in it. */
export interface Play {
  readonly node: string;
  readonly way: typeof WAYS[number];
  readonly pause: typeof PAUSES[number];
  readonly isParallel: boolean;
  readonly parts: readonly Play[];
}

/** Makes up what to do, at random, with at most `left` spans. The node of each says where it stands. */
export function makePlay(random: Random, node: string, left: number): Play {
  const parts: Play[] = [];
  for (let rest = left - 1; rest > 0 && parts.length < 4;) {
    const share = 1 + random.below(rest);
    parts.push(makePlay(random, `${node}.${parts.length}`, share));
    rest -= share;
  }
  return {
    node,
    way: random.pick(WAYS),
    pause: random.pick(PAUSES),
    isParallel: random.next() < 0.5,
    parts,
  };
}

/** The shape that its spans must have. */
export function shapeOfPlay({ node, parts }: Play): string {
  return parts.length === 0 ? node : `${node}(${inOrder(parts.map(shapeOfPlay))})`;
}

/** Plays in a cache. What is bound is called by a loop of its own, which is in no span or in somebody else's. */
export class Player {
  readonly #cache: SpanCache;
  readonly #queue: (() => void)[] = [];
  #isPumping = false;

  constructor(cache: SpanCache) {
    this.#cache = cache;
  }

  /** Plays. Settles when everything is done that belongs to it. */
  async play({ node, way, pause, isParallel, parts }: Play): Promise<void> {
    const cache = this.#cache;
    const fields = { node };
    // No turn without a pause: what a synchronous call begins is in it until then.
    if (pause !== "nothing") await waitFor(pause);
    const body = async (): Promise<void> => {
      if (isParallel) await Promise.all(parts.map((part) => this.play(part)));
      else for (const part of parts) await this.play(part);
    };
    if (way === "span") return await cache.span(way, fields, body);
    if (way === "run") {
      using span = cache.start(way, fields);
      return await span.run(body);
    }
    if (way === "bind") {
      return await cache.span(way, fields, () =>
        new Promise<void>((resolve, reject) => {
          this.#queue.push(cache.bind(() => void body().then(resolve, reject)));
          this.#pump();
        }));
    }
    // What is begun in it is in it up to its first pause, and is waited for behind it.
    const begun: Promise<void>[] = [];
    cache.spanSync(way, fields, () => {
      for (const part of parts) begun.push(this.play({ ...part, pause: "nothing" }));
    });
    await Promise.all(begun);
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    setTimeout(() => {
      this.#isPumping = false;
      for (const call of this.#queue.splice(0)) call();
    }, 0);
  }
}

async function waitFor(pause: Play["pause"]): Promise<void> {
  if (pause === "promise") await undefined;
  else if (pause === "microtask") await new Promise<void>((done) => queueMicrotask(done));
  else if (pause === "timer") await new Promise((done) => setTimeout(done, 0));
  else if (pause === "immediate") {
    const { setImmediate } = await import("node:timers");
    await new Promise((done) => setImmediate(done, undefined));
  }
}
