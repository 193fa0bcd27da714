/**
 * What a soak knows of its bus without asking it: the events it has published, and for whom each of them was.
 *
 * @module
 */
import { type Match, subject } from "../../../bus/mod.ts";

/** What is published. */
export interface Happening {
  readonly type: string;
  /** Tokens, with dots between them. */
  readonly topic: string;
  readonly session: string;
  /** Filled in by the bus, except in a login. */
  readonly user?: string;
  readonly detail: { readonly level: number };
  /** How many events there were up to this one. */
  readonly id: number;
}

/** What somebody asks for, once as the bus is told and once as a function that was written without it. */
export interface Wish {
  readonly match: Match<Happening>;
  readonly where: ((event: Happening) => boolean) | undefined;
  /** Whether an event is wanted; `user` is what it should have been filled in with. */
  readonly wants: (event: Happening, user: string | undefined) => boolean;
  /** Whether its predicate throws for an event. */
  readonly throws: (event: Happening, user: string | undefined) => boolean;
}

/** Numbers that look random, the same for the same seed. */
export class Random {
  #state: number;

  /** Starts from a seed. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number from 0, below a limit. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * limit);
  }

  /** One of several. */
  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

/** All types of events. `audit` is published by a handler only. */
export const types: readonly string[] = ["click", "order", "login", "view", "error", "audit"];

/** All topics. */
export const topics: readonly string[] = ["orders", "users", "carts"].flatMap((root) =>
  ["eu", "us", "eu.north", "asia"].flatMap((region) =>
    ["created", "paid", "gone"].map((verb) => `${root}.${region}.${verb}`)
  )
);

const patterns: readonly [pattern: string, regular: RegExp][] = [
  ["orders.*.created", /^orders\.[^.]+\.created$/],
  ["orders.>", /^orders\../],
  ["*.eu.>", /^[^.]+\.eu\../],
  ["*.*.paid", /^[^.]+\.[^.]+\.paid$/],
  ["users.eu.north.gone", /^users\.eu\.north\.gone$/],
  [">", /./],
];

const never = (): boolean => false;

/** What somebody may ask for. */
export function makeWish(random: Random, users: readonly string[]): Wish {
  const [type, other] = [random.of(types), random.of(types)];
  const topicsOf = (chosen: readonly (typeof patterns)[number][]): ReadonlySet<string> =>
    new Set(topics.filter((topic) => chosen.some(([, regular]) => regular.test(topic))));
  const plain = (match: Match<Happening>, wants: Wish["wants"]): Wish => ({
    match,
    where: undefined,
    wants,
    throws: never,
  });
  switch (random.below(11)) {
    case 0:
      return plain({}, () => true);
    case 1:
      return plain({ type }, (event) => event.type === type);
    case 2:
      return plain({ type: [type, other] }, (event) => event.type === type || event.type === other);
    case 3: {
      const topic = random.of(topics);
      return plain({ type, topic }, (event) => event.type === type && event.topic === topic);
    }
    case 4: {
      const chosen = random.of(patterns);
      const wanted = topicsOf([chosen]);
      return plain({ topic: subject(chosen[0]) }, ({ topic }) => wanted.has(topic));
    }
    case 5: {
      const chosen = [random.of(patterns), random.of(patterns)];
      const exact = random.of(topics);
      const wanted = topicsOf(chosen);
      return plain(
        { topic: [...chosen.map(([pattern]) => subject(pattern)), exact] },
        ({ topic }) => topic === exact || wanted.has(topic),
      );
    }
    case 6: {
      const asked = random.of(users);
      return plain({ user: asked }, (_, user) => user === asked);
    }
    case 7: {
      const level = random.below(8);
      return plain({ detail: { level } }, ({ detail }) => detail.level === level);
    }
    case 8: {
      const chosen = random.of(patterns);
      const wanted = topicsOf([chosen]);
      return plain(
        { type, topic: subject(chosen[0]), detail: { level: [1, 2, 3, 5] } },
        (event) =>
          event.type === type && wanted.has(event.topic) &&
          [1, 2, 3, 5].includes(event.detail.level),
      );
    }
    case 9: {
      const rest = random.below(7);
      return {
        match: { type },
        where: ({ id }) => id % 7 === rest,
        wants: (event) => event.type === type && event.id % 7 === rest,
        throws: never,
      };
    }
    default:
      return {
        match: { type },
        where({ id }) {
          if (id % 512 === 0) throw new Error("a predicate throws");
          return id % 2 === 1;
        },
        wants: (event) => event.type === type && event.id % 2 === 1,
        throws: (event) => event.type === type && event.id % 512 === 0,
      };
  }
}

/** The sessions that are there, and who their users are: each is taught to the bus once, and gone some time later. */
export class Sessions {
  readonly users: readonly string[] = Array.from({ length: 40 }, (_, index) => `user-${index}`);
  readonly #live: { readonly session: string; readonly user: string }[] = [];
  readonly #most: number;
  #made = 0;

  /** Keeps at most so many. */
  constructor(most: number) {
    this.#most = most;
  }

  /** How many there have been. */
  get made(): number {
    return this.#made;
  }

  /** Whether there is one. */
  get isEmpty(): boolean {
    return this.#live.length === 0;
  }

  /** Begins a session, in place of another one if there are enough. */
  begin(random: Random): { readonly session: string; readonly user: string } {
    const begun = { session: `session-${this.#made++}`, user: random.of(this.users) };
    if (this.#live.length < this.#most) this.#live.push(begun);
    else this.#live[random.below(this.#most)] = begun;
    return begun;
  }

  /** One of those that are there. */
  any(random: Random): { readonly session: string; readonly user: string } {
    return random.of(this.#live);
  }
}

/** What was published last, as a history should keep it. */
export class Recent {
  readonly #capacity: number;
  readonly #kept: { readonly event: Happening; readonly user: string | undefined }[] = [];
  #count = 0;

  /** Keeps so many. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Keeps one more. Their ids are 1, 2, 3 and so on. */
  add(event: Happening, user: string | undefined): void {
    this.#kept[this.#count++ % this.#capacity] = { event, user };
  }

  /** The ids of those that are wanted, behind an id. */
  wanted(wish: Wish, after: number): number[] {
    const ids: number[] = [];
    for (let id = Math.max(after, this.#count - this.#capacity) + 1; id <= this.#count; id++) {
      const { event, user } = this.#kept[(id - 1) % this.#capacity]!;
      if (wish.wants(event, user)) ids.push(id);
    }
    return ids;
  }

  /** How often the predicate throws while these are replayed. */
  throwing(wish: Wish, after: number): number {
    let count = 0;
    for (let id = Math.max(after, this.#count - this.#capacity) + 1; id <= this.#count; id++) {
      const { event, user } = this.#kept[(id - 1) % this.#capacity]!;
      if (wish.throws(event, user)) count++;
    }
    return count;
  }

  /** How many behind an id are not kept any more. */
  missed(after: number): number {
    return Math.max(0, this.#count - this.#capacity - after);
  }
}
