// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * One fast writer, one slow reader, four policies: what each keeps, and that nothing is lost without being counted.
 *
 * Run it with `deno run examples/slow_reader.ts` or `bun examples/slow_reader.ts`.
 *
 * @module
 */
import { Channel, ChannelFullError, type ChannelOverflow } from "../channel/mod.ts";

const OFFERED = 12;

for (const overflow of ["wait", "drop-newest", "drop-oldest", "fail"] satisfies ChannelOverflow[]) {
  const channel = new Channel<number>({ capacity: 4, overflow });
  const received: number[] = [];
  let refused = 0;

  const reading = (async () => {
    for await (const value of channel) {
      received.push(value);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  for (let value = 1; value <= OFFERED; value++) {
    try {
      await channel.send(value);
    } catch (error) {
      if (!(error instanceof ChannelFullError)) throw error;
      refused++;
    }
  }
  channel.close();
  await reading;

  const { dropped } = channel;
  console.log(`${overflow.padEnd(12)} received ${received.join(" ")}`);
  console.log(`             ${received.length} received + ${dropped} dropped + ${refused} refused`);
  if (received.length + dropped + refused !== OFFERED) throw new Error("a value is missing");
}
