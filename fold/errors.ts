/**
 * Thrown by an operation that a closed {@linkcode Fold}, or closed {@linkcode Leases} over it, can no longer serve.
 *
 * @example Applying too late
 * ```ts
 * import { Fold, FoldClosedError, presenceKind } from "@weir/weir/fold";
 * import { assertThrows } from "@std/assert";
 *
 * const fold = new Fold(presenceKind());
 * fold.close();
 * const payload = { room: "lobby", user: "ada" };
 * assertThrows(() => fold.apply({ node: "ada", generation: 1, payload }), FoldClosedError, "is closed");
 * ```
 */
export class FoldClosedError extends Error {
  /**
   * Creates the error.
   *
   * @param message What could not be done, and why.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "FoldClosedError";
  }
}

/**
 * Thrown for a snapshot that cannot be restored: it is damaged, of another kind or format, or the fold has entries already. The fold is as it
 * was before.
 *
 * @example A snapshot of something else
 * ```ts
 * import { decodeSnapshot, FoldSnapshotError, presenceKind } from "@weir/weir/fold";
 * import { assertThrows } from "@std/assert";
 *
 * const error = assertThrows(() => decodeSnapshot(presenceKind(), "{}"), FoldSnapshotError);
 * console.log(error.message); // Cannot decode snapshot: ...
 * ```
 */
export class FoldSnapshotError extends Error {
  /**
   * Creates the error.
   *
   * @param message What could not be done, and why.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "FoldSnapshotError";
  }
}
