import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Buffer } from "node:buffer";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { mappedObserver, mappedStorage } from "../../ring/mapped.ts";
import {
  memoryStorage,
  Ring,
  RingCursor,
  RingFormatError,
  ringGeometry,
  RingLaneError,
  type RingSpec,
} from "../../ring/mod.ts";
import { Child } from "../_child.ts";
import { linuxTest as test } from "./_linux.ts";
import { bothRuntimes } from "../_runtimes.ts";

const spec: RingSpec = { capacity: 4, payloadCapacity: 16, nodes: 2 };

/** Gives the body a directory of its own. */
function inDirectory(body: (directory: string) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const directory = mkdtempSync(join(tmpdir(), "weir-mapped-"));
    try {
      await body(directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
}

function bytesOf(...values: number[]): Uint8Array {
  return new Uint8Array(values);
}

test(
  "mappedStorage() makes a file of the size of the ring, for its owner alone, and attaches to it then",
  inDirectory((directory) => {
    const path = join(directory, "ring");
    using first = mappedStorage(path, spec);
    const { size, mode } = statSync(path);
    assertEquals(size, ringGeometry(spec).byteLength);
    assertEquals(mode & 0o777, 0o600);
    assertEquals(readdirSync(directory), ["ring"]);

    using second = mappedStorage(pathToFileURL(path));
    assertEquals(second.geometry, first.geometry);
    using writer = new Ring(first, { node: 0 });
    using reader = new Ring(second, { node: 1 });
    const cursor = RingCursor.fromStart(reader);
    const id = writer.publish(bytesOf(1, 2, 3), { kind: 7, version: 2 ** 40 });
    const [frame] = reader.poll(cursor).frames;
    assertEquals([...frame!.payload], [1, 2, 3]);
    assertEquals([frame!.id, frame!.kind, frame!.version, frame!.node], [id, 7, 2 ** 40, 0]);
    assertEquals(writer.nextVersion(), 1);
    assertEquals(reader.nextVersion(), 2);
  }),
);

test(
  "mappedStorage() keeps what is in the file when nobody has it mapped",
  inDirectory((directory) => {
    const path = join(directory, "ring");
    {
      using storage = mappedStorage(path, spec);
      using ring = new Ring(storage);
      for (const value of [1, 2, 3, 4, 5]) ring.publish(bytesOf(value));
    }
    using storage = mappedStorage(path, spec);
    using ring = new Ring(storage);
    const { frames, lost } = ring.poll(RingCursor.fromStart(ring, { node: 0 }));
    assertEquals(frames.map(({ payload }) => payload[0]), [2, 3, 4, 5]);
    assertEquals(lost, { overwritten: 1, unavailable: 0 });
    assertEquals(ring.publish(bytesOf(6)), 5n);
  }),
);

test(
  "mappedStorage() goes on where another ring ended",
  inDirectory((directory) => {
    const path = join(directory, "ring");
    const firstCounter = 2 ** 32 - 2;
    using storage = mappedStorage(path, { ...spec, firstCounter });
    using ring = new Ring(storage);
    const cursor = RingCursor.fromStart(ring, { node: 0 });
    for (const value of [1, 2, 3, 4]) ring.publish(bytesOf(value));
    assertEquals(ring.poll(cursor).frames.map(({ counter }) => counter - firstCounter), [
      0,
      1,
      2,
      3,
    ]);
    // Where a ring begins is no part of what it is.
    mappedStorage(path, spec).close();
  }),
);

test(
  "mappedObserver() takes what the ring is from its header, and writes nothing",
  inDirectory((directory) => {
    const path = join(directory, "ring");
    using storage = mappedStorage(path, spec);
    using writer = new Ring(storage, { node: 1 });
    writer.publish(bytesOf(9));
    const before = readFileSync(path);

    chmodSync(path, 0o400);
    using observed = mappedObserver(path);
    using ring = new Ring(observed);
    assertEquals(ring.geometry, storage.geometry);
    const cursor = RingCursor.fromStart(ring);
    assertEquals(ring.poll(cursor).frames[0]?.payload[0], 9);
    assertEquals(ring.latest(1)?.payload[0], 9);
    assertEquals(ring.visit(RingCursor.fromStart(ring), () => {}).delivered, 1);
    assertEquals(ring.stats().lanes.map(({ hasWriter }) => hasWriter), [false, true]);
    assertEquals(ring.stats().lanes[1]?.process, process.pid);
    assertThrows(() => ring.publish(bytesOf(1)), TypeError, "can only be read");
    assertThrows(() => ring.publishBatch([bytesOf(1)]), TypeError, "can only be read");
    assertThrows(() => ring.reset(), TypeError, "can only be read");
    assertThrows(() => ring.nextVersion(), TypeError, "can only be read");
    assertEquals(Buffer.compare(readFileSync(path), before), 0);
  }),
);

test(
  "mappedObserver() makes no file",
  inDirectory((directory) => {
    const path = join(directory, "ring");
    assertThrows(() => mappedObserver(path), Error, `Cannot map "${path}": there is no such file`);
    assertThrows(() => mappedStorage(path), Error, `Cannot map "${path}": there is no such file`);
    assertEquals(existsSync(path), false);
  }),
);

test("mappedObserver() follows a ring that others write", async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, "ring");
    using storage = mappedStorage(path, spec);
    using writer = new Ring(storage, { node: 0 });
    using observed = mappedObserver(path);
    using ring = new Ring(observed);
    const stop = new AbortController();
    const following = (async () => {
      const seen: (number | undefined)[] = [];
      for await (const { frames } of ring.follow({ signal: stop.signal, maxSleepMs: 1 })) {
        seen.push(...frames.map(({ payload }) => payload[0]));
        if (seen.length < 3) writer.publish(bytesOf(seen.length + 1));
        else break;
      }
      return seen;
    })();
    writer.publish(bytesOf(1));
    assertEquals(await following, [1, 2, 3]);
  })();
});

test(
  "A lane of a mapped ring has one writer, whichever mapping it writes through",
  inDirectory((directory) => {
    const path = join(directory, "ring");
    using one = mappedStorage(path, spec);
    using other = mappedStorage(path);
    const first = new Ring(one, { node: 0 });
    first.publish(bytesOf(1));
    for (const storage of [one, other]) {
      using ring = new Ring(storage, { node: 0 });
      assertThrows(() => ring.publish(bytesOf(2)), RingLaneError, "node 0 has a writer already");
      // The system knows who lives: there is nothing to take over.
      using greedy = new Ring(storage, { node: 0, takeOver: true });
      assertThrows(() => greedy.publish(bytesOf(2)), RingLaneError, "node 0");
    }
    using second = new Ring(other);
    second.publish(bytesOf(3));
    assertEquals(second.node, 1);
    using third = new Ring(one);
    assertThrows(() => third.publish(bytesOf(4)), RingLaneError, "all of its 2 lanes");

    first.close();
    third.publish(bytesOf(5));
    assertEquals(third.node, 0);
    // Closing a mapping gives back what was written through it.
    other.close();
    using fourth = new Ring(one, { node: 1 });
    assertEquals(fourth.publish(bytesOf(6)), fourth.lane(1).head === 2 ? (1n << 53n) + 1n : -1n);
  }),
);

test(
  "Closing the storage closes its rings, and what they are asked then is refused",
  inDirectory((directory) => {
    const storage = mappedStorage(join(directory, "ring"), spec);
    const ring = new Ring(storage);
    const cursor = RingCursor.fromStart(ring);
    ring.publish(bytesOf(1));
    storage.close();
    storage.close();
    assertEquals([storage.closed, ring.closed], [true, true]);
    for (
      const ask of [
        () => ring.publish(bytesOf(1)),
        () => ring.publishBatch([bytesOf(1)]),
        () => ring.poll(cursor),
        () => ring.visit(cursor, () => {}),
        () => ring.read(0n),
        () => ring.latest(),
        () => ring.stats(),
        () => ring.head,
        () => ring.reset(),
        () => ring.nextVersion(),
        () => ring.follow(),
        () => RingCursor.atHead(ring),
      ]
    ) {
      assertThrows(ask, TypeError, "ring is closed");
    }
    assertThrows(() => new Ring(storage), TypeError, "its storage is closed");
  }),
);

test("Processes that make one ring at once agree on it", async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, "ring");
    const maker = new URL("./_process_maker.ts", import.meta.url);
    const children = Array.from(
      { length: 6 },
      (_, index) => new Child(bothRuntimes[index % 2]!, maker, path),
    );
    try {
      const nodes = await Promise.all(children.map((child) => child.answer<number>()));
      // Each had a lane of its own while all of them were alive.
      assertEquals(nodes.toSorted(), [0, 1, 2, 3, 4, 5]);
    } finally {
      for (const child of children) await child[Symbol.asyncDispose]();
    }
    assertEquals(readdirSync(directory), ["ring"]);
  })();
});

/** What stands at the path, and what is said about it. */
const refused: Readonly<Record<string, [make: (path: string) => void, message: RegExp]>> = {
  "an empty file": [
    (path) => writeFileSync(path, ""),
    /size must be at least 128 bytes, received 0$/,
  ],
  "a text": [
    (path) => writeFileSync(path, "x".repeat(4096)),
    /magic must be 0x52494557, received 0x78787878$/,
  ],
  "a ring of another version": [
    (path) => writeRing(path, 4, 2),
    /format version must be 1, received 2$/,
  ],
  "a ring of another capacity": [
    (path) => mappedStorage(path, { ...spec, capacity: 8 }).close(),
    /capacity must be 4, received 8$/,
  ],
  "a ring of another payload capacity": [
    (path) => mappedStorage(path, { ...spec, payloadCapacity: 17 }).close(),
    /payloadCapacity must be 16, received 17$/,
  ],
  "a ring for other nodes": [
    (path) => mappedStorage(path, { ...spec, nodes: 3 }).close(),
    /nodes must be 2, received 3$/,
  ],
  "a ring of another topology": [
    (path) => mappedStorage(path, { ...spec, topology: "shared" }).close(),
    /topology must be "per-node", received "shared"$/,
  ],
  "a ring that was cut off": [
    (path) => {
      mappedStorage(path, spec).close();
      truncateSync(path, ringGeometry(spec).byteLength - 1);
    },
    /size must be at least the 768 bytes that its header says, received 767$/,
  ],
  "a header without a ring": [
    (path) => {
      mappedStorage(path, spec).close();
      truncateSync(path, 128);
    },
    /size must be at least the 768 bytes that its header says, received 128$/,
  ],
  "a file that all may write": [
    (path) => {
      mappedStorage(path, spec).close();
      chmodSync(path, 0o606);
    },
    /only its owner may write to it, received mode 0606$/,
  ],
  "a pipe to nowhere": [
    (path) => symlinkSync("/nowhere/at/all", path),
    /it must be a regular file, received "other"$/,
  ],
  "a device": [(path) => symlinkSync("/dev/null", path), /regular file, received "other"$/],
};

for (const [what, [make, message]] of Object.entries(refused)) {
  test(
    `mappedStorage() refuses ${what}, and leaves it as it is`,
    inDirectory((directory) => {
      const path = join(directory, "ring");
      make(path);
      const before = existsSync(path) && statSync(path).isFile() ? readFileSync(path) : undefined;
      const error = assertThrows(() => mappedStorage(path, spec), Error);
      assertMatch(error.message, message);
      assertMatch(error.message, /^Cannot (?:map|attach to) \S+ring": /);
      if (before) assertEquals(Buffer.compare(readFileSync(path), before), 0);
      assertEquals(readdirSync(directory), ["ring"]);
    }),
  );
}

test(
  "mappedStorage() refuses a directory, a missing directory and what is no path",
  inDirectory((directory) => {
    const error = assertThrows(() => mappedStorage(directory, spec), RingFormatError);
    assertEquals(error.field, "type");
    assertMatch(error.message, /must be a regular file, received "directory"$/);
    const missing = join(directory, "none", "ring");
    assertMatch(assertThrows(() => mappedStorage(missing, spec), Error).message, /none\/ring/);
    for (const path of ["", new URL("http://127.0.0.1/ring"), undefined, 7]) {
      assertThrows(
        () => mappedStorage(path as string, spec),
        TypeError,
        "path must be that of a file",
      );
    }
    assertThrows(() => mappedStorage(missing, { ...spec, capacity: 3 }), RangeError, "capacity");
  }),
);

test(
  "mappedStorage() refuses a file of another user, which an observer may read",
  inDirectory((directory) => {
    // Only root can give a file away; who is not root has plenty of files of others.
    const path = join(directory, "ring");
    mappedStorage(path, spec).close();
    if (process.geteuid!() !== 0) return;
    chownSync(path, 65534, 65534);
    assertThrows(
      () => mappedStorage(path, spec),
      Error,
      "it belongs to user 65534, and this is user 0",
    );
    mappedObserver(path).close();
  }),
);

test(
  "A ring lives on when its file is removed, and when it has another name",
  inDirectory((directory) => {
    const path = join(directory, "ring");
    using storage = mappedStorage(path, spec);
    using ring = new Ring(storage, { node: 0 });
    linkSync(path, `${path}2`);
    unlinkSync(path);
    using other = mappedStorage(`${path}2`);
    using reader = new Ring(other);
    const cursor = RingCursor.fromStart(reader);
    unlinkSync(`${path}2`);
    ring.publish(bytesOf(3));
    assertEquals(reader.poll(cursor).frames[0]?.payload[0], 3);
    // The next one makes a ring of its own.
    using fresh = mappedStorage(path, spec);
    using unrelated = new Ring(fresh, { node: 0 });
    assertEquals(unrelated.head, 0);
  }),
);

test(
  "Garbage in any byte of a file's header is refused, or the ring is read to its end",
  inDirectory((directory) => {
    const path = join(directory, "ring");
    const buffer = memoryStorage(spec).buffer as ArrayBuffer;
    let refusals = 0;
    for (let at = 0; at < 128 + 2 * 64; at++) {
      for (const value of [0x00, 0x01, 0x7f, 0xff]) {
        const bytes = new Uint8Array(buffer.slice(0));
        if (bytes[at] === value) continue;
        bytes[at] = value;
        writeFileSync(path, bytes, { mode: 0o600 });
        try {
          using storage = mappedStorage(path);
          using ring = new Ring(storage, { stallMs: 0 });
          const cursor = RingCursor.at(ring, [0, 0]);
          for (let look = 0; look < 3; look++) {
            const { frames, lost, from, to } = ring.poll(cursor);
            assertEquals(to - from, frames.length + lost.overwritten + lost.unavailable);
            assertEquals(frames.length, 0);
          }
          ring.stats();
        } catch (error) {
          assert(error instanceof RingFormatError, `byte ${at}: ${error}`);
          refusals++;
        }
      }
    }
    // Every byte of the first 40, and the zeroes up to 64, say what the ring is.
    assert(refusals > 3 * 60, `${refusals}`);
  }),
);

function writeRing(path: string, at: number, value: number): void {
  const bytes = new Uint8Array(memoryStorage(spec).buffer as ArrayBuffer);
  bytes[at] = value;
  writeFileSync(path, bytes, { mode: 0o600 });
}
