/**
 * What the cases of the fold announce: clients of which each node serves some.
 *
 * @module
 */
import type { FoldAnnouncement, FoldKind } from "../../fold/mod.ts";
import { range } from "../case.ts";

/** What is said of a client. */
export interface Client {
  readonly id: string;
  /** Where it is, with 99 others. */
  readonly room: string;
  /** Two thirds are busy. */
  readonly state: "idle" | "busy";
  readonly load: number;
}

/** What a node says of a client. */
export interface Announcement extends FoldAnnouncement<Client> {
  ttlMs?: number;
}

/** Long enough for nothing to expire while it is measured, and as short as lives are. */
export const longMs = 60_000;

/** Clients by their id. */
export const clients: FoldKind<string, Client> = {
  id: 0x0100,
  name: "client",
  defaultTtlMs: longMs,
  key: (_node, { id }) => id,
};

/** The same with two indexes: a narrow one and a broad one. */
export const indexedClients: FoldKind<string, Client, "room" | "state"> = {
  ...clients,
  id: 0x0101,
  indexes: { room: ({ room }) => room, state: ({ state }) => state },
};

/** How many nodes announce so many clients. */
export function nodesFor(count: number): number {
  return Math.min(1_000, Math.ceil(count / 100));
}

/** The id of a client. */
export function idOf(index: number): string {
  return `client-${10_000_000 + index}`;
}

/** The room of one of so many clients. */
export function roomOf(index: number, count: number): string {
  return `room-${10_000_000 + index % Math.ceil(count / 100)}`;
}

/** The state of a client. */
export function stateOf(index: number): Client["state"] {
  return index % 3 === 0 ? "idle" : "busy";
}

/** The node that announces a client, as long as one that is made of a key. */
export function nodeOf(index: number, count: number): string {
  return String(index % nodesFor(count)).padStart(32, "0");
}

/** What is different from one announcement of the same client to the next. */
export interface Saying {
  readonly generation: number;
  /** What is said of all of them; without it, of each its own. */
  readonly state?: Client["state"];
}

/**
 * Announcements of some of so many clients, as a decoder makes them: each time, all texts are new objects, whose hashes nobody has computed.
 * Texts are what keys are compared by, and an object that was seen before is found faster than any that comes from outside.
 */
export class Source {
  readonly #indexes: readonly number[];
  // In parts: to write or read one text of a hundred megabytes takes several times as long.
  readonly #parts: string[] = [];

  /**
   * @param count How many clients there are.
   * @param indexes Which of them are announced, and in which order; without it, all in order.
   */
  constructor(count: number, indexes: readonly number[] = range(count)) {
    this.#indexes = indexes;
    const nodes = range(nodesFor(count)).map((index) => nodeOf(index, count));
    for (let start = 0; start < indexes.length; start += 1_000) {
      const texts: string[] = [];
      for (const index of indexes.slice(start, start + 1_000)) {
        texts.push(idOf(index), nodes[index % nodes.length]!, roomOf(index, count));
      }
      this.#parts.push(JSON.stringify(texts));
    }
  }

  /** Makes them anew. */
  announce({ generation, state }: Saying): Announcement[] {
    const announcements: Announcement[] = [];
    for (const part of this.#parts) {
      const texts: string[] = JSON.parse(part);
      for (let at = 0; at < texts.length; at += 3) {
        const index = this.#indexes[announcements.length]!;
        announcements.push({
          node: texts[at + 1]!,
          generation,
          payload: {
            id: texts[at]!,
            room: texts[at + 2]!,
            state: state ?? stateOf(index),
            load: index % 100,
          },
        });
      }
    }
    return announcements;
  }

  /** Makes their ids anew. */
  ids(): string[] {
    return this.announce({ generation: 1 }).map(({ payload }) => payload.id);
  }
}

/** Some of the numbers below `count`, spread evenly. */
export function spread(count: number, some: number): number[] {
  return range(some).map((at) => Math.floor(at * count / some));
}

/** The same numbers in an order that looks like none, and is the same each time. */
export function shuffled(numbers: readonly number[]): number[] {
  const mixed = [...numbers];
  let state = 1;
  for (let at = mixed.length - 1; at > 0; at--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = Math.floor(state / 2 ** 32 * (at + 1));
    [mixed[at], mixed[other]] = [mixed[other]!, mixed[at]!];
  }
  return mixed;
}
