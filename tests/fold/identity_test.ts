import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import {
  createIdentity,
  decodeAnnouncement,
  encodeAnnouncement,
  FoldEnvelopeError,
  type FoldEnvelopeReason,
  importIdentity,
  nodeIdOf,
  signAnnouncement,
  verifyAnnouncement,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { reasonOf } from "../_settle.ts";
import {
  ADA,
  bytesOf,
  changed,
  hexOf,
  identityOf,
  KIND,
  pretending,
  sign,
  SIGNATURE_BYTES,
} from "./_envelopes.ts";
import { START_MS } from "./_hand_clock.ts";

const PKCS8 = "302e020100300506032b657004220420";

async function assertUnbelieved(
  bytes: Uint8Array,
  publicKey: Uint8Array,
  reason: FoldEnvelopeReason,
  what?: string,
): Promise<void> {
  const error = await reasonOf(verifyAnnouncement(bytes, publicKey));
  assertInstanceOf(error, FoldEnvelopeError, what);
  assertEquals(error.reason, reason, what);
  assertMatch(error.message, /^Cannot verify announcement: .+[^.]$/);
}

test("a node is made of its public key, for everybody the same", async () => {
  // Half of a SHA-256 of "weir-fold-node-1", a line feed and the key.
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);
  assertEquals(await nodeIdOf(key), "a1787b2c0beec965af7f7cbb12ab3cd6");
  const identity = await createIdentity();
  assertMatch(identity.node, /^[0-9a-f]{32}$/);
  assertEquals(identity.publicKey.length, 32);
  assertEquals(await nodeIdOf(identity.publicKey), identity.node);
  // Somewhere in a longer buffer, too.
  assertEquals(await nodeIdOf(bytesOf("ff", key, "ff").subarray(1, 33)), await nodeIdOf(key));
});

test("a known private key has the public key, the node and the signature that it must have", async () => {
  // The first key of RFC 8032; the signature was made by another implementation.
  const secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
  const identity = await importIdentity(bytesOf(PKCS8 + secret));
  assertEquals(
    hexOf(identity.publicKey),
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
  );
  assertEquals(identity.node, "27f26891bc98baa8ddac7cad3529ecf9");
  const { node } = identity;
  const announcement = { node, generation: 7, payload: ADA, ttlMs: 9_000, announcedAtMs: 1_000 };
  const bytes = await signAnnouncement(KIND, announcement, identity);
  assertEquals(
    hexOf(bytes.subarray(-SIGNATURE_BYTES)),
    "b04ee9c8892040d5d2346d129b9f89996587ac47e41e903c1e6038d0bf72ccde" +
      "d6fff9ecc05a87b6fe874b96ca26189dfa93b5578793276cbe1dff96670c5501",
  );
});

test("identities differ, and one that was exported and imported is the same", async () => {
  const [one, other] = [await createIdentity(), await createIdentity()];
  assertNotEquals(one.node, other.node);
  const exported = await one.exportKey();
  const restored = await importIdentity(exported);
  assertEquals([restored.node, restored.publicKey], [one.node, one.publicKey]);
  assertEquals(await restored.exportKey(), exported);
  assertEquals(await sign(restored, 3), await sign(one, 3));
  // What was exported is a copy.
  exported.fill(0);
  assertEquals((await importIdentity(await one.exportKey())).node, one.node);
});

test("what is no private key is not imported", async () => {
  const right = await (await identityOf(1)).exportKey();
  const wrong: [string, unknown][] = [
    ["nothing", undefined],
    ["null", null],
    ["a text", "key"],
    ["no bytes", new Uint8Array()],
    ["the bytes of the key alone", right.subarray(16)],
    ["a key that was cut off", right.subarray(0, 40)],
    ["a key of another algorithm", changed(right, (view) => view.setUint8(11, 0x6e))],
    ["zeros", new Uint8Array(48)],
  ];
  for (const [what, key] of wrong) {
    const imported = () => importIdentity(key as Uint8Array);
    const error = await assertRejects(imported, TypeError, undefined, what);
    assertMatch(error.message, /^Cannot import identity: .+, received .+/);
  }
});

test("what is no public key has no node", async () => {
  const keys: unknown[] = [new Uint8Array(31), new Uint8Array(33), new Uint8Array(), Array(32), ""];
  for (const key of [...keys, undefined, null, new ArrayBuffer(32)]) {
    const error = await assertRejects(() => nodeIdOf(key as Uint8Array), RangeError);
    assertMatch(error.message, /^Cannot use a public key: it must be 32 bytes, received .+/);
  }
});

test("what was signed is believed, and is otherwise what it would be without", async () => {
  const identity = await identityOf(1);
  const announcement = {
    node: identity.node,
    generation: 2,
    payload: ADA,
    announcedAtMs: START_MS,
  };
  const bytes = await signAnnouncement(KIND, announcement, identity);
  await verifyAnnouncement(bytes, identity.publicKey);
  assertEquals(decodeAnnouncement(KIND, bytes), { ...announcement, ttlMs: KIND.defaultTtlMs });
  const unsigned = encodeAnnouncement(KIND, announcement);
  assertEquals(bytes.subarray(0, -SIGNATURE_BYTES), unsigned.subarray(0, -SIGNATURE_BYTES));
});

test("nobody signs in the name of another node", async () => {
  const identity = await identityOf(1);
  const announcement = { node: (await identityOf(2)).node, generation: 1, payload: ADA };
  const signed = () => signAnnouncement(KIND, announcement, identity);
  const error = await assertRejects(signed, TypeError, announcement.node);
  assertMatch(error.message, /^Cannot sign announcement: .+, received .+/);
});

test("whoever pretends to be another node is found out by the key", async () => {
  const [victim, forger] = [await identityOf(1), await identityOf(2)];
  const forged = await sign(pretending(forger, victim.node));
  await assertUnbelieved(forged, forger.publicKey, "node-mismatch");
  await assertUnbelieved(forged, victim.publicKey, "bad-signature");
});

test("a change of any part of an announcement makes its signature one of something else", async () => {
  const identity = await identityOf(1);
  const bytes = await sign(identity);
  const changes: [string, (view: DataView) => void][] = [
    ["the kind", (view) => view.setUint16(1, 6)],
    ["that it is a leave", (view) => view.setUint8(3, 1)],
    ["the generation", (view) => view.setFloat64(4, 2)],
    ["the time", (view) => view.setFloat64(12, START_MS + 1)],
    ["the life", (view) => view.setFloat64(20, 1e9)],
    ["the node", (view) => view.setUint8(30, view.getUint8(30) ^ 1)],
    ["the payload", (view) => view.setUint8(bytes.length - 70, 0x7a)],
    ["the first byte of the signature", (view) => view.setUint8(bytes.length - 64, 0)],
    ["the last bit of the signature", (view) => view.setUint8(bytes.length - 1, bytes.at(-1)! ^ 1)],
  ];
  for (const [what, change] of changes) {
    const other = changed(bytes, change);
    assertNotEquals(other, bytes, what);
    await assertUnbelieved(other, identity.publicKey, "bad-signature", what);
  }
  await assertUnbelieved(bytes, (await identityOf(2)).publicKey, "bad-signature");
});

test("a signature of the bytes themselves is none of an announcement", async () => {
  // Whoever has a node sign bytes for another purpose has no announcement of it.
  const identity = await identityOf(1);
  const key = await crypto.subtle.importKey(
    "pkcs8",
    Uint8Array.from(await identity.exportKey()),
    { name: "Ed25519" },
    false,
    ["sign"],
  );
  const body = Uint8Array.from((await sign(identity)).subarray(0, -SIGNATURE_BYTES));
  const signature = new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, key, body));
  await assertUnbelieved(bytesOf(body, signature), identity.publicKey, "bad-signature");
});

test("bytes that are no envelope, or not signed, are refused before any key is looked at", async () => {
  const identity = await identityOf(1);
  const bytes = await sign(identity);
  const cases: [Uint8Array, FoldEnvelopeReason][] = [
    [new Uint8Array(), "truncated"],
    [bytes.subarray(0, -1), "truncated"],
    [bytesOf(bytes, "00"), "malformed"],
    [changed(bytes, (view) => view.setUint8(0, 9)), "version"],
    [changed(bytes, (view) => view.setFloat64(4, 0)), "generation"],
    [bytesOf(bytes.subarray(0, -SIGNATURE_BYTES), new Uint8Array(64)), "unsigned"],
  ];
  for (const [wrong, reason] of cases) await assertUnbelieved(wrong, new Uint8Array(), reason);
});

test("a signature that is nearly nothing is a wrong one, and not none", async () => {
  const identity = await identityOf(1);
  const body = (await sign(identity)).subarray(0, -SIGNATURE_BYTES);
  for (const at of [0, 31, 63]) {
    const signature = new Uint8Array(64);
    signature[at] = 1;
    await assertUnbelieved(bytesOf(body, signature), identity.publicKey, "bad-signature");
  }
});

test("a public key that is none is told from a wrong one by its length", async () => {
  const bytes = await sign(await identityOf(1));
  for (const key of [new Uint8Array(31), new Uint8Array(33), [], "key", undefined, null]) {
    await assertUnbelieved(bytes, key as Uint8Array, "bad-key");
  }
  // Not every 32 bytes are a point of the curve; platforms find that out at different times.
  const error = await reasonOf(verifyAnnouncement(bytes, new Uint8Array(32).fill(2)));
  assertInstanceOf(error, FoldEnvelopeError);
  assert(["bad-key", "bad-signature"].includes(error.reason));
});

test("bytes that are written over while they are checked are believed for what they were", async () => {
  const identity = await identityOf(1);
  const bytes = await sign(identity);
  const checking = verifyAnnouncement(bytes, identity.publicKey);
  bytes.fill(0);
  await checking;
});

test("a public key that is written over while it is used does not make another node believed", async () => {
  const [victim, forger] = [await identityOf(1), await identityOf(2)];
  const forged = await sign(pretending(forger, victim.node));
  const key = Uint8Array.from(victim.publicKey);
  const deceived = reasonOf(verifyAnnouncement(forged, key));
  key.set(forger.publicKey);
  assertInstanceOf(await deceived, FoldEnvelopeError);
});

test("a public key that anybody can sign for makes nobody believed", async () => {
  // The points of small order, with either sign: for the first one, this signature fits whatever is said.
  const weak = [
    `01${"00".repeat(31)}`,
    "00".repeat(32),
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ...["ec", "ed", "ee"].map((first) => `${first}${"ff".repeat(30)}7f`),
  ];
  const signature = bytesOf(`01${"00".repeat(63)}`);
  for (const hex of weak) {
    for (const bit of [0, 0x80]) {
      const key = bytesOf(hex);
      key[31]! |= bit;
      const node = await nodeIdOf(key);
      const bytes = encodeAnnouncement(KIND, { node, generation: 1, payload: ADA });
      bytes.set(signature, bytes.length - SIGNATURE_BYTES);
      await assertUnbelieved(bytes, key, "bad-key", hexOf(key));
    }
  }
});
