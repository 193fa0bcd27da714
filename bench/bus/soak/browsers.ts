/**
 * Those who read an event stream, as a browser would.
 *
 * @module
 */
import { eventStream } from "../../../bus/mod.ts";
import { remember, subscribe } from "./queued.ts";
import { expect, members, random, run, sleep, totals } from "./world.ts";

/** Is a browser: it reads an event stream, and its lines. */
export function addBrowser(): void {
  const queued = subscribe("browser", false);
  const { queue, wish } = queued;
  const { missed } = queue;
  let expected = queued.replayed.length;
  let received = 0;
  let lost = 0;
  let last = 0;
  let hasEnd = false;
  let toldMissed: number | undefined;
  let isDone = false;
  const response = eventStream(queue, {
    type: ({ type }) => type,
    heartbeatMs: 50,
    data: ({ id }) => `{"id":\n${id}}`,
  });
  const stream = response.body!.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  const understand = (block: string): void => {
    const data = block.split("\n").filter((line) => line.startsWith("data: "))
      .map((line) => line.slice(6)).join("\n");
    if (block.startsWith("event: lag")) {
      const lag = JSON.parse(data);
      if (lag.lost !== undefined) lost += lag.lost;
      else toldMissed = lag.missed;
    } else if (block.startsWith("event: end")) hasEnd = true;
    else if (data !== "") {
      const { id } = JSON.parse(data);
      expect(id > last, true, "browser: order");
      last = id;
      received++;
      const named = /^id: (.*)$/m.exec(block)![1]!;
      if (random.below(64) === 0) remember(named, id);
    }
  };
  let hasBegun = false;
  let isLeaving = false;
  const pause = random.of([0, 0, 5]);
  run("browser", async () => {
    while (!isLeaving) {
      const { done, value } = await stream.read();
      if (done) break;
      hasBegun = true;
      const blocks = `${rest}${decoder.decode(value, { stream: true })}`.split("\n\n");
      rest = blocks.pop()!;
      blocks.forEach(understand);
      if (pause > 0) await sleep(pause);
    }
    isDone = true;
    if (isLeaving) await stream.cancel();
    else {
      expect(rest, "", "browser: half of an event");
      // Who is cut off has lost one event: it comes back by itself, and is told then.
      expect(lost, queued.overflow === "disconnect" ? 0 : queue.lagged, "browser: losses told");
      expect(queue.size, 0, "browser: events that were not read");
      expect(hasEnd, queued.overflow !== "disconnect" || queue.lagged === 0, "browser: its end");
    }
    if (hasBegun) expect(toldMissed ?? 0, missed, "browser: missed");
    queue.close();
    await sleep(0);
    expect(received, expected - queue.lagged - queue.size, "browser: received");
    expect(queue.delivered, received, "browser: delivered");
    totals.delivered += received;
    totals.lagged += queue.lagged;
  });
  const cancels = random.below(2) === 0;
  members.add({
    wish,
    hears: () => !queue.closed,
    expect() {
      expected++;
      totals.offered++;
    },
    end() {
      if (cancels) isLeaving = true;
      queue.close();
    },
    isOver: () => isDone,
  });
}
