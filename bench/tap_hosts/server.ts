/**
 * The server that is measured, on Deno, Bun or Node: that of the tests, which also tells at `/usage` what it has used, and ends all sessions at `/kill`. Its argument is its options
 * as JSON; it says `port N` when it listens.
 *
 * @module
 */
import process from "node:process";
import { HostApp, type HostOptions } from "../../tests/tap/_host_app.ts";
import { serveHere } from "../../tests/tap/_host_serve.ts";

/** What a server has used. */
export interface Usage {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly cpuMs: number;
}

function usage(): Usage {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return { rssBytes: rss, heapBytes: heapUsed, cpuMs: (user + system) / 1_000 };
}

const options: HostOptions = JSON.parse(process.argv[2] ?? "{}");
const app = new HostApp(options);
const server = await serveHere(async (request, peer) => {
  if (request.url.endsWith("/usage")) return Response.json(usage());
  if (!request.url.endsWith("/kill")) return await app.handler(request, peer);
  for (const { id } of app.tap.sessions) app.tap.kill(id);
  return new Response();
});
process.stdout.write(`port ${server.port}\n`);
