import type { Fields, SpanInput, SpanKind, SpanLevel } from "../../cache/mod.ts";
import type { Random } from "../_random.ts";

export const LEVELS: readonly SpanLevel[] = ["error", "warn", "info", "debug", "trace"];
export const KINDS: readonly SpanKind[] = ["internal", "server", "client", "producer", "consumer"];
/** Where spans from elsewhere begin, so that none begins when one of the cache does: which of the two goes first is not said. */
export const BETWEEN_MS: number = 1 / 16;

/** None of them is one of a cache's own: those differ from game to game. */
export function foreignId(number: number): string {
  return `f0f0${(number + 1).toString(16).padStart(12, "0")}`;
}

/** What is said in a game. */
export class Words {
  readonly #random: Random;
  readonly #names: number;
  readonly #maxLength: number;
  #key = 0;

  /**
   * @param names How many different names and keys there are.
   * @param maxLength How long a text may be.
   */
  constructor(random: Random, names: number, maxLength: number) {
    this.#random = random;
    this.#names = names;
    this.#maxLength = maxLength;
  }

  name(): string {
    return `name ${this.#random.below(this.#names)}`;
  }

  fields(): Fields {
    const random = this.#random;
    const fields: Record<string, Fields[string]> = {};
    for (let left = random.below(4); left > 0; left--) {
      // Few values for the key that spans are grouped by, many keys for what is short.
      const key = `k${random.below(4) === 0 ? this.#key++ % this.#names : random.below(3)}`;
      fields[key] = key === "k1"
        ? random.below(3)
        : random.pick([this.text(), random.below(9), 0.5, true, 12n, undefined, null]);
    }
    return fields;
  }

  text(): string {
    return this.#random.pick(["a", "é", "水"]).repeat(1 + this.#random.below(this.#maxLength));
  }

  hex(digits: number): string {
    let hex = "";
    while (hex.length < digits) hex += this.#random.below(16).toString(16);
    return hex.replace(/^./, "f");
  }

  /** A span that has ended elsewhere before now. */
  span(id: string, parentId: string | undefined, originMs: number, now: number): SpanInput {
    const random = this.#random;
    const pastMs = random.below(400) / 8 + BETWEEN_MS;
    const startMs = originMs + now - pastMs;
    return {
      name: this.name(),
      id,
      startMs: random.below(30) === 0 ? startMs - 1_000 : startMs,
      durationMs: Math.floor(pastMs * random.next() * 16) / 16,
      ...(random.below(2) === 0 ? { selfMs: random.below(100) / 8 } : {}),
      ...(parentId === undefined ? {} : { parentId }),
      ...(random.below(3) > 0 ? { traceId: this.hex(32) } : {}),
      level: random.pick(LEVELS),
      kind: random.pick(KINDS),
      status: random.pick(["ok", "error", "unset"]),
      ...(random.below(4) === 0 ? { message: this.text() } : {}),
      fields: this.fields(),
      ...(random.below(4) === 0
        ? { events: [{ name: this.text(), timeMs: startMs, fields: this.fields() }] }
        : {}),
      ...(random.below(8) === 0 ? { droppedEvents: 2, abandoned: true } : {}),
    };
  }
}
