import { assertEquals, assertThrows } from "@std/assert";
import { main } from "../../cli/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { observe, settle } from "../_settle.ts";
import { envelope, hello, notice, ScriptedFetch, summary } from "../tap/_scripted_fetch.ts";
import { serve } from "../tap/_server.ts";
import { until } from "../tap/_wait.ts";
import { FakeHost } from "./_fake_host.ts";
import { endless } from "./_tap.ts";

test("weir tap exits with 0 when it is interrupted, and says how far it came", async () => {
  let isCancelled = false;
  await using server = serve(endless(() => isCancelled = true));
  const host = new FakeHost("tap", server.url);
  const ended = main(host);
  await until("an event is shown", () => host.output !== "");
  host.interrupt();
  assertEquals(await ended, 0);
  const shown = host.output.split("\n").length - 1;
  assertEquals(host.errors, [`tap: ${shown} shown, 0 dropped so far, interrupted`]);
  assertEquals(host.leftovers, []);
  await until("the server is told", () => isCancelled);
});

test("weir tap that is interrupted knows what was dropped by then", async () => {
  using server = new ScriptedFetch((request) => {
    request.open(hello(), "1", notice({ kind: "drop", dropped: 3, new: 3 }), "2");
  });
  const host = new FakeHost("tap", "http://127.0.0.1:1");
  const ended = main(host);
  await settle();
  host.interrupt();
  assertEquals([await ended, host.output, server.last.isGone], [0, "1\n2\n", true]);
  assertEquals(host.errors.at(-1), "tap: 2 shown, 3 dropped so far, interrupted");
});

test("weir tap exits with 0 when it is interrupted before an answer has come", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  await using server = serve(() => {
    asked.resolve();
    return answer.promise;
  });
  const host = new FakeHost("tap", server.url);
  const ended = main(host);
  await asked.promise;
  host.interrupt();
  assertEquals(await ended, 0);
  assertEquals(host.errors, ["tap: 0 shown, 0 dropped so far, interrupted"]);
  answer.resolve(new Response("late"));
});

test("weir tap ends at once when it is interrupted a second time", async () => {
  using _server = new ScriptedFetch((request) => request.open(hello(), "1"));
  const host = new FakeHost("tap", "http://127.0.0.1:1");
  const taken = Promise.withResolvers<boolean>();
  let writes = 0;
  host.write = () => {
    writes++;
    return taken.promise;
  };
  const ended = observe(main(host));
  await settle();
  assertEquals(writes, 1);
  host.interrupt();
  await settle();
  // Whoever reads the output takes nothing, as a pager does.
  assertEquals([ended.state, host.interrupts.size], ["pending", 1]);
  const error = assertThrows(() => host.interrupt(), Error) as Error;
  assertEquals(error.message, "The process was to exit with 130");
  taken.resolve(true);
  await settle();
  assertEquals([ended.value, host.leftovers], [0, []]);
});

test("weir tap --reconnect goes on when the stream is cut off, and says so", async () => {
  using time = new FakeTime();
  using server = new ScriptedFetch();
  const host = new FakeHost("tap", "http://127.0.0.1:1/tap", "--reconnect", "--limit", "4");
  const ended = observe(main(host));
  await settle();
  server.last.open(
    hello({ limit: 4 }),
    envelope(1, "1"),
    notice({ kind: "drop", dropped: 2, new: 2 }),
  );
  await settle();
  server.last.cut();
  await settle();
  time.pass(500);
  await settle();
  server.last.refuse(503, "restarting");
  await settle();
  time.pass(1_000);
  await settle();
  server.last.open(hello({ limit: 3, missed: 5, replayed: 1 }), envelope(7, "7"));
  await settle();
  server.last.send(envelope(8, "8"), envelope(9, "9"), summary({ captured: 3, dropped: 1 }));
  await settle();
  assertEquals([ended.value, host.output], [0, "1\n7\n8\n9\n"]);
  const said = host.errors.map((line) => line.replace(/in \d\.\d s/, "in N s"));
  assertEquals(said, [
    "tap: watching decoded of http://127.0.0.1:1/tap for 30s, at most 4",
    "tap: 2 dropped so far, 2 of them since last told",
    "tap: error reading a body from connection; attempt 1 in N s",
    "tap: restarting; attempt 2 in N s",
    "tap: watching again, 5 missed, 1 made up for",
    "tap: 4 shown, 3 dropped (6 ms, stage decoded, ended by limit)",
  ]);
  assertEquals(time.armed, 0);
});

test("weir tap --reconnect that gives up exits with 3 if it never began, and with 4 if it did", async () => {
  for (const hasBegun of [false, true]) {
    using time = new FakeTime();
    using server = new ScriptedFetch((request, index) => {
      if (index > 0 || !hasBegun) return request.fail(new TypeError("connection refused"));
      request.open(hello({ "duration_ms": 3_600_000 }), envelope(1, "1"));
      request.close();
    });
    const host = new FakeHost("tap", "http://127.0.0.1:1", "--reconnect");
    const ended = observe(main(host));
    for (let i = 0; i < 20; i++) {
      await settle();
      time.pass(15_000);
    }
    assertEquals([ended.value, server.requests.length], [hasBegun ? 4 : 3, 11]);
    assertEquals(
      host.errors.at(-1),
      hasBegun
        ? "tap: 1 shown, then the stream was cut off; events may be missing"
        : "weir: Cannot reach http://127.0.0.1:1: connection refused",
    );
  }
});

test("weir tap --reconnect that is refused for good says why", async () => {
  using time = new FakeTime();
  using server = new ScriptedFetch((request, index) => {
    if (index > 0) return request.refuse(403, "not any more");
    request.open(hello(), envelope(1, "1"));
    request.close();
  });
  const host = new FakeHost("tap", "http://127.0.0.1:1", "--reconnect");
  const ended = observe(main(host));
  await settle();
  time.pass(500);
  await settle();
  assertEquals([ended.value, server.requests.length], [4, 2]);
  assertEquals(host.errors.slice(-2), [
    "weir: not any more",
    "tap: 1 shown, then the stream was cut off; events may be missing",
  ]);
});

test("weir tap takes a connection on which nothing comes for cut off", async () => {
  using time = new FakeTime();
  using _server = new ScriptedFetch((request) => request.open(hello(), "1"));
  const host = new FakeHost("tap", "http://127.0.0.1:1");
  const ended = observe(main(host));
  await settle();
  time.pass(20_000);
  await settle();
  assertEquals(ended.value, 4);
  assertEquals(host.errors.slice(1), [
    "weir: Cannot go on watching tap: the server has sent nothing for 20s",
    "tap: 1 shown, then the stream was cut off; events may be missing",
  ]);
});
