import { caseGroups } from "./_pattern_case.ts";

/** A set of characters (code points): the first and the last of each range in turn, in order, with gaps between the ranges. */
export type CharSet = readonly number[];

const LAST_CHARACTER = 0x10ffff;

export const DIGITS: CharSet = [48, 57];
export const WORD: CharSet = [48, 57, 65, 90, 95, 95, 97, 122];
/** What JavaScript takes for blank: line ends, too. */
// deno-fmt-ignore
export const BLANKS: CharSet = [
  9, 13, 32, 32, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f,
  0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff,
];
/** What `.` stands for: all but line ends. */
export const NO_LINE_END: CharSet = inverse([10, 10, 13, 13, 0x2028, 0x2029]);

/** A set of ranges in any order, which may overlap. */
export function union(ranges: readonly number[]): CharSet {
  const pairs: [number, number][] = [];
  for (let at = 0; at < ranges.length; at += 2) pairs.push([ranges[at]!, ranges[at + 1]!]);
  pairs.sort((a, b) => a[0] - b[0]);
  const set: number[] = [];
  for (const [first, last] of pairs) {
    const end = set.at(-1);
    if (end === undefined || first > end + 1) set.push(first, last);
    else if (last > end) set[set.length - 1] = last;
  }
  return set;
}

/** All characters that are not in a set. */
export function inverse(set: CharSet): CharSet {
  const result: number[] = [];
  let start = 0;
  for (let at = 0; at < set.length; at += 2) {
    if (set[at]! > start) result.push(start, set[at]! - 1);
    start = set[at + 1]! + 1;
  }
  if (start <= LAST_CHARACTER) result.push(start, LAST_CHARACTER);
  return result;
}

/** A set, and all characters that equal one of it but for case. */
export function withCases(set: CharSet): CharSet {
  const ranges = [...set];
  const add = (member: number): void => void ranges.push(member, member);
  if (set.every((code) => code < 128)) {
    for (const code of ASCII_LETTERS) if (has(set, code)) casesOfAscii(code).forEach(add);
  } else {
    for (const [code, group] of caseGroups()) if (has(set, code)) group.forEach(add);
  }
  return union(ranges);
}

const ASCII_LETTERS = Array.from({ length: 26 }, (_, index) => [65 + index, 97 + index]).flat();

/** So that most patterns need no table of all cases. */
function casesOfAscii(code: number): number[] {
  const cases = [code ^ 32];
  if ((code | 32) === 0x6b) cases.push(0x212a); // The sign of kelvins.
  if ((code | 32) === 0x73) cases.push(0x17f); // The long s.
  return cases;
}

function has(set: CharSet, code: number): boolean {
  let low = 0;
  let high = set.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (code > set[2 * middle + 1]!) low = middle + 1;
    else high = middle;
  }
  return 2 * low < set.length && code >= set[2 * low]!;
}

/** The characters in classes: two are in the same one if no set tells them apart. */
export interface CharClasses {
  /** Where a run of characters of one class begins, in order; the first is 0. */
  readonly starts: readonly number[];
  /** The class of each run. */
  readonly ids: readonly number[];
  /** For each class, the indexes of the sets it is in. */
  readonly members: readonly (readonly number[])[];
}

export function classesOf(sets: readonly CharSet[]): CharClasses {
  const edges = new Set([0]);
  for (const set of sets) {
    for (let at = 0; at < set.length; at += 2) edges.add(set[at]!).add(set[at + 1]! + 1);
  }
  edges.delete(LAST_CHARACTER + 1);
  const starts = [...edges].sort((a, b) => a - b);
  const members: number[][] = [];
  const known = new Map<string, number>();
  const ids = starts.map((start) => {
    const inside: number[] = [];
    for (let index = 0; index < sets.length; index++) {
      if (has(sets[index]!, start)) inside.push(index);
    }
    const key = inside.join();
    let id = known.get(key);
    if (id === undefined) {
      known.set(key, id = members.length);
      members.push(inside);
    }
    return id;
  });
  return { starts, ids, members };
}
