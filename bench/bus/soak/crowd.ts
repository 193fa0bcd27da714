/**
 * Who comes, reads and goes.
 *
 * @module
 */
import { addBrowser } from "./browsers.ts";
import { addForgotten } from "./forgotten.ts";
import { addListener, addNext } from "./listeners.ts";
import { addPolled } from "./polled.ts";
import { addBatches, addLoop, addStream } from "./readers.ts";
import { type Member, members, random } from "./world.ts";

const crowd = 100;
const makers: readonly (readonly [share: number, name: string, add: () => void])[] = [
  [20, "listeners", addListener],
  [10, "next", addNext],
  [25, "polled", addPolled],
  [15, "loops", addLoop],
  [10, "batches", addBatches],
  [6, "streams", addStream],
  [10, "browsers", addBrowser],
  [2, "forgotten", addForgotten],
];
const shares = makers.reduce((sum, [share]) => sum + share, 0);

/** How many came, by what they are. */
export const kinds: Map<string, number> = new Map();
/** How many came. */
export let came = 0;

function addMember(): void {
  let at = random.below(shares);
  for (const [share, name, add] of makers) {
    at -= share;
    if (at >= 0) continue;
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
    came++;
    return add();
  }
}

/** Lets others come until there are enough. */
export function gather(): void {
  while (members.size < crowd) addMember();
}

/** Lets somebody go. */
export async function end(member: Member): Promise<void> {
  members.delete(member);
  await member.end?.();
}

/** Lets members read, and some of them go and others come. */
export async function change(): Promise<void> {
  const all = [...members];
  for (const member of all) member.step?.();
  for (const member of all) if (member.isOver()) await end(member);
  for (let count = random.below(5); count > 0; count--) {
    const member = random.of(all);
    if (members.has(member) && member.end !== undefined) await end(member);
  }
  gather();
}
