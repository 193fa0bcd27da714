import type { FoldEntry } from "../entry.ts";
import type { Fold } from "../fold.ts";
import { foldKey, type FoldKind } from "../kind.ts";
import { checkTextField, fieldsOf } from "./_check.ts";

/**
 * That a user is somewhere, on one device.
 *
 * @typeParam M What else there is to say.
 */
export interface Presence<M = unknown> {
  /** Where. */
  readonly room: string;
  /** Who. */
  readonly user: string;
  /** On which device, or in which tab, where a node serves several of a user. */
  readonly session?: string | undefined;
  /** Anything else: a status, a cursor, a name. */
  readonly meta?: M | undefined;
}

/**
 * The kind of who is where.
 *
 * @typeParam M What else there is to say.
 */
export type PresenceKind<M = unknown> = FoldKind<string, Presence<M>, "room" | "user">;

/** Options of {@linkcode presenceKind}. */
export interface PresenceKindOptions {
  /**
   * How long somebody is there who does not say so again, in milliseconds: two or three times as long as the time between announcements.
   *
   * @default {30_000}
   */
  readonly ttlMs?: number | undefined;
}

/**
 * Makes the kind of who is where. A user may be there many times, on several devices and over several nodes: each is an entry, of the node that
 * announced it and of no other. Its indexes are `room` and `user`.
 *
 * | there is | announced by the same node | outcome |
 * | --- | --- | --- |
 * | nothing | | inserted |
 * | an entry | with a higher generation | replaced: an update, or a refresh |
 * | an entry | with the same or a lower generation | rejected: `"stale"` |
 *
 * **Converges**: each key has one writer, so nodes that have seen the same announcements, in whatever order, hold the same entries.
 *
 * @typeParam M What else there is to say.
 * @param options How long an entry lives.
 * @returns The kind; its id is 5.
 *
 * @example A user with two tabs
 * ```ts
 * import { Fold, presenceKind, usersIn } from "@weir/weir/fold";
 * import { assertEquals } from "@std/assert";
 *
 * using fold = new Fold(presenceKind<{ status: string }>());
 * for (const session of ["tab 1", "tab 2"]) {
 *   const payload = { room: "lobby", user: "ada", session, meta: { status: "here" } };
 *   fold.apply({ node: "n1", generation: 1, payload });
 * }
 * assertEquals([...usersIn(fold, "lobby").keys()], ["ada"]);
 * assertEquals(fold.count({ by: { user: "ada" } }), 2);
 * ```
 */
export function presenceKind<M = unknown>(options: PresenceKindOptions = {}): PresenceKind<M> {
  return {
    id: 5,
    name: "presence",
    defaultTtlMs: options.ttlMs ?? 30_000,
    key: (node, { room, user, session = "" }) => foldKey(room, user, session, node),
    indexes: { room: ({ room }) => room, user: ({ user }) => user },
    parse(payload) {
      const { room, user, session } = fieldsOf("presence", payload);
      checkTextField("presence", "room", room);
      checkTextField("presence", "user", user);
      if (session !== undefined) checkTextField("presence", "session", session);
      return payload as Presence<M>;
    },
  };
}

/**
 * Who is in a room, each user once. Costs O(entries in the room).
 *
 * @typeParam M What else there is to say.
 * @param fold The fold.
 * @param room The room.
 * @returns The entries of each user.
 */
export function usersIn<M>(
  fold: Fold<string, Presence<M>, "room" | "user">,
  room: string,
): Map<string, FoldEntry<string, Presence<M>>[]> {
  return fold.groupBy(({ payload }) => payload.user, { by: { room } });
}
