import { matchSubject, readEventFrame, Ring, RingCursor, type RingLoss } from "../ring/mod.ts";
import { mappedObserver } from "../ring/mapped.ts";
import { frameLine } from "./_frame_line.ts";
import { Output } from "./_output.ts";
import { printable } from "./_printable.ts";
import { type Flag, type Parsed, readInteger, readPath, UsageError } from "./args.ts";
import type { Host } from "./host.ts";

/** The flags of `weir ring tail`. */
export const ringTailFlags: Readonly<Record<string, Flag>> = {
  topic: {
    value: "PATTERN",
    about: "only events of these topics, such as orders.*.created, orders.>",
  },
  from: { value: "start|head", about: "begin with what the ring has, or with what comes (head)" },
  limit: { value: "N", about: "stop after N lines" },
};

/** What shells say of a program that Ctrl-C has ended. */
const EXIT_INTERRUPTED = 130;
/** How long, in milliseconds, losses are added up before they are said again. */
const REPORT_MS = 1_000;

/** Runs `weir ring tail` until it is interrupted. */
export async function ringTailCommand(parsed: Parsed, host: Host): Promise<number> {
  const path = readPath(parsed, "weir ring tail");
  const matches = readPattern(parsed.flags.get("topic"));
  const from = readFrom(parsed.flags.get("from"));
  const limit = readInteger(parsed, "limit", 1) ?? Infinity;

  const storage = mappedObserver(path);
  const interrupted = new AbortController();
  const stopListening = host.onInterrupt(() => {
    // Asked twice: whoever reads the output does not take what is left.
    if (interrupted.signal.aborted) host.exit(EXIT_INTERRUPTED);
    interrupted.abort();
  });
  const losses = new Losses(host);
  const output = new Output(host);
  let shown = 0;
  let filtered = 0;
  let missed = 0;
  try {
    const ring = new Ring(storage);
    let start: "head" | RingCursor = "head";
    if (from === "start") {
      // Not by fromStart(), to which all that the ring has ever overwritten is lost: nobody wanted it here.
      const { lanes } = ring.stats();
      start = RingCursor.at(ring, lanes.map(({ retainedFrom }) => retainedFrom));
      missed = lanes.reduce((sum, { retainedFrom, base }) => sum + retainedFrom - base, 0);
    }
    follow: for await (
      const { frames, lost } of ring.follow({ from: start, signal: interrupted.signal })
    ) {
      losses.add(lost);
      for (const frame of frames) {
        const event = readEventFrame(frame);
        if (matches !== undefined && (event === undefined || !matches(event.topic))) {
          filtered++;
          continue;
        }
        const line = frameLine(frame, event);
        await output.write(`${host.isTerminal ? printable(line) : line}\n`);
        if (output.ended !== undefined) break follow;
        if (++shown === limit || interrupted.signal.aborted) break follow;
      }
    }
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
  } finally {
    losses.end();
    await output.flush();
    stopListening();
    storage.close();
  }

  // Whoever read the output has gone, as head does, and has seen enough.
  if (output.ended === "unread") return 0;
  if (output.ended !== undefined) throw output.ended.error;
  const reason = shown === limit ? "limit" : "interrupted";
  const hint = shown + filtered === 0 && from === "head"
    ? "; what the ring has already: --from start"
    : "";
  const earlier = missed > 0 ? `, ${missed} missed before it began` : "";
  host.log(
    `ring: ${shown} shown, ${describe(losses.all)}, ${filtered} filtered${earlier} ` +
      `(${reason})${hint}`,
  );
  return 0;
}

/** Says what is lost while it happens, and now and then only. */
class Losses {
  readonly all = { overwritten: 0, unavailable: 0 };
  readonly #host: Host;
  #unsaid = { overwritten: 0, unavailable: 0 };
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  add({ overwritten, unavailable }: RingLoss): void {
    for (const sum of [this.all, this.#unsaid]) {
      sum.overwritten += overwritten;
      sum.unavailable += unavailable;
    }
    if (this.#timer === undefined) this.#say();
  }

  #say(): void {
    this.#timer = undefined;
    const { overwritten, unavailable } = this.#unsaid;
    if (overwritten + unavailable === 0) return;
    this.#host.log(`ring: ${describe(this.#unsaid)}`);
    this.#unsaid = { overwritten: 0, unavailable: 0 };
    this.#timer = setTimeout(() => this.#say(), REPORT_MS);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

function describe({ overwritten, unavailable }: RingLoss): string {
  const lost = overwritten + unavailable;
  return `${lost} lost${
    lost > 0 ? ` (${overwritten} overwritten, ${unavailable} unavailable)` : ""
  }`;
}

function readPattern(text: string | undefined): ((topic: string) => boolean) | undefined {
  try {
    return text === undefined ? undefined : matchSubject(text);
  } catch {
    throw new UsageError(`flag "--topic" must look like orders.* or orders.>, received "${text}"`);
  }
}

function readFrom(text = "head"): "start" | "head" {
  if (text === "start" || text === "head") return text;
  throw new UsageError(`flag "--from" must be start or head, received "${text}"`);
}
