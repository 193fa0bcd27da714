import type { SubjectPattern, SubjectText } from "./subject_pattern.ts";

/** What a field can be compared with: equal is what `Map` takes for the same key, so that `NaN` equals itself. */
export type MatchValue = string | number | bigint | boolean | symbol | null;

/**
 * One thing that may be asked of a field: a value, or a pattern if it can be a text.
 *
 * @typeParam V What the field holds.
 */
export type FieldAlternative<V> =
  | Extract<V, MatchValue>
  | (Extract<V, string> extends never ? never : SubjectPattern);

/**
 * What may be asked of one field: a value, a list of alternatives, a {@linkcode subject} pattern, or, of a field that holds an object, a match
 * of its fields.
 *
 * @typeParam V What the field holds.
 */
export type FieldMatch<V> = unknown extends V ? UnknownFieldMatch
  :
    | FieldAlternative<V>
    | readonly FieldAlternative<V>[]
    | MatchOfObject<
      Exclude<Extract<V, object>, readonly unknown[] | ((...args: never) => unknown)>
    >;

/**
 * A match of the fields of an object; nothing if there is none.
 *
 * @typeParam O The object.
 */
export type MatchOfObject<O> = [O] extends [never] ? never : Match<O>;

/** What may be asked of a field of which nothing is known. */
export type UnknownFieldMatch =
  | MatchValue
  | SubjectPattern
  | readonly (MatchValue | SubjectPattern)[]
  | UnknownMatch;

/** What may be asked of events of which nothing is known. */
export interface UnknownMatch {
  /** What is asked of a field. */
  readonly [field: string]: UnknownFieldMatch;
}

/**
 * What may be asked of an event, field by field: it matches if all of them do. A field that an event does not have matches nothing.
 *
 * `{}` matches everything. The type of what matches is narrowed: see {@linkcode Matched}.
 *
 * @typeParam E The events.
 */
export type Match<E> = unknown extends E ? UnknownMatch
  : {
    readonly [K in E extends unknown ? Extract<keyof E, string> : never]?: FieldMatch<
      E extends unknown ? K extends keyof E ? E[K] : never : never
    >;
  };

/**
 * Makes an error of the type of whatever is asked of a field that no event has.
 *
 * @typeParam E The events.
 * @typeParam M What is asked of them.
 */
export type KnownFields<E, M> = [keyof M] extends [never] ? unknown
  : unknown extends E ? unknown
  : {
    readonly [K in keyof M]: K extends (E extends unknown ? keyof E : never) ? M[K] : never;
  };

/**
 * The values that meet what is asked of a field; `unknown` where the type says nothing.
 *
 * @typeParam C What is asked.
 */
export type MatchedValue<C> = C extends SubjectPattern<infer P> ? SubjectText<P>
  : C extends MatchValue ? C
  : C extends readonly (infer Item)[] ? MatchedValue<Item>
  : unknown;

/**
 * A field of an event, narrowed to what matches; `never` if nothing of it can.
 *
 * @typeParam V What the field holds.
 * @typeParam C What is asked of it.
 */
export type MatchedField<V, C> = C extends SubjectPattern | MatchValue | readonly unknown[]
  ? V & MatchedValue<C>
  : Matched<Extract<V, object>, C>;

/**
 * The fields of an event that something is asked of, narrowed. Of what may not be asked for, nothing is known.
 *
 * @typeParam E The event.
 * @typeParam M What is asked of it.
 */
export type MatchedFields<E, M> = {
  [K in keyof M & string as undefined extends M[K] ? never : K]: K extends keyof E
    ? MatchedField<Exclude<E[K], undefined>, M[K]>
    : never;
};

/**
 * The events of a union that can match, each with its fields narrowed to what was asked.
 *
 * @typeParam E The events.
 * @typeParam M What is asked of them.
 */
export type Matched<E, M> = unknown extends E ? E
  : E extends unknown ? MatchedFields<E, M> extends infer N
      // Not if a field can have no value; as it is, if no field is narrower than before.
      ? true extends { [K in keyof N]: [N[K]] extends [never] ? true : false }[keyof N] ? never
      : E extends N ? E
      : E & N
    : never
  : never;
