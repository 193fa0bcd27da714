import type { RedactMode } from "./redact.ts";

/** All modes, the default first. */
export const REDACT_MODES: readonly RedactMode[] = [
  "hash",
  "typed-hash",
  "mask",
  "remove",
  "type",
  "partial",
];
