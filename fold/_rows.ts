import type { RowShape } from "./_key_table.ts";

/**
 * Where the parts of an entry are in its row. The first two integers are those of the table. The key, the payload and, where there are indexes,
 * the places in them are the objects of the row.
 */
export const ENTRY_ROW: RowShape = { ints: 8, nums: 3, values: 1 };
/** The same with places in indexes. */
export const INDEXED_ENTRY_ROW: RowShape = { ints: 8, nums: 3, values: 2 };

/** How many integers the row of an entry has. */
export const ENTRY_INTS = 8;
/** How many numbers the row of an entry has. */
export const ENTRY_NUMS = 3;

/** The slot of the owner. */
export const OWNER = 2;
/** The entries before and behind this one among those that its owner has. */
export const OWNED_PREV = 3;
export const OWNED_NEXT = 4;
/** The entries before and behind this one in its bucket of deadlines, and which tier that is in. */
export const DUE_PREV = 5;
export const DUE_NEXT = 6;
export const TIER = 7;

/** The generation. */
export const GENERATION = 0;
/** When the entry came, and when it expires, in milliseconds on the clock of the fold. */
export const RECEIVED = 1;
export const EXPIRES = 2;
