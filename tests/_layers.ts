/**
 * Reads which modules a source imports, and says where that breaks the layers of the design. A parser that runs under both runners
 * would have to be downloaded, so this looks at the text, after it has taken out comments and the contents of strings.
 *
 * @module
 */

/** The folders of the library, and those that each may import besides itself. */
export const LAYERS: Readonly<Record<string, readonly string[]>> = (() => {
  const channel = ["internal"];
  const ring = [...channel, "channel"];
  const middle = [...ring, "ring"];
  const top = [...middle, "bus", "fold", "cache", "tap"];
  const below = top.filter((folder) => folder !== "internal");
  return {
    internal: [],
    channel,
    ring,
    bus: middle,
    fold: middle,
    cache: middle,
    tap: middle,
    inspect: top,
    nats: top,
    cli: top,
    // The root itself: what runs anywhere.
    "": [...below, "inspect"],
    examples: [...below, "inspect", "nats", "cli", ""],
  };
})();

/** Files that may do what others may not, and why. */
export const EXCEPTIONS: Readonly<
  Record<string, { readonly may: string; readonly because: string }>
> = {
  "internal/timer.ts": {
    may: "Deno",
    because: "asks by shape for the one function that unrefs a timer",
  },
  "ring/_detect_system.ts": { may: "Deno, Bun", because: "finds out which runtime this is" },
  "cli/detect_host.ts": { may: "Deno, Bun", because: "finds out which runtime this is" },
};

/** A source without its comments; `"7"` stands for the string `strings[7]`. */
interface Code {
  readonly text: string;
  readonly strings: readonly string[];
}

/** Takes comments and the contents of strings, templates and regular expressions out of a source. */
export function codeOf(source: string): Code {
  const strings: string[] = [];
  // One after another: a comment, a string, a regular expression where one may stand, the parts of a template, anything else.
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'|[`{}]|\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*|[\w$]+|\s+|[\s\S]/g;
  // What a brace that is open now belongs to.
  const braces: ("template" | "block")[] = [];
  let text = "";
  let before = "";

  const skipTemplate = (from: number): number => {
    for (let i = from; i < source.length; i++) {
      if (source[i] === "\\") i++;
      else if (source[i] === "`") {
        before = "`";
        return i + 1;
      } else if (source.startsWith("${", i)) {
        braces.push("template");
        text += " ";
        before = "{";
        return i + 2;
      }
    }
    return source.length;
  };
  for (let match; (match = token.exec(source)) !== null;) {
    const [piece] = match;
    if (/^\s/.test(piece) || piece.startsWith("//") || piece.startsWith("/*")) {
      text += /\n/.test(piece) ? "\n" : " ";
      continue;
    }
    if (piece === "`") {
      token.lastIndex = skipTemplate(token.lastIndex);
      continue;
    }
    if (piece === "{") braces.push("block");
    if (piece === "}" && braces.pop() === "template") {
      token.lastIndex = skipTemplate(token.lastIndex);
      continue;
    }
    if (/^["']/.test(piece)) {
      text += `"${strings.push(piece.slice(1, -1)) - 1}"`;
    } else if (piece.length > 1 && piece.startsWith("/")) {
      if (mayBeginExpression(before)) {
        text += "0";
      } else {
        // A division.
        text += "/";
        token.lastIndex = match.index + 1;
      }
    } else text += piece;
    before = piece;
  }
  return { text, strings };
}

function mayBeginExpression(before: string): boolean {
  return /^(?:|[([{,;=:!&|?+\-*%~^<>]|return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield)$/
    .test(before);
}

/** The specifiers that a source imports or exports from, at the top or by `import()`, in types too. */
export function importsOf(source: string): string[] {
  const { text, strings } = codeOf(source);
  const patterns = [
    /\bfrom\s*"(\d+)"/g,
    /\bimport\s*"(\d+)"/g,
    /\bimport\s*\(\s*(?:"(\d+)"\s*[,)])?/g,
  ];
  return patterns.flatMap((pattern) =>
    [...text.matchAll(pattern)].map(([, index]) =>
      index === undefined ? "?" : strings[Number(index)]!
    )
  );
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
}

/**
 * Says what a source of the library, or an example, does that the design does not allow.
 *
 * @param file Its path in the repository.
 * @param source Its text.
 * @param entrypoints The files that `deno.json` exports, which others may import.
 */
export function violationsOf(
  file: string,
  source: string,
  entrypoints: readonly string[],
): string[] {
  const found: string[] = [];
  const folder = folderOf(file);
  const allowed = LAYERS[folder];
  if (allowed === undefined) return [`${file}: the folder "${folder}" has no layer`];
  const isExample = folder === "examples";
  const may = EXCEPTIONS[file]?.may ?? "";
  const isForRuntime = /(?:^|[/_])(?:deno|bun)\.ts$/.test(file);

  for (const specifier of importsOf(source)) {
    const complain = (what: string): void =>
      void found.push(`${file} imports "${specifier}": ${what}`);
    if (specifier === "?") {
      complain("only a string says what it is");
      continue;
    }
    if (!/^\.{1,2}\//.test(specifier)) {
      const isBuiltIn = specifier.startsWith("node:");
      const isContext = folder === "cache" && specifier === "node:async_hooks";
      if (isExample || isContext || (isBuiltIn && isForRuntime)) continue;
      complain(isBuiltIn ? "a built-in module" : "not a file of the library");
      continue;
    }
    const url = new URL(specifier, `file:///repository/${file}`);
    const target = decodeURIComponent(url.pathname).replace("/repository/", "");
    if (target === "deno.json") {
      // It would be in every bundle, whole.
      complain("the manifest");
    } else if (target.startsWith("/")) {
      complain("outside the repository");
    } else if (folderOf(target) !== folder) {
      if (!allowed.includes(folderOf(target))) complain(`${folder || "mod.ts"} may not`);
      else if (!entrypoints.includes(target) && target !== `${folderOf(target)}/mod.ts`) {
        complain("past the folder's mod.ts");
      }
    }
  }
  if (isExample || isForRuntime) return found;
  const { text, strings } = codeOf(source);
  for (const name of ["Deno", "Bun"]) {
    const isUsed = new RegExp(`(?<![\\w$])${name}(?![\\w$])`).test(text) || strings.includes(name);
    if (isUsed && !may.split(", ").includes(name)) {
      found.push(`${file} uses ${name}: only a file named for the runtime may`);
    }
  }
  return found;
}
