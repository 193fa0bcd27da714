import { assert, assertEquals, assertMatch } from "@std/assert";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import manifest from "../deno.json" with { type: "json" };
import { test } from "./_harness.ts";
import { serve } from "./tap/_server.ts";

/** Programs that are at the same address as the package, as a user's might be. */
const programs: Readonly<Record<string, string>> = {
  "/use_channel.ts": `
    import { Channel } from "./mod.ts";
    const channel: Channel<number> = new Channel<number>({ capacity: 2 });
    await channel.sendBatch([1, 2]);
    channel.close();
    console.log(JSON.stringify(await Array.fromAsync(channel)));
  `,
  "/use_tap.ts": `
    import { Tap, tapHandler } from "./tap/mod.ts";
    const tap = new Tap({ backlog: 1 });
    tap.offer("raw", "seen");
    const answer = await tapHandler(tap)(
      new Request("http://localhost/?stage=raw&limit=1"),
      { remoteAddr: { hostname: "127.0.0.1" } },
    );
    console.log((await answer.text()).split("\\n")[1]);
  `,
};

/** Serves the files that are published, and no others, as a server that knows nothing of TypeScript. */
async function withPackage(body: (url: string, asked: string[]) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  await using server = serve(async (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    const isPublished = manifest.publish.include.some((name) =>
      pathname === `/${name}` || pathname.startsWith(`/${name}/`)
    );
    const text = programs[pathname] ??
      (isPublished
        ? await readFile(new URL(`..${pathname}`, import.meta.url), "utf8").catch(() => undefined)
        : undefined);
    const headers = { "content-type": "text/plain" };
    return new Response(text ?? "not published", {
      status: text === undefined ? 404 : 200,
      headers,
    });
  });
  await body(server.url, asked);
}

/** Runs the runtime of this test in an empty directory, with nothing in its cache. */
async function run(
  ...args: readonly string[]
): Promise<{ code: number | null; output: string; errors: string }> {
  const directory = await mkdtemp(join(tmpdir(), "weir-import-"));
  const env: Record<string, string | undefined> = {
    ...process.env,
    DENO_DIR: join(directory, "cache"),
    NO_COLOR: "1",
  };
  // What runs here is not what is measured.
  delete env["DENO_COVERAGE_DIR"];
  try {
    const child = spawn(process.execPath, [...args], {
      cwd: directory,
      env: env as Record<string, string>,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
    child.stderr.on("data", (chunk: Uint8Array) => errors += new TextDecoder().decode(chunk));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    return { code, output, errors };
  } finally {
    await rm(directory, { recursive: true });
  }
}

if ("Deno" in globalThis) {
  test("deno run of the address of mod.ts runs it, from published files only", () =>
    withPackage(async (url, asked) => {
      const { code, output, errors } = await run("run", `${url}/mod.ts`);
      assertEquals([code, output], [0, ""], errors);
      assert(asked.includes("/channel/channel.ts"), asked.join());
      assert(!errors.includes("404"), errors);
    }));

  test("deno check of every entrypoint by its address finds nothing wrong", () =>
    withPackage(async (url) => {
      const entrypoints = Object.values(manifest.exports).map((file) =>
        new URL(file, `${url}/`).href
      );
      const { code, errors } = await run("check", "--all", "--allow-import", ...entrypoints);
      assertEquals(code, 0, errors);
    }));

  test("A program at the same address uses what it imports from there", () =>
    withPackage(async (url) => {
      for (const [path, said] of [["/use_channel.ts", "[1,2]\n"], ["/use_tap.ts", "seen\n"]]) {
        const { code, output, errors } = await run("run", "--check", `${url}${path}`);
        assertEquals([code, output], [0, said], errors);
      }
    }));

  test("The weir command runs from its address", () =>
    withPackage(async (url) => {
      const { code, output, errors } = await run("run", `${url}/cli/mod.ts`, "--version");
      assertEquals([code, output], [0, `weir ${manifest.version}\n`], errors);
    }));
} else {
  // Bun imports no addresses, which is why it has none of the tests above. Should that change, this says so.
  test("Bun refuses to import by address", () =>
    withPackage(async (url, asked) => {
      const { code, errors } = await run("run", "--no-install", `${url}/mod.ts`);
      assertEquals([code, asked], [1, []]);
      assertMatch(errors, /Module not found/);
    }));
}
