import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  decodeSnapshot,
  encodeSnapshot,
  fileStore,
  type FileSystemLike,
  FoldSnapshotError,
  type FoldStore,
  restoreFold,
  saveFold,
} from "../../fold/mod.ts";
import { test } from "../_harness.ts";
import { reasonOf } from "../_settle.ts";
import { foldOf } from "./_hand_clock.ts";
import { held, KIND, say, snapshotOf } from "./_presences.ts";

/** A folder of its own, that is gone at the end of the test. */
async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await fs.mkdtemp(join(tmpdir(), "weir-fold-"));
  return { path, [Symbol.asyncDispose]: () => fs.rm(path, { recursive: true }) };
}

/** The file system, in which some things fail. */
function failing(parts: Partial<FileSystemLike>): FileSystemLike {
  const { readFile, writeFile, rename, unlink } = fs;
  return { readFile, writeFile, rename, unlink, ...parts };
}

test("a fold in a file is the same fold after a restart", async () => {
  await using temporary = await folder();
  const store = fileStore(join(temporary.path, "fold"), fs);
  const fold = foldOf(KIND);
  fold.restore(snapshotOf());
  await saveFold(fold, store);
  const restarted = foldOf(KIND);
  assertEquals(await restoreFold(restarted, store), 2);
  assertEquals([held(restarted), restarted.stats().remembered], [["ada 5", "bob 5"], 2]);
  assertEquals(say(restarted, "dan", 5).reason, "replayed");
});

test("where nothing was saved there is nothing to restore", async () => {
  await using temporary = await folder();
  for (const path of ["fold", join("nowhere", "fold")]) {
    const fold = foldOf(KIND);
    assertEquals(await restoreFold(fold, fileStore(join(temporary.path, path), fs)), undefined);
    assertEquals([fold.size, fold.version], [0, 0]);
  }
});

test("a file is replaced as a whole, and nothing else stays in its folder", async () => {
  await using temporary = await folder();
  const path = join(temporary.path, "fold");
  const store = fileStore(path, fs);
  for (const text of ["a longer text than the next one", "short", ""]) {
    await store.save(text);
    assertEquals([await store.load(), await fs.readFile(path, "utf8")], [text, text]);
    assertEquals(await fs.readdir(temporary.path), ["fold"]);
  }
});

test("only its owner may read a file, where there are such rights", async () => {
  await using temporary = await folder();
  const modes: number[] = [];
  const store = fileStore(join(temporary.path, "fold"), {
    ...failing({}),
    writeFile(path, text, options) {
      modes.push(options.mode);
      assert(options.flush);
      return fs.writeFile(path, text, options);
    },
  });
  await store.save("text");
  assertEquals(modes, [0o600]);
  const { mode } = await fs.stat(join(temporary.path, "fold"));
  // Windows knows no more than whether a file can be written.
  assert((mode & 0o077) === 0 || (mode & 0o777) === 0o666);
});

const reason = Object.assign(new Error("no space left"), { code: "ENOSPC" });
const FAILURES: [string, Partial<FileSystemLike>][] = [
  ["nothing can be written", { writeFile: () => Promise.reject(reason) }],
  ["a part can be written", {
    async writeFile(path, text) {
      await fs.writeFile(path, text.slice(0, 3));
      throw reason;
    },
  }],
  ["it cannot be put in its place", { rename: () => Promise.reject(reason) }],
  ["not even the rest can be deleted", {
    writeFile: () => Promise.reject(reason),
    unlink: () => Promise.reject(new Error("busy")),
  }],
];

for (const [what, parts] of FAILURES) {
  test(`if ${what}, the file is what it was, no other one stays, and the error is told`, async () => {
    await using temporary = await folder();
    const path = join(temporary.path, "fold");
    await fileStore(path, fs).save("what was there");
    const store = fileStore(path, failing(parts));
    assertStrictEquals(await reasonOf(Promise.resolve(store.save("what is new"))), reason);
    assertEquals(await store.load(), "what was there");
    assertEquals(await fs.readdir(temporary.path), ["fold"]);
  });
}

test("a file that cannot be read is not taken for one that is not there", async () => {
  await using temporary = await folder();
  // A folder is in its place.
  const store = fileStore(temporary.path, fs);
  await assertRejects(async () => await store.load());
  await assertRejects(async () => await store.save("text"));
  assertEquals(await fs.readdir(temporary.path), []);

  const denied = Object.assign(new Error("denied"), { code: "EACCES" });
  for (const thrown of [denied, "denied", undefined, null]) {
    const broken = fileStore("fold", failing({ readFile: () => Promise.reject(thrown) }));
    assertStrictEquals(await reasonOf(Promise.resolve(broken.load())), thrown);
  }
});

test("two that save at a time do not write into each other's file", async () => {
  await using temporary = await folder();
  const path = join(temporary.path, "fold");
  const texts = Array.from({ length: 8 }, (_, i) => String(i).repeat(50_000));
  const stores = texts.map(() => fileStore(path, fs));
  await Promise.all(stores.map((store, i) => store.save(texts[i]!)));
  assert(texts.includes((await stores[0]!.load())!));
  assertEquals(await fs.readdir(temporary.path), ["fold"]);
});

test("whoever reads while it is saved sees one text or the other", async () => {
  await using temporary = await folder();
  const store = fileStore(join(temporary.path, "fold"), fs);
  const texts = ["a", "b"].map((letter) => letter.repeat(100_000));
  await store.save(texts[0]!);
  for (let round = 0; round < 10; round++) {
    const saving = store.save(texts[round % 2]!);
    const seen = await Promise.all([store.load(), store.load(), store.load()]);
    assert(seen.every((text) => texts.includes(text!)));
    await saving;
  }
});

test("what cannot be restored is left where it is, and the fold as it is", async () => {
  await using temporary = await folder();
  const store = fileStore(join(temporary.path, "fold"), fs);
  const text = encodeSnapshot(KIND, snapshotOf());
  const fold = foldOf(KIND);
  for (
    const damaged of [
      "",
      text.slice(0, -9),
      text.replace("ada", "eve"),
      text.replace('"kind":5', '"kind":1'),
    ]
  ) {
    await store.save(damaged);
    await assertRejects(
      () => restoreFold(fold, store),
      FoldSnapshotError,
      "Cannot decode snapshot",
    );
    assertEquals([fold.size, fold.version, await store.load()], [0, 0, damaged]);
  }
  await store.save(text);
  say(fold, "eve", 1);
  await assertRejects(() => restoreFold(fold, store), FoldSnapshotError, "has 1 entries already");
  assertEquals([held(fold), await store.load()], [["eve 1"], text]);
  assertEquals(await restoreFold(fold, store, { over: "merge" }), 2);
  assertEquals(held(fold), ["ada 5", "bob 5", "eve 1"]);
  assertEquals(await restoreFold(fold, store, { over: "replace" }), 2);
  assertEquals(held(fold), ["ada 5", "bob 5"]);
});

test("anything that loads and saves is a store, at once or after a while", async () => {
  for (const isLate of [false, true]) {
    let saved: string | undefined;
    const store: FoldStore = {
      load: () => isLate ? Promise.resolve(saved) : saved,
      save(text) {
        saved = text;
        return isLate ? Promise.resolve() : undefined;
      },
    };
    const fold = foldOf(KIND);
    assertEquals(await restoreFold(fold, store), undefined);
    say(fold, "ada", 1);
    await saveFold(fold, store);
    assertEquals(decodeSnapshot(KIND, saved!).entries.length, 1);
    assertEquals(await restoreFold(foldOf(KIND), store), 1);
  }
});

test("what a store throws is what saving and restoring reject with", async () => {
  const fail = () => {
    throw reason;
  };
  const reject = () => Promise.reject(reason);
  for (const act of [fail, reject]) {
    const store = { load: act, save: act };
    assertStrictEquals(await reasonOf(saveFold(foldOf(KIND), store)), reason);
    assertStrictEquals(await reasonOf(restoreFold(foldOf(KIND), store)), reason);
  }
});

test("a payload that cannot be written is not saved, and what was saved stays", async () => {
  let saved = "what was there";
  const store = { load: () => saved, save: (text: string) => void (saved = text) };
  const fold = foldOf(KIND);
  fold.apply({ node: "n", generation: 1, payload: { room: "r", user: "u", meta: 1n } });
  const error = await assertRejects(() => saveFold(fold, store), TypeError);
  assertMatch(error.message, /^Cannot encode .+, received 1n$/);
  assertEquals(saved, "what was there");
});
