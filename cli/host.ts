/**
 * What the command needs of the runtime it runs in. There is one for each runtime, in the file named for it; tests bring their own.
 */
export interface Host {
  /** What was typed behind the name of the command. */
  readonly args: readonly string[];
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Writes text to standard output; fulfilled with true once it is written, with false when nobody reads it any more. */
  write(text: string): Promise<boolean>;
  /** Writes a line to standard error. Never throws: whether somebody reads it is not the command's concern. */
  log(line: string): void;
  /** Standard input. */
  stdin(): ReadableStream<Uint8Array>;
  /** Opens a file to read. */
  open(path: string): Promise<HostFile>;
  /**
   * Makes a file to write, which only its owner may read. What stands there already is replaced if `replace` is true, and else the reason
   * for a failure.
   */
  create(path: string, replace: boolean): Promise<HostOutput>;
  /** Says what stands at a path now. */
  stat(path: string): Promise<HostStat>;
  /** Starts a server; throws at once if it cannot. Port 0 takes any that is free. */
  serve(options: HostServeOptions): HostServer;
  /** Calls `callback` whenever the user or the system asks the process to end; answers what undoes it. */
  onInterrupt(callback: () => void): () => void;
  /** A variable of the environment; undefined if there is none, or it may not be read. Never asks the user. */
  env(name: string): string | undefined;
  /** Ends the process, whatever is still under way: a read of standard input cannot be taken back. */
  exit(code: number): never;
}

/** What {@linkcode Host.stat} says. */
export interface HostStat {
  /** How long the file is, in bytes. */
  readonly size: number;
  /** Tells one file from another that takes its place; undefined where the system has nothing of the kind. */
  readonly id: string | undefined;
  /** Whether it is a directory. */
  readonly isDirectory: boolean;
}

/** A file that is open. */
export interface HostFile {
  /** Reads the next bytes, at most `length`; an empty array at the end of the file. */
  read(length: number): Promise<Uint8Array>;
  /** Closes the file. */
  close(): void;
}

/** A file that is open to write. */
export interface HostOutput {
  /** Writes text behind what was written before; fulfilled once the system has all of it. */
  write(text: string): Promise<void>;
  /** Closes the file. */
  close(): void;
}

/** Options of {@linkcode Host.serve}. */
export interface HostServeOptions {
  /** The address to listen at. */
  readonly hostname: string;
  /** The port to listen at. */
  readonly port: number;
  /** Answers a request; `peer` is what the runtime passes beside it. */
  readonly handler: (request: Request, peer: unknown) => Response | Promise<Response>;
}

/** A server that runs. */
export interface HostServer {
  /** The port it listens at. */
  readonly port: number;
  /** Stops listening, waits up to `graceMs` for answers that are under way, then ends every connection. */
  stop(graceMs: number): Promise<void>;
}
