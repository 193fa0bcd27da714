/**
 * Times what something costs more than a call of an empty function, in the midst of what a program does.
 *
 * Engines put small functions in the place of their calls, and what does nothing then costs nothing: so what is timed is called from a
 * place that has seen so many functions that every call is a real one. And a function that calls nothing needs no frame on the stack,
 * which costs more than all of the rest: so there is a real call in it as well, by {@linkcode handle}.
 *
 * @module
 */
import { timeInTurn } from "../bus/timing.ts";
import { type Figures, WrongAnswerError } from "../case.ts";
import { type Row, rows } from "./rows.ts";

/** What is called with each row. */
export type Call = (row: Row) => unknown;

/** How many calls are timed at once. */
const items = 65_536;

/** What is added by a call. */
export const added = "ns more than an empty call";
/** With it. */
export const whole = "ns with it";
/** With an empty call in its place. */
export const empty = "ns with an empty call";

function callAll(call: Call, count: number): void {
  for (let at = 0; at < count; at++) call(rows[at % rows.length]!);
}

let sum = 0;

/** As many codes, so that neither engine takes the call for one of a few. */
const manyCodes: readonly Call[] = [
  ({ status }) => sum += status,
  ({ status }) => sum -= status,
  ({ status }) => sum ^= status,
  ({ status }) => sum |= status,
  ({ status }) => sum &= status,
  ({ ms }) => sum = ms,
  ({ ms }) => sum = -ms,
  ({ user }) => sum = user.length,
  ({ path }) => sum = path.length,
  ({ msg }) => sum = msg.length,
  ({ level }) => sum = level.length,
  ({ method }) => sum = method.length,
];

/** Does a little with a row: what a program has to do anyway. */
export function handle(row: Row): void {
  manyCodes[(row.ms | 0) % manyCodes.length]!(row);
}

/** Is given anything, and does nothing. */
export function doNothing(_given: unknown): void {}

/**
 * Times a call beside an empty one, in turn.
 *
 * @param ms How long each of them.
 * @param call What is called.
 * @param nothing The same with an empty function.
 * @param check Throws if something has been done that should not.
 * @returns The three figures.
 */
export function timeCall(
  ms: number,
  call: Call,
  nothing: Call,
  check: () => void,
): Figures {
  for (let round = 0; round < 5; round++) {
    for (const code of manyCodes) callAll(code, 10_000);
  }
  if (!Number.isFinite(sum)) throw new WrongAnswerError("the sum is none");
  const [one, other] = timeInTurn(ms, [
    { items, run: () => callAll(call, items), reset: check },
    { items, run: () => callAll(nothing, items), reset() {} },
  ]);
  return { [added]: one! - other!, [whole]: one!, [empty]: other! };
}
