import type { EventFrame, RingFrame } from "../ring/mod.ts";

/** The last time that a date can have, in milliseconds. */
const LAST_DATE = 8.64e15;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Writes a frame as a line of JSON: what it means if it is an event, and otherwise what it holds. */
export function frameLine(frame: RingFrame, event: EventFrame | undefined): string {
  const { kind, version, node, counter, payload } = frame;
  const place = `"node":${node},"counter":${counter}}`;
  if (event === undefined) {
    const text = textOf(payload);
    const content = text === undefined
      ? `"bytes":${base64(payload)}`
      : `"text":${JSON.stringify(text)}`;
    return `{"kind":${kind},"version":${version},${content},${place}`;
  }
  const { topic, bytes } = event;
  const time = version <= LAST_DATE ? JSON.stringify(new Date(version)) : version;
  return `{"topic":${JSON.stringify(topic)},"value":${valueOf(bytes)},"time":${time},${place}`;
}

/** A value as JSON: as it stands if it is JSON already, and as a string if it is another text. */
function valueOf(bytes: Uint8Array): string {
  const text = textOf(bytes);
  if (text === undefined) return base64(bytes);
  try {
    JSON.parse(text);
  } catch {
    return JSON.stringify(text);
  }
  // Not as it was parsed: long numbers would be others then. There are line ends between the parts of JSON only.
  return text.replaceAll(/[\t\n\r]+/g, " ");
}

function base64(bytes: Uint8Array): string {
  return `{"base64":"${bytes.toBase64()}"}`;
}

/** Bytes as text; undefined if they are not UTF-8, or hold what no text does, as numbers do. */
function textOf(bytes: Uint8Array): string | undefined {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return undefined;
  }
  // deno-lint-ignore no-control-regex -- what ends a line, a tab and an escape are found in texts, other controls are not.
  const isText = !/[\x00-\x08\x0e-\x1a\x1c-\x1f]/.test(text);
  return isText ? text : undefined;
}
