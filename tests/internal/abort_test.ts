import { assertEquals, assertStrictEquals } from "@std/assert";
import { AbortGroup, type AbortMember, onAbort } from "../../internal/mod.ts";
import { test } from "../_harness.ts";
import { countedSignal } from "../_signal.ts";

test("onAbort() calls once, with the reason itself, and leaves no listener", () => {
  for (const reason of [new Error("stop"), "text", null, 0]) {
    const counted = countedSignal();
    const reasons: unknown[] = [];
    onAbort(counted.signal, (given) => reasons.push(given));
    assertEquals(counted.listening, 1);
    counted.abort(reason);
    counted.abort("again");
    assertEquals(reasons.length, 1);
    assertStrictEquals(reasons[0], reason);
    assertEquals(counted.listening, 0);
  }
});

test("what onAbort() answers stops listening, however often it is called", () => {
  const counted = countedSignal();
  const heard: number[] = [];
  const stops = [0, 1, 2].map((n) => onAbort(counted.signal, () => heard.push(n)));
  stops[1]!();
  stops[1]!();
  assertEquals(counted.listening, 1);
  counted.abort();
  assertEquals(heard, [0, 2]);
  for (const stop of stops) stop();
  assertEquals(counted.listening, 0);
});

test("all who share a signal use one listener, until the last of them leaves", () => {
  const counted = countedSignal();
  const stops = Array.from({ length: 1_000 }, () => onAbort(counted.signal, () => {}));
  assertEquals([counted.added, counted.listening], [1, 1]);
  for (const stop of stops.slice(1)) stop();
  assertEquals(counted.listening, 1);
  stops[0]!();
  assertEquals(counted.listening, 0);
  const heard: number[] = [];
  onAbort(counted.signal, () => heard.push(1));
  assertEquals([counted.added, counted.listening], [2, 1]);
  counted.abort();
  assertEquals([heard, counted.listening], [[1], 0]);
});

test("the same callback may listen twice, and stop once", () => {
  const controller = new AbortController();
  let calls = 0;
  const count = (): unknown => calls++;
  const stop = onAbort(controller.signal, count);
  onAbort(controller.signal, count);
  stop();
  controller.abort();
  assertEquals(calls, 1);
});

test("different signals have nothing to do with each other", () => {
  const heard: string[] = [];
  const [one, other] = [countedSignal(), countedSignal()];
  onAbort(one.signal, () => heard.push("one"));
  onAbort(other.signal, () => heard.push("other"));
  one.abort();
  assertEquals([heard, one.listening, other.listening], [["one"], 0, 1]);
});

test("a signal that has aborted before never calls", () => {
  const counted = countedSignal({ reason: "before" });
  const stop = onAbort(counted.signal, () => {
    throw new Error("called");
  });
  stop();
  assertEquals(counted.listening, 0);
});

test("members that leave each other's group while it aborts are not called", () => {
  const controller = new AbortController();
  const heard: number[] = [];
  const stops: (() => void)[] = [0, 1, 2].map((n) =>
    onAbort(controller.signal, () => {
      heard.push(n);
      for (const stop of stops) stop();
    })
  );
  controller.abort();
  assertEquals(heard, [0]);
});

test("a member that joins while its signal aborts is not called: it has aborted before", () => {
  const counted = countedSignal();
  const heard: string[] = [];
  const late: AbortMember = { handleAbort: () => heard.push("late") };
  onAbort(counted.signal, () => {
    heard.push("first");
    AbortGroup.join(counted.signal, late).leave(late);
    onAbort(counted.signal, () => heard.push("later"));
  });
  onAbort(counted.signal, () => heard.push("second"));
  counted.abort();
  assertEquals(heard, ["first", "second"]);
});

test("a member may join the group of another signal when it is called", () => {
  const [one, other] = [countedSignal(), countedSignal()];
  const heard: unknown[] = [];
  const member: AbortMember = {
    handleAbort: (reason) => {
      heard.push(reason);
      if (reason === "one") AbortGroup.join(other.signal, member);
    },
  };
  AbortGroup.join(one.signal, member);
  one.abort("one");
  assertEquals([one.listening, other.listening], [0, 1]);
  other.abort("other");
  assertEquals([heard, other.listening], [["one", "other"], 0]);
});

test("a member that throws keeps none of the others from being called", () => {
  const { signal } = new AbortController();
  const heard: number[] = [];
  const group = AbortGroup.join(signal, { handleAbort: () => heard.push(0) });
  AbortGroup.join(signal, {
    handleAbort: () => {
      throw new Error("in a member");
    },
  });
  AbortGroup.join(signal, { handleAbort: () => heard.push(1) });
  const original = globalThis.reportError;
  globalThis.reportError = () => {};
  try {
    // Called here as the signal does, so that what it throws ends this test only.
    group.handleEvent();
  } catch {
    // Whether it is thrown behind the others or reported is its own matter.
  } finally {
    globalThis.reportError = original;
  }
  assertEquals(heard, [0, 1]);
});
