import { Child } from "../_child.ts";
import type { Runtime } from "../_runtimes.ts";
import type { HostOptions, HostState } from "./_host_app.ts";
import type { Host } from "./_host_state.ts";

/** The program that is started, which Deno and Bun run as it is. */
export const hostProgram: URL = new URL("_host_program.ts", import.meta.url);

/** What a server says when it has ended, and whether it had to give up an answer. */
export interface LastState extends HostState {
  readonly how: "sent" | "late";
}

/** A server in a process of its own. Leaving its scope ends it. */
export class HostProcess implements Host, AsyncDisposable {
  readonly port: number;
  readonly token?: string;
  readonly #child: Child;

  private constructor(child: Child, port: number, token: string | undefined) {
    this.#child = child;
    this.port = port;
    if (token !== undefined) this.token = token;
  }

  /** Starts it, and waits until it listens. */
  static async start(
    command: Runtime["command"],
    program: URL,
    options: HostOptions,
  ): Promise<HostProcess> {
    // Of a runtime, its command is all that is used.
    const child = new Child({ command } as Runtime, program, JSON.stringify(options));
    try {
      await child.says("port ");
      await child.says("\n");
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
    return new HostProcess(child, Number(/port (\d+)/.exec(child.output)![1]), options.token);
  }

  /** What it has written to standard error. */
  get errors(): string {
    return this.#child.errors;
  }

  /** Tells it to end, and waits until it has; answers its exit code, and what it says of itself at the end. */
  async terminate(): Promise<{ code: number | null; last: LastState }> {
    this.#child.signal("SIGTERM");
    const code = await this.#child.code;
    const [, text] = /^stopped (.*)$/m.exec(this.#child.output) ?? [];
    if (text === undefined) throw new Error(`A server never stopped: ${code} ${this.errors}`);
    return { code, last: JSON.parse(text) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}
