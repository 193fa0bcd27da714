/** The last character that has another case lies below. */
const END_OF_CASED = 0x1ea00;
const CHUNK = 256;
/** Turkish: "I" is its upper case, but it is not another "i". */
const DOTLESS_I = 0x131;

let table: ReadonlyMap<number, readonly number[]> | undefined;

/** For each character that others equal but for case, all of them. Made when it is first asked for: some 10 ms. */
export function caseGroups(): ReadonlyMap<number, readonly number[]> {
  return table ??= readCases();
}

function readCases(): ReadonlyMap<number, readonly number[]> {
  const byFold = new Map<number, Set<number>>();
  const add = (fold: number, code: number): void => {
    const group = byFold.get(fold);
    if (group === undefined) byFold.set(fold, new Set([fold, code]));
    else group.add(code);
  };
  for (let start = 0; start < END_OF_CASED; start += CHUNK) {
    const codes = Array.from({ length: CHUNK }, (_, index) => start + index);
    const chunk = String.fromCodePoint(...codes);
    // Most have no cases at all, which is told faster at once.
    if (chunk.toLowerCase() === chunk && chunk.toUpperCase() === chunk) continue;
    for (const code of codes) {
      const fold = foldOf(code);
      if (fold !== code) add(fold, code);
    }
  }
  const groups = new Map<number, readonly number[]>();
  for (const group of byFold.values()) {
    const members = [...group];
    for (const member of members) groups.set(member, members);
  }
  return groups;
}

/** The lower case of the upper case, as far as each is one character. */
function foldOf(code: number): number {
  if (code === DOTLESS_I) return code;
  const upper = single(String.fromCodePoint(code).toUpperCase()) ?? code;
  return single(String.fromCodePoint(upper).toLowerCase()) ?? upper;
}

function single(text: string): number | undefined {
  const code = text.codePointAt(0)!;
  return String.fromCodePoint(code) === text ? code : undefined;
}
