import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Runtime } from "./_runtimes.ts";
import { until } from "./tap/_wait.ts";

/** A program as a process of its own. Leaving its scope ends it. */
export class Child implements AsyncDisposable {
  /** What it has written to standard output. */
  output = "";
  /** What it has written to standard error. */
  errors = "";
  /** Its exit code, once it has ended; null if a signal ended it, as one does after a minute. */
  readonly code: Promise<number | null>;
  readonly #child: ChildProcess;
  #hasEnded = false;

  /** Starts it. */
  constructor(runtime: Runtime, file: URL, ...args: readonly (string | number)[]) {
    const [program, ...before] = runtime.command;
    this.#child = spawn(program, [...before, fileURLToPath(file), ...args.map(String)], {
      stdio: "pipe",
    });
    const { stdin, stdout, stderr } = this.#child;
    const [output, errors] = [new TextDecoder(), new TextDecoder()];
    stdout!.on("data", (chunk: Uint8Array) => {
      this.output += output.decode(chunk, { stream: true });
    });
    stderr!.on("data", (chunk: Uint8Array) => {
      this.errors += errors.decode(chunk, { stream: true });
    });
    // A process that has ended does not take what is written to it.
    stdin!.on("error", () => {});
    const limit = setTimeout(() => this.kill(), 60_000);
    this.code = new Promise((resolve, reject) => {
      this.#child.on("error", reject);
      this.#child.on("close", (code) => {
        clearTimeout(limit);
        this.#hasEnded = true;
        resolve(code);
      });
    });
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid!;
  }

  /** Whether it has ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Its lines on standard error. */
  get errorLines(): string[] {
    return this.errors.split("\n").slice(0, -1);
  }

  /** Waits until it has said this, on standard output or on standard error. */
  async says(text: string): Promise<void> {
    const isSaid = (): boolean => this.output.includes(text) || this.errors.includes(text);
    await until(`a child says ${text}`, () => isSaid() || this.#hasEnded);
    if (!isSaid()) throw new Error(`A child never said ${text}: ${this.output}${this.errors}`);
  }

  /** Waits until it has ended well; answers what it said last, as JSON. */
  async answer<T>(): Promise<T> {
    const code = await this.code;
    if (code !== 0) throw new Error(`A child ended with ${code}: ${this.output}${this.errors}`);
    return JSON.parse(this.output.trim().split("\n").at(-1)!);
  }

  /** Writes to its standard input, waiting until it has taken it. */
  write(text: string): Promise<void> {
    return new Promise((resolve) => this.#child.stdin!.write(text, () => resolve()));
  }

  /** Ends its standard input. */
  endInput(): void {
    this.#child.stdin!.end();
  }

  /** Takes nothing more from its standard output, as a pager does that waits for a key. */
  pauseOutput(): void {
    this.#child.stdout!.pause();
  }

  /** Takes its standard output again. */
  resumeOutput(): void {
    this.#child.stdout!.resume();
  }

  /** Closes the reading end of its standard output, as `head` does. */
  closeOutput(): void {
    this.#child.stdout!.destroy();
  }

  /** Sends it a signal; false if it has ended. Not by the child's own kill(), after which Deno hides its exit code. */
  signal(name: "SIGINT" | "SIGTERM" | "SIGKILL"): boolean {
    if (this.#hasEnded) return false;
    try {
      process.kill(this.pid, name);
      return true;
    } catch {
      // It is gone, though not all that it has written is read.
      return false;
    }
  }

  /** Kills it, as nothing can prevent. */
  kill(): void {
    this.signal("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    this.#child.stdin!.destroy();
    // Paused, it would never be found closed.
    this.#child.stdout!.resume();
    await this.code;
  }
}
