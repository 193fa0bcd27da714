import {
  Fold,
  type FoldAnnouncement,
  type HeldLease,
  type Lease,
  leaseKind,
  Leases,
} from "../../fold/mod.ts";
import type { FakeTime } from "../_fake_time.ts";
import { TERM_MS } from "./_leases.ts";

/** A node with a fold of its own, that hears of others after a while. */
export interface LeaseNode {
  readonly name: string;
  readonly fold: Fold<string, Lease, "state" | "holder">;
  readonly leases: Leases;
  /** What it has, or believes to have. */
  lease: HeldLease | undefined;
}

/** Some nodes, and what is on its way between them. */
export class LeaseNodes {
  readonly nodes: readonly LeaseNode[];
  /** How long the next news take to a node. */
  delayMs: (to: LeaseNode) => number;
  readonly #time: FakeTime;
  #underway: { at: number; to: LeaseNode; announcement: FoldAnnouncement<Lease> }[] = [];

  constructor(time: FakeTime, names: readonly string[], delayMs: number) {
    this.#time = time;
    this.delayMs = () => delayMs;
    this.nodes = names.map((name) => {
      const fold = new Fold(leaseKind(), { sweepIntervalMs: 0 });
      const send = (announcement: FoldAnnouncement<Lease>) => this.#send(name, announcement);
      const leases = new Leases(fold, { node: name, termMs: TERM_MS, send });
      return { name, fold, leases, lease: undefined };
    });
  }

  /** Lets time pass, a millisecond at a time, in which news arrive. */
  pass(ms: number): void {
    for (; ms > 0; ms--) {
      this.#time.pass(1);
      const due = this.#underway.filter(({ at }) => at <= this.#time.now);
      this.#underway = this.#underway.filter((one) => !due.includes(one));
      for (const { to, announcement } of due) to.fold.apply(announcement);
    }
  }

  /** Ends all leases. */
  end(): void {
    for (const { lease } of this.nodes) lease?.release();
  }

  #send(from: string, announcement: FoldAnnouncement<Lease>): void {
    for (const to of this.nodes) {
      if (to.name === from) continue;
      this.#underway.push({ at: this.#time.now + this.delayMs(to), to, announcement });
    }
  }
}

/** A resource that refuses whoever comes with a lower fence than it has seen. */
export class FencedResource {
  /** What was written, by whom and with which fence. */
  readonly written: { readonly node: string; readonly fence: number }[] = [];
  /** How often somebody was refused who believed to have it. */
  refused = 0;
  #highest = 0;

  write({ name, lease }: LeaseNode): boolean {
    const { fence } = lease!;
    if (fence < this.#highest) {
      this.refused++;
      return false;
    }
    this.#highest = fence;
    this.written.push({ node: name, fence });
    return true;
  }
}
