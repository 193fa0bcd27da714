/**
 * A first-in, first-out queue over a power-of-two array ring: no shifting, and no allocation per value once it has grown.
 *
 * It grows by doubling and never shrinks; whoever owns it bounds its length.
 */
export class Fifo<T> {
  // Invariant: `#slots.length` is a power of two, and every slot outside [head, head + length) is undefined.
  #slots: (T | undefined)[] = new Array(16);
  #head = 0;
  #length = 0;

  /** How many values are queued. */
  get length(): number {
    return this.#length;
  }

  /** Adds `value` behind the others. Amortised O(1). */
  push(value: T): void {
    let slots = this.#slots;
    const length = this.#length;
    if (length === slots.length) {
      slots = this.#slots = slots.slice(this.#head).concat(slots.slice(0, this.#head));
      slots.length *= 2;
      this.#head = 0;
    }
    slots[(this.#head + length) & (slots.length - 1)] = value;
    this.#length = length + 1;
  }

  /** Removes and returns the oldest value. O(1). The queue must not be empty. */
  shift(): T {
    const slots = this.#slots;
    const head = this.#head;
    const value = slots[head] as T;
    // A slot that kept its value would keep it from being collected until the ring comes round.
    slots[head] = undefined;
    this.#head = (head + 1) & (slots.length - 1);
    this.#length--;
    return value;
  }
}
