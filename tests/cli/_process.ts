import process from "node:process";
import { Child } from "../_child.ts";
import { type Runtime, thisRuntime } from "../_runtimes.ts";
import { until } from "../tap/_wait.ts";

/** The `weir` command. */
export const command: URL = new URL("../../cli/mod.ts", import.meta.url);

/** The runtime of this test; if it is Deno, with these permissions. */
export function runtimeWith(...flags: readonly string[]): Runtime {
  if (thisRuntime.name !== "Deno") return thisRuntime;
  return { name: "Deno", command: [process.execPath, "run", "--no-prompt", ...flags] };
}

/** The `weir` command as a process of its own, under the runtime of this test. Leaving its scope ends it. */
export class Weir extends Child {
  /** Starts it with these arguments. */
  constructor(...args: readonly string[]) {
    super(runtimeWith("--allow-net", "--allow-read", "--allow-ffi"), command, ...args);
  }

  /** The address that `weir serve` says it serves at. */
  async url(): Promise<string> {
    const pattern = /serving .* at (http:\/\/\S+)\n/;
    await until("weir serve listens", () => pattern.test(this.errors) || this.hasEnded);
    const url = pattern.exec(this.errors)?.[1];
    if (url === undefined) throw new Error(`weir did not serve: ${this.errors}`);
    return url;
  }
}
