import type { FieldRecord } from "./record.ts";

/** The same names with other values. */
export function mapValues<A, B>(
  values: Readonly<Record<string, A>>,
  change: (value: A) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}

/** Fields as JSON can have them: numbers that it has not as texts. */
export function jsonFields(fields: FieldRecord): FieldRecord {
  return mapValues(
    fields,
    (value) => typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
  );
}
