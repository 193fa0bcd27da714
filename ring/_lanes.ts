import { laneOffset, OWNER } from "./layout.ts";

/** Who may write to which lane of a ring. One writer at a time has a lane, until it gives it back or, where the system says so, ends. */
export interface RingLanes {
  /**
   * Takes a lane for the writer `owner`.
   *
   * @param lane The lane.
   * @param owner A number that no other writer has, from 1 to 2^31 - 1.
   * @param takeOver Whether the writer that has the lane now is known to be gone.
   * @returns False if another writer has the lane.
   */
  claim(lane: number, owner: number, takeOver: boolean): boolean;
  /** Gives a lane back that the writer `owner` has. */
  release(lane: number, owner: number): void;
  /** Whether a writer has the lane. */
  isClaimed(lane: number): boolean;
}

/** Lanes that belong to whoever is in their owner word: where threads share memory, nothing says that one of them has ended. */
export function ownerWords(words: Int32Array): RingLanes {
  const at = (lane: number): number => laneOffset(lane) / 4 + OWNER;
  return {
    claim(lane, owner, takeOver) {
      const had = Atomics.load(words, at(lane));
      if (had !== 0 && !takeOver) return false;
      return Atomics.compareExchange(words, at(lane), had, owner) === had;
    },
    release(lane, owner) {
      Atomics.compareExchange(words, at(lane), owner, 0);
    },
    isClaimed: (lane) => Atomics.load(words, at(lane)) !== 0,
  };
}
