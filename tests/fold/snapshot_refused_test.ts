import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  FoldClosedError,
  type FoldKind,
  type FoldSnapshot,
  FoldSnapshotError,
  type Presence,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { foldOf, HandClock } from "./_hand_clock.ts";
import { KIND, type PresenceFold, say, snapshotOf } from "./_presences.ts";

/** All that there is to see of a fold, its counts among it. */
function everything(fold: PresenceFold): unknown {
  return [fold.stats(), fold.version, fold.query(), fold.snapshot().remembered];
}

/** What was seen before, but for the snapshots that looking itself has taken. */
function bumped(before: unknown, looks: number): unknown {
  const [stats, ...rest] = before as [{ snapshots: number; queries: number }];
  return [
    { ...stats, snapshots: stats.snapshots + looks, queries: stats.queries + looks },
    ...rest,
  ];
}

test("a fold that has entries is not restored over, unless that is said", () => {
  const fold = foldOf(KIND);
  say(fold, "eve", 1);
  using watch = fold.watch({ initial: false });
  const before = everything(fold);
  for (const over of [undefined, "refuse"] as const) {
    const restore = () => fold.restore(snapshotOf(), { over });
    const error = assertThrows(restore, FoldSnapshotError, "has 1 entries already");
    assertEquals(error.name, "FoldSnapshotError");
  }
  assertEquals([everything(fold), watch.size], [bumped(before, 1), 0]);
});

const right = snapshotOf();
const [first] = right.entries;
const [over] = right.remembered;

/** Entries that are none, each of them wrong in one thing. */
const ENTRIES: [string, unknown][] = [
  ["no payload", { ...first, payload: undefined }],
  ...[null, 7, {}, []].map((entry): [string, unknown] => [`nothing but ${entry}`, entry]),
  ...wrongs("node", ["", 7, null]),
  ...wrongs("generation", [0, -1, 1.5, NaN, "7", 2 ** 53]),
  ...wrongs("remainingMs", [0, -1, NaN, Infinity, "9", null]),
  ...wrongs("ageMs", [-1, NaN, Infinity, "9", null]),
];

function wrongs(name: string, values: readonly unknown[]): [string, unknown][] {
  return values.map((value) => [`${name} ${value} (${typeof value})`, { ...first, [name]: value }]);
}

/** Snapshots that are none, each of them wrong in one thing. */
const WRONG: [string, unknown][] = [
  ["that is undefined", undefined],
  ["that is null", null],
  ["that is a text", "{}"],
  ["that is an empty object", {}],
  ["of another kind", { ...right, kind: 1 }],
  ["of no kind", { ...right, kind: undefined }],
  ["of no time", { ...right, takenAtMs: undefined }],
  ["of a time that is none", { ...right, takenAtMs: NaN }],
  ["of a time that is a text", { ...right, takenAtMs: "1" }],
  ["without entries", { ...right, entries: undefined }],
  ["whose entries are no list", { ...right, entries: { length: 0 } }],
  ["that remembers null", { ...right, remembered: null }],
  ["with a key twice", { ...right, entries: [first, { ...first, generation: 9 }] }],
  ["with a generation of nobody", { ...right, remembered: [{ ...over, node: "" }] }],
  ["with a generation of 0", { ...right, remembered: [{ ...over, generation: 0 }] }],
  ["with a generation of no key", { ...right, remembered: [{ ...over, key: NaN }] }],
  ["with a generation of an object", { ...right, remembered: [{ ...over, key: {} }] }],
  ["with a generation that is over", { ...right, remembered: [{ ...over, remainingMs: 0 }] }],
  ["with a generation that is null", { ...right, remembered: [null] }],
  ...ENTRIES.map(([what, entry]): [string, unknown] => [
    `with an entry with ${what}`,
    { ...right, entries: [right.entries[1], entry] },
  ]),
];

for (const [what, snapshot] of WRONG) {
  test(`a snapshot ${what} is refused in every way, and nothing has changed`, () => {
    const fold = foldOf(KIND);
    say(fold, "eve", 3);
    fold.leave("eve");
    const before = everything(fold);
    let looks = 0;
    for (const over of ["refuse", "replace", "merge"] as const) {
      const restore = () => fold.restore(snapshot as FoldSnapshot<Presence>, { over });
      const { message } = assertThrows(restore, FoldSnapshotError);
      assertMatch(message, /^Cannot restore Fold: .+[^.]$/);
      assertEquals(everything(fold), bumped(before, ++looks));
    }
  });
}

test("a snapshot of more than there is room for is refused, however many of it have expired", () => {
  const clock = new HandClock();
  const source = foldOf(KIND);
  for (let i = 0; i < 5; i++) say(source, `n${i}`, 1, i < 2 ? 1_000 * (i + 1) : 20_000);
  const snapshot = source.snapshot();
  const small = foldOf(KIND, { clock, maxEntries: 3 });
  for (const over of ["refuse", "replace", "merge"] as const) {
    assertThrows(() => small.restore(snapshot, { over }), FoldSnapshotError, "at most 3 entries");
  }
  // Those that have expired need no room.
  clock.wallMs += 1_000;
  assertThrows(() => small.restore(snapshot), FoldSnapshotError, "at most 3 entries");
  assertEquals(small.size, 0);
  clock.wallMs += 1_000;
  assertEquals(small.restore(snapshot), 3);

  const shared = foldOf(KIND);
  for (const user of ["ada", "bob"]) {
    shared.apply({ node: "n1", generation: 1, payload: { room: "lobby", user } });
  }
  const narrow = foldOf(KIND, { maxEntriesPerNode: 1 });
  assertThrows(() => narrow.restore(shared.snapshot()), FoldSnapshotError, "of one node");
  assertEquals(narrow.size, 0);
});

test("a snapshot whose payloads the kind cannot take is refused, with what was thrown", () => {
  const reason = new Error("no such room");
  const fail = () => {
    throw reason;
  };
  const kinds: [Partial<FoldKind<string, Presence, "room" | "user">>, boolean][] = [
    [{ key: fail }, true],
    [{ key: () => ({}) as never }, false],
    [{ indexes: { room: fail, user: () => [] } }, true],
    [{ indexes: { room: () => NaN, user: () => [] } }, false],
  ];
  for (const [kind, isCause] of kinds) {
    const fold = foldOf({ ...KIND, ...kind });
    const error = assertThrows(() => fold.restore(right), FoldSnapshotError, "entries[0]");
    assertEquals(error.cause === reason, isCause);
    assertEquals([fold.size, fold.version], [0, 0]);
  }
});

test("a way to restore that there is not is refused, and a closed fold restores nothing", () => {
  const fold = foldOf(KIND);
  for (const over of ["force", "", null, 1] as never[]) {
    const { message } = assertThrows(() => fold.restore(right, { over }), TypeError);
    assertMatch(message, /^Cannot restore Fold: over must be .+, received .+/);
  }
  fold.close();
  assertThrows(() => fold.restore(right), FoldClosedError);
  assertEquals(fold.size, 0);
  // What a closed fold holds can still be kept.
  assertEquals(fold.snapshot().entries, []);
});

test("an entry with more values in the indexes than a fold takes is not restored, either", () => {
  const fold = foldOf(KIND, { maxIndexValues: 1 });
  const before = everything(fold);
  for (const over of ["refuse", "replace", "merge"] as const) {
    const restore = () => fold.restore(snapshotOf(), { over });
    assertThrows(restore, FoldSnapshotError, "at most 1 values in the indexes, received 2");
  }
  assertEquals(everything(fold), bumped(before, 1));
});
