/** What a reader has got. */
export interface Reading {
  readonly events: number;
  /** How the session went, as the server has told it; undefined where the stream was cut off. */
  readonly summary: Summary | undefined;
}

/** What is read of a summary. */
export interface Summary {
  readonly captured: number;
  readonly dropped: number;
  readonly reason: string;
}

/** Counts the events in an answer of HTTP/1.1 with a body in chunks. */
export class LineStream {
  /** What comes has an end that is not there yet. */
  #head = "";
  #isInBody = false;
  /** How much of the chunk is still to come; what is between two chunks does not belong to either. */
  #left = 0;
  #line = "";
  #events = 0;
  #hasBegun = false;
  #summary: Summary | undefined;

  /** Whether the session is open. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** What has come. */
  reading(): Reading {
    return { events: this.#events, summary: this.#summary };
  }

  /** Takes what has come. */
  add(bytes: Uint8Array): void {
    let text = this.#head + new TextDecoder("latin1").decode(bytes);
    this.#head = "";
    if (!this.#isInBody) {
      const end = text.indexOf("\r\n\r\n");
      if (end === -1) return void (this.#head = text);
      this.#isInBody = true;
      text = text.slice(end + 4);
    }
    for (let at = 0; at < text.length;) {
      if (this.#left > 0) {
        const part = text.slice(at, at + this.#left);
        this.#left -= part.length;
        at += part.length;
        this.#takePart(part);
        continue;
      }
      const [found, digits] = /^(?:\r\n)?([0-9a-f]+)\r\n/i.exec(text.slice(at, at + 32)) ?? [];
      if (found === undefined) {
        this.#head = text.slice(at);
        return;
      }
      at += found.length;
      this.#left = parseInt(digits!, 16);
      if (this.#left === 0) return;
    }
  }

  #takePart(part: string): void {
    const lines = (this.#line + part).split("\n");
    this.#line = lines.pop()!;
    for (const line of lines) {
      if (line === "") continue;
      if (!line.startsWith('{"weir_tap_')) this.#events++;
      else if (line.startsWith('{"weir_tap_hello":')) this.#hasBegun = true;
      else if (line.startsWith('{"weir_tap_summary":')) {
        this.#summary = JSON.parse(line)["weir_tap_summary"];
      }
    }
  }
}
