import { assertEquals, assertMatch } from "@std/assert";
import type { HostOptions } from "./_host_app.ts";
import { bundleForNode, nodePath } from "./_host_bundle.ts";
import { nodeTest } from "./_host_node.ts";
import { HostProcess, hostProgram } from "./_host_process.ts";
import { crowd, isOpen, leave, linesOf, order, stall, watch } from "./_host_scenarios.ts";
import { type Host, state, stateOf } from "./_host_state.ts";

const DAY_MS = 86_400_000;
const TOKEN = "0123456789abcdef-node";

/** Runs a scenario against a server in Node, on whose way to the tap an adapter makes requests and responses of what Node has. */
async function onNode(
  options: HostOptions,
  scenario: (host: Host) => Promise<void>,
): Promise<void> {
  using program = await bundleForNode(hostProgram);
  await using host = await HostProcess.start([nodePath!], program.file, options);
  await scenario(host);
  assertEquals(host.errors, "");
}

nodeTest(
  "In Node a tap streams through an adapter while events come, and its reader can end it",
  async () => {
    await onNode({ maxSessions: 1, token: TOKEN }, async (host) => {
      const aborting = new AbortController();
      const response = await fetch(`http://127.0.0.1:${host.port}/debug/tap`, {
        headers: { authorization: `Bearer ${TOKEN}` },
        signal: aborting.signal,
      });
      assertEquals(response.status, 200);
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      const hello = await reader.read();
      assertMatch(hello.value!, /^{"weir_tap_hello":{.*}\n$/);
      for (let id = 1; id <= 3; id++) {
        await order(host, id);
        const event = await reader.read();
        assertMatch(event.value!, new RegExp(`^{"order":${id},.*}\n$`));
      }
      const pending = reader.read().catch((reason) => reason);
      aborting.abort("enough");
      assertEquals(await pending, "enough");
      const { ended, tap } = await state(
        "the session has ended",
        host,
        ({ ended }) => ended.length > 0,
      );
      assertEquals([tap.active, ended[0]!.reason], [0, "client"]);
    });
  },
);

nodeTest(
  "In Node a tap that authorizes nobody refuses everybody, since it is not told who asks",
  async () => {
    await onNode({}, async (host) => {
      const response = await fetch(`http://127.0.0.1:${host.port}/debug/tap`);
      assertEquals(response.status, 403);
      const { error, hint } = await response.json();
      assertMatch(error, /the server does not pass on the address of the peer$/);
      assertMatch(hint, /authorize/);
      assertEquals((await stateOf(host)).refused, { forbidden: 1 });
    });
  },
);

nodeTest("In Node a session ends by its limit, and the summary comes at once", async () => {
  await onNode({ token: TOKEN }, async (host) => {
    const reader = watch(host, "?limit=2");
    await isOpen(reader);
    for (const id of [1, 2, 3]) await order(host, id);
    await state("the answer has ended", host, ({ tap }) => tap.active === 0);
    while (!reader.body.includes("summary")) await order(host, 4);
    const { events, summary } = linesOf(reader.body);
    assertEquals([events.length, summary.captured, summary.reason], [2, 2, "limit"]);
    await reader.destroy();
  });
});

nodeTest(
  "In Node a reader that takes nothing loses its events and its place, and disturbs nobody",
  async () => {
    await onNode({ maxSessions: 1, bufferEvents: 100, stallMs: 300, token: TOKEN }, stall);
  },
);

for (const format of ["ndjson", "sse"]) {
  nodeTest(
    `In Node a reader of ${format} that breaks its connection loses its place, since the adapter tells of it`,
    async () => {
      await onNode(
        { maxSessions: 1, heartbeatMs: DAY_MS, stallMs: DAY_MS, token: TOKEN },
        (host) => leave(host, `?format=${format}`, "client"),
      );
    },
  );
}

nodeTest(
  "In Node two of a thousand readers that come at once get the places that there are",
  async () => {
    await onNode({ maxSessions: 2, token: TOKEN }, crowd);
  },
);
