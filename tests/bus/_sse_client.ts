/** What a browser would dispatch. */
export interface SseMessage {
  readonly type: string;
  readonly data: string;
  /** The last id so far. */
  readonly id: string;
}

/** Reads an event stream as browsers do: what is dispatched, and what stands beside it. */
export class SseParser {
  readonly messages: SseMessage[] = [];
  /** The last id that was said: what a browser that comes back sends. */
  lastEventId: string | undefined;
  /** How long a browser waits before it comes back, if it was told. */
  retryMs: number | undefined;
  /** How many comments there were. */
  comments = 0;
  #rest = "";
  #type = "";
  #data = "";

  constructor(lastEventId?: string) {
    this.lastEventId = lastEventId;
  }

  /** Takes what has come. Nothing here sends a lone carriage return between its lines. */
  push(text: string): void {
    const lines = (this.#rest + text).split(/\r\n|\r|\n/);
    this.#rest = lines.pop()!;
    for (const line of lines) this.#take(line);
  }

  #take(line: string): void {
    if (line === "") return this.#dispatch();
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line)!;
    if (field === "") this.comments++;
    else if (field === "event") this.#type = value!;
    else if (field === "data") this.#data += `${value}\n`;
    else if (field === "id") this.lastEventId = value!;
    else if (field === "retry") this.retryMs = Number(value);
  }

  #dispatch(): void {
    const [type, data] = [this.#type, this.#data];
    this.#type = this.#data = "";
    if (data === "") return;
    this.messages.push({
      type: type || "message",
      data: data.slice(0, -1),
      id: this.lastEventId ?? "",
    });
  }
}

/** Takes a whole stream apart. */
export function parseSse(text: string): SseMessage[] {
  const parser = new SseParser();
  parser.push(text);
  return parser.messages;
}

/** The events of a list of messages, as numbers, in order; and how many others they say are lost. */
export function tally(messages: readonly SseMessage[]): { values: number[]; lost: number } {
  const values: number[] = [];
  let lost = 0;
  for (const { type, data } of messages) {
    if (type === "message") values.push(Number.parseInt(data));
    else if (type === "lag") lost += JSON.parse(data).lost ?? JSON.parse(data).missed;
  }
  return { values, lost };
}

/** A connection to an event stream. */
export class SseClient {
  readonly parser: SseParser;
  /** Whether the stream has come to its end. */
  hasEnded = false;
  readonly response: Response;
  readonly #gone: AbortController;
  readonly #reading: Promise<void>;

  private constructor(response: Response, gone: AbortController, lastEventId?: string) {
    this.response = response;
    this.parser = new SseParser(lastEventId);
    this.#gone = gone;
    this.#reading = this.#read().catch((error) => {
      if (!gone.signal.aborted) throw error;
    });
    // Who waits for the end is told.
    this.#reading.catch(() => {});
  }

  /** Connects; with an id, as a browser that comes back. */
  static async open(url: string, lastEventId?: string): Promise<SseClient> {
    const gone = new AbortController();
    const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const response = await fetch(url, { headers, signal: gone.signal });
    return new SseClient(response, gone, lastEventId);
  }

  get messages(): readonly SseMessage[] {
    return this.parser.messages;
  }

  get lastEventId(): string | undefined {
    return this.parser.lastEventId;
  }

  /** Goes away, as a browser does whose page is closed. */
  async leave(): Promise<void> {
    this.#gone.abort();
    await this.#reading;
  }

  /** Waits for the end of the stream. */
  async end(): Promise<void> {
    await this.#reading;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.response.body!) {
      this.parser.push(decoder.decode(chunk, { stream: true }));
    }
    this.hasEnded = true;
  }
}
