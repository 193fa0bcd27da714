/**
 * What it costs to be sure of whom an announcement is from.
 *
 * @module
 */
import {
  createIdentity,
  encodeAnnouncement,
  Fold,
  type FoldIdentity,
  FoldRegistry,
  signAnnouncement,
} from "../../fold/mod.ts";
import { type FigureCase, type FigureContestant, range, WrongAnswerError } from "../case.ts";
import { type Announcement, clients, idOf, roomOf, stateOf } from "../fold/announcements.ts";

/** How many clients are announced in a round, by how many nodes. */
const count = 512;
const nodes = 8;
/** How many announcements come before the first of them has been checked, where they come together. */
const together = 64;
/** How many rounds are not counted, and how many are: signing takes longer than what is measured. */
const warmUp = 5;
const fewest = 5;
const most = 30;

const perSecond = "per second";
const each = "µs each";

/** One announcement as it is, as it comes, and whose it is. */
interface Letter {
  readonly announcement: Announcement;
  readonly bytes: Uint8Array;
  readonly identity: FoldIdentity;
}

/** Takes one announcement. */
type Take = (letter: Letter) => unknown;

interface Receiver {
  readonly name: string;
  /** Answers what takes announcements for a fold. */
  readonly make: (fold: Fold<string, Announcement["payload"]>) => Take | Promise<Take>;
  /** How many are taken at a time. */
  readonly together?: number;
  readonly isUnsigned?: boolean;
  /** Whether it gives nothing to the fold. */
  readonly isBare?: boolean;
}

async function write(
  generation: number,
  identities: readonly FoldIdentity[],
  isUnsigned: boolean,
): Promise<Letter[]> {
  const letters: Letter[] = [];
  for (const index of range(count)) {
    const identity = identities[index % nodes]!;
    const payload = {
      id: idOf(index),
      room: roomOf(index, count),
      state: stateOf(index),
      load: index % 100,
    };
    const announcement = { node: identity.node, generation, payload };
    const bytes = isUnsigned
      ? encodeAnnouncement(clients, announcement)
      : await signAnnouncement(clients, announcement, identity);
    letters.push({ announcement, bytes, identity });
  }
  return letters;
}

function receives(
  { name, make, together = 1, isUnsigned = false, isBare = false }: Receiver,
): FigureContestant {
  return {
    name,
    async measure(ms) {
      const identities = await Promise.all(range(nodes).map(() => createIdentity()));
      const fold = new Fold(clients);
      const take = await make(fold);
      const samples: number[] = [];
      let spent = 0;
      for (let generation = 1; samples.length < (spent < ms ? most : fewest); generation++) {
        const letters = await write(generation, identities, isUnsigned);
        const start = performance.now();
        if (together === 1) {
          for (let at = 0; at < count; at++) await take(letters[at]!);
        } else {
          for (let at = 0; at < count; at += together) {
            await Promise.all(letters.slice(at, at + together).map(take));
          }
        }
        const time = performance.now() - start;
        spent += time;
        if (generation > warmUp) samples.push(time / count);
        const { applied, rejected, entries } = fold.stats();
        const right = isBare ? 0 : count * generation;
        if (applied !== right || rejected > 0 || entries !== (isBare ? 0 : count)) {
          throw new WrongAnswerError(`${applied} were applied instead of ${right}`);
        }
      }
      const middle = samples.sort((one, other) => one - other)[samples.length >> 1]!;
      return { [perSecond]: 1e3 / middle, [each]: 1e3 * middle };
    },
  };
}

function registryOf(isUnsigned: boolean): Receiver["make"] {
  return (fold) => {
    const registry = new FoldRegistry({ allowUnsigned: isUnsigned });
    registry.register(fold);
    return ({ bytes, identity }) => registry.dispatch(bytes, identity.publicKey);
  };
}

/** What the platform takes, of what is about as long. */
async function verifier(): Promise<Take> {
  const algorithm = { name: "Ed25519" };
  const pair = await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  const body = new Uint8Array(160);
  const signature = await crypto.subtle.sign(algorithm, pair.privateKey, body);
  return async () => {
    const isRight = await crypto.subtle.verify(algorithm, pair.publicKey, signature, body);
    if (!isRight) throw new WrongAnswerError("the signature is right, and was refused");
  };
}

const receivers: readonly Receiver[] = [
  { name: "weir, signed, one at a time", make: registryOf(false) },
  { name: "weir, signed, 64 together", make: registryOf(false), together },
  { name: "weir, not signed, one at a time", make: registryOf(true), isUnsigned: true },
  {
    name: "weir, apply alone",
    make: (fold) => ({ announcement }) => fold.apply(announcement),
    isUnsigned: true,
  },
  {
    name: "crypto.subtle.verify alone, one at a time",
    make: verifier,
    isBare: true,
    isUnsigned: true,
  },
  {
    name: "crypto.subtle.verify alone, 64 together",
    make: verifier,
    isBare: true,
    isUnsigned: true,
    together,
  },
];

/** One question. */
export const cases: readonly FigureCase[] = [
  {
    id: "fold/dispatch",
    title: "announcements of 8 nodes, as bytes, to a fold of 512 entries",
    figures: [{ name: perSecond, digits: 0 }, { name: each, digits: 1 }],
    contestants: receivers.map(receives),
  },
];
