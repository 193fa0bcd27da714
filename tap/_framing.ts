import type { TapHello, TapNotice } from "./records.ts";
import type { TapEvent } from "./event.ts";
import { CONTROL, SUMMARY_KEY, type TapSummary } from "./summary.ts";

/** How a session is written as a stream. All of it is text; an empty one writes nothing. */
export interface Framing {
  readonly contentType: string;
  /** What says that the stream is alive. */
  readonly heartbeat: string;
  hello(hello: TapHello): string;
  event(event: TapEvent): string;
  notice(notice: TapNotice): string;
  summary(summary: TapSummary): string;
}

/** The same in texts, which JSON may be written in otherwise, and what some readers take for the end of a line. */
// deno-lint-ignore no-control-regex -- these are such ends.
const FORGED = /^\s*\{\s*"(?:weir_tap_|[^"]*\\)|[\v\f\x1c-\x1e\x85\u2028\u2029]/;

/** Writes a text as JSON, without what some readers take for the end of a line. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\x85\u2028\u2029]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** One record a line. */
export function ndjsonFraming(withMeta: boolean): Framing {
  return {
    contentType: "application/x-ndjson",
    heartbeat: "\n",
    hello: (hello) => `${JSON.stringify({ "weir_tap_hello": hello })}\n`,
    event: (event) => {
      if (withMeta) return `${envelope(event)}\n`;
      const { line, isText } = event;
      const isForged = isText ? FORGED.test(line) : line.startsWith(CONTROL);
      if (!isForged) return `${line}\n`;
      return `{"weir_tap_event":${asciiJson(line)}}\n`;
    },
    notice: (notice) => `${JSON.stringify({ "weir_tap_notice": notice })}\n`,
    summary: (summary) => `${JSON.stringify({ [SUMMARY_KEY]: summary })}\n`,
  };
}

/** As the original writes it: events as they are, and a summary of four numbers; nothing else but empty lines in silence. */
export function strictFraming(): Framing {
  return {
    ...ndjsonFraming(false),
    hello: () => "",
    event: ({ line }) => `${line}\n`,
    notice: () => "",
    summary: ({ captured, dropped, duration_ms, stage }) => {
      const summary = { captured, dropped, "duration_ms": duration_ms, stage };
      return `${JSON.stringify({ "rsigma_tap_summary": summary })}\n`;
    },
  };
}

/** For the `EventSource` of a browser: events without a name, and everything else by its name. */
export function eventStreamFraming(withMeta: boolean, retryMs: number): Framing {
  const named = (name: string, data: unknown): string =>
    `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  return {
    contentType: "text/event-stream",
    // Not a comment: nothing tells a page of those, and it could not see that its stream is dead.
    heartbeat: named("heartbeat", {}),
    hello: (hello) => `retry: ${retryMs}\n\n${named("hello", hello)}`,
    event: (event) => {
      // A text may have what ends a line for a browser.
      const data = withMeta
        ? envelope(event)
        : event.isText
        ? JSON.stringify(event.line)
        : event.line;
      return `id: ${event.id}\ndata: ${data}\n\n`;
    },
    notice: (notice) => named(notice.kind === "drop" ? "drop" : "notice", notice),
    // A browser comes back after the end of a stream too; by this id it is known, and sent away.
    summary: (summary) => `id: ${END_ID}\n${named("summary", summary)}`,
  };
}

/** The last id of a stream that has ended in good order. */
export const END_ID = "end";

function envelope({ id, seq, time, stage, line, isText, meta }: TapEvent): string {
  const content = isText ? `"text":${JSON.stringify(line)}` : `"event":${line}`;
  const more = meta === undefined ? "" : `"meta":${meta},`;
  return `{"id":"${id}","seq":${seq},"time":${time},"stage":${
    JSON.stringify(stage)
  },${more}${content}}`;
}
