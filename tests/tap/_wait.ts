/** Lets every microtask run that is queued, and those that they queue, without a timer. */
export async function settle(): Promise<void> {
  for (let tick = 0; tick < 100; tick++) await undefined;
}

/** Waits until `condition` holds, for what sockets and processes do; fails, naming `what`, after ten seconds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries === 2_000) throw new Error(`Waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
