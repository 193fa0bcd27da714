import { assert, assertEquals } from "@std/assert";
import { LatestMap, Ring, sharedStorage, textCodec } from "../../ring/mod.ts";
import { MARK } from "../../ring/layout.ts";
import { test } from "../_harness.ts";
import { contentOf, putBytes, SPEC, textMap, textMaps } from "./_maps.ts";
import { bytes, Memory } from "./_ring.ts";

test("LatestMap orders changes by version, whatever the order of arrival", () => {
  const { rings, maps: [map] } = textMaps(3);
  for (let count = 0; count < 9; count++) rings[0]!.nextVersion();
  const put = (node: number, version: number, value: string): void => {
    rings[node]!.publish(putBytes("key", value), { kind: 2, version });
  };
  put(2, 7, "seven");
  assertEquals(map!.newest("key"), { value: "seven", version: 7, node: 2, expiresAt: undefined });
  put(0, 5, "five");
  assertEquals(map!.get("key"), "seven");
  put(1, 8, "eight");
  put(0, 6, "six");
  assertEquals(map!.get("key"), "eight");
  // Equal ones by the node, then by the counter.
  put(2, 8, "eight of node 2");
  put(0, 8, "eight of node 0");
  assertEquals(map!.get("key"), "eight of node 2");
  put(2, 8, "the later eight of node 2");
  assertEquals(map!.get("key"), "the later eight of node 2");
  assertEquals(map!.losses, 0);
});

test("LatestMap lets no older value undo a delete, a clear or an end", () => {
  let now = 0;
  const { rings, maps } = textMaps(2, {}, { now: () => now });
  const map = maps[0]!;
  const put = (key: string, version: number): void => {
    rings[1]!.publish(putBytes(key, "late"), { kind: 2, version });
  };
  // Those that a slow writer has taken and not published yet.
  for (let count = 0; count < 3; count++) rings[1]!.nextVersion();
  map.delete("deleted");
  map.set("expired", "x", { ttlMs: 1 });
  map.clear();
  map.set("after", "x");
  assertEquals(map.size, 1);
  now = 1;
  put("deleted", 1);
  put("expired", 2);
  put("after", 3);
  put("cleared", 3);
  for (const one of [map, maps[1]!, new LatestMap(rings[1]!, { codec: textCodec })]) {
    assertEquals(contentOf(one), ["after=x"]);
    assertEquals([one.losses, one.undecodable], [0, 0]);
  }
});

test("LatestMap keeps what is newer than a clear that arrives later", () => {
  const { rings, maps: [map] } = textMaps(2);
  for (let count = 0; count < 3; count++) rings[0]!.nextVersion();
  rings[0]!.publish(putBytes("old", "1"), { kind: 2, version: 1 });
  rings[0]!.publish(putBytes("new", "3"), { kind: 2, version: 3 });
  assertEquals(contentOf(map!), ["new=3", "old=1"]);
  rings[1]!.publish(new Uint8Array(0), { kind: 4, version: 2 });
  assertEquals(contentOf(map!), ["new=3"]);
});

test("LatestMap takes the order of its only lane from the lane", () => {
  for (const topology of ["per-node", "shared"] as const) {
    const { ring, map } = textMap({ topology });
    for (let count = 0; count < 5; count++) ring.nextVersion();
    ring.publish(putBytes("key", "first"), { kind: 2, version: 5 });
    ring.publish(putBytes("key", "second"), { kind: 2, version: 4 });
    assertEquals(map.newest("key"), {
      value: "second",
      version: 2,
      node: 0,
      expiresAt: undefined,
    });
    assertEquals(map.set("key", "third"), 3);
    assertEquals(map.newest("key")?.version, 3);
  }
});

test("LatestMap holds at most maxKeys, the oldest out first", () => {
  const { maps } = textMaps(2, { capacity: 64 }, { maxKeys: 3 });
  const [one, other] = [maps[0]!, maps[1]!];
  for (const key of ["a", "b", "c"]) one.set(key, "1");
  assertEquals(contentOf(other), ["a=1", "b=1", "c=1"]);
  one.set("a", "2");
  assertEquals(contentOf(other), ["a=2", "b=1", "c=1"]);
  other.set("d", "1");
  for (const map of maps) {
    assertEquals(contentOf(map), ["a=2", "c=1", "d=1"]);
    assertEquals([map.size, map.evicted, map.losses], [3, 1, 0]);
  }
  // An old value of the key does not come back in its place.
  other.delete("d");
  for (const map of maps) assertEquals(contentOf(map), ["a=2", "c=1"]);
  other.set("e", "1");
  for (const map of maps) assertEquals([contentOf(map), map.evicted], [["a=2", "c=1", "e=1"], 1]);
  const late = new LatestMap(maps[0]!.ring, { codec: textCodec, maxKeys: 3 });
  assertEquals(late.get("e"), "1");
});

test("LatestMap lets no older value of a key come back that it has evicted", () => {
  const { rings, maps: [map] } = textMaps(2, {}, { maxKeys: 1 });
  for (let count = 0; count < 9; count++) rings[0]!.nextVersion();
  const put = (node: number, key: string, version: number): void => {
    rings[node]!.publish(putBytes(key, `${version}`), { kind: 2, version });
  };
  put(0, "a", 5);
  put(0, "b", 6);
  assertEquals(contentOf(map!), ["b=6"]);
  rings[0]!.publish(bytes(98), { kind: 3, version: 7 });
  put(1, "a", 4);
  assertEquals([contentOf(map!), map!.evicted], [[], 1]);
  put(1, "a", 8);
  assertEquals(contentOf(map!), ["a=8"]);
});

test("LatestMap remembers at most maxKeys deleted keys, and those that live stay", () => {
  const { rings, maps: [map] } = textMaps(2, { capacity: 64 }, { maxKeys: 2 });
  for (let count = 0; count < 4; count++) rings[0]!.nextVersion();
  const put = (key: string, version: number): void => {
    rings[1]!.publish(putBytes(key, `${version}`), { kind: 2, version });
  };
  rings[0]!.publish(putBytes("live", "1"), { kind: 2, version: 1 });
  assertEquals(contentOf(map!), ["live=1"]);
  for (const key of ["a", "b", "c", "d"]) map!.delete(key);
  assertEquals([contentOf(map!), map!.evicted], [["live=1"], 0]);
  // All are older than what was deleted. What of that is not remembered any more stands for every key that is not there.
  put("a", 2);
  put("d", 3);
  put("never there", 3);
  put("live", 4);
  assertEquals(contentOf(map!), ["live=4"]);
});

test("LatestMap sees its own changes at once, also behind a frame that was begun", () => {
  const storage = sharedStorage({ ...SPEC, nodes: 2, topology: "shared" });
  using ring = new Ring(storage, { node: 1 });
  const map = new LatestMap(ring, { codec: textCodec });
  const memory = new Memory(storage);
  ring.publish(putBytes("key", "other"), { kind: 2, version: 1 });
  memory.begin(0);
  map.set("key", "own");
  assertEquals(map.newest("key"), { value: "own", version: 2, node: 1, expiresAt: undefined });
  map.delete("gone");
  memory.commit(0);
  assertEquals([map.get("key"), map.size, map.losses], ["own", 1, 0]);
});

test("LatestMap counts frames that are none of a map, and reads the others", () => {
  const { rings, maps: [map] } = textMaps(2, {}, { now: () => 0 });
  map!.set("a", "1");
  for (let count = 0; count < 9; count++) rings[0]!.nextVersion();
  const frames: readonly (readonly [kind: number, payload: Uint8Array, version: number])[] = [
    [0, putBytes("a", "x"), 10],
    [1, putBytes("a", "x"), 10],
    [5, putBytes("a", "x"), 10],
    // With a version that nobody was given.
    [2, putBytes("a", "x"), 0],
    [2, putBytes("a", "x"), 11],
    [3, bytes(97), 2 ** 50],
    [4, bytes(), Number.MAX_SAFE_INTEGER],
  ];
  for (const [kind, payload, version] of frames) rings[1]!.publish(payload, { kind, version });
  assertEquals([contentOf(map!), map!.undecodable], [["a=1"], frames.length]);
});

test("LatestMap drops what a change of an unknown key may have changed", () => {
  const broken: readonly (readonly [kind: number, payload: Uint8Array])[] = [
    [2, bytes()],
    [2, putBytes("k", "").subarray(0, 10)],
    [2, putBytes("", "value")],
    [2, putBytes("key", "").subarray(0, 12)],
    [2, putBytes("key", "value", NaN)],
    [2, putBytes("key", "value", -1)],
    [2, putBytes("k", "value").with(10, 0xff)],
    [3, bytes()],
    [3, bytes(0xff)],
  ];
  for (const [kind, payload] of broken) {
    const { rings, maps: [map] } = textMaps(2);
    map!.set("a", "1");
    const version = rings[1]!.nextVersion();
    map!.set("b", "2");
    assertEquals(map!.size, 2);
    rings[1]!.publish(payload, { kind, version });
    assertEquals([contentOf(map!), map!.undecodable], [["b=2"], 1]);
  }
});

test("LatestMap serves nothing after a loss that the loss may have changed", () => {
  const { maps } = textMaps(2, { capacity: 4 });
  const [writer, reader] = [maps[0]!, maps[1]!];
  writer.set("a", "old");
  writer.set("b", "1");
  assertEquals(contentOf(reader), ["a=old", "b=1"]);
  // The newest value of "a" is overwritten, that of "b" is not.
  writer.set("a", "new");
  for (let count = 2; count <= 5; count++) writer.set("b", `${count}`);
  assertEquals([contentOf(reader), reader.losses], [["b=5"], 1]);
  assertEquals(reader.get("a"), undefined);
  // Whoever was there all the time knows it still.
  assertEquals([contentOf(writer), writer.losses], [["a=new", "b=5"], 0]);
  writer.set("a", "newest");
  assertEquals([reader.get("a"), reader.losses], ["newest", 1]);
});

test("LatestMap counts each frame that it loses", () => {
  const { maps } = textMaps(2, { capacity: 8 });
  const reader = maps[1]!;
  assertEquals(reader.size, 0);
  for (let count = 0; count < 9; count++) maps[0]!.delete(`${count}`);
  assertEquals([reader.size, reader.losses], [0, 1]);
  const late = new LatestMap(reader.ring, { codec: textCodec });
  assertEquals([late.size, late.losses], [0, 1]);
});

test("LatestMap serves no value of one lane that a lost frame of another may have deleted", () => {
  const { maps, rings } = textMaps(3, { capacity: 4 });
  const [quiet, busy] = [maps[0]!, maps[1]!];
  quiet.set("a", "old");
  busy.delete("a");
  for (let count = 0; count < 5; count++) busy.set("b", `${count}`);
  // The quiet lane still has its value, and the busy one has lost the delete.
  for (const map of [maps[2]!, new LatestMap(rings[2]!, { codec: textCodec })]) {
    assertEquals([contentOf(map), map.losses], [["b=4"], 2]);
    // What is newer than all that was lost is served, from whichever lane.
    quiet.set("c", "1");
    assertEquals(contentOf(map), ["b=4", "c=1"]);
    quiet.delete("c");
  }
});

test("LatestMap keeps what is newer than all that a lane has lost", () => {
  const { maps } = textMaps(3, { capacity: 4 });
  const [quiet, busy, reader] = [maps[0]!, maps[1]!, maps[2]!];
  for (let count = 0; count < 3; count++) busy.set("b", `${count}`);
  quiet.set("a", "1");
  assertEquals(reader.size, 2);
  // Five more, of which the last four are there: only one older than the last of "a" was lost, and one newer.
  for (let count = 3; count < 8; count++) busy.set("b", `${count}`);
  assertEquals([contentOf(reader), reader.losses], [["b=7"], 1]);
  quiet.set("a", "2");
  for (let count = 8; count < 12; count++) busy.set("b", `${count}`);
  assertEquals([contentOf(reader), reader.losses], [["a=2", "b=11"], 1]);
});

test("LatestMap drops all it has when the last frame of a lane is not whole", () => {
  for (const nodes of [1, 2]) {
    const { storage, rings, maps } = textMaps(nodes);
    const memory = new Memory(storage);
    const writer = maps[0]!;
    const reader = new LatestMap(rings[nodes - 1]!, { codec: textCodec });
    writer.set("a", "1");
    assertEquals(reader.size, 1);
    writer.set("b", "2");
    writer.set("a", "2");
    memory.words[memory.slotWord(2, MARK)] = 0;
    assertEquals([contentOf(reader), reader.losses], [[], 1]);
    writer.set("c", "3");
    assertEquals([contentOf(reader), reader.losses], [["c=3"], 1]);
  }
});

test("LatestMap takes no version of another program for that which a loss ended with", () => {
  const { storage, rings, maps } = textMaps(2, { capacity: 8 });
  const memory = new Memory(storage);
  const reader = maps[1]!;
  maps[0]!.set("a", "1");
  maps[0]!.set("b", "1");
  rings[0]!.publish(bytes(1), { kind: 1, version: 2 ** 50 });
  maps[0]!.set("c", "1");
  memory.words[memory.slotWord(1, MARK)] = 0;
  assertEquals([contentOf(reader), reader.losses, reader.undecodable], [["c=1"], 1, 1]);
  // As the last of what there is, it ends nothing.
  memory.words[memory.slotWord(4, MARK)] = 0;
  maps[0]!.set("d", "1");
  memory.words[memory.slotWord(4, MARK)] = 0;
  rings[0]!.publish(bytes(1), { kind: 1, version: 2 ** 50 });
  assertEquals([contentOf(reader), reader.losses, reader.undecodable], [[], 2, 2]);
  maps[0]!.set("e", "1");
  assertEquals(contentOf(reader), ["e=1"]);
});

test("LatestMap is not lapped by what it has written itself", () => {
  for (const topology of ["per-node", "shared"] as const) {
    const { ring, map } = textMap({ capacity: 4, topology });
    for (let key = 0; key < 100; key++) map.set(`${key}`, "x");
    map.delete("7");
    assertEquals([map.size, map.losses], [99, 0]);
    // What somebody else has written between is lost, and with it all that it may have changed.
    ring.publish(putBytes("0", "y"), { kind: 2, version: 1 });
    for (let key = 0; key < 10; key++) map.set(`${key}`, "z");
    const size = map.size;
    assert(size >= 4 && size <= 10, `${size}`);
    assertEquals(map.losses, 7);
  }
});

test("LatestMap is empty after a reset of the ring, by whomever", () => {
  for (const nodes of [1, 2]) {
    const { rings, maps } = textMaps(nodes, { capacity: 4 });
    for (const map of maps) {
      map.set("a", "1");
      map.set("b", "1");
    }
    for (const map of maps) assertEquals(map.size, 2);
    rings[nodes - 1]!.reset();
    for (const map of maps) assertEquals([contentOf(map), map.losses], [[], 0]);
    maps[0]!.set("a", "2");
    for (const map of maps) assertEquals([contentOf(map), map.losses], [["a=2"], 0]);
    // More than the ring has, and all of it unread.
    for (let count = 0; count < 9; count++) maps[0]!.set("b", `${count}`);
    rings[0]!.reset();
    maps[0]!.set("c", "3");
    for (const map of maps) assertEquals(contentOf(map), ["c=3"]);
  }
});

test("LatestMap forgets with a reset what it knew of its own changes", () => {
  const { rings, maps } = textMaps(2, { capacity: 4 });
  const own = maps[0]!;
  own.set("x", "1");
  rings[1]!.reset();
  maps[1]!.set("a", "old");
  own.delete("a");
  for (let count = 0; count < 6; count++) own.set("b", `${count}`);
  // The delete came after the reset, and was overwritten before this map looked.
  assertEquals(contentOf(own), ["b=5"]);
});

test("LatestMap of a ring that began elsewhere counts nothing that never was", () => {
  const { map } = textMap({ capacity: 4, firstCounter: 1_000 });
  assertEquals([map.size, map.losses], [0, 0]);
  map.set("a", "1");
  assertEquals([map.get("a"), map.losses], ["1", 0]);
});

test("LatestMap reads every lane though one has more than a look takes", () => {
  const { maps } = textMaps(5, { capacity: 4 });
  const reader = maps[4]!;
  assertEquals(reader.size, 0);
  for (const [node, map] of maps.entries()) {
    for (let count = 0; count < 4; count++) map.set(`of ${node}`, `${count}`);
  }
  assertEquals(contentOf(reader), ["of 0=3", "of 1=3", "of 2=3", "of 3=3", "of 4=3"]);
  assertEquals(reader.losses, 0);
});
