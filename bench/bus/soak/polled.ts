/**
 * Those who read in turn with the publisher. Nothing happens to their queues meanwhile, so that each event that they get is known before.
 *
 * @module
 */
import { subscribe } from "./queued.ts";
import { Reader } from "./readers.ts";
import { expect, members, random, sleep } from "./world.ts";

/** Reads in turn with the publisher, so that what it gets can be foretold event by event. */
export function addPolled(): void {
  const queued = subscribe("polled", true);
  const { queue, wish, overflow, capacity, told, leave } = queued;
  const reader = new Reader(queued);
  const front = [...queued.replayed];
  const model: number[] = [];
  const waiting: number[] = [];
  const every = 1 + random.below(20);
  const most = random.of([1, 10, 200, Infinity]);
  let lost = 0;
  let isCut = false;
  let steps = 0;
  const read = (limit: number): void => {
    for (let count = 0; count < limit; count++) {
      const next = queue.tryReceive();
      if (next.state !== "ok") {
        expect(front.length + model.length, 0, "polled: events that are not there");
        return;
      }
      expect(next.value.id, front.shift() ?? model.shift(), "polled: an event");
      if (waiting.length > 0 && model.length < capacity) model.push(waiting.shift()!);
      reader.take(next.value);
    }
  };
  members.add({
    wish,
    hears: () => !isCut,
    expect(id, isSent) {
      reader.expect();
      if (model.length < capacity && waiting.length === 0) model.push(id);
      else if (isSent && overflow === "wait") waiting.push(id);
      else {
        lost++;
        if (overflow === "drop-oldest") {
          model.shift();
          model.push(id);
        } else if (overflow === "disconnect") isCut = true;
      }
    },
    step() {
      expect(queue.closed, isCut, "polled: whether it is closed");
      expect(queue.lagged, lost, "polled: lagged");
      expect(queue.size, front.length + model.length + waiting.length, "polled: size");
      if (++steps % every === 0) read(most);
    },
    async end() {
      if (random.below(2) === 0) queue.close();
      else leave.abort();
      // Those who wait for room learn by and by that there will be none.
      await sleep(0);
      lost += waiting.splice(0).length;
      expect(queue.lagged, lost, "polled: lagged in the end");
      const isRead = random.below(2) === 0;
      if (isRead) {
        read(Infinity);
        expect(told.lost, lost, "polled: losses told");
      }
      reader.check(front.length + model.length, isRead);
    },
    isOver: () => isCut && random.below(20) === 0,
  });
}
