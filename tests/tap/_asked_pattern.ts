import { beginWork, endWork } from "./_asking.ts";
import { parsePattern, type Pattern } from "../../tap/_pattern.ts";

/** A pattern that answers as it does where each text is a question of its own, as in a filter. */
export interface Asked {
  readonly statesMade: number;
  matches(text: string): boolean;
}

export function patternOf(text: string): Asked {
  const pattern: Pattern = asOne(() =>
    parsePattern(text, (requirement, at) => {
      throw new RangeError(`${at}: ${requirement}`);
    })
  );
  return {
    get statesMade() {
      return pattern.statesMade;
    },
    matches: (subject) => asOne(() => pattern.matches(subject)),
  };
}

/** What is asked here may be as much work as one question. */
function asOne<T>(ask: () => T): T {
  beginWork();
  try {
    return ask();
  } finally {
    endWork();
  }
}
