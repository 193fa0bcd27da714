/**
 * What the cases of the tap have in common: what is offered.
 *
 * @module
 */
import { range } from "../case.ts";

/** What a server says of a request it has answered: 10 fields, about 200 bytes of JSON. */
export interface Row {
  readonly time: string;
  readonly level: "info" | "warn" | "error";
  readonly service: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  readonly user: string;
  readonly request: string;
  readonly msg: string;
}

/** One in so many rows has failed. */
export const failureEvery = 16;

/** The row of a number: an object of its own. */
export function rowOf(index: number): Row {
  const hasFailed = index % failureEvery === failureEvery - 1;
  return {
    time: "2026-08-01T12:00:00.123Z",
    level: hasFailed ? "error" : index % 8 === 3 ? "warn" : "info",
    service: "orders",
    method: index % 3 === 0 ? "POST" : "GET",
    path: index % 2 === 0 ? `/static/${100 + index % 900}.js` : `/api/orders/${100 + index % 900}`,
    status: hasFailed ? 503 : index % 5 === 2 ? 404 : 200,
    ms: 1.5 + index % 97,
    user: `user-${100 + index % 900}@example.org`,
    request: (0x1000_0000 + index).toString(16).padStart(16, "0"),
    msg: hasFailed ? "upstream timeout after 3 attempts" : "request was answered in time",
  };
}

/** Values as they come out of a parser: what was put together from parts is slower to read, until somebody has. */
export function asParsed<T>(values: readonly T[]): readonly T[] {
  return JSON.parse(JSON.stringify(values));
}

/** Rows, made beforehand: to make them is not what is measured. */
export const rows: readonly Row[] = asParsed(range(256).map(rowOf));

/** The JSON of each of {@linkcode rows}; all of it is ASCII. */
export const lines: readonly string[] = rows.map((row) => JSON.stringify(row));

/** How many characters, or bytes, all of {@linkcode lines} have, without their ends. */
export const lineUnits: number = lines.reduce((sum, { length }) => sum + length, 0);
