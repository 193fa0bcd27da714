/**
 * Makes text from elsewhere safe to show: control characters, which could move the cursor, colour the screen, turn the direction of writing or forge a line of ours, are
 * shown as `\x1b` and the like. A tab stays.
 */
export function printable(text: string): string {
  return text.replaceAll(
    // deno-lint-ignore no-control-regex -- control characters are what this is about.
    /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => {
      const code = character.charCodeAt(0);
      return code > 0xff
        ? `\\u${code.toString(16).padStart(4, "0")}`
        : `\\x${code.toString(16).padStart(2, "0")}`;
    },
  );
}
