import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  bytesCodec,
  FrameTooLargeError,
  LatestMap,
  memoryStorage,
  Ring,
  type RingStorage,
  textCodec,
} from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import { contentOf, SPEC, textMap, textMaps } from "./_maps.ts";

test("LatestMap.get() finds what was set", () => {
  const { ring, map } = textMap();
  assertStrictEquals(map.ring, ring);
  assertEquals(map.get("key"), undefined);
  const version = map.set("key", "value");
  assertEquals(map.get("key"), "value");
  assertEquals(map.newest("key"), { value: "value", version, node: 0, expiresAt: undefined });
  assertEquals([map.has("key"), map.has("other"), map.newest("other")], [true, false, undefined]);
  assertEquals([map.keys(), map.entries(), map.size], [["key"], [["key", "value"]], 1]);
});

test("LatestMap keeps the newest value that was set", () => {
  for (const nodes of [1, 2]) {
    const { maps } = textMaps(nodes);
    const first = maps[0]!.set("key", "old");
    const second = maps[nodes - 1]!.set("key", "new");
    assert(second > first);
    for (const map of maps) {
      assertEquals(map.get("key"), "new");
      assertEquals(map.newest("key"), {
        value: "new",
        version: second,
        node: nodes - 1,
        expiresAt: undefined,
      });
    }
  }
});

test("LatestMap.delete() takes what was set before", () => {
  const { map } = textMap();
  const put = map.set("key", "value");
  assert(map.delete("key") > put);
  assertEquals([map.get("key"), map.has("key"), map.size, map.keys()], [undefined, false, 0, []]);
  map.delete("never set");
  assertEquals(map.size, 0);
  map.set("key", "again");
  assertEquals(map.get("key"), "again");
});

test("LatestMap.clear() takes all that was set before", () => {
  const { maps } = textMaps(2);
  maps[0]!.set("a", "1");
  maps[1]!.set("b", "2");
  const cleared = maps[0]!.clear();
  const after = maps[1]!.set("c", "3");
  assert(after > cleared);
  for (const map of maps) assertEquals(contentOf(map), ["c=3"]);
});

test("LatestMap keeps keys apart whatever they begin with, and maps whatever their keys", () => {
  const { map } = textMap();
  const keys = ["a", "a/b", "a/", "", "ab", "é", "e\u0301", "🐟", "\u0000", "__proto__", "a\u0000"];
  for (const key of keys.filter((key) => key !== "")) map.set(key, `of ${key}`);
  for (const key of keys) assertEquals(map.get(key), key === "" ? undefined : `of ${key}`);
  assertEquals(map.size, keys.length - 1);
  const { map: other } = textMap();
  assertEquals([other.get("a"), other.size], [undefined, 0]);
});

test("LatestMap.get() misses a value that has expired, and what was there before", () => {
  let now = 1_000;
  const { maps } = textMaps(2, {}, { now: () => now });
  maps[0]!.set("key", "for ever");
  maps[0]!.set("key", "for a while", { ttlMs: 10 });
  for (const map of maps) assertEquals(map.newest("key")?.expiresAt, 1_010);
  now = 1_009.5;
  for (const map of maps) assertEquals(map.get("key"), "for a while");
  now = 1_010;
  // A map that reads it only now has never held it.
  const late = new LatestMap(maps[0]!.ring, { codec: textCodec, now: () => now });
  for (const map of [...maps, late]) {
    assertEquals([map.get("key"), map.has("key"), map.newest("key")], [
      undefined,
      false,
      undefined,
    ]);
    assertEquals([map.size, map.keys(), map.entries(), map.expired], [0, [], [], 1]);
  }
  // A clock that goes back brings nothing back.
  now = 1_000;
  for (const map of [...maps, late]) assertEquals([map.get("key"), map.expired], [undefined, 1]);
  maps[1]!.set("key", "again", { ttlMs: 1 });
  for (const map of [...maps, late]) assertEquals(map.get("key"), "again");
  now = 1_001;
  for (const map of [...maps, late]) assertEquals([map.size, map.expired], [0, 2]);
});

test("LatestMap forgets expired values in any order of their ends", () => {
  let now = 0;
  const { map } = textMap({ capacity: 128 }, { now: () => now });
  for (let key = 0; key < 100; key++) map.set(`${key}`, "x", { ttlMs: 1 + ((key * 37) % 100) });
  map.set("50", "longer", { ttlMs: 1_000 });
  map.set("51", "for ever");
  map.delete("52");
  for (now = 0; now <= 100; now++) {
    const expected = Array.from({ length: 100 }, (_, key) => key)
      .filter((key) => key === 50 || key === 51 || (key !== 52 && 1 + ((key * 37) % 100) > now));
    assertEquals(map.keys().map(Number).sort((one, other) => one - other), expected);
    assertEquals(map.size, expected.length);
  }
  assertEquals(map.expired, 97);
});

test("LatestMap.set() takes a ttlMs from 1 on", () => {
  const { ring, map } = textMap();
  for (const ttlMs of [0, 0.99, -1, NaN, "1" as unknown as number]) {
    const { message } = assertThrows(() => map.set("key", "value", { ttlMs }), RangeError);
    assert(message.startsWith("Cannot set a key of LatestMap: ttlMs must be a number from 1"));
  }
  assertEquals([ring.head, ring.stats().lastVersion], [0, 0]);
  map.set("key", "value", { ttlMs: 1 });
  map.set("key", "value", { ttlMs: Infinity });
  map.set("key", "value", { ttlMs: undefined });
  assertEquals(map.newest("key")?.expiresAt, undefined);
});

test("LatestMap.set() takes what fits in a frame exactly, and not a byte more", () => {
  const { ring, map } = textMap({ payloadCapacity: 20 });
  map.set("key", "1234567");
  map.set("0123456789", "");
  assertEquals(contentOf(map), ["0123456789=", "key=1234567"]);
  const error = assertThrows(() => map.set("key", "12345678"), FrameTooLargeError);
  assertEquals([error.byteLength, error.payloadCapacity], [21, 20]);
  assertEquals(
    error.message,
    "Cannot set a key of LatestMap: a frame must have at most 20 bytes, " +
      "received 10 bytes of its own, a key of 3 and a value of 8",
  );
  map.delete("0".repeat(20));
  assertThrows(() => map.delete("0".repeat(21)), FrameTooLargeError, "a key of 21");
  assertEquals([ring.head, ring.stats().lastVersion], [3, 3]);
});

test("LatestMap.set() takes a key of 65535 bytes, and not a byte more", () => {
  const { ring, map } = textMap({ capacity: 2, payloadCapacity: 2 ** 17 });
  const longest = "k".repeat(65_535);
  map.set(longest, "value");
  assertEquals(new LatestMap(ring, { codec: textCodec }).get(longest), "value");
  assertThrows(() => map.set(longest + "k", "value"), FrameTooLargeError, "65536");
  assertEquals(ring.head, 1);
});

test("LatestMap refuses keys that are none, naming them", () => {
  const { ring, map } = textMap();
  for (const key of ["", "\ud83d", "a\udc1f", 1 as unknown as string]) {
    const shown = JSON.stringify(key);
    assertThrows(() => map.set(key, "value"), TypeError, `set a key of LatestMap: key must be`);
    assertThrows(() => map.set(key, "value"), TypeError, `received ${shown}`);
    assertThrows(() => map.delete(key), TypeError, "delete a key of LatestMap");
    assertEquals(map.get(key), undefined);
  }
  assertEquals(ring.head, 0);
});

test("LatestMap writes JSON by default, and empty values as well", () => {
  using ring = new Ring(memoryStorage(SPEC));
  const json = new LatestMap<{ a: unknown[] }>(ring);
  json.set("key", { a: [null, 1] });
  assertEquals(json.get("key"), { a: [null, 1] });
  assertStrictEquals(json.get("key"), json.get("key"));
  assertThrows(() => json.set("key", undefined as unknown as { a: unknown[] }), TypeError);
  assertEquals(ring.head, 1);
  const empty = new LatestMap(new Ring(memoryStorage(SPEC)), { codec: bytesCodec });
  empty.set("key", new Uint8Array(0));
  assertEquals([empty.get("key"), empty.has("key")], [new Uint8Array(0), true]);
});

test("LatestMap.get() gives what others would read, not the object that was set", () => {
  using ring = new Ring(memoryStorage(SPEC));
  const map = new LatestMap<{ at: Date | string }>(ring);
  const value = { at: new Date(0) };
  map.set("key", value);
  assertEquals(map.get("key"), { at: "1970-01-01T00:00:00.000Z" });
});

test("LatestMap of many nodes converges, in whatever lanes the changes are", () => {
  const { maps } = textMaps(4);
  for (let count = 0; count < 40; count++) {
    maps[count % 4]!.set(`key ${count % 7}`, `${count}`);
    if (count % 5 === 0) maps[(count + 1) % 4]!.delete(`key ${count % 3}`);
  }
  const expected = contentOf(maps[0]!);
  assert(expected.length > 3);
  for (const map of maps) assertEquals(contentOf(map), expected);
});

test("LatestMap misses a key whose newest value the codec refuses", () => {
  let isRefusing = true;
  const codec = {
    encode: textCodec.encode,
    decode(bytes: Uint8Array): string {
      const text = textCodec.decode(bytes);
      if (isRefusing && text === "bad") throw undefined;
      return text;
    },
  };
  const { maps } = textMaps(2, {}, { codec });
  maps[0]!.set("key", "good");
  maps[1]!.set("key", "bad");
  maps[1]!.set("other", "good");
  for (const map of maps) {
    assertEquals([contentOf(map), map.has("key"), map.undecodable], [["other=good"], false, 1]);
    assertEquals([map.get("key"), map.undecodable], [undefined, 1]);
  }
  isRefusing = false;
  maps[0]!.set("key", "bad");
  for (const map of maps) assertEquals(map.get("key"), "bad");
});

test("LatestMap may be read by its own codec", () => {
  const sizes: number[] = [];
  const readers: LatestMap<string>[] = [];
  const codec = {
    encode: textCodec.encode,
    decode(bytes: Uint8Array): string {
      sizes.push(...readers.map((map) => map.size));
      return textCodec.decode(bytes);
    },
  };
  const { maps } = textMaps(2, { capacity: 64 }, { codec });
  for (let key = 0; key < 40; key++) maps[0]!.set(`${key}`, "x");
  readers.push(maps[1]!);
  assertEquals([maps[1]!.size, maps[1]!.losses], [40, 0]);
  // It finds what was taken in before it was asked.
  assertEquals(sizes, Array.from({ length: 40 }, (_, key) => key));
});

test("LatestMap can be read where nobody may write", () => {
  const { storage, maps } = textMaps(1);
  maps[0]!.set("a", "1");
  const { buffer, geometry, lanes, bell } = storage;
  const readOnly: RingStorage = {
    buffer,
    geometry,
    lanes,
    bell,
    readOnly: true,
    closed: false,
    onClose: () => () => {},
    close() {},
    [Symbol.dispose]() {},
  };
  const map = new LatestMap(new Ring(readOnly), { codec: textCodec });
  assertEquals(map.get("a"), "1");
  assertThrows(() => map.set("a", "2"), TypeError, "can only be read");
  assertThrows(() => map.delete("a"), TypeError, "can only be read");
  assertThrows(() => map.clear(), TypeError, "can only be read");
  assertEquals([map.get("a"), maps[0]!.get("a")], ["1", "1"]);
});

test("LatestMap refuses what it cannot be made with, and a ring that is closed", () => {
  for (const maxKeys of [0, -1, 1.5, NaN, Infinity]) {
    const { message } = assertThrows(() => textMap({}, { maxKeys }), RangeError);
    assertEquals(
      message,
      `Cannot create LatestMap: maxKeys must be a positive integer, received ${maxKeys}`,
    );
  }
  assertThrows(
    () => textMap({ payloadCapacity: 10 }),
    RangeError,
    "at least 11 bytes, received 10",
  );
  const { ring, map } = textMap({ payloadCapacity: 11 });
  map.set("a", "");
  assertEquals(map.get("a"), "");
  ring.close();
  const uses: (() => unknown)[] = [
    () => map.get("a"),
    () => map.has("a"),
    () => map.newest("a"),
    () => map.size,
    () => map.keys(),
    () => map.entries(),
    () => map.set("a", ""),
    () => map.delete("a"),
    () => map.clear(),
    () => new LatestMap(ring),
  ];
  for (const use of uses) assertThrows(use, TypeError, "closed");
});
