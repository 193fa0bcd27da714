import { assertEquals, assertStrictEquals } from "@std/assert";
import { parsePath, type PathStep } from "../../tap/_path.ts";
import { Projection } from "../../tap/_projection.ts";
import { compileRules, LineWriter, Redactor } from "../../tap/_redactor.ts";
import { CREDENTIAL_NAMES } from "../../tap/redact.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";

function fieldsOf(...paths: string[]): PathStep[][] {
  return paths.map((path) => parsePath("read", "path", path));
}

/** What is kept of a value, written as JSON, so that the order of keys counts. */
function kept(value: unknown, ...paths: string[]): string | undefined {
  return new LineWriter(undefined, fieldsOf(...paths), undefined)
    .write(JSON.stringify(value), false);
}

const EVENT = {
  time: 1,
  user: { id: 7, email: "a", roles: ["x", "y"] },
  items: [{ id: 1, price: 2, tags: [{ id: 3 }] }, { price: 4 }, { id: 5 }, 6, null, [{ id: 8 }]],
  note: null,
};

test("fields keep what their paths lead to, in the order of the event", () => {
  assertEquals(kept(EVENT, "user.email", "time"), '{"time":1,"user":{"email":"a"}}');
  assertEquals(kept(EVENT, "user"), '{"user":{"id":7,"email":"a","roles":["x","y"]}}');
  assertEquals(kept(EVENT, "user.id", "user"), kept(EVENT, "user"));
  assertEquals(kept(EVENT, "note"), '{"note":null}');
});

test("fields keep of an array what their paths lead to in its elements, and leave the others out", () => {
  assertEquals(kept(EVENT, "items.id"), '{"items":[{"id":1},{"id":5},[{"id":8}]]}');
  assertEquals(kept(EVENT, "items[0].price"), '{"items":[{"price":2}]}');
  assertEquals(kept(EVENT, "items[2]", "items[1].price"), '{"items":[{"price":4},{"id":5}]}');
  assertEquals(kept(EVENT, "items.*"), `{"items":${JSON.stringify(EVENT.items)}}`);
  assertEquals(kept([{ a: 1, b: 2 }, { b: 3 }], "b"), '[{"b":2},{"b":3}]');
  assertEquals(kept([{ a: 1, b: 2 }, { b: 3 }], "[1]"), '[{"b":3}]');
});

test("fields take * for any one step, and ** for any number of them", () => {
  assertEquals(kept(EVENT, "*.id"), '{"user":{"id":7},"items":[{"id":1},{"id":5},[{"id":8}]]}');
  assertEquals(
    kept(EVENT, "**.id"),
    '{"user":{"id":7},"items":[{"id":1,"tags":[{"id":3}]},{"id":5},[{"id":8}]]}',
  );
  assertEquals(kept(EVENT, "items.**.tags"), '{"items":[{"tags":[{"id":3}]}]}');
  assertEquals(kept(EVENT, "**"), JSON.stringify(EVENT));
  assertEquals(kept(EVENT, "user.**"), kept(EVENT, "user"));
});

test("Nothing is kept of an event that has none of the fields but that it is one", () => {
  assertEquals(kept(EVENT, "users", "user.name", "time.x", "note.x", "items[9]"), "{}");
  assertEquals(kept([{ a: 1 }], "b"), "[]");
});

test("An event without parts is kept as it is, and so is a text", () => {
  for (const value of ["text", 1, true, null]) {
    assertEquals(kept(value, "a"), JSON.stringify(value));
  }
  const writer = new LineWriter(undefined, fieldsOf("a"), undefined);
  for (const text of ["plain a=1", "12", '"a"', '{"a":1', ""]) {
    assertStrictEquals(writer.write(text, true), text);
  }
  assertEquals(writer.write(' {"b":1, "a":2} ', true), '{"a":2}');
});

test("Fields are chosen of what redaction has left", () => {
  const redactor = new Redactor(
    compileRules("redact", [{ path: "user.email", mode: "mask" }, { path: "id", mode: "remove" }]),
    CREDENTIAL_NAMES,
  );
  const writer = new LineWriter(redactor, fieldsOf("user", "id", "token.x"), undefined);
  const line = '{"id":1,"user":{"email":"a","password":"b","name":"c"},"token":{"x":"y"}}';
  const expected = '{"user":{"email":"[redacted]","password":"[redacted]","name":"c"}}';
  assertEquals(writer.write(line, false), expected);
  assertEquals(writer.write(line, true), expected);
  const names = new LineWriter(new Redactor([], CREDENTIAL_NAMES), fieldsOf("a"), undefined);
  assertEquals(names.write("token=x a=1", true), "token=[redacted] a=1");
});

test("Keys of any name are kept as keys", () => {
  const line = '{"__proto__":{"a":1},"constructor":{"b":2},"x":{"__proto__":3},"toString":4}';
  const writer = (path: string) => new LineWriter(undefined, fieldsOf(path), undefined);
  assertEquals(writer("__proto__").write(line, false), '{"__proto__":{"a":1}}');
  assertEquals(writer("__proto__.a").write(line, false), '{"__proto__":{"a":1}}');
  assertEquals(
    writer("**.__proto__").write(line, false),
    '{"__proto__":{"a":1},"x":{"__proto__":3}}',
  );
  assertEquals(writer("constructor.name").write(line, false), "{}");
  assertEquals(writer("x.toString").write(line, false), "{}");
});

test("Paths of 32 steps with 16 wildcards are followed in deep events", () => {
  const path = Array(16).fill("**.a").join(".");
  let value: unknown = "end";
  for (let depth = 0; depth < 200; depth++) value = { a: value, b: value === "end" ? 1 : 2 };
  const whole = JSON.stringify(value).replaceAll(/,"b":[12]/g, "");
  // What is behind the sixteenth is kept as a whole.
  const text = kept(value, path)!;
  assertEquals(text.replaceAll(/,"b":[12]/g, ""), whole);
  assertEquals(text.split('"b"').length - 1, 200 - 16);
});

/** The same, said as plainly as it can be: each path is a list of the ways it may still go. */
function keptNaively(value: unknown, ways: readonly (readonly PathStep[])[]): unknown {
  const all = ways.flatMap((way) => {
    const rest = [way];
    while (rest.at(-1)![0] === "**") rest.push(rest.at(-1)!.slice(1));
    return rest;
  });
  if (all.some((way) => way.length === 0)) return value;
  if (typeof value !== "object" || value === null) return undefined;
  const isArray = Array.isArray(value);
  const parts = Object.entries(value).map(([key, part]): [string, unknown] => {
    const next = all.flatMap((way) => {
      const [step] = way;
      if (step === "**") return [way];
      if (step === "*" || step!.key === key) return [way.slice(1)];
      return isArray && !/^\d+$/.test(step!.key) ? [way] : [];
    });
    return [key, keptNaively(part, next)];
  }).filter(([, part]) => part !== undefined);
  if (parts.length === 0) return undefined;
  return isArray ? parts.map(([, part]) => part) : Object.fromEntries(parts);
}

test("Random fields of random events are those that a plain search finds", () => {
  const random = new Random(11);
  const keys = ["a", "b", "c", "0", "1"];
  const makeValue = (depth: number): unknown => {
    const kind = depth === 0 ? 9 : random.below(10);
    if (kind < 4) return Array.from({ length: random.below(4) }, () => makeValue(depth - 1));
    if (kind < 8) {
      const count = random.below(4);
      return Object.fromEntries(
        Array.from({ length: count }, () => [random.pick(keys), makeValue(depth - 1)]),
      );
    }
    return random.pick([1, "x", null, true]);
  };
  const makeStep = (): PathStep => {
    const kind = random.below(8);
    return kind === 0 ? "**" : kind === 1 ? "*" : { key: random.pick(keys) };
  };
  let keptSomething = 0;
  for (let round = 0; round < 3_000; round++) {
    const value = makeValue(5);
    if (typeof value !== "object" || value === null) continue;
    const paths = Array.from(
      { length: 1 + random.below(4) },
      () => Array.from({ length: 1 + random.below(4) }, makeStep),
    );
    const expected = keptNaively(value, paths) ?? (Array.isArray(value) ? [] : {});
    const found = JSON.stringify(new Projection(paths).of(value));
    assertEquals(
      found,
      JSON.stringify(expected),
      `round ${round}: ${JSON.stringify([value, paths])}`,
    );
    if (found.length > 2) keptSomething++;
  }
  assertEquals(keptSomething > 500, true);
});
