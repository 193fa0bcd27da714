import type {
  FoldAnnouncement,
  FoldChange,
  FoldIndexValue,
  FoldKey,
  FoldKind,
  FoldWatch,
} from "../../fold/mod.ts";

/** What most tests of the fold itself announce: several nodes may announce the same one. */
export interface Item {
  /** Its key, of any type. */
  readonly id: FoldKey;
  /** Any number of values of any type. */
  readonly tags?: readonly FoldIndexValue[] | undefined;
  /** One value, or none. */
  readonly color?: string | null | undefined;
  /** What tells payloads apart. */
  readonly n?: number | undefined;
}

/** The kind of {@linkcode Item}: without a merge of its own, and with an index of one value and one of several. */
export const ITEMS: FoldKind<FoldKey, Item, "tag" | "color"> = {
  id: 0x0f10,
  name: "item",
  defaultTtlMs: 60_000,
  key: (_node, { id }) => id,
  indexes: { tag: ({ tags }) => tags, color: ({ color }) => color },
};

/** What a node announces of an item. */
export function item(
  node: string,
  generation: number,
  id: FoldKey,
  rest: Partial<Omit<FoldAnnouncement<Item>, "payload">> & Omit<Item, "id"> = {},
): FoldAnnouncement<Item> {
  const { ttlMs, leave, ...payload } = rest;
  return { node, generation, payload: { id, ...payload }, ttlMs, leave };
}

/** All changes that wait in a watch. */
export function drain<K extends FoldKey, P>(watch: FoldWatch<K, P>): FoldChange<K, P>[] {
  const changes: FoldChange<K, P>[] = [];
  for (let result; (result = watch.tryReceive()).state === "ok";) changes.push(result.value);
  return changes;
}

/** Changes in short: the type, and the keys it is about. */
export function brief(changes: readonly FoldChange[]): string[] {
  return changes.map((change) => {
    if (change.type !== "snapshot" && change.type !== "resync") {
      return `${change.type} ${change.key}`;
    }
    const keys = change.entries.map(({ key }) => String(key)).sort();
    const missed = change.type === "resync" ? `, missed ${change.missed}` : "";
    return `${change.type} [${keys}]${missed}`;
  });
}
