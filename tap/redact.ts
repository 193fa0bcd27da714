import { refusal } from "../internal/mod.ts";
import { randomBytes } from "./_random.ts";
import { compileRules, LineWriter, Redactor } from "./_redactor.ts";

/**
 * What becomes of a value.
 *
 * - `"hash"`: a token, `rsigma:redacted:` and 16 hexadecimal digits, the same for equal values of one session, and others in the next. A
 *   number and its text have the same token.
 * - `"typed-hash"`: a token, `weir:redacted:` and 16 hexadecimal digits, that also tells texts from other values, and does not depend on
 *   the order of keys.
 * - `"mask"`: the text `[redacted]`.
 * - `"remove"`: nothing; an element of an array becomes `null`.
 * - `"type"`: what is empty of the same type: `""`, `0`, `false`, `null`, `[]` or `{}`.
 * - `"partial"`: of a text of at least 12 code points `…` and the last 4; all else is masked.
 */
export type RedactMode = "hash" | "typed-hash" | "mask" | "remove" | "type" | "partial";

/** What is redacted, and how. */
export interface RedactRule {
  /**
   * Where the value is: `user.email`, `users[0].email`, `headers["x.y"]`, `*` for any one step, `**` for any number of them, or a JSON
   * Pointer. A step that is no index means that step of every element, where it meets an array. Where a text, a number or a boolean stands
   * in place of what the path leads through, it is redacted itself, unless that is somewhere behind `**`.
   */
  readonly path: string;
  /**
   * What becomes of it.
   *
   * @default {"hash"}
   */
  readonly mode?: RedactMode | undefined;
  /**
   * The stages at which it holds, by names or patterns such as `http.*`; all of them without it.
   */
  readonly stages?: readonly string[] | undefined;
  /**
   * Whether keys count that differ in case only.
   *
   * @default {false}
   */
  readonly ignoreCase?: boolean | undefined;
}

/**
 * Names of credentials, the default of {@linkcode TapOptions.denyNames}. A key counts if its letters end with one of them, whatever their
 * case, and whatever `-`, `_` and blanks are between: `X-Auth-Token` and `db_password` do, `tokens` does not.
 */
export const CREDENTIAL_NAMES: readonly string[] = /* @__PURE__ */ Object.freeze([
  "authorization",
  "cookie",
  "cookies",
  "password",
  "passwords",
  "passwd",
  "pwd",
  "passphrase",
  "secret",
  "secrets",
  "secretkey",
  "accesskey",
  "token",
  "apikey",
  "privatekey",
  "sessionid",
  "credential",
  "credentials",
  "jwt",
]);

/** Options of {@linkcode redact}. */
export interface RedactOptions {
  /**
   * What makes tokens differ from those of other salts; at least one byte.
   *
   * @default {16 random bytes}
   */
  readonly salt?: Uint8Array | undefined;
  /**
   * Names of credentials, which are masked before the rules are applied; `[]` for none.
   *
   * @default {CREDENTIAL_NAMES}
   */
  readonly denyNames?: readonly string[] | undefined;
}

/**
 * Shows what a tap with these rules shows of a value, so that rules can be tried, and captures compared.
 *
 * The rules are applied one after another, to what the ones before have left; what is masked by then stays masked. Texts are searched for
 * credentials wherever they stand: `token=…`, `Bearer …`, a password in a URL.
 *
 * @param value What could be offered.
 * @param rules Paths, whose values become tokens, or rules that say what becomes of them; at most 64.
 * @returns A copy, as JSON has it; `undefined` if nothing is left.
 * @throws {RangeError} If a path cannot be read, a mode is unknown, or the salt is empty.
 * @throws {TypeError} If a rule is of another kind, or the value has no JSON.
 *
 * @example Trying rules on an event
 * ```ts
 * import { redact } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * const event = { src: "10.0.0.1", card: "4111111111111111", headers: { "X-Auth-Token": "s3cret" } };
 * const salt = new Uint8Array(16).fill(7);
 * assertEquals(redact(event, ["src", { path: "card", mode: "partial" }], { salt }), {
 *   src: "rsigma:redacted:cfea2addbf5c8284",
 *   card: "…1111",
 *   headers: { "X-Auth-Token": "[redacted]" },
 * });
 * ```
 */
export function redact(
  value: unknown,
  rules: readonly (string | RedactRule)[],
  options: RedactOptions = {},
): unknown {
  const { salt = randomBytes(16), denyNames = CREDENTIAL_NAMES } = options;
  if (!(salt instanceof Uint8Array)) {
    throw new TypeError(refusal("redact", "salt must be a Uint8Array", salt));
  }
  if (salt.length === 0) {
    throw new RangeError(refusal("redact", "salt must have at least one byte", salt.length));
  }
  const redactor = new Redactor(compileRules("redact", rules), denyNames);
  const written = JSON.stringify(value) as string | undefined;
  if (written === undefined) return undefined;
  const line = new LineWriter(redactor, undefined, salt).write(written, false);
  return line === undefined ? undefined : JSON.parse(line);
}
