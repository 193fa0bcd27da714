import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { type RedactRule, Tap, type TapOpenOptions, type TapSession } from "../../tap/mod.ts";
import { serving } from "../../tap/tap.ts";
import { test } from "../_harness.ts";
import { assertStats, eventsOf, linesOf, valuesOf } from "./_sessions.ts";

type Rules = readonly (string | RedactRule)[];
type Options = Partial<TapOpenOptions<string>>;

const TOKEN = /^rsigma:redacted:[0-9a-f]{16}$/;
const STAGES = { "http.in": "json", "http.out": "json", "queue.in": "json", log: "text" } as const;
const NAMES = Object.keys(STAGES);
const EVENT = { email: "ada@x.org", ip: "10.0.0.1" };

function tapOf(redact: Rules, backlog = 0): Tap<string> {
  return new Tap<string>({ stages: STAGES, redact, backlog, maxSessions: 99 });
}

/** A session of somebody who was granted less than all. */
function openGranted(tap: Tap<string>, redact: Rules, options: TapOpenOptions<string>): TapSession {
  const session = serving.open(tap, options, { redact });
  assert(typeof session !== "string");
  return session;
}

/** At which stages what stands at a key is hidden, in the event and beside it. */
async function hiddenAt(session: TapSession, key: "email" | "ip"): Promise<string[]> {
  const hidden: string[] = [];
  for (const { stage, line, meta } of await eventsOf(session)) {
    const shown = [line, meta!].map((text) => JSON.parse(text)[key] !== EVENT[key]);
    assertEquals(shown[0], shown[1], `${stage}: ${line}, ${meta}`);
    if (shown[0]) hidden.push(stage);
  }
  return hidden;
}

function offerAll(tap: Tap<string>): void {
  for (const stage of tap.stages) {
    tap.offer(stage, stage === "log" ? JSON.stringify(EVENT) : EVENT, EVENT);
  }
}

/** The stages of a rule, and the stages at which it holds. */
const SCOPES: readonly (readonly [readonly string[] | undefined, readonly string[]])[] = [
  [undefined, NAMES],
  [["*"], NAMES],
  [["http.in"], ["http.in"]],
  [["http.*"], ["http.in", "http.out"]],
  [["*.in"], ["http.in", "queue.in"]],
  [["log", "*.out"], ["http.out", "log"]],
  [["http.in", "http.in", "h*"], ["http.in", "http.out"]],
  [["http"], []],
  [["HTTP.IN"], []],
  [["other"], []],
];

test("A rule holds at the stages that it names, whoever's it is, live and from a backlog", async () => {
  for (const mode of ["mask", "hash", "typed-hash", "partial", "type"] as const) {
    for (const [stages, expected] of SCOPES) {
      for (const backlog of [0, 9]) {
        const rules: Rules = [{ path: "email", mode, stages }];
        const place = `${mode}, ${stages}, backlog ${backlog}`;
        const ways: Record<string, readonly [Tap<string>, (tap: Tap<string>) => TapSession]> = {
          operator: [tapOf(rules, backlog), (tap) => tap.open({ stage: "*" })!],
          grant: [tapOf([], backlog), (tap) => openGranted(tap, rules, { stage: "*" })],
          reader: [tapOf([], backlog), (tap) => tap.open({ stage: "*", redact: rules })!],
        };
        for (const [who, [tap, open]] of Object.entries(ways)) {
          const live = backlog === 0 ? open(tap) : undefined;
          offerAll(tap);
          const session = live ?? open(tap);
          assertEquals(session.captured, NAMES.length, `${who}: ${place}`);
          assertEquals(await hiddenAt(session, "email"), expected, `${who}: ${place}`);
          tap.close();
        }
      }
    }
  }
});

test("Each stage is redacted by its own rules, in the order in which they were given", async () => {
  using tap = tapOf([
    { path: "email", mode: "partial", stages: ["http.*"] },
    { path: "email", mode: "mask", stages: ["http.out", "log"] },
    "ip",
    { path: "ip", mode: "remove", stages: ["queue.in"] },
  ]);
  const session = tap.open({ stage: NAMES })!;
  const email = "somebody@example.org";
  for (const stage of NAMES) {
    tap.offer(stage, stage === "log" ? JSON.stringify({ email, ip: 1 }) : { email, ip: 1 });
  }
  const shown = (await valuesOf(session)) as { email: string; ip?: string }[];
  assertEquals(shown.map(({ email }) => email), ["….org", "[redacted]", email, "[redacted]"]);
  const tokens = shown.map(({ ip }) => ip);
  for (const stage of [0, 1, 3]) assertMatch(tokens[stage]!, TOKEN);
  assertEquals(tokens[2], undefined);
  // Equal values are equal across stages.
  assertEquals(new Set(tokens).size, 2);
});

test("A stage that is added later has the rules that name it or fit it", async () => {
  const rules: Rules = [
    { path: "email", mode: "mask", stages: ["late.*"] },
    { path: "ip", stages: ["late.b", "never"] },
  ];
  for (const backlog of [0, 9]) {
    const own = tapOf(rules, backlog);
    const granted = tapOf([], backlog);
    const open: readonly (readonly [Tap<string>, () => TapSession])[] = [
      [own, () => own.open({ stage: ["*", "log"] })!],
      [granted, () => openGranted(granted, rules, { stage: "*" })],
      [granted, () => granted.open({ stage: "*", redact: rules })!],
    ];
    const sessions = backlog === 0 ? open.map(([, act]) => act()) : [];
    for (const tap of [own, granted]) {
      for (const name of ["late.a", "late.b", "later.a"]) tap.addStage(name, "json");
      offerAll(tap);
    }
    if (backlog > 0) sessions.push(...open.map(([, act]) => act()));
    for (const session of sessions) {
      const events = await eventsOf(session);
      const shown = Object.fromEntries(
        events.map(({ stage, line }) => [stage, JSON.parse(line) as typeof EVENT]),
      );
      assertEquals(Object.keys(shown).length, NAMES.length + 3);
      for (const stage of ["log", "http.in", "later.a"]) assertEquals(shown[stage], EVENT, stage);
      assertEquals(shown["late.a"], { email: "[redacted]", ip: EVENT.ip });
      assertEquals(shown["late.b"]!.email, "[redacted]");
      assertMatch(shown["late.b"]!.ip, TOKEN);
    }
    own.close();
    granted.close();
  }
});

test("A text stage without a rule of its own passes lines, and one with a rule passes no plain ones", async () => {
  for (const mode of ["mask", "hash"] as const) {
    for (const backlog of [0, 9]) {
      const stages = { a: "text", b: "text", c: "json" } as const;
      const rules: Rules = [{ path: "email", mode, stages: ["b", "c"] }];
      using own = new Tap<string>({ stages, redact: rules, backlog });
      using granted = new Tap<string>({ stages, backlog });
      const open = () => [own.open({ stage: "*" })!, openGranted(granted, rules, { stage: "*" })];
      const live = backlog === 0 ? open() : [];
      for (const tap of [own, granted]) {
        for (const stage of ["a", "b", "c"]) tap.offer(stage, "plain password=hunter2");
      }
      for (const session of backlog === 0 ? live : open()) {
        const events = await eventsOf(session);
        assertEquals(
          events.filter(({ stage }) => stage !== "c").map(({ stage, line }) => [stage, line]),
          [["a", "plain password=[redacted]"]],
        );
        // A text that is a whole event stands in place of what the path leads through.
        assert(!events.at(-1)!.line.includes("plain"), events.at(-1)!.line);
      }
    }
  }
});

test("Lines that must not be shown at a stage count there only", () => {
  using tap = tapOf([{ path: "email", stages: ["log"] }]);
  tap.addStage("notes", "text");
  const sessions = ["log", "notes"].map((stage) => tap.open({ stage })!);
  tap.offer("log", "plain");
  tap.offer("notes", "plain");
  assertStats(sessions[0]!, { seen: 1, matched: 1, dropped: 1, unshown: 1 });
  assertStats(sessions[1]!, { seen: 1, matched: 1, captured: 1, size: 1 });
});

test("A filter, a key and a count are refused by the rules that may hold at a stage that was asked for", () => {
  const rules: Rules = [
    { path: "email", mode: "mask", stages: ["http.in"] },
    { path: "ip", stages: ["queue.*", "log"] },
  ];
  /** What was asked for, and what must not be read there. */
  const table: readonly (readonly [string | readonly string[], readonly string[]])[] = [
    ["http.in", ["email"]],
    ["http.out", []],
    ["queue.in", ["ip"]],
    ["log", ["ip"]],
    [["http.in", "http.out"], ["email"]],
    [["http.out", "log"], ["ip"]],
    [["http.in", "log"], ["email", "ip"]],
    // What fits a pattern is not known before its end.
    ["*", ["email", "ip"]],
    ["http.*", ["email", "ip"]],
    ["nothing.*", ["email", "ip"]],
    [["http.out", "zzz*"], ["email", "ip"]],
  ];
  const asks = (path: string): Record<string, Options> => ({
    where: { where: `id == 1 or ${path} == "x"` },
    key: { sample: 0.5, key: path },
    countBy: { countBy: path },
  });
  for (const [stage, hidden] of table) {
    using own = tapOf(rules);
    using granted = tapOf([]);
    const opens: readonly ((options: Options) => void)[] = [
      (options) => assert(own.open({ stage, ...options }) !== undefined),
      (options) => void openGranted(granted, rules, { stage, ...options }),
    ];
    for (const open of opens) {
      for (const path of ["email", "ip", "email.x", "other"]) {
        for (const [option, options] of Object.entries(asks(path))) {
          const place = `${stage}: ${option} ${path}`;
          if (!hidden.includes(path.split(".")[0]!)) open(options);
          else {
            assertThrows(
              () => open(options),
              RangeError,
              `${option} must not read what is redacted`,
              place,
            );
          }
        }
      }
      if (hidden.length === 0) open({ where: '$ contains "x"' });
      else assertThrows(() => open({ where: '$ contains "x"' }), RangeError, '"$"', `${stage}`);
    }
  }
});

test("A reader may filter by what it redacts for itself at some stages", () => {
  using tap = tapOf([]);
  const redact: Rules = [{ path: "email", stages: ["http.in"] }];
  assert(tap.open({ stage: "*", redact, where: 'email == "x"' }) !== undefined);
  assertThrows(() => tap.open({ stage: "*", redact, countBy: "email" }), RangeError, "countBy");
});

test("Rules of stages are what they were when they were given, whosever they are", async () => {
  const rulesOf = (path: string) => [{ path, mode: "hash" as const, stages: ["http.*"] }];
  const forget = (rules: ReturnType<typeof rulesOf>): void => {
    rules[0]!.stages[0] = "nowhere";
    rules[0]!.path = "other";
    rules.length = 0;
  };
  const all = [rulesOf("own"), rulesOf("granted"), rulesOf("mine")] as const;
  using tap = tapOf(all[0]);
  const session = serving.open(tap, { stage: "*", redact: all[2] }, { redact: all[1] });
  assert(typeof session !== "string");
  all.forEach(forget);
  tap.addStage("http.late", "json");
  for (const stage of ["http.in", "http.late"]) {
    tap.offer(stage, { own: "a", granted: "a", mine: "a" });
    const [shown] = (await valuesOf(session)) as [Record<string, string>];
    for (const key of ["own", "granted", "mine"]) {
      assertMatch(shown[key]!, TOKEN, `${stage}: ${key}`);
    }
    const [other] = (await (async () => {
      using later = tap.open({ stage })!;
      tap.offer(stage, { own: "a" });
      return await valuesOf(later);
    })()) as [Record<string, string>];
    assertMatch(other["own"]!, TOKEN);
    await valuesOf(session);
  }
});

test("Stages of a rule must be a list of names, and its place is said", () => {
  const wrong: readonly unknown[] = ["http.in", 5, null, {}, [5], [""], ["ok", undefined]];
  for (const stages of wrong) {
    const rules = ["a", { path: "b", stages }] as Rules;
    for (
      const act of [() => tapOf(rules), () => tapOf([]).open({ stage: "log", redact: rules })]
    ) assertThrows(act, TypeError, "redact[1].stages must be a list of names, received ");
  }
});

test("A reader's token of a value is never the operator's, nor that of a grant", async () => {
  using tap = tapOf([{ path: "a", mode: "hash" }, { path: "t", mode: "typed-hash" }]);
  const mine: Rules = ["x", "y", { path: "u", mode: "typed-hash" }];
  const session = openGranted(tap, ["g"], { stage: "http.in", redact: mine });
  for (const value of ["ada@x.org", 7, true, { b: [1] }, ""]) {
    tap.offer("http.in", { a: value, g: value, x: value, y: value, t: value, u: value });
    const [{ a, g, x, y, t, u }] = (await valuesOf(session)) as [Record<string, string>];
    for (const token of [a, g, x, y, t, u]) {
      assertMatch(token!, /^(?:rsigma|weir):redacted:[0-9a-f]{16}$/);
    }
    assertEquals([g, y], [a, x]);
    assertNotEquals(a!.slice(-16), x!.slice(-16));
    assertNotEquals(t!.slice(-16), u!.slice(-16));
  }
});

test("A reader cannot make the operator's token by a rule for the same path, nor for all", async () => {
  using tap = tapOf(["a"], 9);
  const seen: string[][] = [];
  for (
    const redact of [[], ["b"], ["a", "b"], ["**"], [{ path: "b", stages: ["http.in"] }]] as Rules[]
  ) {
    const session = tap.open({ stage: "http.in", redact, backlog: 0 })!;
    tap.offer("http.in", { a: "ada", b: "ada" }, { a: "ada", b: "ada" });
    const [event] = await eventsOf(session);
    for (const text of [event!.line, event!.meta!]) {
      assert(!text.includes("ada") || redact.length === 0, text);
      if (!text.startsWith("{")) continue;
      const { a, b } = JSON.parse(text) as { a: string; b: string };
      assertNotEquals(a, b);
      seen.push([a, b]);
    }
  }
  assert(seen.length >= 8);
  const tokens = seen.map(([a]) => a!);
  for (const [, b] of seen) assert(!tokens.includes(b!), b);
});

test("Equal values have the reader's same token at all stages and beside the event", async () => {
  using tap = tapOf([]);
  const session = tap.open({ stage: "*", redact: ["email"] })!;
  offerAll(tap);
  const events = await eventsOf(session);
  const tokens = events.flatMap(({ line, meta }) =>
    [line, meta!].map((text) => JSON.parse(text).email)
  );
  assertEquals([tokens.length, new Set(tokens).size], [2 * NAMES.length, 1]);
  assertEquals(await linesOf(session), []);
});
