import { assertEquals, assertMatch } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { ask, read, refusalOf } from "./_streams.ts";

// The tests that the origin has of its parameters and of a whole stream, under the names they have there.

test("parse_params_defaults_to_decoded_30s: without parameters decoded is watched for 30 s, without an end in events", async () => {
  for (const query of ["", "?", "?drop=newest"]) {
    using time = new FakeTime();
    const tap = new Tap();
    const response = await ask(tapHandler(tap), query);
    const [session] = tap.sessions;
    const { stage, redact, limit, durationMs } = session!.query;
    assertEquals([stage, redact, limit, durationMs], ["decoded", undefined, undefined, 30_000]);
    for (let id = 0; id < 5_000; id++) tap.offer("decoded", { ip: "10.0.0.1" });
    time.pass(29_999);
    assertEquals(session!.reason, undefined);
    time.pass(1);
    assertEquals(session!.reason, "duration");
    const { events, summary } = await read(response);
    assertEquals(events.length, 5_000);
    // Nothing is altered that nobody has asked for.
    assertEquals(events.at(-1), '{"ip":"10.0.0.1"}');
    assertEquals([summary.captured, summary.duration_ms], [5_000, 30_000]);
  }
});

test("parse_params_rejects_over_max_duration: ten minutes of five are refused, in words that say both", async () => {
  const tap = new Tap({ maxDurationMs: 300_000 });
  const handler = tapHandler(tap);
  for (const duration of ["10m", "5m1ms", "300001ms", "999999h"]) {
    const { error } = await refusalOf(await ask(handler, `?duration=${duration}`), 400);
    assertMatch(error, new RegExp(`\\bexceeds\\b.*\\b5m\\b.*\\b${duration}\\b`));
  }
  assertEquals(tap.stats().opened, 0);
  for (const duration of ["5m", "300s", "299999ms"]) {
    const response = await ask(handler, `?duration=${duration}&limit=0`);
    assertEquals((await read(response)).summary.reason, "limit");
  }
});

test("parse_params_rejects_bad_stage: a stage that is none is refused, with those that there are", async () => {
  const tap = new Tap();
  const { error } = await refusalOf(await ask(tapHandler(tap), "?stage=bogus"), 400);
  assertEquals(
    error,
    'Cannot open tap session: stage must be one of raw, decoded, received "bogus"',
  );
  assertEquals(tap.stats().opened, 0);
});

test("parse_params_splits_redact_list: blanks round a path and empty places are none of it", async () => {
  const tap = new Tap();
  const query = new URLSearchParams({ redact: "user.email, src_ip ,", stage: "raw" });
  const response = await ask(tapHandler(tap), `?${query}`);
  const [session] = tap.sessions;
  assertEquals(session!.query.redact, ["user.email", "src_ip"]);
  assertEquals(session!.stage, "raw");
  tap.offer("raw", '{"src_ip":"10.0.0.1","user":{"email":"x","id":7}}');
  tap.close();
  const { hello, events } = await read(response);
  assertEquals(hello.redact, ["user.email", "src_ip"]);
  const token = "rsigma:redacted:[0-9a-f]{16}";
  const wording = `{"src_ip":"${token}","user":{"email":"${token}","id":7}}`;
  assertMatch(events[0]!, new RegExp(`^${wording}$`));
});

/** Runs `body` while all chance of the platform is bytes of 7, as the salt of the fixture is. */
async function withSaltOfSevens(body: () => Promise<void>): Promise<void> {
  Object.defineProperty(crypto, "getRandomValues", {
    configurable: true,
    value: (bytes: Uint8Array) => bytes.fill(7),
  });
  try {
    await body();
  } finally {
    delete (crypto as { getRandomValues?: unknown }).getRandomValues;
  }
}

test("golden_redacted_decoded_fixture: with its salt a stream in strict framing is the fixture, byte for byte", async () => {
  using time = new FakeTime();
  await withSaltOfSevens(async () => {
    const tap = new Tap();
    const query = "?framing=strict&redact=src_ip,user.email&limit=1";
    const response = await ask(tapHandler(tap), query);
    time.pass(12);
    tap.offer("decoded", {
      action: "login",
      src_ip: "10.0.0.1",
      user: { email: "alice@example.com", id: 7 },
    });
    assertEquals(
      await response.text(),
      '{"action":"login","src_ip":"rsigma:redacted:cfea2addbf5c8284",' +
        '"user":{"email":"rsigma:redacted:509efebfb0e7ac1e","id":7}}\n' +
        '{"rsigma_tap_summary":{"captured":1,"dropped":0,"duration_ms":12,"stage":"decoded"}}\n',
    );
  });
  assertEquals(typeof crypto.getRandomValues, "function");
});
