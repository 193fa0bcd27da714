import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import type { FoldDispatchResult, FoldRefusal } from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { observe, reasonOf, settle } from "../_settle.ts";
import { countedSignal } from "../_signal.ts";
import { ADA, identityOf, pretending, registryOf, sign, SIGNATURE_BYTES } from "./_envelopes.ts";

// What may happen between dispatch() and its answer: signatures and keys take their time.

const ada = await identityOf(1);
const bob = await identityOf(2);

/** Lets crypto do what it has begun: its work is done by other threads. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 0));
}

test("what comes from one node reaches its fold in the order in which it came", async () => {
  // The first one waits for its key, and the others do not: they have to wait for the first.
  const first = Promise.withResolvers<Uint8Array | undefined>();
  let asked = 0;
  const { registry, fold } = registryOf({
    publicKeyOf: () => asked++ === 0 ? first.promise : ada.publicKey,
  });
  const generations: number[] = [];
  fold.setAuditSink({ record: () => void generations.push(fold.query()[0]!.generation) });
  const outcomes: unknown[] = [];
  const messages = [await sign(ada, 1), await sign(ada, 2), await sign(ada, 3)];
  const all = messages.map(async (bytes) => {
    outcomes.push((await registry.dispatch(bytes)).outcome);
  });
  await until(() => asked === 3);
  await settle();
  assertEquals([outcomes, fold.size, registry.stats().pending], [[], 0, 3]);
  first.resolve(ada.publicKey);
  await Promise.all(all);
  assertEquals(generations, [1, 2, 3]);
  assertEquals(outcomes, ["inserted", "replaced", "replaced"]);
});

test("the order holds though some of them are refused, and though each takes another time", async () => {
  const random = new Random(5);
  const { registry, fold } = registryOf({
    publicKeyOf: async (node) => {
      for (let ticks = random.below(9); ticks > 0; ticks--) await undefined;
      if (random.below(4) === 0) throw new Error("no connection");
      return node === ada.node ? ada.publicKey : bob.publicKey;
    },
  });
  const seen = new Map<string, number[]>([[ada.node, []], [bob.node, []]]);
  fold.setAuditSink({
    record({ node, type, detail }) {
      assertNotEquals(type, "rejected", detail);
      seen.get(node!)!.push(fold.byNode(node!)[0]!.generation);
    },
  });
  const messages: Uint8Array[] = [];
  for (let generation = 1; generation <= 60; generation++) {
    for (const node of [ada, bob]) messages.push(await sign(node, generation));
  }
  const results = await Promise.all(messages.map((bytes) => registry.dispatch(bytes)));
  const refused = results.filter(({ outcome }) => outcome === "refused").length;
  assert(refused > 10 && refused < 110);
  for (const generations of seen.values()) {
    assert(generations.length > 20);
    assertEquals(generations, [...generations].sort((a, b) => a - b));
  }
  assertEquals(registry.stats().refusals, { "unknown-publisher": refused });
});

test("a node whose key never comes holds up nobody but itself", async () => {
  const never = new Promise<undefined>(() => {});
  const { registry, fold } = registryOf({
    publicKeyOf: (node) => node === ada.node ? never : bob.publicKey,
    maxLookupMs: 200,
  });
  const stuck = observe(registry.dispatch(await sign(ada)));
  const behind = observe(registry.dispatch(await sign(ada, 2), ada.publicKey));
  assertEquals(await registry.dispatch(await sign(bob)), { outcome: "inserted" });
  assertEquals([stuck.state, behind.state], ["pending", "pending"]);
  assertEquals(fold.nodes(), [bob.node]);
  const { dispatched, accepted, rejected, refused, pending } = registry.stats();
  assertEquals([dispatched, accepted, rejected, refused, pending], [3, 1, 0, 0, 2]);
  // After a while, nobody knows it, and what is behind it goes on.
  await until(() => behind.state === "fulfilled");
  assertEquals(stuck.value, { outcome: "refused", reason: "unknown-publisher" });
  assertEquals(behind.value, { outcome: "inserted" });
});

test("more than may be checked at a time are refused as busy, and later ones are not", async () => {
  const keys = Promise.withResolvers<Uint8Array>();
  const { registry } = registryOf({ maxPending: 2, publicKeyOf: () => keys.promise });
  const messages = [await sign(ada, 1), await sign(ada, 2), await sign(ada, 3)];
  const [first, second, third] = messages.map((bytes) => observe(registry.dispatch(bytes)));
  await settle();
  assertEquals([first!.state, second!.state], ["pending", "pending"]);
  assertEquals(third!.value, { outcome: "refused", reason: "busy" });
  // What is refused without a key has no place, and takes none.
  assertEquals((await registry.dispatch(new Uint8Array())).reason, "truncated");
  assertEquals(registry.stats().pending, 2);
  keys.resolve(ada.publicKey);
  await until(() => second!.state === "fulfilled");
  assertEquals(registry.stats().pending, 0);
  assertEquals((await registry.dispatch(messages[2]!)).outcome, "replaced");
  assertEquals(registry.stats().refusals, { busy: 1, truncated: 1 });
});

test("publicKeyOf is asked for the node that it says to be, and only for what is signed", async () => {
  const asked: string[] = [];
  const { registry } = registryOf({
    publicKeyOf: (node) => {
      asked.push(node);
      return ada.publicKey;
    },
  });
  const signed = await sign(ada);
  assertEquals((await registry.dispatch(signed)).outcome, "inserted");
  assertEquals((await registry.dispatch(signed, ada.publicKey)).reason, "stale");
  const unsigned = Uint8Array.from(signed).fill(0, signed.length - SIGNATURE_BYTES);
  assertEquals((await registry.dispatch(unsigned)).reason, "unsigned");
  assertEquals((await registry.dispatch(await sign(bob))).reason, "bad-signature");
  assertEquals(asked, [ada.node, bob.node]);
});

test("a key that has changed is used at once", async () => {
  let key: Uint8Array | undefined = ada.publicKey;
  const { registry } = registryOf({ publicKeyOf: () => key });
  assertEquals((await registry.dispatch(await sign(ada, 1))).outcome, "inserted");
  key = undefined;
  assertEquals((await registry.dispatch(await sign(ada, 2))).reason, "unknown-publisher");
  key = ada.publicKey;
  assertEquals((await registry.dispatch(await sign(ada, 3))).outcome, "replaced");
});

test("a fold that is closed while something is checked is not changed any more", async () => {
  const closing = registryOf();
  const dispatching = closing.registry.dispatch(await sign(ada), ada.publicKey);
  closing.fold.close();
  assertEquals(await dispatching, { outcome: "refused", reason: "failed" });
  assertEquals(closing.fold.size, 0);
});

test("many announcements of many nodes at a time are all answered, and counted once", async () => {
  const random = new Random(7);
  const nodes = await Promise.all([1, 2, 3, 4].map(identityOf));
  const told: FoldRefusal[] = [];
  const { registry, fold } = registryOf({
    maxPending: 40,
    publicKeyOf: (node) => nodes.find((identity) => identity.node === node)?.publicKey,
    onRefused: (reason) => void told.push(reason),
  });
  const messages: Uint8Array[] = [];
  for (let i = 0; i < 100; i++) {
    const bytes = await sign(random.pick(nodes), 1 + random.below(20), {
      leave: random.below(6) === 0,
    });
    if (random.below(5) === 0) bytes[random.below(bytes.length)]! ^= 1;
    messages.push(bytes);
  }
  const results: FoldDispatchResult[] = [];
  const dispatching = messages.map(async (bytes) => {
    results.push(await registry.dispatch(bytes));
  });
  const { dispatched, accepted, rejected, refused, pending } = registry.stats();
  assertEquals(dispatched, 100);
  assertEquals(accepted + rejected + refused + pending, 100);
  assertEquals(pending, 40);
  await Promise.all(dispatching);

  const stats = registry.stats();
  const of = (outcome: string) => results.filter((result) => result.outcome === outcome).length;
  assertEquals(results.length, 100);
  assertEquals(stats.accepted, of("inserted") + of("replaced") + of("left"));
  assertEquals([stats.rejected, stats.refused], [of("rejected"), of("refused")]);
  assertEquals([stats.pending, stats.accepted + stats.rejected + stats.refused], [0, 100]);
  assertEquals(told.length, stats.refused);
  assertEquals(Object.values(stats.refusals).reduce((sum, count) => sum + count, 0), stats.refused);
  const { applied, inserted, replaced, left } = fold.stats();
  assertEquals([applied, inserted + replaced + left], [100 - stats.refused, stats.accepted]);
});

for (const Bytes of [Uint8Array, Buffer]) {
  test(`the bytes may be written over at once, if they are a ${Bytes.name}`, async () => {
    const { registry, fold } = registryOf();
    const bytes = Bytes.from(await sign(ada));
    const dispatching = registry.dispatch(bytes, ada.publicKey);
    bytes.fill(0);
    assertEquals(await dispatching, { outcome: "inserted" });
    assertEquals(fold.query()[0]!.payload, ADA);
  });

  test(`what is written over the bytes while their signature is checked is not what a fold gets, if they are a ${Bytes.name}`, async () => {
    // As with a buffer that the next message is read into, whenever that is.
    for (let ticks = 0; ticks < 40; ticks++) {
      const { registry, fold } = registryOf();
      await registry.dispatch(await sign(ada, 1), ada.publicKey);
      const evil = await sign(ada, 2, { payload: { room: "lobby", user: "eve" } });
      const bytes = Bytes.from(await sign(ada, 2));
      const dispatching = registry.dispatch(bytes, ada.publicKey);
      for (let tick = 0; tick < ticks; tick++) await undefined;
      bytes.set(evil.subarray(0, -SIGNATURE_BYTES));
      await dispatching;
      assertEquals(fold.query().map(({ payload }) => payload.user), ["ada"], `${ticks} ticks`);
    }
  });
}

test("a public key that is written over while it is used makes no other node believed", async () => {
  const { registry, fold } = registryOf();
  const forged = await sign(pretending(bob, ada.node));
  const key = Uint8Array.from(ada.publicKey);
  const dispatching = registry.dispatch(forged, key);
  key.set(bob.publicKey);
  assertEquals((await dispatching).outcome, "refused");
  // And the key that is kept ready is the right one.
  const again = await registry.dispatch(forged, ada.publicKey);
  assertEquals(again, { outcome: "refused", reason: "bad-signature" });
  assertEquals((await registry.dispatch(await sign(ada), ada.publicKey)).outcome, "inserted");
  assertEquals(fold.size, 1);
});

test("a key that could not be used does not stand in the way of the same one that can", async () => {
  const { registry } = registryOf();
  const bytes = await sign(ada);
  const numbers = [...ada.publicKey] as never;
  assertEquals((await registry.dispatch(bytes, numbers)).reason, "bad-key");
  assertEquals((await registry.dispatch(bytes, ada.publicKey)).outcome, "inserted");
});

test("a key that the platform could not use once is tried again", async () => {
  const { registry } = registryOf();
  const bytes = await sign(ada);
  const { subtle } = crypto;
  subtle.importKey = () => Promise.reject(new Error("out of memory"));
  try {
    assertEquals((await registry.dispatch(bytes, ada.publicKey)).reason, "bad-key");
  } finally {
    // What is there is the prototype's.
    delete (subtle as { importKey?: unknown }).importKey;
  }
  assertEquals((await registry.dispatch(bytes, ada.publicKey)).outcome, "inserted");
});

test("settled() waits for what has come from a node, so that it can be evicted for good", async () => {
  const { registry, fold } = registryOf();
  assertEquals(await registry.settled(ada.node), undefined);
  void registry.dispatch(await sign(ada), ada.publicKey);
  void registry.dispatch(await sign(ada, 2), ada.publicKey);
  await registry.settled(ada.node);
  assertEquals([fold.evictNode(ada.node), registry.stats().pending], [1, 0]);
  await settle();
  assertEquals(fold.size, 0);
});

test("settled() rejects with the reason of its signal, and leaves nothing behind", async () => {
  const key = Promise.withResolvers<Uint8Array>();
  const { registry } = registryOf({ publicKeyOf: () => key.promise });
  const answer = registry.dispatch(await sign(ada));
  const counted = countedSignal();
  const waiting = reasonOf(registry.settled(ada.node, { signal: counted.signal }));
  assertEquals(counted.listening, 1);
  counted.abort("enough");
  assertEquals([await waiting, counted.listening], ["enough", 0]);
  const aborted = countedSignal({ reason: "before" });
  assertEquals(
    [await reasonOf(registry.settled(ada.node, { signal: aborted.signal })), aborted.added],
    ["before", 0],
  );

  const other = countedSignal();
  const settled = registry.settled(ada.node, { signal: other.signal });
  key.resolve(ada.publicKey);
  await settled;
  assertEquals([(await answer).outcome, other.listening], ["inserted", 0]);
});
