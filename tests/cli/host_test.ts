import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bunHost, detectHost, type Host } from "../../cli/mod.ts";
import { openInput } from "../../cli/input.ts";
import { test } from "../_harness.ts";
import { FakeTime } from "../_fake_time.ts";
import { runtimeHost } from "../tap/_server.ts";
import { settle, until } from "../tap/_wait.ts";

/** Runs `body` in a directory of its own, which is removed afterwards. */
async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "weir-host-"));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function checkStat(host: Host, directory: string): Promise<void> {
  const path = join(directory, "app.log");
  await writeFile(path, "12345");
  const first = await host.stat(path);
  assertEquals([first.size, first.isDirectory], [5, false]);
  assertEquals(await host.stat(path), first);
  await writeFile(join(directory, "next"), "123");
  await rename(join(directory, "next"), path);
  const second = await host.stat(path);
  assertEquals(second.size, 3);
  // Systems without such a thing say undefined both times.
  assert(first.id === undefined ? second.id === undefined : second.id !== first.id);
  assertEquals((await host.stat(directory)).isDirectory, true);
  await assertRejects(() => host.stat(join(directory, "gone")), Error);
  await assertRejects(() => host.open(join(directory, "gone")), Error);
}

test("The runtime's host tells files from directories, and one file from the next", () =>
  inDirectory((directory) => checkStat(runtimeHost(), directory)));

test("The runtime's host is the one that is detected, and has arguments", () => {
  const host = detectHost();
  assertEquals(Object.keys(host).sort(), Object.keys(runtimeHost()).sort());
  assertEquals(host.args, runtimeHost().args);
  assert(host.args.every((arg) => typeof arg === "string"));
});

test("The runtime's host throws at once for a port in use", async () => {
  const host = runtimeHost();
  const options = { hostname: "127.0.0.1", port: 0, handler: () => new Response("here") };
  const server = host.serve(options);
  assert(server.port > 0);
  assertEquals(await (await fetch(`http://127.0.0.1:${server.port}`)).text(), "here");
  assertThrows(() => host.serve({ ...options, port: server.port }), Error);
  await server.stop(0);
  // It is free again.
  await host.serve({ ...options, port: server.port }).stop(0);
});

test("The runtime's host passes on who asks, so that a handler can tell", async () => {
  const peers: unknown[] = [];
  const server = runtimeHost().serve({
    hostname: "127.0.0.1",
    port: 0,
    handler(request, peer) {
      const { remoteAddr, requestIP } = peer as {
        remoteAddr?: { hostname: string };
        requestIP?: (request: Request) => { address: string };
      };
      peers.push(remoteAddr?.hostname ?? requestIP?.call(peer, request).address);
      return new Response("");
    },
  });
  await (await fetch(`http://127.0.0.1:${server.port}`)).text();
  assertEquals(peers, ["127.0.0.1"]);
  await server.stop(0);
});

/** An answer that begins, and goes on when it is told. */
function openAnswer(): { response: Response; finish: () => void; isCancelled: () => boolean } {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start(its) {
      controller = its;
      controller.enqueue(new TextEncoder().encode("begun"));
    },
    cancel() {
      isCancelled = true;
    },
  });
  return {
    response: new Response(body),
    finish() {
      controller.enqueue(new TextEncoder().encode(", done"));
      controller.close();
    },
    isCancelled: () => isCancelled,
  };
}

test("HostServer.stop() waits for an answer that is under way", async () => {
  const { response, finish } = openAnswer();
  const server = runtimeHost().serve({
    hostname: "127.0.0.1",
    port: 0,
    handler: () => response,
  });
  const answer = await fetch(`http://127.0.0.1:${server.port}`);
  let hasStopped = false;
  const stopped = server.stop(60_000).then(() => hasStopped = true);
  await settle();
  assert(!hasStopped);
  finish();
  assertEquals(await answer.text(), "begun, done");
  await stopped;
});

test("HostServer.stop() ends an answer that is not finished in time, and lets no one see an error", async () => {
  const { response, isCancelled } = openAnswer();
  const server = runtimeHost().serve({
    hostname: "127.0.0.1",
    port: 0,
    handler: () => response,
  });
  const answer = await fetch(`http://127.0.0.1:${server.port}`);
  await server.stop(20);
  await assertRejects(() => answer.text(), Error);
  await until("the answer is given up", isCancelled);
  await assertRejects(() => fetch(`http://127.0.0.1:${server.port}`), Error);
});

/** What a stand-in of Bun was asked. */
interface FakeBun {
  readonly written: string[];
  readonly served: Record<string, unknown>[];
  readonly stops: boolean[];
  readonly logged: string[];
  readonly listeners: [signal: string, callback: () => void][];
  readonly exits: number[];
  readonly stopped: PromiseWithResolvers<void>;
  /** How many listeners there are to errors of standard output, and of standard error. */
  readonly errorListeners: [output: number, errors: number];
  /** What writing to standard output, or error, throws. */
  problem: unknown;
  isTty: boolean | undefined;
}

/** Runs `body` where Bun's globals are stand-ins, and, if it is to be so, Deno's is gone. */
async function withFakeBun(
  isAlone: boolean,
  body: (fake: FakeBun) => void | Promise<void>,
): Promise<void> {
  const fake: FakeBun = {
    written: [],
    served: [],
    stops: [],
    logged: [],
    listeners: [],
    exits: [],
    stopped: Promise.withResolvers(),
    errorListeners: [0, 0],
    problem: undefined,
    isTty: undefined,
  };
  const bun = {
    argv: ["bun", "mod.ts", "tap", "--limit", "1"],
    stdin: { stream: () => new Response("typed").body! },
    serve(options: Record<string, unknown>) {
      fake.served.push(options);
      return {
        port: 4_711,
        stop(force: boolean) {
          fake.stops.push(force);
          if (force) fake.stopped.resolve();
          return fake.stopped.promise;
        },
      };
    },
  };
  const process = {
    stdout: {
      get isTTY() {
        return fake.isTty;
      },
      on: () => void fake.errorListeners[0]++,
      write(text: string, done: (error?: unknown) => void) {
        if (fake.problem === undefined) fake.written.push(text);
        queueMicrotask(() => done(fake.problem));
      },
    },
    stderr: {
      on: () => void fake.errorListeners[1]++,
      write(text: string) {
        if (fake.problem !== undefined) throw fake.problem;
        fake.logged.push(text);
      },
    },
    exit: (code: number) => void fake.exits.push(code),
    on: (signal: string, callback: () => void) => void fake.listeners.push([signal, callback]),
    off(signal: string, callback: () => void) {
      const index = fake.listeners.findIndex(([name, other]) =>
        name === signal && other === callback
      );
      fake.listeners.splice(index, 1);
    },
  };
  const stands: Readonly<Record<string, unknown>> = { Bun: bun, process };
  const before = ["Bun", "process", "Deno"].map((name) =>
    [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const
  );
  for (const [name, value] of Object.entries(stands)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  if (isAlone) Reflect.deleteProperty(globalThis, "Deno");
  try {
    await body(fake);
  } finally {
    for (const [name, descriptor] of before) {
      Reflect.deleteProperty(globalThis, name);
      if (descriptor !== undefined) Object.defineProperty(globalThis, name, descriptor);
    }
  }
}

// Bun's own globals cannot be replaced; there the tests above, and those of the processes, show that its host works.
if ("Deno" in globalThis) {
  test("bunHost() reads arguments behind the script, writes, logs and exits", () =>
    withFakeBun(false, async (fake) => {
      const host = bunHost();
      assertEquals(host.args, ["tap", "--limit", "1"]);
      assertEquals(await host.write("text"), true);
      assertEquals(await host.write("more"), true);
      assertEquals(fake.written, ["text", "more"]);
      host.log("line");
      host.log("another");
      assertEquals(fake.logged, ["line\n", "another\n"]);
      assertEquals(fake.errorListeners, [1, 1]);
      assertEquals(await new Response(host.stdin()).text(), "typed");
      host.exit(3);
      assertEquals(fake.exits, [3]);
    }));

  test("bunHost() tells a reader that has gone from a failure, and a terminal from a pipe", () =>
    withFakeBun(false, async (fake) => {
      const host = bunHost();
      assertEquals(host.isTerminal, false);
      fake.isTty = true;
      assertEquals(host.isTerminal, true);
      fake.problem = Object.assign(new Error("broken pipe"), { code: "EPIPE" });
      assertEquals(await host.write("text"), false);
      host.log("nobody reads it");
      fake.problem = Object.assign(new Error("no space"), { code: "ENOSPC" });
      assertStrictEquals(await host.write("text").catch((error) => error), fake.problem);
      assertEquals([fake.written, fake.logged], [[], []]);
    }));

  test("bunHost() listens to both signals until it is told not to", () =>
    withFakeBun(false, (fake) => {
      const callback = (): void => {};
      const stop = bunHost().onInterrupt(callback);
      assertEquals(fake.listeners.map(([name]) => name), ["SIGINT", "SIGTERM"]);
      assert(fake.listeners.every(([, other]) => other === callback));
      stop();
      assertEquals(fake.listeners, []);
    }));

  test("bunHost() tells files apart, and reads them", () =>
    withFakeBun(false, () =>
      inDirectory(async (directory) => {
        await checkStat(bunHost(), directory);
        const path = join(directory, "long.log");
        const text = "a line of a log\n".repeat(10_000);
        await writeFile(path, text);
        const input = await openInput(bunHost(), path, false);
        assertEquals(await new Response(input).text(), text);
      })));

  test("bunHost() keeps silent connections, and breaks what is not finished after the grace", () =>
    withFakeBun(false, async (fake) => {
      using time = new FakeTime();
      const handler = (): Response => new Response("");
      const server = bunHost().serve({ hostname: "127.0.0.1", port: 0, handler });
      assertEquals(server.port, 4_711);
      const [options] = fake.served;
      assertEquals([options!["hostname"], options!["port"], options!["idleTimeout"]], [
        "127.0.0.1",
        0,
        0,
      ]);
      assertStrictEquals(options!["fetch"], handler);
      // Bun's own page for an error shows the source around it, and without it Bun shares ports if it may.
      assertEquals([options!["development"], options!["reusePort"]], [false, false]);
      const stopped = server.stop(500);
      time.pass(499);
      assertEquals(fake.stops, [false]);
      time.pass(1);
      assertEquals(fake.stops, [false, true]);
      await stopped;
      assertEquals(time.armed, 0);
    }));

  test("bunHost() does not break what is finished within the grace", () =>
    withFakeBun(false, async (fake) => {
      using time = new FakeTime();
      const handler = (): Response => new Response("");
      const stopped = bunHost().serve({ hostname: "127.0.0.1", port: 1, handler }).stop(500);
      fake.stopped.resolve();
      await stopped;
      assertEquals([fake.stops, time.armed], [[false], 0]);
    }));

  test("detectHost() takes Bun where there is no Deno, and refuses where there is neither", async () => {
    await withFakeBun(true, (fake) => {
      detectHost().exit(7);
      assertEquals(fake.exits, [7]);
      Reflect.deleteProperty(globalThis, "Bun");
      assertThrows(
        () => detectHost(),
        Error,
        "Cannot run weir: the runtime must be Deno or Bun",
      );
    });
    assert("Deno" in globalThis);
  });
}
