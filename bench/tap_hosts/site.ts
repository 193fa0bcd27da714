import { deepStrictEqual as assertEquals, ok as assert } from "node:assert/strict";
import type { HostOptions, HostState } from "../../tests/tap/_host_app.ts";
import type { TapEndReason } from "../../tap/mod.ts";
import { delivered, state, stateOf } from "../../tests/tap/_host_state.ts";
import type { Reading } from "./line_stream.ts";
import type { Progress } from "./load.ts";
import { Program } from "./program.ts";
import type { ReaderOptions } from "./reader.ts";
import type { Usage } from "./server.ts";

const TOKEN = "0123456789abcdef-bench";

/** How a program is started. */
export type Command = readonly [string, ...string[]];

/** What a span of time has seen. */
export interface Span {
  readonly rate: number;
  /** How long a processor was busy in the server for each request. */
  readonly cpuUs: number;
}

function scriptOf(name: string): Command {
  return [Deno.execPath(), "run", "--no-check", "-A", new URL(name, import.meta.url).pathname];
}

/** A server, and those who use it, each a process. Leaving its scope ends them. */
export class Site implements AsyncDisposable {
  readonly port: number;
  readonly token: string = TOKEN;
  readonly #server: Program;
  readonly #users: Program;

  private constructor(server: Program, port: number, users: Program) {
    this.#server = server;
    this.port = port;
    this.#users = users;
  }

  /** Starts a server, and those who use it. */
  static async open(command: Command, options: HostOptions, users: number): Promise<Site> {
    const [program, ...args] = command;
    const all = { ...options, token: TOKEN };
    const server = new Program([program, ...args, JSON.stringify(all)]);
    const port = Number((await server.line()).replace("port ", ""));
    const [deno, ...before] = scriptOf("load.ts");
    return new Site(server, port, new Program([deno, ...before, `${port}`, `${users}`]));
  }

  /** What the server says of its tap. */
  state(): Promise<HostState> {
    return stateOf(this);
  }

  /** What it says when no session is left, and the streams of those that have ended are over. */
  async settled(): Promise<HostState> {
    await this.endSessions();
    return await state("no session is left", this, ({ open, ended }) => {
      return open.length === 0 && ended.every(({ size }) => size === 0);
    });
  }

  /** What the server has used. */
  async usage(): Promise<Usage> {
    return await (await fetch(`http://127.0.0.1:${this.port}/usage`)).json();
  }

  /** What its users had answered. */
  async progress(): Promise<Progress> {
    await this.#users.say("how far");
    return JSON.parse(await this.#users.line());
  }

  /** Measures for a time. */
  async measure(ms: number): Promise<Span> {
    const [before, usedBefore] = [await this.progress(), await this.usage()];
    await new Promise((resolve) => setTimeout(resolve, ms));
    const [after, used] = [await this.progress(), await this.usage()];
    assertEquals([after.failures, after.sample], [0, ""]);
    const answers = after.answers - before.answers;
    assert(answers > 0);
    return {
      rate: 1_000 * answers / (after.atMs - before.atMs),
      cpuUs: 1_000 * (used.cpuMs - usedBefore.cpuMs) / answers,
    };
  }

  /** Starts a reader, and waits until its session is open. */
  async reader(kind: ReaderOptions["kind"], query: string): Promise<Program> {
    const reader = this.#reader(kind, query);
    assertEquals(await reader.line(), "open");
    return reader;
  }

  /** Starts a thousand readers at once, which say what became of them. */
  crowd(): Program {
    return this.#reader("crowd", "duration=60s");
  }

  /** Waits until the place of the only session is free; answers for how long, in milliseconds. */
  freed(): Promise<number> {
    const freed = this.#untilFree();
    // Whoever waits for it may have failed before.
    freed.catch(() => {});
    return freed;
  }

  async #untilFree(): Promise<number> {
    const start = performance.now();
    const headers = { authorization: `Bearer ${TOKEN}` };
    for (;;) {
      // Who wants nothing gets in as soon as there is a place.
      const response = await fetch(`http://127.0.0.1:${this.port}/debug/tap?limit=0`, { headers });
      await response.text();
      const ms = performance.now() - start;
      if (response.status === 200) return ms;
      assertEquals(response.status, 409);
      assert(ms < 30_000, "a place is never free again");
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Waits until the only reader is well on its way. */
  async untilRead(): Promise<void> {
    await state("a reader reads", this, ({ open: [session] }) => {
      return session !== undefined && session.captured - session.size > 1_000;
    });
  }

  /** Ends all sessions. */
  async endSessions(): Promise<void> {
    await (await fetch(`http://127.0.0.1:${this.port}/kill`, { method: "POST" })).body?.cancel();
  }

  /** Waits until a reader has read all of a session that ended for a reason, and checks that the server says what it got. */
  async checkReading(reader: Program, reason: TapEndReason): Promise<Reading> {
    const reading: Reading = JSON.parse(await reader.line());
    assertEquals([reading.summary?.reason, reading.summary?.captured], [reason, reading.events]);
    const { ended } = await this.state();
    assert(ended.some((session) => {
      return session.reason === reason && delivered(session) === reading.events &&
        session.dropped === reading.summary!.dropped;
    }));
    return reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#users[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }

  #reader(kind: ReaderOptions["kind"], query: string): Program {
    const options: ReaderOptions = { port: this.port, token: TOKEN, query, kind };
    const [deno, ...before] = scriptOf("reader.ts");
    return new Program([deno, ...before, JSON.stringify(options)]);
  }
}
