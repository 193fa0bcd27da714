import { assert, assertEquals } from "@std/assert";
import {
  decodeAnnouncement,
  encodeAnnouncement,
  type FoldDispatchResult,
  FoldEnvelopeError,
  type FoldRegistry,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { ADA, bytesOf, changed, identityOf, KIND, registryOf, sign } from "./_envelopes.ts";
import { START_MS } from "./_hand_clock.ts";

const ada = await identityOf(1);
const SIGNED = await sign(ada, 3);
const UNSIGNED = encodeAnnouncement(KIND, {
  node: "n1",
  generation: 3,
  payload: { ...ADA, session: "Zoë 👩" },
  announcedAtMs: START_MS,
});

/** Ways to spoil bytes. They answer other bytes, and mostly such that differ. */
const SPOILED: ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  // Some bits.
  (bytes, random) => {
    const copy = Uint8Array.from(bytes);
    for (let i = random.below(4); i >= 0; i--) {
      copy[random.below(copy.length)]! ^= 1 << random.below(8);
    }
    return copy;
  },
  // Some bytes.
  (bytes, random) => {
    const copy = Uint8Array.from(bytes);
    for (let i = random.below(9); i >= 0; i--) copy[random.below(copy.length)] = random.below(256);
    return copy;
  },
  // The beginning, the end, or something from the middle.
  (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  (bytes, random) => bytes.slice(1 + random.below(bytes.length)),
  (bytes, random) => {
    const at = random.below(bytes.length);
    return bytesOf(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(9)));
  },
  // Something more, in the middle or at the end.
  (bytes, random) => {
    const at = random.below(bytes.length);
    return bytesOf(
      bytes.subarray(0, at),
      randomBytes(random, 1 + random.below(9)),
      bytes.subarray(at),
    );
  },
  (bytes, random) => bytesOf(bytes, randomBytes(random, 1 + random.below(300))),
  // Two parts in each other's place.
  (bytes, random) => {
    const copy = Uint8Array.from(bytes);
    const length = 1 + random.below(8);
    const [from, to] = [random.below(bytes.length - length), random.below(bytes.length - length)];
    copy.copyWithin(from, to, to + length);
    copy.set(bytes.subarray(from, from + length), to);
    return copy;
  },
  // Other lengths, generations, times and lives.
  (bytes, random) => changed(bytes, (view) => view.setUint16(28, random.below(2 ** 16))),
  (bytes, random) => changed(bytes, (view) => view.setUint16(28, random.below(64))),
  (bytes, random) =>
    changed(bytes, (view) => view.setUint32(30 + view.getUint16(28), random.next() * 2 ** 32)),
  (bytes, random) =>
    changed(bytes, (view) => view.setUint32(30 + view.getUint16(28), random.below(64))),
  (bytes, random) =>
    changed(bytes, (view) => view.setFloat64(random.pick([4, 12, 20]), random.pick(NUMBERS))),
  // Anything, and anything that begins well.
  (_bytes, random) => randomBytes(random, random.below(300)),
  (bytes, random) => bytesOf(bytes.subarray(0, 30), randomBytes(random, random.below(300))),
];

const NUMBERS = [0, -0, 1, -1, 1.5, 2, 2 ** 53, NaN, Infinity, -Infinity, 5e-324, START_MS + 1];

function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Dispatches all at a time, and checks that each has one outcome, which is counted. */
async function dispatchAll(
  registry: FoldRegistry,
  all: readonly Uint8Array[],
  key?: Uint8Array,
): Promise<FoldDispatchResult[]> {
  const before = registry.stats();
  const results = await Promise.all(all.map((bytes) => registry.dispatch(bytes, key)));
  const { dispatched, accepted, rejected, refused, refusals, pending } = registry.stats();
  const count = (outcome: string) => results.filter((result) => result.outcome === outcome).length;
  assertEquals(dispatched - before.dispatched, all.length);
  assertEquals(accepted - before.accepted, all.length - count("rejected") - count("refused"));
  assertEquals(rejected - before.rejected, count("rejected"));
  assertEquals(refused - before.refused, count("refused"));
  assertEquals(Object.values(refusals).reduce((sum, each) => sum + each, 0), refused);
  assertEquals(pending, 0);
  return results;
}

for (const seed of [1, 2, 3, 4]) {
  test(`what was signed and then spoiled is refused, whatever it is, and changes nothing (${seed})`, async () => {
    const random = new Random(seed);
    const { registry, fold } = registryOf({ maxBytes: 400 });
    await registry.dispatch(await sign(ada, 1), ada.publicKey);
    const before = [fold.version, fold.query(), fold.stats().applied];
    for (let round = 0; round < 5; round++) {
      const spoiled = Array.from({ length: 120 }, () => random.pick(SPOILED)(SIGNED, random))
        .filter((bytes) => !isSame(bytes, SIGNED));
      assert(spoiled.length > 90);
      const results = await dispatchAll(registry, spoiled, ada.publicKey);
      for (const [i, { outcome }] of results.entries()) {
        assertEquals(outcome, "refused", `seed ${seed}: ${spoiled[i]}`);
      }
    }
    assertEquals([fold.version, fold.query(), fold.stats().applied], before);
    // And the one that was not spoiled is still as good as ever.
    assertEquals(await registry.dispatch(SIGNED, ada.publicKey), { outcome: "replaced" });
  });

  test(`what nobody has signed, spoiled, is taken for what it says or refused (${seed})`, async () => {
    const random = new Random(seed);
    for (let round = 0; round < 400; round++) {
      const bytes = random.pick(SPOILED)(UNSIGNED, random);
      const { registry, fold } = registryOf({ allowUnsigned: true, maxBytes: 400 });
      const [result] = await dispatchAll(registry, [bytes]);
      const what = `seed ${seed}, round ${round}: ${bytes}`;
      const expected = refusalOf(bytes);
      if (expected !== undefined) {
        assertEquals(result, { outcome: "refused", reason: expected } as never, what);
        assertEquals([fold.size, fold.version], [0, 0], what);
        continue;
      }
      const { leave, node, payload, generation } = decodeAnnouncement(KIND, bytes);
      assertEquals(result!.outcome, leave ? "left" : "inserted", what);
      if (leave) continue;
      // What lives for next to no time was there, and is not seen.
      const { ttlMs } = decodeAnnouncement(KIND, bytes);
      const isSeen = fold.now + ttlMs! > fold.now;
      assertEquals([fold.size, fold.count()], [1, isSeen ? 1 : 0], what);
      if (!isSeen) continue;
      const [entry] = fold.query();
      assertEquals(
        [entry!.node, entry!.payload, entry!.generation],
        [node, payload, generation],
        what,
      );
    }
  });
}

/** Why a registry must refuse bytes that need no signature; undefined if it must take them. */
function refusalOf(bytes: Uint8Array): string | undefined {
  if (bytes.length > 400) return "oversized";
  // A signature that is there is checked, and nobody has given a key.
  const hasSignature = bytes.slice(-64).some((byte) => byte !== 0);
  try {
    const { announcedAtMs } = decodeAnnouncement(KIND, bytes);
    if (announcedAtMs! > START_MS + 60_000) return "future-dated";
    if (announcedAtMs! < START_MS - 300_000) return "outdated";
    return hasSignature ? "unknown-publisher" : undefined;
  } catch (error) {
    assert(error instanceof FoldEnvelopeError, `${error}`);
    if (error.reason === "wrong-kind") return "unknown-kind";
    if (error.reason !== "payload") return error.reason;
    // That is looked at last.
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const at = view.getFloat64(12);
    if (at > START_MS + 60_000) return "future-dated";
    if (at < START_MS - 300_000) return "outdated";
    return hasSignature ? "unknown-publisher" : "payload";
  }
}

test("no bit of what was signed can be changed", async () => {
  const { registry, fold } = registryOf({ maxPending: 4_096 });
  const flipped = Array.from({ length: SIGNED.length * 8 }, (_, bit) => {
    const copy = Uint8Array.from(SIGNED);
    copy[bit >> 3]! ^= 1 << (bit & 7);
    return copy;
  });
  const results = await dispatchAll(registry, flipped, ada.publicKey);
  assert(results.every(({ outcome }) => outcome === "refused"));
  assertEquals([fold.size, fold.stats().applied], [0, 0]);
});

test("what was signed cannot be cut at any length, nor be the begin or the end of something", async () => {
  const { registry, fold } = registryOf({ maxPending: 4_096 });
  const parts: Uint8Array[] = [];
  for (let length = 0; length < SIGNED.length; length++) {
    parts.push(SIGNED.slice(0, length), SIGNED.slice(SIGNED.length - length));
    parts.push(bytesOf(SIGNED, SIGNED.subarray(0, length + 1)));
  }
  const results = await dispatchAll(registry, parts, ada.publicKey);
  assert(results.every(({ outcome }) => outcome === "refused"));
  assertEquals(fold.stats().applied, 0);
});

test("the parts of two announcements that were signed make no third one", async () => {
  const { registry } = registryOf();
  const other = await sign(ada, 4, { payload: { room: "lobby", user: "eve" }, leave: true });
  assertEquals(other.length, SIGNED.length);
  const mixed: Uint8Array[] = [];
  for (let at = 1; at < SIGNED.length; at++) {
    for (const [one, two] of [[SIGNED, other], [other, SIGNED]] as const) {
      const bytes = bytesOf(one.subarray(0, at), two.subarray(at));
      if (!isSame(bytes, one) && !isSame(bytes, two)) mixed.push(bytes);
    }
  }
  assert(mixed.length > 200);
  const results = await dispatchAll(registry, mixed, ada.publicKey);
  assert(results.every(({ outcome }) => outcome === "refused"));
});
