import { assert, assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import {
  decodeSnapshot,
  encodeSnapshot,
  type FoldKey,
  type FoldKind,
  type FoldSnapshot,
  FoldSnapshotError,
  leaseKind,
  type Presence,
  presenceKind,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { foldOf, HandClock, START_MS } from "./_hand_clock.ts";
import { held, KIND, say, snapshotOf } from "./_presences.ts";

/** A kind whose keys are anything that can be one. */
function keyedKind<P>(parts: Partial<FoldKind<FoldKey, P>>): FoldKind<FoldKey, P> {
  return { id: 0x0100, name: "keyed", defaultTtlMs: 1_000, key: (node) => node, ...parts };
}

const SNAPSHOT: FoldSnapshot<Presence> = {
  kind: 5,
  takenAtMs: START_MS + 0.5,
  entries: [
    { node: "n1", generation: 7, payload: { room: "r", user: "ü" }, ageMs: 1.5, remainingMs: 9 },
  ],
  remembered: [{ key: "k", node: "n2", generation: 3, remainingMs: 5 }],
};

/** A text with another second line, and with the checksum of that. */
function textOf(body: string): string {
  const right = encodeSnapshot(KIND, SNAPSHOT);
  const text = `${right.slice(0, right.indexOf("\n"))}\n${body}\n`;
  const { message } = assertThrows(() => decodeSnapshot(KIND, text), FoldSnapshotError);
  const [, checksum] = /its checksum is ([0-9a-f]{16})/.exec(message)!;
  return text.replace(/"checksum":"\w+"/, `"checksum":"${checksum}"`);
}

test("a snapshot is read as it was written, in two lines", () => {
  const text = encodeSnapshot(KIND, SNAPSHOT);
  assertEquals(decodeSnapshot(KIND, text), SNAPSHOT);
  assertEquals(encodeSnapshot(KIND, SNAPSHOT), text);
  const [head, body, end, ...rest] = text.split("\n");
  assertEquals([end, rest], ["", []]);
  const { checksum, ...said } = JSON.parse(head!);
  const format = "weir-fold-snapshot";
  assertEquals(said, { format, version: 1, kind: 5, name: "presence", takenAtMs: START_MS + 0.5 });
  assertMatch(checksum, /^[0-9a-f]{16}$/);
  assertEquals(JSON.parse(body!), {
    entries: [["n1", 7, '{"room":"r","user":"ü"}', 1.5, 9]],
    remembered: [["k", "n2", 3, 5]],
  });
});

test("a fold that was kept in a text is the same fold", () => {
  const text = encodeSnapshot(KIND, snapshotOf());
  const fold = foldOf(KIND);
  assertEquals(fold.restore(decodeSnapshot(KIND, text)), 2);
  assertEquals([held(fold), fold.stats().remembered], [["ada 5", "bob 5"], 2]);
  assertEquals(say(fold, "cleo", 5).reason, "replayed");
});

test("an empty fold can be kept, and so can nodes and payloads of any letters", () => {
  const empty = { ...SNAPSHOT, entries: [], remembered: [] };
  assertEquals(decodeSnapshot(KIND, encodeSnapshot(KIND, empty)), empty);
  const [entry] = SNAPSHOT.entries;
  for (const text of ['"\n\\', "\u2028\u2029", "\ufeff", "\0", "👩‍🚀", "\ud800"]) {
    const payload = { room: text, user: "u", meta: { [text]: [text] } };
    const snapshot = { ...SNAPSHOT, entries: [{ ...entry!, node: text, payload }] };
    const written = encodeSnapshot(KIND, snapshot);
    assertEquals(written.split("\n").length, 3);
    assertEquals(decodeSnapshot(KIND, written), snapshot);
  }
});

/** Forgets entries with these keys, and expects that they are remembered over a text. */
function assertRemembered(keys: readonly FoldKey[]): void {
  const kind = keyedKind<{ key: number }>({ key: (_, { key }) => keys[key]! });
  const fold = foldOf(kind);
  for (let key = 0; key < keys.length; key++) {
    fold.apply({ node: "n1", generation: key + 1, payload: { key } });
  }
  fold.leave("n1");
  const snapshot = fold.snapshot();
  assertEquals(snapshot.remembered.length, keys.length);
  const decoded = decodeSnapshot(kind, encodeSnapshot(kind, snapshot));
  assertEquals(decoded, snapshot);
  const restored = foldOf(kind);
  restored.restore(decoded);
  for (let key = 0; key < keys.length; key++) {
    const again = { node: "n1", generation: key + 1, payload: { key } };
    assertEquals(restored.apply(again).reason, "replayed", String(keys[key]));
  }
}

test("generations are remembered of keys of every type", () => {
  assertRemembered(["", "7", 7, 7n, -(2n ** 80n), 0.1, -1e300, Number.MAX_VALUE, "\ud800", "\n"]);
});

test("generations are remembered of keys without end as well", () => {
  assertRemembered([Infinity, -Infinity]);
});

test("a kind with a codec is kept in its bytes", () => {
  const kind = keyedKind<Uint8Array>({
    codec: { encode: (bytes) => bytes, decode: (bytes) => bytes.map((byte) => byte) },
  });
  const fold = foldOf(kind);
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  fold.apply({ node: "n1", generation: 1, payload: all });
  fold.apply({ node: "n2", generation: 1, payload: new Uint8Array() });
  const snapshot = fold.snapshot();
  assertEquals(decodeSnapshot(kind, encodeSnapshot(kind, snapshot)), snapshot);
});

test("a snapshot of another kind is neither written nor read", () => {
  const leases = leaseKind();
  const write = () => encodeSnapshot(leases, SNAPSHOT as never);
  const written = assertThrows(write, FoldSnapshotError, "must be of kind 3 (lease)");
  assertMatch(written.message, /^Cannot encode snapshot: .+, received 5$/);
  const text = encodeSnapshot(KIND, SNAPSHOT);
  const read = assertThrows(() => decodeSnapshot(leases, text), FoldSnapshotError);
  assertEquals(
    read.message,
    "Cannot decode snapshot: snapshot must be of kind 3 (lease), received 5",
  );
});

test("a text of another format or version is refused, whatever else is in it", () => {
  const text = encodeSnapshot(KIND, SNAPSHOT);
  const wrong: [string, string][] = [
    [text.replace("weir-fold-snapshot", "weir-bus-snapshot"), "format must be"],
    [text.replace('"version":1', '"version":2'), "version must be 1, received 2"],
    [text.replace('"version":1', '"version":"1"'), "version must be 1"],
    [text.replace('"version":1,', ""), "version must be 1, received undefined"],
    [text.replace('"kind":5', '"kind":"5"'), "must be of kind 5"],
    [`\ufeff${text}`, "format must be"],
  ];
  for (const [other, message] of wrong) {
    assertThrows(() => decodeSnapshot(KIND, other), FoldSnapshotError, message);
  }
  for (const none of ["", "\n", "\n\n", "{}", "{}\n{}\n", "null\n", "[]\n", "7\n", "x\ny\n"]) {
    assertThrows(() => decodeSnapshot(KIND, none), FoldSnapshotError, "Cannot decode snapshot: ");
  }
  for (const none of [undefined, null, 7, {}, new Uint8Array(3)] as never[]) {
    const { message } = assertThrows(() => decodeSnapshot(KIND, none), FoldSnapshotError);
    assertMatch(message, /^Cannot decode snapshot: text must be .+, received .+/);
  }
});

/** Reads a text that is damaged: it is refused, or the damage did not matter. */
function isRefused(text: string): boolean {
  let snapshot: FoldSnapshot<Presence>;
  try {
    snapshot = decodeSnapshot(KIND, text);
  } catch (error) {
    assertInstanceOf(error, FoldSnapshotError, text);
    return true;
  }
  assertEquals(snapshot, SNAPSHOT, text);
  return false;
}

test("no letter of a text can be another one, but for those that say nothing", () => {
  const text = encodeSnapshot(KIND, SNAPSHOT);
  const harmless: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    for (const other of [code ^ 1, code ^ 2, code ^ 16, code ^ 64, 32, 48, 34, 92, 10, 0]) {
      if (other === code) continue;
      const damaged = text.slice(0, at) + String.fromCharCode(other) + text.slice(at + 1);
      if (!isRefused(damaged)) harmless.push(at);
    }
  }
  // The name is for people.
  const from = text.indexOf('"name":"presence"');
  assert(
    harmless.every((at) => at >= from && at < from + '"name":"presence"'.length),
    `${harmless}`,
  );
});

test("a text cannot be cut off anywhere, but for the end of its last line", () => {
  const text = encodeSnapshot(KIND, SNAPSHOT);
  for (let length = 0; length < text.length - 1; length++) {
    assert(isRefused(text.slice(0, length)), `${length} letters`);
  }
  assertEquals(isRefused(text.slice(0, -1)), false);
  for (let from = 1; from < text.length; from++) assert(isRefused(text.slice(from)));
});

for (const seed of [1, 2, 3]) {
  test(`nothing that happens to a text has something else restored (${seed})`, () => {
    const random = new Random(seed);
    const text = encodeSnapshot(KIND, SNAPSHOT);
    const [from, to] = [text.indexOf('"checksum"'), text.length];
    for (let round = 0; round < 2_000; round++) {
      const at = from + random.below(to - from);
      const length = random.below(9);
      const piece = text.substr(random.below(text.length), random.below(9));
      const damaged = random.pick([
        text.slice(0, at) + text.slice(at + length),
        text.slice(0, at) + piece + text.slice(at),
        text.slice(0, at) + piece + text.slice(at + piece.length),
        text + piece,
        text.slice(0, at) + text.slice(at, at + length).split("").reverse().join("") +
        text.slice(at + length),
      ]);
      isRefused(damaged);
    }
  });
}

test("a time that was changed is found out, too: everything would be older or younger", () => {
  const text = encodeSnapshot(KIND, SNAPSHOT);
  const later = text.replace(String(SNAPSHOT.takenAtMs), String(SNAPSHOT.takenAtMs + 1));
  assert(later !== text && isRefused(later));
  assert(isRefused(text.replace(String(SNAPSHOT.takenAtMs), "null")));
});

test("a text whose checksum is right and whose contents are none is refused all the same", () => {
  const bodies = [
    "",
    "null",
    "7",
    "{}",
    "[]",
    "not JSON",
    '{"entries":[]}',
    '{"entries":{},"remembered":[]}',
    '{"entries":[7],"remembered":[]}',
    '{"entries":[null],"remembered":[]}',
    '{"entries":[[]],"remembered":[]}',
    '{"entries":[["n",1,7,0,9]],"remembered":[]}',
    '{"entries":[["n",1,"[",0,9]],"remembered":[]}',
    '{"entries":[["n",1,"{}",0,9]],"remembered":[]}',
    '{"entries":[],"remembered":[7]}',
    '{"entries":[],"remembered":[[null,"n",1,1]]}',
    '{"entries":[],"remembered":[[{},"n",1,1]]}',
    '{"entries":[],"remembered":[[{"bigint":"x"},"n",1,1]]}',
  ];
  for (const body of bodies) {
    const text = textOf(body);
    const { message } = assertThrows(() => decodeSnapshot(KIND, text), FoldSnapshotError, "", body);
    assertMatch(message, /^Cannot decode snapshot: /, body);
  }
});

test("payloads of a text are parsed, and what was thrown is told with the entry that it was of", () => {
  const strict = presenceKind();
  const [entry] = SNAPSHOT.entries;
  const snapshot = { ...SNAPSHOT, entries: [entry!, { ...entry!, payload: { room: 7 } as never }] };
  const text = encodeSnapshot(strict, snapshot);
  const read = () => decodeSnapshot(strict, text);
  const error = assertThrows(read, FoldSnapshotError, "payload of entries[1] is none of kind 5");
  assertInstanceOf(error.cause, TypeError);

  const kind = keyedKind<string>({
    codec: {
      encode: (payload) => new TextEncoder().encode(payload),
      decode(bytes) {
        throw new RangeError(`${bytes.length} bytes`);
      },
    },
  });
  const fold = foldOf(kind);
  fold.apply({ node: "n1", generation: 1, payload: "abc" });
  const written = encodeSnapshot(kind, fold.snapshot());
  const second = assertThrows(() => decodeSnapshot(kind, written), FoldSnapshotError, "entries[0]");
  assertEquals((second.cause as Error).message, "3 bytes");
});

test("a payload that cannot be written is refused by its own error", () => {
  const [entry] = SNAPSHOT.entries;
  const payload = { room: "r", user: "u", meta: NaN };
  const snapshot = { ...SNAPSHOT, entries: [{ ...entry!, payload }] };
  assertThrows(() => encodeSnapshot(KIND, snapshot), TypeError, "Cannot encode");
});

test("a text that was written a while ago is as old as that when it is restored", () => {
  const clock = new HandClock();
  const before = foldOf(KIND, { clock });
  say(before, "ada", 1);
  const text = encodeSnapshot(KIND, before.snapshot());
  clock.wallMs += 29_999;
  const fold = foldOf(KIND, { clock });
  assertEquals(fold.restore(decodeSnapshot(KIND, text)), 1);
  clock.wallMs += 1;
  assertEquals(foldOf(KIND, { clock }).restore(decodeSnapshot(KIND, text)), 0);
});
