/** A command line that cannot be used. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** How one flag is read. */
export interface Flag {
  /** What stands for its value in the help; a flag without one is a switch. */
  readonly value?: string;
  /** What it does, for the help. */
  readonly about: string;
}

/** What a command line says. */
export interface Parsed {
  /** The flags that were given, without the dashes; a switch is the empty string. */
  readonly flags: ReadonlyMap<string, string>;
  /** What is not a flag. */
  readonly rest: readonly string[];
}

/**
 * Reads a command line: `--name value`, `--name=value`, `--switch`, and `--` before words that are none.
 *
 * @throws {UsageError} For a flag that does not exist, is given twice, or lacks its value or has one too many.
 */
export function parseArgs(
  args: readonly string[],
  known: Readonly<Record<string, Flag>>,
): Parsed {
  const flags = new Map<string, string>();
  const rest: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const word = args[index]!;
    if (word === "--") {
      rest.push(...args.slice(index + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      rest.push(word);
      continue;
    }
    const [, name, given] = /^--([^=]+)(?:=(.*))?$/s.exec(word === "-h" ? "--help" : word) ?? [];
    const flag = name !== undefined && Object.hasOwn(known, name) ? known[name] : undefined;
    if (name === undefined || flag === undefined) {
      throw new UsageError(`unknown flag "${word}"`);
    }
    if (flags.has(name)) throw new UsageError(`flag "--${name}" is given twice`);
    if (flag.value === undefined) {
      if (given !== undefined) {
        throw new UsageError(`flag "--${name}" takes no value, received "${given}"`);
      }
      flags.set(name, "");
      continue;
    }
    const value = given ?? args[++index];
    if (value === undefined || (given === undefined && value.startsWith("--"))) {
      throw new UsageError(
        `flag "--${name}" needs a value, received ${
          value === undefined ? "nothing" : `"${value}"`
        }`,
      );
    }
    flags.set(name, value);
  }
  return { flags, rest };
}

/**
 * Reads the value of a flag as a whole number.
 *
 * @throws {UsageError} If it is none from `least` to `most`.
 */
export function readInteger(
  { flags }: Parsed,
  name: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = flags.get(name);
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER
    ? `of at least ${least}`
    : `from ${least} to ${most}`;
  throw new UsageError(`flag "--${name}" must be an integer ${range}, received "${text}"`);
}

/**
 * Reads the one argument of a command that takes a path.
 *
 * @throws {UsageError} If there is none, or more than one.
 */
export function readPath({ rest }: Parsed, command: string): string {
  const [path, second] = rest;
  if (path === undefined) throw new UsageError(`${command} needs a PATH, received nothing`);
  if (second !== undefined) {
    throw new UsageError(`${command} takes one PATH, received "${second}" too`);
  }
  return path;
}

/** Writes flags for a help text, a line each. */
export function describe(known: Readonly<Record<string, Flag>>): string {
  return Object.entries(known)
    .map(([name, { value, about }]) =>
      `  ${`--${name}${value === undefined ? "" : ` ${value}`}`.padEnd(22)}${about}`
    )
    .join("\n");
}
