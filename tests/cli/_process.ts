import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { until } from "../tap/_wait.ts";

const command = fileURLToPath(new URL("../../cli/mod.ts", import.meta.url));
const runtime = "Deno" in globalThis ? ["run", "--allow-net", "--allow-read"] : [];

/** The `weir` command as a process of its own, under the runtime of this test. Leaving its scope ends it. */
export class Weir implements AsyncDisposable {
  /** What it has written to standard output. */
  output = "";
  /** What it has written to standard error. */
  errors = "";
  /** Its exit code, once it has ended; null if a signal ended it, as one does after a minute. */
  readonly code: Promise<number | null>;
  readonly #child: ChildProcess;
  #hasEnded = false;

  /** Starts it with these arguments. */
  constructor(...args: readonly string[]) {
    this.#child = spawn(process.execPath, [...runtime, command, ...args], { stdio: "pipe" });
    const { stdin, stdout, stderr } = this.#child;
    const decoder = new TextDecoder();
    stdout!.on("data", (chunk: Uint8Array) => {
      this.output += decoder.decode(chunk, { stream: true });
    });
    stderr!.on("data", (chunk: Uint8Array) => {
      this.errors += new TextDecoder().decode(chunk);
    });
    // A process that has ended does not take what is written to it.
    stdin!.on("error", () => {});
    const limit = setTimeout(() => this.signal("SIGKILL"), 60_000);
    this.code = new Promise((resolve, reject) => {
      this.#child.on("error", reject);
      this.#child.on("close", (code) => {
        clearTimeout(limit);
        this.#hasEnded = true;
        resolve(code);
      });
    });
  }

  /** Its lines on standard error. */
  get errorLines(): string[] {
    return this.errors.split("\n").slice(0, -1);
  }

  /** The address that `weir serve` says it serves at. */
  async url(): Promise<string> {
    const pattern = /serving .* at (http:\/\/\S+)\n/;
    await until("weir serve listens", () => pattern.test(this.errors) || this.#hasEnded);
    const url = pattern.exec(this.errors)?.[1];
    if (url === undefined) throw new Error(`weir did not serve: ${this.errors}`);
    return url;
  }

  /** Waits until it has said this on standard error. */
  async says(text: string): Promise<void> {
    await until(`weir says ${text}`, () => this.errors.includes(text) || this.#hasEnded);
    if (!this.errors.includes(text)) throw new Error(`weir never said ${text}: ${this.errors}`);
  }

  /** Writes to its standard input, waiting until it has taken it. */
  write(text: string): Promise<void> {
    return new Promise((resolve) => this.#child.stdin!.write(text, () => resolve()));
  }

  /** Ends its standard input. */
  endInput(): void {
    this.#child.stdin!.end();
  }

  /** Closes the reading end of its standard output, as `head` does. */
  closeOutput(): void {
    this.#child.stdout!.destroy();
  }

  /** Sends it a signal. Not by the child's own kill(), after which Deno hides its exit code. */
  signal(name: "SIGINT" | "SIGTERM" | "SIGKILL"): void {
    process.kill(this.#child.pid!, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.signal("SIGKILL");
    this.#child.stdin!.destroy();
    await this.code;
  }
}
