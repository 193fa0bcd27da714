/** Throws whatever is done with it. */
export const UNTOUCHABLE: object = new Proxy(
  {},
  new Proxy({}, {
    get(_target, trap) {
      throw new Error(`Somebody looked: ${String(trap)}`);
    },
  }),
);
