/**
 * What a refresh costs more with something that a fold is asked to do besides.
 *
 * @module
 */
import { Fold, type FoldKind, type FoldOptions, RingAuditSink } from "../../fold/mod.ts";
import { timeInTurn, type Work } from "../bus/timing.ts";
import { type FigureCase, type FigureContestant, range, WrongAnswerError } from "../case.ts";
import {
  type Announcement,
  type Client,
  clients,
  indexedClients,
  type Saying,
  Source,
} from "../fold/announcements.ts";

/** Fewer than wait to be read by a watch. */
const count = 1_000;

const added = "ns added";
const withIt = "ns with";
const without = "ns without";
const figures = [added, withIt, without].map((name) => ({ name, digits: 0 }));

interface Added {
  readonly name: string;
  readonly kind?: FoldKind<string, Client, never>;
  readonly options?: FoldOptions;
  /** What is announced in each round; without it, all say what they said before, and the generation rises. */
  readonly say?: (round: number) => Saying;
  /** What becomes of it. */
  readonly outcome?: "replaced" | "rejected";
  /** How many watches there are, each of which is read between the rounds, if at all. */
  readonly watches?: number;
  readonly areRead?: boolean;
}

const sayAgain = (round: number): Saying => ({ generation: round });

function workOf(
  {
    kind = clients,
    options = {},
    say = sayAgain,
    outcome = "replaced",
    watches = 0,
    areRead = true,
  }: Omit<Added, "name">,
): Work {
  const fold = new Fold(kind, { maxEntries: count, ...options });
  const source = new Source(count);
  let round = 1;
  for (const announcement of source.announce(say(round))) fold.apply(announcement);
  const open = range(watches).map(() => fold.watch({ initial: false }));
  let told = 0;
  let announcements: Announcement[] = source.announce(say(++round));
  return {
    items: count,
    run() {
      for (let at = 0; at < count; at++) fold.apply(announcements[at]!);
    },
    reset() {
      const seen = fold.stats()[outcome];
      if (seen !== count * (round - 1)) throw new WrongAnswerError(`${seen} were ${outcome}`);
      for (const watch of areRead ? open : []) {
        while (watch.tryReceive().state === "ok") told++;
        const { missed } = watch;
        if (missed > 0) throw new WrongAnswerError(`a watch has missed ${missed} changes`);
      }
      if (areRead && told !== seen * watches) throw new WrongAnswerError(`watches saw ${told}`);
      announcements = source.announce(say(++round));
    },
  };
}

function compare({ name, ...asked }: Added): FigureContestant {
  return {
    name,
    measure(ms) {
      const [more, less] = timeInTurn(ms / 4, [workOf(asked), workOf({})]);
      return Promise.resolve({ [added]: more! - less!, [withIt]: more!, [without]: less! });
    },
  };
}

const indexed = indexedClients as unknown as FoldKind<string, Client, never>;

const asked: readonly Added[] = [
  { name: "weir, 2 indexes, the same values", kind: indexed },
  {
    name: "weir, 2 indexes, another value in one",
    kind: indexed,
    say: (round) => ({ generation: round, state: round % 2 === 0 ? "idle" : "busy" }),
  },
  { name: "weir, a watch, read in time", watches: 1 },
  { name: "weir, 10 watches, read in time", watches: 10 },
  { name: "weir, 100 watches, read in time", watches: 100 },
  { name: "weir, 100 watches that nobody reads", watches: 100, areRead: false },
  { name: "weir, an audit in a ring", options: { audit: new RingAuditSink(1_024) } },
  {
    name: "weir, a merge of its own",
    kind: {
      ...clients,
      merge: (existing, { generation }) =>
        existing === undefined
          ? "insert"
          : generation > existing.generation
          ? "replace"
          : { reject: "old" },
    },
  },
  {
    name: "weir, rejected as stale",
    say: () => ({ generation: 1 }),
    outcome: "rejected",
  },
];

/** One question. */
export const cases: readonly FigureCase[] = [
  {
    id: "fold/added",
    title: "1,000 entries are announced again, with more to do; per announcement",
    figures,
    contestants: asked.map(compare),
  },
];
