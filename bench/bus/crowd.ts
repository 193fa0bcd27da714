/**
 * Crowds of subscribers of which each event is for one: what a publish to them costs should not depend on how many they are.
 *
 * @module
 */
import { Bus, type Match, subject, type Subscription } from "../../bus/mod.ts";
import { type Answer, range } from "../case.ts";
import { npm } from "../peers.ts";

/** What is published: whoever asks for a customer can do so by a field, by two, or by the subject. */
export interface Change {
  readonly type: "order";
  readonly customer: string;
  readonly subject: string;
  readonly id: number;
}

/** Subscribers, and how to reach them. */
export interface Crowd {
  /** Publishes an event to all of them. */
  readonly publish: (event: Change) => unknown;
  /**
   * Takes what has reached some of them since it was called last: how many events, and the sum of their numbers. To ask a hundred thousand
   * after each burst would take most of the time.
   */
  readonly take: (who: readonly number[]) => Answer;
}

/** Makes a crowd of so many, each of which asks for a customer of its own. */
export type MakeCrowd = (size: number) => Crowd | Promise<Crowd>;

/** How many events are published before they are taken, at least. */
const burst = 1024;

function customerOf(index: number): string {
  return `customer-${index}`;
}

function changeFor(index: number, id: number): Change {
  const customer = customerOf(index);
  return { type: "order", customer, subject: `orders.${customer}.created`, id };
}

/** As if they had come from elsewhere: their texts are equal to those that subscribers ask for, and not the same objects. */
function received(events: readonly Change[]): readonly Change[] {
  return JSON.parse(JSON.stringify(events));
}

/** Events, and whom they reach. */
export interface Changes {
  readonly events: readonly Change[];
  readonly who: readonly number[];
}

/** Events for the one in the middle of a crowd. */
export function changesForOne(size: number, count: number = burst): Changes {
  const who = size >> 1;
  return { events: received(range(count).map((at) => changeFor(who, at + 1))), who: [who] };
}

/** Events for all of a crowd, in an order that no cache can guess. */
export function changesForAll(size: number): Changes {
  const count = Math.ceil(burst / size) * size;
  const all = range(count);
  let state = 1;
  for (let at = count - 1; at > 0; at--) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    const other = state % (at + 1);
    [all[at], all[other]] = [all[other]!, all[at]!];
  }
  const events = received(all.map((index, at) => changeFor(index % size, at + 1)));
  return { events, who: range(size) };
}

/** What a crowd must answer that was told of some events. */
export function answerFor(events: readonly Change[]): Answer {
  return { count: events.length, sum: events.reduce((sum, { id }) => sum + id, 0) };
}

function weirQueues(matchOf: (customer: string) => Match<Change>): MakeCrowd {
  return (size) => {
    const bus = new Bus<Change>();
    const queues: Subscription<Change>[] = range(size).map((index) =>
      bus.subscribe({ match: matchOf(customerOf(index)), capacity: burst })
    );
    return {
      publish: (event) => bus.publish(event),
      take(who) {
        let count = 0;
        let sum = 0;
        for (const index of who) {
          const queue = queues[index]!;
          for (let next; (next = queue.tryReceive()).state === "ok"; count++) sum += next.value.id;
        }
        return { count, sum };
      },
    };
  };
}

/** Our own: those who ask for a customer by a field. */
export const byField: MakeCrowd = weirQueues((customer) => ({ customer }));

/** By two fields. */
export const byTwoFields: MakeCrowd = weirQueues((customer) => ({ type: "order", customer }));

/** By a pattern. */
export const byPattern: MakeCrowd = weirQueues((customer) => ({
  subject: subject(`orders.${customer}.*`),
}));

/** Counts what functions are called with. */
class Heard {
  readonly #numbers = new Float64Array(2);

  /** A function of its own for each who listens. */
  handler(): (event: Change) => void {
    const numbers = this.#numbers;
    return ({ id }) => {
      numbers[0]!++;
      numbers[1]! += id;
    };
  }

  /** Answers what they were called with, and forgets it. */
  take(): Answer {
    const [count, sum] = this.#numbers;
    this.#numbers.fill(0);
    return { count: count!, sum: sum! };
  }
}

/** Our own: functions in place of queues. */
export function weirHandlers(size: number): Crowd {
  const bus = new Bus<Change>();
  const heard = new Heard();
  for (const index of range(size)) bus.on({ customer: customerOf(index) }, heard.handler());
  return { publish: (event) => bus.publish(event), take: () => heard.take() };
}

/** Everybody is asked about every event, as in the origin of our bus. */
export function linearScan(size: number): Crowd {
  const heard = new Heard();
  const slots = range(size).map((index) => {
    const asked = customerOf(index);
    const handler = heard.handler();
    return { filter: (event: Change) => event.customer === asked, handler };
  });
  return {
    publish(event) {
      for (let at = 0; at < slots.length; at++) {
        const slot = slots[at]!;
        if (slot.filter(event)) slot.handler(event);
      }
    },
    take: () => heard.take(),
  };
}

/** A name for each customer. */
export async function nanoeventsNames(size: number): Promise<Crowd> {
  const { createNanoEvents } = await npm.nanoevents();
  const emitter = createNanoEvents<Record<string, (event: Change) => void>>();
  const heard = new Heard();
  for (const index of range(size)) emitter.on(customerOf(index), heard.handler());
  return { publish: (event) => emitter.emit(event.customer, event), take: () => heard.take() };
}

/** A name for each customer. */
export async function eventemitter3Names(size: number): Promise<Crowd> {
  const { EventEmitter } = await npm.eventemitter3();
  const emitter = new EventEmitter();
  const heard = new Heard();
  for (const index of range(size)) emitter.on(customerOf(index), heard.handler());
  return { publish: (event) => emitter.emit(event.customer, event), take: () => heard.take() };
}

/** A filter for each customer. */
export async function rxjsFilters(size: number): Promise<Crowd> {
  const { filter, Subject } = await npm.rxjs();
  const all = new Subject<Change>();
  const heard = new Heard();
  for (const index of range(size)) {
    const asked = customerOf(index);
    all.pipe(filter(({ customer }) => customer === asked)).subscribe(heard.handler());
  }
  return { publish: (event) => all.next(event), take: () => heard.take() };
}
