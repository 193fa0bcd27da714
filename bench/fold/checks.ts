/**
 * Says so when a contestant does not hold what it should.
 *
 * @module
 */
import { WrongAnswerError } from "../case.ts";
import type { Announcement } from "./announcements.ts";
import type { Holder } from "./holders.ts";

/** How many of the entries are looked at. */
const samples = 64;

/** Throws unless there are so many entries, among them these with these very payloads. */
export function checkHeld(
  holder: Holder,
  size: number,
  announcements: readonly Announcement[],
): void {
  checkSize(holder, size);
  for (const { payload } of some(announcements)) {
    if (holder.get(payload.id) !== payload || !holder.has(payload.id)) {
      throw new WrongAnswerError(`it holds another payload of ${payload.id} than was put`);
    }
  }
}

/** Throws unless there are so many entries, and none with these ids. */
export function checkGone(holder: Holder, size: number, ids: readonly string[]): void {
  checkSize(holder, size);
  for (const id of some(ids)) {
    if (holder.get(id) !== undefined || holder.has(id)) {
      throw new WrongAnswerError(`it holds ${id}, which was removed`);
    }
  }
}

function checkSize(holder: Holder, size: number): void {
  if (holder.size() !== size) {
    throw new WrongAnswerError(`it holds ${holder.size()} entries instead of ${size}`);
  }
}

function some<T>(all: readonly T[]): T[] {
  return all.filter((_, at) => at % Math.ceil(all.length / samples) === 0);
}
