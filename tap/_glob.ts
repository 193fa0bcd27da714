import { spend } from "./_path.ts";

/** How long a glob may be, and how much of a text it looks at, in UTF-16 units. */
export const MAX_GLOB_LENGTH = 256;
const MAX_LOOKED_AT = 8_192;

const ANY = -1;
const STAR = -2;

/**
 * A pattern of whole texts: `*` is any number of characters, `?` any one, and a backslash takes what follows as it is.
 *
 * Looks at the first 8,192 UTF-16 units of a text at most: a longer one matches only if the glob ends in `*`. O(text × pattern) at worst, as
 * only the last star that was met can still grow: O(text) for most.
 */
export class Glob {
  /** A UTF-16 unit, or what stands for some; never two stars in a row. */
  readonly #units: Int32Array;

  constructor(pattern: string) {
    const units: number[] = [];
    for (let at = 0; at < pattern.length; at++) {
      const unit = pattern[at]!;
      if (unit === "*") {
        if (units.at(-1) !== STAR) units.push(STAR);
      } else if (unit === "?") units.push(ANY);
      else {
        if (unit === "\\" && at + 1 < pattern.length) at++;
        units.push(pattern.charCodeAt(at));
      }
    }
    this.#units = Int32Array.from(units);
  }

  /** Whether the whole text matches. */
  matches(text: string): boolean {
    const units = this.#units;
    const isCut = text.length > MAX_LOOKED_AT;
    if (isCut && units[units.length - 1] !== STAR) return false;
    const end = isCut ? MAX_LOOKED_AT : text.length;
    let at = 0;
    let unit = 0;
    // Behind the last star, and up to where in the text it reaches.
    let retryUnit = -1;
    let retryAt = 0;
    let retries = 0;
    spend(1 + end / 50);
    while (at < end) {
      const wanted = units[unit];
      if (wanted === STAR) {
        retryUnit = ++unit;
        if (unit === units.length) return true;
        retryAt = at;
      } else if (wanted === ANY) {
        at += characterLength(text, at);
        unit++;
      } else if (wanted === text.charCodeAt(at)) {
        at++;
        unit++;
      } else if (retryUnit < 0) return false;
      else {
        if ((++retries & 63) === 0) spend(4);
        retryAt += characterLength(text, retryAt);
        at = retryAt;
        unit = retryUnit;
      }
    }
    return unit === units.length || (unit === units.length - 1 && units[unit] === STAR);
  }
}

/** How many UTF-16 units the character at a place has. */
function characterLength(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1;
}
