import { assertEquals, assertMatch } from "@std/assert";
import process from "node:process";
import { test } from "./_harness.ts";

/** The runtime that executes this, by the global that it alone has. */
const actual = ["deno", "bun"].filter((name) =>
  `${name[0]!.toUpperCase()}${name.slice(1)}` in globalThis
);

test("The runtime that executes this is Deno or Bun, whatever way it is asked", () => {
  assertEquals(actual.length, 1);
  const [name] = actual;
  assertMatch(navigator.userAgent.toLowerCase(), new RegExp(`^${name}/`));
  const versions = ["deno", "bun"].filter((other) => process.versions[other] !== undefined);
  assertEquals(versions, actual);
});

// tools/test.ts says which runner it means to start. Without it there is nothing that could be wrong.
const claimed = process.env["WEIR_RUNNER"];
if (claimed !== undefined) {
  test("The runtime that executes this is the one that tools/test.ts says", () => {
    assertEquals(actual, [claimed]);
  });
}
