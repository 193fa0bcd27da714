/** Whether a pattern, in which `*` stands for any letters, is a stage's name or fits it. */
export function fitsStage(pattern: string, name: string): boolean {
  const [first, ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return pattern === name;
  if (!name.startsWith(first!) || !name.endsWith(last)) return false;
  let at = first!.length;
  // The leftmost place of each is as good as any other.
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= name.length - last.length;
}

/** Whether a stage is asked for by a pattern. */
export function isPattern(stage: string): boolean {
  return stage.includes("*");
}

/** The names and patterns that were asked for. */
export function patternsOf(stage: string | readonly string[]): readonly string[] {
  return typeof stage === "string" ? [stage] : stage;
}
