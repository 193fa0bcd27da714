// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * A job that is to be done once, not three times: each of three workers would do it whenever it is due, and only the one that leads does. When the
 * leader stands still for too long, another takes over; and what the old one had sent before, and comes late, is refused for its fence.
 *
 * Run it with `deno run examples/leader_lease.ts` or `bun examples/leader_lease.ts`.
 *
 * @module
 */
import { Fold, type HeldLease, leaseKind, Leases } from "../fold/mod.ts";

/** The time between two reports, and how long a leader may be silent. In life these would be an hour and half a minute. */
const TICK_MS = 250;
const TERM_MS = 600;

/** Who leads is decided by one fold. */
using fold = new Fold(leaseKind());

/** Where reports are stored. It refuses whoever comes with a lower fence than it has seen. */
class Database {
  readonly reports: number[] = [];
  /** What a report has to wait for on its way here. */
  delay: Promise<void> | undefined;
  #fence = 0;

  async store(report: number, fence: number): Promise<boolean> {
    await this.delay;
    if (fence < this.#fence) return false;
    this.#fence = fence;
    this.reports.push(report);
    return true;
  }
}

/** One of those who would do the job. */
class Worker {
  readonly name: string;
  readonly #leases: Leases;
  #lease: HeldLease | undefined;

  constructor(name: string) {
    this.name = name;
    this.#leases = new Leases(fold, { node: name, termMs: TERM_MS });
  }

  /** The job is due. */
  async tick(report: number): Promise<void> {
    const lease = this.#lead();
    // Asked right before what must not be done twice. That may be too early all the same, and so the fence goes with it.
    if (!lease?.isHeld) return;
    const isStored = await database.store(report, lease.fence);
    console.log(
      `report ${report} of ${this.name} ${isStored ? "is stored" : "comes late, and is refused"}`,
    );
  }

  /** Ends in good order: whoever is next need not wait until the term is over. */
  stop(): void {
    console.log(`${this.name} stops`);
    this.#lease?.release();
  }

  /** The lease; undefined if another worker has it. From when it is taken, it is renewed three times a term. */
  #lead(): HeldLease | undefined {
    if (this.#lease?.isHeld) return this.#lease;
    const lease = this.#lease = this.#leases.tryAcquire("reports");
    if (lease === undefined) return undefined;
    console.log(`${this.name} leads`);
    // A job that takes long would be ended by this signal.
    lease.signal.addEventListener("abort", () => console.log(`${this.name} has lost the lead`));
    return lease;
  }
}

const database = new Database();
const one = new Worker("worker 1");
const two = new Worker("worker 2");
const three = new Worker("worker 3");

/** Waits until the next report is due. */
const nextTick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, TICK_MS));

/** Asks workers for a report when it is due. */
async function due(report: number, workers: readonly Worker[]): Promise<void> {
  await nextTick();
  for (const worker of workers) await worker.tick(report);
}

// Whoever asks first leads, for longer than a term.
for (let report = 1; report <= 3; report++) await due(report, [one, two, three]);

// Worker 1 has sent report 4 when it stands still: a suspended machine, a debugger, something that blocks. It does not renew its lease then.
await nextTick();
const { promise, resolve: arrive } = Promise.withResolvers<void>();
database.delay = promise;
const late = one.tick(4);
database.delay = undefined;
standStill(2 * TERM_MS);

// The others find nobody who leads.
await due(5, [two, three]);
// Now report 4 arrives, from a leader that is none any more.
arrive();
await late;
// Worker 1 takes part again, and does not lead.
await due(6, [one, two, three]);

// After a goodbye, the lead is free at once.
two.stop();
await due(7, [three, one]);
three.stop();

console.log(`stored: ${database.reports.join(", ")}`);

/** Blocks this process, and so all workers, since they share it; worker 1 would be enough. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
