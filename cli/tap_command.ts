import { type TapClient, tapClient, type TapClientOptions, TapRefusedError } from "../tap/mod.ts";
import { Output } from "./_output.ts";
import { printable } from "./_printable.ts";
import { tapFormatter, type TapOutputFormat } from "./_tap_format.ts";
import { readRequest, readToken, readUrl, requestFlags, tokenFlags } from "./_tap_request.ts";
import {
  describeHello,
  describeNotice,
  describeReconnect,
  describeReturn,
  describeSummary,
} from "./_tap_words.ts";
import { type Flag, type Parsed, UsageError } from "./args.ts";
import type { Host, HostOutput } from "./host.ts";

/** The flags of `weir tap`. */
export const tapFlags: Readonly<Record<string, Flag>> = {
  ...requestFlags,
  meta: { about: "show the id, time and stage of each event, and what was told with it" },
  format: { value: "FORMAT", about: "ndjson, pretty or logfmt (ndjson)" },
  output: { value: "FILE", about: "write to a new file, which only you may read" },
  force: { about: "with --output: replace a file that is there" },
  reconnect: { about: "go on when the stream is cut off; --duration and --limit go on, too" },
  quiet: { about: "say nothing but what goes wrong" },
  ...tokenFlags,
};

/** The server could not be reached, or refused. */
const EXIT_REFUSED = 3;
/** The stream ended without a summary. */
const EXIT_CUT_OFF = 4;
/** What shells say of a program that Ctrl-C has ended. */
const EXIT_INTERRUPTED = 130;

const FORMATS: readonly string[] = ["ndjson", "pretty", "logfmt"] satisfies TapOutputFormat[];

/** Runs `weir tap` until the stream ends or it is interrupted. */
export async function tapCommand(parsed: Parsed, host: Host): Promise<number> {
  const { flags, rest } = parsed;
  if (rest.length > 1) throw new UsageError(`weir tap takes one URL, received "${rest[1]}" too`);
  const url = readUrl(rest[0] ?? "http://127.0.0.1:8707");
  const format = readFormat(flags.get("format"));
  if (flags.has("force") && !flags.has("output")) {
    throw new UsageError('flag "--force" needs "--output"');
  }
  const request = readRequest(parsed);
  const token = await readToken(parsed, host, url);
  const isQuiet = flags.has("quiet");
  const say = (text: string): void => {
    if (!isQuiet) host.log(`tap: ${printable(text)}`);
  };

  const stop = new AbortController();
  const target = new Target(host, flags.get("output"), flags.has("force"), () => stop.abort());
  let isGreeted = false;
  let isInterrupted = false;
  const client = makeClient(url, {
    ...request,
    // Time and stage are shown there, and come no other way.
    meta: flags.has("meta") || format === "pretty" || undefined,
    token,
    reconnect: flags.has("reconnect"),
    signal: stop.signal,
    onHello(hello) {
      say(isGreeted ? describeReturn(hello) : describeHello(hello, url));
      isGreeted = true;
      target.open();
    },
    onNotice: (notice) => say(describeNotice(notice)),
    onReconnect: (reconnect) => say(describeReconnect(reconnect)),
  });
  await target.check();

  const isTerminal = host.isTerminal && !flags.has("output");
  const write = tapFormatter(format, {
    isTerminal,
    hasColours: isTerminal && !host.env("NO_COLOR"),
    withMeta: flags.has("meta"),
  });
  const stopListening = host.onInterrupt(() => {
    // Asked twice: whoever reads the output does not take what is left.
    if (isInterrupted) host.exit(EXIT_INTERRUPTED);
    isInterrupted = true;
    stop.abort();
  });
  let shown = 0;
  let failure: unknown;
  try {
    for await (const line of client) {
      await target.write(`${write(line)}\n`);
      if (target.hasEnded) break;
      shown++;
    }
  } catch (error) {
    failure = error;
  } finally {
    await target.close(client.isComplete);
    stopListening();
  }

  // Whoever read the output has gone, as head does, and has seen enough.
  if (target.isUnread) return 0;
  target.throwIfFailed();
  if (client.isComplete) {
    say(describeSummary(client.summary!, shown, client.lost));
    return 0;
  }
  if (isInterrupted) {
    say(`${shown} shown, ${client.lost} dropped so far, interrupted`);
    return 0;
  }
  return explainEnd(client, failure, shown, url, token !== undefined, host);
}

/** Says why there is no summary. */
function explainEnd(
  client: TapClient,
  failure: unknown,
  shown: number,
  url: URL,
  hasToken: boolean,
  host: Host,
): number {
  const isRefused = failure instanceof TapRefusedError;
  const hasBegun = client.hello !== undefined || shown > 0 || (client.status === 200 && !isRefused);
  const message = (failure as Error | undefined)?.message ?? "";
  if (isRefused) {
    const hint = failure.status === 401 && !hasToken
      ? " (a token comes from WEIR_TAP_TOKEN or --token-file)"
      : "";
    host.log(`weir: ${printable(message)}${hint}`);
  } else if (!hasBegun) {
    host.log(`weir: Cannot reach ${url.origin}: ${printable(message.replaceAll(/\s+/g, " "))}`);
  } else if (message.startsWith("Cannot ")) {
    // Of the rest, a runtime knows no more than that it was cut off.
    host.log(`weir: ${printable(message)}`);
  }
  if (!hasBegun) return EXIT_REFUSED;
  host.log(`tap: ${shown} shown, then the stream was cut off; events may be missing`);
  return EXIT_CUT_OFF;
}

/** Where events are written to: standard output, or a file. */
class Target {
  readonly #host: Host;
  readonly #path: string | undefined;
  readonly #replace: boolean;
  readonly #onFailure: () => void;
  // A file is made once there is something to be written: one that is refused leaves none.
  #file: HostOutput | undefined;
  #output: Output | undefined;
  #opening: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(host: Host, path: string | undefined, replace: boolean, onFailure: () => void) {
    this.#host = host;
    this.#path = path;
    this.#replace = replace;
    this.#onFailure = onFailure;
  }

  get hasEnded(): boolean {
    return this.#failure !== undefined || this.#output?.ended !== undefined;
  }

  get isUnread(): boolean {
    return this.#output?.ended === "unread";
  }

  /** @throws {Error} Rejects with it if there is a file that is not to be replaced, before anything has begun. */
  async check(): Promise<void> {
    const path = this.#path;
    if (path === undefined || this.#replace) return;
    const isThere = await this.#host.stat(path).then(() => true, () => false);
    if (isThere) throw new Error(`Cannot write "${path}": it is there already (see --force)`);
  }

  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async write(text: string): Promise<void> {
    if (this.#output === undefined) await this.open();
    await this.#output?.write(text);
  }

  /** Fulfilled when everything is written, or cannot be. */
  async close(isComplete: boolean): Promise<void> {
    // What has ended well has a file, and be it an empty one.
    if (isComplete) this.open();
    await this.#opening;
    await this.#output?.flush();
    this.#file?.close();
  }

  throwIfFailed(): void {
    const ended = this.#output?.ended;
    const failed = this.#failure ?? (ended === "unread" ? undefined : ended);
    if (failed === undefined) return;
    if (this.#path === undefined) throw failed.error;
    const { message } = failed.error as Error;
    throw new Error(`Cannot write "${this.#path}": ${message}`, { cause: failed.error });
  }

  async #open(): Promise<void> {
    if (this.#path === undefined) {
      this.#output = new Output(this.#host);
      return;
    }
    try {
      const file = await this.#host.create(this.#path, this.#replace);
      const write = (text: string): Promise<boolean> => file.write(text).then(() => true);
      this.#file = file;
      this.#output = new Output({ ...this.#host, write });
    } catch (error) {
      this.#failure = { error };
      this.#onFailure();
    }
  }
}

function makeClient(url: URL, options: TapClientOptions): TapClient {
  try {
    return tapClient(url, options);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readFormat(text = "ndjson"): TapOutputFormat {
  if (FORMATS.includes(text)) return text as TapOutputFormat;
  throw new UsageError(`flag "--format" must be ndjson, pretty or logfmt, received "${text}"`);
}
