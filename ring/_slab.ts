/** How many bytes the payloads of small frames share. */
const SLAB_BYTES = 16_384;
/** From which size on a payload gets a buffer of its own. */
const OWN_BYTES = 1_024;

/** Hands out memory that nobody else has, from a shared buffer where it is little: making a buffer costs more than filling it. */
export class Slab {
  /** The buffer of the last piece, as such, as bytes and as words. */
  buffer: ArrayBuffer = new ArrayBuffer(0);
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(this.buffer);
  words: Int32Array<ArrayBuffer> = new Int32Array(this.buffer);
  /** Where in it the next piece begins, and where it ends. */
  #next = 0;
  #end = 0;

  /** Makes room for `length` bytes in {@linkcode Slab.buffer}, and answers where it begins: at a multiple of 8. */
  take(length: number): number {
    const start = this.#next;
    const end = start + ((length + 7) & ~7);
    if (end > this.#end) return this.#renew((length + 7) & ~7);
    this.#next = end;
    return start;
  }

  #renew(length: number): number {
    this.#end = length > OWN_BYTES ? length : SLAB_BYTES;
    this.buffer = new ArrayBuffer(this.#end);
    this.bytes = new Uint8Array(this.buffer);
    this.words = new Int32Array(this.buffer);
    this.#next = length;
    return 0;
  }
}
