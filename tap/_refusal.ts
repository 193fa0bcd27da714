/** One wording for every refusal of this module. */
export function refusal(action: string, requirement: string, received: unknown): string {
  const shown = typeof received === "string" ? JSON.stringify(received) : received;
  return `Cannot ${action}: ${requirement}, received ${shown}`;
}

/** Throws unless `value` is an integer of at least `least`. */
export function checkInteger(action: string, name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(refusal(action, `${name} must be an integer of at least ${least}`, value));
}
