import { assert, assertEquals, assertMatch } from "@std/assert";
import type { TapEndReason, TapSummary } from "../../tap/mod.ts";
import type { SessionState } from "./_host_app.ts";
import { HostReader } from "./_host_reader.ts";
import { delivered, type Host, state, stateOf } from "./_host_state.ts";
import { until } from "./_wait.ts";

/** A connection to the tap of a server that asks for nothing else. */
export function watch({ port, token }: Host, query = ""): HostReader {
  const headers = token === undefined ? [] : [`authorization: Bearer ${token}`];
  return new HostReader(port, `/debug/tap${query}`, headers);
}

/** Waits until a reader has been told that its session is open. */
export function isOpen(reader: HostReader): Promise<void> {
  return until("a session is open", () => reader.received.includes("hello"));
}

/** Waits until a server with one place for a session has it free: one that wants nothing gets in. */
export async function untilFree(host: Host): Promise<void> {
  const headers = host.token === undefined ? {} : { authorization: `Bearer ${host.token}` };
  for (let tries = 0; tries < 1_000; tries++) {
    const response = await fetch(`http://127.0.0.1:${host.port}/debug/tap?limit=0`, { headers });
    await response.text();
    if (response.status === 200) return;
    assertEquals(response.status, 409);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`Waited in vain for a place: ${JSON.stringify(await stateOf(host))}`);
}

/** Asks for something that is not the tap, as the users of the server do. */
export async function order(host: Host, id: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${host.port}/orders/${id}`);
  assertEquals([response.status, await response.json()], [200, { id, item: "teapot" }]);
}

/** Offers many events at once. */
export async function offer(host: Host, count: number, bytes: number): Promise<void> {
  const url = `http://127.0.0.1:${host.port}/offer?count=${count}&bytes=${bytes}`;
  const response = await fetch(url, { method: "POST" });
  assertEquals([response.status, await response.json()], [200, { count }]);
}

/** Splits what came of a stream of lines; fails if that has no summary. */
export function linesOf(body: string): { events: string[]; summary: TapSummary } {
  const lines = body.split("\n").filter((line) => line !== "");
  const last = lines.pop() ?? "";
  assertMatch(last, /^{"weir_tap_summary":/);
  assertMatch(lines.shift() ?? "", /^{"weir_tap_hello":/);
  const events = lines.filter((line) => !line.startsWith('{"weir_tap_notice":'));
  return { events, summary: JSON.parse(last).weir_tap_summary };
}

/** More than all the buffers of two sockets hold. */
const TOO_MUCH = 64 * 1_024 * 1_024;

/** Offers much, and asks for other things in between, until the server has ended a session for its slowness. */
export async function flood(host: Host): Promise<SessionState> {
  let bytes = 0;
  for (let id = 0;; id++) {
    // So much that it is read nowhere, and then only as much as shows that the server goes on.
    if (bytes < TOO_MUCH) {
      await offer(host, 100, 10_000);
      bytes += 1_000_000;
    } else {
      await offer(host, 1, 10);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await order(host, id);
    const { ended } = await stateOf(host);
    const slow = ended.find(({ reason }) => reason === "slow_reader");
    if (slow !== undefined) return slow;
    assertEquals(ended, []);
    assert(id < 2_000, "a reader that takes nothing is never ended");
  }
}

/** A reader takes nothing: events are dropped and counted, the others are served, and its place is free again. */
export async function stall(host: Host): Promise<void> {
  const reader = watch(host);
  await isOpen(reader);
  reader.pause();
  const slow = await flood(host);
  assert(slow.dropped > 0, JSON.stringify(slow));
  await untilFree(host);
  const after = await stateOf(host);
  const { tap, ended } = after;
  assertEquals(tap.active, 0);
  assertEquals(ended.map(({ reason }) => reason), ["slow_reader", "limit"]);
  assertEquals([tap.captured, tap.dropped], [ended[0]!.captured, ended[0]!.dropped]);
  // Whoever wakes up is told why it is over, and of everything that came that it came.
  reader.resume();
  await until("a reader has all of it", () => reader.hasEnded);
  const { events, summary } = linesOf(reader.body);
  assertEquals(summary.reason, "slow_reader");
  assertEquals([events.length, summary.captured], [delivered(ended[0]!), events.length]);
  await reader.destroy();
}

/** A reader goes away while nothing is offered; its session ends for that reason. */
export async function leave(host: Host, query: string, reason: TapEndReason): Promise<void> {
  const reader = watch(host, query);
  await isOpen(reader);
  const taken = await fetch(`http://127.0.0.1:${host.port}/debug/tap`, {
    headers: host.token === undefined ? {} : { authorization: `Bearer ${host.token}` },
  });
  assertEquals(taken.status, 409);
  await taken.text();
  await reader.destroy();
  await untilFree(host);
  const { ended } = await stateOf(host);
  assertEquals(ended[0]!.reason, reason);
}

/** A thousand readers come at once, to a server that has places for two. */
export async function crowd(host: Host): Promise<void> {
  const readers = Array.from({ length: 1_000 }, () => watch(host));
  await until("all are answered", () => readers.every(({ status }) => status !== 0));
  const statuses = Map.groupBy(readers, ({ status }) => status);
  assertEquals([...statuses].map(([status, { length }]) => [status, length]).sort(), [
    [200, 2],
    [409, 998],
  ]);
  const { tap, refused } = await stateOf(host);
  assertEquals([tap.active, tap.opened, tap.refused, tap.refusedBy.full], [2, 2, 998, 998]);
  assertEquals(refused, { full: 998 });
  await order(host, 1);
  await Promise.all(readers.map((reader) => reader.destroy()));
  const { ended, open } = await state("no session is left", host, ({ tap }) => tap.active === 0);
  assertEquals(open, []);
  assertEquals(ended.map(({ reason }) => reason), ["client", "client"]);
  await untilFree(host);
}
