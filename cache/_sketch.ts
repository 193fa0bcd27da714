/** Buckets of an octave: values of one bucket differ by less than 1 in 32. */
const PER_OCTAVE = 32;
/** Octaves of whole nanoseconds: up to 2^53. */
const OCTAVES = 50;
const TWO_32 = 2 ** 32;
/** How many nanoseconds a bucket of each octave spans. */
const WIDTHS: Float64Array = Float64Array.from(
  { length: OCTAVES },
  (_, octave) => 2 ** Math.max(0, octave - 1),
);
/** Exact, since widths are powers of 2; multiplying is faster than dividing. */
const INVERSES: Float64Array = WIDTHS.map((width) => 1 / width);

/**
 * How many durations there are of about each length. What is asked of it is right within 1/64 of itself, and what was put in can be taken out
 * again, so that it is about what is held now.
 */
export class Sketch {
  // An octave that nothing was in has no buckets.
  readonly #octaves: (Uint32Array | undefined)[] = new Array(OCTAVES).fill(undefined);

  /** Puts a number of nanoseconds in. */
  add(ns: number): void {
    const octave = octaveOf(ns);
    const buckets = this.#octaves[octave] ??= new Uint32Array(PER_OCTAVE);
    buckets[bucketOf(ns, octave)]!++;
  }

  /** Takes one out. */
  remove(ns: number): void {
    const octave = octaveOf(ns);
    this.#octaves[octave]![bucketOf(ns, octave)]!--;
  }

  /** About the value that has the place `rank`, from 1, when all are in order. */
  at(rank: number): number {
    let before = 0;
    for (let octave = 0; octave < OCTAVES; octave++) {
      const buckets = this.#octaves[octave];
      if (buckets === undefined) continue;
      for (let bucket = 0; bucket < PER_OCTAVE; bucket++) {
        before += buckets[bucket]!;
        if (before >= rank) return middleOf(octave, bucket);
      }
    }
    return NaN;
  }
}

/** Octave 0 has the numbers below 32, one a bucket; the others those from 2^(n + 4). */
function octaveOf(ns: number): number {
  const exponent = ns < TWO_32 ? 31 - Math.clz32(ns) : 63 - Math.clz32(ns / TWO_32);
  return Math.max(0, exponent - 4);
}

function bucketOf(ns: number, octave: number): number {
  if (octave === 0) return ns;
  return (ns * INVERSES[octave]! | 0) - PER_OCTAVE;
}

function middleOf(octave: number, bucket: number): number {
  if (octave === 0) return bucket;
  const width = WIDTHS[octave]!;
  return (bucket + PER_OCTAVE) * width + (width - 1) / 2;
}
