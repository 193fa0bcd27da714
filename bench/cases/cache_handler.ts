/**
 * What a request costs more that is answered in a span, without the network, which would be most of it.
 *
 * @module
 */
import { SpanCache, traceHandler } from "../../cache/mod.ts";
import { type Case, type Contestant, prepared, range } from "../case.ts";

const items = 1_024;

type Handler = (request: Request) => Response | Promise<Response>;

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

interface Handling {
  readonly name: string;
  readonly make: (cache: SpanCache) => Handler;
  /** How many spans a request has; without it, one. */
  readonly spans?: number;
  readonly isTraced?: boolean;
}

async function answerIt(): Promise<Response> {
  await null;
  return new Response("hello");
}

function handles({ name, make, spans = 1, isTraced = false }: Handling): Contestant {
  return {
    name,
    load() {
      const cache = new SpanCache();
      const handler = make(cache);
      const headers: Record<string, string> = isTraced ? { traceparent } : {};
      return prepared(
        () => range(items).map((id) => new Request(`http://localhost/users/${id}`, { headers })),
        async (requests) => {
          const before = cache.stats().closed;
          let length = 0;
          for (const request of requests) {
            const { body, status } = await handler(request);
            if (body !== null && status === 200) length++;
          }
          return { answered: length, recorded: (cache.stats().closed - before) - items * spans };
        },
      );
    },
  };
}

const bare = "the handler alone";

const handlings: readonly Handling[] = [
  { name: "weir, traceHandler", make: (cache) => traceHandler(cache, answerIt) },
  {
    name: "weir, traceHandler, of another trace",
    make: (cache) => traceHandler(cache, answerIt),
    isTraced: true,
  },
  {
    name: "weir, traceHandler and a span in it",
    make: (cache) => traceHandler(cache, () => cache.span("load", { rows: 3 }, answerIt)),
    spans: 2,
  },
  { name: bare, make: () => answerIt, spans: 0 },
];

/** One question. */
export const cases: readonly Case[] = [
  {
    id: "cache/handler",
    title: "a handler is called with a request, and waited for; per request",
    items,
    answer: { answered: items, recorded: 0 },
    references: [{ peer: bare }],
    contestants: handlings.map(handles),
  },
];
