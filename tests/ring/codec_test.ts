import { assertEquals, assertNotStrictEquals, assertThrows } from "@std/assert";
import {
  bytesCodec,
  type Codec,
  EventRing,
  jsonCodec,
  memoryStorage,
  Ring,
  textCodec,
} from "../../ring/mod.ts";
import { test } from "../_harness.ts";

/** No UTF-8, and so neither text nor JSON. */
const NO_UTF_8 = new Uint8Array([0x7b, 0xff, 0x7d]);

test("jsonCodec reads what it has written", () => {
  const values: unknown[] = [
    null,
    true,
    0,
    -1.5e300,
    "",
    "\ufeffä\u0000🐟",
    [],
    [1, [null]],
    { a: { b: [] } },
  ];
  for (const value of values) assertEquals(jsonCodec.decode(jsonCodec.encode(value)), value);
});

test("jsonCodec writes JSON in UTF-8", () => {
  assertEquals([...jsonCodec.encode({ a: "é" })], [...new TextEncoder().encode('{"a":"é"}')]);
});

test("jsonCodec refuses what JSON cannot say, naming it", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  const { message } = assertThrows(() => jsonCodec.encode(undefined), TypeError);
  assertEquals(
    message,
    "Cannot encode a value: it must be one that JSON can say, received undefined",
  );
  assertThrows(() => jsonCodec.encode(function fish() {}), TypeError, "received function fish");
  assertThrows(() => jsonCodec.encode(Symbol("fish")), TypeError, "Symbol(fish)");
  assertThrows(() => jsonCodec.encode({ toJSON: () => undefined }), TypeError, "object Object");
  assertThrows(() => jsonCodec.encode(1n), TypeError);
  assertThrows(() => jsonCodec.encode(circle), TypeError);
});

test("jsonCodec throws at bytes that are not JSON", () => {
  for (const text of ["", "{", "undefined", "1 2", "\ufeff1"]) {
    assertThrows(() => jsonCodec.decode(new TextEncoder().encode(text)), SyntaxError);
  }
  assertThrows(() => jsonCodec.decode(NO_UTF_8), TypeError);
});

test("bytesCodec hands bytes on as they are, and reads a copy", () => {
  const value = new Uint8Array([1, 2, 3]);
  assertEquals(bytesCodec.encode(value), value);
  const memory = new Uint8Array([0, 1, 2, 3, 0]);
  const read = bytesCodec.decode(memory.subarray(1, 4));
  assertEquals([...read], [1, 2, 3]);
  assertEquals([read.byteOffset, read.buffer.byteLength], [0, 3]);
  memory.fill(9);
  assertEquals([...read], [1, 2, 3]);
  assertNotStrictEquals(read.buffer, memory.buffer);
});

test("bytesCodec reads an array of bytes where it was given a subclass of one", () => {
  class Special extends Uint8Array {}
  const read = bytesCodec.decode(Special.from([1]));
  assertEquals(Object.getPrototypeOf(read), Uint8Array.prototype);
});

test("bytesCodec refuses what are not bytes", () => {
  for (const value of ["text", [1], new Uint16Array(1), new ArrayBuffer(1), null]) {
    assertThrows(() => bytesCodec.encode(value as unknown as Uint8Array), TypeError, "Uint8Array");
  }
});

test("textCodec reads what it has written", () => {
  for (const value of ["", "fish", "\ufeffä\u0000🐟"]) {
    assertEquals(textCodec.decode(textCodec.encode(value)), value);
  }
  assertEquals(textCodec.decode(textCodec.encode("a\ud83d")), "a\ufffd");
});

test("textCodec refuses what is no string, and throws at bytes that are no text", () => {
  assertThrows(() => textCodec.encode(1 as unknown as string), TypeError, "received 1");
  assertThrows(() => textCodec.decode(NO_UTF_8), TypeError);
});

test("A codec that answers no bytes is refused before anything is published", () => {
  const codec = { encode: () => "text", decode: () => "" } as unknown as Codec<string>;
  using ring = new Ring(memoryStorage({ capacity: 2, payloadCapacity: 16 }));
  const events = new EventRing(ring, { codec });
  assertThrows(() => events.publish("a", "b"), TypeError, 'Uint8Array, received "text"');
  assertEquals(ring.head, 0);
});
