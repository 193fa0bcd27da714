import { utf8Length } from "./_line.ts";
import { scalarsAt } from "./_path.ts";

/** How many values are told apart in one interval, and how long a value may be, in UTF-16 code units. */
const MAX_VALUES = 1_000;
const MAX_LENGTH = 128;
/** How many values of one event are counted. */
const MAX_OF_EVENT = 100;

/** Counts events by their values at a path. */
export class Counter {
  readonly #keys: readonly string[];
  #counts: Map<string, number> = new Map();
  #none = 0;
  #other = 0;
  #total = 0;

  constructor(keys: readonly string[]) {
    this.#keys = keys;
  }

  /** How many events were counted since the last line. */
  get total(): number {
    return this.#total;
  }

  /** The texts, numbers and the like that an event has there, as they are told apart; none if it cannot be read. */
  read(value: unknown): readonly string[] {
    const values: string[] = [];
    try {
      scalarsAt(value, this.#keys, (found) => {
        values.push(typeof found === "string" ? found : `${found}`);
        return values.length >= MAX_OF_EVENT;
      });
    } catch {
      return [];
    }
    return values;
  }

  /** Counts an event, once for each value it has. */
  add(values: readonly string[]): void {
    this.#total++;
    if (values.length === 0) this.#none++;
    for (const value of values) this.#count(value);
  }

  /** What was counted, as a line of JSON, the most frequent first as far as there is room, and begins anew. */
  takeLine(maxBytes: number): string {
    const counts = [...this.#counts].sort(([, a], [, b]) => b - a);
    const numbers = (other: number): string =>
      `],"none":${this.#none},"other":${other},"total":${this.#total}}`;
    let line = '{"counts":[';
    let other = counts.reduce((sum, [, count]) => sum + count, this.#other);
    // With what is behind the counts, which is longest before any of them is said.
    let bytes = line.length + numbers(other).length;
    for (const [value, count] of counts) {
      const entry = JSON.stringify({ value, count });
      bytes += utf8Length(entry) + 1;
      if (bytes > maxBytes) break;
      line += `${line.endsWith("[") ? "" : ","}${entry}`;
      other -= count;
    }
    line += numbers(other);
    this.#counts = new Map();
    this.#none = this.#other = this.#total = 0;
    return line;
  }

  #count(value: string): void {
    const name = value.length <= MAX_LENGTH ? value : beginningOf(value);
    const count = this.#counts.get(name);
    if (count !== undefined || this.#counts.size < MAX_VALUES) {
      this.#counts.set(name, (count ?? 0) + 1);
    } else this.#other++;
  }
}

/** The beginning of a long text, without half of a character at its end. */
function beginningOf(text: string): string {
  const characters = Array.from(text.slice(0, MAX_LENGTH));
  if (!characters.at(-1)!.isWellFormed()) characters.pop();
  // Made anew: a piece of a long text would keep the whole of it.
  return `${characters.join("")}…`;
}
