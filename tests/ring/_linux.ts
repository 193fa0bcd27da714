import { assertThrows } from "@std/assert";
import process from "node:process";
import { mappedObserver } from "../../ring/mapped.ts";
import { type Register, test } from "../_harness.ts";

/** Registers a test of mapped files. Where there are none, it tests that their want is said. */
export const linuxTest: Register = process.platform === "linux"
  ? test
  : (name) =>
    test(name, () => void assertThrows(() => mappedObserver("ring"), Error, "need Linux"));
