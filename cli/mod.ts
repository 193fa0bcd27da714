/**
 * The `weir` command: `weir serve` serves live lines of an input to taps, `weir tap` watches a server, `weir ring` looks at a ring in a file.
 *
 * Run it with `deno run --allow-net --allow-read jsr:@weir/weir/cli --help`, or `bun cli/mod.ts --help` in a checkout; under Deno,
 * `weir ring` needs `--allow-ffi` as well. As a module it offers the same as functions, for programs that bring their own input:
 * {@linkcode serve}, and {@linkcode main} over a {@linkcode Host}.
 *
 * ```ts
 * import { denoHost, main } from "@weir/weir/cli";
 * import { assertEquals } from "@std/assert";
 *
 * const errors: string[] = [];
 * const host = { ...denoHost(), args: ["tap", "--stgae", "raw"], log: (line: string) => errors.push(line) };
 * assertEquals(await main(host), 2);
 * assertEquals(errors, ['weir: unknown flag "--stgae" (see weir --help)']);
 * ```
 *
 * @module cli
 */
import { detectHost } from "./detect_host.ts";
import { main } from "./main.ts";

export type { Host, HostFile, HostOutput, HostServeOptions, HostServer, HostStat } from "./host.ts";
export { detectHost } from "./detect_host.ts";
export { bunHost } from "./host_bun.ts";
export { denoHost } from "./host_deno.ts";
export { main } from "./main.ts";
export { serve, type ServeCounts, type ServeOptions } from "./serve.ts";

if (import.meta.main) {
  const host = detectHost();
  main(host).then((code) => host.exit(code));
}
