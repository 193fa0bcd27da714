import { deepStrictEqual as assertEquals } from "node:assert/strict";
import type { HostState } from "../../tests/tap/_host_app.ts";
import type { Site } from "./site.ts";

/** What is said of a situation beside its figures. */
export interface Finding {
  /** After how long the place of a session was free again, in milliseconds, since its reader had become bad. */
  readonly freedMs?: number;
  /** What is to be known beside that. */
  readonly note?: string;
}

/** Somebody who reads, or does not. */
export interface Situation {
  readonly name: string;
  /** How many sessions may be open. */
  readonly maxSessions: number;
  /** Brings it about, has it measured by `measure`, and checks what came of it. */
  run(site: Site, measure: () => Promise<void>): Promise<Finding>;
}

/** For longer than anything here takes. */
const LONG = "duration=60s";

export const situations: readonly Situation[] = [
  {
    name: "nobody reads",
    maxSessions: 2,
    async run(_site, measure) {
      await measure();
      return {};
    },
  },
  {
    name: "two fast readers",
    maxSessions: 2,
    async run(site, measure) {
      await using first = await site.reader("fast", LONG);
      await using second = await site.reader("fast", LONG);
      await measure();
      await site.endSessions();
      for (const reader of [first, second]) await site.checkReading(reader, "killed");
      return {};
    },
  },
  {
    name: "where rejects all",
    maxSessions: 1,
    async run(site, measure) {
      await using reader = await site.reader("fast", `${LONG}&where=status%20%3D%3D%20999`);
      await measure();
      await site.endSessions();
      const { events } = await site.checkReading(reader, "killed");
      assertEquals(events, 0);
      const [session] = (await site.state()).ended;
      assertEquals([session!.matched, session!.seen], [0, session!.offered]);
      return {};
    },
  },
  {
    name: "1,000 refused",
    maxSessions: 2,
    async run(site, measure) {
      await using first = await site.reader("stalled", LONG);
      await using second = await site.reader("stalled", LONG);
      void [first, second];
      await using crowd = site.crowd();
      const [statuses] = await Promise.all([crowd.line(), measure()]);
      assertEquals(JSON.parse(statuses), { 409: 1_000 });
      const { tap, refused } = await site.state();
      assertEquals([tap.opened, tap.refused, refused], [2, 1_000, { full: 1_000 }]);
      return { note: "all of them by 409" };
    },
  },
  {
    name: "reader stalled",
    maxSessions: 1,
    async run(site, measure) {
      await using reader = await site.reader("stalled", LONG);
      const freed = site.freed();
      await measure();
      const freedMs = await freed;
      await reader.say("hurry");
      await site.checkReading(reader, "slow_reader");
      return { freedMs, note: "slow_reader" };
    },
  },
  {
    name: "reader slow",
    maxSessions: 1,
    async run(site, measure) {
      await using reader = await site.reader("slow", LONG);
      const freed = site.freed();
      await measure();
      const freedMs = await freed;
      await reader.say("hurry");
      await site.checkReading(reader, "slow_reader");
      return { freedMs, note: "slow_reader" };
    },
  },
  {
    name: "reader killed",
    maxSessions: 1,
    async run(site, measure) {
      await using reader = await site.reader("fast", LONG);
      await site.untilRead();
      reader.signal("SIGKILL");
      const freed = site.freed();
      await measure();
      const freedMs = await freed;
      assertEquals(reasons(await site.state()), ["client"]);
      return { freedMs, note: "client" };
    },
  },
  {
    name: "reader stopped",
    maxSessions: 1,
    async run(site, measure) {
      await using reader = await site.reader("fast", LONG);
      await site.untilRead();
      reader.signal("SIGSTOP");
      const freed = site.freed();
      await measure();
      const freedMs = await freed;
      assertEquals(reasons(await site.state()), ["slow_reader"]);
      return { freedMs, note: "slow_reader" };
    },
  },
];

/** Why the sessions ended, without those that only looked whether there is a place. */
function reasons({ ended }: HostState): (string | null)[] {
  return ended.map(({ reason }) => reason).filter((reason) => reason !== "limit");
}
