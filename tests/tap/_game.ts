import { assertEquals, assertRejects } from "@std/assert";
import { Tap, type TapEvent, type TapSession } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { Random } from "../_random.ts";
import { settle } from "../_settle.ts";
import { type CountedSignal, countedSignal } from "../_signal.ts";
import { Chooser, type Game } from "./_game_choices.ts";
import { NaiveTap } from "./_model.ts";
import type { GameOptions, Spec, World } from "./_model_world.ts";
import { assertBalanced } from "./_sessions.ts";

interface Watched {
  readonly session: TapSession;
  readonly options: GameOptions;
  readonly signal: CountedSignal;
  readonly read: TapEvent[];
  readonly loops: Promise<void>[];
}

/** A tap, with what is needed to do to it what is done to its model. */
class RealTap implements World {
  readonly tap: Tap<string>;
  readonly watched: Watched[] = [];
  readonly audit: string[] = [];
  readonly signal: CountedSignal = countedSignal();

  constructor(model: NaiveTap, time: FakeTime, random: () => number) {
    const { masks, ...bounds } = model.bounds;
    this.tap = new Tap<string>({
      ...bounds,
      redact: masks ? [{ path: "user", mode: "mask" }] : [],
      signal: this.signal.signal,
      now: () => 7_000 + time.now,
      random,
      audit: (record) => {
        if (record.type === "refused") return;
        const { id, reason } = record.session;
        this.audit.push(record.type === "opened" ? `opened ${id}` : `ended ${id} ${reason}`);
      },
    });
  }

  offer({ stage, body, shape, fails, acts }: Spec): void {
    const value = fails === "write" ? { ...body as Record<string, unknown>, bad: 1n } : body;
    let hasActed = false;
    const make = (): unknown => {
      if (!hasActed) {
        hasActed = true;
        for (const act of acts) act(this);
      }
      // No error, which would take longer than all else.
      if (fails === "make") throw "no event";
      return value;
    };
    if (shape === "plain") this.tap.offer(stage, value);
    else this.tap.offer(stage, shape === "made" ? make : { toJSON: make });
  }

  openSession(options: GameOptions): void {
    const { where, since, sinceMs, masks, hasSignal, readers: _readers, ...rest } = options;
    const signal = countedSignal();
    const session = this.tap.open({
      ...rest,
      where: where?.text,
      since: since === undefined ? sinceMs : `${this.tap.instance}-${since}`,
      redact: masks ? [{ path: "user", mode: "mask" }] : undefined,
      intervalMs: rest.countBy !== undefined ? 300 : rest.reservoir === undefined ? undefined : 400,
      signal: hasSignal ? signal.signal : undefined,
    });
    if (session === undefined) return;
    this.watched.push({ session, options, signal, read: [], loops: [] });
  }

  /** Starts the readers of sessions that are new. */
  startReaders(): void {
    for (const { session, options, read, loops } of this.watched) {
      while (loops.length < options.readers) {
        loops.push((async () => {
          for await (const event of session) read.push(event);
        })());
      }
    }
  }

  /** Lets the readers take all there is. */
  async letRead(): Promise<void> {
    const read = (): number => this.watched.reduce((sum, { read }) => sum + read.length, 0);
    let before: number;
    do {
      before = read();
      await settle();
    } while (read() > before);
  }

  closeSession(id: number): void {
    this.watched[id - 1]?.session.close();
  }

  abort(id: number): void {
    this.watched[id - 1]?.signal.abort();
  }

  kill(id: number): void {
    this.tap.kill(id);
  }

  enable(forMs: number | undefined): void {
    this.tap.enable(forMs);
  }

  disable(): void {
    this.tap.disable();
  }

  addStage(name: string, format: "text" | "json"): void {
    this.tap.addStage(name, format);
  }

  close(reason: "input" | "shutdown"): void {
    this.tap.close(reason);
  }
}

/** Plays a game with a tap and with its model, and compares all that can be seen of them after each step. */
export async function play(game: Game): Promise<void> {
  const random = new Random(game.seed);
  using time = new FakeTime();
  const dice = [new Random(~game.seed), new Random(~game.seed)] as const;
  const bounds = {
    bufferEvents: random.pick(game.bufferEvents),
    maxBytes: random.pick(game.maxBytes),
    maxSessions: 1 + random.below(4),
    backlog: random.pick(game.backlog),
    masks: random.below(4) === 0,
    enabled: !game.switches || random.below(4) > 0,
  };
  const model = new NaiveTap(bounds, time, () => dice[0].next(), isGroupKept);
  const real = new RealTap(model, time, () => dice[1].next());
  const both = (act: (world: World) => void): void => {
    act(real);
    act(model);
  };
  const chooser = new Chooser(random, game, model);
  for (let step = 0; step < game.steps; step++) {
    const when = `seed ${game.seed}, step ${step}`;
    const action = random.below(20);
    if (action < 3) both(chooser.open());
    else if (action < 12) {
      // Several at once, before any reader has its turn.
      for (let left = random.pick([1, 1, 2, 5]); left > 0; left--) both(chooser.offer(2));
    } else if (action < 14) await take(real, model, chooser.anyId(), 1 + random.below(4), when);
    else if (action < 16) time.pass(random.pick([1, 25, 50, 130, 400]));
    else if (action === 16) await waitInVain(real, chooser.anyId());
    else both(chooser.other());
    real.startReaders();
    await real.letRead();
    for (const session of model.sessions) session.letRead();
    compare(real, model, time, when);
  }
  const reason = random.pick(["input", "shutdown"] as const);
  if (random.below(3) > 0) both((world) => world.close(reason));
  else {
    real.signal.abort();
    model.close("shutdown");
  }
  await real.letRead();
  for (const session of model.sessions) session.letRead();
  const when = `seed ${game.seed}, the end`;
  compare(real, model, time, when);
  await Promise.all(real.watched.flatMap(({ loops }) => loops));
  for (const { signal } of real.watched) assertEquals(signal.listening, 0, when);
  assertEquals([time.armed, model.timers.size, real.signal.listening], [0, 0, 0], when);
}

const groups: Map<string, boolean> = new Map();

/** Asks another tap, since all of them are to agree. */
function isGroupKept(key: string, chance: number): boolean {
  const name = `${key} ${chance}`;
  let isKept = groups.get(name);
  if (isKept === undefined) {
    const tap = new Tap();
    const session = tap.open({ stage: "raw", sample: chance, key: "k", backlog: 0 })!;
    tap.offer("raw", JSON.stringify({ k: key }));
    groups.set(name, isKept = session.captured === 1);
    tap.close();
  }
  return isKept;
}

/** Takes what is there from a session that has no loop. */
async function take(
  real: RealTap,
  model: NaiveTap,
  id: number,
  max: number,
  when: string,
): Promise<void> {
  const watched = real.watched[id - 1];
  if (watched === undefined || watched.options.readers > 0 || watched.session.size === 0) return;
  const events = await watched.session.receiveBatch(max);
  watched.read.push(...events);
  const taken = model.sessions[id - 1]!.take(max);
  assertEquals(events.map(({ seq }) => seq), taken.map(({ seq }) => seq), when);
}

/** Waits for an event that does not come before the wait is given up. */
async function waitInVain(real: RealTap, id: number): Promise<void> {
  const watched = real.watched[id - 1];
  if (watched === undefined || watched.options.readers > 0) return;
  if (watched.session.size > 0 || watched.session.reason !== undefined) return;
  const { signal, abort } = countedSignal();
  const waiting = watched.session.receiveBatch(3, { signal });
  abort(new RangeError("enough"));
  await assertRejects(() => waiting, RangeError, "enough");
}

function compare(real: RealTap, model: NaiveTap, time: FakeTime, when: string): void {
  const { tap, watched } = real;
  assertEquals(watched.length, model.sessions.length, when);
  for (const [index, { session, read, options }] of watched.entries()) {
    const naive = model.sessions[index]!;
    const place = `${when}, session ${session.id}`;
    assertEquals(session.stats(), naive.stats(), place);
    assertEquals([session.reason, session.missed], [naive.reason, naive.missed], place);
    assertEquals(session.stages, naive.stages, place);
    const seen = read.map(({ seq, stage, line }) => ({ seq, stage, line }));
    const wanted = naive.read.map(({ seq, stage, line }) => ({ seq, stage, line }));
    // Of two readers nobody knows which is the first to say what it has read.
    if (options.readers > 1) {
      for (const list of [seen, wanted]) list.sort((a, b) => a.seq - b.seq);
    }
    assertEquals(seen, wanted, place);
  }
  assertBalanced(
    tap,
    watched.map(({ session }) => session),
    ({ id }) => watched[id - 1]!.read.length,
    when,
  );
  const { active, opened, refused, unwritable, misdirected } = tap.stats();
  assertEquals(
    { active, opened, refused, unwritable, misdirected },
    {
      active: model.open.length,
      opened: model.sessions.length,
      refused: model.refused,
      unwritable: model.unwritable,
      misdirected: model.misdirected,
    },
    when,
  );
  assertEquals([tap.enabled, tap.closed], [model.enabled, model.closed !== undefined], when);
  assertEquals(real.audit, model.audit, when);
  assertEquals(time.armed, 2 * model.timers.size, when);
}
