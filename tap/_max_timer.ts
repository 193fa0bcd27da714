/** Longer than this a timer of the platform cannot wait: 24.8 days. */
export const MAX_TIMER_MS = 2_147_483_647;
