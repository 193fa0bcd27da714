import type { Host, HostFile, HostServeOptions, HostServer, HostStat } from "../../cli/mod.ts";

/** A server that only says what was asked of it. */
export interface FakeServer extends HostServer {
  readonly options: HostServeOptions;
  /** What stop() was given; undefined while the server runs. */
  graceMs: number | undefined;
}

/** A host without a system: what the command does stays here, to be looked at. */
export class FakeHost implements Host {
  readonly args: readonly string[];
  /** What was written to standard output. */
  output = "";
  /** What was written to standard error, a line each. */
  readonly errors: string[] = [];
  /** What stands where; a path that is not here does not exist. */
  readonly files: Map<string, string | "directory"> = new Map();
  /** What creating a file rejects with. */
  createProblem: unknown;
  /** What writing to a file rejects with. */
  fileProblem: unknown;
  /** The variables of the environment. */
  readonly variables: Map<string, string> = new Map();
  /** How many files are open. */
  openFiles = 0;
  /** Every server that was started. */
  readonly servers: FakeServer[] = [];
  /** What standard input gives; without a feed it stays open and gives nothing. */
  feed: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** How often standard input was asked for. */
  stdinUses = 0;
  /** How often something was read from standard input. */
  stdinPulls = 0;
  /** Whether standard input was cancelled. */
  isStdinCancelled = false;
  /** What calls when the user interrupts. */
  readonly interrupts: Set<() => void> = new Set();
  /** What starting a server throws. */
  serveProblem: unknown;
  /** Whether standard output is a terminal. */
  isTerminal = false;
  /** Whether nobody reads standard output any more. */
  isUnread = false;
  /** What writing to standard output rejects with. */
  writeProblem: unknown;
  /** Called with every line on standard error. */
  onLog: (line: string) => void = () => {};

  constructor(...args: readonly string[]) {
    this.args = args;
  }

  write(text: string): Promise<boolean> {
    if (this.isUnread) return Promise.resolve(false);
    if (this.writeProblem !== undefined) return Promise.reject(this.writeProblem);
    this.output += text;
    return Promise.resolve(true);
  }

  log(line: string): void {
    this.errors.push(line);
    this.onLog(line);
  }

  stdin(): ReadableStream<Uint8Array> {
    this.stdinUses++;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.feed = controller;
      },
      pull: () => {
        this.stdinPulls++;
      },
      cancel: () => {
        this.isStdinCancelled = true;
      },
    }, { highWaterMark: 0 });
  }

  stat(path: string): Promise<HostStat> {
    const content = this.files.get(path);
    if (content === undefined) return Promise.reject(new Error(`no such file: ${path}`));
    const isDirectory = content === "directory";
    return Promise.resolve({ size: content.length, id: path, isDirectory });
  }

  open(path: string): Promise<HostFile> {
    const content = this.files.get(path);
    if (content === undefined) return Promise.reject(new Error(`no such file: ${path}`));
    const bytes = new TextEncoder().encode(content);
    let position = 0;
    let isOpen = true;
    this.openFiles++;
    return Promise.resolve({
      read: (...args: readonly number[]) => {
        if (!isOpen) return Promise.reject(new Error(`${path} is closed`));
        const chunk = bytes.subarray(position, position + args.at(-1)!);
        position += chunk.length;
        return Promise.resolve(chunk);
      },
      close: () => {
        if (isOpen) this.openFiles--;
        isOpen = false;
      },
    });
  }

  create(path: string, replace: boolean): ReturnType<Host["create"]> {
    if (this.createProblem !== undefined) return Promise.reject(this.createProblem);
    if (this.files.has(path) && !replace) return Promise.reject(new Error(`${path} exists`));
    this.files.set(path, "");
    this.openFiles++;
    let isOpen = true;
    return Promise.resolve({
      write: (text) => {
        if (!isOpen) return Promise.reject(new Error(`${path} is closed`));
        if (this.fileProblem !== undefined) return Promise.reject(this.fileProblem);
        this.files.set(path, this.files.get(path)! + text);
        return Promise.resolve();
      },
      close: () => {
        if (isOpen) this.openFiles--;
        isOpen = false;
      },
    });
  }

  env(name: string): string | undefined {
    return this.variables.get(name);
  }

  serve(options: HostServeOptions): HostServer {
    if (this.serveProblem !== undefined) throw this.serveProblem;
    const server: FakeServer = {
      options,
      port: options.port || 54_321,
      graceMs: undefined,
      stop(graceMs) {
        server.graceMs = graceMs;
        return Promise.resolve();
      },
    };
    this.servers.push(server);
    return server;
  }

  onInterrupt(callback: () => void): () => void {
    this.interrupts.add(callback);
    return () => {
      this.interrupts.delete(callback);
    };
  }

  exit(code: number): never {
    throw new Error(`The process was to exit with ${code}`);
  }

  /** Lets the user press Ctrl-C. */
  interrupt(): void {
    for (const callback of this.interrupts) callback();
  }

  /** Puts text into standard input. */
  type(text: string): void {
    this.feed!.enqueue(new TextEncoder().encode(text));
  }

  /** Asks the one server that runs, from this machine. */
  async ask(path: string, init?: RequestInit): Promise<Response> {
    const [server] = this.servers;
    const request = new Request(`http://127.0.0.1:${server!.port}${path}`, init);
    return await server!.options.handler(request, {
      remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 4_711 },
    });
  }

  /** What is still going on: nothing of this may be left when the command has ended. */
  get leftovers(): string[] {
    return [
      ...this.servers.filter((server) => server.graceMs === undefined).map(() => "a server"),
      ...[...this.interrupts].map(() => "a listener for interrupts"),
      ...(this.openFiles > 0 ? ["an open file"] : []),
    ];
  }
}
