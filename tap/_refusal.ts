/** One wording for every refusal of this module. */
export function refusal(action: string, requirement: string, received: unknown): string {
  const shown = typeof received === "string" ? JSON.stringify(received) : received;
  return `Cannot ${action}: ${requirement}, received ${shown}`;
}

/** Throws unless `value` is an integer from `least` to `most`. */
export function checkInteger(
  action: string,
  name: string,
  value: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER
    ? `of at least ${least}`
    : `from ${least} to ${most}`;
  throw new RangeError(refusal(action, `${name} must be an integer ${range}`, value));
}
