import { test } from "../_harness.ts";
import { HostApp, type HostOptions } from "./_host_app.ts";
import { crowd, leave, stall } from "./_host_scenarios.ts";
import type { Host } from "./_host_state.ts";
import { serve } from "./_server.ts";

/** Runs a scenario against a server of this runtime, in this process. */
async function onServer(
  options: HostOptions,
  scenario: (host: Host) => Promise<void>,
  handlerOf: (app: HostApp) => HostApp["handler"] = (app) => app.handler,
): Promise<void> {
  using app = new HostApp(options);
  await using server = serve(handlerOf(app));
  await scenario(server);
}

test("A reader that takes nothing loses its events and its place, and disturbs nobody", async () => {
  await onServer({ maxSessions: 1, bufferEvents: 100, stallMs: 300 }, stall);
});

const DAY_MS = 86_400_000;

for (const format of ["ndjson", "sse"]) {
  test(`A reader of ${format} that breaks its connection loses its place, since the server tells of it`, async () => {
    // Nothing but the server can tell: nothing is written, and nothing has to be taken.
    await onServer(
      { maxSessions: 1, heartbeatMs: DAY_MS, stallMs: DAY_MS },
      (host) => leave(host, `?format=${format}`, "client"),
    );
  });
}

/** A server as some are that tells neither by the request nor by the body that a reader has gone. */
function withoutWord({ handler }: HostApp): HostApp["handler"] {
  return async (request, peer) => {
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith("/debug/tap")) return await handler(request, peer);
    const { url, headers } = request;
    const { status, body } = await handler(
      new Request(url, { headers }),
      { remoteAddr: { hostname: "127.0.0.1" } },
    );
    const reader = body!.getReader();
    const copy = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { value, done } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    }, { highWaterMark: 0 });
    return new Response(copy, { status });
  };
}

test("Where a server tells nothing, signs of life that nobody takes free the place of a reader that has gone", async () => {
  await onServer(
    { maxSessions: 1, heartbeatMs: 50, stallMs: 200 },
    (host) => leave(host, "", "slow_reader"),
    withoutWord,
  );
});

test("Of a thousand readers that come at once two get the places that there are, and nothing is left of the others", async () => {
  await onServer({ maxSessions: 2 }, crowd);
});
