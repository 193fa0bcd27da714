import type { Host } from "./host.ts";
import { bunHost } from "./host_bun.ts";
import { denoHost } from "./host_deno.ts";

/**
 * Finds out which runtime this is.
 *
 * @returns The host of it.
 * @throws {Error} If it is neither Deno nor Bun.
 *
 * @example Reading the arguments anywhere
 * ```ts
 * import { detectHost } from "@weir/weir/cli";
 * import { assert } from "@std/assert";
 *
 * assert(Array.isArray(detectHost().args));
 * ```
 */
export function detectHost(): Host {
  if ("Deno" in globalThis) return denoHost();
  if ("Bun" in globalThis) return bunHost();
  throw new Error("Cannot run weir: the runtime must be Deno or Bun");
}
