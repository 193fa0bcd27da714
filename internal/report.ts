/** Reports an error that nobody can catch, as the platform does. */
export function reportUncaught(error: unknown): void {
  // Node has no such function. There, what a microtask throws is as uncaught.
  if (typeof reportError === "function") reportError(error);
  else {queueMicrotask(() => {
      throw error;
    });}
}
