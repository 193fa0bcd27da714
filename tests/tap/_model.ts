import type { TapEndReason } from "../../tap/mod.ts";
import type { FakeTime } from "../_fake_time.ts";
import { NaiveOffered } from "./_model_event.ts";
import { NaiveSession } from "./_model_session.ts";
import type { Body, GameOptions, Spec, World } from "./_model_world.ts";

/** What a stage has kept, and all that it might have. */
export interface NaiveStage {
  readonly name: string;
  readonly format: "text" | "json";
  /** Everything that was written, the oldest first. */
  readonly written: { readonly event: NaiveEvent; isKept: boolean }[];
  offered: number;
}

/** An event that was written. */
export interface NaiveEvent {
  readonly seq: number;
  readonly atMs: number;
  readonly stage: string;
  readonly body: Body;
  readonly line: string;
}

export interface NaiveBounds {
  readonly bufferEvents: number;
  readonly maxBytes: number;
  readonly maxSessions: number;
  readonly backlog: number;
  readonly masks: boolean;
  readonly enabled: boolean;
}

/**
 * What a tap is to do, in the plainest words: lists that are filtered, and everything looked for anew. It lives by the same fake time, with
 * timers of its own.
 */
export class NaiveTap implements World {
  readonly bounds: NaiveBounds;
  readonly time: FakeTime;
  readonly random: () => number;
  /** Whether a group is kept, as another tap says. */
  readonly isGroupKept: (key: string, chance: number) => boolean;
  readonly stages: NaiveStage[] = [];
  readonly sessions: NaiveSession[] = [];
  readonly audit: string[] = [];
  readonly timers: Set<unknown> = new Set();
  enabled: boolean;
  closed: TapEndReason | undefined;
  seq = 0;
  refused = 0;
  unwritable = 0;
  misdirected = 0;
  /** The newest number of when it was switched on again: what came before that, nobody knows. */
  blindSeq = -1;
  #stopEnabled: (() => void) | undefined;

  constructor(
    bounds: NaiveBounds,
    time: FakeTime,
    random: () => number,
    isGroupKept: (key: string, chance: number) => boolean,
  ) {
    this.bounds = bounds;
    this.time = time;
    this.random = random;
    this.isGroupKept = isGroupKept;
    this.enabled = bounds.enabled;
    this.addStage("raw", "text");
    this.addStage("decoded", "json");
  }

  get open(): NaiveSession[] {
    return this.sessions.filter(({ reason }) => reason === undefined);
  }

  addStage(name: string, format: "text" | "json"): void {
    this.stages.push({ name, format, written: [], offered: 0 });
    for (const session of this.open) if (session.asksFor(name)) session.stages.push(name);
  }

  offer(spec: Spec): void {
    const isKeeping = this.bounds.backlog > 0;
    if (!this.enabled || this.closed !== undefined) return;
    if (!isKeeping && this.open.length === 0) return;
    const stage = this.stages.find(({ name }) => name === spec.stage);
    if (stage === undefined) {
      this.misdirected++;
      return;
    }
    const sessions = this.open.filter((session) => session.stages.includes(stage.name));
    const offered = new NaiveOffered(this, stage, spec);
    if (isKeeping) {
      const event = offered.event();
      // Nobody misses what could not be written.
      if (event !== undefined) {
        stage.offered++;
        this.#keep(stage, event);
      }
    }
    for (const session of sessions) if (session.reason === undefined) session.offer(offered);
  }

  /** The next number. */
  makeEvent(stage: string, body: Body, line: string): NaiveEvent {
    return { seq: ++this.seq, atMs: this.time.now, stage, body, line };
  }

  kept(stage: NaiveStage): NaiveEvent[] {
    return stage.written.filter(({ isKept }) => isKept).map(({ event }) => event);
  }

  #keep(stage: NaiveStage, event: NaiveEvent): void {
    const { backlog, maxBytes } = this.bounds;
    const bytes = ({ line }: NaiveEvent): number => 2 * line.length;
    const kept = { event, isKept: bytes(event) <= maxBytes };
    stage.written.push(kept);
    if (!kept.isKept) return;
    for (const other of stage.written) {
      const all = this.kept(stage);
      if (
        all.length <= backlog && all.reduce((sum, each) => sum + bytes(each), 0) <= maxBytes
      ) return;
      other.isKept = false;
    }
  }

  openSession(options: GameOptions): void {
    if (!this.enabled || this.open.length >= this.bounds.maxSessions) {
      this.refused++;
      return;
    }
    const session = new NaiveSession(this, this.sessions.length + 1, options);
    this.sessions.push(session);
    this.audit.push(`opened ${session.id}`);
    session.begin();
  }

  closeSession(id: number): void {
    this.open.find((session) => session.id === id)?.end("client");
  }

  abort(id: number): void {
    if (this.sessions[id - 1]?.options.hasSignal) this.closeSession(id);
  }

  kill(id: number): void {
    this.open.find((session) => session.id === id)?.end("killed");
  }

  enable(forMs: number | undefined): void {
    if (this.closed !== undefined) return;
    this.#stopEnabled?.();
    this.#stopEnabled = forMs === undefined ? undefined : this.later(forMs, () => this.disable());
    if (!this.enabled) this.blindSeq = this.seq;
    this.enabled = true;
  }

  disable(): void {
    this.#stopEnabled?.();
    this.#stopEnabled = undefined;
    this.enabled = false;
    for (const session of this.open) session.end("killed");
  }

  close(reason: "input" | "shutdown"): void {
    if (this.closed !== undefined) return;
    this.closed = reason;
    this.#stopEnabled?.();
    for (const session of this.open) session.end(reason);
  }

  later(ms: number, callback: () => void): () => void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      callback();
    }, ms);
    this.timers.add(timer);
    return () => {
      this.timers.delete(timer);
      clearTimeout(timer);
    };
  }

  every(ms: number, callback: () => void): () => void {
    const timer = setInterval(callback, ms);
    this.timers.add(timer);
    return () => {
      this.timers.delete(timer);
      clearInterval(timer);
    };
  }
}
