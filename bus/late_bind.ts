import { checkFunction, checkInteger, refusal } from "../internal/mod.ts";
import type { BusBinding } from "./options.ts";

/** What a value is bound to: a text, a number or the like, or several of them together. */
export type BindKey = BindKeyPart | bigint | readonly BindKeyPart[];

/** One of several parts of a {@linkcode BindKey}. */
export type BindKeyPart = string | number | boolean;

/**
 * What an event teaches: that a value belongs to a key.
 *
 * @typeParam V The values.
 */
export interface BindEntry<V> {
  /** What the value is bound to. */
  readonly key: BindKey;
  /** The value. */
  readonly value: V;
}

/**
 * Options of {@linkcode lateBind}.
 *
 * @typeParam E The events.
 * @typeParam V The values.
 */
export interface LateBindOptions<E, V> {
  /**
   * How many keys are remembered at the most, a positive integer, each with its value, whatever the size. The one that was not met for the longest time goes first.
   */
  readonly capacity: number;

  /**
   * What an event teaches; undefined if it teaches nothing. What it throws makes the event unusable as a teacher: that is reported, and the
   * event goes on.
   *
   * @param event The event.
   */
  teach(event: E): BindEntry<V> | undefined;

  /**
   * The key whose value an event lacks; undefined if it lacks nothing, or has no key.
   *
   * @param event The event.
   */
  lacks(event: E): BindKey | undefined;

  /**
   * Gives an event its value.
   *
   * @param event The event.
   * @param value The value.
   * @returns The event with the value; preferably another object, since the first is its publisher's.
   */
  fill(event: E, value: V): E;
}

/** What a {@linkcode LateBinding} has done. */
export interface LateBindingStats {
  /** Keys that are remembered. */
  readonly size: number;
  /** Events that have taught. */
  readonly taught: number;
  /** Events that were given their value, those not counted that have taught it. */
  readonly filled: number;
  /** Events that lacked the value of a key that was not remembered. */
  readonly unknown: number;
  /** Keys that had to go for others. */
  readonly evicted: number;
  /** Events that would have taught, and could not be used. */
  readonly unusable: number;
}

/** What {@linkcode lateBind} makes: for `bind` of {@linkcode BusOptions}. */
export interface LateBinding<E> extends BusBinding<E> {
  /** Says what it has done. */
  stats(): LateBindingStats;

  /**
   * Forgets a key.
   *
   * @param key The key.
   * @returns Whether it was remembered.
   * @throws {TypeError} If it is no key.
   */
  forget(key: BindKey): boolean;
}

/**
 * Learns from some events what others lack, so that whoever asks for it gets both: a session that says its user once, and later events that
 * only say the session.
 *
 * An event that teaches carries its own value, whatever it said before. An event that lacks the value of a key is given it before it is
 * matched. The key that was neither taught nor asked for the longest goes when there is no room.
 *
 * An event costs the three functions, and O(1).
 *
 * @typeParam E The events.
 * @typeParam V The values.
 * @param options What is taught, what is lacked, and how it is filled in.
 * @returns What a bus binds with. Buses may share it.
 * @throws {RangeError} If `capacity` is not a positive integer.
 * @throws {TypeError} If one of the functions is none.
 *
 * @example Following a user through sessions
 * ```ts
 * import { Bus, lateBind } from "@weir/weir/bus";
 * import { assertEquals } from "@std/assert";
 *
 * type Event = { type: string; session: string; user?: string };
 * const bus = new Bus<Event>({
 *   bind: lateBind<Event, string>({
 *     capacity: 10_000,
 *     teach: ({ type, session, user }) =>
 *       type === "login" && user !== undefined ? { key: session, value: user } : undefined,
 *     lacks: ({ session, user }) => user === undefined ? session : undefined,
 *     fill: (event, user) => ({ ...event, user }),
 *   }),
 * });
 * const ada = bus.subscribe({ match: { user: "ada" } });
 * bus.publish({ type: "login", session: "s1", user: "ada" });
 * bus.publish({ type: "click", session: "s1" });
 * bus.publish({ type: "click", session: "s2" });
 * assertEquals((await ada.receiveBatch(9)).map(({ type }) => type), ["login", "click"]);
 * ```
 */
export function lateBind<E, V>(options: LateBindOptions<E, V>): LateBinding<E> {
  const create = "bind late";
  const { capacity } = options;
  checkInteger(create, "capacity", capacity, 1);
  for (const name of ["teach", "lacks", "fill"] as const) {
    checkFunction(create, name, options[name]);
  }
  // In the order in which they were met: the first has waited for the longest.
  const values = new Map<unknown, V>();
  let taught = 0;
  let filled = 0;
  let unknown = 0;
  let evicted = 0;
  let unusable = 0;

  const remember = (key: unknown, value: V): void => {
    values.delete(key);
    values.set(key, value);
    if (values.size <= capacity) return;
    values.delete(values.keys().next().value);
    evicted++;
  };

  return {
    apply(event, onUnusable) {
      let binding: BindEntry<V> | undefined;
      try {
        binding = options.teach(event) ?? undefined;
        if (binding !== undefined) {
          const { key, value } = binding;
          if (value === undefined) {
            throw new TypeError(refusal("learn from an event", "it must have a value", value));
          }
          remember(encode(key), value);
          taught++;
        }
      } catch (error) {
        binding = undefined;
        unusable++;
        onUnusable(error);
      }
      try {
        if (binding !== undefined) return options.fill(event, binding.value);
        const key = options.lacks(event) ?? undefined;
        if (key === undefined) return event;
        const encoded = encode(key);
        const value = values.get(encoded);
        if (value === undefined) {
          unknown++;
          return event;
        }
        remember(encoded, value);
        const complete = options.fill(event, value);
        filled++;
        return complete;
      } catch (error) {
        onUnusable(error);
        return event;
      }
    },
    forget: (key) => values.delete(encode(key)),
    stats: () => ({ size: values.size, taught, filled, unknown, evicted, unusable }),
  };
}

/** A key of a map for each key: texts that look like several parts are told from several parts. */
function encode(key: BindKey): unknown {
  if (Array.isArray(key)) {
    const odd = key.find((part) => !isPart(part));
    if (odd !== undefined || key.length === 0 || key.includes(undefined as never)) {
      throw new TypeError(refusal(USE, "its parts must be texts, finite numbers or booleans", odd));
    }
    return JSON.stringify(key);
  }
  if (typeof key === "string") return /^["[]/.test(key) ? JSON.stringify(key) : key;
  if (typeof key === "bigint" || isPart(key)) return key;
  throw new TypeError(refusal(USE, "it must be a text, a finite number or the like", key));
}

const USE = "use a key to bind by";

function isPart(part: unknown): boolean {
  return typeof part === "string" || typeof part === "boolean" || Number.isFinite(part);
}
