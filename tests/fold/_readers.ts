import { assertEquals } from "@std/assert";
import type { Fold, FoldEntry, FoldKey, FoldTransition, FoldWatch } from "../../fold/mod.ts";
import type { Random } from "../_random.ts";
import type { Played } from "./_casts.ts";
import type { NaiveFold } from "./_naive.ts";
import { NaiveWatch } from "./_naive_watch.ts";
import { assertSame, type Scribe } from "./_scribe.ts";

type Entry = FoldEntry<FoldKey, Played>;

/** A watch, its model, and what is put together of what was read from it. */
interface Reader {
  readonly watch: FoldWatch<FoldKey, Played>;
  readonly model: NaiveWatch<Played>;
  readonly where: (entry: Entry) => boolean;
  readonly mirror: Map<FoldKey, Entry>;
}

/** A few watches of a fold, each with the model of a watch, that tell the same. */
export class Readers {
  readonly #readers: Reader[] = [];
  readonly #fold: Fold<FoldKey, Played, string>;
  readonly #model: NaiveFold<Played>;
  readonly #scribe: Scribe<Played>;
  readonly #random: Random;

  constructor(
    fold: Fold<FoldKey, Played, string>,
    model: NaiveFold<Played>,
    scribe: Scribe<Played>,
    random: Random,
  ) {
    this.#fold = fold;
    this.#model = model;
    this.#scribe = scribe;
    this.#random = random;
  }

  /** How many are open. */
  get open(): number {
    return this.#readers.filter(({ model }) => !model.isClosed).length;
  }

  /** How many changes all of them have missed. */
  get missed(): number {
    return this.#readers.reduce((sum, { model }) => sum + model.missed, 0);
  }

  /** Tells the models what has happened. */
  tell(happened: readonly FoldTransition<FoldKey, Played>[], isReset: boolean): void {
    for (const { model } of this.#readers) {
      for (const transition of happened) {
        if (transition.type !== "rejected") model.tell(transition);
      }
      if (isReset) model.reset();
    }
  }

  /** Opens, closes or empties one; answers which. */
  act(): string {
    const random = this.#random;
    if (this.#readers.length > 0 && random.below(6) === 0) {
      const { watch, model } = random.pick(this.#readers);
      watch.close();
      model.isClosed = true;
      return "close a watch";
    }
    return this.#readers.length < 3 ? this.#open() : this.read(Infinity);
  }

  /** Reads from one of them, and compares what it tells. */
  read(most: number): string {
    if (this.#readers.length > 0) this.#read(this.#random.pick(this.#readers), most);
    return `read ${most}`;
  }

  /** Compares what can be seen of them. */
  compare(): void {
    for (const { watch, model } of this.#readers) {
      assertEquals([watch.size, watch.missed], [model.size, model.missed], "watch");
      assertEquals(model.offered, model.read + watch.missed + model.waiting, "accounting");
    }
  }

  /** Reads all that waits, and compares what was put together with what there is. */
  end(): void {
    for (const reader of this.#readers) {
      this.#read(reader, Infinity);
      const { model, watch, where, mirror } = reader;
      assertEquals(model.offered, model.read + watch.missed, "accounting at the end");
      if (model.isClosed) continue;
      const there = this.#model.query({ where });
      const [actual, expected] = [[...mirror.values()], there].map((entries) =>
        this.#scribe.entries(entries)
      );
      assertSame(actual, expected, "what was put together");
    }
  }

  #open(): string {
    const random = this.#random;
    const initial = random.below(2) === 0;
    const capacity = random.pick([1, 2, 3, 5, 1_000]);
    const odd = ({ payload }: Entry): boolean => this.#scribe.numberOf(payload) % 2 === 1;
    const where = random.below(3) === 0 ? odd : () => true;
    const watch = this.#fold.watch({ initial, capacity, where });
    const model = new NaiveWatch<Played>(capacity, where);
    const mirror = new Map<FoldKey, Entry>();
    const entries = this.#model.query();
    if (initial) model.begin(entries);
    else for (const entry of entries.filter(where)) mirror.set(entry.key, entry);
    this.#readers.push({ watch, model, where, mirror });
    return `watch, capacity ${capacity}`;
  }

  #read({ watch, model, where, mirror }: Reader, most: number): void {
    for (let i = 0; i < most; i++) {
      const expected = model.take(this.#model.query());
      const result = watch.tryReceive();
      if (expected === undefined) {
        assertEquals(result.state, model.isClosed ? "closed" : "empty");
        return;
      }
      const actual = result.state === "ok" ? this.#scribe.change(result.value) : undefined;
      assertSame(actual, this.#scribe.change(expected), "change");
      if (expected.type === "snapshot" || expected.type === "resync") {
        mirror.clear();
        for (const entry of expected.entries) mirror.set(entry.key, entry);
      } else if (
        (expected.type === "created" || expected.type === "replaced") && where(expected.entry)
      ) mirror.set(expected.key, expected.entry);
      else mirror.delete(expected.key);
    }
  }
}
