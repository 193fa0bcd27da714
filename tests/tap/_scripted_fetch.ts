import type { TapHello } from "../../tap/mod.ts";

/** A request, and what becomes of it. */
export class ScriptedRequest {
  readonly url: URL;
  readonly headers: Headers;
  readonly redirect: RequestRedirect | undefined;
  /** Whether whoever asked has gone. */
  isGone = false;
  readonly #answered: PromiseWithResolvers<Response> = Promise.withResolvers();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(url: URL, init: RequestInit) {
    this.url = url;
    this.headers = new Headers(init.headers);
    this.redirect = init.redirect;
    // Nobody may be waiting for it any more.
    this.#answered.promise.catch(() => {});
    const { signal } = init;
    const leave = (): void => {
      this.isGone = true;
      this.#answered.reject(signal!.reason);
      this.#end((controller) => controller.error(signal!.reason));
    };
    if (signal?.aborted) leave();
    else signal?.addEventListener("abort", leave, { once: true });
  }

  /** The answer, once there is one. */
  get answered(): Promise<Response> {
    return this.#answered.promise;
  }

  /** What was asked for, in words. */
  get query(): string {
    return decodeURIComponent(this.url.search);
  }

  /** Refuses. */
  refuse(status: number, error: string, headers: Readonly<Record<string, string>> = {}): void {
    this.#answered.resolve(Response.json({ error }, { status, headers }));
  }

  /** Breaks, before there is an answer. */
  fail(error: unknown): void {
    this.#answered.reject(error);
  }

  /** Begins the answer with these lines. */
  open(...lines: readonly string[]): void {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.isGone = true;
        this.#controller = undefined;
      },
    });
    this.#answered.resolve(
      new Response(body, { headers: { "content-type": "application/x-ndjson" } }),
    );
    this.send(...lines);
  }

  /** Goes on with these lines. */
  send(...lines: readonly string[]): void {
    this.sendText(lines.map((line) => `${line}\n`).join(""));
  }

  /** Goes on with this text, which may be a part of a line. */
  sendText(text: string): void {
    if (text !== "") this.#controller?.enqueue(new TextEncoder().encode(text));
  }

  /** Ends the answer. */
  close(): void {
    this.#end((controller) => controller.close());
  }

  /** Breaks the answer off. */
  cut(error: unknown = new TypeError("error reading a body from connection")): void {
    this.#end((controller) => controller.error(error));
  }

  #end(how: (controller: ReadableStreamDefaultController<Uint8Array>) => void): void {
    const controller = this.#controller;
    this.#controller = undefined;
    if (controller !== undefined) how(controller);
  }
}

/** Stands for the platform's `fetch` until it is disposed: a server whose every step a test takes by hand. */
export class ScriptedFetch implements Disposable {
  /** Every request so far. */
  readonly requests: ScriptedRequest[] = [];
  readonly #real = globalThis.fetch;

  /** With `onRequest` requests are answered as they come. */
  constructor(onRequest: (request: ScriptedRequest, index: number) => void = () => {}) {
    const scripted = (input: URL | string, init: RequestInit = {}): Promise<Response> => {
      const request = new ScriptedRequest(new URL(input), init);
      const index = this.requests.push(request) - 1;
      onRequest(request, index);
      return request.answered;
    };
    globalThis.fetch = scripted as typeof fetch;
  }

  /** The last request. */
  get last(): ScriptedRequest {
    return this.requests.at(-1)!;
  }

  [Symbol.dispose](): void {
    globalThis.fetch = this.#real;
  }
}

/** The first record of a stream. */
export function hello(more: Partial<TapHello> = {}): string {
  const record: TapHello = {
    session: 1,
    instance: "9f3a000001",
    stage: "decoded",
    stages: ["decoded"],
    started: 1_764_000_000_000,
    "duration_ms": 30_000,
    redact: [],
    replayed: 0,
    missed: 0,
    "heartbeat_ms": 5_000,
    ...more,
  };
  return JSON.stringify({ "weir_tap_hello": record });
}

/** The last record of a stream. */
export function summary(more: Readonly<Record<string, unknown>> = {}): string {
  const record = {
    captured: 2,
    dropped: 0,
    "duration_ms": 6,
    stage: "decoded",
    reason: "limit",
    undelivered: 0,
    missed: 0,
    seen: 2,
    matched: 2,
    "sampled_out": 0,
    "rate_limited": 0,
    truncated: 0,
    bytes: 300,
    ...more,
  };
  return JSON.stringify({ "weir_tap_summary": record });
}

/** What a reader is told between the events. */
export function notice(record: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ "weir_tap_notice": record });
}

/** An event with what is known of it. */
export function envelope(seq: number, event: string, instance = "9f3a000001"): string {
  return `{"id":"${instance}-${seq}","seq":${seq},"time":${
    1_764_000_000_000 + seq
  },"stage":"decoded","event":${event}}`;
}
