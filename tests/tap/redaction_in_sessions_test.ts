import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { redact, type RedactRule, Tap, type TapOpenOptions } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { assertStats, eventsOf, linesOf, valuesOf } from "./_sessions.ts";

type Options = Omit<TapOpenOptions<"raw" | "decoded">, "stage">;

const TOKEN = /^rsigma:redacted:[0-9a-f]{16}$/;

async function oneOf(tap: Tap, options: Options, event: unknown): Promise<Record<string, unknown>> {
  using session = tap.open({ stage: "decoded", ...options })!;
  tap.offer("decoded", event);
  return (await valuesOf(session))[0] as Record<string, unknown>;
}

test("Nobody sees what the operator redacts, nor credentials, and readers may add to it", async () => {
  using tap = new Tap({
    redact: ["user.email", { path: "card", mode: "partial" }, { path: "ip", mode: "remove" }],
  });
  const event = {
    user: { email: "ada@x.org", name: "Ada" },
    card: "4111111111111111",
    ip: "10.0.0.1",
    password: "s3cret",
    note: "free",
  };
  const shown = await oneOf(tap, {}, event);
  assertMatch((shown["user"] as { email: string }).email, TOKEN);
  assertEquals({ ...shown, user: undefined }, {
    user: undefined,
    card: "…1111",
    password: "[redacted]",
    note: "free",
  });
  const more = await oneOf(tap, {
    redact: ["user.name", { path: "note", mode: "mask" }, { path: "card", mode: "type" }],
  }, event);
  assertMatch((more["user"] as { email: string }).email, TOKEN);
  assertMatch((more["user"] as { name: string }).name, TOKEN);
  assertEquals([more["note"], more["card"], more["ip"]], ["[redacted]", "", undefined]);
});

test("A reader's rules and fields give back nothing of what is redacted", async () => {
  using tap = new Tap({ redact: ["secretish", { path: "user", mode: "mask" }] });
  const event = { secretish: "abc", user: { email: "ada@x.org" }, token: "tok", open: "seen" };
  const attempts: readonly Options[] = [
    { fields: ["secretish", "user.email", "token", "**"] },
    { redact: [{ path: "secretish", mode: "type" }] },
    { redact: [{ path: "user.email", mode: "partial" }] },
    { redact: [{ path: "**", mode: "typed-hash" }] },
    { maxEventBytes: 128 },
    { sample: 1 },
    { reservoir: 1 },
  ];
  for (const options of attempts) {
    const session = tap.open({ stage: "decoded", ...options })!;
    tap.offer("decoded", event, { user: { email: "ada@x.org" }, secretish: "abc", token: "tok" });
    session.close();
    const text = JSON.stringify(await eventsOf(session));
    for (const hidden of ["abc", "ada@x.org", '"tok"']) assertFalse(text.includes(hidden), text);
  }
});

test("Names of credentials are the operator's to choose, and none may be", async () => {
  const event = { password: "a", pin: "b", "X-Auth-Token": "c" };
  using byDefault = new Tap();
  assertEquals(await oneOf(byDefault, {}, event), {
    password: "[redacted]",
    pin: "b",
    "X-Auth-Token": "[redacted]",
  });
  using own = new Tap({ denyNames: ["pin"] });
  assertEquals(await oneOf(own, {}, event), { ...event, pin: "[redacted]" });
  using none = new Tap({ denyNames: [] });
  assertEquals(await oneOf(none, {}, event), event);
});

test("Equal values have equal tokens in one session, and others in the next", async () => {
  using tap = new Tap({ redact: ["a", "b"], maxSessions: 3, backlog: 2 });
  const sessions = [tap.open({ stage: "decoded" })!, tap.open({ stage: "decoded" })!];
  tap.offer("decoded", { a: "same", b: "same" });
  tap.offer("decoded", { a: "same", b: "other" });
  sessions.push(tap.open({ stage: "decoded" })!);
  const tokens = [];
  for (const session of sessions) {
    const [first, second] = (await valuesOf(session)) as { a: string; b: string }[];
    assertMatch(first!.a, TOKEN);
    assertEquals([first!.b, second!.a], [first!.a, first!.a]);
    assertNotEquals(second!.b, first!.a);
    tokens.push(first!.a);
  }
  assertEquals(new Set(tokens).size, 3);
});

test("A session shows what redact() shows with the same rules", async () => {
  const rules: readonly (string | RedactRule)[] = [
    { path: "a.b", mode: "mask" },
    { path: "list", mode: "type" },
    { path: "items.id", mode: "remove" },
    { path: "**.deep", mode: "partial" },
    { path: "Case", mode: "mask", ignoreCase: true },
  ];
  const event = {
    a: { b: 1, c: 2 },
    list: [1, 2],
    items: [{ id: 1, x: 1 }, { id: 2 }, "scalar"],
    more: { deep: "0123456789abcdef", password: "p" },
    CASE: "x",
  };
  const expected = redact(event, rules);
  using operator = new Tap({ redact: rules });
  assertEquals(await oneOf(operator, {}, event), expected as Record<string, unknown>);
  using client = new Tap();
  assertEquals(await oneOf(client, { redact: rules }, event), expected as Record<string, unknown>);
});

const RULES: readonly (string | RedactRule)[] = [
  "user.email",
  "items[0].id",
  "tags.*.value",
  "**.ssn",
  { path: "Cased", mode: "mask", ignoreCase: true },
];

const HIDDEN: readonly string[] = [
  "user.email",
  "user",
  "user.email.domain",
  "user[0].email",
  "[0].user.email",
  "items.id",
  "items[0].id",
  "items[7].id",
  "items",
  "tags.a.value",
  "tags.a",
  "tags",
  "ssn",
  "a.b.ssn",
  "ssn.part",
  "cased",
  "CASED.part",
  "password",
  "a.X-Auth-Token",
  "headers.cookie.0",
];

const VISIBLE: readonly string[] = [
  "id",
  "User.email",
  "user.name",
  "items.name",
  "tags.a.key",
  "email",
  "tokens",
];

test("where, key and countBy are refused if they read what is redacted, or what it stands in", () => {
  using tap = new Tap({ redact: RULES, maxSessions: 999 });
  for (const path of HIDDEN) {
    const attempts: readonly (readonly [string, Options])[] = [
      ["where", { where: `${path} == 1` }],
      ["where", { where: `exists ${path}` }],
      ["where", { where: `not (id == 1 or ${path} contains "a")` }],
      ["where", { where: `${path}` }],
      ["key", { sample: 0.5, key: path }],
      ["countBy", { countBy: path }],
    ];
    for (const [option, options] of attempts) {
      assertThrows(
        () => tap.open({ stage: "decoded", ...options }),
        RangeError,
        `Cannot open tap session: ${option} must not read what is redacted, received "`,
        `${option} ${path}`,
      );
    }
  }
  assertEquals(tap.stats().opened, 0);
  for (const path of VISIBLE) {
    for (
      const options of [{ where: `${path} == 1` }, { sample: 0.5, key: path }, { countBy: path }]
    ) assert(tap.open({ stage: "decoded", ...options }) !== undefined, path);
  }
});

test("A reader who redacts for itself may filter by that, but not count by it", () => {
  using tap = new Tap({ maxSessions: 9 });
  assert(tap.open({ stage: "decoded", redact: ["a"], where: "a == 1" }) !== undefined);
  assert(tap.open({ stage: "decoded", redact: ["a"], sample: 0.5, key: "a" }) !== undefined);
  assertThrows(
    () => tap.open({ stage: "decoded", redact: ["a"], countBy: "a.b" }),
    RangeError,
    'countBy must not read what is redacted, received "a.b"',
  );
});

test("A filter does not read the whole text where paths are redacted", () => {
  using tap = new Tap({ redact: ["a"] });
  for (const where of ['$ contains "x"', 'id == 1 or not ($ ~ "*x*")']) {
    assertThrows(
      () => tap.open({ stage: "raw", where }),
      RangeError,
      'where must not read "$" where paths are redacted, received ',
    );
  }
});

test("A filter that reads the whole text finds no credentials in it", async () => {
  for (const stage of ["raw", "decoded"] as const) {
    for (const backlog of [0, 9]) {
      using tap = new Tap({ backlog, maxSessions: 9 });
      const line = "login password=hunter2 ok";
      const guesses = ['$ contains "hunter2"', '$ ~ "*hunter?*"', '$ matches "hunt"'];
      const open = () =>
        [...guesses, '$ contains "[redacted]"'].map((where) => tap.open({ stage, where })!);
      const sessions = backlog === 0 ? open() : [];
      tap.offer(stage, line);
      if (backlog > 0) sessions.push(...open());
      assertEquals(sessions.map(({ captured }) => captured), [0, 0, 0, 1]);
      const shown = "login password=[redacted] ok";
      assertEquals(await linesOf(sessions[3]!), [stage === "raw" ? shown : `"${shown}"`]);
    }
  }
});

test("Text that is not JSON is dropped where paths are redacted, by whoever asked for it", async () => {
  const rules: readonly (string | RedactRule)[] = ["a", { path: "a", mode: "mask" }];
  for (const rule of rules) {
    using operator = new Tap({ redact: [rule] });
    const session = operator.open({ stage: "raw" })!;
    operator.offer("raw", "plain");
    operator.offer("raw", '{"a":1,"b":2}');
    assertStats(session, { seen: 2, matched: 2, dropped: 1, unshown: 1, captured: 1, size: 1 });
    assertEquals(Object.keys(JSON.parse((await linesOf(session))[0]!)), ["a", "b"]);

    using tap = new Tap();
    const sessions = [tap.open({ stage: "raw", redact: [rule] })!, tap.open({ stage: "raw" })!];
    tap.offer("raw", "plain");
    assertEquals(sessions.map(({ captured, dropped }) => [captured, dropped]), [[0, 1], [1, 0]]);
    // It could be written, and was.
    assertEquals(tap.stats().unwritable, 0);
  }
});

test("A backlog holds credentials masked, and each session hashes what is kept anew", async () => {
  using tap = new Tap({ backlog: 3, redact: ["email"], maxSessions: 9 });
  tap.offer("decoded", { email: "ada@x.org", password: "hunter2" }, { cookie: "c", email: "e" });
  tap.offer("raw", '{"email":"ada@x.org","token":"tok"}');
  const shown = [];
  for (let i = 0; i < 2; i++) {
    for (const stage of ["decoded", "raw"] as const) {
      const [event] = await eventsOf(tap.open({ stage })!);
      const text = JSON.stringify(event);
      for (const hidden of ["ada@x.org", "hunter2", "tok\\", '"c\\"']) {
        assertFalse(text.includes(hidden), text);
      }
      shown.push((JSON.parse(event!.line) as { email: string }).email);
    }
  }
  assertEquals(new Set(shown).size, 4);
});

test("What is told with an event is redacted as the event is", async () => {
  using tap = new Tap({ redact: ["user.email", { path: "ip", mode: "mask" }] });
  const session = tap.open({ stage: "decoded", redact: ["own"], fields: ["id"] })!;
  const meta = { user: { email: "ada@x.org" }, ip: "10.0.0.1", own: "o", authorization: "b" };
  tap.offer("decoded", { id: 1, user: { email: "ada@x.org" } }, meta);
  const [event] = await eventsOf(session);
  const shown = JSON.parse(event!.meta!) as typeof meta;
  // No fields are chosen from it.
  assertEquals(Object.keys(shown), Object.keys(meta));
  assertMatch(shown.user.email, TOKEN);
  assertMatch(shown.own, TOKEN);
  assertEquals([shown.ip, shown.authorization], ["[redacted]", "[redacted]"]);
});

/** So deep that what walks down in it runs out of stack. */
const DEEP = 200_000;

test("What cannot be redacted is not shown, and counts", async () => {
  const deepText = "[".repeat(DEEP) + '{"email":"ada@x.org","password":"p"}' + "]".repeat(DEEP);
  const taps: readonly (readonly [Tap, Options])[] = [
    [new Tap(), {}],
    [new Tap({ redact: ["**.email"] }), {}],
    [new Tap({ redact: [{ path: "**.email", mode: "mask" }] }), {}],
    [new Tap({ denyNames: [] }), { redact: ["**.email"] }],
    [new Tap({ denyNames: [] }), { fields: ["**.email"] }],
  ];
  for (const [tap, options] of taps) {
    using session = tap.open({ stage: "raw", ...options })!;
    tap.offer("raw", deepText);
    // A runtime may have room for it. Then it is shown as it must be.
    const [line] = await linesOf(session);
    if (line === undefined) {
      assertStats(session, { seen: 1, matched: 1, dropped: 1, unshown: 1 });
    } else if (Object.keys(options).length === 0) assertFalse(line.includes('"p"'));
    tap.offer("raw", '{"email":"after"}');
    assertEquals(session.size, 1);
    tap.close();
  }
});

test("A failure in one session's redaction does not reach the others", async () => {
  using tap = new Tap({ denyNames: [], maxEventBytes: 2 ** 24 });
  const plain = tap.open({ stage: "raw" })!;
  const careful = tap.open({ stage: "raw", redact: ["**.email"] })!;
  const text = "[".repeat(DEEP) + '{"email":"ada@x.org"}';
  // Not JSON at all: it has no end.
  tap.offer("raw", text);
  assertStats(careful, { seen: 1, matched: 1, dropped: 1, unshown: 1 });
  assertEquals(await linesOf(plain), [text]);
});

test("What is redacted is redacted before it is cut off", async () => {
  using tap = new Tap({ redact: ["email"], maxEventBytes: 128 });
  const session = tap.open({ stage: "decoded" })!;
  const email = "ada@x.org".repeat(30);
  tap.offer("decoded", { email, pad: "x".repeat(200) });
  tap.offer("decoded", { password: email, pad: "x".repeat(200) });
  const lines = await linesOf(session);
  assertEquals([lines.length, session.stats().truncated], [2, 2]);
  for (const line of lines) assertFalse(line.includes("ada@"), line);
});
