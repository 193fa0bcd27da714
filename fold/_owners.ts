import { hashText } from "./_hash.ts";
import { KeyTable, NONE, rowOf } from "./_key_table.ts";
import { ENTRY_INTS, OWNED_NEXT, OWNED_PREV, OWNER } from "./_rows.ts";

/** Where the first entry of a node is in its row, and how many it has. */
const FIRST = 2;
const COUNT = 3;
const INTS = 4;

/** Which nodes have which entries. A node without any is not there. */
export class Owners {
  readonly #entries: KeyTable;
  readonly #seed: number;
  readonly #nodes: KeyTable = new KeyTable({ ints: INTS, nums: 0, values: 0 });

  constructor(entries: KeyTable, seed: number) {
    this.#entries = entries;
    this.#seed = seed;
  }

  /** How many nodes have entries. */
  get size(): number {
    return this.#nodes.size;
  }

  /** The slot of a node; NONE if it has nothing. */
  find(node: string): number {
    return this.#nodes.find(node, hashText(node, this.#seed));
  }

  /** The name of the node that has an entry. */
  nameOf(slot: number): string {
    const owner = this.#entries.page(slot).ints[rowOf(slot) * ENTRY_INTS + OWNER]!;
    return this.#nodes.page(owner).keys[rowOf(owner)] as string;
  }

  /** How many entries a node has, by its slot. */
  countOf(owner: number): number {
    return owner === NONE ? 0 : this.#nodes.page(owner).ints[rowOf(owner) * INTS + COUNT]!;
  }

  /** The first entry of a node, by its slot. */
  firstOf(owner: number): number {
    return owner === NONE ? NONE : this.#nodes.page(owner).ints[rowOf(owner) * INTS + FIRST]!;
  }

  /** The entry of the same node behind one. */
  nextOf(slot: number): number {
    return this.#entries.page(slot).ints[rowOf(slot) * ENTRY_INTS + OWNED_NEXT]!;
  }

  /** Gives an entry to a node. */
  add(slot: number, node: string): void {
    const hash = hashText(node, this.#seed);
    let owner = this.#nodes.find(node, hash);
    if (owner === NONE) {
      owner = this.#nodes.add(node, hash);
      const { ints } = this.#nodes.page(owner);
      ints[rowOf(owner) * INTS + FIRST] = NONE;
      ints[rowOf(owner) * INTS + COUNT] = 0;
    }
    const { ints } = this.#nodes.page(owner);
    const first = ints[rowOf(owner) * INTS + FIRST]!;
    ints[rowOf(owner) * INTS + FIRST] = slot;
    ints[rowOf(owner) * INTS + COUNT]!++;
    const page = this.#entries.page(slot);
    const at = rowOf(slot) * ENTRY_INTS;
    page.ints[at + OWNER] = owner;
    page.ints[at + OWNED_PREV] = NONE;
    page.ints[at + OWNED_NEXT] = first;
    if (first !== NONE) {
      this.#entries.page(first).ints[rowOf(first) * ENTRY_INTS + OWNED_PREV] = slot;
    }
  }

  /** Takes an entry from its node. */
  delete(slot: number): void {
    const { ints } = this.#entries.page(slot);
    const at = rowOf(slot) * ENTRY_INTS;
    const owner = ints[at + OWNER]!;
    const before = ints[at + OWNED_PREV]!;
    const after = ints[at + OWNED_NEXT]!;
    const { ints: node } = this.#nodes.page(owner);
    if (before === NONE) node[rowOf(owner) * INTS + FIRST] = after;
    else this.#entries.page(before).ints[rowOf(before) * ENTRY_INTS + OWNED_NEXT] = after;
    if (after !== NONE) {
      this.#entries.page(after).ints[rowOf(after) * ENTRY_INTS + OWNED_PREV] = before;
    }
    if (--node[rowOf(owner) * INTS + COUNT]! === 0) this.#nodes.delete(owner);
  }

  /** The first node from a slot on, as `KeyTable.next`. */
  next(from: number): number {
    return this.#nodes.next(from);
  }

  /** The name of a node, by its slot. */
  nodeAt(owner: number): string {
    return this.#nodes.page(owner).keys[rowOf(owner)] as string;
  }
}
