import { refusal } from "../internal/mod.ts";
import { MAX_TIMER_MS } from "./_max_timer.ts";
import { checkDuration, checkList, checkText } from "./_check.ts";
import { compileRules } from "./_redactor.ts";
import { sha256 } from "./_sha256.ts";
import type { RedactRule } from "./redact.ts";

/** What somebody may do with a tap. */
export interface TapGrant {
  /** Who it is, for the audit and for the tap's `maxSessionsPerSubject`. */
  readonly subject?: string | undefined;
  /** The stages, by names or patterns; all of them if it is not given. */
  readonly stages?: readonly string[] | undefined;
  /** What is redacted for them, beside what the tap redacts. */
  readonly redact?: readonly (string | RedactRule)[] | undefined;
  /** How long their sessions may last, in milliseconds, up to the tap's `maxDurationMs`. */
  readonly maxDurationMs?: number | undefined;
  /**
   * Whether they may see who reads, end others' sessions, and read the metrics.
   *
   * @default {false}
   */
  readonly admin?: boolean | undefined;
}

/**
 * Decides what a request may do: what it is granted, or all but administration by `true`; nothing by `false`, which is answered with 401, or
 * by a response of its own.
 */
export type TapAuthorize = (
  request: Request,
) => boolean | TapGrant | Response | Promise<boolean | TapGrant | Response>;

/** A token, and what it grants. */
export interface TapBearer extends TapGrant {
  /** The token: at least 16 characters, better 32 random ones. */
  readonly token: string;
}

const BEARER = "check bearer tokens";
const MIN_TOKEN_LENGTH = 16;

/**
 * Lets in whoever shows a token in the header `authorization: Bearer …`. Tokens are compared in a time that does not depend on how much of
 * one is right.
 *
 * @param tokens The token, or several with what they grant.
 * @returns What `authorize` of {@linkcode tapHandler} takes.
 * @throws {TypeError} If a token is not a text of 16 to 1,024 characters without blanks.
 * @throws {RangeError} If there is no token, or one is given twice.
 *
 * @example Two readers
 * ```ts
 * import { bearer, Tap, tapHandler } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * const authorize = bearer([
 *   { token: "0123456789abcdef-ops", subject: "ops", admin: true },
 *   { token: "0123456789abcdef-dev", subject: "dev", stages: ["decoded"], redact: ["user"] },
 * ]);
 * const handler = tapHandler(new Tap(), { authorize });
 * const response = await handler(new Request("https://example.org/tap?duration=0s"));
 * assertEquals(response.status, 401);
 * const headers = { authorization: "Bearer 0123456789abcdef-dev" };
 * const allowed = await handler(new Request("https://example.org/tap?duration=0s", { headers }));
 * assertEquals(allowed.status, 200);
 * await allowed.text();
 * ```
 */
export function bearer(tokens: string | readonly TapBearer[]): TapAuthorize {
  const list: readonly TapBearer[] = typeof tokens === "string" ? [{ token: tokens }] : tokens;
  if (!Array.isArray(list)) {
    throw new TypeError(refusal(BEARER, "tokens must be a text or a list", tokens));
  }
  if (list.length === 0) throw new RangeError(refusal(BEARER, "there must be a token", tokens));
  const known = list.map(({ token, ...grant }) => {
    const isUsable = typeof token === "string" && token.length >= MIN_TOKEN_LENGTH &&
      token.length <= MAX_TOKEN_LENGTH && /^[\x21-\x7e]+$/.test(token);
    // Not the token itself: messages end in logs.
    if (!isUsable) {
      const shown = typeof token === "string" ? `a text of ${token.length}` : token;
      const range = `${MIN_TOKEN_LENGTH} to ${MAX_TOKEN_LENGTH}`;
      throw new TypeError(
        refusal(BEARER, `a token must have ${range} visible ASCII characters`, shown),
      );
    }
    checkGrant(BEARER, grant);
    return { digest: digestOf(token), grant };
  });
  known.forEach(({ digest }, index) => {
    if (known.some((other, place) => place < index && isSame(other.digest, digest))) {
      throw new RangeError(refusal(BEARER, "each token must be given once", `token ${index + 1}`));
    }
  });
  return function authorizeBearer(request) {
    const [, token] =
      /^Bearer +([\x21-\x7e]+) *$/i.exec(request.headers.get("authorization") ?? "") ?? [];
    if (token === undefined || token.length > MAX_TOKEN_LENGTH) return false;
    const digest = digestOf(token);
    let found: TapGrant | undefined;
    // All of them, whichever it is.
    for (const { digest: other, grant } of known) if (isSame(other, digest)) found = grant;
    return found ?? false;
  };
}

const MAX_TOKEN_LENGTH = 1_024;
const GRANT_KEYS = ["subject", "stages", "redact", "maxDurationMs", "admin"];

/**
 * Checks what somebody is granted, before they come: what it lacks by a mistake would be granted.
 *
 * @throws {TypeError | RangeError} That names the part.
 */
export function checkGrant(action: string, grant: TapGrant): void {
  // What is an error, or says something by another name, is not meant to grant everything.
  const prototype = Object.getPrototypeOf(grant);
  const isPlain = prototype === Object.prototype || prototype === null;
  const unknown = Object.keys(grant).find((name) => !GRANT_KEYS.includes(name));
  if (!isPlain || unknown !== undefined) {
    throw new TypeError(
      refusal(action, `a grant must have only ${GRANT_KEYS.join(", ")}`, unknown ?? grant),
    );
  }
  const { subject, stages, redact, maxDurationMs, admin } = grant;
  if (subject !== undefined) checkText(action, "subject", subject, 256);
  if (stages !== undefined) checkList(action, "stages", stages, 256);
  if (redact !== undefined) compileRules(action, redact);
  if (maxDurationMs !== undefined) {
    checkDuration(action, "maxDurationMs", maxDurationMs, MAX_TIMER_MS);
  }
  if (admin !== undefined && typeof admin !== "boolean") {
    throw new TypeError(refusal(action, "admin must be true or false", admin));
  }
}

function digestOf(token: string): Uint8Array {
  return sha256(new TextEncoder().encode(token));
}

/** Compares all bytes, wherever they differ. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= a[at]! ^ b[at]!;
  return difference === 0;
}
