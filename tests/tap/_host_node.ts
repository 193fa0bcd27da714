import { type Register, test } from "../_harness.ts";
import { nodePath } from "./_host_bundle.ts";

/** Registers a test that needs Node. Where there is none, the test is left out, and its name says why. */
export const nodeTest: Register = nodePath !== undefined ? test : (name, body) => {
  // As Deno calls it, and as Bun does.
  const { ignore, skip } = test as Register & { ignore?: Register; skip?: Register };
  (ignore ?? skip)!(`${name} (left out: there is no Node 20 or later here, see WEIR_NODE)`, body);
};
