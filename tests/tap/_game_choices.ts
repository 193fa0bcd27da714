import type { Random } from "../_random.ts";
import type { NaiveTap } from "./_model.ts";
import type { Condition, GameOptions, Spec, World } from "./_model_world.ts";

/** What may happen in a game. */
export interface Game {
  readonly seed: number;
  readonly steps: number;
  readonly bufferEvents: readonly number[];
  readonly maxBytes: readonly number[];
  readonly backlog: readonly number[];
  /** Whether sessions choose by reservoirs, and count. */
  readonly collects: boolean;
  /** Whether events do something while they are made. */
  readonly acts: boolean;
  /** Whether the tap is switched on and off. */
  readonly switches: boolean;
}

const CONDITIONS: readonly Condition[] = [
  { text: "n >= 2", holds: (body) => (body?.["n"] as number) >= 2 },
  { text: "k == a or n == 0", holds: (body) => body?.["k"] === "a" || body?.["n"] === 0 },
  { text: "not k == a", holds: (body) => body?.["k"] !== "a" },
  { text: "exists user", holds: (body) => body?.["user"] !== undefined },
];
/** The first three do not read what is masked. */
const OPEN_CONDITIONS = CONDITIONS.slice(0, 3);

/** Chooses what happens next, before anybody does it. */
export class Chooser {
  readonly #random: Random;
  readonly #game: Game;
  readonly #model: NaiveTap;
  // Of no name there are two, even if one is chosen before the other is there.
  #nextStage = 0;

  constructor(random: Random, game: Game, model: NaiveTap) {
    this.#random = random;
    this.#game = game;
    this.#model = model;
  }

  /** Of a session, open or not, or of none. */
  anyId(): number {
    return 1 + this.#random.below(this.#model.sessions.length + 1);
  }

  open(): (world: World) => void {
    const options = this.#options();
    return (world) => world.openSession(options);
  }

  offer(depth: number): (world: World) => void {
    const spec = this.#spec(depth);
    return (world) => world.offer(spec);
  }

  other(): (world: World) => void {
    const id = this.anyId();
    const forMs = this.#random.pick([undefined, 60, 500]);
    const name = `more.${this.#nextStage++}`;
    const format = this.#random.pick(["text", "json"] as const);
    const action = this.#random.below(12);
    if (action < 3) return (world) => world.closeSession(id);
    if (action < 5) return (world) => world.kill(id);
    if (action < 7) return (world) => world.abort(id);
    if (action === 7) return (world) => world.addStage(name, format);
    if (action === 8 && this.#random.below(20) === 0) return (world) => world.close("input");
    if (!this.#game.switches) return () => {};
    return action === 9 ? (world) => world.disable() : (world) => world.enable(forMs);
  }

  #options(): GameOptions {
    const random = this.#random;
    const { collects } = this.#game;
    const some = <T>(chance: number, ...values: readonly T[]): T | undefined =>
      random.below(100) < chance ? random.pick(values) : undefined;
    const { masks: isMasked, maxBytes } = this.#model.bounds;
    const masks = random.below(5) === 0;
    const collect = collects ? some(50, "reservoir" as const, "countBy" as const) : undefined;
    // Whoever counts is in nobody's way with the bytes of its lines.
    const counts = collect === "countBy" && maxBytes > 1_000 && !isMasked && !masks;
    const sampling = collect === "reservoir"
      ? undefined
      : some(40, "every" as const, "sample" as const, "key" as const);
    const since = some(20, -1, 0, 1, 2, 3);
    return {
      stage: random.pick([["raw"], ["decoded"], ["*"], ["decoded", "raw"], ["raw", "more.*"]]),
      limit: some(30, 0, 1, 2, 5, 12),
      durationMs: random.pick([50, 400, 2_000, 100_000]),
      backlog: some(40, 0, 1, 2, 9),
      since: since === undefined ? undefined : Math.max(0, this.#model.seq - since),
      sinceMs: since === undefined ? some(15, 0, 50, 400) : undefined,
      where: some(50, ...(isMasked ? OPEN_CONDITIONS : CONDITIONS)),
      fields: counts ? undefined : some(20, ["n", "k"], ["user"]),
      masks,
      sample: sampling === "sample" || sampling === "key" ? random.pick([0.3, 0.7]) : undefined,
      key: sampling === "key" ? "k" : undefined,
      every: sampling === "every" ? random.pick([1, 2, 3]) : undefined,
      reservoir: collect === "reservoir"
        ? 1 + random.below(Math.min(4, this.#model.bounds.bufferEvents))
        : undefined,
      countBy: counts ? "k" : undefined,
      // Parts of a thousand that are powers of two, so that sums of them are exact.
      rate: counts ? undefined : some(20, 1_000 / 2 ** 7, 1_000 / 2 ** 9, 1_000 / 2 ** 11),
      maxBytes: counts ? undefined : some(15, 1, 40, 150, 400),
      overflow: counts ? undefined : some(50, "drop-newest", "drop-oldest"),
      hasSignal: random.below(2) === 0,
      readers: random.pick([0, 0, 0, 1, 1, 2]),
    } as GameOptions;
  }

  #spec(depth: number): Spec {
    const random = this.#random;
    const stage = random.below(25) === 0
      ? "bogus"
      : random.pick(this.#model.stages.map(({ name }) => name));
    const object = Object.fromEntries(
      Object.entries({
        n: random.below(4),
        k: random.pick([undefined, "a", "b", "c"]),
        user: random.pick([undefined, "ada", "eve"]),
        pad: random.pick([undefined, "x".repeat(random.below(20))]),
      }).filter(([, value]) => value !== undefined),
    );
    const body = random.pick([object, object, JSON.stringify(object), `t${random.below(1_000)}`]);
    const shapes = ["plain", "plain", "made", ...(typeof body === "string" ? [] : ["toJSON"])];
    const shape = random.pick(shapes as Spec["shape"][]);
    let fails: Spec["fails"];
    if (random.below(10) === 0 && shape === "made") fails = "make";
    else if (random.below(10) === 0 && typeof body !== "string") fails = "write";
    const isActive = this.#game.acts && depth > 0 && shape !== "plain" && random.below(4) === 0;
    const acts = Array.from({ length: isActive ? 1 + random.below(2) : 0 }, () => {
      const action = random.below(6);
      if (action < 3) return this.offer(depth - 1);
      return action === 3 ? this.open() : this.other();
    });
    return { stage, body, shape, fails, acts };
  }
}
