// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * Rows come one by one and are stored in batches: a batch is whatever has come while the one before was being stored.
 *
 * Run it with `deno run examples/batch_writer.ts` or `bun examples/batch_writer.ts`.
 *
 * @module
 */
import { Channel } from "../channel/mod.ts";

interface Row {
  readonly id: number;
}

// A thousand rows, or 64 KiB of them, whichever is first: then whoever sends more has to wait.
const rows = new Channel<Row>({
  capacity: 1_000,
  maxBytes: 65_536,
  sizeOf: (row) => JSON.stringify(row).length,
});

const stored: Row[] = [];
async function store(batch: readonly Row[]): Promise<void> {
  // As long as a database takes, whether it is for one row or for a hundred.
  await new Promise((resolve) => setTimeout(resolve, 2));
  stored.push(...batch);
}

let batches = 0;
const storing = (async () => {
  for await (const batch of rows.batches(100)) {
    await store(batch);
    batches++;
  }
})();

for (let id = 1; id <= 2_500; id++) await rows.send({ id });
rows.close();
// What was accepted before the close is still stored.
await storing;

console.log(`${stored.length} rows in ${batches} batches`);
if (stored.some((row, index) => row.id !== index + 1)) throw new Error("a row is missing");
