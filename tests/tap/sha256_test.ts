import { assertEquals, assertNotStrictEquals } from "@std/assert";
import { sha256 } from "../../tap/_sha256.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function hashOf(text: string): string {
  return hex(sha256(new TextEncoder().encode(text)));
}

async function platformHash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

function randomBytes(random: Random, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => random.below(256));
}

test("sha256() gives the digests of the standard's examples", () => {
  const examples: readonly (readonly [string, string])[] = [
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
    [
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    ],
    ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
  ];
  for (const [text, digest] of examples) assertEquals(hashOf(text), digest, text.slice(0, 9));
});

test("sha256() agrees with the platform at every length round the ends of blocks", async () => {
  const random = new Random(1);
  for (let length = 0; length <= 260; length++) {
    const bytes = randomBytes(random, length);
    assertEquals(hex(sha256(bytes)), await platformHash(bytes), `${length} bytes`);
  }
});

test("sha256() agrees with the platform on a mebibyte, and on what lies round it", async () => {
  const random = new Random(2);
  for (const length of [2 ** 20 - 9, 2 ** 20 - 8, 2 ** 20, 2 ** 20 + 1]) {
    const bytes = randomBytes(random, length);
    assertEquals(hex(sha256(bytes)), await platformHash(bytes), `${length} bytes`);
  }
});

test("sha256() agrees with the platform on random bytes, wherever they lie in a buffer", async () => {
  const random = new Random(3);
  for (let round = 0; round < 500; round++) {
    const bytes = randomBytes(random, random.below(2_000));
    const from = random.below(bytes.length + 1);
    const part = bytes.subarray(from, from + random.below(bytes.length - from + 1));
    assertEquals(hex(sha256(part)), await platformHash(part), `round ${round}`);
  }
});

test("sha256() leaves its input as it is, and gives each caller a digest of their own", () => {
  const bytes = randomBytes(new Random(4), 150);
  const before = bytes.slice();
  const first = sha256(bytes);
  const copy = first.slice();
  const second = sha256(bytes.subarray(1));
  assertEquals(bytes, before);
  assertNotStrictEquals(first, second);
  assertEquals(first, copy);
  assertEquals(first.byteLength, first.buffer.byteLength);
});
