// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * One loop over several sources: two channels and a stream, read in turn until a signal ends it. Leaving the loop loses nothing that is
 * in the channels.
 *
 * Run it with `deno run examples/merge_sources.ts` or `bun examples/merge_sources.ts`.
 *
 * @module
 */
import { Channel, merge, pipe } from "../channel/mod.ts";

const orders = new Channel<string>({ capacity: 8 });
const payments = new Channel<string>({ capacity: 8 });
await orders.sendBatch(["order 1", "order 2", "order 3"]);

// A stream goes into a channel, which bounds how far it is read ahead.
const paid = new Response("payment 1\npayment 2\n").body!
  .pipeThrough(new TextDecoderStream())
  .pipeThrough(
    new TransformStream<string, string>({
      transform(text, controller) {
        for (const line of text.trim().split("\n")) controller.enqueue(line);
      },
    }),
  );
await pipe(paid, payments, { preventClose: true });

const stop = new AbortController();
let seen = 0;
try {
  for await (const event of merge([orders, payments], { signal: stop.signal })) {
    console.log(event);
    if (++seen === 4) stop.abort(new Error("seen enough"));
  }
} catch (error) {
  console.log(`stopped: ${(error as Error).message}`);
}
console.log(`${orders.size + payments.size} left in the channels`);
if (seen !== 4 || orders.size + payments.size !== 1) throw new Error("an event is missing");
