import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  createIdentity,
  decodeAnnouncement,
  encodeAnnouncement,
  type FoldAnnouncement,
  FoldEnvelopeError,
  signAnnouncement,
  verifyAnnouncement,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { type Cap, cap, capKey, capKind, keysOf, manual } from "./_origin_folds.ts";
import { indexOfText, registryOf, signed, whyNot, withByte } from "./_origin_signed.ts";

// Cases of the original's framework, by their names: the bytes of an announcement, and whom they are believed.

test("signed_announcement_round_trips_through_postcard_encode_decode, in a format of our own", async () => {
  const identity = await createIdentity();
  const announcement: FoldAnnouncement<Cap> = {
    node: identity.node,
    generation: 7,
    payload: { class: "c", tags: ["gpu", "größer"] },
    ttlMs: 12_345.5,
    leave: true,
    announcedAtMs: 1_700_000_000_123,
  };
  const bytes = await signAnnouncement(capKind(), announcement, identity);
  assertEquals(decodeAnnouncement(capKind(), bytes), announcement);

  // What is not said is filled in by whoever sends, so that all who receive take it for the same.
  const short = decodeAnnouncement(capKind(), encodeAnnouncement(capKind(), cap("n1", 1)));
  assertEquals([short.ttlMs, short.leave], [60_000, undefined]);
  assertEquals(Number.isFinite(short.announcedAtMs), true);
});

test("signature_verifies_against_publisher_identity", async () => {
  const identity = await createIdentity();
  const bytes = await signed(identity, 1, ["gpu"]);
  assertEquals(await verifyAnnouncement(bytes, identity.publicKey), undefined);
});

test("verify_rejects_signature_from_a_different_keypair", async () => {
  const [identity, other] = [await createIdentity(), await createIdentity()];
  const bytes = await signed(identity, 1, ["gpu"]);
  assertEquals(await whyNot(verifyAnnouncement(bytes, other.publicKey)), "bad-signature");
});

test("verify_rejects_tampered_payload", async () => {
  const identity = await createIdentity();
  const bytes = await signed(identity, 1, ["gpu"]);
  const tampered = withByte(bytes, indexOfText(bytes, "gpu"), () => "c".charCodeAt(0));
  assertEquals(decodeAnnouncement(capKind(), tampered).payload.tags, ["cpu"]);
  assertEquals(await whyNot(verifyAnnouncement(tampered, identity.publicKey)), "bad-signature");
});

test("verify_rejects_placeholder_signature_sentinel, before it looks at the key", async () => {
  const identity = await createIdentity();
  const bytes = encodeAnnouncement(capKind(), cap(identity.node, 1));
  assertEquals(await whyNot(verifyAnnouncement(bytes, identity.publicKey)), "unsigned");
  const noKey = new Uint8Array(31);
  assertEquals(await whyNot(verifyAnnouncement(bytes, noKey)), "unsigned");

  const isSigned = await signed(identity, 1, []);
  assertEquals(await whyNot(verifyAnnouncement(isSigned, noKey)), "bad-key");
});

test("verify_does_not_mistake_a_near_zero_signature_for_the_placeholder", async () => {
  const identity = await createIdentity();
  const bytes = encodeAnnouncement(capKind(), cap(identity.node, 1));
  for (const index of [-64, -1]) {
    const nearZero = withByte(bytes, index, () => 1);
    assertEquals(await whyNot(verifyAnnouncement(nearZero, identity.publicKey)), "bad-signature");
  }
});

test("verify_rejects_signature_of_wrong_length: bytes are missing, or too many", async () => {
  const identity = await createIdentity();
  const bytes = await signed(identity, 1, ["gpu"]);
  const short = bytes.subarray(0, -1);
  assertEquals(await whyNot(verifyAnnouncement(short, identity.publicKey)), "truncated");
  const long = new Uint8Array([...bytes, 0]);
  assertEquals(await whyNot(verifyAnnouncement(long, identity.publicKey)), "malformed");
});

test("decode_and_verify_drives_the_dispatch_hot_path: two functions, and a registry calls both", async () => {
  const identity = await createIdentity();
  const bytes = await signed(identity, 3, ["gpu"]);
  await verifyAnnouncement(bytes, identity.publicKey);
  const { node, generation, payload } = decodeAnnouncement(capKind(), bytes);
  assertEquals([node, generation], [identity.node, 3]);
  assertEquals(payload, { class: "c", tags: ["gpu"] });

  const { fold } = manual(capKind());
  const result = await registryOf([fold]).dispatch(bytes, identity.publicKey);
  assertEquals(result, { outcome: "inserted" });
  assertEquals(fold.get(capKey(identity.node))?.payload, payload);
});

test("publisher_to_receiver_full_pipeline_in_process", async () => {
  const identity = await createIdentity();
  const bytes = await signed(identity, 1, ["gpu", "cuda"]);

  const { fold } = manual(capKind());
  const registry = registryOf([fold], { publicKeyOf: () => identity.publicKey });
  assertEquals(await registry.dispatch(bytes), { outcome: "inserted" });
  const found = fold.query({ by: { tag: { all: ["gpu", "cuda"] } } });
  assertEquals(keysOf(found), [capKey(identity.node)]);
  assertEquals([found[0]!.node, found[0]!.generation], [identity.node, 1]);
});

test("publisher_encode_is_stable_across_calls, and whatever the order of the payload's names", async () => {
  const identity = await createIdentity();
  const { node } = identity;
  const said = { node, generation: 1, announcedAtMs: 5_000 };
  const one = { ...said, payload: { class: "c", tags: ["gpu"] } };
  const other = { ...said, payload: { tags: ["gpu"], class: "c" } };
  const bytes = encodeAnnouncement(capKind(), one);
  assertEquals(encodeAnnouncement(capKind(), one), bytes);
  assertEquals(encodeAnnouncement(capKind(), other), bytes);

  const signature = await signAnnouncement(capKind(), one, identity);
  assertEquals(await signAnnouncement(capKind(), other, identity), signature);
  assertEquals(signature.subarray(0, -64), bytes.subarray(0, -64));
});

test("receiver_rejects_envelope_signed_for_a_different_publisher", async () => {
  const [signer, session] = [await createIdentity(), await createIdentity()];
  const { fold } = manual(capKind());
  const registry = registryOf([fold]);
  const result = await registry.dispatch(await signed(signer, 1, []), session.publicKey);
  assertEquals(result, { outcome: "refused", reason: "bad-signature" });
  assertEquals([fold.stats().applied, fold.size], [0, 0]);
});

test("verify_rejects_envelope_claiming_a_foreign_node_id", async () => {
  const [victim, attacker] = [await createIdentity(), await createIdentity()];
  const announcement = cap(victim.node, 1, ["gpu"]);
  await assertRejects(
    () => signAnnouncement(capKind(), announcement, attacker),
    TypeError,
    attacker.node,
  );

  // An attacker signs by a program of his own.
  const forger = { ...attacker, node: victim.node };
  const bytes = await signAnnouncement(capKind(), announcement, forger);
  assertEquals(await whyNot(verifyAnnouncement(bytes, attacker.publicKey)), "node-mismatch");
  assertEquals(await whyNot(verifyAnnouncement(bytes, victim.publicKey)), "bad-signature");

  const { fold } = manual(capKind());
  const registry = registryOf([fold]);
  const result = await registry.dispatch(bytes, attacker.publicKey);
  assertEquals(result, { outcome: "refused", reason: "node-mismatch" });
  assertEquals(fold.stats().applied, 0);
});

test("registry_rejects_envelope_whose_kind_disagrees_with_routed_fold: decoding names both kinds", () => {
  const bytes = encodeAnnouncement(capKind(0xffff), cap("n1", 1));
  const decode = () => decodeAnnouncement(capKind(0x0f00), bytes);
  const error = assertThrows(decode, FoldEnvelopeError);
  assertEquals(error.reason, "wrong-kind");
  assertStringIncludes(error.message, String(0x0f00));
  assertStringIncludes(error.message, String(0xffff));
});
