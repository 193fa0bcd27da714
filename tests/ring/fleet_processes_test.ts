import { assertEquals, assertThrows } from "@std/assert";
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { mappedHome } from "../../ring/mapped.ts";
import { Fleet, RingFormatError, RingLaneError } from "../../ring/mod.ts";
import { Child } from "../_child.ts";
import { bothRuntimes } from "../_runtimes.ts";
import { until } from "../tap/_wait.ts";
import { linuxTest as test } from "./_linux.ts";

const user = process.geteuid!();
const member = new URL("./_process_member.ts", import.meta.url);

/** Gives the body a directory of its own. */
function inDirectory(body: (directory: string) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const directory = mkdtempSync(join(tmpdir(), "weir-fleet-"));
    try {
      await body(directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
}

test(
  "Processes of both runtimes that join a fleet have a node each, and a killed one's is free again",
  inDirectory(async (directory) => {
    const home = mappedHome({ directory });
    using fleet = Fleet.join("siblings", { capacity: 3, home });
    assertEquals(fleet.node, 0);
    const [one, other] = bothRuntimes;
    await using first = new Child(one, member, directory, 3);
    await first.says("node 1\n");
    await using second = new Child(other, member, directory, 3);
    await second.says("node 2\n");
    assertEquals(fleet.members(), [0, 1, 2]);
    assertThrows(
      () => Fleet.join("siblings", { capacity: 3, home }),
      RingLaneError,
      'Cannot join Fleet "siblings": all of its 3 nodes have a live member already',
    );
    const state = fleet.latest<number>("state");
    assertEquals(state.keys().sort(), ["node/1", "node/2"]);
    assertEquals(fleet.heartbeats({ maxAgeMs: Infinity }).alive, [0, 1, 2]);

    first.kill();
    await first.code;
    await until("the system frees the node", () => fleet.members().length === 2);
    assertEquals(fleet.members(), [0, 2]);
    const killed = state.get("node/1");
    await using third = new Child(other, member, directory, 3);
    await third.says("node 1\n");
    assertEquals(fleet.members(), [0, 1, 2]);
    assertEquals(typeof killed, "number");
    assertEquals(state.get("node/1") === killed, false);
  }),
);

test(
  "A fleet in mapped files keeps its rings in a directory for its user alone",
  inDirectory((directory) => {
    const home = mappedHome({ directory: `${directory}/` });
    {
      using fleet = Fleet.join("orders", { capacity: 2, home });
      fleet.events<number>().publish("kept", 7);
    }
    assertEquals(statSync(join(directory, `weir-${user}-orders`)).mode & 0o777, 0o700);
    using fleet = Fleet.join("orders", { capacity: 2, home });
    assertEquals(fleet.node, 0);
    const events = fleet.events<number>();
    assertEquals(events.poll(events.cursorFromStart()).events.map(({ value }) => value), [7]);
    assertThrows(
      () => Fleet.join("orders", { capacity: 4, home }),
      RingFormatError,
      "nodes must be 4, received 2",
    );
  }),
);

test(
  "mappedHome() refuses a directory that others may write, or that is none",
  inDirectory((directory) => {
    const home = mappedHome({ directory });
    Fleet.join("open", { capacity: 1, home }).close();
    chmodSync(join(directory, `weir-${user}-open`), 0o777);
    symlinkSync("/dev/null", join(directory, `weir-${user}-file`));
    for (const name of ["open", "file"]) {
      assertThrows(
        () => Fleet.join(name, { capacity: 1, home }),
        Error,
        `Cannot join Fleet: its directory must be one that only this user writes, received "${directory}/weir-${user}-${name}"`,
      );
    }
    assertThrows(() =>
      Fleet.join("x", { capacity: 1, home: mappedHome({ directory: "/nowhere" }) })
    );
  }),
);
