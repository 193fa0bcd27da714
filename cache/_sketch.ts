/** Buckets of an octave: values of one bucket differ by less than 1 in 32. */
const PER_OCTAVE = 32;
/** Octaves of whole nanoseconds, up to 2^53. */
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
  // As far as the longest so far.
  #buckets: Uint32Array = new Uint32Array(0);

  /** Puts a number of nanoseconds in. */
  add(ns: number): void {
    const bucket = bucketOf(ns);
    if (bucket >= this.#buckets.length) this.#grow(bucket);
    this.#buckets[bucket]!++;
  }

  /** Takes one out. */
  remove(ns: number): void {
    this.#buckets[bucketOf(ns)]!--;
  }

  /** About the value that has the place `rank`, from 1, when all are in order. */
  at(rank: number): number {
    let before = 0;
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
      before += this.#buckets[bucket]!;
      if (before >= rank) return middleOf(bucket);
    }
    return NaN;
  }

  #grow(bucket: number): void {
    const octaves = Math.floor(bucket / PER_OCTAVE) + 1;
    const buckets = new Uint32Array(octaves * PER_OCTAVE);
    buckets.set(this.#buckets);
    this.#buckets = buckets;
  }
}

/** Octave 0 has the numbers below 32, one a bucket; the others those from 2^(n + 4). */
function bucketOf(ns: number): number {
  if (ns < PER_OCTAVE) return ns;
  const octave = ns < TWO_32 ? 27 - Math.clz32(ns) : 59 - Math.clz32(ns / TWO_32);
  // Scaled, it is 32 to 63: the first bucket of an octave stands behind the last one of the octave before.
  return (octave - 1) * PER_OCTAVE + (ns * INVERSES[octave]! | 0);
}

function middleOf(bucket: number): number {
  if (bucket < PER_OCTAVE) return bucket;
  const octave = Math.floor(bucket / PER_OCTAVE);
  const width = WIDTHS[octave]!;
  return (bucket % PER_OCTAVE + PER_OCTAVE) * width + (width - 1) / 2;
}
