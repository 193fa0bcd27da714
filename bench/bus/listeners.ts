/**
 * What the cases of the bus have in common: events, and listeners that count and digest what they get.
 *
 * @module
 */
import { mix, range } from "../case.ts";

/** What is published. */
export interface Order {
  readonly type: "order" | "user";
  readonly id: number;
}

/** What is called with it, or with anything else that has its number. */
export type Handler = (event: { readonly id: number }) => void;

/** Orders with the numbers from 1, made beforehand: to make them is not what is measured. */
export const orders: readonly Order[] = range(256).map((index) => ({
  type: "order",
  id: index + 1,
}));

/** The digest of some of {@linkcode orders}, in turn. */
export function digestOf(count: number): number {
  return range(count).reduce((digest, at) => mix(digest, orders[at % orders.length]!.id), 0);
}

/**
 * Ten functions with ten codes, as the listeners of a program are. Ten closures of one code are a special case that engines are good at:
 * they put that code in the place of the calls.
 *
 * @param digests Where each puts its digest.
 * @returns The functions.
 */
export function tenFunctions(digests: Int32Array): Handler[] {
  return [
    ({ id }) => {
      digests[0] = mix(digests[0]!, id);
    },
    ({ id }) => {
      digests[1] = mix(digests[1]!, id);
    },
    ({ id }) => {
      digests[2] = mix(digests[2]!, id);
    },
    ({ id }) => {
      digests[3] = mix(digests[3]!, id);
    },
    ({ id }) => {
      digests[4] = mix(digests[4]!, id);
    },
    ({ id }) => {
      digests[5] = mix(digests[5]!, id);
    },
    ({ id }) => {
      digests[6] = mix(digests[6]!, id);
    },
    ({ id }) => {
      digests[7] = mix(digests[7]!, id);
    },
    ({ id }) => {
      digests[8] = mix(digests[8]!, id);
    },
    ({ id }) => {
      digests[9] = mix(digests[9]!, id);
    },
  ];
}

/**
 * Closures of one code.
 *
 * @param digests Where each puts its digest.
 * @returns As many closures as there are places.
 */
export function sameFunctions(digests: Int32Array): Handler[] {
  return Array.from(digests, (_, at) => ({ id }) => {
    digests[at] = mix(digests[at]!, id);
  });
}
