import { refusal } from "../internal/mod.ts";
import { detectSystem } from "./_detect_system.ts";
import { mappedStorage } from "./_mapped_storage.ts";
import type { FleetHome } from "./fleet.ts";

/** Options of {@linkcode mappedHome}. */
export interface MappedHomeOptions {
  /**
   * Where the directory of a fleet is made, named `weir-`, the number of the user, `-` and the name of the fleet, for that user alone. The directory must be there. For
   * `/dev/shm`, Deno wants `--allow-all`; for `/run/user/UID`, which is in memory as well, no more than that path.
   *
   * @default {"/dev/shm"}
   */
  readonly directory?: string | undefined;
}

/**
 * Keeps the rings of fleets in mapped files, a directory for each fleet: the members of a fleet are processes then, and a process that dies
 * gives its node back.
 *
 * @param options Where the files are.
 * @returns What `Fleet.join` takes as `home`.
 *
 * @example Joining a fleet of processes
 * ```ts
 * import { Fleet } from "@weir/weir/ring";
 * import { mappedHome } from "@weir/weir/ring/mapped";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * using fleet = Fleet.join("orders", { capacity: 4, home: mappedHome({ directory }) });
 * fleet.events<{ id: number }>().publish("orders.created", { id: 7 });
 * assertEquals(fleet.members(), [0]);
 * await Deno.remove(directory, { recursive: true });
 * ```
 */
export function mappedHome({ directory = "/dev/shm" }: MappedHomeOptions = {}): FleetHome {
  return (fleet, ring, spec) => {
    const system = detectSystem();
    const base = directory.replace(/\/+$/, "");
    // Each user has fleets of their own.
    const user = system.inspect(base === "" ? "/" : base, 0)?.user;
    const folder = `${base}/weir-${user ?? "any"}-${fleet}`;
    system.makeDirectory(folder);
    const facts = system.inspect(folder, 0);
    if (facts?.type !== "directory" || facts.owner !== facts.user || (facts.mode & 0o022) !== 0) {
      throw new Error(
        refusal("join Fleet", "its directory must be one that only this user writes", folder),
      );
    }
    return mappedStorage(`${folder}/${ring}.ring`, spec);
  };
}
