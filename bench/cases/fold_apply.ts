/**
 * Everybody says again that he is there: what a refresh costs, of which there are more than of anything else.
 *
 * @module
 */
import { type Answer, type Case, type Contestant, prepared } from "../case.ts";
import { type Announcement, Source } from "../fold/announcements.ts";
import {
  fold,
  type Holder,
  type Keeping,
  lruCacheAutopurge,
  lruCacheTtl,
  mapOfRows,
  ttlCache,
} from "../fold/holders.ts";

const items = 100_000;
const samples = 64;

/** How many there are, and of how many that were looked at the new payload is held. */
function answerOf(holder: Holder, announcements: readonly Announcement[]): Answer {
  let newest = 0;
  for (let at = 0; at < samples; at++) {
    const { payload } = announcements[Math.floor(at * items / samples)]!;
    if (holder.get(payload.id) === payload) newest++;
  }
  return { size: holder.size(), newest };
}

function refresh({ name, make }: Keeping): Contestant {
  return {
    name,
    async load() {
      const holder = await make(items);
      const source = new Source(items);
      let generation = 1;
      for (const announcement of source.announce({ generation })) holder.put(announcement);
      return prepared(
        () => source.announce({ generation: ++generation }),
        (announcements) => {
          const { put } = holder;
          for (let at = 0; at < announcements.length; at++) put(announcements[at]!);
          return answerOf(holder, announcements);
        },
      );
    },
  };
}

/** One question. A Map with a timer for each key is in `fold/life-100k`. */
export const cases: readonly Case[] = [
  {
    id: "fold/apply",
    title: "100,000 entries are announced again, by texts that are new each time; per announcement",
    items,
    answer: { size: items, newest: samples },
    references: [{ peer: lruCacheTtl.name, limit: 0.5 }, { peer: lruCacheAutopurge.name }],
    contestants: [fold, lruCacheTtl, lruCacheAutopurge, ttlCache, mapOfRows].map(refresh),
  },
];
