/**
 * Payloads that say who wrote them: every byte is a function of the node, the counter and its place, so that a mixture of two, or a part of
 * one, is never taken for one.
 *
 * @module
 */

/** Fills bytes as node `node` does for its `counter`th frame. */
export function fill(bytes: Uint8Array, node: number, counter: number): Uint8Array {
  let state = seedOf(node, counter, bytes.length);
  for (let index = 0; index < bytes.length; index++) {
    state = Math.imul(state, 0x01000193) + index;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** Whether the bytes are those of {@linkcode fill}. */
export function isFilled(bytes: Uint8Array, node: number, counter: number): boolean {
  let state = seedOf(node, counter, bytes.length);
  for (let index = 0; index < bytes.length; index++) {
    state = Math.imul(state, 0x01000193) + index;
    if (bytes[index] !== state >>> 24) return false;
  }
  return true;
}

function seedOf(node: number, counter: number, length: number): number {
  return Math.imul(node + 1, 0x9e3779b1) ^ Math.imul((counter + 1) | 0, 0x85ebca6b) ^
    Math.imul(length + 1, 0xc2b2ae35);
}
