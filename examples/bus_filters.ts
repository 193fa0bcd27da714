// deno-lint-ignore-file no-console -- an example prints what it shows.
/**
 * One bus, and several who listen to it, each to what it asked for: a value, one of a list, a field of a field, a pattern of subjects, any
 * test. What a handler gets is narrowed to what it asked for, and what one of them throws disturbs nobody.
 *
 * Run it with `deno run examples/bus_filters.ts` or `bun examples/bus_filters.ts`.
 *
 * @module
 */
import { Bus, subject } from "../bus/mod.ts";

type Event =
  | { type: "order"; subject: string; id: number; total: number; customer: { country: string } }
  | { type: "stock"; subject: string; item: string; left: number };

const bus = new Bus<Event>({
  onError: (error, { name }) => console.log(`${name} failed: ${(error as Error).message}`),
});

// TypeScript knows which fields these have: there is no `total` in a stock event.
bus.on({ type: "order" }, ({ id, total }) => console.log(`  sales: order ${id}, ${total} €`), {
  where: ({ total }) => total >= 100,
});
bus.on({ type: "stock", left: [0, 1, 2] }, ({ item, left }) => {
  console.log(`  purchasing: ${left} ${item} left`);
});
bus.on({ customer: { country: "NO" } }, ({ id }) => console.log(`  customs: order ${id}`));

// One token by `*`, the rest by `>`.
bus.on({ subject: subject("shop.*.created") }, (event) => {
  console.log(`  log: ${event.subject}`);
});
bus.on({ subject: subject("shop.order.>") }, () => {
  throw new Error("no printer");
}, { name: "printer" });

// A queue of its own, for a reader that comes when it has time.
using audit = bus.subscribe({ match: { type: ["order", "stock"] }, name: "audit" });

const events: readonly Event[] = [
  {
    type: "order",
    subject: "shop.order.created",
    id: 1,
    total: 20,
    customer: { country: "DE" },
  },
  {
    type: "order",
    subject: "shop.order.paid.late",
    id: 2,
    total: 250,
    customer: { country: "NO" },
  },
  { type: "stock", subject: "shop.stock.changed", item: "teapots", left: 2 },
  { type: "stock", subject: "shop.stock.changed", item: "cups", left: 90 },
];
for (const event of events) {
  console.log(event.subject);
  bus.publish(event);
}

const audited = await audit.receiveBatch(100);
console.log(`audit: ${audited.map(({ type }) => type).join(", ")}`);
if (audited.length !== events.length) throw new Error("an event is missing");
