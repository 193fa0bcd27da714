/** A name as text, whatever it is: nothing that records throws. */
export function textOf(name: unknown): string {
  return typeof name === "string" ? name : `(${typeof name})`;
}
