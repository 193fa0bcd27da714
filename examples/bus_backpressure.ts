// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * One publisher, and readers of different speed, each of which decides for itself what becomes of events for which it has no room. The
 * publisher waits only where a reader asked for that, and only if it says `send`.
 *
 * Run it with `deno run examples/bus_backpressure.ts` or `bun examples/bus_backpressure.ts`.
 *
 * @module
 */
import { Bus, LaggedError, type Subscription } from "../bus/mod.ts";

interface Tick {
  readonly price: number;
}

const TICKS = 1_000;
const bus = new Bus<Tick>({ history: TICKS });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Reads slowly, up to the end. */
async function read(ticks: Subscription<Tick>, ms: number): Promise<number> {
  let last = 0;
  for (let batch; (batch = await ticks.receiveBatch(50)).length > 0;) {
    last = batch.at(-1)!.price;
    await pause(ms);
  }
  return last;
}

// A chart needs the newest price, and is told what it has skipped.
let gaps = 0;
const chart = bus.subscribe({
  name: "chart",
  capacity: 10,
  overflow: "drop-oldest",
  onLag: () => gaps++,
});
// An archive must have them all: whoever sends waits for it.
const archive = bus.subscribe({ name: "archive", capacity: 100, overflow: "wait" });
// A ledger must not have a gap in the middle: it is rather cut off, and begins anew where it was.
let ledger = bus.subscribe({ name: "ledger", capacity: 100, overflow: "disconnect" });

// Nobody waits: in a burst of `publish`, all of them lose what they have no room for.
for (let price = 1; price <= 200; price++) bus.publish({ price });
console.log(`archive: ${archive.lagged} ticks lost, because nobody waited for it`);

const charting = read(chart, 5);
const archiving = read(archive, 1);
let cuts = 0;
const keeping = (async () => {
  for (let next = 1;;) {
    try {
      for await (const { price } of ledger) {
        if (price !== next++) throw new Error(`the ledger has a gap before ${price}`);
      }
      return next - 1;
    } catch (error) {
      if (!(error instanceof LaggedError)) throw error;
      cuts++;
      ledger = bus.subscribe({
        name: "ledger",
        capacity: TICKS,
        overflow: "disconnect",
        after: ledger.lastEventId,
      });
    }
  }
})();

// From here on the archive loses nothing: this goes no faster than it does.
const before = archive.lagged;
for (let price = 201; price <= TICKS; price++) await bus.send({ price });
console.log(`archive: ${archive.lagged - before} ticks lost since somebody waits`);
bus.close();

console.log(`chart: the last price is ${await charting}, behind ${gaps} gaps`);
console.log(`archive: the last price is ${await archiving}`);
console.log(`ledger: ${await keeping} ticks without a gap, cut off ${cuts} times`);
for (const { name, offered, delivered, lagged, size } of [chart.stats(), archive.stats()]) {
  console.log(`${name}: ${offered} offered = ${delivered} delivered + ${lagged} lost + ${size}`);
  if (offered !== delivered + lagged + size) throw new Error("a tick is missing");
}
