import { assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import {
  createIdentity,
  decodeAnnouncement,
  encodeAnnouncement,
  fileStore,
  Fold,
  FoldClosedError,
  foldKey,
  FoldRegistry,
  leaseKind,
  Leases,
  presenceKind,
  restoreFold,
  saveFold,
  signAnnouncement,
} from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { reasonOf } from "../_settle.ts";
import { ADA } from "./_envelopes.ts";
import { foldOf } from "./_hand_clock.ts";
import { assertRefused, TAKERS } from "./_refusals.ts";

/** What a value is called in the name of a test. */
function named(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "a list" : `{ ${Object.keys(value).join(", ")} }`;
}

for (const [who, { action, take, wrong, effects }] of Object.entries(TAKERS)) {
  for (const [option, Class, values] of wrong) {
    const list = values.map(named).join(", ");
    test(`${who} refuses what its ${option} cannot be, before anything else: ${list}`, async () => {
      using time = new FakeTime();
      const before = effects?.();
      for (const value of values) {
        const what = `${option} ${named(value)} (${typeof value})`;
        await assertRefused(what, action, () => take({ [option]: value }), Class);
        assertEquals([effects?.(), time.armed], [before, 0], what);
      }
    });
  }
}

test("a kind, an audit sink and a clock that are none are refused", async () => {
  for (const kind of [undefined, null, 7, "presence", () => 1] as never[]) {
    await assertRefused(named(kind), "create Fold", () => new Fold(kind), TypeError);
  }
  const fold = foldOf(presenceKind());
  for (const audit of [null, {}, { record: 1 }, 7] as never[]) {
    await assertRefused(named(audit), "audit Fold", () => fold.setAuditSink(audit), TypeError);
    await assertRefused(
      named(audit),
      "audit Fold",
      () => new Fold(presenceKind(), { audit }),
      TypeError,
    );
  }
  assertEquals(fold.hasAuditSink, false);
  for (const clock of [{}, { now: Date.now }, { wallNow: Date.now }, { now: 1, wallNow: 2 }]) {
    const make = () => new Fold(presenceKind(), { clock: clock as never });
    await assertRefused(named(clock), "create Fold", make, TypeError);
  }
});

test("a life that is longer at least than at most is refused", async () => {
  const make = () => new Fold(presenceKind(), { minTtlMs: 10, maxTtlMs: 9 });
  await assertRefused("maxTtlMs 9", "create Fold", make, RangeError);
});

const RIGHT = { node: "n1", generation: 1, payload: ADA, ttlMs: 5 };

/** What announcements cannot have. */
const ANNOUNCEMENTS: [string, new (message: string) => Error, unknown[]][] = [
  ["node", TypeError, ["", undefined, null, 7, {}]],
  ["generation", RangeError, [0, -1, 1.5, NaN, Infinity, 2 ** 53, "1", null, undefined, 1n]],
  ["ttlMs", RangeError, [-1, NaN, Infinity, -Infinity]],
  ["ttlMs", RangeError, ["5", null, true, 5n, {}, []]],
];

for (const [name, Class, values] of ANNOUNCEMENTS) {
  const list = values.map(named).join(", ");
  test(`apply() refuses what a ${name} cannot be, and nothing has changed: ${list}`, async () => {
    const fold = foldOf(presenceKind());
    fold.apply(RIGHT);
    const before = [fold.version, fold.query()];
    for (const value of values) {
      const what = `${name} ${named(value)} (${typeof value})`;
      const apply = () => fold.apply({ ...RIGHT, generation: 2, [name]: value as never });
      await assertRefused(what, "apply to Fold", apply, Class);
      assertEquals([fold.version, fold.query()], before);
    }
  });

  test(`an announcement is not written whose ${name} is none, with a signature or without: ${list}`, async () => {
    const kind = presenceKind();
    const identity = await createIdentity();
    for (const value of values) {
      const what = `${name} ${named(value)} (${typeof value})`;
      const write = () => encodeAnnouncement(kind, { ...RIGHT, [name]: value as never });
      await assertRefused(what, "encode announcement", write, Class);
      const wrong = { ...RIGHT, node: identity.node, [name]: value as never };
      const action = name === "node" ? "sign announcement" : "encode announcement";
      await assertRefused(what, action, () => signAnnouncement(kind, wrong, identity), Class);
    }
  });
}

test("an announcement is not written whose time or node is none", async () => {
  for (const announcedAtMs of [NaN, Infinity, "1", null, 1n, {}] as never[]) {
    const write = () => encodeAnnouncement(presenceKind(), { ...RIGHT, announcedAtMs });
    await assertRefused(named(announcedAtMs), "encode announcement", write, RangeError);
  }
  for (const node of ["\ud800", "a\udc00b"]) {
    const write = () => encodeAnnouncement(presenceKind(), { ...RIGHT, node });
    await assertRefused(node, "encode announcement", write, TypeError);
  }
});

test("an announcement is not written of a kind whose id is none: it would be one of another", async () => {
  for (const id of [-1, 0x10000, 0x10005, 1.5, NaN]) {
    const write = () => encodeAnnouncement({ ...presenceKind(), id }, RIGHT);
    await assertRefused(`id ${id}`, "encode announcement", write, RangeError);
  }
});

test("what is no bytes is refused as such", () => {
  for (const bytes of [undefined, null, "text", 7, {}, [1, 2], new ArrayBuffer(200)] as never[]) {
    const error = assertThrows(() => decodeAnnouncement(presenceKind(), bytes), Error);
    assertMatch(error.message, /^Cannot decode announcement: /, named(bytes));
  }
});

test("a query is refused for what cannot be asked, and so are its relatives", async () => {
  const fold = foldOf(presenceKind());
  const queries: [string, unknown, new (message: string) => Error][] = [
    ["another index", { by: { rom: "lobby" } }, TypeError],
    ["an index of objects", { by: { toString: "lobby" } }, TypeError],
    ["an object", { by: { room: {} } }, TypeError],
    ["NaN", { by: { room: NaN } }, TypeError],
    ["a list of lists", { by: { room: [["lobby"]] } }, TypeError],
    ["a list of undefined", { by: { room: [undefined] } }, TypeError],
    ["all of a value", { by: { room: { all: "lobby" } } }, TypeError],
    ["all of an object", { by: { room: { all: [{}] } } }, TypeError],
    ["a node of 7", { node: 7 }, TypeError],
    ["a node of null", { node: null }, TypeError],
    ["a where of true", { where: true }, TypeError],
    ["a where of null", { where: null }, TypeError],
    ...[-1, 1.5, NaN, "1", null, -Infinity].map((limit): typeof queries[number] => [
      `a limit of ${limit}`,
      { limit },
      RangeError,
    ]),
  ];
  for (const [what, query, Class] of queries) {
    const asks = [
      () => fold.query(query as never),
      () => fold.count(query as never),
      () => fold.countBy("room", query as never),
      () => fold.groupBy(({ node }) => node, query as never),
    ];
    for (const ask of asks) await assertRefused(what, "query Fold", ask, Class);
  }
  for (const by of ["rom", "", "toString", null, 7, undefined] as never[]) {
    await assertRefused(named(by), "group Fold", () => fold.countBy(by), TypeError);
    await assertRefused(named(by), "group Fold", () => fold.groupBy(by), TypeError);
  }
});

test("a query by null is refused as one by any other value that is none", async () => {
  const fold = foldOf(presenceKind());
  const ask = () => fold.query({ by: { room: null as never } });
  await assertRefused("null", "query Fold", ask, TypeError);
});

test("a watch and a sweep are refused for what they cannot have", async () => {
  const fold = foldOf(presenceKind());
  for (const capacity of [0, -1, 1.5, NaN, Infinity, "1", null] as never[]) {
    const watch = () => fold.watch({ capacity });
    await assertRefused(`capacity ${capacity}`, "watch Fold", watch, RangeError);
  }
  for (const where of [null, true, {}] as never[]) {
    await assertRefused(named(where), "watch Fold", () => fold.watch({ where }), TypeError);
  }
  for (const now of [NaN, "1", null, {}] as never[]) {
    await assertRefused(named(now), "sweep Fold", () => fold.sweep(now), RangeError);
  }
  assertEquals(fold.stats().watches, 0);
});

test("a resource that is none is not leased, at once or after a while", async () => {
  const fold = foldOf(leaseKind());
  const leases = new Leases(fold, { node: "n1" });
  for (const resource of ["", undefined, null, 7, {}] as never[]) {
    const what = named(resource);
    await assertRefused(what, "acquire Lease", () => leases.tryAcquire(resource), TypeError);
    await assertRefused(what, "acquire Lease", () => leases.acquire(resource), TypeError);
  }
  assertEquals(fold.stats().applied, 0);
});

test("a file store is refused without a path, or without what it needs of the file system", async () => {
  const { promise: never } = Promise.withResolvers<never>();
  const right = {
    readFile: () => never,
    writeFile: () => never,
    rename: () => never,
    unlink: () => never,
  };
  for (const path of ["", undefined, null, 7, {}] as never[]) {
    await assertRefused(named(path), "create file store", () => fileStore(path, right), TypeError);
  }
  for (const name of Object.keys(right)) {
    const make = () => fileStore("fold", { ...right, [name]: undefined });
    await assertRefused(name, "create file store", make, TypeError);
  }
});

test("a file store is refused without a file system", async () => {
  for (const fs of [undefined, null] as never[]) {
    await assertRefused(named(fs), "create file store", () => fileStore("fold", fs), TypeError);
  }
});

test("a store that cannot load or save is refused by those who would have it do so", async () => {
  const fold = foldOf(presenceKind());
  for (const store of [{}, { load: 1, save: 2 }] as never[]) {
    await assertRefused(named(store), "save Fold", () => saveFold(fold, store), TypeError);
    await assertRefused(named(store), "restore Fold", () => restoreFold(fold, store), TypeError);
  }
  assertEquals(fold.stats().snapshots, 0);
});

test("numbers that are no part of a key are refused: they would be the same one", () => {
  for (const part of [NaN, Infinity, -Infinity]) assertThrows(() => foldKey("a", part), Error);
  assertThrows(() => foldKey("a", undefined as never), Error);
});

test("a registry takes folds only", async () => {
  const registry = new FoldRegistry();
  for (const fold of [undefined, null, {}, { kind: presenceKind() }] as never[]) {
    await assertRefused(named(fold), "register", () => registry.register(fold), TypeError);
  }
  assertEquals(registry.size, 0);
});

test("a closed fold refuses whoever would change it or wait for it, by one error that says so", async () => {
  const fold = foldOf(presenceKind());
  fold.apply(RIGHT);
  const snapshot = fold.snapshot();
  fold.close();
  const before = fold.stats();
  const attempts: [string, () => unknown][] = [
    ["Cannot apply to Fold: fold of presence is closed", () => fold.apply(RIGHT)],
    ["Cannot evict from Fold: fold of presence is closed", () => fold.evict("k")],
    ["Cannot evict from Fold: fold of presence is closed", () => fold.evictNode("n1")],
    ["Cannot leave Fold: fold of presence is closed", () => fold.leave("n1")],
    ["Cannot restore Fold: fold of presence is closed", () => fold.restore(snapshot)],
    ["Cannot watch Fold: fold of presence is closed", () => fold.watch()],
    ["Cannot wait for Fold: fold of presence is closed", () => fold.changed()],
  ];
  for (const [message, attempt] of attempts) {
    const error = await reasonOf((async () => await attempt())());
    assertInstanceOf(error, FoldClosedError);
    assertEquals([error.name, error.message], ["FoldClosedError", message]);
  }
  assertEquals(fold.stats(), before);
});
