import { assertEquals } from "@std/assert";
import { Heap } from "../../ring/_heap.ts";
import { test } from "../_harness.ts";
import { Random } from "../_random.ts";

interface Item {
  readonly rank: number;
  place: number;
}

test("Heap knows the least of what it has, whatever is added and taken out", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const heap = new Heap<Item>("place", (one, other) => one.rank < other.rank);
    const items = new Set<Item>();
    for (let step = 0; step < 200; step++) {
      if (random.below(5) < 3) {
        const item = { rank: random.below(50), place: -1 };
        heap.add(item);
        items.add(item);
      } else if (items.size > 0) {
        const item = random.pick([...items]);
        heap.delete(item);
        items.delete(item);
        assertEquals(item.place, -1);
        // It is out already.
        heap.delete(item);
      }
      const least = items.size === 0 ? undefined : Math.min(...[...items].map(({ rank }) => rank));
      assertEquals([heap.size, heap.least?.rank], [items.size, least], `seed ${seed}`);
    }
    assertEquals(new Set(heap.items), items);
    for (const [place, item] of heap.items.entries()) assertEquals(item.place, place);
    const ranks: number[] = [];
    for (let least = heap.least; least !== undefined; least = heap.least) {
      ranks.push(least.rank);
      heap.delete(least);
    }
    assertEquals(ranks, ranks.toSorted((one, other) => one - other));
  }
});
