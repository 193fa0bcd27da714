import { randomHex } from "./_random.ts";
import type { TapGrant } from "./authorize.ts";

const TICKET_BYTES = 24;

/** More than these are refused, of all and of one subject: whoever asks for so many at once has something else in mind. */
const MAX_TICKETS = 1_024;
const MAX_OF_SUBJECT = 64;

/** Passes that are good for one session, soon: what a browser can put in an address without giving away more than that. */
export class Tickets {
  readonly #ttlMs: number;
  readonly #now: () => number;
  // In the order in which they expire.
  readonly #grants: Map<string, { readonly grant: TapGrant; readonly until: number }> = new Map();

  constructor(ttlMs: number, now: () => number) {
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  /** Makes a ticket; or says of whom there are too many that nobody has used. */
  issue(grant: TapGrant): { readonly ticket: string } | "full" | "subject" {
    this.#expire();
    if (this.#grants.size >= MAX_TICKETS) return "full";
    let own = 0;
    for (const { grant: { subject } } of this.#grants.values()) {
      if (subject === grant.subject) own++;
    }
    if (own >= MAX_OF_SUBJECT) return "subject";
    const ticket = randomHex(TICKET_BYTES);
    this.#grants.set(ticket, { grant, until: this.#now() + this.#ttlMs });
    return { ticket };
  }

  /** Takes a ticket; undefined if there is none such, any more. */
  redeem(ticket: string): TapGrant | undefined {
    this.#expire();
    const found = this.#grants.get(ticket);
    this.#grants.delete(ticket);
    return found?.grant;
  }

  #expire(): void {
    const now = this.#now();
    for (const [ticket, { until }] of this.#grants) {
      if (until > now) return;
      this.#grants.delete(ticket);
    }
  }
}
