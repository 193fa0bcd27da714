import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  createIdentity,
  encodeAnnouncement,
  type FoldRefusal,
  FoldRegistry,
  signAnnouncement,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { cap, capKey, capKind, keysOf, manual, routingTestKind } from "./_origin_folds.ts";
import { registryOf, signed, withByte } from "./_origin_signed.ts";

// Cases of the original's framework, by their names: which fold gets what comes, and what gets none.

/** What a transport needs of a registry: the original has an interface for it, here its type is enough. */
type Router = Pick<FoldRegistry, "dispatch" | "stats">;

test("fold_registry_routes_envelope_to_correct_fold_by_kind", async () => {
  const identity = await createIdentity();
  const { fold: caps } = manual(capKind());
  const { fold: routes } = manual(routingTestKind());
  const registry = registryOf([caps, routes]);
  assertEquals(registry.size, 2);
  assertStrictEquals(registry.get(0x0f00), caps);
  assertStrictEquals(registry.get(0x0f01), routes);
  assertEquals(registry.get(0x0fff), undefined);

  const bytes = await signed(identity, 1, ["gpu"]);
  assertEquals(await registry.dispatch(bytes, identity.publicKey), { outcome: "inserted" });
  assertEquals([caps.stats().applied, routes.stats().applied], [1, 0]);

  const route = { node: identity.node, generation: 1, payload: { to: "db", metric: 1 } };
  const routeBytes = await signAnnouncement(routingTestKind(), route, identity);
  assertEquals(await registry.dispatch(routeBytes, identity.publicKey), { outcome: "inserted" });
  assertEquals([caps.stats().applied, routes.stats().applied], [1, 1]);
});

test("two_publishers_dispatch_into_distinct_by_node_entries", async () => {
  const { fold } = manual(capKind());
  const registry = registryOf([fold]);
  const identities = [await createIdentity(), await createIdentity()];
  for (const identity of identities) {
    const bytes = await signed(identity, 1, ["gpu"]);
    assertEquals(await registry.dispatch(bytes, identity.publicKey), { outcome: "inserted" });
  }
  const nodes = identities.map(({ node }) => node);
  assertEquals(fold.nodes().sort(), nodes.toSorted());
  for (const node of nodes) assertEquals(keysOf(fold.byNode(node)), [capKey(node)]);
});

test("registry_rejects_envelope_for_unknown_kind", async () => {
  const identity = await createIdentity();
  const { fold } = manual(capKind());
  const refused: [FoldRefusal, Uint8Array][] = [];
  const onRefused = (reason: FoldRefusal, bytes: Uint8Array) => refused.push([reason, bytes]);
  const registry = registryOf([fold], { onRefused });
  const bytes = await signed(identity, 1, [], capKind(0x0fff));
  const result = await registry.dispatch(bytes, identity.publicKey);
  assertEquals(result, { outcome: "refused", reason: "unknown-kind" });
  assertEquals(refused, [["unknown-kind", bytes]]);
  assertEquals(fold.stats().applied, 0);
});

test("registry_rejects_truncated_envelope, wherever it ends", async () => {
  const identity = await createIdentity();
  const { fold } = manual(capKind());
  const registry = registryOf([fold]);
  const bytes = await signed(identity, 1, ["gpu"]);
  for (let length = 0; length < bytes.length; length++) {
    const result = await registry.dispatch(bytes.subarray(0, length), identity.publicKey);
    assertEquals(result, { outcome: "refused", reason: "truncated" }, `${length} bytes`);
  }
  assertEquals(registry.stats().refusals, { truncated: bytes.length });
  assertEquals(await registry.dispatch(bytes, identity.publicKey), { outcome: "inserted" });
});

test("registry_rejects_envelope_whose_kind_disagrees_with_routed_fold: where each kind has a channel", async () => {
  const identity = await createIdentity();
  const { fold: caps } = manual(capKind());
  const { fold: others } = manual(capKind(0xffff));
  const registry = registryOf([caps, others]);
  const bytes = await signed(identity, 1, [], capKind(0xffff));
  const result = await registry.dispatch(bytes, identity.publicKey, { kind: 0x0f00 });
  assertEquals(result, { outcome: "refused", reason: "wrong-kind" });
  assertEquals([caps.stats().applied, others.stats().applied], [0, 0]);

  const taken = await registry.dispatch(bytes, identity.publicKey, { kind: 0xffff });
  assertEquals(taken, { outcome: "inserted" });
});

test("registry_can_deregister_a_fold", async () => {
  const identity = await createIdentity();
  const { fold } = manual(capKind());
  const registry = new FoldRegistry();
  assertEquals(registry.register(fold), undefined);
  const { fold: another } = manual(capKind());
  assertStrictEquals(registry.register(another), fold);

  assertStrictEquals(registry.deregister(0x0f00), another);
  assertEquals([registry.size, registry.get(0x0f00), registry.stats().folds], [0, undefined, []]);
  assertEquals(registry.deregister(0x0f00), undefined);
  const result = await registry.dispatch(await signed(identity, 1, []), identity.publicKey);
  assertEquals(result, { outcome: "refused", reason: "unknown-kind" });
});

test("fold_registry_implements_channel_router_trait: whoever has the bytes needs two of its methods", async () => {
  const identity = await createIdentity();
  const { fold } = manual(capKind());
  const router: Router = registryOf([fold]);
  const result = await router.dispatch(await signed(identity, 1, ["gpu"]), identity.publicKey);
  assertEquals(result, { outcome: "inserted" });
  assertEquals(keysOf(fold.query({ by: { tag: "gpu" } })), [capKey(identity.node)]);
});

test("channel_router_surface_propagates_signature_failure", async () => {
  const identity = await createIdentity();
  const { fold } = manual(capKind());
  const router: Router = registryOf([fold]);
  const bytes = await signed(identity, 1, ["gpu"]);
  const tampered = withByte(bytes, -1, (byte) => byte ^ 1);
  const result = await router.dispatch(tampered, identity.publicKey);
  assertEquals(result, { outcome: "refused", reason: "bad-signature" });
  assertEquals([fold.stats().applied, fold.size], [0, 0]);
  const { dispatched, accepted, refused, refusals } = router.stats();
  assertEquals([dispatched, accepted, refused, refusals], [1, 0, 1, { "bad-signature": 1 }]);
});

test("channel_router_drops_envelope_for_unknown_kind, and goes on", async () => {
  const identity = await createIdentity();
  const { fold } = manual(capKind());
  const router: Router = registryOf([fold]);
  const results = await Promise.all([
    router.dispatch(await signed(identity, 1, [], capKind(0x0fff)), identity.publicKey),
    router.dispatch(await signed(identity, 2, []), identity.publicKey),
  ]);
  assertEquals(results, [{ outcome: "refused", reason: "unknown-kind" }, { outcome: "inserted" }]);
});

test("entity_id_is_what_the_router_trait_takes: the key comes with the session, never with the bytes", async () => {
  const identity = await createIdentity();
  const { fold } = manual(capKind());
  const bytes = await signed(identity, 1, []);
  const refused = { outcome: "refused", reason: "unknown-publisher" } as const;
  assertEquals(await registryOf([fold]).dispatch(bytes), refused);
  const knowsNobody = registryOf([fold], { publicKeyOf: () => undefined });
  assertEquals(await knowsNobody.dispatch(bytes), refused);
  assertEquals(fold.stats().applied, 0);

  assertEquals(await knowsNobody.dispatch(bytes, identity.publicKey), { outcome: "inserted" });
});

test("fold_channel_router_trait_object_exposes_stats", () => {
  const { fold: caps } = manual(capKind());
  const { fold: routes } = manual(routingTestKind());
  const router: Router = registryOf([caps, routes]);
  caps.apply(cap("n1", 1));
  assertEquals(router.stats(), {
    dispatched: 0,
    accepted: 0,
    rejected: 0,
    refused: 0,
    refusals: {},
    pending: 0,
    folds: [caps.stats(), routes.stats()],
  });
});

test("registry_rejects_envelope_for_unknown_kind: a signature is not looked at before", async () => {
  const { fold } = manual(capKind());
  const bytes = encodeAnnouncement(capKind(0x0fff), cap("n1", 1));
  const result = await registryOf([fold]).dispatch(bytes, new Uint8Array());
  assertEquals(result, { outcome: "refused", reason: "unknown-kind" });
});

test("receiver_rejects_envelope_signed_for_a_different_publisher: even if the session's key is written over", async () => {
  const [session, forger] = [await createIdentity(), await createIdentity()];
  const { fold } = manual(capKind());
  const registry = registryOf([fold]);
  const forged = await signed({ ...forger, node: session.node }, 1, []);
  const key = session.publicKey.slice();
  const dispatching = registry.dispatch(forged, key);
  // As a transport does that reads the next handshake into the same buffer.
  key.set(forger.publicKey);
  const refused = { outcome: "refused", reason: "bad-signature" } as const;
  assertEquals(await dispatching, refused);
  assertEquals(await registry.dispatch(forged, session.publicKey), refused);
});
