import { assertEquals, assertThrows } from "@std/assert";
import {
  announce,
  type Announcer,
  type AnyFold,
  bestRoute,
  type Capability,
  capabilityKind,
  decodeAnnouncement,
  decodeSnapshot,
  encodeAnnouncement,
  encodeSnapshot,
  Fold,
  type FoldAnnouncement,
  type FoldChange,
  type FoldEntry,
  type FoldIndexValue,
  type FoldKey,
  type FoldKind,
  type FoldMergeAction,
  type FoldOptions,
  type FoldQuery,
  FoldRegistry,
  type FoldResult,
  type FoldSnapshot,
  type HeldLease,
  keepFold,
  type Lease,
  type LeaseActive,
  type LeaseKind,
  leaseKind,
  type LeaseReserved,
  Leases,
  type Presence,
  type PresenceKind,
  presenceKind,
  type Route,
  routeKind,
  usersIn,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { foldOf } from "./_hand_clock.ts";

// What is here is checked by `deno check`; that it also runs shows that each example is one.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Compiles only if both types are the same. */
function same<A, B>(isSame: Same<A, B>): void {
  assertEquals<boolean>(isSame, true);
}

interface Printer {
  readonly floor: number;
  readonly papers: readonly string[];
  readonly isFree?: boolean;
}

/** A kind as a user writes it. */
const printers: FoldKind<string, Printer, "floor" | "paper"> = {
  id: 0x0100,
  name: "printer",
  defaultTtlMs: 30_000,
  key: (node) => node,
  indexes: { floor: ({ floor }) => floor, paper: ({ papers }) => papers },
};

const LP1 = {
  node: "lp1",
  generation: 1,
  payload: Object.freeze({ floor: 2, papers: ["a4", "a3"] }),
};

test("a fold is one of the keys, the payloads and the indexes of its kind", () => {
  const fold = foldOf(printers);
  same<typeof fold, Fold<string, Printer, "floor" | "paper">>(true);
  const presence = foldOf(presenceKind<{ status: string }>());
  same<typeof presence, Fold<string, Presence<{ status: string }>, "room" | "user">>(true);
  const plain = foldOf(presenceKind());
  same<typeof plain, Fold<string, Presence<unknown>, "room" | "user">>(true);
  const capability = foldOf(capabilityKind<{ memoryGb: number }>());
  type Able = Capability<{ memoryGb: number }>;
  same<typeof capability, Fold<string, Able, "class" | "tag" | "state" | "region">>(true);
  const route = foldOf(routeKind());
  same<typeof route, Fold<string, Route, "destination" | "nextHop">>(true);
  const lease = foldOf(leaseKind());
  same<typeof lease, Fold<string, Lease, "state" | "holder">>(true);
  same<LeaseKind, typeof lease.kind>(true);
});

test("the types of a kind that is written in place are found out", () => {
  const options: FoldOptions = { sweepIntervalMs: 0 };
  const seats = new Fold({
    id: 0x0101,
    name: "seat",
    defaultTtlMs: 1_000,
    key: (_node: string, seat: { row: number; free: boolean }) => seat.row,
    indexes: { free: ({ free }) => free, row: ({ row }) => [row] },
  }, options);
  same<typeof seats, Fold<number, { row: number; free: boolean }, "free" | "row">>(true);
  seats.apply({ node: "n1", generation: 1, payload: { row: 7, free: true } });
  same<ReturnType<typeof seats.get>, FoldEntry<number, { row: number; free: boolean }> | undefined>(
    true,
  );
  assertEquals(seats.query({ by: { free: true } })[0]?.key, 7);
  // @ts-expect-error a key is a number
  seats.get("7");
  // @ts-expect-error there is no such index
  assertThrows(() => seats.query({ by: { fre: true } }), TypeError);

  const big = new Fold({
    id: 0x0102,
    name: "big",
    defaultTtlMs: 1_000,
    key: (_node: string, payload: bigint) => payload,
  }, options);
  same<typeof big, Fold<bigint, bigint, never>>(true);
  assertThrows(() => big.query({ by: { value: 1n } as never }), TypeError);
  assertEquals(big.has(1n), false);
});

test("a kind that says what it is needs no types where its functions are written", () => {
  const kind: FoldKind<FoldKey, Printer, "floor"> = {
    ...{ id: 0x0103, name: "checked", defaultTtlMs: 1_000 },
    key(node, payload) {
      same<typeof node, string>(true);
      same<typeof payload, Printer>(true);
      return payload.floor;
    },
    merge(existing, incoming, context) {
      same<typeof existing, FoldEntry<FoldKey, Printer> | undefined>(true);
      same<typeof incoming, FoldAnnouncement<Printer>>(true);
      same<typeof context.remembered, number>(true);
      return existing === undefined ? "insert" : { reject: "taken" };
    },
    indexes: { floor: (payload) => (same<typeof payload, Printer>(true), payload.floor) },
    parse(payload) {
      same<typeof payload, unknown>(true);
      return payload as Printer;
    },
    audit(transition) {
      if (transition.type === "replaced") same<typeof transition.previous.payload, Printer>(true);
      if (transition.type === "rejected") same<typeof transition.incoming.payload, Printer>(true);
      return undefined;
    },
  };
  const fold = foldOf(kind);
  assertEquals([fold.apply(LP1).outcome, fold.apply(LP1).reason], ["inserted", "stale"]);
  const action: FoldMergeAction = { reject: "taken" };
  assertEquals(action.reject, "taken");
});

test("a kind that cannot be one is an error", () => {
  const base = { id: 0x0104, name: "wrong", defaultTtlMs: 1, key: (node: string) => node };
  // @ts-expect-error an object is no key
  const key: FoldKind<string, Printer> = { ...base, key: () => ({}) };
  const indexes = { floor: () => 1 };
  // @ts-expect-error an index that was promised is not there
  const index: FoldKind<string, Printer, "floor" | "paper"> = { ...base, indexes };
  // @ts-expect-error an index goes by values, not by objects
  const value: FoldKind<string, Printer, "floor"> = { ...base, indexes: { floor: () => ({}) } };
  // @ts-expect-error there is no such action
  const merge: FoldKind<string, Printer> = { ...base, merge: () => "keep" };
  // @ts-expect-error parse must answer a payload
  const parse: FoldKind<string, Printer> = { ...base, parse: () => ({ floor: "2" }) };
  assertEquals([key, index, value, merge, parse].length, 5);
  // @ts-expect-error it has no name
  assertThrows(() => new Fold({ id: 1, defaultTtlMs: 1, key: (node: string) => node }), TypeError);
});

test("a query by an index that the kind does not have is an error", () => {
  const fold = foldOf(printers);
  fold.apply(LP1);
  fold.query({ by: { floor: 2, paper: ["a4", "a5"] }, node: "lp1", limit: 3 });
  fold.query({ by: { paper: { all: ["a4", ["a3", "a5"]] }, floor: undefined } });
  // @ts-expect-error there is no such index
  assertThrows(() => fold.query({ by: { flor: 2 } }), TypeError);
  // @ts-expect-error not even beside a known one
  assertThrows(() => fold.count({ by: { floor: 2, pages: 1 } }), TypeError);
  // @ts-expect-error nor to count by
  assertThrows(() => fold.countBy("flor"), TypeError);
  // @ts-expect-error nor to group by
  assertThrows(() => fold.groupBy("flor"), TypeError);
  // @ts-expect-error an index is asked for values
  assertThrows(() => fold.query({ by: { floor: { min: 2 } } }), TypeError);
  // @ts-expect-error a predicate answers a boolean
  fold.query({ where: () => "yes" });
  // @ts-expect-error there is no such field
  fold.query({ filter: () => true });
  // One that is put together while the program runs has the same type.
  const query: FoldQuery<string, Printer, "floor" | "paper"> = { by: { floor: 2 } };
  assertEquals(fold.count(query), 1);
  const none = undefined as number | undefined;
  assertEquals(fold.query({ by: { floor: none }, limit: none, node: undefined }).length, 1);
});

test("entries are those of the kind, wherever they are read", () => {
  const fold = foldOf(printers);
  fold.apply(LP1);
  type Entry = FoldEntry<string, Printer>;
  same<ReturnType<typeof fold.get>, Entry | undefined>(true);
  same<ReturnType<typeof fold.byNode>, Entry[]>(true);
  same<ReturnType<typeof fold.query>, Entry[]>(true);
  fold.query({ where: (entry) => (same<typeof entry, Entry>(true), entry.payload.floor > 1) });
  const [entry] = fold.query();
  same<typeof entry, Entry | undefined>(true);
  // @ts-expect-error it is only read
  entry!.generation = 9;
  // @ts-expect-error what the payload promises not to change does not
  assertThrows(() => entry!.payload.floor = 9, TypeError);
  // @ts-expect-error a key is a text
  fold.has(7);
});

test("what is counted and grouped by a function has the type that it answers", () => {
  const fold = foldOf(printers);
  fold.apply(LP1);
  const byFloor = fold.countBy(({ payload }) => payload.floor);
  same<typeof byFloor, Map<number, number>>(true);
  const byIndex = fold.countBy("paper");
  same<typeof byIndex, Map<FoldIndexValue, number>>(true);
  const groups = fold.groupBy(({ payload }) => payload.isFree);
  same<typeof groups, Map<boolean | undefined, FoldEntry<string, Printer>[]>>(true);
  const known = fold.groupBy("paper", { by: { floor: 2 } });
  same<typeof known, Map<FoldIndexValue, FoldEntry<string, Printer>[]>>(true);
  assertEquals([byFloor.get(2), byIndex.size, groups.size, known.size], [1, 2, 1, 2]);
});

test("announcements are of payloads of the kind", () => {
  const fold = foldOf(printers);
  const result = fold.apply(LP1);
  same<typeof result, FoldResult>(true);
  if (result.outcome === "rejected") {
    same<typeof result.reason extends string ? true : false, true>(true);
  } else same<typeof result.reason, undefined>(true);
  // A reason of a kind is as good as a known one.
  const isKnown = result.reason === "stale" || result.reason === "taken";
  assertEquals(isKnown, false);
  // @ts-expect-error a floor is a number
  fold.apply({ ...LP1, payload: { floor: "2", papers: [] } });
  // @ts-expect-error papers are missing
  fold.apply({ ...LP1, generation: 2, payload: { floor: 2 } });
  // @ts-expect-error a generation is missing
  assertThrows(() => fold.apply({ node: "lp1", payload: LP1.payload }), RangeError);
  const none = undefined as number | undefined;
  fold.apply({ ...LP1, generation: 3, ttlMs: none, leave: undefined, announcedAtMs: none });
});

test("changes are told apart by their type", () => {
  const fold = foldOf(printers);
  using watch = fold.watch({ where: ({ payload }) => payload.floor > 1, capacity: 9 });
  fold.apply(LP1);
  for (let result; (result = watch.tryReceive()).state === "ok";) {
    const change = result.value;
    same<typeof change, FoldChange<string, Printer>>(true);
    switch (change.type) {
      case "snapshot":
        same<typeof change.entries, readonly FoldEntry<string, Printer>[]>(true);
        break;
      case "resync":
        same<typeof change.missed, number>(true);
        break;
      case "created":
        // @ts-expect-error there was nothing before
        assertEquals(change.previous, undefined);
        break;
      case "replaced":
        same<typeof change.previous, FoldEntry<string, Printer>>(true);
        break;
      default:
        same<typeof change.type, "evicted" | "expired" | "left">(true);
        same<typeof change.reason, string>(true);
    }
  }
});

test("what is written and read as bytes, and as a text, is of the kind", () => {
  const bytes = encodeAnnouncement(printers, LP1);
  const read = decodeAnnouncement(printers, bytes);
  same<typeof read, FoldAnnouncement<Printer>>(true);
  // @ts-expect-error a printer is no presence
  assertThrows(() => encodeAnnouncement(presenceKind(), { ...LP1, payload: () => LP1.payload }));
  const snapshot = foldOf(printers).snapshot();
  same<typeof snapshot, FoldSnapshot<Printer>>(true);
  const text = encodeSnapshot(printers, snapshot);
  const decoded = decodeSnapshot(printers, text);
  same<typeof decoded, FoldSnapshot<Printer>>(true);
  foldOf(printers).restore(decoded, { over: "merge" });
  // @ts-expect-error presences are no printers
  assertThrows(() => foldOf(printers).restore(foldOf(presenceKind()).snapshot()));
  // @ts-expect-error there is no such way
  assertThrows(() => foldOf(printers).restore(decoded, { over: "force" }));
});

test("an announcer is one of payloads of the kind", async () => {
  const said: Printer[] = [];
  const announcer = announce(printers, LP1.payload, {
    node: "lp1",
    send: ({ payload }) => (same<typeof payload, Printer>(true), said.push(payload)),
  });
  same<typeof announcer, Announcer<Printer>>(true);
  announcer.update(() => ({ floor: 3, papers: [] }));
  // @ts-expect-error a floor is a number
  announcer.update({ floor: "3", papers: [] });
  await announcer.close();
  assertEquals(said.length, 4);
  // @ts-expect-error it has to be sent somewhere
  assertThrows(() => announce(printers, LP1.payload, { node: "lp1" }), TypeError);
  // @ts-expect-error papers are missing
  const wrong = () => announce(printers, { floor: 2 }, { node: "", send: () => {} });
  assertThrows(wrong, TypeError);
});

test("a registry takes folds of any kind, and a store those as well", async () => {
  const registry = new FoldRegistry();
  registry.register(foldOf(printers));
  registry.register(foldOf(presenceKind<{ status: string }>()));
  const before = registry.register(foldOf(leaseKind()));
  same<typeof before, AnyFold | undefined>(true);
  const folds: AnyFold[] = [foldOf(printers), foldOf(routeKind())];
  assertEquals([registry.size, folds.length], [3, 2]);
  const store = { load: () => undefined, save: () => {} };
  await keepFold(foldOf(printers), store).close();
  // @ts-expect-error a registry is no fold
  assertThrows(() => registry.register(registry).kind);
});

test("the helpers of a kind take its folds only", () => {
  const presence = foldOf(presenceKind<{ status: string }>());
  const users = usersIn(presence, "lobby");
  same<typeof users, Map<string, FoldEntry<string, Presence<{ status: string }>>[]>>(true);
  const way = bestRoute(foldOf(routeKind()), "db");
  same<typeof way, FoldEntry<string, Route> | undefined>(true);
  // @ts-expect-error a fold of routes has no users
  assertThrows(() => usersIn(foldOf(routeKind()), "lobby"));
  // @ts-expect-error a presence is no way
  assertThrows(() => bestRoute(presence, "db"));
  // @ts-expect-error leases are taken over a fold of leases
  new Leases(presence, { node: "n1" });
});

test("a lease is told by its state", () => {
  const fold = foldOf(leaseKind());
  const held = new Leases(fold, { node: "n1" }).tryAcquire("db");
  same<typeof held, HeldLease | undefined>(true);
  const lease = fold.get("db")!.payload;
  // @ts-expect-error a free one has no holder
  assertEquals(lease.holder, "n1");
  if (lease.state === "reserved") same<typeof lease, LeaseReserved>(true);
  if (lease.state === "active") same<typeof lease, LeaseActive>(true);
  if (lease.state !== "free") same<typeof lease.holder, string>(true);
  held!.release();
});

test("what options are computed may be undefined, and what there is not is an error", () => {
  const none = undefined as number | undefined;
  const kind: PresenceKind = presenceKind({ ttlMs: none });
  new Fold(kind, { maxEntries: none, audit: undefined, clock: undefined, sweepIntervalMs: 0 });
  new FoldRegistry({ maxBytes: none, publicKeyOf: undefined });
  new Leases(foldOf(leaseKind({ ttlMs: none })), { node: "n1", termMs: none, send: undefined });
  // @ts-expect-error there is no such option
  new Fold(kind, { maxEntrys: 1, sweepIntervalMs: 0 });
  // @ts-expect-error a number of entries
  assertThrows(() => new Fold(kind, { maxEntries: "1" }), RangeError);
  // @ts-expect-error there is no such option
  presenceKind({ ttl: 5 });
  const fold = foldOf(kind);
  for (const name of ["size", "version", "closed", "now", "hasAuditSink"] as const) {
    assertThrows(() => {
      // @ts-expect-error only the fold itself changes
      fold[name] = 1;
    }, TypeError);
  }
  // @ts-expect-error what is counted is only read
  fold.stats().applied = 1;
});
