import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { Tap, type TapFormat } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";
import { linesOf } from "./_sessions.ts";

function tapOf(...names: readonly string[]): Tap<string> {
  const stages = Object.fromEntries(names.map((name) => [name, "text" as TapFormat]));
  return new Tap<string>({ stages, maxSessions: 99 });
}

const NAMES = ["http.in", "http.out", "http.in.body", "queue.in", "http", "Ünï côde", "a"];

test("A session has the stages that its names and patterns fit, each once, in their order", () => {
  const cases: readonly (readonly [string | readonly string[], readonly string[]])[] = [
    ["http.in", ["http.in"]],
    ["http.*", ["http.in", "http.out", "http.in.body"]],
    ["*.in", ["http.in", "queue.in"]],
    ["*in*", ["http.in", "http.in.body", "queue.in"]],
    ["*", NAMES],
    ["**", NAMES],
    ["http*", ["http.in", "http.out", "http.in.body", "http"]],
    ["h*p", ["http"]],
    ["h*t*p", ["http"]],
    ["h*p*p", []],
    ["*a*a*", []],
    ["*ï c*", ["Ünï côde"]],
    ["HTTP.*", []],
    ["http.i*in", []],
    ["http.in*in.body", []],
    [["a", "http"], ["http", "a"]],
    [["queue.in", "*.in", "queue.in"], ["http.in", "queue.in"]],
    [["a", "nothing.*"], ["a"]],
  ];
  for (const [stage, stages] of cases) {
    using tap = tapOf(...NAMES);
    assertEquals(tap.open({ stage: stage as string })!.stages, stages, `${stage}`);
  }
});

test("A pattern fits what a regular expression of the same meaning fits", () => {
  const random = new Random(3);
  const word = (letters: string, most: number): string =>
    Array.from({ length: 1 + random.below(most) }, () => random.pick([...letters])).join("");
  for (let i = 0; i < 2_000; i++) {
    const name = word("ab", 7);
    const pattern = `${word("ab*", 6)}*`;
    using tap = tapOf(name);
    const fits = new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(name);
    assertEquals(tap.open({ stage: pattern })!.stages, fits ? [name] : [], `${pattern} ${name}`);
  }
});

test("Names of stages are names only, whatever objects have of the same name", async () => {
  const names = ["constructor", "toString", "hasOwnProperty", "valueOf"];
  using tap = tapOf(...names);
  const sessions = names.map((name) => tap.open({ stage: name })!);
  for (const name of names) tap.offer(name, `to ${name}`);
  assertEquals(
    await Promise.all(sessions.map(linesOf)),
    names.map((name) => [`to ${name}`]),
  );
});

test("A session of several stages gets each event once, in order, with its stage", async () => {
  using tap = tapOf("a", "b", "c");
  const session = tap.open({ stage: ["b", "a", "*a"] })!;
  for (const stage of ["a", "c", "b", "a"]) tap.offer(stage, `at ${stage}`);
  const events = await session.receiveBatch(9);
  assertEquals(events.map(({ seq, stage, line }) => `${seq} ${stage} ${line}`), [
    "1 a at a",
    "2 b at b",
    "3 a at a",
  ]);
  assertEquals([session.stage, session.stages], ["b,a,*a", ["a", "b"]]);
});

test("addStage() adds a stage to the sessions whose patterns fit its name", async () => {
  using tap = tapOf("http.in");
  const fits = tap.open({ stage: ["*.in", "other.*"] })!;
  const other = tap.open({ stage: "http.*" })!;
  const named = tap.open({ stage: "http.in" })!;
  const ended = tap.open({ stage: "*" })!;
  ended.close();
  tap.addStage("queue.in", "json");
  assertEquals(tap.stages, ["http.in", "queue.in"]);
  tap.offer("queue.in", "job");
  assertEquals(await Promise.all([fits, other, named, ended].map(linesOf)), [
    ['"job"'],
    [],
    [],
    [],
  ]);
  assertEquals([fits.stages, other.stages, named.stages, ended.stages], [
    ["http.in", "queue.in"],
    ["http.in"],
    ["http.in"],
    ["http.in"],
  ]);
  assert(tap.open({ stage: "queue.in" }) !== undefined);
});

test("A session may wait for stages that are still to come", async () => {
  using tap = tapOf("a");
  const session = tap.open({ stage: "later.*" })!;
  assertEquals(session.stages, []);
  tap.offer("a", "x");
  tap.addStage("later.one", "text");
  tap.offer("later.one", "first");
  assertEquals(await linesOf(session), ["first"]);
});

test("A stage that is added later keeps a backlog as the others do", async () => {
  using tap = new Tap<string>({ stages: { a: "text" }, backlog: 2 });
  tap.offer("later", "nowhere");
  assertEquals(tap.stats().misdirected, 1);
  tap.addStage("later", "text");
  for (const line of ["1", "2", "3"]) tap.offer("later", line);
  const session = tap.open({ stage: "later" })!;
  assertEquals([await linesOf(session), session.missed], [["2", "3"], 1]);
});

test("addStage() refuses what is no stage, and changes nothing", () => {
  using tap = tapOf("a");
  const session = tap.open({ stage: "*" })!;
  const refusals: readonly (readonly [unknown, unknown, string])[] = [
    ["a", "text", 'there must be no stage of this name, received "a"'],
    ["", "text", 'the name of a stage must be a text of 1 to 128 characters, received ""'],
    [5, "text", "the name of a stage must be a text of 1 to 128 characters, received 5"],
    ["x".repeat(129), "text", "the name of a stage must be a text of 1 to 128 characters"],
    ["b*", "text", 'the name of a stage must have no "*", no comma and no blank at its ends'],
    ["b,c", "text", 'the name of a stage must have no "*", no comma and no blank at its ends'],
    ["b ", "text", 'the name of a stage must have no "*", no comma and no blank at its ends'],
    ["b", "xml", 'the format of stage "b" must be text or json, received "xml"'],
    ["b", undefined, 'the format of stage "b" must be text or json, received undefined'],
  ];
  for (const [name, format, message] of refusals) {
    assertThrows(
      () => tap.addStage(name as string, format as TapFormat),
      Error,
      `Cannot add stage to Tap: ${message}`,
    );
  }
  assertEquals([tap.stages, session.stages], [["a"], ["a"]]);
});

test("isListening() says whether an event of a stage would be looked at", () => {
  using tap = new Tap<string>({ stages: { a: "text", b: "text" } });
  const both = (): boolean[] =>
    ["a", "b", "bogus", "toString"].map((name) => tap.isListening(name));
  assertEquals(both(), [false, false, false, false]);
  const session = tap.open({ stage: "a" })!;
  assertEquals(both(), [true, false, false, false]);
  tap.offer("bogus", "x");
  assertEquals(tap.stats().misdirected, 1);
  session.close();
  assertEquals(both(), [false, false, false, false]);

  using keeping = new Tap({ backlog: 1 });
  assert(keeping.isListening("raw"));
  keeping.disable();
  assertFalse(keeping.isListening("raw"));
  keeping.enable();
  assert(keeping.isListening("raw"));
  keeping.close();
  assertFalse(keeping.isListening("raw"));
});
