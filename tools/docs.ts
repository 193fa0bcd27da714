/**
 * Builds the API site in `docs/api` with TypeDoc: one page a module, from the entrypoints in `deno.json`, with the guides in `docs/`.
 * `typedoc.json` makes every warning an error: a symbol without a comment, a link to nothing. Public types that are not exported are
 * left to `deno doc --lint`; TypeDoc finds them only in packages with a `package.json`.
 *
 * Sources are type-checked on the way, against the same types as in `deno check`: Deno's own and Node's, which are put into a
 * temporary folder. The root module comes last, since TypeDoc gives a symbol to the first entrypoint that exports it.
 *
 * @module
 */
import { resolve } from "node:path";
import { Application, TypeDocReader } from "npm:typedoc@0.28.20";
import options from "../typedoc.json" with { type: "json" };
import { entrypoints, execute, root, say } from "./repository.ts";

const nodeTypes = "npm:@types/node@26.6.6";

const directory = await Deno.makeTempDir({ prefix: "weir-docs-" });
const built = await build().finally(() => Deno.remove(directory, { recursive: true }));
Deno.exit(built ? 0 : 1);

async function build(): Promise<boolean> {
  if (!await prepareTypes()) return false;
  const app = await Application.bootstrap({
    options: resolve(root, "typedoc.json"),
    entryPoints: entrypoints.map(({ file }) => resolve(root, file)),
    compilerOptions: {
      // Given here, they replace those of the file as a whole.
      ...options.compilerOptions,
      typeRoots: [resolve(directory, "node_modules/@types")],
      types: ["node", "deno"],
    },
  }, [new TypeDocReader()]);
  const project = await app.convert();
  if (project === undefined) return false;
  app.validate(project);
  await app.generateOutputs(project);
  return !app.logger.hasErrors() && !app.logger.hasWarnings();
}

async function prepareTypes(): Promise<boolean> {
  await Deno.writeTextFile(
    `${directory}/deno.json`,
    JSON.stringify({
      nodeModulesDir: "auto",
      lock: false,
      imports: { "@types/node": nodeTypes },
    }),
  );
  const { code, output } = await execute(Deno.execPath(), ["install"], {
    capture: true,
    directory,
  });
  const types = await new Deno.Command(Deno.execPath(), { args: ["types"] }).output();
  if (code !== 0 || !types.success) {
    say(`Cannot prepare the types of Deno and Node: ${output.trim()}`);
    return false;
  }
  await Deno.mkdir(`${directory}/node_modules/@types/deno`);
  await Deno.writeFile(`${directory}/node_modules/@types/deno/index.d.ts`, types.stdout);
  return true;
}
