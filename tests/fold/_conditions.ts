import type { FoldCondition, FoldIndexValue } from "../../fold/mod.ts";
import type { Random } from "../_random.ts";

/** Which values each index may be asked for. */
export type Pools = Readonly<Record<string, readonly FoldIndexValue[]>>;

/** What a payload has in an index. */
type Values = readonly FoldIndexValue[];

/** Asks something of one or two indexes. */
export function randomBy(random: Random, pools: Pools): Record<string, FoldCondition | undefined> {
  const names = Object.keys(pools);
  const by: Record<string, FoldCondition | undefined> = {};
  for (let i = 0; i < 1 + random.below(2); i++) {
    const name = random.pick(names);
    by[name] = random.below(12) === 0 ? undefined : randomCondition(random, pools[name]!);
  }
  return by;
}

function randomCondition(random: Random, pool: Values): FoldCondition {
  const list = (): FoldIndexValue[] =>
    Array.from({ length: random.below(4) }, () => random.pick(pool));
  const kind = random.below(6);
  if (kind < 2) return random.pick(pool);
  if (kind < 4) return list();
  const parts = Array.from({ length: random.below(3) }, () => {
    return random.below(3) === 0 ? list() : random.pick(pool);
  });
  return { all: parts };
}

/** Whether values fit in a condition: what the documentation says of it, and no more. */
export function isFit(values: Values, condition: FoldCondition | undefined): boolean {
  if (condition === undefined) return true;
  if (typeof condition !== "object") return values.includes(condition);
  if ("all" in condition) return condition.all.every((part) => isFit(values, part));
  return condition.some((value) => values.includes(value));
}
