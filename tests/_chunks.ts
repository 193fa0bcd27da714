/** The body of a response, read chunk by chunk, as text. */
export interface Chunks {
  /** The next chunk; undefined at the end. */
  next(): Promise<string | undefined>;
  /** Goes away. */
  cancel(): Promise<void>;
}

/** Reads a body chunk by chunk. */
export function chunksOf(response: Response): Chunks {
  const reader = response.body!.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? undefined : new TextDecoder().decode(value);
    },
    cancel: () => reader.cancel(),
  };
}
