import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { describe, type Flag, parseArgs, readInteger, UsageError } from "../../cli/args.ts";
import { test } from "../_harness.ts";

const FLAGS: Readonly<Record<string, Flag>> = {
  port: { value: "PORT", about: "where" },
  "max-n": { value: "N", about: "how many" },
  follow: { about: "go on" },
  help: { about: "show this" },
};

function parse(
  ...args: readonly string[]
): { flags: Record<string, string>; rest: readonly string[] } {
  const { flags, rest } = parseArgs(args, FLAGS);
  return { flags: Object.fromEntries(flags), rest };
}

test("parseArgs() reads flags and what is none, in any order", () => {
  assertEquals(parse(), { flags: {}, rest: [] });
  assertEquals(parse("--port", "1"), { flags: { port: "1" }, rest: [] });
  assertEquals(parse("--port=1"), { flags: { port: "1" }, rest: [] });
  assertEquals(parse("--port="), { flags: { port: "" }, rest: [] });
  assertEquals(parse("--port=a=b"), { flags: { port: "a=b" }, rest: [] });
  assertEquals(parse("--port", ""), { flags: { port: "" }, rest: [] });
  assertEquals(parse("--port", "-1"), { flags: { port: "-1" }, rest: [] });
  assertEquals(parse("--port=--x"), { flags: { port: "--x" }, rest: [] });
  assertEquals(parse("--port=a\nb"), { flags: { port: "a\nb" }, rest: [] });
  assertEquals(parse("--follow", "a"), { flags: { follow: "" }, rest: ["a"] });
  assertEquals(parse("a", "--follow", "-", "--max-n", "2", ""), {
    flags: { follow: "", "max-n": "2" },
    rest: ["a", "-", ""],
  });
  assertEquals(parse("-h"), { flags: { help: "" }, rest: [] });
});

test("parseArgs() takes everything behind -- as it is", () => {
  assertEquals(parse("--follow", "--", "--port", "--", "-x"), {
    flags: { follow: "" },
    rest: ["--port", "--", "-x"],
  });
});

test("parseArgs() refuses what it cannot use, naming it", () => {
  const refused: readonly (readonly [readonly string[], string])[] = [
    [["--bogus"], 'unknown flag "--bogus"'],
    [["--bogus=1"], 'unknown flag "--bogus=1"'],
    [["--toString"], 'unknown flag "--toString"'],
    [["--__proto__=1"], 'unknown flag "--__proto__=1"'],
    [["--=1"], 'unknown flag "--=1"'],
    [["-p", "1"], 'unknown flag "-p"'],
    [["-port"], 'unknown flag "-port"'],
    [["-1"], 'unknown flag "-1"'],
    [["---port", "1"], 'unknown flag "---port"'],
    [["--Port", "1"], 'unknown flag "--Port"'],
    [["--port", "1", "--port", "2"], 'flag "--port" is given twice'],
    [["--follow", "--follow"], 'flag "--follow" is given twice'],
    [["--help", "-h"], 'flag "--help" is given twice'],
    [["--follow=yes"], 'flag "--follow" takes no value, received "yes"'],
    [["--follow="], 'flag "--follow" takes no value, received ""'],
    [["--port"], 'flag "--port" needs a value, received nothing'],
    [["--port", "--follow"], 'flag "--port" needs a value, received "--follow"'],
    [["--port", "--"], 'flag "--port" needs a value, received "--"'],
  ];
  for (const [args, message] of refused) {
    const error = assertThrows(() => parse(...args), UsageError, message);
    assertInstanceOf(error, UsageError);
    assertEquals([error.name, error.message], ["UsageError", message]);
  }
});

test("readInteger() reads a whole number in its range", () => {
  const read = (text: string | undefined, least: number, most?: number) =>
    readInteger(
      parseArgs(text === undefined ? [] : [`--port=${text}`], FLAGS),
      "port",
      least,
      most,
    );
  assertEquals(read(undefined, 1), undefined);
  assertEquals(read("0", 0), 0);
  assertEquals(read("007", 0), 7);
  assertEquals(read("65535", 0, 65_535), 65_535);
  assertEquals(read("9007199254740991", 0), Number.MAX_SAFE_INTEGER);
  const texts = [
    "",
    " ",
    "-1",
    "+1",
    "1.0",
    "1e3",
    "0x10",
    "1_000",
    "x",
    "NaN",
    "1 ",
    "٣",
    "65536",
  ];
  for (const text of texts) {
    assertThrows(
      () => read(text, 0, 65_535),
      UsageError,
      `flag "--port" must be an integer from 0 to 65535, received "${text}"`,
    );
  }
  for (const text of ["0", "9007199254740992", "-1"]) {
    assertThrows(
      () => read(text, 1),
      UsageError,
      `flag "--port" must be an integer of at least 1, received "${text}"`,
    );
  }
});

test("describe() writes a line for every flag", () => {
  assertEquals(describe(FLAGS).split("\n"), [
    "  --port PORT           where",
    "  --max-n N             how many",
    "  --follow              go on",
    "  --help                show this",
  ]);
});
