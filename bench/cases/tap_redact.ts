/**
 * What it costs more to hide something of an event: of a line of 10 fields, by paths and by the names of credentials, and by a token that
 * stands for a text.
 *
 * Ours hides what is in the JSON, whatever the event was; the peers hide it in the object while they write it.
 *
 * @module
 */
import { createHash, hash, randomBytes } from "node:crypto";
import { type RedactMode, Tap, type TapOptions, type TapSession } from "../../tap/mod.ts";
import { timeInTurn, type Work } from "../bus/timing.ts";
import {
  type FigureCase,
  type FigureContestant,
  range,
  UnavailableError,
  WrongAnswerError,
} from "../case.ts";
import { type MakeRedact, npm } from "../peers.ts";
import { asParsed, type Row, rows } from "../tap/rows.ts";

const burst = rows.length;
const mask = "[redacted]";

/** Ten fields, of which one has the name of a credential. */
const secretRows = asParsed(
  rows.map(({ request, ...row }) => ({ ...row, "x_token": request })),
);

const added = "ns more";
const withIt = "ns with";
const without = "ns without";

type Options = Pick<TapOptions<"raw" | "decoded">, "redact" | "denyNames">;

/** Offers events to a session that takes them; it is another one each time, as reading them is not what is timed. */
function offering(options: Options, events: readonly unknown[], bursts: number): Work {
  const tap = new Tap(options);
  const open = (): TapSession => tap.open({ stage: "decoded" })!;
  let session = open();
  return {
    items: bursts * events.length,
    run() {
      for (let count = 0; count < bursts; count++) {
        for (let at = 0; at < events.length; at++) tap.offer("decoded", events[at]);
      }
    },
    reset() {
      const { captured, dropped } = session.stats();
      session.close();
      session = open();
      if (captured === bursts * events.length) return;
      throw new WrongAnswerError(`${captured} events were captured, and ${dropped} dropped`);
    },
  };
}

/** What a session gets of an event. */
async function shownOf(options: Options, event: unknown): Promise<string> {
  const tap = new Tap(options);
  const session = tap.open({ stage: "decoded" })!;
  tap.offer("decoded", event);
  return (await session.receiveBatch(1))[0]!.line;
}

function checkHidden(line: string, hidden: readonly string[], event: object): void {
  for (const [key, value] of Object.entries(JSON.parse(line))) {
    const isHidden = value !== (event as Record<string, unknown>)[key];
    if (isHidden !== hidden.includes(key)) throw new WrongAnswerError(`"${key}" is ${value}`);
  }
}

/** Names of fields that are hidden by paths. */
const paths = ["user", "request", "msg"] as const;

function weir(
  name: string,
  options: Options,
  hidden: readonly string[],
  events: readonly Row[] | typeof secretRows = rows,
): FigureContestant {
  return {
    name,
    async measure(ms) {
      checkHidden(await shownOf(options, events[0]), hidden, events[0]!);
      const [more, less] = timeInTurn(ms, [
        offering(options, events, 4),
        offering({ denyNames: [] }, events, 4),
      ]);
      return { [added]: more! - less!, [withIt]: more!, [without]: less! };
    },
  };
}

function byPaths(count: number, mode: RedactMode): FigureContestant {
  const hidden = paths.slice(0, count);
  return weir(
    `weir, ${count === 1 ? "1 path" : `${count} paths`}, ${mode}`,
    { redact: hidden.map((path) => ({ path, mode })), denyNames: [] },
    hidden,
  );
}

/** The JSON of an event, with what is to be hidden and without hiding it. */
function writing(
  name: string,
  hidden: readonly string[],
  events: readonly object[],
  make: () => Promise<(event: unknown) => string>,
): FigureContestant {
  return {
    name,
    async measure(ms) {
      const write = await make();
      checkHidden(write(events[0]), hidden, events[0]!);
      let units = 0;
      let right: number | undefined;
      const work = (write: (event: unknown) => string): Work => ({
        items: burst,
        run() {
          for (let at = 0; at < burst; at++) units += write(events[at]).length;
        },
        reset() {
          units = 0;
        },
      });
      const hiding = work(write);
      const [more, less] = timeInTurn(ms, [
        {
          ...hiding,
          reset() {
            right ??= units;
            if (units !== right) throw new WrongAnswerError(`it wrote ${units} characters`);
            units = 0;
          },
        },
        work((event) => JSON.stringify(event)),
      ]);
      return { [added]: more! - less!, [withIt]: more!, [without]: less! };
    },
  };
}

function redactBy(
  name: string,
  count: number,
  load: () => Promise<{ readonly default: MakeRedact }>,
): FigureContestant {
  const hidden = paths.slice(0, count);
  const label = `${name}, ${count === 1 ? "1 path" : `${count} paths`}, mask`;
  return writing(label, hidden, rows, async () => {
    const { default: make } = await load();
    return make({ paths: hidden, censor: mask, serialize: (value) => JSON.stringify(value) });
  });
}

/** What people write: a replacer that knows the names. */
function replacer(label: string, events: readonly object[], hidden: readonly string[]) {
  return writing(label, hidden, events, () => {
    const names = /(?:authorization|cookie|password|passwd|pwd|secret|token|api_?key|jwt)$/i;
    const replace = (key: string, value: unknown): unknown => names.test(key) ? mask : value;
    return Promise.resolve((event) => JSON.stringify(event, replace));
  });
}

const fields = 10;
const texts = asParsed(
  range(burst * fields).map((index) => `${index}`.padStart(40, "text-of-40-bytes-")),
);
/** Ten texts of 40 bytes. */
const textRows = asParsed(
  range(burst).map((index) =>
    Object.fromEntries(range(fields).map((field) => [`f${field}`, texts[index * fields + field]!]))
  ),
);

const aToken = "ns a token";

/** Ten tokens an event beside ten masks an event; a mask is a text that is there already. */
function tokensOf(mode: "hash" | "typed-hash"): FigureContestant {
  return {
    name: `weir, ${mode}`,
    async measure(ms) {
      const rules = (mode: RedactMode): Options => ({
        redact: range(fields).map((field) => ({ path: `f${field}`, mode })),
        denyNames: [],
      });
      const line = await shownOf(rules(mode), textRows[0]);
      if (line.split(/:redacted:[0-9a-f]{16}"/).length !== fields + 1) {
        throw new WrongAnswerError(line);
      }
      const [tokens, masks] = timeInTurn(ms, [
        offering(rules(mode), textRows, 1),
        offering(rules("mask"), textRows, 1),
      ]);
      return { [aToken]: (tokens! - masks!) / fields };
    },
  };
}

type Digest = (text: string) => string;

function cryptoTokens(name: string, make: (salt: Uint8Array) => Digest): FigureContestant {
  return {
    name,
    measure(ms) {
      const digest = make(randomBytes(16));
      const other = make(randomBytes(16));
      if (digest(texts[0]!) === other(texts[0]!)) throw new WrongAnswerError("there is no salt");
      let units = 0;
      const [ns] = timeInTurn(ms, [{
        items: texts.length,
        run() {
          for (let at = 0; at < texts.length; at++) {
            units += `rsigma:redacted:${digest(texts[at]!)}`.length;
          }
        },
        reset() {
          if (units !== texts.length * 32) throw new WrongAnswerError(`${units} characters`);
          units = 0;
        },
      }]);
      return Promise.resolve({ [aToken]: ns! });
    },
  };
}

const tokenPeers: readonly FigureContestant[] = [
  cryptoTokens(
    "node:crypto createHash",
    (salt) => (text) => createHash("sha256").update(salt).update(text).digest("hex").slice(0, 16),
  ),
  cryptoTokens("node:crypto hash, salt as text", (salt) => {
    if (typeof hash !== "function") throw new UnavailableError("there is no hash in node:crypto");
    const prefix = salt.toString();
    return (text) => hash("sha256", prefix + text, "hex").slice(0, 16);
  }),
];

const figures = [added, withIt, without].map((name) => ({ name, digits: 0 }));

/** Paths, names, and tokens. */
export const cases: readonly FigureCase[] = [
  {
    id: "tap/redact-paths",
    title: "hiding fields of an event of 10 by their paths; per event",
    figures,
    contestants: [
      byPaths(1, "mask"),
      byPaths(3, "mask"),
      byPaths(1, "hash"),
      byPaths(3, "hash"),
      byPaths(3, "remove"),
      redactBy("fast-redact 3.5.0", 1, npm.fastRedact),
      redactBy("fast-redact 3.5.0", 3, npm.fastRedact),
      redactBy("@pinojs/redact 0.4.0", 1, npm.pinoRedact),
      redactBy("@pinojs/redact 0.4.0", 3, npm.pinoRedact),
    ],
  },
  {
    id: "tap/redact-names",
    title: "hiding what the names of credentials say in an event of 10 fields; per event",
    figures,
    contestants: [
      weir("weir, no field has such a name", {}, []),
      weir("weir, one field has", {}, ["x_token"], secretRows),
      weir(
        "weir, one field has, and 3 paths, mask",
        {
          redact: ["user", "msg", "path"].map((path) => ({ path, mode: "mask" })),
        },
        ["x_token", "user", "msg", "path"],
        secretRows,
      ),
      replacer("by hand, a replacer, no field", rows, []),
      replacer("by hand, a replacer, one field", secretRows, ["x_token"]),
    ],
  },
  {
    id: "tap/token",
    title: "a token of a text of 40 bytes, salted; per token",
    figures: [{ name: aToken, digits: 0 }],
    contestants: [tokensOf("hash"), tokensOf("typed-hash"), ...tokenPeers],
  },
];
