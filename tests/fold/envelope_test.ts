import { assert, assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import {
  capabilityKind,
  decodeAnnouncement,
  encodeAnnouncement,
  type FoldAnnouncement,
  FoldEnvelopeError,
  type FoldEnvelopeReason,
  type FoldKind,
  leaseKind,
  presenceKind,
  routeKind,
} from "../../fold/mod.ts";
import { FakeTime } from "../_fake_time.ts";
import { test } from "../_harness.ts";
import { ADA, bytesOf, changed, HEAD_BYTES, hexOf, KIND, SIGNATURE_BYTES } from "./_envelopes.ts";

const ANNOUNCEMENT = {
  node: "n1",
  generation: 7,
  payload: ADA,
  ttlMs: 9_000,
  announcedAtMs: 1_000,
} as const;

/** Payloads that are anything. */
const anything: FoldKind<string, unknown> = kindOf();

function kindOf<P>(parts: Partial<FoldKind<string, P>> = {}): FoldKind<string, P> {
  return { id: 0x0100, name: "anything", defaultTtlMs: 1_000, key: (node) => node, ...parts };
}

/** Writes a payload, and answers the text in the bytes. */
function written(payload: unknown): string {
  const bytes = encodeAnnouncement(anything, { ...ANNOUNCEMENT, payload });
  return new TextDecoder().decode(bytes.subarray(HEAD_BYTES + 2 + 4, -SIGNATURE_BYTES));
}

function reasonFor(bytes: Uint8Array, kind: FoldKind<string, unknown, string> = KIND as never) {
  const error = assertThrows(() => decodeAnnouncement(kind, bytes), FoldEnvelopeError);
  assertEquals(error.name, "FoldEnvelopeError");
  assertMatch(error.message, /^Cannot decode announcement: .+[^.]$/);
  return error.reason;
}

test("an announcement of every kind is read as it was written", () => {
  const round = <P>(kind: FoldKind<string, P, string>, payload: P): void => {
    const announcement = { ...ANNOUNCEMENT, payload };
    assertEquals(decodeAnnouncement(kind, encodeAnnouncement(kind, announcement)), announcement);
  };
  round(presenceKind<unknown>(), { ...ADA, session: "tab 1", meta: { cursor: [1, 2.5] } });
  const capability = { class: "render", tags: ["gpu", "ü"], state: "idle", region: "eu" } as const;
  round(capabilityKind(), capability);
  const reserved = {
    resource: "db",
    fence: 3,
    state: "reserved",
    holder: "n1",
    untilMs: 9,
  } as const;
  round(leaseKind(), reserved);
  round(leaseKind(), { resource: "db", fence: 4, state: "free" });
  for (const keep of ["best", "all"] as const) {
    round(routeKind({ keep }), { destination: "db", nextHop: "n2", metric: -0.5, via: "n3" });
  }
});

test("an announcement keeps its numbers, whatever they are, and whether it is a leave", () => {
  const changes: Partial<FoldAnnouncement<typeof ADA>>[] = [
    { leave: true },
    { generation: Number.MAX_SAFE_INTEGER },
    { ttlMs: 0 },
    { ttlMs: 0.25 },
    { ttlMs: Number.MAX_VALUE },
    { announcedAtMs: -1.5 },
    { announcedAtMs: 0 },
  ];
  for (const change of changes) {
    const announcement = { ...ANNOUNCEMENT, ...change };
    assertEquals(decodeAnnouncement(KIND, encodeAnnouncement(KIND, announcement)), announcement);
  }
  // What is no leave is read without the word.
  const bytes = encodeAnnouncement(KIND, { ...ANNOUNCEMENT, leave: false });
  assertEquals("leave" in decodeAnnouncement(KIND, bytes), false);
});

test("an announcement without a life has that of its kind, and without a time it is said now", () => {
  using time = new FakeTime();
  time.now = 77;
  const { node, generation, payload } = ANNOUNCEMENT;
  const bytes = encodeAnnouncement(KIND, { node, generation, payload });
  const { ttlMs, announcedAtMs } = decodeAnnouncement(KIND, bytes);
  assertEquals([ttlMs, announcedAtMs], [30_000, 1_000_077]);
});

test("the bytes of an announcement are those that the format says", () => {
  const expected = bytesOf(
    "01", // version
    "0005", // kind
    "00", // flags
    "401c000000000000", // generation: 7
    "408f400000000000", // announced at: 1,000
    "40c1940000000000", // life: 9,000
    "0002 6e31", // node: 2 bytes, n1
    "0000001d", // payload: 29 bytes
    new TextEncoder().encode('{"room":"lobby","user":"ada"}'),
    new Uint8Array(64), // no signature
  );
  assertEquals(hexOf(encodeAnnouncement(KIND, ANNOUNCEMENT)), hexOf(expected));
  const leaving = encodeAnnouncement(KIND, { ...ANNOUNCEMENT, leave: true });
  assertEquals(hexOf(leaving), hexOf(changed(expected, (view) => view.setUint8(3, 1))));
});

test("the same announcement gives the same bytes, in whatever order its fields were written", () => {
  const one = { room: "r", user: "u", meta: { b: [{ y: 1, x: 2 }, "z"], a: { d: null, c: true } } };
  const two = { meta: { a: { c: true, d: null }, b: [{ x: 2, y: 1 }, "z"] }, user: "u", room: "r" };
  const kind = presenceKind<unknown>();
  const bytes = encodeAnnouncement(kind, { ...ANNOUNCEMENT, payload: one });
  const { payload: _, ...rest } = ANNOUNCEMENT;
  const entries = Object.entries({ ...rest, payload: two }).reverse();
  const reversed = Object.fromEntries(entries) as unknown as FoldAnnouncement<typeof two>;
  assertEquals(encodeAnnouncement(kind, reversed), bytes);
  assertEquals(encodeAnnouncement(kind, decodeAnnouncement(kind, bytes)), bytes);
  // A list in another order is another list.
  const other = { ...one, meta: { ...one.meta, b: [...one.meta.b].reverse() } };
  assertEquals(
    hexOf(encodeAnnouncement(kind, { ...ANNOUNCEMENT, payload: other })) === hexOf(bytes),
    false,
  );
});

test("a payload is written as JSON without blanks, its names in order of code units", () => {
  const cases: [unknown, string][] = [
    [null, "null"],
    [true, "true"],
    [-0, "0"],
    [1e21, "1e+21"],
    ['"\u2028\ud800', '"\\"\u2028\\ud800"'],
    [[], "[]"],
    [{}, "{}"],
    [
      { b: 1, a: undefined, "": 2, B: 3, "é": 4, "10": 5, "9": 6 },
      '{"":2,"10":5,"9":6,"B":3,"b":1,"é":4}',
    ],
    [{ at: new Date(0), in: { toJSON: () => [1] } }, '{"at":"1970-01-01T00:00:00.000Z","in":[1]}'],
    [JSON.parse('{"__proto__":1}'), '{"__proto__":1}'],
  ];
  for (const [payload, text] of cases) assertEquals(written(payload), text);
});

test("a payload that JSON cannot say is refused", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const payloads: [string, unknown][] = [
    ["NaN", NaN],
    ["Infinity", { a: -Infinity }],
    ["a bigint", { a: [1n] }],
    ["a function", { a: () => 1 }],
    ["a symbol", [Symbol("a")]],
    ["nothing", undefined],
    ["undefined in a list", [undefined]],
    ["what toJSON makes nothing of", [{ toJSON: () => undefined }]],
    ["what contains itself", cyclic],
    ["what is too deep", nested(257)],
  ];
  for (const [what, payload] of payloads) {
    const error = assertThrows(() => written(payload), TypeError, undefined, what);
    assertMatch(error.message, /^Cannot encode .+: .+, received .+/, what);
  }
  assertEquals(written(nested(256)).length, 2 * 256 + 1);
});

test("a list with a hole is refused: it is no JSON, and nobody could read it", () => {
  const holed = [1, 2, 3];
  delete holed[1];
  assertThrows(() => written({ a: holed }), TypeError, "Cannot encode");
});

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

test("nodes are read as they were written, whatever they are of", () => {
  const nodes = [
    "n",
    " ",
    "\0",
    "Zoë, 李, 👩‍🚀",
    "\ufeffwith a mark of byte order",
    "e\u0301", // not made one letter with "é"
    '"\\\n',
    "x".repeat(1_024),
    "é".repeat(512),
    "👩".repeat(256),
  ];
  for (const node of nodes) {
    const bytes = encodeAnnouncement(KIND, { ...ANNOUNCEMENT, node });
    assertEquals(decodeAnnouncement(KIND, bytes).node, node);
  }
  for (const node of ["x".repeat(1_025), "é".repeat(513), `${"👩".repeat(255)}x1234`]) {
    const write = () => encodeAnnouncement(KIND, { ...ANNOUNCEMENT, node });
    assertThrows(write, RangeError, "at most 1024 bytes");
  }
});

test("a kind with a codec writes bytes of its own, and reads what it wrote", () => {
  const kind = kindOf<Uint8Array>({
    codec: {
      // A part of a longer buffer, which is not to be written whole.
      encode: (payload) => Uint8Array.from([9, ...payload, 9]).subarray(1, payload.length + 1),
      decode(bytes) {
        if (bytes.includes(255)) throw new RangeError("no such byte");
        return bytes.slice();
      },
    },
  });
  for (const payload of [new Uint8Array(), Uint8Array.of(0, 1, 254)]) {
    const bytes = encodeAnnouncement(kind, { ...ANNOUNCEMENT, payload });
    assertEquals(bytes.length, 98 + 2 + payload.length);
    assertEquals(decodeAnnouncement(kind, bytes).payload, payload);
  }
  const bytes = encodeAnnouncement(kind, { ...ANNOUNCEMENT, payload: Uint8Array.of(255) });
  const error = assertThrows(() => decodeAnnouncement(kind, bytes), FoldEnvelopeError);
  assertEquals(error.reason, "payload");
  assertInstanceOf(error.cause, RangeError);
});

test("an announcement is read from the middle of a buffer, of any class", () => {
  const bytes = encodeAnnouncement(KIND, ANNOUNCEMENT);
  const around = new Uint8Array(bytes.length + 9).fill(7);
  around.set(bytes, 5);
  const views = [around.subarray(5, 5 + bytes.length), Buffer.from(bytes)];
  for (const view of views) assertEquals(decodeAnnouncement(KIND, view), ANNOUNCEMENT);
});

test("bytes that were cut off anywhere are truncated, and bytes after the end are malformed", () => {
  const bytes = encodeAnnouncement(KIND, ANNOUNCEMENT);
  for (let length = 0; length < bytes.length; length++) {
    assertEquals(reasonFor(bytes.subarray(0, length)), "truncated", `${length} bytes`);
  }
  assertEquals(reasonFor(bytesOf(bytes, "00")), "malformed");
});

/** What is written over in an envelope, and why it is refused then. */
const CHANGES: [string, (view: DataView) => void, FoldEnvelopeReason][] = [
  ["version 0", (view) => view.setUint8(0, 0), "version"],
  ["version 2", (view) => view.setUint8(0, 2), "version"],
  ["another kind", (view) => view.setUint16(1, 1), "wrong-kind"],
  ["a kind of two bytes", (view) => view.setUint16(1, 0x0500), "wrong-kind"],
  ["an unknown flag", (view) => view.setUint8(3, 2), "malformed"],
  ["an unknown flag beside the known one", (view) => view.setUint8(3, 129), "malformed"],
  ["generation 0", (view) => view.setFloat64(4, 0), "generation"],
  ["generation -0", (view) => view.setFloat64(4, -0), "generation"],
  ["generation -1", (view) => view.setFloat64(4, -1), "generation"],
  ["generation 1.5", (view) => view.setFloat64(4, 1.5), "generation"],
  ["generation 2^53", (view) => view.setFloat64(4, 2 ** 53), "generation"],
  ["generation NaN", (view) => view.setFloat64(4, NaN), "generation"],
  ["a time that is no number", (view) => view.setFloat64(12, NaN), "malformed"],
  ["a time without end", (view) => view.setFloat64(12, Infinity), "malformed"],
  ["a life that is negative", (view) => view.setFloat64(20, -1), "malformed"],
  ["a life that is no number", (view) => view.setFloat64(20, NaN), "malformed"],
  ["a life without end", (view) => view.setFloat64(20, Infinity), "malformed"],
  ["a node that is too long for the bytes", (view) => view.setUint16(28, 65_535), "truncated"],
  ["a payload that is too long for the bytes", (view) => view.setUint32(32, 30), "truncated"],
  ["a payload of four gigabytes", (view) => view.setUint32(32, 2 ** 32 - 1), "truncated"],
  ["a payload that ends early", (view) => view.setUint32(32, 28), "malformed"],
  ["a node that is no UTF-8", (view) => view.setUint8(31, 0xff), "malformed"],
  ["a payload that is no UTF-8", (view) => view.setUint8(45, 0xff), "payload"],
  ["a payload that is no JSON", (view) => view.setUint8(36, 0x5b), "payload"],
];

for (const [what, change, reason] of CHANGES) {
  test(`bytes with ${what} are refused: ${reason}`, () => {
    assertEquals(reasonFor(changed(encodeAnnouncement(KIND, ANNOUNCEMENT), change)), reason);
  });
}

test("bytes without a node are malformed, and so are those with one of over 1,024 bytes", () => {
  const bytes = encodeAnnouncement(KIND, ANNOUNCEMENT);
  const [head, rest] = [bytes.subarray(0, 28), bytes.subarray(32)];
  assertEquals(reasonFor(bytesOf(head, "0000", rest)), "malformed");
  assertEquals(reasonFor(bytesOf(head, "0401", new Uint8Array(1_025).fill(97), rest)), "malformed");
  const longest = bytesOf(head, "0400", new Uint8Array(1_024).fill(97), rest);
  assertEquals(decodeAnnouncement(KIND, longest).node.length, 1_024);
});

test("a payload that parse does not take is refused, with what parse has thrown", () => {
  const strict = presenceKind();
  for (const payload of [7, null, [], {}, { room: "r" }, { room: "", user: "u" }] as never[]) {
    const bytes = encodeAnnouncement(strict, { ...ANNOUNCEMENT, payload });
    const error = assertThrows(() => decodeAnnouncement(strict, bytes), FoldEnvelopeError);
    assertEquals(error.reason, "payload");
    assertInstanceOf(error.cause, TypeError);
    assert(error.message.includes("presence"));
  }
  // What parse answers is the payload.
  const kind = kindOf<number>({ parse: Number });
  const bytes = encodeAnnouncement(anything, { ...ANNOUNCEMENT, payload: "12" });
  assertEquals(decodeAnnouncement(kind, bytes).payload, 12);
});

test("a payload with a mark of byte order before it is none: it would be the same one in other bytes", () => {
  const bytes = encodeAnnouncement(KIND, ANNOUNCEMENT);
  const marked = bytesOf(bytes.subarray(0, 32), "00000020 efbbbf", bytes.subarray(36));
  assertEquals(reasonFor(marked), "payload");
});
