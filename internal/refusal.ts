/** One wording for every refusal: what could not be done, what is required, and what came instead. */
export function refusal(action: string, requirement: string, received: unknown): string {
  return `Cannot ${action}: ${requirement}, received ${shown(received)}`;
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

/** Throws unless `value` is a function. */
export function checkFunction(action: string, name: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(refusal(action, `${name} must be a function`, value));
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value !== "object" || value === null) return String(value);
  return Object.prototype.toString.call(value).slice(1, -1);
}
