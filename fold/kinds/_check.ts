import { refusal } from "../../internal/mod.ts";
import { checkText } from "../_check.ts";

/** What a payload is refused for. */
function refuse(kind: string, requirement: string, received: unknown): never {
  throw new TypeError(refusal(actionOf(kind), requirement, received));
}

/** The fields of a payload that came from outside. */
export function fieldsOf(kind: string, payload: unknown): Readonly<Record<string, unknown>> {
  if (typeof payload === "object" && payload !== null && !Array.isArray(payload)) {
    return payload as Readonly<Record<string, unknown>>;
  }
  return refuse(kind, "it must be an object", payload);
}

/** Throws unless a field is a text that is not empty. */
export function checkTextField(kind: string, name: string, value: unknown): void {
  checkText(actionOf(kind), name, value);
}

/** Throws unless a field is a list of texts that are not empty. */
export function checkTexts(kind: string, name: string, value: unknown): void {
  if (!Array.isArray(value)) refuse(kind, `${name} must be a list of texts`, value);
  for (const text of value as unknown[]) checkTextField(kind, `each of ${name}`, text);
}

/** Throws unless a field is a finite number. */
export function checkNumber(kind: string, name: string, value: unknown): void {
  if (!Number.isFinite(value)) refuse(kind, `${name} must be a finite number`, value);
}

/** Throws unless a field is one of some texts. */
export function checkOneOf(
  kind: string,
  name: string,
  value: unknown,
  texts: readonly string[],
): void {
  if (!texts.includes(value as string)) {
    refuse(kind, `${name} must be one of ${texts.join(", ")}`, value);
  }
}

function actionOf(kind: string): string {
  return `take a payload of kind ${kind}`;
}
