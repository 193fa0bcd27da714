/**
 * Links between two processes, which this one is one of.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { mappedStorage } from "../../ring/mapped.ts";
import { argumentsFor, directoryVariable, executableOf, type RuntimeName } from "../runtimes.ts";
import type { Connect, Connection, Link } from "./link.ts";
import type { PartnerOrder } from "./partner.ts";
import { ringLink, type RingWay } from "./ring_link.ts";
import { streamLink } from "./stream_link.ts";

/** Connects by a ring in a mapped file, of `capacity` frames each way, with a process of the runtime `name`. */
export function overMappedRing(way: RingWay, capacity: number, name: RuntimeName): Connect {
  return (size, jobs) => {
    // Before there is a file to remove.
    executableOf(name);
    const path = newPath();
    const spec = { capacity, payloadCapacity: size, nodes: 2 };
    const storage = mappedStorage(path, spec);
    const partner = start(name, { link: { over: "ring", path, spec, way }, size, jobs });
    return Promise.resolve(connection(ringLink(storage, 0, way), partner, path));
  };
}

/** Connects by a Unix domain socket; a flood has `batch` messages a write. */
export function overSocket(batch: number, name: RuntimeName): Connect {
  return async (size, jobs) => {
    const path = newPath();
    const server = createServer();
    server.listen(path);
    await once(server, "listening");
    const partner = start(name, { link: { over: "socket", path, batch }, size, jobs });
    try {
      const [socket]: Socket[] = await Promise.race([
        once(server, "connection"),
        partner.failure,
      ]);
      return connection(streamLink(socket!, socket!, size, batch), partner, path);
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    } finally {
      server.close();
    }
  };
}

/** Connects by the standard input and output of the other process; a flood has `batch` messages a write. */
export function overPipes(batch: number, name: RuntimeName): Connect {
  return (size, jobs) => {
    const partner = start(name, { link: { over: "pipes", batch }, size, jobs });
    const { stdin, stdout } = partner.child;
    return Promise.resolve(
      connection(streamLink(stdout as Readable, stdin as Writable, size, batch), partner),
    );
  };
}

let paths = 0;

function newPath(): string {
  return `${process.env[directoryVariable] ?? tmpdir()}/link-${process.pid}-${paths++}`;
}

interface Partner {
  readonly child: ChildProcess;
  readonly failure: Promise<never>;
}

function start(name: RuntimeName, order: PartnerOrder): Partner {
  const script = new URL("partner.ts", import.meta.url);
  const child = spawn(executableOf(name), argumentsFor(name, script, [JSON.stringify(order)]), {
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["pipe", order.link.over === "pipes" ? "pipe" : "ignore", "pipe"],
  });
  const { promise: failure, reject } = Promise.withResolvers<never>();
  let text = "";
  child.stderr!.on("data", (chunk) => text += chunk);
  child.on("error", reject);
  child.on("close", (code) => {
    const report = /^(?:error|\w+Error): .*/m.exec(text)?.[0] ?? text.trim();
    reject(new Error(`The other process ended with code ${code}: ${report}`));
  });
  // Whoever uses the link watches this.
  failure.catch(() => {});
  return { child, failure };
}

function connection(link: Link, { child, failure }: Partner, path?: string): Connection {
  return {
    link,
    failure,
    async close() {
      link.close();
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, "exit");
        child.kill("SIGKILL");
        await exit;
      }
      if (path !== undefined) rmSync(path, { force: true });
    },
  };
}
