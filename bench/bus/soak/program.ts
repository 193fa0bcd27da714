/**
 * One soak, on either runtime: `soak/program.ts MINUTES SEED`. Started by `bench/soak.ts`, with a garbage collector that can be called.
 *
 * About two and a half million events a minute go to a hundred subscribers, each of which lives for a moment: functions; readers that keep
 * up, that are slow, or that do not read at all, under each policy; loops, batches and streams; those who wait for one event; event
 * streams with a reader that comes back; those who begin with what was before; and subscriptions that are forgotten. Some of their code
 * throws. The bus fills in users, keeps a history, and is published to from a handler.
 *
 * What each of them should get is counted in this folder, event by event, by functions that know nothing of the bus. Each subscriber is
 * held to `received = wanted while it was subscribed - lagged`, and those that read in turn with the publisher to the very events that
 * they get.
 *
 * @module
 */
import process from "node:process";
import { came, change, end, gather, kinds } from "./crowd.ts";
import { findForgotten, forgotten, reaped } from "./forgotten.ts";
import { audit } from "./listeners.ts";
import {
  bindCapacity,
  binding,
  bus,
  expect,
  members,
  problemCount,
  problems,
  publish,
  random,
  reported,
  running,
  sessions,
  sleep,
  taught,
  totals,
} from "./world.ts";

const eventsPerMinute = 2_500_000;
const leastPerMinute = 1_000_000;
/** How much larger the heap may be in the last quarter than in the first. */
const marginBytes = 4 * 2 ** 20;
const reportMs = 15_000;
const minutes = Number(process.argv[2]);

function collect(): void {
  const { Bun, gc } = globalThis as {
    Bun?: { gc(isForced: boolean): void };
    gc?: () => void;
  };
  if (Bun !== undefined) Bun.gc(true);
  else gc!();
}

/** The heap after a forced collection; twice, since what has a finalizer goes in the second. */
async function heapBytes(): Promise<number> {
  for (let count = 0; count < 2; count++) {
    collect();
    await sleep(0);
  }
  findForgotten();
  return process.memoryUsage().heapUsed;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function middleOf(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1]!;
}

function line(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Publishes as many events as are due, but never so many that nobody else has a turn. */
function publishDue(elapsed: number): void {
  const due = Math.floor(elapsed / 60_000 * eventsPerMinute) - totals.published;
  for (let count = Math.min(due, 2_000); count > 0; count--) {
    const type = random.below(100) === 0 ? "login" : random.of(["click", "order", "view", "error"]);
    publish(type, random.below(500) === 0);
  }
}

/** Says how it is going. */
function report(elapsed: number, heap: number): void {
  const seconds = (elapsed / 1000).toFixed(0).padStart(4);
  const rss = mebibytes(process.memoryUsage().rss);
  line(
    `${seconds} s  ${totals.published} events  ${came} subscribers came  ` +
      `heap ${mebibytes(heap)}  rss ${rss}  ${problemCount} problems`,
  );
}

/** Ends everything, and checks the counts of the bus. */
async function finish(): Promise<void> {
  for (const member of [...members]) await end(member);
  findForgotten();
  line(`forgotten: ${reaped} found out, ${forgotten.size} not yet`);
  bus.close();
  for (const found of forgotten.values()) found(false);
  forgotten.clear();
  while (running.size > 0) await Promise.race(running);
  await sleep(10);
  const stats = bus.stats();
  for (const name of ["published", "offered", "delivered", "lagged", "errors"] as const) {
    expect(stats[name], totals[name], `the bus: ${name}`);
  }
  expect(reported, totals.errors, "errors reported");
  expect(stats.reaped, reaped, "forgotten subscriptions that were found");
  expect(stats.subscriptions.length, 0, "subscriptions in the end");
  expect(stats.listeners.length, 0, "listeners in the end");
  const bound = binding.stats();
  for (const name of ["taught", "filled", "unknown"] as const) {
    expect(bound[name], taught[name], `late binding: ${name}`);
  }
  expect(bound.size, Math.min(bindCapacity, sessions.made), "late binding: size");
  expect(bound.evicted, Math.max(0, sessions.made - bindCapacity), "late binding: evicted");
  expect(bound.unusable, 0, "late binding: unusable");
}

const start = performance.now();
const totalMs = minutes * 60_000;
const heaps: { readonly share: number; readonly bytes: number }[] = [];
const sampleMs = Math.min(5_000, totalMs / 24);
let nextReport = reportMs;
let nextSample = 0;
audit();
publish("login", false);
gather();
for (;;) {
  const elapsed = performance.now() - start;
  if (elapsed >= totalMs && totals.published >= minutes * leastPerMinute) break;
  findForgotten();
  publishDue(elapsed);
  await change();
  await sleep(2);
  if (elapsed < nextSample) continue;
  nextSample = elapsed + sampleMs;
  const bytes = await heapBytes();
  heaps.push({ share: elapsed / totalMs, bytes });
  if (elapsed < nextReport) continue;
  nextReport += reportMs;
  report(elapsed, bytes);
}
await finish();
report(performance.now() - start, await heapBytes());

const early = middleOf(heaps.filter(({ share }) => share <= 0.25).map(({ bytes }) => bytes));
const late = middleOf(heaps.filter(({ share }) => share > 0.75).map(({ bytes }) => bytes));
const growth = `${mebibytes(early)} in the first quarter, ${mebibytes(late)} in the last`;
line(`heap: ${growth}; it may grow by ${mebibytes(marginBytes)}`);
line(`came: ${[...kinds].map(([name, count]) => `${count} ${name}`).join(", ")}`);
line(
  `counts: ${totals.offered} offered = ${totals.delivered} delivered + ${totals.lagged} lost + ` +
    `${totals.offered - totals.delivered - totals.lagged} not read; ${totals.errors} errors`,
);
for (const [what, { first, count }] of problems) line(`WRONG ${count} x ${what}: first ${first}`);
if (late - early > marginBytes) line("WRONG the heap has grown");
const isRight = problemCount === 0 && late - early <= marginBytes;
line(isRight ? "all counts are right, and the heap has not grown" : `${problemCount} problems`);
process.exit(isRight ? 0 : 1);
