import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { replay, tapClient } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { Daemon } from "./_origin_daemon.ts";
import { parse, read, refusalOf } from "./_streams.ts";
import { until } from "./_wait.ts";

// The tests that the origin has of its daemon as a whole, under the names they have there, on the runtime's own server.

test("tap_disabled_by_default_returns_503: a tap that is not switched on says so", async () => {
  await using daemon = new Daemon({ enabled: false });
  const { error, hint } = await refusalOf(await daemon.watch(), 503);
  assertEquals(error, "event tap disabled");
  assertMatch(hint!, /tap\.enable\(\)/);
  // Also where the request is wrong in another way is nothing opened.
  const wrong = await daemon.watch("?duration=1x");
  assertMatch(`${wrong.status}`, /^(?:400|503)$/);
  await wrong.text();
  const metrics = await daemon.metrics();
  assertEquals([metrics.sessions_total, metrics.enabled], [0, 0]);
  assertEquals(metrics['refused_total{reason="disabled"}'], 1);
});

test("tap_enabled_via_config: switching it on is all that it takes", async () => {
  await using configured = new Daemon({ enabled: true });
  assertEquals((await read(await configured.watch("?duration=20ms"))).summary.reason, "duration");
  // While it runs, too.
  await using daemon = new Daemon({ enabled: false });
  await refusalOf(await daemon.watch(), 503);
  daemon.tap.enable();
  assertEquals((await read(await daemon.watch("?duration=20ms"))).summary.captured, 0);
});

test("tap_duration_over_max_returns_400: ten minutes are more than five", async () => {
  await using daemon = new Daemon();
  const { error } = await refusalOf(await daemon.watch("?duration=10m"), 400);
  assertMatch(error, /\bexceeds\b.*\b5m\b.*\b10m\b/);
  assertEquals((await daemon.metrics()).sessions_total, 0);
});

test("tap_invalid_stage_returns_400: a stage that is none is refused", async () => {
  await using daemon = new Daemon();
  const { error } = await refusalOf(await daemon.watch("?stage=bogus"), 400);
  assertMatch(error, /\bstage\b.*"bogus"/);
  assertEquals((await daemon.metrics()).sessions_total, 0);
});

test("tap_captures_decoded_events: what is posted is there, and the summary is the last line", async () => {
  await using daemon = new Daemon();
  const response = await daemon.watch("?stage=decoded");
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "application/x-ndjson");
  assertEquals((await daemon.metrics()).active_sessions, 1);
  await daemon.post('{"action":"login","n":1}', "", "no event", '{"action":"logout","n":2}');
  daemon.tap.close();
  const body = await response.text();
  const { events, summary } = parse(body);
  assertEquals(events, ['{"action":"login","n":1}', '{"action":"logout","n":2}']);
  assertEquals([summary.captured, summary.dropped, summary.stage], [2, 0, "decoded"]);
  assert(body.trimEnd().split("\n").at(-1)!.startsWith('{"weir_tap_summary":'));
});

test("tap_redacts_named_fields_server_side: a value that is redacted is nowhere in the answer", async () => {
  await using daemon = new Daemon();
  for (const query of ["", "&meta=1", "&format=sse", "&framing=strict", "&stage=raw"]) {
    const response = await daemon.watch(`?redact=src_ip,user.email&limit=1${query}`);
    await daemon.post('{"src_ip":"10.11.12.13","user":{"email":"ada@example.org"},"port":443}');
    const body = await response.text();
    assertFalse(body.includes("10.11.12.13") || body.includes("ada@example.org"), body);
    assertMatch(body, /"src_ip":"rsigma:redacted:[0-9a-f]{16}"/);
    assertMatch(body, /"email":"rsigma:redacted:[0-9a-f]{16}"/);
    assertMatch(body, /"port":443/);
  }
});

test("tap_limit_ends_stream_early: after two events of five it is over, long before its time", async () => {
  await using daemon = new Daemon();
  const response = await daemon.watch("?duration=20s&limit=2");
  await daemon.post(...[1, 2, 3, 4, 5].map((n) => `{"n":${n}}`));
  const { events, summary } = await read(response);
  assertEquals(events, ['{"n":1}', '{"n":2}']);
  assertEquals([summary.captured, summary.reason], [2, "limit"]);
  assert(summary.duration_ms < 20_000);
  await until("its place is free", () => daemon.tap.stats().active === 0);
});

test("tap_raw_stage_captures_unparsed_line: a line that is no event is there, byte for byte", async () => {
  await using daemon = new Daemon({ lines: "syslog" });
  const lines = [
    "<34>1 2026-08-07T00:00:00Z host su - ID47 - \ufeff'su root' failed for \"lonvick\" \\ on /dev/pts/8",
    "  \t漢字 {not json \u2028 ",
    '{"n": 1.0,  "b":1}',
  ];
  // What some readers take for the end of a line is escaped unless the framing is strict.
  const isPlain = (line: string): boolean => !line.includes("\u2028");
  for (const isStrict of [false, true]) {
    const query = isStrict ? "&framing=strict" : "";
    const sent = isStrict ? lines : lines.filter(isPlain);
    const response = await daemon.watch(`?stage=raw&limit=${sent.length}${query}`);
    await daemon.post(...sent);
    const bytes = new Uint8Array(await response.arrayBuffer());
    // A decoder that leaves out no byte order mark.
    const body = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    const [hello, ...others] = body.split("\n").slice(0, -2);
    // In strict framing an empty line may be what makes the answer begin.
    const found = !isStrict || hello === "" ? others : [hello, ...others];
    assertEquals(found, sent);
  }
});

test("tap_session_cap_returns_409: with two held open there is no third", async () => {
  await using daemon = new Daemon();
  const held = [await daemon.watch(), await daemon.watch("?stage=raw")];
  const { error, hint } = await refusalOf(await daemon.watch(), 409);
  assertMatch(error, /\bcapacity\b/);
  assertMatch(hint!, /\bmaxSessions\b/);
  const metrics = await daemon.metrics();
  assertEquals([metrics.active_sessions, metrics.sessions_total], [2, 2]);
  assertEquals(metrics['refused_total{reason="full"}'], 1);
  // Those who are there have noticed nothing.
  await daemon.post('{"n":1}');
  daemon.tap.close();
  for (const response of held) assertEquals((await read(response)).events.length, 1);
});

test("tap_fixture_replays_with_engine_eval: a capture without secrets fires the same rule", async () => {
  /** A rule of detection: failed logins, by who failed. */
  interface Login {
    readonly action: string;
    readonly result: string;
    readonly "src_ip": string;
  }
  const isFailed = ({ action, result }: Login): boolean => action === "login" && result === "fail";
  await using daemon = new Daemon();
  const client = tapClient(daemon.url, { stage: "decoded", redact: ["src_ip"], limit: 4 });
  const posted = [
    '{"action":"login","result":"fail","src_ip":"10.11.12.13"}',
    '{"action":"login","result":"ok","src_ip":"10.11.12.14"}',
    '{"action":"login","result":"fail","src_ip":"10.11.12.13"}',
    '{"action":"logout","result":"fail","src_ip":"10.11.12.15"}',
  ];
  const captured: string[] = [];
  const reading = (async () => {
    for await (const line of client) captured.push(line);
  })();
  await until("the session is open", () => client.hello !== undefined);
  await daemon.post(...posted);
  await reading;
  assert(client.isComplete);
  assertEquals(client.summary!.captured, 4);
  const file = captured.map((line) => `${line}\n`).join("");
  assertEquals(captured.length, 4);
  assertFalse(/10\.11\.12|summary|hello/.test(file), file);

  const fired: Login[] = [];
  const result = await replay<Login>(file, (event) => {
    if (isFailed(event)) fired.push(event);
  });
  assertEquals([result.events, result.skipped], [4, 0]);
  const expected = posted.map((line): Login => JSON.parse(line)).filter(isFailed);
  assertEquals(fired.length, expected.length);
  // What was equal is equal still, so that what counts by it counts the same.
  assertEquals(new Set(fired.map(({ src_ip }) => src_ip)).size, 1);
});
