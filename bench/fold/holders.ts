/**
 * Who holds what is announced: a fold, and what people use instead. All of them are given the same objects. The caches are told the id, the
 * payload and the life, and know nothing of nodes and generations.
 *
 * @module
 */
import { Fold, type FoldOptions } from "../../fold/mod.ts";
import { npm } from "../peers.ts";
import {
  type Announcement,
  type Client,
  clients,
  indexedClients,
  longMs,
} from "./announcements.ts";

/** Holds clients. */
export interface Holder {
  readonly put: (announcement: Announcement) => void;
  readonly get: (id: string) => Client | undefined;
  readonly has: (id: string) => boolean;
  readonly remove: (id: string) => void;
  /** Removes all that a node has: `ids`, for those who do not know. */
  readonly removeNode: (node: string, ids: readonly string[]) => void;
  readonly size: () => number;
  /** Ends all timers. */
  readonly close: () => void;
}

/** One way of holding clients. */
export interface Keeping {
  readonly name: string;
  /** Makes what holds up to so many. */
  readonly make: (count: number) => Holder | Promise<Holder>;
  /** Whether the timers of a million entries take longer than a bench should. */
  readonly isSlow?: boolean;
}

function weir(options: FoldOptions, kind: typeof clients = clients): Keeping["make"] {
  return (count) => {
    const fold = new Fold(kind, { maxEntries: count, ...options });
    return {
      put: (announcement) => void fold.apply(announcement),
      get: (id) => fold.get(id)?.payload,
      has: (id) => fold.has(id),
      remove: (id) => void fold.evict(id),
      removeNode: (node) => void fold.evictNode(node),
      size: () => fold.size,
      close: () => fold.close(),
    };
  };
}

function lruCache(ttlAutopurge: boolean): Keeping["make"] {
  return async (max) => {
    const { LRUCache } = await npm.lruCache();
    const cache = new LRUCache<string, Client>({ max, ttl: longMs, ttlAutopurge });
    return {
      put: ({ payload, ttlMs }) => void cache.set(payload.id, payload, lifeOf(ttlMs)),
      get: (id) => cache.get(id),
      has: (id) => cache.has(id),
      remove: (id) => void cache.delete(id),
      removeNode(_node, ids) {
        for (let at = 0; at < ids.length; at++) cache.delete(ids[at]!);
      },
      size: () => cache.size,
      close: () => cache.clear(),
    };
  };
}

/** What a hand-written table keeps of a client. */
interface Row {
  payload: Client;
  readonly node: string;
  generation: number;
  receivedAt: number;
  expiresAt: number;
}

/** A fold. */
export const fold: Keeping = { name: "weir", make: weir({}) };
/** A fold whose entries can also be found by what they say. */
export const indexedFold: Keeping = {
  name: "weir, 2 indexes",
  make: weir({}, indexedClients as typeof clients),
};
/** A cache that removes what has expired when it is asked for it, or told to. */
export const lruCacheTtl: Keeping = { name: "lru-cache 11.3.6, ttl", make: lruCache(false) };
/** A cache that removes what has expired by itself, by a timer for each entry. */
export const lruCacheAutopurge: Keeping = {
  name: "lru-cache 11.3.6, ttlAutopurge",
  make: lruCache(true),
  isSlow: true,
};

/** A cache that removes what has expired by itself, by one timer. */
export const ttlCache: Keeping = {
  name: "@isaacs/ttlcache 2.1.0",
  async make(max) {
    const { TTLCache } = await npm.ttlCache();
    const cache = new TTLCache<string, Client>({ max, ttl: longMs, checkAgeOnGet: true });
    return {
      put: ({ payload, ttlMs }) => void cache.set(payload.id, payload, lifeOf(ttlMs)),
      get: (id) => cache.get(id),
      has: (id) => cache.has(id),
      remove: (id) => void cache.delete(id),
      removeNode(_node, ids) {
        for (let at = 0; at < ids.length; at++) cache.delete(ids[at]!);
      },
      size: () => cache.size,
      close: () => cache.clear(),
    };
  },
};

/** What people write: a timer for each entry. */
export const mapOfTimers: Keeping = {
  name: "a Map, a timer for each key",
  isSlow: true,
  make() {
    const rows = new Map<string, { payload: Client; timer: ReturnType<typeof setTimeout> }>();
    const remove = (id: string): void => {
      const row = rows.get(id);
      if (row === undefined) return;
      clearTimeout(row.timer);
      rows.delete(id);
    };
    return {
      put({ payload, ttlMs = longMs }) {
        const { id } = payload;
        const row = rows.get(id);
        const timer = setTimeout(() => rows.delete(id), ttlMs);
        unref(timer);
        if (row === undefined) {
          rows.set(id, { payload, timer });
          return;
        }
        clearTimeout(row.timer);
        row.payload = payload;
        row.timer = timer;
      },
      get: (id) => rows.get(id)?.payload,
      has: (id) => rows.has(id),
      remove,
      removeNode(_node, ids) {
        for (let at = 0; at < ids.length; at++) remove(ids[at]!);
      },
      size: () => rows.size,
      close() {
        for (const { timer } of rows.values()) clearTimeout(timer);
        rows.clear();
      },
    };
  },
};

/** What people write: deadlines, which something would have to look through again and again. */
export const mapOfRows: Keeping = {
  name: "a Map of objects",
  make() {
    const rows = new Map<string, Row>();
    const live = (id: string): Row | undefined => {
      const row = rows.get(id);
      return row !== undefined && row.expiresAt > performance.now() ? row : undefined;
    };
    return {
      put({ node, generation, payload, ttlMs = longMs }) {
        const now = performance.now();
        const row = rows.get(payload.id);
        if (row === undefined) {
          const expiresAt = now + ttlMs;
          rows.set(payload.id, { payload, node, generation, receivedAt: now, expiresAt });
        } else if (generation > row.generation) {
          row.payload = payload;
          row.generation = generation;
          row.receivedAt = now;
          row.expiresAt = now + ttlMs;
        }
      },
      get: (id) => live(id)?.payload,
      has: (id) => live(id) !== undefined,
      remove: (id) => void rows.delete(id),
      removeNode(_node, ids) {
        for (let at = 0; at < ids.length; at++) rows.delete(ids[at]!);
      },
      size: () => rows.size,
      close: () => rows.clear(),
    };
  },
};

/** What caches are told of a life, if it is not that of all. */
function lifeOf(ttlMs: number | undefined): { ttl: number } | undefined {
  return ttlMs === undefined ? undefined : { ttl: ttlMs };
}

function unref(timer: unknown): void {
  if (typeof timer === "object") (timer as { unref(): void }).unref();
  else Deno.unrefTimer(timer as number);
}
