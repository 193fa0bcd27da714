/**
 * The other end of a link between processes: `partner.ts ORDER`, in JSON. It ends when its standard input does, or is ended.
 *
 * @module
 */
import { connect } from "node:net";
import process from "node:process";
import { mappedStorage } from "../../ring/mapped.ts";
import type { RingSpec } from "../../ring/mod.ts";
import { doJobs, type Job, type Link } from "./link.ts";
import { ringLink, type RingWay } from "./ring_link.ts";
import { streamLink } from "./stream_link.ts";

/** What the process is told. */
export interface PartnerOrder {
  /** Which link. */
  readonly link:
    | {
      readonly over: "ring";
      readonly path: string;
      readonly spec: RingSpec;
      readonly way: RingWay;
    }
    | { readonly over: "socket"; readonly path: string; readonly batch: number }
    | { readonly over: "pipes"; readonly batch: number };
  /** How many bytes a message has. */
  readonly size: number;
  /** What to do. */
  readonly jobs: readonly Job[];
}

async function open({ link, size }: PartnerOrder): Promise<Link> {
  if (link.over === "pipes") return streamLink(process.stdin, process.stdout, size, link.batch);
  // Nothing comes this way; but with the process that started this one, it ends.
  process.stdin.resume();
  if (link.over === "ring") {
    return ringLink(mappedStorage(link.path, link.spec), 1, link.way);
  }
  const socket = connect(link.path);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });
  return streamLink(socket, socket, size, link.batch);
}

process.stdin.on("end", () => process.exit(0));
const order: PartnerOrder = JSON.parse(process.argv[2]!);
await doJobs(await open(order), order.jobs);
