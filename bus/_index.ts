import { Bucket } from "./_bucket.ts";
import { type Condition, fieldOf } from "./_filter.ts";
import { SubjectIndex } from "./_subject_index.ts";

/** A part of the tree of a shape: a value of a field leads to the next field, and in the end to those who asked for all of them. */
type Branch<E> = Map<unknown, Branch<E>> | Bucket<E> | SubjectIndex<E>;

/** Those who ask for the same fields, whatever they want in them. */
interface Shape<E> {
  /** Fields that must be equal to something. */
  readonly paths: readonly (readonly string[])[];
  /** The field, if it is one, it is a direct one, and nothing else is asked for: what most ask for. */
  readonly field: string | undefined;
  /** A field that patterns are asked of, if there is one. */
  readonly subjectPath: readonly string[] | undefined;
  root: Branch<E>;
}

/** Where those who ask for certain conditions are. */
export interface Placement {
  readonly key: string;
  /** Conditions on what must be equal to something: one bucket for each combination of their values. */
  readonly equal: readonly Condition[];
  readonly subject: Condition | undefined;
  /** Conditions that are not indexed. */
  readonly others: readonly Condition[];
  /** Whether an event may be found in several buckets. */
  readonly isMultiple: boolean;
}

const NONE: readonly Condition[] = [];

const EVERYWHERE: Placement = {
  key: "",
  equal: NONE,
  subject: undefined,
  others: NONE,
  isMultiple: false,
};

/** In how many buckets one subscriber may be, if more than one of its fields has several values. */
const MAX_COMBINATIONS = 1_024;

/** Says where those who ask for certain conditions are to be put. */
export function placementOf(conditions: readonly Condition[]): Placement {
  const [first] = conditions;
  if (first === undefined) return EVERYWHERE;
  if (conditions.length === 1) {
    const isSubject = first.patterns.length > 0;
    return {
      key: `${isSubject ? "subject" : "equal"} ${JSON.stringify(first.path)}`,
      equal: isSubject ? [] : conditions,
      subject: isSubject ? first : undefined,
      others: NONE,
      isMultiple: isSubject && first.values.length + first.patterns.length > 1,
    };
  }
  const equal: Condition[] = [];
  const others: Condition[] = [];
  let subject: Condition | undefined;
  let combinations = 1;
  for (
    const condition of conditions.toSorted((one, other) => one.values.length - other.values.length)
  ) {
    if (condition.patterns.length > 0) {
      if (subject === undefined) subject = condition;
      else others.push(condition);
      continue;
    }
    const more = combinations * condition.values.length;
    if (equal.length > 0 && more > MAX_COMBINATIONS) others.push(condition);
    else {
      combinations = more;
      equal.push(condition);
    }
  }
  // Alternatives for a subject are combined with the others, unless that would be too many.
  const alternatives = subject === undefined ? 0 : subject.values.length + subject.patterns.length;
  if (equal.length > 0 && combinations * alternatives > MAX_COMBINATIONS) {
    others.push(subject!);
    subject = undefined;
  }
  // The same fields are the same shape, in whatever order they were asked for.
  const named = equal.map((condition) => [JSON.stringify(condition.path), condition] as const)
    .sort(([one], [other]) => one < other ? -1 : 1);
  return {
    key: JSON.stringify([named.map(([name]) => name), subject?.path]),
    equal: named.map(([, condition]) => condition),
    subject,
    others,
    isMultiple: subject !== undefined && alternatives > 1,
  };
}

/** Finds who asked for an event, at a cost that grows with the shapes and not with those who ask. */
export class Index<E> {
  readonly #shapes: Map<string, Shape<E>> = new Map();
  #list: readonly Shape<E>[] = [];
  /** The buckets behind the first that were found last. */
  more: readonly Bucket<E>[] | undefined;

  /** Calls `use` with each bucket of a placement; they are made where there are none. */
  place(placement: Placement, use: (bucket: Bucket<E>) => void): void {
    const { key, equal, subject } = placement;
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      const isDirect = equal.length === 1 && equal[0]!.path.length === 1 && subject === undefined;
      shape = {
        paths: equal.map(({ path }) => path),
        field: isDirect ? equal[0]!.path[0] : undefined,
        subjectPath: subject?.path,
        root: newBranch(placement, 0),
      };
      this.#shapes.set(key, shape);
      this.#list = [...this.#shapes.values()];
    }
    visit(shape.root, placement, 0, use);
  }

  /** Calls `use` with each bucket of a placement, and forgets those that are empty then. */
  remove(placement: Placement, use: (bucket: Bucket<E>) => void): void {
    const shape = this.#shapes.get(placement.key);
    if (shape === undefined) return;
    visit(shape.root, placement, 0, use);
    if (!isEmpty(shape.root)) return;
    this.#shapes.delete(placement.key);
    this.#list = [...this.#shapes.values()];
  }

  /**
   * The first bucket that an event leads to; the others are in {@linkcode Index.more} until it is called again. O(shapes).
   */
  find(event: E): Bucket<E> | undefined {
    const shapes = this.#list;
    // What most come to: all ask for the same field.
    if (shapes.length === 1 && event !== undefined && event !== null) {
      const { field, root } = shapes[0]!;
      if (field !== undefined) {
        const value = (event as Readonly<Record<string, unknown>>)[field];
        this.more = undefined;
        return (root as Map<unknown, Bucket<E>>).get(value);
      }
    }
    let first: Bucket<E> | undefined;
    let more: Bucket<E>[] | undefined;
    for (let at = 0; at < shapes.length; at++) {
      const found = lookUp(shapes[at]!, event);
      if (found === undefined) continue;
      if (!Array.isArray(found)) {
        if (first === undefined) first = found as Bucket<E>;
        else (more ??= []).push(found as Bucket<E>);
        continue;
      }
      for (const bucket of found as readonly Bucket<E>[]) {
        if (first === undefined) first = bucket;
        else (more ??= []).push(bucket);
      }
    }
    // Set at the end: a field may be a getter, which may publish as well.
    this.more = more;
    return first;
  }
}

function lookUp<E>(
  { field, paths, subjectPath, root }: Shape<E>,
  event: E,
): Bucket<E> | readonly Bucket<E>[] | undefined {
  if (event === undefined || event === null) {
    if (paths.length > 0 || subjectPath !== undefined) return undefined;
  } else if (field !== undefined) {
    const value = (event as Readonly<Record<string, unknown>>)[field];
    return (root as Map<unknown, Bucket<E>>).get(value);
  }
  let branch: Branch<E> | undefined = root;
  for (let at = 0; at < paths.length; at++) {
    branch = (branch as Map<unknown, Branch<E>>).get(fieldOf(event, paths[at]!));
    if (branch === undefined) return undefined;
  }
  if (subjectPath === undefined) return branch as Bucket<E>;
  return (branch as SubjectIndex<E>).find(fieldOf(event, subjectPath));
}

function newBranch<E>({ equal, subject }: Placement, depth: number): Branch<E> {
  if (depth < equal.length) return new Map();
  return subject === undefined ? new Bucket() : new SubjectIndex();
}

function isEmpty<E>(branch: Branch<E>): boolean {
  return branch instanceof Map ? branch.size === 0 : branch.isEmpty;
}

/** Goes to each bucket of a placement, which is made where there is none, and on the way back forgets what is empty. */
function visit<E>(
  branch: Branch<E>,
  placement: Placement,
  depth: number,
  use: (bucket: Bucket<E>) => void,
): void {
  if (branch instanceof Bucket) return use(branch);
  if (branch instanceof SubjectIndex) {
    const { values, patterns } = placement.subject!;
    for (const value of values) {
      use(branch.ofValue(value));
      branch.pruneValue(value);
    }
    for (const pattern of patterns) {
      use(branch.ofPattern(pattern));
      branch.prunePattern(pattern);
    }
    return;
  }
  for (const value of placement.equal[depth]!.values) {
    let next = branch.get(value);
    if (next === undefined) branch.set(value, next = newBranch(placement, depth + 1));
    visit(next, placement, depth + 1, use);
    if (isEmpty(next)) branch.delete(value);
  }
}
