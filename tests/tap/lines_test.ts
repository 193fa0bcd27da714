import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { lines, type LinesOptions } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";

const encoder = new TextEncoder();

async function* chunksOf(chunks: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === "string" ? encoder.encode(chunk) : chunk;
}

function split(
  chunks: readonly (string | Uint8Array)[],
  options?: LinesOptions,
): Promise<string[]> {
  return Array.fromAsync(lines(chunksOf(chunks), options));
}

/** Bytes of `text`, one a chunk. */
function singly(text: string): Uint8Array[] {
  return [...encoder.encode(text)].map((byte) => Uint8Array.of(byte));
}

test("lines() splits at \\n and \\r\\n and keeps empty lines", async () => {
  assertEquals(await split(["one\r\ntwo\n\n\r\nfive"]), ["one", "two", "", "", "five"]);
  assertEquals(await split(["one\n"]), ["one"]);
  assertEquals(await split(["\n"]), [""]);
});

test("lines() gives nothing for nothing", async () => {
  assertEquals(await split([]), []);
  assertEquals(await split([""]), []);
  assertEquals(await split(["", new Uint8Array(), ""]), []);
});

test("lines() keeps a carriage return inside a line, and other separators", async () => {
  const text = "a\rb\r\r\nc\u2028d\u2029e\u0085f\vg\fh\n";
  assertEquals(await split([text]), ["a\rb\r", "c\u2028d\u2029e\u0085f\vg\fh"]);
});

test("lines() finds \\r\\n across chunks", async () => {
  assertEquals(await split(["one\r", "\ntwo\r", "\n"]), ["one", "two"]);
  assertEquals(await split(["one\r", "two\n"]), ["one\rtwo"]);
  assertEquals(await split(["one", "\r", "", "\n", "\r", "\n"]), ["one", ""]);
});

test("lines() decodes UTF-8 that is cut anywhere", async () => {
  const text = "grün\n€uro 漢字\r\n👩‍👩‍👧 ok\n\u{10ffff}";
  const expected = ["grün", "€uro 漢字", "👩‍👩‍👧 ok", "\u{10ffff}"];
  assertEquals(await split([text]), expected);
  assertEquals(await split(singly(text)), expected);
});

test("lines() turns bytes that are not UTF-8 into U+FFFD and goes on", async () => {
  assertEquals(await split([Uint8Array.of(0x61, 0xff, 0x62, 0x0a, 0x63, 0x0a)]), ["a\ufffdb", "c"]);
  // The end comes in the middle of a character.
  assertEquals(await split([Uint8Array.of(0x61, 0xe2, 0x82)]), ["a\ufffd"]);
  assertEquals(await split([Uint8Array.of(0xe2, 0x82), Uint8Array.of(0x0a)]), ["\ufffd"]);
});

test("lines() cuts what is longer than maxBytes and calls onCut before it gives the line", async () => {
  const seen: string[] = [];
  const options = { maxBytes: 3, onCut: () => seen.push("cut") };
  for await (const line of lines(chunksOf(["abc\nabcd\nab\nabcdefgh\nabcde"]), options)) {
    seen.push(line);
  }
  assertEquals(seen, ["abc", "cut", "abc", "ab", "cut", "abc", "cut", "abc"]);
});

test("lines() counts no line end toward maxBytes, however it is cut", async () => {
  for (const text of ["abc\r\nabc\nabc\r\n", "abc\r\n"]) {
    let cut = 0;
    const options = { maxBytes: 3, onCut: () => cut++ };
    const expected = text.trimEnd().split(/\r?\n/);
    assertEquals(await split([text], options), expected);
    assertEquals(await split(singly(text), options), expected);
    assertEquals(cut, 0);
  }
});

test("lines() never gives a line longer than maxBytes, even before \\r\\n", async () => {
  for (const chunks of [["abcd\r\n"], ["abcd\r", "\n"], ["ab", "cd\r\n"], ["abc", "d\r", "\n"]]) {
    let cut = 0;
    assertEquals(await split(chunks, { maxBytes: 3, onCut: () => cut++ }), ["abc"]);
    assertEquals(cut, 1);
  }
});

test("lines() keeps a carriage return that is not at the end of a line that is cut", async () => {
  for (const chunks of [["ab\rc\n"], ["ab\r", "c\n"], singly("ab\rc\n")]) {
    assertEquals(await split(chunks, { maxBytes: 3 }), ["ab\r"]);
  }
});

test("lines() holds no more than maxBytes of a line without end", async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    const chunk = encoder.encode("x".repeat(65_536));
    for (; given < 1_000; given++) yield chunk;
    yield encoder.encode("\nnext\n");
  }
  let cut = 0;
  const seen: number[] = [];
  for await (const line of lines(endless(), { maxBytes: 10, onCut: () => cut++ })) {
    seen.push(line.length);
  }
  assertEquals(seen, [10, 4]);
  assertEquals([given, cut], [1_000, 1]);
});

test("lines() keeps a line of 1 MiB by default, and cuts a longer one", async () => {
  let cut = 0;
  const onCut = (): void => void cut++;
  const [whole] = await split(["x".repeat(1_048_576)], { onCut });
  assertEquals([whole!.length, cut], [1_048_576, 0]);
  const [short] = await split(["x".repeat(1_048_577)], { onCut });
  assertEquals([short!.length, cut], [1_048_576, 1]);
});

test("lines() refuses a maxBytes that is no positive integer", async () => {
  for (const maxBytes of [0, -1, 1.5, NaN, Infinity]) {
    await assertRejects(
      () => split(["a"], { maxBytes }),
      RangeError,
      `Cannot split lines: maxBytes must be an integer of at least 1, received ${maxBytes}`,
    );
  }
});

test("lines() leaves out a byte order mark at the beginning, and only there", async () => {
  const mark = "\ufeff";
  assertEquals(await split([`${mark}one\n${mark}two\n`]), ["one", `${mark}two`]);
  assertEquals(await split(singly(`${mark}one\n`)), ["one"]);
});

test("lines() gives lines that a source may not change afterwards", async () => {
  const chunk = encoder.encode("one\ntwo\nthr");
  async function* source(): AsyncGenerator<Uint8Array> {
    yield chunk;
    chunk.fill(0x78);
    yield encoder.encode("ee\n");
  }
  assertEquals(await Array.fromAsync(lines(source())), ["one", "two", "three"]);
});

test("lines() gives a line once its end has come, not a chunk later", async () => {
  const stream = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, {
    highWaterMark: 1,
  });
  const writer = stream.writable.getWriter();
  const iterator = lines(stream.readable);
  const first = iterator.next();
  await writer.write(encoder.encode("one\ntw"));
  assertEquals(await first, { value: "one", done: false });
  const second = iterator.next();
  await writer.write(encoder.encode("o\n"));
  assertEquals(await second, { value: "two", done: false });
  await writer.close();
  assertEquals((await iterator.next()).done, true);
});

test("lines() returns the source when the loop is left", async () => {
  let left = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield encoder.encode("line\n");
    } finally {
      left = true;
    }
  }
  for await (const line of lines(source())) {
    assertEquals(line, "line");
    break;
  }
  assert(left);
});

test("lines() rejects with what the source throws, after the lines before", async () => {
  const problem = new Error("disk on fire");
  async function* source(): AsyncGenerator<Uint8Array> {
    yield encoder.encode("one\ntwo\nthr");
    throw problem;
  }
  const seen: string[] = [];
  const error = await assertRejects(async () => {
    for await (const line of lines(source())) seen.push(line);
  });
  assertStrictEquals(error, problem);
  assertEquals(seen, ["one", "two"]);
});

/** What `lines` promises, written so that nothing can be wrong with it. */
function naive(text: string, maxBytes: number): { lines: string[]; cut: number } {
  const parts = text.split("\n");
  const last = parts.pop()!;
  const contents = parts.map((part) => part.replace(/\r$/, ""));
  if (last !== "") contents.push(last.replace(/\r$/, ""));
  const sizeOf = (line: string): number => encoder.encode(line).length;
  // As many whole characters as there is room for.
  const cutLine = (line: string): string => {
    const characters = [...line];
    while (sizeOf(characters.join("")) > maxBytes) characters.pop();
    return characters.join("");
  };
  return {
    lines: contents.map(cutLine),
    cut: contents.filter((line) => sizeOf(line) > maxBytes).length,
  };
}

test("lines() agrees with a naive split on random text, chunks and bounds", async () => {
  const alphabet = ["a", "b", "\r", "\r", "\n", "\n", "\r\n", "ü", "€", "👧", " "];
  for (let seed = 1; seed <= 3_000; seed++) {
    const random = new Random(seed);
    const text = Array.from({ length: random.below(24) }, () => random.pick(alphabet)).join("");
    const bytes = encoder.encode(text);
    const chunks: Uint8Array[] = [];
    for (let start = 0; start < bytes.length;) {
      const end = start + random.below(5);
      chunks.push(bytes.subarray(start, end));
      start = end;
    }
    const maxBytes = random.pick([1, 2, 3, 4, 100]);
    let cut = 0;
    const expected = naive(text, maxBytes);
    const message = `seed ${seed}: ${JSON.stringify(text)}, maxBytes ${maxBytes}`;
    assertEquals(await split(chunks, { maxBytes, onCut: () => cut++ }), expected.lines, message);
    assertEquals(cut, expected.cut, message);
  }
});
