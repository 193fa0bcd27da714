import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { compileRules, LineWriter, Redactor } from "../../tap/_redactor.ts";
import { redact } from "../../tap/redact.ts";
import { test } from "../_harness.ts";

// The tests of redaction that the origin has, under the names they have there.

const SALT = new Uint8Array(16).fill(7);
const OTHER_SALT = new Uint8Array(16).fill(8);

const TOKENS: readonly (readonly [unknown, string])[] = [
  ["10.0.0.1", "cfea2addbf5c8284"],
  ["alice@example.com", "509efebfb0e7ac1e"],
  ["1.2.3.4", "a7650ae0056cebc9"],
  [8080, "ddc2242f78fc557e"],
  ["same", "76e9a8e627f04599"],
  [null, "e2252d5aede01f10"],
  [{ a: 1 }, "bcbc1e4ac732bfda"],
];

function tokenOf(value: unknown, salt = SALT): unknown {
  return (redact({ value }, ["value"], { salt }) as { value: unknown }).value;
}

test("redacts_top_level_field: a named key becomes its token, and the key beside it stays", () => {
  assertEquals(redact({ src_ip: "10.0.0.1", port: 443 }, ["src_ip"], { salt: SALT }), {
    src_ip: "rsigma:redacted:cfea2addbf5c8284",
    port: 443,
  });
});

test("redacts_nested_dotted_path: a key within is reached, and the one beside it stays", () => {
  const event = { user: { email: "alice@example.com", id: 7 } };
  assertEquals(redact(event, ["user.email"], { salt: SALT }), {
    user: { email: "rsigma:redacted:509efebfb0e7ac1e", id: 7 },
  });
});

test("numeric_segment_indexes_array: an index means that element only", () => {
  assertEquals(redact({ ips: ["1.2.3.4", "5.6.7.8"] }, ["ips.0"], { salt: SALT }), {
    ips: ["rsigma:redacted:a7650ae0056cebc9", "5.6.7.8"],
  });
});

test("non_numeric_segment_fans_out_over_array: a key means that key of every element", () => {
  const users = [{ email: "alice@example.com", id: 1 }, { email: "same", id: 2 }];
  assertEquals(redact({ users }, ["users.email"], { salt: SALT }), {
    users: [
      { email: "rsigma:redacted:509efebfb0e7ac1e", id: 1 },
      { email: "rsigma:redacted:76e9a8e627f04599", id: 2 },
    ],
  });
});

test("missing_path_is_noop: an event without the path stays as it is", () => {
  const event = { user: { id: 7 }, ips: ["1.2.3.4"], nothing: null };
  const paths = ["user.email", "other.path", "ips.4", "nothing.more"];
  assertEquals(redact(event, paths, { salt: SALT }), event);
});

test("non_string_leaf_redacted_via_canonical_json: a number has the token of its JSON", () => {
  assertEquals(tokenOf(8080), "rsigma:redacted:ddc2242f78fc557e");
  assertEquals(tokenOf("8080"), tokenOf(8080));
});

test("determinism_within_one_salt: equal values have equal tokens, and what is not named stays", () => {
  const redacted = redact({ a: "same", b: "same", c: "same" }, ["a", "b"], { salt: SALT });
  const token = "rsigma:redacted:76e9a8e627f04599";
  assertEquals(redacted, { a: token, b: token, c: "same" });
});

test("divergence_across_salts: the same value has another token with another salt", () => {
  for (const [value] of TOKENS) {
    assertNotEquals(tokenOf(value), tokenOf(value, OTHER_SALT));
    assertEquals(tokenOf(value, OTHER_SALT), tokenOf(value, OTHER_SALT));
  }
});

test("token_has_expected_shape: the prefix, and exactly 16 hexadecimal digits", () => {
  for (const value of ["", "x", 0, -1.5, true, null, [], {}, ["a"], "👩".repeat(2_000)]) {
    assertMatch(String(tokenOf(value)), /^rsigma:redacted:[0-9a-f]{16}$/);
  }
});

test("golden_redacted_decoded_fixture: a line with a fixed salt and two paths is exactly this one", () => {
  const redactor = new Redactor(compileRules("redact", ["src_ip", "user.email"]), []);
  const writer = new LineWriter(redactor, undefined, SALT);
  const line = '{"action":"login","src_ip":"10.0.0.1","user":{"email":"alice@example.com","id":7}}';
  assertEquals(
    writer.write(line, false),
    '{"action":"login","src_ip":"rsigma:redacted:cfea2addbf5c8284","user":{"email":"rsigma:redacted:509efebfb0e7ac1e","id":7}}',
  );
});

test("Tokens are those of the origin, for every kind of value", () => {
  for (const [value, digits] of TOKENS) assertEquals(tokenOf(value), `rsigma:redacted:${digits}`);
});

test("Tokens of long texts are those of short ones, put together the same way", async () => {
  // Round the length up to which a buffer is kept, with one, two, three and four bytes a character.
  for (const letter of ["a", "é", "→", "👩"]) {
    for (const length of [1_023, 1_024, 1_025, 5_000]) {
      const text = letter.repeat(length).slice(0, length - length % letter.length);
      const salted = new Uint8Array([...SALT, ...new TextEncoder().encode(text)]);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", salted));
      const digits = Array.from(
        digest.subarray(0, 8),
        (byte) => byte.toString(16).padStart(2, "0"),
      );
      assertEquals(tokenOf(text), `rsigma:redacted:${digits.join("")}`, `${length} of ${letter}`);
    }
  }
});

test("A line of a text stage is redacted as JSON, and one that is not JSON is never shown", () => {
  const redactor = new Redactor(compileRules("redact", ["src_ip"]), []);
  const writer = new LineWriter(redactor, undefined, SALT);
  assertEquals(
    writer.write(' { "src_ip" : "10.0.0.1" } ', true),
    '{"src_ip":"rsigma:redacted:cfea2addbf5c8284"}',
  );
  // The origin shows the last four: it finds nothing to redact in what has no keys.
  for (const line of ["src_ip=10.0.0.1", '{"src_ip":"10.0.0.1"', "10.0.0.1", '"x"', "1", "null"]) {
    assertEquals(writer.write(line, true), undefined, line);
  }
  const plain = new LineWriter(new Redactor([], []), undefined, undefined);
  assert(new Redactor([], []).isEmpty);
  assertEquals(plain.write(' { "src_ip" : "10.0.0.1" } ', true), ' { "src_ip" : "10.0.0.1" } ');
});
