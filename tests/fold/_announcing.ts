import {
  announce,
  type AnnounceOptions,
  type Announcer,
  type FoldAnnouncement,
  type Presence,
  type PresenceKind,
  presenceKind,
} from "../../fold/mod.ts";
import { settle } from "../_settle.ts";
import { ADA } from "./_envelopes.ts";

/** The kind of what is announced here. */
export const KIND: PresenceKind = presenceKind();

/** Something else that is announced. */
export const AWAY: Presence = { ...ADA, meta: "away" };

/** Announces, and remembers what was said. */
export function announcing(
  payload: Presence | (() => Presence) = ADA,
  options: Partial<AnnounceOptions<Presence>> = {},
): { announcer: Announcer<Presence>; said: FoldAnnouncement<Presence>[] } {
  const said: FoldAnnouncement<Presence>[] = [];
  const send = (announcement: FoldAnnouncement<Presence>): void => void said.push(announcement);
  const announcer = announce(KIND, payload, { node: "n1", send, jitter: 0, ...options });
  return { announcer, said };
}

/** What is said takes until it is ended by hand. */
export class SlowLine {
  readonly said: FoldAnnouncement<Presence>[] = [];
  /** How many are being said, and how many were at most. */
  active = 0;
  most = 0;
  readonly #ends: PromiseWithResolvers<void>[] = [];

  readonly send = async (announcement: FoldAnnouncement<Presence>): Promise<void> => {
    this.said.push(announcement);
    this.most = Math.max(this.most, ++this.active);
    const ended = Promise.withResolvers<void>();
    this.#ends.push(ended);
    try {
      await ended.promise;
    } finally {
      this.active--;
    }
  };

  async end(error?: unknown): Promise<void> {
    const ended = this.#ends.shift()!;
    if (error === undefined) ended.resolve();
    else ended.reject(error);
    await settle();
  }
}

/** What was said, each in a word. */
export function wordsOf(said: readonly FoldAnnouncement<Presence>[]): string[] {
  return said.map(({ payload, leave }) => leave ? "leave" : String(payload.meta ?? "here"));
}
