import { assertEquals } from "@std/assert";
import type { Tap, TapEvent, TapSession, TapSessionStats, TapStats } from "../../tap/mod.ts";

/** What a session has captured and nobody has read; never waits. */
export async function eventsOf(session: TapSession): Promise<TapEvent[]> {
  const events: TapEvent[] = [];
  while (session.size > 0) events.push(...await session.receiveBatch(10_000));
  return events;
}

/** The lines of what a session has captured and nobody has read; never waits. */
export async function linesOf(session: TapSession): Promise<string[]> {
  return (await eventsOf(session)).map(({ line }) => line);
}

/** The same, read as JSON. */
export async function valuesOf(session: TapSession): Promise<unknown[]> {
  return (await linesOf(session)).map((line) => JSON.parse(line));
}

/** What a session has lost and what it has not, and what is still in it. */
export function countsOf(
  { captured, dropped, size }: TapSession,
): { captured: number; dropped: number; size: number } {
  return { captured, dropped, size };
}

export const NO_SESSION_STATS: TapSessionStats = {
  seen: 0,
  matched: 0,
  sampledOut: 0,
  rateLimited: 0,
  dropped: 0,
  unshown: 0,
  counted: 0,
  captured: 0,
  held: 0,
  size: 0,
  undelivered: 0,
  truncated: 0,
};

/** Compares all that a session counts; what is not named is to be 0. */
export function assertStats(session: TapSession, stats: Partial<TapSessionStats>): void {
  assertEquals(session.stats(), { ...NO_SESSION_STATS, ...stats });
}

/** The counts of events and sessions. */
export function countsIn(
  stats: TapStats,
): Omit<TapStats, "ending" | "refusedBy" | "streamed" | "bytes" | "sessionMs"> {
  const {
    ending: _ending,
    refusedBy: _refusedBy,
    streamed: _streamed,
    bytes: _bytes,
    sessionMs: _ms,
    ...counts
  } = stats;
  return counts;
}

export const NO_STATS: ReturnType<typeof countsIn> = {
  active: 0,
  opened: 0,
  refused: 0,
  captured: 0,
  dropped: 0,
  unwritable: 0,
  misdirected: 0,
};

/**
 * Checks that whatever was offered went to one place and one only, in each session and in all of them together.
 *
 * @param read How many events were read of a session.
 */
export function assertBalanced(
  tap: Tap<string>,
  sessions: Iterable<TapSession>,
  read: (session: TapSession) => number,
  when: string,
): void {
  let captured = 0;
  let dropped = 0;
  for (const session of sessions) {
    const stats = session.stats();
    const place = `${when}, session ${session.id}`;
    const taken = session.query.countBy === undefined ? stats.captured : stats.counted;
    assertEquals(
      stats.seen - (stats.seen - stats.matched) - stats.sampledOut - stats.rateLimited,
      stats.dropped + taken + stats.held,
      place,
    );
    assertEquals(stats.captured, read(session) + stats.undelivered + stats.size, place);
    assertEquals([session.captured, session.dropped], [stats.captured, stats.dropped], place);
    captured += stats.captured;
    dropped += stats.dropped;
  }
  const stats = tap.stats();
  assertEquals([stats.captured, stats.dropped], [captured, dropped], when);
}
