/**
 * A server as a process of its own, on Deno, Bun or Node: its argument is {@linkcode HostOptions} as JSON. It says `port N` when it listens. On
 * SIGTERM it ends in good order, as a program should that has a tap, and says `stopped` with its state and whether all answers were sent.
 *
 * @module
 */
import process from "node:process";
import { HostApp, type HostOptions } from "./_host_app.ts";
import { serveHere } from "./_host_serve.ts";

const options: HostOptions = JSON.parse(process.argv[2] ?? "{}");
const app = new HostApp(options);
const server = await serveHere(app.handler);

process.once("SIGTERM", async () => {
  // Its streams end first: the server waits for its answers.
  app.tap.close();
  const how = await server.stop(options.stopMs ?? 10_000);
  const text = `stopped ${JSON.stringify({ ...app.state(), how })}\n`;
  // Nothing else may keep it running, if it is in time.
  process.stdout.write(text, () => how === "late" && process.exit(0));
});
process.stdout.write(`port ${server.port}\n`);
