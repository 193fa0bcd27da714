/**
 * Events through the body of an answer, as bytes: what a server takes from the handler, without the network.
 *
 * @module
 */
import { Tap } from "../../tap/mod.ts";
import type { Answer, Case, Contestant, Run } from "../case.ts";
import { npm } from "../peers.ts";
import { Body, watch } from "../tap/bodies.ts";
import { lines, lineUnits, type Row, rows } from "../tap/rows.ts";

const burst = rows.length;

/** A way to send rows to somebody who reads the bytes. */
interface Way {
  readonly name: string;
  readonly open: () => Promise<Link>;
}

interface Link {
  readonly body: Body;
  /** Sends one. */
  readonly send: (row: Row) => void;
  /** Called behind a burst, by those who write it at once. */
  readonly flush?: () => void;
  /** How many bytes an event has beside its line, of which the number is told, from 1 on. */
  readonly overhead: (seq: number) => number;
}

/** Sends bursts and reads each; checks that there came as many bytes as there should. */
function streams({ name, open }: Way, burstItems: number, bursts: number): Contestant {
  const units = lines.slice(0, burstItems).reduce((sum, { length }) => sum + length, 0);
  return {
    name,
    async load(): Promise<Run> {
      const { body, send, flush, overhead } = await open();
      let seq = 0;
      return async (): Promise<Answer> => {
        let target = body.bytes;
        const before = body.bytes;
        let extra = 0;
        for (let count = 0; count < bursts; count++) {
          let beside = 0;
          for (let at = 0; at < burstItems; at++) {
            send(rows[at]!);
            beside += overhead(++seq);
          }
          flush?.();
          target += units + beside;
          extra += beside;
          await body.readTo(target);
        }
        return { units: body.bytes - before - extra };
      };
    },
  };
}

function newline(): number {
  return 1;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let power = 10; value >= power; power *= 10) digits++;
  return digits;
}

const ndjson: Way = {
  name: "weir, NDJSON",
  async open() {
    const tap = new Tap();
    const { body } = await watch(tap, "format=ndjson");
    return { body, send: (row) => tap.offer("decoded", row), overhead: newline };
  },
};

const bareNdjson: Way = {
  name: "weir, NDJSON, denyNames: []",
  async open() {
    const tap = new Tap({ denyNames: [] });
    const { body } = await watch(tap, "format=ndjson");
    return { body, send: (row) => tap.offer("decoded", row), overhead: newline };
  },
};

const envelopes: Way = {
  name: "weir, NDJSON, meta=1",
  async open() {
    const tap = new Tap();
    const { body } = await watch(tap, "format=ndjson&meta=1");
    const envelope =
      `{"id":"${tap.instance}-","seq":,"time":1750000000000,"stage":"decoded","event":}\n`;
    return {
      body,
      send: (row) => tap.offer("decoded", row),
      overhead: (seq) => envelope.length + 2 * digitsOf(seq),
    };
  },
};

const eventStream: Way = {
  name: "weir, SSE",
  async open() {
    const tap = new Tap();
    const { body } = await watch(tap, "format=sse");
    const beside = `id: ${tap.instance}-\ndata: \n\n`.length;
    return {
      body,
      send: (row) => tap.offer("decoded", row),
      overhead: (seq) => beside + digitsOf(seq),
    };
  },
};

/** Gives what the body is written with. */
function openByHand(): {
  readonly body: Body;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
} {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
  });
  return { body: new Body(new Response(stream).body), controller: controller! };
}

const ndjsonByHand: Way = {
  name: "NDJSON, a chunk an event, by hand",
  open() {
    const { body, controller } = openByHand();
    const encoder = new TextEncoder();
    return Promise.resolve({
      body,
      send: (row) => controller.enqueue(encoder.encode(`${JSON.stringify(row)}\n`)),
      overhead: newline,
    });
  },
};

/** What it could be at the best: nobody else reads it, and it is known when a burst ends. */
const burstByHand: Way = {
  name: "NDJSON, a chunk a burst, by hand",
  open() {
    const { body, controller } = openByHand();
    const encoder = new TextEncoder();
    let text = "";
    return Promise.resolve({
      body,
      send: (row) => void (text += `${JSON.stringify(row)}\n`),
      flush() {
        controller.enqueue(encoder.encode(text));
        text = "";
      },
      overhead: newline,
    });
  },
};

const eventStreamByHand: Way = {
  name: "SSE, a chunk an event, by hand",
  open() {
    const { body, controller } = openByHand();
    const encoder = new TextEncoder();
    let seq = 0;
    const beside = "id: \ndata: \n\n".length;
    return Promise.resolve({
      body,
      send: (row) =>
        controller.enqueue(encoder.encode(`id: ${++seq}\ndata: ${JSON.stringify(row)}\n\n`)),
      overhead: (seq) => beside + digitsOf(seq),
    });
  },
};

/** Its ids are random unless they are given, which is dear. */
const betterSse: Way = {
  name: "better-sse 0.16.1, ids given",
  async open() {
    const { createChannel, createResponse } = await npm.betterSse();
    const channel = createChannel();
    const response = createResponse(
      new Request("http://localhost/events"),
      { retry: null, keepAlive: null },
      (session) => void channel.register(session),
    );
    const body = new Body(response.body);
    let id = 0;
    const nextId = (): string => `${100_000_000 + ++id}`;
    // The session begins when somebody reads, with a chunk that is empty.
    await body.readChunk();
    channel.broadcast({}, "message", { eventId: nextId() });
    await body.readChunk();
    const beside = body.bytes - "{}".length;
    return {
      body,
      send: (row) => void channel.broadcast(row, "message", { eventId: nextId() }),
      overhead: () => beside,
    };
  },
};

const bursts = 40;
const single = 2_048;

/** Bursts, which a reader finds together, and events one by one, which find a reader that waits. */
export const cases: readonly Case[] = [
  {
    id: "tap/stream-ndjson",
    title: "bursts of 256 events of 230 bytes through a body as NDJSON; per event",
    items: bursts * burst,
    answer: { units: bursts * lineUnits },
    references: [{ peer: ndjsonByHand.name }, { peer: burstByHand.name }],
    contestants: [ndjson, bareNdjson, envelopes, ndjsonByHand, burstByHand].map((way) =>
      streams(way, burst, bursts)
    ),
  },
  {
    id: "tap/stream-sse",
    title: "bursts of 256 events of 230 bytes through a body as server-sent events; per event",
    items: bursts * burst,
    answer: { units: bursts * lineUnits },
    references: [{ peer: eventStreamByHand.name }, { peer: betterSse.name }],
    contestants: [eventStream, eventStreamByHand, betterSse].map((way) =>
      streams(way, burst, bursts)
    ),
  },
  {
    id: "tap/stream-single",
    title: "events one by one through a body, each read before the next; per event",
    items: single,
    answer: { units: single * lines[0]!.length },
    references: [{ peer: ndjsonByHand.name }, { peer: betterSse.name }],
    contestants: [ndjson, eventStream, ndjsonByHand, eventStreamByHand, betterSse].map((way) =>
      streams(way, 1, single)
    ),
  },
];
