/**
 * Events for ten readers with a queue each: bursts of 256, as many as there is room for. Of the peers, some have no bound, and Effect has one
 * queue that all its subscriptions share; none but ours can say for each reader which events it wants and how many it has lost.
 *
 * @module
 */
import { EventEmitter, on } from "node:events";
import { Bus, type BusOverflow, type Subscription } from "../../bus/mod.ts";
import { digestOf, type Handler, type Order, orders, tenFunctions } from "../bus/listeners.ts";
import { timeInTurn } from "../bus/timing.ts";
import {
  type Answer,
  type Case,
  type FigureCase,
  type FigureContestant,
  mix,
  range,
  type Run,
  WrongAnswerError,
} from "../case.ts";
import { BoundedArray } from "../peers/bounded_array.ts";
import { npm } from "../peers.ts";

const readers = 10;
const burst = orders.length;
const bursts = 20;
const digestOfBurst = digestOf(burst);

/** Counts and digests what readers take, one reader after the other. */
class Taken {
  count = 0;
  digest = 0;

  take(order: Order): void {
    this.count++;
    this.digest = mix(this.digest, order.id);
  }

  takeAll(batch: readonly Order[]): void {
    let { digest } = this;
    for (let at = 0; at < batch.length; at++) digest = mix(digest, batch[at]!.id);
    this.digest = digest;
    this.count += batch.length;
  }

  get answer(): Answer {
    return { count: this.count, digest: this.digest };
  }
}

type Queue = Subscription<Order & { readonly type: "order" }>;

function subscribe(overflow: BusOverflow): { bus: Bus<Order>; queues: Queue[] } {
  const bus = new Bus<Order>();
  const queues = range(readers).map((): Queue =>
    bus.subscribe({ match: { type: "order" }, overflow, capacity: burst })
  );
  return { bus, queues };
}

function publishAll(bus: Bus<Order>): void {
  for (let at = 0; at < burst; at++) bus.publish(orders[at]!);
}

/** What publishing a burst costs, to ten queues and to ten listeners. */
function compare(
  ms: number,
  toQueues: () => void,
  digestsOfQueues: () => readonly number[],
  toListeners: () => void,
  digestsOfListeners: Int32Array,
): Promise<Record<string, number>> {
  const check = (digests: readonly number[]): void => {
    if (digests.length === readers && digests.every((digest) => digest === digestOfBurst)) return;
    throw new WrongAnswerError(`answered ${digests} instead of ${digestOfBurst} for each`);
  };
  const [queues, listeners] = timeInTurn(ms, [
    { items: burst, run: toQueues, reset: () => check(digestsOfQueues()) },
    {
      items: burst,
      run: toListeners,
      reset() {
        check([...digestsOfListeners]);
        digestsOfListeners.fill(0);
      },
    },
  ]);
  return Promise.resolve({
    [added]: (queues! - listeners!) / readers,
    [toTenQueues]: queues!,
    [toTenListeners]: listeners!,
  });
}

const added = "ns a queue adds";
const toTenQueues = "ns to 10 queues";
const toTenListeners = "ns to 10 listeners";

function weirAdds(overflow: BusOverflow): FigureContestant {
  return {
    name: `weir, ${overflow}`,
    measure(ms) {
      const { bus, queues } = subscribe(overflow);
      const digests = new Int32Array(readers);
      const listeners = new Bus<Order>();
      for (const handler of tenFunctions(digests)) listeners.on({ type: "order" }, handler);
      return compare(
        ms,
        () => publishAll(bus),
        () => queues.map((queue) => digestOfQueue(queue)),
        () => publishAll(listeners),
        digests,
      );
    },
  };
}

function digestOfQueue(queue: Queue): number {
  for (let digest = 0;;) {
    const next = queue.tryReceive();
    if (next.state !== "ok") return queue.lagged === 0 ? digest : -1;
    digest = mix(digest, next.value.id);
  }
}

const byHandAdds: FigureContestant = {
  name: "bounded arrays, by hand",
  measure(ms) {
    const arrays = range(readers).map(() => new BoundedArray<Order>(burst));
    const digests = new Int32Array(readers);
    const handlers: readonly Handler[] = tenFunctions(digests);
    return compare(
      ms,
      () => {
        for (let at = 0; at < burst; at++) {
          for (let reader = 0; reader < readers; reader++) arrays[reader]!.push(orders[at]!);
        }
      },
      () =>
        arrays.map((array) => {
          let digest = 0;
          for (let order; (order = array.shift()) !== undefined;) digest = mix(digest, order.id);
          return array.lost === 0 ? digest : -1;
        }),
      () => {
        for (let at = 0; at < burst; at++) {
          for (let reader = 0; reader < readers; reader++) handlers[reader]!(orders[at]!);
        }
      },
      digests,
    );
  },
};

function weirBatches(overflow: BusOverflow): () => Run {
  return () => {
    const { bus, queues } = subscribe(overflow);
    return async () => {
      const taken = new Taken();
      for (let count = 0; count < bursts; count++) {
        publishAll(bus);
        for (const queue of queues) taken.takeAll(await queue.receiveBatch(burst));
      }
      return taken.answer;
    };
  };
}

async function effectPubSub(policy: "bounded" | "dropping" | "sliding"): Promise<Run> {
  const [Effect, PubSub] = await Promise.all([npm.effect(), npm.effectPubSub()]);
  const program = Effect.scoped(Effect.gen(function* () {
    const pubSub = yield* PubSub[policy]<Order>(burst);
    const queues = [];
    for (let reader = 0; reader < readers; reader++) queues.push(yield* PubSub.subscribe(pubSub));
    const taken = new Taken();
    for (let count = 0; count < bursts; count++) {
      for (let at = 0; at < burst; at++) PubSub.publishUnsafe(pubSub, orders[at]!);
      for (const queue of queues) taken.takeAll(yield* PubSub.takeUpTo(queue, burst));
    }
    return taken.answer;
  }));
  return () => Effect.runPromise(program);
}

const byHand = "bounded arrays, by hand";

/** What a queue adds to a publish, and what it costs to write and read it. */
export const cases: readonly (Case | FigureCase)[] = [
  {
    id: "bus/queue-10",
    title: "publishing to 10 queues, beside the same events to 10 listeners; reading not counted",
    figures: [
      { name: added, digits: 1, most: 20 },
      { name: toTenQueues, digits: 0 },
      { name: toTenListeners, digits: 0 },
    ],
    contestants: [
      weirAdds("drop-newest"),
      weirAdds("drop-oldest"),
      weirAdds("wait"),
      byHandAdds,
    ],
  },
  {
    id: "bus/queue-10-drain",
    title: "bursts of 256 to 10 queues, then read from each; per event and queue",
    items: readers * burst * bursts,
    answer: {
      count: readers * burst * bursts,
      digest: range(readers * bursts * burst)
        .reduce((digest, at) => mix(digest, orders[at % burst]!.id), 0),
    },
    references: [{ peer: byHand }],
    contestants: [
      { name: "weir, receiveBatch(256)", load: weirBatches("drop-newest") },
      { name: "weir, drop-oldest, receiveBatch(256)", load: weirBatches("drop-oldest") },
      {
        name: "weir, tryReceive",
        load() {
          const { bus, queues } = subscribe("drop-newest");
          return () => {
            const taken = new Taken();
            for (let count = 0; count < bursts; count++) {
              publishAll(bus);
              for (const queue of queues) {
                for (let next; (next = queue.tryReceive()).state === "ok";) taken.take(next.value);
              }
            }
            return taken.answer;
          };
        },
      },
      {
        name: "weir, for await",
        load() {
          const { bus, queues } = subscribe("drop-newest");
          const iterators = queues.map((queue) => queue[Symbol.asyncIterator]());
          return () => readIterators(() => publishAll(bus), iterators, (order) => order);
        },
      },
      {
        name: byHand,
        load() {
          const arrays = range(readers).map(() => new BoundedArray<Order>(burst));
          return () => {
            const taken = new Taken();
            for (let count = 0; count < bursts; count++) {
              for (let at = 0; at < burst; at++) {
                for (let reader = 0; reader < readers; reader++) arrays[reader]!.push(orders[at]!);
              }
              for (const array of arrays) {
                for (let order; (order = array.shift()) !== undefined;) taken.take(order);
              }
            }
            return taken.answer;
          };
        },
      },
      {
        name: "rxjs 7.8.2 Subject, into arrays without a bound",
        async load() {
          const { Subject } = await npm.rxjs();
          const subject = new Subject<Order>();
          const arrays = range(readers).map((): Order[] => []);
          for (const array of arrays) subject.subscribe((order) => array.push(order));
          return () => {
            const taken = new Taken();
            for (let count = 0; count < bursts; count++) {
              for (let at = 0; at < burst; at++) subject.next(orders[at]!);
              for (const array of arrays) taken.takeAll(array.splice(0));
            }
            return taken.answer;
          };
        },
      },
      { name: "effect PubSub.bounded 4.1.0, takeUpTo", load: () => effectPubSub("bounded") },
      { name: "effect PubSub.dropping 4.1.0, takeUpTo", load: () => effectPubSub("dropping") },
      { name: "effect PubSub.sliding 4.1.0, takeUpTo", load: () => effectPubSub("sliding") },
      {
        name: "node:events on(), without a bound",
        load() {
          const emitter = new EventEmitter();
          const iterators = range(readers).map(() =>
            on(emitter, "order")[Symbol.asyncIterator]() as AsyncIterator<[Order]>
          );
          return () =>
            readIterators(
              () => {
                for (let at = 0; at < burst; at++) emitter.emit("order", orders[at]!);
              },
              iterators,
              ([order]) => order,
            );
        },
      },
      {
        name: "emittery 2.2.0 events(), without a bound",
        async load() {
          const { default: Emittery } = await npm.emittery();
          const emitter = new Emittery<{ order: Order }>();
          const iterators = range(readers).map(() => emitter.events("order"));
          return () =>
            readIterators(
              () => {
                for (let at = 0; at < burst; at++) emitter.emit("order", orders[at]!);
              },
              iterators,
              ({ data }) => data,
            );
        },
      },
    ],
  },
];

async function readIterators<V>(
  publish: () => void,
  iterators: readonly AsyncIterator<V>[],
  orderOf: (value: V) => Order,
): Promise<Answer> {
  const taken = new Taken();
  for (let count = 0; count < bursts; count++) {
    publish();
    for (const iterator of iterators) {
      for (let at = 0; at < burst; at++) taken.take(orderOf((await iterator.next()).value));
    }
  }
  return taken.answer;
}
