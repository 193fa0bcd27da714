import { Bucket } from "./_bucket.ts";
import type { SubjectPattern } from "./subject_pattern.ts";

interface Node<E> {
  children: Map<string, Node<E>> | undefined;
  /** What `*` leads to. */
  any: Node<E> | undefined;
  /** Those whose pattern ends here. */
  bucket: Bucket<E> | undefined;
  /** Those whose pattern ends with `>` here. */
  rest: Bucket<E> | undefined;
}

/** How many subjects are remembered with what they lead to, and how long they are at the most. */
const MAX_REMEMBERED = 1_024;
const MAX_REMEMBERED_LENGTH = 256;

/** Finds those who asked for a value of a field, or for texts that match a pattern: by a map, and by a tree of tokens. */
export class SubjectIndex<E> {
  readonly #exact: Map<unknown, Bucket<E>> = new Map();
  readonly #root: Node<E> = newNode();
  #patterns = 0;
  // A subject that was met leads to the same buckets until one comes or goes.
  readonly #remembered: Map<string, Bucket<E> | readonly Bucket<E>[]> = new Map();

  /** Whether nobody asks for anything. */
  get isEmpty(): boolean {
    return this.#exact.size === 0 && this.#patterns === 0;
  }

  /** The bucket of a value, which is made if there is none. */
  ofValue(value: unknown): Bucket<E> {
    let bucket = this.#exact.get(value);
    if (bucket === undefined) {
      this.#exact.set(value, bucket = new Bucket());
      this.#remembered.clear();
    }
    return bucket;
  }

  /** The bucket of a pattern, which is made if there is none. O(tokens). */
  ofPattern({ pattern }: SubjectPattern): Bucket<E> {
    let node = this.#root;
    const tokens = pattern.split(".");
    const isRest = tokens.at(-1) === ">";
    if (isRest) tokens.pop();
    for (const token of tokens) node = enter(node, token);
    const bucket = isRest ? node.rest : node.bucket;
    if (bucket !== undefined) return bucket;
    this.#patterns++;
    this.#remembered.clear();
    return isRest ? node.rest = new Bucket() : node.bucket = new Bucket();
  }

  /** Forgets the bucket of a value if it is empty. */
  pruneValue(value: unknown): void {
    if (!this.#exact.get(value)?.isEmpty) return;
    this.#exact.delete(value);
    this.#remembered.clear();
  }

  /** Forgets the bucket of a pattern if it is empty, and what leads to it alone. */
  prunePattern({ pattern }: SubjectPattern): void {
    this.#prune(this.#root, pattern.split("."), 0);
  }

  #prune(node: Node<E>, tokens: readonly string[], at: number): void {
    const token = tokens[at];
    if (token === undefined) {
      if (!node.bucket?.isEmpty) return;
      node.bucket = undefined;
    } else if (token === ">") {
      if (!node.rest?.isEmpty) return;
      node.rest = undefined;
    } else {
      const child = token === "*" ? node.any : node.children?.get(token);
      if (child === undefined) return;
      this.#prune(child, tokens, at + 1);
      if (!isBare(child)) return;
      if (token === "*") node.any = undefined;
      else node.children!.delete(token);
      return;
    }
    this.#patterns--;
    this.#remembered.clear();
  }

  /** The buckets that a value of the field leads to. Amortised O(1) for subjects that were met before. */
  find(value: unknown): Bucket<E> | readonly Bucket<E>[] | undefined {
    if (this.#patterns === 0 || typeof value !== "string") return this.#exact.get(value);
    const remembered = this.#remembered.get(value);
    if (remembered !== undefined) return remembered;
    const found: Bucket<E>[] = [];
    const exact = this.#exact.get(value);
    if (exact !== undefined) found.push(exact);
    const tokens = value.split(".");
    // Wildcards stand for tokens, and what is empty is none.
    if (!tokens.includes("")) walk(this.#root, tokens, 0, found);
    if (this.#remembered.size === MAX_REMEMBERED) this.#remembered.clear();
    const result = found.length === 1 ? found[0]! : found;
    if (value.length > MAX_REMEMBERED_LENGTH) return result;
    this.#remembered.set(value, result);
    return result;
  }
}

function newNode<E>(): Node<E> {
  return { children: undefined, any: undefined, bucket: undefined, rest: undefined };
}

function enter<E>(node: Node<E>, token: string): Node<E> {
  if (token === "*") return node.any ??= newNode();
  const children = node.children ??= new Map();
  let child = children.get(token);
  if (child === undefined) children.set(token, child = newNode());
  return child;
}

function isBare<E>({ children, any, bucket, rest }: Node<E>): boolean {
  return !children?.size && any === undefined && bucket === undefined && rest === undefined;
}

function walk<E>(
  node: Node<E>,
  tokens: readonly string[],
  at: number,
  found: Bucket<E>[],
): void {
  if (at === tokens.length) {
    if (node.bucket !== undefined) found.push(node.bucket);
    return;
  }
  if (node.rest !== undefined) found.push(node.rest);
  const child = node.children?.get(tokens[at]!);
  if (child !== undefined) walk(child, tokens, at + 1, found);
  if (node.any !== undefined) walk(node.any, tokens, at + 1, found);
}
