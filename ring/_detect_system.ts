import type { System } from "./_system.ts";
import { bunSystem } from "./mapped_bun.ts";
import { denoSystem } from "./mapped_deno.ts";

/**
 * Finds out how this runtime maps files.
 *
 * @throws {Error} If it cannot.
 */
export function detectSystem(): System {
  const { Deno, Bun } = globalThis as { Deno?: unknown; Bun?: unknown };
  if (Bun !== undefined) return bunSystem();
  if (Deno !== undefined) return denoSystem();
  throw new Error("Cannot map a ring: mapped files need Deno or Bun");
}
