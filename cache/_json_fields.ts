import type { FieldRecord } from "./record.ts";

/** Fields as JSON can have them: numbers that it has not as texts. */
export function jsonFields(fields: FieldRecord): FieldRecord {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
    ]),
  );
}
