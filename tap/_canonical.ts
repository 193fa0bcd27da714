import { sha256 } from "./_sha256.ts";

/** What stands before a token of the origin's form. */
const HASH_PREFIX = "rsigma:redacted:";
/** What stands before a token that tells texts from other values. */
const TYPED_PREFIX = "weir:redacted:";

/** How many bytes of a digest a token shows. */
const TOKEN_BYTES = 8;
/** Texts up to this many UTF-16 code units are hashed in a buffer that is kept. */
const KEPT_UNITS = 1_024;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const encoder = new TextEncoder();

/**
 * A JSON value as JSON whose text does not depend on the order of keys: they are sorted by their UTF-16 code units.
 *
 * @param value What `JSON.parse` gave.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.keys(value).sort().map((key) =>
    `${JSON.stringify(key)}:${canonicalJson((value as Record<string, unknown>)[key])}`
  );
  return `{${members.join(",")}}`;
}

/** Makes tokens of JSON values: equal ones of equal values with one salt, and such that cannot be compared with another. */
export class Tokens {
  readonly #saltBytes: number;
  // Begins with the salt.
  readonly #kept: Uint8Array<ArrayBuffer>;

  constructor(salt: Uint8Array) {
    this.#saltBytes = salt.length;
    this.#kept = new Uint8Array(salt.length + 3 * KEPT_UNITS);
    this.#kept.set(salt);
  }

  /** The origin's token: of a text itself, or of the JSON of anything else, with its keys as they come. */
  hash(value: unknown): string {
    return HASH_PREFIX + this.#digest(typeof value === "string" ? value : JSON.stringify(value));
  }

  /** A token that differs for `8080` and `"8080"`, and does not depend on the order of keys. */
  typedHash(value: unknown): string {
    return TYPED_PREFIX + this.#digest(canonicalJson(value));
  }

  #digest(text: string): string {
    const salt = this.#saltBytes;
    let salted: Uint8Array;
    if (text.length <= KEPT_UNITS) {
      const { written } = encoder.encodeInto(text, this.#kept.subarray(salt));
      salted = this.#kept.subarray(0, salt + written);
    } else {
      const bytes = encoder.encode(text);
      salted = new Uint8Array(salt + bytes.length);
      salted.set(this.#kept.subarray(0, salt));
      salted.set(bytes, salt);
    }
    const digest = sha256(salted);
    let token = "";
    for (let i = 0; i < TOKEN_BYTES; i++) token += HEX[digest[i]!];
    return token;
  }
}
