/**
 * Expressions on small objects, which somebody who watches has written: none may run code of its own, or take for ever.
 *
 * filtrex makes code of what it reads, by `new Function`, as hand-written code is; the others walk through what they have read. All but ours
 * leave patterns to `RegExp`, so that one pattern can stop the program.
 *
 * @module
 */
import { parseWhere } from "../../tap/mod.ts";
import type { Case, Contestant } from "../case.ts";
import { npm } from "../peers.ts";
import { asParsed, failureEvery, type Row, rows } from "../tap/rows.ts";

const rounds = 64;
const items = rounds * rows.length;

type Predicate = (row: Row) => unknown;

/** The same question in the language of each. */
interface Question {
  readonly id: string;
  readonly title: string;
  readonly rows: readonly Row[];
  /** How many of the rows match. */
  readonly matches: number;
  readonly weir: string;
  readonly byHand: (row: Row) => boolean;
  readonly filtrex: string;
  readonly jexl: string;
  readonly cel: string;
}

/** As a program says it that has more to say. */
const longRows: readonly Row[] = asParsed(rows.map((row) => ({
  ...row,
  msg: `${"at step (load) of order 17: waiting, ".repeat(28)}${row.msg}`,
})));

const failures = rows.length / failureEvery;
const byHand = "by hand";

const questions: readonly Question[] = [
  {
    id: "tap/where-equal",
    title: "level == error",
    rows,
    matches: failures,
    weir: 'level == "error"',
    byHand: ({ level }) => level === "error",
    filtrex: 'level == "error"',
    jexl: 'level == "error"',
    cel: 'level == "error"',
  },
  {
    id: "tap/where-glob",
    title: "status >= 500 and path ~ /api/*",
    rows,
    matches: failures,
    weir: 'status >= 500 and path ~ "/api/*"',
    byHand: ({ status, path }) => status >= 500 && path.startsWith("/api/"),
    filtrex: 'status >= 500 and path ~= "^/api/"',
    jexl: 'status >= 500 && path|startsWith("/api/")',
    cel: 'status >= 500 && path.startsWith("/api/")',
  },
  {
    id: "tap/where-three",
    title: "path ~ /api/* and not (method == GET) and status in (200, 404)",
    rows,
    matches:
      rows.filter(({ path, method, status }) =>
        path.startsWith("/api/") && method !== "GET" && status !== 503
      ).length,
    weir: 'path ~ "/api/*" and not (method == GET) and status in (200, 404)',
    byHand: ({ path, method, status }) =>
      path.startsWith("/api/") && method !== "GET" && (status === 200 || status === 404),
    filtrex: 'path ~= "^/api/" and not (method == "GET") and status in (200, 404)',
    jexl: 'path|startsWith("/api/") && !(method == "GET") && status in [200, 404]',
    cel: 'path.startsWith("/api/") && !(method == "GET") && status in [200.0, 404.0]',
  },
  {
    id: "tap/where-pattern",
    title: "msg matches (timeout|refused), texts of 30 characters",
    rows,
    matches: failures,
    weir: 'msg matches "(timeout|refused)"',
    byHand: ({ msg }) => /(timeout|refused)/.test(msg),
    filtrex: 'msg ~= "(timeout|refused)"',
    jexl: 'msg|matches("(timeout|refused)")',
    cel: 'msg.matches("(timeout|refused)")',
  },
  {
    id: "tap/where-pattern-long",
    title: "msg matches (timeout|refused), texts of 1,000 characters",
    rows: longRows,
    matches: failures,
    weir: 'msg matches "(timeout|refused)"',
    byHand: ({ msg }) => /(timeout|refused)/.test(msg),
    filtrex: 'msg ~= "(timeout|refused)"',
    jexl: 'msg|matches("(timeout|refused)")',
    cel: 'msg.matches("(timeout|refused)")',
  },
];

function contestant(
  question: Question,
  name: string,
  make: () => Predicate | Promise<Predicate>,
): Contestant {
  return {
    name,
    async load() {
      const matches = await make();
      return () => {
        let count = 0;
        for (let round = 0; round < rounds; round++) {
          for (let at = 0; at < question.rows.length; at++) {
            if (matches(question.rows[at]!) === true) count++;
          }
        }
        return { count };
      };
    },
  };
}

function asks(question: Question): Case {
  return {
    id: question.id,
    title: `${question.title}; per object`,
    items,
    answer: { count: rounds * question.matches },
    references: [byHand, "filtrex 3.1.0, compiled", "cel-js 8.0.0"].map((peer) => ({ peer })),
    contestants: [
      contestant(question, "weir", () => {
        const where = parseWhere(question.weir);
        return (row) => where.matches(row);
      }),
      contestant(question, byHand, () => question.byHand),
      contestant(question, "filtrex 3.1.0, compiled", async () => {
        const { compileExpression } = await npm.filtrex();
        return compileExpression(question.filtrex);
      }),
      contestant(question, "cel-js 8.0.0", async () => {
        const { parse } = await npm.cel();
        return parse(question.cel);
      }),
      contestant(question, "jexl 2.3.0", async () => {
        const { default: jexl } = await npm.jexl();
        jexl.addTransform("startsWith", (value, start) => value.startsWith(start));
        const patterns = new Map<string, RegExp>();
        jexl.addTransform("matches", (value, pattern) => {
          if (!patterns.has(pattern)) patterns.set(pattern, new RegExp(pattern));
          return patterns.get(pattern)!.test(value);
        });
        const expression = jexl.compile(question.jexl);
        return (row) => expression.evalSync(row);
      }),
    ],
  };
}

/** Questions of several kinds. */
export const cases: readonly Case[] = questions.map(asks);
