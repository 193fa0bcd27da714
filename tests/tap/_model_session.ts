import type { TapEndReason, TapSessionStats } from "../../tap/mod.ts";
import type { NaiveEvent, NaiveTap } from "./_model.ts";
import { NaiveOffered } from "./_model_event.ts";
import { NaiveReader } from "./_model_reader.ts";
import type { GameOptions } from "./_model_world.ts";

/** What of a session decides about events; what becomes of them then is its reader's. */
export class NaiveSession extends NaiveReader {
  seen = 0;
  matched = 0;
  sampledOut = 0;
  rateLimited = 0;
  unshown = 0;
  missed: number | undefined;
  #tokens: number;
  #tokensAtMs: number;
  #turns = 0;
  readonly #stops: (() => void)[] = [];

  constructor(tap: NaiveTap, id: number, options: GameOptions) {
    super(tap, id, options);
    this.#tokens = Math.max(1, options.rate ?? 0);
    this.#tokensAtMs = tap.time.now;
    this.stages.push(...tap.stages.map(({ name }) => name).filter((name) => this.asksFor(name)));
    this.#replayKept();
  }

  asksFor(stage: string): boolean {
    return this.options.stage.some((asked) =>
      asked === stage || asked.endsWith("*") && stage.startsWith(asked.slice(0, -1))
    );
  }

  stats(): TapSessionStats {
    const { seen, matched, sampledOut, rateLimited, dropped, unshown, counted, captured } = this;
    const held = this.held.length + this.chosen.length;
    const size = this.buffer.length + this.replay.length;
    return {
      seen,
      matched,
      sampledOut,
      rateLimited,
      dropped,
      unshown,
      counted,
      captured,
      held,
      size,
      undelivered: 0,
      truncated: 0,
    };
  }

  begin(): void {
    const { limit = Infinity, durationMs, maxBytes = Infinity, countBy, reservoir } = this.options;
    if (this.captured >= limit) return this.end("limit");
    if (this.bytes > maxBytes) return this.end("bytes");
    if (this.tap.closed !== undefined) return this.end(this.tap.closed);
    this.#stops.push(this.tap.later(durationMs, () => this.end("duration")));
    if (reservoir !== undefined) {
      this.#stops.push(this.tap.every(400 / 8, () => this.#release()));
    }
    if (countBy !== undefined) this.#stops.push(this.tap.every(300, () => this.tellCounts()));
  }

  override end(reason: TapEndReason): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    for (const stop of this.#stops) stop();
    this.flush();
    this.tap.audit.push(`ended ${this.id} ${reason}`);
  }

  #wants(offered: NaiveOffered): boolean {
    const { where, every, sample, key } = this.options;
    this.seen++;
    if (where !== undefined) {
      const body = offered.read(true);
      if (!offered.hasFailed && !where.holds(body)) return false;
    }
    this.matched++;
    let isTaken = true;
    if (every !== undefined) isTaken = this.#turns++ % every === 0;
    if (sample !== undefined) {
      const group = key === undefined ? undefined : offered.read(false)?.["k"];
      isTaken = typeof group === "string"
        ? this.tap.isGroupKept(group, sample)
        : this.tap.random() < sample;
    }
    if (!isTaken) this.sampledOut++;
    return isTaken;
  }

  offer(offered: NaiveOffered): void {
    const { countBy, reservoir, overflow } = this.options;
    const isLate = (): boolean => {
      if (this.reason === undefined) return false;
      // It has ended in the meantime, and the event comes too late.
      this.seen--;
      this.matched--;
      return true;
    };
    if (!this.#wants(offered) || isLate()) return;
    if (countBy !== undefined) {
      const body = offered.read(false);
      if (isLate()) return;
      if (offered.hasFailed) this.#lose();
      else this.#tally(body);
      return;
    }
    if (reservoir !== undefined) {
      if (!this.choose()) {
        this.sampledOut++;
        return;
      }
    } else {
      if (!this.#hasToken()) {
        this.rateLimited++;
        return;
      }
      if (overflow !== "drop-oldest" && this.buffer.length >= this.tap.bounds.bufferEvents) {
        this.dropped++;
        return;
      }
    }
    const event = this.#shown(offered);
    if (isLate()) return;
    if (event === undefined) this.#lose();
    else if (reservoir === undefined) this.admit(event);
    else if (this.put(event)) this.sampledOut++;
  }

  #shown(offered: NaiveOffered): NaiveEvent | undefined {
    const event = offered.event();
    const line = event && offered.lineFor(this.options);
    return line === undefined ? undefined : { ...event!, line };
  }

  #lose(): void {
    this.unshown++;
    this.dropped++;
  }

  #tally(body: Record<string, unknown> | undefined): void {
    this.counted++;
    this.counts.push(body?.["k"]);
  }

  #hasToken(): boolean {
    const { rate } = this.options;
    if (rate === undefined) return true;
    const { now } = this.tap.time;
    const fresh = (now - this.#tokensAtMs) * (rate / 1_000);
    this.#tokens = Math.min(Math.max(1, rate), this.#tokens + fresh);
    this.#tokensAtMs = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #release(): void {
    for (const event of this.takeReleased()) {
      if (this.reason !== undefined) this.dropped++;
      else if (!this.#hasToken()) this.rateLimited++;
      else this.admit(event);
    }
    this.endRelease();
  }

  #replayKept(): void {
    const { limit = Infinity, since, sinceMs, maxBytes = Infinity, countBy } = this.options;
    const hasStart = since !== undefined || sinceMs !== undefined;
    // Whoever says where to begin goes on from there; else the newest come first.
    const isForward = hasStart && this.options.backlog === undefined;
    const { backlog = isForward || countBy === undefined ? limit : 0 } = this.options;
    const stages = this.tap.stages.filter(({ name }) => this.stages.includes(name));
    const kept = stages.flatMap((stage) => this.tap.kept(stage))
      .filter(({ seq }) => since === undefined || seq > since)
      .filter(({ atMs }) => sinceMs === undefined || atMs >= this.tap.time.now - sinceMs)
      .toSorted((a, b) => a.seq - b.seq);
    const looked: Set<number> = new Set();
    while (kept.length > 0 && this.replay.length + this.counted < backlog) {
      const event = (isForward ? kept.shift() : kept.pop())!;
      looked.add(event.seq);
      const offered = NaiveOffered.kept(this.tap, event);
      if (!this.#wants(offered)) continue;
      if (countBy !== undefined) {
        this.#tally(offered.read(false));
        continue;
      }
      const shown = this.#shown(offered);
      if (shown === undefined) {
        this.#lose();
        continue;
      }
      this.bytes += maxBytes === Infinity ? 0 : shown.line.length + 1;
      if (this.bytes > maxBytes) {
        this.dropped++;
        break;
      }
      if (isForward) this.replay.push(shown);
      else this.replay.unshift(shown);
    }
    // What is behind bounds of its own is not missed.
    if (isForward) { for (const { seq } of kept) looked.add(seq); }
    const beyond = this.replay.splice(limit).length;
    this.captured += this.replay.length;
    this.seen -= beyond;
    this.matched -= beyond;
    if (since === undefined) {
      this.missed = stages.reduce((sum, { offered }) => sum + offered, 0) - looked.size;
      return;
    }
    const hasAll = stages.flatMap(({ written }) => written)
      .every(({ event: { seq } }) => seq <= since || looked.has(seq));
    const { seq, blindSeq, bounds } = this.tap;
    const isKnown = bounds.backlog > 0 && since <= seq && since > blindSeq;
    this.missed = hasAll && isKnown ? 0 : undefined;
  }
}
