/** Runs `body` with a `reportError` that only remembers; answers what it was given. */
export async function reportsOf(body: () => unknown): Promise<unknown[]> {
  const reports: unknown[] = [];
  const original = globalThis.reportError;
  globalThis.reportError = (error: unknown) => {
    reports.push(error);
  };
  try {
    await body();
  } finally {
    globalThis.reportError = original;
  }
  return reports;
}
