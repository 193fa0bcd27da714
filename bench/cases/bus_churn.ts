/**
 * Subscribers that come and go while ten thousand others stay: a pair of a subscribe and an unsubscribe.
 *
 * @module
 */
import { Bus, subject } from "../../bus/mod.ts";
import { type Answer, type Case, type Contestant, prepared, range } from "../case.ts";
import { npm } from "../peers.ts";

const others = 10_000;
const pairs = 256;

interface Change {
  readonly topic: string;
}

/** How a kind of emitter is subscribed to. */
interface Emitter {
  /** Adds somebody who asks for a topic, and answers what takes it away again. */
  readonly add: (topic: string) => () => unknown;
  /** Publishes an event, and answers how many got it. */
  readonly tell: (event: Change) => number;
}

interface Kind {
  readonly name: string;
  readonly make: () => Emitter | Promise<Emitter>;
}

/** Counts calls of functions. */
class Calls {
  readonly #counts = new Int32Array(1);

  /** A function of its own for each who listens. */
  handler(): () => void {
    const counts = this.#counts;
    return () => {
      counts[0]!++;
    };
  }

  /** How many functions something has called. */
  of(emit: () => unknown): number {
    this.#counts[0] = 0;
    emit();
    return this.#counts[0]!;
  }
}

const kinds: readonly Kind[] = [
  {
    name: "weir, on",
    make() {
      const bus = new Bus<Change>();
      const calls = new Calls();
      return {
        add(topic) {
          const listener = bus.on({ topic }, calls.handler());
          return () => listener.close();
        },
        tell: (event) => calls.of(() => bus.publish(event)),
      };
    },
  },
  {
    name: "weir, subscribe",
    make() {
      const bus = new Bus<Change>();
      return {
        add(topic) {
          const queue = bus.subscribe({ match: { topic }, overflow: "drop-oldest" });
          return () => queue.close();
        },
        tell: (event) => bus.publish(event),
      };
    },
  },
  {
    name: "weir, subscribe to a pattern",
    make() {
      const bus = new Bus<Change>();
      return {
        add(topic) {
          const pattern = subject(`${topic}.*`);
          const queue = bus.subscribe({ match: { topic: pattern }, overflow: "drop-oldest" });
          return () => queue.close();
        },
        tell: ({ topic }) => bus.publish({ topic: `${topic}.created` }),
      };
    },
  },
  {
    name: "nanoevents 10.0.0",
    async make() {
      const { createNanoEvents } = await npm.nanoevents();
      const emitter = createNanoEvents<Record<string, (event: Change) => void>>();
      const calls = new Calls();
      return {
        add: (topic) => emitter.on(topic, calls.handler()),
        tell: (event) => calls.of(() => emitter.emit(event.topic, event)),
      };
    },
  },
  {
    name: "eventemitter3 5.0.4",
    async make() {
      const { EventEmitter } = await npm.eventemitter3();
      const emitter = new EventEmitter();
      const calls = new Calls();
      return {
        add(topic) {
          const handler = calls.handler();
          emitter.on(topic, handler);
          return () => emitter.off(topic, handler);
        },
        tell: (event) => calls.of(() => emitter.emit(event.topic, event)),
      };
    },
  },
  {
    name: "rxjs 7.8.2 Subject, filters",
    async make() {
      const { filter, Subject } = await npm.rxjs();
      const all = new Subject<Change>();
      const calls = new Calls();
      return {
        add(asked) {
          const subscription = all.pipe(filter(({ topic }) => topic === asked))
            .subscribe(calls.handler());
          return () => subscription.unsubscribe();
        },
        tell: (event) => calls.of(() => all.next(event)),
      };
    },
  },
];

/** Comes and goes. Between the runs an event shows that nobody is left of those who went, and that who comes is told. */
function churn({ name, make }: Kind, topicOf: (index: number) => string): Contestant {
  return {
    name,
    async load() {
      const { add, tell } = await make();
      const topics = range(pairs).map((index) => topicOf(others + index));
      // Those whom nobody holds would be taken for forgotten.
      const staying = range(others).map((index) => add(topicOf(index)));
      return prepared(
        () => {
          const event = { topic: topics[0]! };
          const left = tell(event);
          const remove = add(event.topic);
          const told = tell(event);
          remove();
          return { staying: staying.length, left, told };
        },
        (answer: Answer) => {
          for (let index = 0; index < pairs; index++) add(topics[index]!)();
          return answer;
        },
      );
    },
  };
}

const first = kinds[3]!.name;

/** The others ask for something else, or all for the same. */
export const cases: readonly Case[] = [
  {
    id: "bus/churn",
    title: "subscribe and unsubscribe, among 10,000 who ask for something else each; per pair",
    items: pairs,
    answer: { staying: others, left: 0, told: 1 },
    references: [{ peer: first }],
    contestants: kinds.map((kind) => churn(kind, (index) => `topic-${index}`)),
  },
  {
    id: "bus/churn-same",
    title: "subscribe and unsubscribe, among 10,000 who ask for the same; per pair",
    items: pairs,
    answer: { staying: others, left: others, told: others + 1 },
    references: [{ peer: first }],
    contestants: kinds.map((kind) => churn(kind, () => "topic")),
  },
];
