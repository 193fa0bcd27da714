import { asking } from "../../tap/_path.ts";

/** Begins a question; what is asked within it counts as work of the same. */
export function beginWork(): void {
  if (asking.nesting++ === 0) asking.work = 0;
}

/** Ends a question; answers how much work it was so far. */
export function endWork(): number {
  asking.nesting--;
  return asking.work;
}
