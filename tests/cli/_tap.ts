import { assertEquals } from "@std/assert";
import { main } from "../../cli/mod.ts";
import { serve } from "../tap/_server.ts";
import { FakeHost } from "./_fake_host.ts";

/** What an answer with events says of itself. */
export const NDJSON = { headers: { "content-type": "application/x-ndjson" } };

/** Lines as the body of an answer. */
export function answerOf(...lines: readonly string[]): Response {
  return new Response(lines.map((line) => `${line}\n`).join(""), NDJSON);
}

/** How a command went. */
export interface Ran {
  readonly code: number;
  readonly host: FakeHost;
  readonly url: string;
}

/** Runs `weir tap` against a server that answers with `answer`; says how it ended. */
export async function tap(
  answer: (request: Request) => Response | Promise<Response>,
  args: readonly string[] = [],
  prepare: (host: FakeHost) => void = () => {},
): Promise<Ran> {
  await using server = serve((request) => answer(request));
  const host = new FakeHost("tap", server.url, ...args);
  prepare(host);
  const code = await main(host);
  assertEquals(host.leftovers, []);
  return { code, host, url: server.url };
}

/** Answers with events for ever, and says when nobody wants them any more. */
export function endless(onCancel: () => void, first = ""): () => Response {
  let timer: ReturnType<typeof setTimeout>;
  const body = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        if (first !== "") controller.enqueue(new TextEncoder().encode(`${first}\n`));
      },
      async pull(controller) {
        controller.enqueue(new TextEncoder().encode("event\n"));
        await new Promise((resolve) => timer = setTimeout(resolve, 1));
      },
      cancel() {
        clearTimeout(timer);
        onCancel();
      },
    }, { highWaterMark: 0 });
  return () => new Response(body(), NDJSON);
}
