import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  capabilityKind,
  encodeAnnouncement,
  type FoldDispatchOptions,
  type FoldKind,
  type FoldRefusal,
  FoldRegistry,
  type FoldRegistryOptions,
  type Presence,
  presenceKind,
  signAnnouncement,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { observe, settle } from "../_settle.ts";
import {
  ADA,
  bytesOf,
  changed,
  identityOf,
  KIND,
  pretending,
  registryOf,
  sign,
  SIGNATURE_BYTES,
} from "./_envelopes.ts";
import { foldOf, HandClock, START_MS } from "./_hand_clock.ts";

const ada = await identityOf(1);
const bob = await identityOf(2);
const SIGNED = await sign(ada);

/** One thing that is dispatched, and why it is refused. */
interface Refused {
  readonly bytes: Uint8Array;
  readonly key?: Uint8Array;
  readonly options?: FoldRegistryOptions;
  readonly expected?: FoldDispatchOptions;
  readonly reason: FoldRefusal;
  /** Whether something was thrown that is told. */
  readonly hasError?: boolean;
}

const body = SIGNED.subarray(0, -SIGNATURE_BYTES);
const key = ada.publicKey;
const nobody = await sign(ada, 1, { payload: { room: "lobby" } as Presence });
const past = await sign(ada, 1, { announcedAtMs: START_MS - 300_001 });
const future = await sign(ada, 1, { announcedAtMs: START_MS + 60_001 });
const forged = await sign(pretending(bob, ada.node));
const thrower = () => {
  throw new Error("thrown");
};

const REFUSED: Record<string, Refused> = {
  "no bytes": { bytes: new Uint8Array(), key, reason: "truncated" },
  "what was cut off": { bytes: SIGNED.subarray(0, -1), key, reason: "truncated" },
  "a byte too much": { bytes: bytesOf(SIGNED, "00"), key, reason: "malformed" },
  "what is no bytes": { bytes: "text" as never, key, reason: "malformed" },
  "nothing": { bytes: undefined as never, key, reason: "malformed" },
  "another version": {
    bytes: changed(SIGNED, (view) => view.setUint8(0, 2)),
    key,
    reason: "version",
  },
  "no generation": {
    bytes: changed(SIGNED, (view) => view.setFloat64(4, 0)),
    key,
    reason: "generation",
  },
  "more bytes than may be": {
    bytes: SIGNED,
    key,
    options: { maxBytes: SIGNED.length - 1 },
    reason: "oversized",
  },
  "another kind than was expected": {
    bytes: SIGNED,
    key,
    expected: { kind: 1 },
    reason: "wrong-kind",
  },
  "a kind that nobody has": {
    bytes: changed(SIGNED, (view) => view.setUint16(1, 1)),
    key,
    reason: "unknown-kind",
  },
  "what is from the future": { bytes: future, key, reason: "future-dated" },
  "what is too old": { bytes: past, key, reason: "outdated" },
  "what is not signed": {
    bytes: bytesOf(body, new Uint8Array(SIGNATURE_BYTES)),
    key,
    reason: "unsigned",
  },
  "a public key that is too short": {
    bytes: SIGNED,
    key: key.subarray(1),
    reason: "bad-key",
    hasError: true,
  },
  "a public key that is none": {
    bytes: SIGNED,
    key: {} as never,
    reason: "bad-key",
    hasError: true,
  },
  "a payload that was changed": {
    bytes: changed(SIGNED, (view) => view.setUint8(body.length - 3, 0x62)),
    key,
    reason: "bad-signature",
  },
  "the key of another node": { bytes: SIGNED, key: bob.publicKey, reason: "bad-signature" },
  "the name of another node": { bytes: forged, key: bob.publicKey, reason: "node-mismatch" },
  "a payload that parse does not take": { bytes: nobody, key, reason: "payload", hasError: true },
  "a node whose key nobody asks for": { bytes: SIGNED, reason: "unknown-publisher" },
  "a node that is not known": {
    bytes: SIGNED,
    options: { publicKeyOf: () => undefined },
    reason: "unknown-publisher",
  },
  "a node that is not known after a while": {
    bytes: SIGNED,
    options: { publicKeyOf: () => Promise.resolve(undefined) },
    reason: "unknown-publisher",
  },
  "a node whose key cannot be asked for": {
    bytes: SIGNED,
    options: { publicKeyOf: thrower },
    reason: "unknown-publisher",
    hasError: true,
  },
  "a node whose key is not to be had": {
    bytes: SIGNED,
    options: { publicKeyOf: () => Promise.reject(new Error("no connection")) },
    reason: "unknown-publisher",
    hasError: true,
  },
  "a node that is said to have the key of another": {
    bytes: SIGNED,
    options: { publicKeyOf: () => bob.publicKey },
    reason: "bad-signature",
  },
};

for (const [what, { bytes, key, options, expected, reason, hasError }] of Object.entries(REFUSED)) {
  test(`dispatch() refuses ${what}: ${reason}, and counts it once`, async () => {
    const told: unknown[][] = [];
    const onRefused = (...refusal: unknown[]): void => void told.push(refusal);
    const { registry, fold } = registryOf({ ...options, onRefused });
    const before = fold.stats();
    assertEquals(await registry.dispatch(bytes, key, expected), { outcome: "refused", reason });
    assertEquals(registry.stats(), {
      dispatched: 1,
      accepted: 0,
      rejected: 0,
      refused: 1,
      refusals: { [reason]: 1 },
      pending: 0,
      folds: [before],
    });
    assertEquals(told.length, 1);
    const [toldReason, toldBytes, error] = told[0]!;
    assertEquals(toldReason, reason);
    assertStrictEquals(toldBytes, bytes);
    assertEquals(error !== undefined, hasError === true);
  });
}

test("dispatch() takes what its bounds still allow", async () => {
  const { registry } = registryOf({ maxBytes: SIGNED.length });
  assertEquals(await registry.dispatch(SIGNED, key, { kind: KIND.id }), { outcome: "inserted" });
  const early = await sign(ada, 2, { announcedAtMs: START_MS + 60_000 });
  assertEquals(await registry.dispatch(early, key), { outcome: "replaced" });
  const late = await sign(ada, 3, { announcedAtMs: START_MS - 300_000 });
  assertEquals(await registry.dispatch(late, key), { outcome: "replaced" });
});

test("what is sent again is stale while the entry lives, replayed after that, and outdated at last", async () => {
  const clock = new HandClock();
  const registry = new FoldRegistry({ wallNow: () => clock.wallMs });
  const fold = foldOf(KIND, { clock });
  registry.register(fold);
  const again = () => registry.dispatch(SIGNED, key);
  assertEquals(await again(), { outcome: "inserted" });
  assertEquals(await again(), { outcome: "rejected", reason: "stale" });
  clock.pass(30_000);
  assertEquals(await again(), { outcome: "rejected", reason: "replayed" });
  assertEquals(fold.size, 0);
  // It is refused for its age long before its generation is forgotten.
  clock.pass(270_000);
  assertEquals(await again(), { outcome: "rejected", reason: "replayed" });
  clock.pass(1);
  assertEquals(await again(), { outcome: "refused", reason: "outdated" });
  clock.pass(600_000);
  assertEquals([await again(), fold.stats().inserted], [
    { outcome: "refused", reason: "outdated" },
    1,
  ]);
});

test("a leave that was signed ends the entry, and nobody brings it back", async () => {
  const { registry, fold } = registryOf();
  await registry.dispatch(await sign(ada, 2), key);
  const leave = await sign(ada, 3, { leave: true });
  assertEquals(await registry.dispatch(leave, key), { outcome: "left" });
  assertEquals(await registry.dispatch(await sign(ada, 1), key), {
    outcome: "rejected",
    reason: "replayed",
  });
  assertEquals(fold.size, 0);
  assertEquals(registry.stats().accepted, 2);
});

test("what is not signed is believed where that is said, and a wrong signature is not", async () => {
  const { registry, fold } = registryOf({ allowUnsigned: true });
  const announcement = { node: "n1", generation: 1, payload: ADA, announcedAtMs: START_MS };
  const bytes = encodeAnnouncement(KIND, announcement);
  assertEquals(await registry.dispatch(bytes), { outcome: "inserted" });
  assertEquals(fold.nodes(), ["n1"]);
  const wrong = changed(bytes, (view) => view.setUint8(bytes.length - 1, 1));
  assertEquals((await registry.dispatch(wrong, key)).reason, "bad-signature");
});

test("what is thrown by a kind, and by a fold that is closed, is a failure that is counted", async () => {
  const reasons: unknown[] = [];
  const onRefused = (_reason: FoldRefusal, _bytes: Uint8Array, error: unknown) =>
    void reasons.push(error);
  const registry = new FoldRegistry({ wallNow: () => START_MS, onRefused });
  const kinds: Partial<FoldKind<string, Presence, "room" | "user">>[] = [
    { key: thrower },
    { merge: thrower },
    { merge: () => "maybe" as never },
    { key: () => ({}) as never },
    { indexes: { room: thrower, user: () => "u" } },
  ];
  for (const kind of kinds) {
    registry.register(foldOf({ ...KIND, ...kind }));
    assertEquals(await registry.dispatch(SIGNED, key), { outcome: "refused", reason: "failed" });
  }
  const closed = foldOf(KIND);
  closed.close();
  registry.register(closed);
  assertEquals(await registry.dispatch(SIGNED, key), { outcome: "refused", reason: "failed" });
  assertEquals(registry.stats().refusals, { failed: kinds.length + 1 });
  assert(reasons.every((error) => error instanceof Error));
  assertEquals((reasons.at(-1) as Error).name, "FoldClosedError");
});

test("what onRefused throws is nobody's business, and what wallNow throws is a failure", async () => {
  const { registry } = registryOf({ onRefused: thrower });
  assertEquals(await registry.dispatch(new Uint8Array(), key), {
    outcome: "refused",
    reason: "truncated",
  });
  assertEquals((await registry.dispatch(SIGNED, bob.publicKey)).reason, "bad-signature");
  assertEquals((await registry.dispatch(SIGNED, key)).outcome, "inserted");

  const timeless = registryOf({ wallNow: thrower }).registry;
  assertEquals(await timeless.dispatch(SIGNED, key), { outcome: "refused", reason: "failed" });
  assertEquals([timeless.stats().dispatched, timeless.stats().refused], [1, 1]);
});

test("register() takes the place of a fold, and deregister() takes it away", async () => {
  const registry = new FoldRegistry({ wallNow: () => START_MS });
  const [first, second] = [foldOf(KIND), foldOf(KIND)];
  assertEquals([registry.register(first), registry.size], [undefined, 1]);
  assertEquals((await registry.dispatch(SIGNED, key)).outcome, "inserted");
  assertStrictEquals(registry.register(second), first);
  assertStrictEquals(registry.get(KIND.id), second);
  assertEquals((await registry.dispatch(SIGNED, key)).outcome, "inserted");
  assertEquals([first.stats().applied, second.stats().applied, registry.size], [1, 1, 1]);
  assertStrictEquals(registry.deregister(KIND.id), second);
  assertEquals([registry.deregister(KIND.id), registry.get(KIND.id)], [undefined, undefined]);
  assertEquals((await registry.dispatch(SIGNED, key)).reason, "unknown-kind");
  // They are nobody's folds any more, and open.
  assertEquals([first.closed, second.closed], [false, false]);
});

test("each kind has its fold, and one node may be in all of them", async () => {
  const { registry, fold } = registryOf();
  const able = foldOf(capabilityKind());
  registry.register(able);
  const payload = { class: "render", tags: ["gpu"], state: "idle" } as const;
  const announcement = { node: ada.node, generation: 1, payload, announcedAtMs: START_MS };
  const capability = await signAnnouncement(able.kind, announcement, ada);
  const results = await Promise.all(
    [SIGNED, capability].map((bytes) => registry.dispatch(bytes, key)),
  );
  assertEquals(results, [{ outcome: "inserted" }, { outcome: "inserted" }]);
  assertEquals([fold.nodes(), able.nodes()], [[ada.node], [ada.node]]);
  assertEquals(registry.stats().folds.map(({ name }) => name), ["presence", "capability"]);
  assertEquals(JSON.parse(JSON.stringify(registry.stats())), registry.stats());
});

test("what codecs throw, and what they answer, is taken for the payload or refused", async () => {
  const kind: FoldKind<string, number> = {
    id: 0x0100,
    name: "byte",
    defaultTtlMs: 1_000,
    key: (node) => node,
    codec: {
      encode: (payload) => Uint8Array.of(payload),
      decode(bytes) {
        assertInstanceOf(bytes, Uint8Array);
        if (bytes[0]! > 9) throw new RangeError("too much");
        return bytes[0]!;
      },
    },
  };
  const { registry } = registryOf({ allowUnsigned: true });
  const fold = foldOf(kind);
  registry.register(fold);
  const send = (payload: number, generation: number) =>
    registry.dispatch(
      encodeAnnouncement(kind, { node: "n", generation, payload, announcedAtMs: START_MS }),
    );
  assertEquals((await send(9, 1)).outcome, "inserted");
  assertEquals(await send(10, 2), { outcome: "refused", reason: "payload" });
  assertEquals(fold.get("n")?.payload, 9);
});

test("a registry that nobody has given anything has counted nothing", async () => {
  const registry = new FoldRegistry();
  const zero = { dispatched: 0, accepted: 0, rejected: 0, refused: 0, pending: 0 };
  assertEquals(registry.stats(), { ...zero, refusals: {}, folds: [] });
  const outcome = observe(registry.dispatch(encodeAnnouncement(presenceKind(), {
    node: "n1",
    generation: 1,
    payload: ADA,
  })));
  await settle();
  assertEquals(outcome.value, { outcome: "refused", reason: "unknown-kind" });
});
