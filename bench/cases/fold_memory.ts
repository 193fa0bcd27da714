/**
 * How much memory a million entries take beside their keys and payloads, which are the same objects for all who hold them.
 *
 * @module
 */
import type { FigureCase, FigureContestant } from "../case.ts";
import { type Announcement, nodeOf, nodesFor, Source } from "../fold/announcements.ts";
import { checkGone, checkHeld } from "../fold/checks.ts";
import { memoryInUse } from "../fold/heap.ts";
import {
  fold,
  indexedFold,
  type Keeping,
  lruCacheTtl,
  mapOfRows,
  mapOfTimers,
  ttlCache,
} from "../fold/holders.ts";

const million = 1_000_000;
/** Of what would take too long with a million. Its time and memory grow by the same for each. */
const some = 100_000;

const used = "B each";
const resident = "B resident";
const gone = "B when gone";

/** In a function of its own, since what they are made of may be kept until it ends. */
function announceAll(count: number): Announcement[] {
  return new Source(count).announce({ generation: 1 });
}

function weighs({ name, make }: Keeping, count: number = million): FigureContestant {
  return {
    name: count === million ? name : `${name}, only 100k`,
    async measure() {
      const announcements = announceAll(count);
      const before = memoryInUse();
      const holder = await make(count);
      for (let at = 0; at < announcements.length; at++) holder.put(announcements[at]!);
      const after = memoryInUse();
      checkHeld(holder, count, announcements);
      const figures: Record<string, number> = {
        [used]: (after.used - before.used) / count,
        [resident]: (after.resident - before.resident) / count,
      };
      // Others remember nothing of what is gone.
      if (name === fold.name) {
        for (let node = 0; node < nodesFor(count); node++) {
          holder.removeNode(nodeOf(node, count), []);
        }
        figures[gone] = (memoryInUse().used - before.used) / count;
        checkGone(holder, 0, announcements.map(({ payload }) => payload.id));
      }
      return figures;
    },
  };
}

/** One question. */
export const cases: readonly FigureCase[] = [
  {
    id: "fold/memory",
    title: "what 1,000,000 entries take beside keys and payloads, and what is remembered of them",
    figures: [used, resident, gone].map((name) => ({ name, digits: 0 })),
    contestants: [
      weighs(fold),
      weighs(lruCacheTtl),
      weighs(ttlCache),
      weighs(mapOfRows),
      weighs(fold, some),
      weighs(indexedFold, some),
      weighs(mapOfTimers, some),
    ],
  },
];
