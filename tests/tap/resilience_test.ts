import { assertEquals, assertMatch } from "@std/assert";
import { Tap, tapHandler } from "../../tap/mod.ts";
import { test } from "../_harness.ts";
import { ask, read } from "./_streams.ts";

test("Rules of the operator and of a grant may be as many as each of them may have", async () => {
  const rules = (name: string): string[] => Array.from({ length: 64 }, (_, at) => `${name}${at}`);
  const tap = new Tap({ redact: rules("own") });
  const handler = tapHandler(tap, { authorize: () => ({ redact: rules("granted") }) });
  const response = await ask(handler, "?limit=1&redact=asked");
  tap.offer("decoded", { own63: 1, granted63: 2, asked: 3, plain: 4 });
  const { events: [event], summary } = await read(response);
  assertMatch(
    event!,
    /^({"own63":"rsigma:\S+","granted63":"rsigma:\S+","asked":"rsigma:\S+","plain":4})$/,
  );
  assertEquals(summary.unshown, 0);
});

test("Tap.offer() works on after the stack has ended in the middle of it", () => {
  const tap = new Tap();
  const session = tap.open({ stage: "decoded", where: "id >= 0" })!;
  const dive = (): void => {
    tap.offer("decoded", { id: -1 });
    dive();
  };
  for (let time = 0; time < 30; time++) {
    try {
      dive();
    } catch {
      // As it must end.
    }
  }
  const { captured } = session;
  tap.offer("decoded", { id: 1 });
  assertEquals(session.captured, captured + 1);
  session.close();
});
