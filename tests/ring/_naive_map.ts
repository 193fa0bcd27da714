import type { Ring } from "../../ring/mod.ts";

/** One change that was published, or a frame that is none. */
export interface Change {
  readonly lane: number;
  readonly counter: number;
  /** Its place in the order of all; 0 for what is no change. */
  readonly version: number;
  readonly action: "put" | "delete" | "clear" | "none";
  readonly key: string;
  readonly value: string;
  readonly expiresAt: number;
  /** Whether something has written over it. */
  isTorn: boolean;
}

/** All that was published to a ring, which forgets nothing. */
export class History {
  readonly #ring: Ring;
  readonly lanes: Change[][];
  /** Where each lane begins since the last reset. */
  readonly bases: number[];
  resets = 0;

  constructor(ring: Ring) {
    this.#ring = ring;
    this.lanes = Array.from({ length: ring.geometry.lanes }, () => []);
    this.bases = this.lanes.map(() => 0);
  }

  get lastVersion(): number {
    return this.lanes.length === 1 ? this.lanes[0]!.length : this.#ring.stats().lastVersion;
  }

  reset(): void {
    this.resets++;
    this.lanes.forEach((lane, index) => {
      this.bases[index] = lane.length;
    });
  }

  /** The counter of the oldest frame that a lane has. */
  retainedFrom(lane: number): number {
    return Math.max(this.bases[lane]!, this.lanes[lane]!.length - this.#ring.geometry.capacity);
  }

  /** What a map would hold that had read every frame since the last reset. */
  truth(now: number): Map<string, string> {
    const changes = this.lanes.flatMap((lane, index) => lane.slice(this.bases[index]));
    return newestOf(changes, 0, now);
  }
}

/** The newest value of each key, by looking at every change. */
function newestOf(changes: readonly Change[], floor: number, now: number): Map<string, string> {
  const newest = new Map<string, string>();
  for (const change of changes.toSorted((one, other) => one.version - other.version)) {
    if (change.version <= floor) continue;
    if (change.action === "clear") newest.clear();
    if (change.action === "delete") newest.delete(change.key);
    if (change.action !== "put") continue;
    if (change.expiresAt <= now) newest.delete(change.key);
    else newest.set(change.key, change.value);
  }
  return newest;
}

/** What one map is to hold, worked out from the history without any cleverness. */
export class NaiveMap {
  readonly #history: History;
  #known: Set<Change> = new Set();
  #next: number[];
  #floor = 0;
  #resets: number;
  /** Changes of its own, in a row and with nothing between, that it knows without reading. */
  #own: Change[] = [];
  losses = 0;
  undecodable = 0;

  constructor(history: History) {
    this.#history = history;
    this.#next = [...history.bases];
    this.#resets = history.resets;
  }

  /** What it has published itself, it knows. */
  published(change: Change): void {
    const last = this.#own.at(-1);
    if (last !== undefined && last.counter + 1 !== change.counter) this.#own = [];
    this.#own.push(change);
    this.#known.add(change);
  }

  content(now: number): Map<string, string> {
    const history = this.#history;
    if (this.#resets !== history.resets) {
      this.#resets = history.resets;
      this.#known = new Set();
      this.#own = [];
      this.#floor = 0;
      this.#next = [...history.bases];
    }
    const open = new Set<number>();
    history.lanes.forEach((changes, lane) => {
      const retained = history.retainedFrom(lane);
      let lost: Change[] = [];
      const end = (): void => {
        if (lost.some((change) => !this.#own.includes(change))) {
          this.losses += lost.length;
          open.add(lane);
        }
        lost = [];
      };
      for (const change of changes.slice(this.#next[lane])) {
        if (change.counter < retained || change.isTorn) {
          lost.push(change);
          continue;
        }
        if (lost.length > 0) end();
        if (change.action === "none") {
          this.undecodable++;
          continue;
        }
        if (open.delete(lane)) this.#floor = Math.max(this.#floor, change.version - 1);
        this.#known.add(change);
      }
      if (lost.length > 0) end();
      this.#next[lane] = changes.length;
    });
    if (open.size > 0) this.#floor = Math.max(this.#floor, history.lastVersion);
    return newestOf([...this.#known], this.#floor, now);
  }
}
