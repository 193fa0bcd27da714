import { assert, assertEquals, assertMatch } from "@std/assert";
import { Output } from "../../cli/_output.ts";
import { test } from "../_harness.ts";
import { settle } from "../tap/_wait.ts";
import { FakeHost } from "./_fake_host.ts";

/** A host whose writes are done when the test says so. */
function slowHost(): {
  host: FakeHost;
  writes: string[];
  done: () => void;
  leave: () => void;
  fail: () => void;
} {
  const host = new FakeHost();
  const writes: string[] = [];
  let under: PromiseWithResolvers<boolean>;
  host.write = (text) => {
    writes.push(text);
    under = Promise.withResolvers();
    return under.promise;
  };
  return {
    host,
    writes,
    done: () => under.resolve(true),
    leave: () => under.resolve(false),
    fail: () => under.reject(new Error("no space left")),
  };
}

test("Output writes in one piece what comes in one turn, or while a write is under way", async () => {
  const { host, writes, done } = slowHost();
  const output = new Output(host);
  await Promise.all([output.write("a"), output.write("b")]);
  await settle();
  assertEquals(writes, ["ab"]);
  await output.write("c");
  await output.write("d");
  await settle();
  assertEquals(writes, ["ab"]);
  done();
  await settle();
  assertEquals(writes, ["ab", "cd"]);
  let isFlushed = false;
  const flushed = output.flush().then(() => isFlushed = true);
  await settle();
  assert(!isFlushed);
  done();
  await flushed;
  assertEquals(writes, ["ab", "cd"]);
  assertEquals(output.ended, undefined);
});

test("Output.write() waits while more than 1 MiB is to be written", async () => {
  const { host, writes, done } = slowHost();
  const output = new Output(host);
  await output.write("first");
  await settle();
  await output.write("x".repeat(1_048_576));
  let isTaken = false;
  const taken = output.write("y").then(() => isTaken = true);
  await settle();
  assert(!isTaken);
  done();
  await settle();
  assert(!isTaken);
  done();
  await taken;
  assertEquals(writes.map((text) => text.length), [5, 1_048_577]);
  await output.flush();
});

test("Output says why nothing can be written any more, and takes nothing then", async () => {
  for (const isUnread of [true, false]) {
    const { host, writes, leave, fail } = slowHost();
    const output = new Output(host);
    await output.write("a");
    await settle();
    await output.write("b");
    assertEquals(output.ended, undefined);
    if (isUnread) leave();
    else fail();
    await output.flush();
    const ended = output.ended;
    if (isUnread) assertEquals(ended, "unread");
    else assertMatch(String((ended as { error: unknown }).error), /no space left/);
    await output.write("c");
    await output.flush();
    assertEquals(writes, ["a"]);
  }
});

test("Output flushes at once when nothing was written", async () => {
  const { host, writes } = slowHost();
  await new Output(host).flush();
  assertEquals(writes, []);
});
