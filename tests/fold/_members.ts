import { createIdentity, type Presence } from "../../fold/mod.ts";
import { Child } from "../_child.ts";
import type { Runtime } from "../_runtimes.ts";
import { until } from "../tap/_wait.ts";

/** Who a process of `_member.ts` is, and how it hears of others. */
export interface MemberSetup {
  readonly user: string;
  /** The private key, as PKCS #8. */
  readonly key: readonly number[];
  /** A node that it says it is, though its key is another's. */
  readonly pretends?: string;
  /** The public keys of those who are believed where no connection says who it is. */
  readonly trusted: readonly (readonly number[])[];
  readonly ttlMs: number;
  readonly everyMs: number;
  /** The file of the ring, and the own lane in it; without it, sockets. */
  readonly path?: string;
  readonly lane?: number;
  /** Whether a node is evicted when its connection is lost. */
  readonly evictsLost?: boolean;
}

/** What a member is told. */
export type MemberCommand =
  | { readonly do: "connect"; readonly port: number }
  | { readonly do: "last" | "leave" | "list" };

/** One change, as a member has seen it. */
export interface MemberChange {
  readonly type: "created" | "replaced" | "expired" | "evicted" | "left";
  readonly key: string;
  readonly node: string;
  readonly generation: number;
  readonly user: string;
  readonly meta: string | undefined;
  /** Times by its own clock: of the last announcement, of the deadline, and when it has read this. */
  readonly receivedAt: number;
  readonly expiresAt: number;
  readonly now: number;
  readonly reason: string | undefined;
}

/** What a member holds. */
export interface MemberEntry {
  readonly key: string;
  readonly node: string;
  readonly generation: number;
  readonly payload: Presence<string>;
}

/** What a member says. */
export type MemberLine =
  | MemberChange
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "refused" | "rejected"; readonly reason: string }
  | { readonly type: "entries"; readonly entries: readonly MemberEntry[] };

/** What the ring is made of: a lane for each of three, one for whoever pretends to be one of them, and one for the test. */
export const ringSpec = { capacity: 256, payloadCapacity: 1_024, nodes: 5 };

/** Who a member may be. */
export interface User {
  readonly user: string;
  readonly node: string;
  readonly key: readonly number[];
  readonly publicKey: readonly number[];
}

/** Makes an identity for each name. */
export async function makeUsers(...names: readonly string[]): Promise<Record<string, User>> {
  const users: Record<string, User> = {};
  for (const user of names) {
    const { node, publicKey, exportKey } = await createIdentity();
    users[user] = { user, node, publicKey: [...publicKey], key: [...await exportKey()] };
  }
  return users;
}

/** A process of `_member.ts`. Leaving its scope ends it; it also ends by itself with whoever has started it. */
export class Member implements AsyncDisposable {
  readonly user: string;
  readonly runtime: Runtime;
  readonly #child: Child;
  readonly #lines: MemberLine[] = [];
  // How much of the output is in the lines.
  #end = 0;

  /** Starts it. */
  constructor(runtime: Runtime, setup: MemberSetup) {
    this.user = setup.user;
    this.runtime = runtime;
    const file = new URL("./_member.ts", import.meta.url);
    this.#child = new Child(runtime, file, JSON.stringify(setup));
  }

  /** Whether it has ended. */
  get hasEnded(): boolean {
    return this.#child.hasEnded;
  }

  /** What it has said so far. */
  get lines(): readonly MemberLine[] {
    const { output } = this.#child;
    for (let next; (next = output.indexOf("\n", this.#end)) >= 0; this.#end = next + 1) {
      this.#lines.push(JSON.parse(output.slice(this.#end, next)));
    }
    return this.#lines;
  }

  /** What has come and gone of a user, without refreshes, from a line on. */
  comings(user: string, from: number = 0): MemberChange[] {
    return this.lines.slice(from).filter((line): line is MemberChange =>
      "user" in line && line.user === user && line.type !== "replaced"
    );
  }

  /** Waits until it says something, and answers it. */
  async says<L extends MemberLine = MemberLine>(
    what: string,
    isIt: (line: MemberLine) => boolean,
    from: number = 0,
  ): Promise<L> {
    let line: MemberLine | undefined;
    await until(`${this.user} says ${what}`, () => {
      line = this.lines.slice(from).find(isIt);
      return line !== undefined || this.hasEnded;
    });
    if (line !== undefined) return line as L;
    throw new Error(`${this.user} never said ${what}: ${this.#child.output}${this.#child.errors}`);
  }

  /** Waits until it sees a change of a user, and answers it. */
  sees(user: string, type: MemberChange["type"], from: number = 0): Promise<MemberChange> {
    return this.says(
      `${user} is ${type}`,
      (line) => line.type === type && "user" in line && line.user === user,
      from,
    );
  }

  /** Tells it what to do. */
  async do(command: MemberCommand): Promise<void> {
    await this.#child.write(`${JSON.stringify(command)}\n`);
  }

  /** What it holds. */
  async list(): Promise<readonly MemberEntry[]> {
    await this.do({ do: "list" });
    type Entries = Extract<MemberLine, { type: "entries" }>;
    return (await this.says<Entries>("what it holds", ({ type }) => type === "entries")).entries;
  }

  /** The port that it listens on. */
  async port(): Promise<number> {
    type Listening = Extract<MemberLine, { type: "listening" }>;
    return (await this.says<Listening>("its port", ({ type }) => type === "listening")).port;
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill();
    await this.#child.code;
  }

  /** Kills it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}
