import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { bearer, Tap, type TapBearer, type TapGrant, tapHandler } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { ask, read } from "./_streams.ts";

// What is a grant, what is none, and what it says of what it does not grant.

const [OPS, DEV] = ["0123456789abcdef-ops", "0123456789abcdef-dev"];

/** What grants nothing, though it is an object. */
const NO_GRANTS: readonly (readonly [grant: () => object, received: RegExp])[] = [
  [() => new Error("database down"), /./],
  [() => new TypeError("no"), /./],
  [() => [], /./],
  [() => ["decoded"], /./],
  [() => [{ stages: ["decoded"] }], /./],
  [() => new Map([["stages", ["decoded"]]]), /./],
  [() => new Date(0), /./],
  [() => new Request("http://localhost/"), /./],
  [() =>
    new (class Grant {
      stages = ["decoded"];
    })(), /./],
  [() => Object.create({ stages: ["decoded"] }), /./],
  [() => ({ stage: ["decoded"] }), /"stage"$/],
  [() => ({ stages: ["decoded"], Redact: ["user"] }), /"Redact"$/],
  [() => ({ subject: "ada", maxDuration: 1_000 }), /"maxDuration"$/],
  [() => ({ ok: false }), /"ok"$/],
  [() => ({ token: OPS }), /"token"$/],
  [() => Object.assign(Object.create(null), { stage: [] }), /"stage"$/],
  [() => JSON.parse('{"__proto__":{"admin":true}}'), /"__proto__"$/],
];

test("What grants something by another name, or is made to be something else, grants nothing: the handler rejects", async () => {
  const tap = new Tap();
  for (const [grant, received] of NO_GRANTS) {
    for (const answer of [grant(), Promise.resolve(grant())]) {
      const handler = tapHandler(tap, { authorize: () => answer as TapGrant });
      for (const [method, place] of [["GET", ""], ["POST", ""], ["GET", "/sessions"]]) {
        const error: unknown = await ask(handler, place, { method: method! }).then(
          () => assert(false, `${grant} was taken`),
          (error) => error,
        );
        assert(error instanceof TypeError, `${error}`);
        assertMatch(
          error.message,
          /^Cannot authorize for tap: a grant must have only subject, stages, redact, maxDurationMs, admin, received /,
        );
        assertMatch(error.message, received);
      }
    }
  }
  assertEquals([tap.stats().opened, tap.stats().active], [0, 0]);
});

test("A grant without a prototype, or with parts that are undefined, is one", async () => {
  const none = undefined;
  const grants: TapGrant[] = [
    Object.assign(Object.create(null), { stages: ["raw"] }),
    { subject: none, stages: ["raw"], redact: none, maxDurationMs: none, admin: none },
    Object.freeze({ stages: ["raw"] }),
  ];
  for (const grant of grants) {
    assertEquals(
      (await read(await ask(tapHandler(new Tap(), { authorize: () => grant }), "?limit=0"))).hello
        .stage,
      "raw",
    );
  }
});

test("bearer() refuses what stands with a token by another name", () => {
  const wrong: object[] = [
    { token: OPS, stage: ["decoded"] },
    { token: OPS, Admin: true },
    { token: OPS, tokens: [] },
  ];
  for (const entry of wrong) {
    assertThrows(
      () => bearer([{ token: DEV! }, entry as TapBearer]),
      TypeError,
      "Cannot check bearer tokens: a grant must have only subject, stages, redact, maxDurationMs, admin",
    );
  }
});

test("A reader of no stage is told no stage's name, whatever they ask for", async () => {
  const stages = { "secret.one": "json", "secret.two": "text", decoded: "json" } as const;
  for (const granted of [[], ["none"], ["none.*"]]) {
    const tap = new Tap<string>({ stages, backlog: 5 });
    for (const name of Object.keys(stages)) tap.offer(name, name);
    const handler = tapHandler(tap, { authorize: () => ({ stages: granted }) });
    const asked = ["", "?stage=", "?stage=*", "?stage=none", "?stage=none.x", "?stage=none.*"];
    const more = ["?limit=x", "?where=(", "?stage=secret.*", "?stage=none,decoded&limit=0"];
    for (const query of [...asked, ...more]) {
      const all = query === "" ? "?limit=0" : `${query}&limit=0`;
      const response = await ask(handler, all);
      const said = `${await response.text()}${JSON.stringify([...response.headers])}`;
      const isEcho = /secret|decoded/.test(query);
      // Only what was asked for is said again.
      const told = isEcho ? said.replaceAll(/secret\.\*|decoded/g, "") : said;
      assert(!/secret|decoded/.test(told), `${granted} ${query}: ${said}`);
    }
  }
});
