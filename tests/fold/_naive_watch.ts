import type { FoldChange, FoldDelta, FoldEntry, FoldKey } from "../../fold/mod.ts";

type Change<P> = FoldChange<FoldKey, P>;
type Where<P> = (entry: FoldEntry<FoldKey, P>) => boolean;

/** What a watch is told, by the contract: with lists, and no thought of cost. */
export class NaiveWatch<P> {
  /** How many changes were for it. */
  offered = 0;
  /** How many of these were read. */
  read = 0;
  missed = 0;
  isClosed = false;
  readonly #capacity: number;
  readonly #where: Where<P>;
  #waiting: Change<P>[] = [];

  constructor(capacity: number, where: Where<P>) {
    this.#capacity = capacity;
    this.#where = where;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** How many changes that were for it wait, whether each of them or a resync for none. */
  get waiting(): number {
    return this.#waiting.filter(isDelta).length;
  }

  /** Begins with all entries. */
  begin(entries: FoldEntry<FoldKey, P>[]): void {
    this.#waiting.push({ type: "snapshot", entries: entries.filter(this.#where) });
  }

  /** Something has changed. */
  tell(delta: FoldDelta<FoldKey, P>): void {
    const isFor = this.#where(delta.entry) ||
      (delta.type === "replaced" && this.#where(delta.previous));
    if (!isFor || this.isClosed) return;
    this.offered++;
    if (this.#isBehind) this.missed++;
    else if (this.waiting < this.#capacity) this.#waiting.push(delta);
    else this.#fallBehind();
  }

  /** Anything may have changed. */
  reset(): void {
    if (this.isClosed) return;
    this.offered++;
    if (this.#isBehind) this.missed++;
    else this.#fallBehind();
  }

  /** What is read next, where these are all entries. */
  take(entries: FoldEntry<FoldKey, P>[]): Change<P> | undefined {
    const change = this.#waiting.shift();
    if (change === undefined) return undefined;
    if (change.type === "resync") {
      return { ...change, entries: entries.filter(this.#where), missed: this.#missedSince() };
    }
    if (isDelta(change)) this.read++;
    return change;
  }

  // How many were missed before the resync that was read last.
  #missedBefore = 0;

  get #isBehind(): boolean {
    return this.#waiting[0]?.type === "resync";
  }

  /** The change that has come, and all that wait, give way to a resync. */
  #fallBehind(): void {
    this.missed += this.waiting + 1;
    this.#waiting = [{ type: "resync", entries: [], missed: 0 }];
  }

  #missedSince(): number {
    const missed = this.missed - this.#missedBefore;
    this.#missedBefore = this.missed;
    return missed;
  }
}

function isDelta<P>(change: Change<P>): boolean {
  return change.type !== "snapshot" && change.type !== "resync";
}
