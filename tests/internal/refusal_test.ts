import { assertEquals, assertThrows } from "@std/assert";
import { checkInteger, refusal } from "../../internal/mod.ts";
import { test } from "../_harness.ts";

class Made {}

const SHOWN: [unknown, string][] = [
  ["text", '"text"'],
  ['a "quoted"\nline', '"a \\"quoted\\"\\nline"'],
  ["", '""'],
  [1.5, "1.5"],
  [-0, "0"],
  [NaN, "NaN"],
  [7n, "7n"],
  [true, "true"],
  [undefined, "undefined"],
  [null, "null"],
  [Symbol("name"), "Symbol(name)"],
  [function named() {}, "function named"],
  [{ a: 1 }, "object Object"],
  [[1, 2], "object Array"],
  [new Date(0), "object Date"],
  [new Map(), "object Map"],
  [new Made(), "object Object"],
  [Object.create(null), "object Object"],
];

test("refusal() says what could not be done, what is required, and what came instead", () => {
  for (const [received, shown] of SHOWN) {
    assertEquals(
      refusal("do it", "it must be right", received),
      `Cannot do it: it must be right, received ${shown}`,
    );
  }
});

test("checkInteger() lets integers of the range through, and names it where it refuses", () => {
  for (const value of [1, 2, 10]) checkInteger("do it", "count", value, 1, 10);
  checkInteger("do it", "count", Number.MAX_SAFE_INTEGER, 0);
  for (const value of [0, 11, 1.5, NaN, Infinity, -Infinity, "2", null, undefined, 2n, [2]]) {
    assertThrows(
      () => checkInteger("do it", "count", value as never, 1, 10),
      RangeError,
      "Cannot do it: count must be an integer from 1 to 10, received ",
    );
  }
  for (const value of [-1, 2 ** 53]) {
    assertThrows(
      () => checkInteger("do it", "count", value, 0),
      RangeError,
      "Cannot do it: count must be an integer of at least 0, received ",
    );
  }
});
