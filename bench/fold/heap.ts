/**
 * How much memory a process has in use.
 *
 * @module
 */
import process from "node:process";
import { runtime } from "../runtimes.ts";

/** Bytes. */
export interface Memory {
  /** In use by objects and by arrays of numbers, after all garbage was collected. */
  readonly used: number;
  /** What the process has got from the system, in use or not. */
  readonly resident: number;
}

/** Collects all garbage and answers what is left. */
export function memoryInUse(): Memory {
  collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  // In Bun, what is outside the heap is counted in both numbers.
  return { used: runtime === "bun" ? heapUsed : heapUsed + external, resident: rss };
}

function collectGarbage(): void {
  const { Bun: bun, gc } = globalThis as {
    Bun?: { gc(isSynchronous: boolean): void };
    gc?: () => void;
  };
  if (bun !== undefined) return bun.gc(true);
  if (gc === undefined) throw new Error("Cannot collect garbage: start Deno with --expose-gc");
  // What was freed outside the heap is counted at the second one.
  gc();
  gc();
}
