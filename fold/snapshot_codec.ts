import { refusal } from "../internal/mod.ts";
import { hashText } from "./_hash.ts";
import { payloadFromText, payloadToText } from "./_payload.ts";
import { FoldSnapshotError } from "./errors.ts";
import type { FoldKey, FoldKind } from "./kind.ts";
import type { FoldSnapshot, FoldSnapshotEntry, FoldSnapshotGeneration } from "./snapshot.ts";

const FORMAT = "weir-fold-snapshot";
const VERSION = 1;
const ACTION = "decode snapshot";

/** The first line: what the second one is. */
interface Head {
  readonly format: string;
  readonly version: number;
  readonly kind: number;
  readonly name: string;
  readonly takenAtMs: number;
  readonly checksum: string;
}

/** The second line. Payloads are texts: JSON, or bytes in base64 if the kind has a codec. */
interface Body {
  readonly entries: readonly (readonly [
    node: string,
    generation: number,
    payload: string,
    ageMs: number,
    remainingMs: number,
  ])[];
  readonly remembered: readonly (readonly [
    key: string | number | { readonly bigint: string } | { readonly number: string },
    node: string,
    generation: number,
    remainingMs: number,
  ])[];
}

/**
 * Writes a snapshot as a text of two lines, with a checksum.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 * @param kind The kind of its entries.
 * @param snapshot The snapshot.
 * @returns The text.
 * @throws {FoldSnapshotError} If it is of another kind.
 * @throws {TypeError} If a payload cannot be written.
 *
 * @example Keeping a fold in a text
 * ```ts
 * import { decodeSnapshot, encodeSnapshot, Fold, presenceKind } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * const kind = presenceKind();
 * using fold = new Fold(kind);
 * fold.apply({ node: "n1", generation: 1, payload: { room: "lobby", user: "ada" } });
 * const text = encodeSnapshot(kind, fold.snapshot());
 *
 * using restored = new Fold(kind);
 * restored.restore(decodeSnapshot(kind, text));
 * assertEquals(restored.count({ by: { user: "ada" } }), 1);
 * ```
 */
export function encodeSnapshot<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  snapshot: FoldSnapshot<P>,
): string {
  if (snapshot.kind !== kind.id) {
    const requirement = `snapshot must be of kind ${kind.id} (${kind.name})`;
    throw new FoldSnapshotError(refusal("encode snapshot", requirement, snapshot.kind));
  }
  const body: Body = {
    entries: snapshot.entries.map(({ node, generation, payload, ageMs, remainingMs }) => [
      node,
      generation,
      payloadToText(kind, payload),
      ageMs,
      remainingMs,
    ]),
    remembered: snapshot.remembered.map(({ key, node, generation, remainingMs }) => [
      writtenKey(key),
      node,
      generation,
      remainingMs,
    ]),
  };
  const text = JSON.stringify(body);
  const head: Head = {
    format: FORMAT,
    version: VERSION,
    kind: kind.id,
    name: kind.name,
    takenAtMs: snapshot.takenAtMs,
    checksum: checksumOf(snapshot.takenAtMs, text),
  };
  return `${JSON.stringify(head)}\n${text}\n`;
}

/**
 * Reads a snapshot from a text.
 *
 * @typeParam K The keys.
 * @typeParam P The payloads.
 * @typeParam I The names of the indexes.
 * @param kind The kind of its entries.
 * @param text The text.
 * @returns The snapshot.
 * @throws {FoldSnapshotError} If the text is no snapshot, is damaged, or is of another kind or version.
 */
export function decodeSnapshot<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  text: string,
): FoldSnapshot<P> {
  const end = typeof text === "string" ? text.indexOf("\n") : -1;
  if (end === -1) {
    throw new FoldSnapshotError(
      refusal(ACTION, "text must be one that encodeSnapshot wrote", text),
    );
  }
  const head = parse<Head>(text.slice(0, end));
  if (head?.format !== FORMAT) {
    throw new FoldSnapshotError(refusal(ACTION, `format must be "${FORMAT}"`, head?.format));
  }
  if (head.version !== VERSION) {
    throw new FoldSnapshotError(refusal(ACTION, `version must be ${VERSION}`, head.version));
  }
  if (head.kind !== kind.id) {
    const requirement = `snapshot must be of kind ${kind.id} (${kind.name})`;
    throw new FoldSnapshotError(refusal(ACTION, requirement, head.kind));
  }
  const rest = text.slice(end + 1).replace(/\n$/, "");
  const checksum = checksumOf(head.takenAtMs, rest);
  if (head.checksum !== checksum) {
    const message = `the text is damaged, its checksum is ${checksum} and not ${head.checksum}`;
    throw new FoldSnapshotError(`Cannot ${ACTION}: ${message}`);
  }
  const body = parse<Partial<Body>>(rest);
  const entries = rowsOf<Body["entries"][number]>("entries", body?.entries);
  const remembered = rowsOf<Body["remembered"][number]>("remembered", body?.remembered);
  return {
    kind: kind.id,
    takenAtMs: head.takenAtMs,
    entries: entries.map(([node, generation, payload, ageMs, remainingMs], i) => {
      return { node, generation, payload: payloadOf(kind, payload, i), ageMs, remainingMs };
    }) satisfies FoldSnapshotEntry<P>[],
    remembered: remembered.map(([key, node, generation, remainingMs], i) => {
      return { key: readKey(key, i), node, generation, remainingMs };
    }) satisfies FoldSnapshotGeneration[],
  };
}

/** JSON has neither bigints nor infinite numbers. */
function writtenKey(key: FoldKey): Body["remembered"][number][0] {
  if (typeof key === "bigint") return { bigint: String(key) };
  return typeof key === "number" && !Number.isFinite(key) ? { number: String(key) } : key;
}

function readKey(key: Body["remembered"][number][0], i: number): FoldKey {
  if (typeof key === "string" || typeof key === "number") return key;
  try {
    if ("number" in key) return Number(key.number);
    return BigInt(key.bigint);
  } catch (cause) {
    throw new FoldSnapshotError(`Cannot ${ACTION}: remembered[${i}] has no key`, { cause });
  }
}

function rowsOf<T>(name: string, rows: unknown): readonly T[] {
  if (Array.isArray(rows) && rows.every((row) => Array.isArray(row))) {
    return rows as unknown as readonly T[];
  }
  throw new FoldSnapshotError(refusal(ACTION, `${name} must be a list of rows`, rows));
}

function payloadOf<K extends FoldKey, P, I extends string>(
  kind: FoldKind<K, P, I>,
  text: string,
  i: number,
): P {
  try {
    return payloadFromText(kind, text);
  } catch (cause) {
    const message = `payload of entries[${i}] is none of kind ${kind.id} (${kind.name})`;
    throw new FoldSnapshotError(`Cannot ${ACTION}: ${message}`, { cause });
  }
}

function parse<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Finds out what was damaged by accident; whoever wants to can make one. */
function checksumOf(takenAtMs: number, text: string): string {
  const whole = `${takenAtMs}\n${text}`;
  return [hashText(whole, 1), hashText(whole, 2)]
    .map((hash) => (hash >>> 0).toString(16).padStart(8, "0")).join("");
}
