import { checkFunction, onAbort, refusal } from "../internal/mod.ts";
import { bodyOf, BrokenConnection, Connection, TapRefusedError } from "./_client_connection.ts";
import { readEnvelope, readRecord, readSummary, type TapClientSummary } from "./_client_lines.ts";
import { checkAddress, durationOf, limitOf, resumed, withQuery } from "./_client_query.ts";
import { Backoff, wait } from "./_retry.ts";
import type { TapClientOptions } from "./client.ts";
import { lines } from "./lines.ts";
import type { TapHello, TapNotice } from "./records.ts";

const WATCH = "watch tap";

/** More than a line of a tap with the default bound can have, whatever its characters take. */
const MAX_LINE_BYTES = 67_108_864;

/** After these ends of a session there is more to come, from the next process, or for a reader that reads again. */
const GOES_ON: readonly (string | undefined)[] = ["shutdown", "slow_reader"];

/** Refusals that another time may be none, beside those that begin with 5. */
const PASSING: readonly number[] = [408, 409, 425, 429];

/** Reads a stream, over as many connections as it takes. */
export class ClientReader {
  status: number | undefined;
  hello: TapHello | undefined;
  summary: TapClientSummary | undefined;
  isComplete = false;
  readonly #options: TapClientOptions;
  readonly #address: URL;
  readonly #headers: Headers;
  readonly #silenceMs: number;
  readonly #backoff: Backoff | undefined;
  readonly #ending: AbortController = new AbortController();
  readonly #leaving: AbortController = new AbortController();
  // Whether events come in envelopes that nobody has asked for but us.
  readonly #unwraps: boolean;
  // What the connection keeps to: known by its first line.
  #framing: "weir" | "strict" | undefined;
  // What is the summary if no line follows.
  #held: string | undefined;
  #received = 0;
  #lastId: string | undefined;
  // When the first session was asked for and when it began, by the clock that never goes back, and for how long it was to be.
  #askedAt = 0;
  #startedAt: number | undefined;
  #durationMs: number | undefined;
  // Whether the first session began with nothing from before.
  #wasEmpty = false;
  #lostBefore = 0;
  #lostNow = 0;

  constructor(url: string | URL, options: TapClientOptions) {
    this.#options = options;
    const address = withQuery(checkAddress(url), options);
    this.#headers = headersOf(options);
    this.#silenceMs = checkSilence(options.silenceMs);
    checkCallbacks(options);
    const { reconnect = false, random = Math.random } = options;
    if (typeof reconnect !== "boolean" && (typeof reconnect !== "object" || reconnect === null)) {
      throw new TypeError(
        refusal(WATCH, "reconnect must be true, false or an object", reconnect),
      );
    }
    if (reconnect !== false) {
      this.#backoff = new Backoff(reconnect === true ? {} : reconnect, random);
    }
    // Ids say where to go on, and come in envelopes.
    this.#unwraps = reconnect !== false && address.searchParams.get("meta") !== "1";
    if (this.#unwraps) address.searchParams.set("meta", "1");
    this.#address = address;
    this.#durationMs = durationOf(address);
  }

  get lost(): number {
    return this.#lostBefore + this.#lostNow;
  }

  get hasLeft(): boolean {
    return this.#leaving.signal.aborted;
  }

  leave(): void {
    this.#leaving.abort();
    this.#ending.abort();
  }

  /** Reads the events. It is one generator, since each inside another costs every event several turns. */
  async *read(): AsyncGenerator<string, void> {
    const { signal, onReconnect } = this.#options;
    signal?.throwIfAborted();
    const stopListening = signal && onAbort(signal, (reason) => this.#ending.abort(reason));
    try {
      for (;;) {
        // Where there was a sign of life before, there will be one now.
        const connection = new Connection(this.#ending.signal, this.#allowedSilence());
        let failure: unknown;
        try {
          const body = await this.#connect(connection);
          const chunks = connection.chunks(body);
          for await (const line of lines(chunks, { maxBytes: MAX_LINE_BYTES, onCut: refuseLine })) {
            const held = this.#release();
            if (held !== undefined) yield held;
            this.#ending.signal.throwIfAborted();
            const event = this.#read(line, connection);
            if (event !== undefined) yield event;
            if (this.isComplete) break;
          }
          this.#finishHeld();
        } catch (error) {
          // What a callback has thrown is for the caller, and so is the reason of the signal.
          this.#ending.signal.throwIfAborted();
          const isRefused = error instanceof TapRefusedError;
          if (!isRefused && !(error instanceof BrokenConnection)) throw error;
          failure = isRefused ? error : error.error;
        } finally {
          connection.close();
        }
        if (this.isComplete && !GOES_ON.includes(this.summary?.reason)) return;
        const next = this.#isLost(failure) ? undefined : this.#backoff?.next(
          failure instanceof TapRefusedError ? failure.retryAfterMs : undefined,
        );
        if (next === undefined) {
          if (failure === undefined || this.isComplete) return;
          throw failure;
        }
        onReconnect?.({ ...next, reason: this.#reasonOf(failure) });
        await wait(next.delayMs, this.#ending.signal);
      }
    } catch (error) {
      // What is under way fails of it when somebody leaves, as it should.
      if (!this.hasLeft) throw error;
    } finally {
      stopListening?.();
    }
  }

  async #connect(connection: Connection): Promise<ReadableStream<Uint8Array>> {
    const askedAt = performance.now();
    const response = await connection.ask(this.#nextAddress(askedAt), this.#headers);
    this.status = response.status;
    const body = await bodyOf(response);
    this.isComplete = false;
    this.#framing = undefined;
    this.#held = undefined;
    this.#lostBefore += this.#lostNow;
    this.#lostNow = 0;
    if (this.#startedAt === undefined) {
      this.#askedAt = askedAt;
      this.#startedAt = performance.now();
    }
    return body;
  }

  /** Reads a line; answers the event that it is, if it is one. */
  #read(line: string, connection: Connection): string | undefined {
    if (this.#framing !== undefined) this.#backoff?.reset();
    if (line === "") return undefined;
    if (this.#framing === undefined) {
      const first = readRecord(line);
      this.#framing = first.type === "hello" ? "weir" : "strict";
      if (first.type === "hello") return this.#greet(first.hello, connection);
    }
    if (this.#framing === "strict") {
      // Only the last line is the summary: an event may well look like one.
      if (readSummary(line) !== undefined) this.#held = line;
      else if (!connection.hasEnded) return this.#take(line);
      return undefined;
    }
    const record = readRecord(line);
    if (record.type === "summary") return this.#finish(record.summary);
    // What has no end may have lost more than that.
    if (connection.hasEnded) return undefined;
    if (record.type === "notice") return this.#notice(record.notice);
    return this.#take(record.type === "event" ? record.line : line);
  }

  /** Answers the line that was taken for a summary, and is an event since another follows. */
  #release(): string | undefined {
    if (this.#held === undefined) return undefined;
    const event = this.#take(this.#held);
    this.#held = undefined;
    return event;
  }

  #finishHeld(): void {
    if (this.#held !== undefined) this.#finish(readSummary(this.#held)!);
  }

  #greet(hello: TapHello, connection: Connection): undefined {
    if (this.hello === undefined) {
      this.#wasEmpty = hello.replayed === 0;
      this.#durationMs ??= hello.duration_ms;
    }
    this.hello = hello;
    connection.silenceMs = this.#allowedSilence();
    this.#options.onHello?.(hello);
  }

  #notice(notice: TapNotice): undefined {
    if (notice.kind === "drop") this.#lostNow = Math.max(this.#lostNow, notice.dropped);
    this.#options.onNotice?.(notice);
  }

  #finish(summary: TapClientSummary): undefined {
    this.#lostNow = summary.dropped;
    this.summary = summary;
    this.isComplete = true;
  }

  #take(line: string): string {
    this.#received++;
    if (this.#backoff === undefined) return line;
    const envelope = readEnvelope(line);
    this.#lastId = envelope?.id ?? this.#lastId;
    return this.#unwraps && envelope !== undefined ? envelope.line : line;
  }

  #allowedSilence(): number | undefined {
    const heartbeatMs = this.hello?.heartbeat_ms;
    if (typeof heartbeatMs !== "number" || !(heartbeatMs > 0)) return undefined;
    return Math.max(this.#silenceMs, 2 * heartbeatMs);
  }

  /** How much of the time is left, in milliseconds; undefined before it runs, and if nobody knows how much there was. */
  #leftMs(now: number): number | undefined {
    if (this.#startedAt === undefined || this.#durationMs === undefined) return undefined;
    return Math.max(0, this.#startedAt + this.#durationMs - now);
  }

  #nextAddress(now: number): URL {
    if (this.#startedAt === undefined) return this.#address;
    // Whoever has got nothing, because there was nothing, wants what came since; whoever had it cut off wants it again.
    const isNew = this.#wasEmpty && this.#received === 0;
    const limit = limitOf(this.#address);
    return resumed(this.#address, {
      since: this.#lastId ?? (isNew ? now - this.#askedAt : undefined),
      limit: limit === undefined ? undefined : Math.max(0, limit - this.#received),
      durationMs: this.#leftMs(now),
    });
  }

  /** Whether trying again is of no use. */
  #isLost(failure: unknown): boolean {
    if (this.#leftMs(performance.now()) === 0) return true;
    if (failure instanceof TapRefusedError) {
      const { status } = failure;
      return status < 500 && !PASSING.includes(status);
    }
    // A runtime that does not allow the connection will not allow it later.
    return failure instanceof Error && ["NotCapable", "PermissionDenied"].includes(failure.name);
  }

  #reasonOf(failure: unknown): Error {
    if (failure instanceof Error) return failure;
    const why = failure === undefined
      ? this.isComplete ? `the session was ended by ${this.summary?.reason}` : "it was cut off"
      : String(failure);
    return new Error(`Cannot go on watching tap: ${why}`, { cause: failure });
  }
}

function refuseLine(): never {
  throw new RangeError(`Cannot ${WATCH}: a line must have at most ${MAX_LINE_BYTES} bytes`);
}

function headersOf({ headers = {}, token }: TapClientOptions): Headers {
  const all = new Headers({ accept: "application/x-ndjson", ...headers });
  if (token === undefined) return all;
  // What the token is must not stand in a message.
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    throw new TypeError(`Cannot ${WATCH}: token must be a text of visible ASCII characters`);
  }
  if (all.has("authorization")) {
    throw new TypeError(
      `Cannot ${WATCH}: only one of token and headers.authorization may be given`,
    );
  }
  all.set("authorization", `Bearer ${token}`);
  return all;
}

function checkSilence(silenceMs = 20_000): number {
  if (typeof silenceMs === "number" && silenceMs > 0) return silenceMs;
  throw new RangeError(refusal(WATCH, "silenceMs must be above 0", silenceMs));
}

function checkCallbacks(options: TapClientOptions): void {
  for (const name of ["onHello", "onNotice", "onReconnect", "random"] as const) {
    if (options[name] !== undefined) checkFunction(WATCH, name, options[name]);
  }
}
