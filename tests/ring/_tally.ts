import type { RingFrame, RingPoll, RingProgress } from "../../ring/mod.ts";
import { isFilled } from "./_frames.ts";

/** What a reader found of frames that `_worker_publisher.ts` published, and whether all of it was as it should be. */
export class Tally {
  delivered = 0;
  lost = 0;
  /** What was not as it should be first. */
  wrong: string | undefined;
  readonly #last: Map<bigint, number> = new Map();
  readonly #lastVersion: Map<number, number> = new Map();

  addPoll(poll: RingPoll): void {
    for (const frame of poll.frames) this.addFrame(frame);
    this.addProgress({ ...poll, delivered: poll.frames.length });
  }

  addFrame({ id, node, counter, version, payload }: RingFrame): void {
    const lane = id >> 53n;
    const name = `frame ${counter} of lane ${lane}, ${version} of node ${node}`;
    if (!isFilled(payload, node, version)) this.wrong ??= `${name} is torn`;
    if (counter <= (this.#last.get(lane) ?? -1)) this.wrong ??= `${name} comes late`;
    if (version <= (this.#lastVersion.get(node) ?? -1)) this.wrong ??= `${name} comes twice`;
    this.#last.set(lane, counter);
    this.#lastVersion.set(node, version);
  }

  addProgress({ delivered, lost, from, to }: RingProgress): void {
    const gone = lost.overwritten + lost.unavailable;
    if (to - from !== delivered + gone) {
      this.wrong ??= `${from} to ${to} is not ${delivered + gone}`;
    }
    this.delivered += delivered;
    this.lost += gone;
  }
}
