/**
 * Events to functions, in the call that publishes: what every emitter does. rxjs has no names, so it is measured with a filter for each
 * listener, and without; emittery calls its listeners later and is waited for.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import { Bus } from "../../bus/mod.ts";
import {
  digestOf,
  type Handler,
  type Order,
  orders,
  sameFunctions,
  tenFunctions,
} from "../bus/listeners.ts";
import { type Answer, type Case, type Contestant, mix } from "../case.ts";
import { npm } from "../peers.ts";

const items = 10_240;

/** How a kind of emitter adds listeners to a type of events, and answers what emits an event. */
interface Emitter {
  readonly name: string;
  readonly listen: (type: Order["type"], handlers: readonly Handler[]) => Emit | Promise<Emit>;
  /** Whether an emit is to be waited for. */
  readonly isAsync?: true;
  /** Whether it hears events of any type. */
  readonly isDeaf?: true;
}

type Emit = (event: Order) => unknown;

class OrderEvent extends Event {
  readonly id: number;

  constructor({ type, id }: Order) {
    super(type);
    this.id = id;
  }
}

const weir: Emitter = {
  name: "weir",
  listen(type, handlers) {
    const bus = new Bus<Order>();
    for (const handler of handlers) bus.on({ type }, handler);
    return (event) => bus.publish(event);
  },
};

const nanoevents: Emitter = {
  name: "nanoevents 10.0.0",
  async listen(type, handlers) {
    const { createNanoEvents } = await npm.nanoevents();
    const emitter = createNanoEvents<Record<string, Handler>>();
    for (const handler of handlers) emitter.on(type, handler);
    return (event) => emitter.emit(event.type, event);
  },
};

const others: readonly Emitter[] = [
  {
    name: "mitt 3.0.1",
    async listen(type, handlers) {
      const { default: mitt } = await npm.mitt();
      const emitter = mitt<Record<string, Order>>();
      for (const handler of handlers) emitter.on(type, handler);
      return (event) => emitter.emit(event.type, event);
    },
  },
  {
    name: "eventemitter3 5.0.4",
    async listen(type, handlers) {
      const { EventEmitter } = await npm.eventemitter3();
      const emitter = new EventEmitter();
      for (const handler of handlers) emitter.on(type, handler);
      return (event) => emitter.emit(event.type, event);
    },
  },
  {
    name: "node:events EventEmitter",
    listen(type, handlers) {
      const emitter = new EventEmitter();
      for (const handler of handlers) emitter.on(type, handler);
      return (event) => emitter.emit(event.type, event);
    },
  },
  {
    name: "EventTarget, a new Event each",
    listen(type, handlers) {
      const target = new EventTarget();
      for (const handler of handlers) {
        target.addEventListener(type, handler as unknown as (event: Event) => void);
      }
      return (event) => target.dispatchEvent(new OrderEvent(event));
    },
  },
  {
    name: "rxjs 7.8.2 Subject, filters",
    async listen(type, handlers) {
      const { filter, Subject } = await npm.rxjs();
      const subject = new Subject<Order>();
      for (const handler of handlers) {
        subject.pipe(filter((event) => event.type === type)).subscribe(handler);
      }
      return (event) => subject.next(event);
    },
  },
  {
    name: "rxjs 7.8.2 Subject, no filters",
    isDeaf: true,
    async listen(_type, handlers) {
      const { Subject } = await npm.rxjs();
      const subject = new Subject<Order>();
      for (const handler of handlers) subject.subscribe(handler);
      return (event) => subject.next(event);
    },
  },
  {
    name: "emittery 2.2.0, each emit awaited",
    isAsync: true,
    async listen(type, handlers) {
      const { default: Emittery } = await npm.emittery();
      const emitter = new Emittery<Record<string, Order>>();
      for (const handler of handlers) emitter.on(type, ({ data }) => handler(data));
      return (event) => emitter.emit(event.type, event);
    },
  },
];

const all: readonly Emitter[] = [weir, nanoevents, ...others];

function emitAll(emit: Emit): void {
  for (let item = 0; item < items; item++) emit(orders[item % orders.length]!);
}

async function emitAllInTurn(emit: Emit): Promise<void> {
  for (let item = 0; item < items; item++) await emit(orders[item % orders.length]!);
}

/** Emits to so many handlers. */
function heard(
  count: number,
  makeHandlers: (digests: Int32Array) => readonly Handler[],
  emitters: readonly Emitter[],
): Contestant[] {
  return emitters.map(({ name, listen, isAsync }) => ({
    name,
    async load() {
      const digests = new Int32Array(count);
      const emit = await listen("order", makeHandlers(digests).slice(0, count));
      const answer = (): Answer => ({ digest: digests.reduce(mix, 0) });
      if (isAsync) {
        return async () => {
          digests.fill(0);
          await emitAllInTurn(emit);
          return answer();
        };
      }
      return () => {
        digests.fill(0);
        emitAll(emit);
        return answer();
      };
    },
  }));
}

/** Emits to nobody; somebody listens to another type of events, which proves in the end that it was not for nothing. */
function unheard({ name, listen, isAsync }: Emitter): Contestant {
  const last: Order = { type: "user", id: 7 };
  return {
    name,
    async load() {
      const digests = new Int32Array(1);
      const emit = await listen("user", sameFunctions(digests));
      const answer = (): Answer => ({ digest: digests[0]! });
      if (isAsync) {
        return async () => {
          digests.fill(0);
          await emitAllInTurn(emit);
          await emit(last);
          return answer();
        };
      }
      return () => {
        digests.fill(0);
        emitAll(emit);
        emit(last);
        return answer();
      };
    },
  };
}

function answerOf(count: number): Answer {
  return { digest: new Array<number>(count).fill(digestOf(items)).reduce(mix, 0) };
}

/** Ten listeners, one, and none. */
export const cases: readonly Case[] = [
  {
    id: "bus/on-10",
    title: "an event to 10 listeners, ten different functions; per event",
    items,
    answer: answerOf(10),
    references: [{ peer: nanoevents.name, limit: 1.5 }],
    contestants: heard(10, tenFunctions, all),
  },
  {
    id: "bus/on-10-same",
    title: "an event to 10 listeners, closures of one code; per event",
    items,
    answer: answerOf(10),
    references: [{ peer: nanoevents.name }],
    contestants: heard(10, sameFunctions, all),
  },
  {
    id: "bus/on-1",
    title: "an event to one listener; per event",
    items,
    answer: answerOf(1),
    references: [{ peer: nanoevents.name }],
    contestants: heard(1, tenFunctions, all),
  },
  {
    id: "bus/none",
    title: "an event to nobody, while one listens to something else; per event",
    items,
    answer: { digest: 7 },
    references: [{ peer: nanoevents.name }],
    contestants: all.filter(({ isDeaf }) => !isDeaf).map(unheard),
  },
];
