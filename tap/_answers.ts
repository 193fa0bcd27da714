/** What every refusal of a handler begins with. */
export const WATCH = "Cannot watch tap";

/** What every answer says: it is of this moment, as it is, and for nobody else. */
export const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-accel-buffering": "no",
  "x-content-type-options": "nosniff",
};

/** How somebody who is not known can say who they are. */
export const CHALLENGE: Readonly<Record<string, string>> = { "www-authenticate": "Bearer" };

/** What pages of other origins may ask for, where they may ask at all. */
export const PREFLIGHT: Readonly<Record<string, string>> = {
  "access-control-allow-methods": "GET, POST, PUT, DELETE",
  "access-control-allow-headers": "authorization, last-event-id",
  "access-control-max-age": "600",
};

/** How it is answered that no session was opened. */
export interface SessionRefusal {
  readonly status: number;
  readonly error: string;
  readonly hint: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Why no session was opened. */
export const REFUSALS: Readonly<Record<"full" | "subject" | "disabled", SessionRefusal>> = {
  full: {
    status: 409,
    error: `${WATCH}: session capacity reached`,
    hint: "end another session, or raise maxSessions",
    headers: { "retry-after": "5" },
  },
  subject: {
    status: 429,
    error: `${WATCH}: session capacity of this subject reached`,
    hint: "end another session, or raise maxSessionsPerSubject",
    headers: { "retry-after": "5" },
  },
  disabled: {
    status: 503,
    error: "event tap disabled",
    hint: "the program switches it on with tap.enable()",
    headers: {},
  },
};

/** Answers with a value as a line of JSON. */
export function json(
  value: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${JSON.stringify(value)}\n`, {
    status,
    headers: { ...HEADERS, "content-type": "application/json", ...headers },
  });
}

/** What the tap calls otherwise than a query does. */
const WIRE_NAMES: Readonly<Record<string, string>> = {
  countBy: "count_by",
  durationMs: "duration",
  intervalMs: "interval",
  maxBytes: "max_bytes",
  maxEventBytes: "max_event_bytes",
};

/** A refusal of an option, by the name that it has in a query. */
export function inWireNames(message: string): string {
  return message.replace(
    /^(Cannot open tap session: )(\w+)/,
    (_, action, name) => action + (WIRE_NAMES[name] ?? name),
  );
}
