import { refusal } from "../internal/mod.ts";

/** How deep a value may be, so that one that contains itself is refused. */
const MAX_DEPTH = 256;

/**
 * Writes a value as JSON whose names are in order of code units, without blanks: values that are equal give the same text. As with
 * `JSON.stringify`, properties that are undefined are left out, and `toJSON` is asked.
 *
 * @throws {TypeError} If JSON cannot say the value: a number that is not finite, a bigint, a function, undefined in a list, or something too deep.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

/** Throws for what was read as JSON and cannot be written so. Writes nothing. */
export function checkJson(value: unknown, depth: number = 0): void {
  if (typeof value === "number" && !Number.isFinite(value)) refuse(value);
  if (typeof value !== "object" || value === null) return;
  if (depth === MAX_DEPTH) refuse(value);
  for (const item of Object.values(value)) checkJson(item, depth + 1);
}

function refuse(value: unknown): never {
  const requirement = `it must be what JSON can say, at most ${MAX_DEPTH} levels deep`;
  throw new TypeError(refusal("encode a payload", requirement, value));
}

function write(given: unknown, depth: number): string {
  const value = hasToJson(given) ? given.toJSON() : given;
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value !== "object" || depth === MAX_DEPTH) refuse(value);
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item) => write(item, depth + 1)).join(",")}]`;
  }
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${
    fields.map(([name, field]) => `${JSON.stringify(name)}:${write(field, depth + 1)}`).join(",")
  }}`;
}

function hasToJson(value: unknown): value is { toJSON(): unknown } {
  return typeof value === "object" && value !== null &&
    typeof (value as { toJSON?: unknown }).toJSON === "function";
}
