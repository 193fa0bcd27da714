import { assert, assertEquals } from "@std/assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import manifest from "../deno.json" with { type: "json" };
import { codeOf, EXCEPTIONS, importsOf, LAYERS, violationsOf } from "./_layers.ts";
import { test } from "./_harness.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const entrypoints = Object.values(manifest.exports).map((file) => file.replace("./", ""));

/** Folders that hold no sources of the library. */
const OTHERS = ["bench", "docs", "node_modules", "tests", "tools", "dist", "coverage"];

/** The TypeScript files below a folder, as paths in the repository. */
function filesOf(folder: string): string[] {
  return readdirSync(`${root}${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return folder === "" ? [] : filesOf(path);
    return /\.[mc]?[jt]sx?$/.test(entry.name) ? [path] : [];
  });
}

const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
  .map((entry) => entry.name)
  .filter((name) => !OTHERS.includes(name));
const sources = ["", ...folders].flatMap(filesOf);

test("Every source of the library keeps to its layer", () => {
  for (const entrypoint of entrypoints) assert(sources.includes(entrypoint), entrypoint);
  assert(sources.length > 20, `${sources.length} sources`);
  const found = sources.flatMap((file) =>
    violationsOf(file, readFileSync(`${root}${file}`, "utf8"), entrypoints)
  );
  assertEquals(found, []);
});

test("Every import of a source leads to a file", () => {
  let count = 0;
  for (const file of sources) {
    for (const specifier of importsOf(readFileSync(`${root}${file}`, "utf8"))) {
      if (!specifier.startsWith(".")) continue;
      count++;
      assert(
        existsSync(new URL(specifier, new URL(`../${file}`, import.meta.url))),
        `${file}: ${specifier}`,
      );
    }
  }
  assert(count > 50, `${count} imports`);
});

test("Every exception to the layers is for a source that exists and needs it", () => {
  for (const [file, { because }] of Object.entries(EXCEPTIONS)) {
    assert(because !== "");
    const text = readFileSync(`${root}${file}`, "utf8");
    // The same text elsewhere in the folder is a violation.
    const elsewhere = file.replace(/\w+\.ts$/, "some_other.ts");
    assert(violationsOf(elsewhere, text, entrypoints).length > 0, file);
    assertEquals(violationsOf(file, text, entrypoints), []);
  }
});

test("The layers are those of the design, without a circle", () => {
  const order = [
    "internal",
    "channel",
    "ring",
    "bus",
    "fold",
    "cache",
    "tap",
    "inspect",
    "nats",
    "cli",
    "",
    "examples",
  ];
  assertEquals(Object.keys(LAYERS).sort(), [...order].sort());
  for (const [folder, allowed] of Object.entries(LAYERS)) {
    for (const other of allowed) {
      assert(order.indexOf(other) < order.indexOf(folder), `${folder}: ${other}`);
    }
  }
  for (const one of ["bus", "fold", "cache", "tap"]) {
    assertEquals(LAYERS[one], ["internal", "channel", "ring"]);
  }
});

/** What is wrong with a source that holds this. */
function check(file: string, source: string): number {
  return violationsOf(file, source, ["mod.ts", "ring/mapped.ts"]).length;
}

test("The check fails for an import of a folder that is not below", () => {
  const wrong: readonly (readonly [string, string])[] = [
    ["channel/a.ts", "../ring/mod.ts"],
    ["channel/a.ts", "../tap/mod.ts"],
    ["ring/a.ts", "../bus/mod.ts"],
    ["tap/a.ts", "../bus/mod.ts"],
    ["bus/a.ts", "../cache/mod.ts"],
    ["fold/kinds/a.ts", "../../tap/mod.ts"],
    ["cli/a.ts", "../inspect/mod.ts"],
    ["internal/a.ts", "../channel/mod.ts"],
    ["examples/a.ts", "../internal/mod.ts"],
    ["inspect/a.ts", "../nats/mod.ts"],
    ["tap/a.ts", "../mod.ts"],
    ["tap/a.ts", "../cli/mod.ts"],
    ["tap/a.ts", "../tests/_harness.ts"],
    ["tap/a.ts", "../examples/a.ts"],
    ["mod.ts", "./cli/mod.ts"],
    ["mod.ts", "./nats/mod.ts"],
    ["mod.ts", "./tests/a.ts"],
    ["tap/a.ts", "./../tap/../bus/mod.ts"],
  ];
  for (const [file, target] of wrong) {
    assertEquals(check(file, `import { x } from "${target}";`), 1, `${file} ${target}`);
    assertEquals(check(file, `export * from '${target}'`), 1);
    assertEquals(check(file, `import type {\n  X,\n} from "${target}";`), 1);
    assertEquals(check(file, `import "${target}";`), 1);
    assertEquals(check(file, `const m = await import("${target}");`), 1);
    assertEquals(check(file, `let x: import("${target}").X;`), 1);
  }
});

test("The check passes an import of a folder below, of its own folder, and none in words", () => {
  const right: readonly (readonly [string, string])[] = [
    ["channel/a.ts", "./b.ts"],
    ["ring/a.ts", "../channel/mod.ts"],
    ["tap/a.ts", "../ring/mod.ts"],
    ["tap/a.ts", "./_b.ts"],
    ["fold/kinds/a.ts", "../fold.ts"],
    ["cli/a.ts", "../tap/mod.ts"],
    ["inspect/a.ts", "../ring/mapped.ts"],
    ["mod.ts", "./inspect/mod.ts"],
    ["examples/a.ts", "../cli/mod.ts"],
    ["examples/a.ts", "../mod.ts"],
    ["channel/a.ts", "../internal/mod.ts"],
    ["cache/a.ts", "node:async_hooks"],
    ["cli/host_bun.ts", "node:fs/promises"],
  ];
  for (const [file, target] of right) {
    assertEquals(check(file, `import x from "${target}";`), 0, `${file} ${target}`);
  }
  const words = [
    '// import { x } from "../bus/mod.ts";',
    '/**\n * ```ts\n * import { x } from "@weir/weir/bus";\n * Deno.exit(1);\n * ```\n */',
    "const text = \"import x from '../bus/mod.ts'\";",
    'const text = `import x from "../bus/mod.ts" ${`${1}`} Deno.exit()`;',
    'const pattern = /from "..\\/bus\\/mod.ts"/;',
    'const pattern = [/["`]/, /[/"]import "x"/];',
    "const half = (a + b) / 2 / 1; // Deno",
    "const denoHost = 1; const Bunny = $Deno;",
  ];
  for (const source of words) assertEquals(check("tap/a.ts", source), 0, source);
});

test("The check fails for an import past the mod.ts of another folder", () => {
  assertEquals(check("tap/a.ts", 'import { x } from "../channel/channel.ts";'), 1);
  assertEquals(check("tap/a.ts", 'import { x } from "../channel/_fifo.ts";'), 1);
  assertEquals(check("mod.ts", 'export * from "./tap/tap.ts";'), 1);
  assertEquals(check("examples/a.ts", 'import { x } from "../tap/tap.ts";'), 1);
  assertEquals(check("cli/a.ts", 'import { x } from "../fold/kinds/mod.ts";'), 1);
});

test("The check fails for an import of anything that is not the library's", () => {
  for (
    const specifier of [
      "@std/assert",
      "npm:esbuild",
      "jsr:@std/async",
      "https://a/b.ts",
      "bun",
      "bun:test",
      "/etc/a.ts",
      "#a",
    ]
  ) {
    assertEquals(check("cli/host_bun.ts", `import x from "${specifier}";`), 1, specifier);
    assertEquals(check("tap/a.ts", `const x = import("${specifier}");`), 1, specifier);
  }
  for (
    const [file, specifier] of [
      ["tap/a.ts", "node:fs"],
      ["cli/main.ts", "node:process"],
      ["cache/a.ts", "node:fs"],
      ["tap/a.ts", "node:async_hooks"],
      ["tap/a.ts", "../deno.json"],
      ["cli/main.ts", "../deno.json"],
      ["mod.ts", "./deno.json"],
      ["tap/a.ts", "../../elsewhere.ts"],
    ]
  ) {
    assertEquals(check(file!, `import x from "${specifier}" with { type: "json" };`), 1, `${file}`);
  }
  assertEquals(check("tap/a.ts", "await import(name)"), 1);
  assertEquals(check("tap/a.ts", "await import(`./${name}.ts`)"), 1);
});

test("The check fails for a runtime's global, and for a folder that it does not know", () => {
  const uses = [
    "Deno.exit(1)",
    "const { args } = Deno;",
    "const x = `${Deno.args}`;",
    "(globalThis as { Deno?: unknown }).Deno",
    'if ("Deno" in globalThis) {}',
    "const x = a / Deno.args.length / b;",
  ];
  for (const source of uses) {
    assertEquals(check("tap/tap.ts", source), 1, source);
    assertEquals(check("tap/tap.ts", source.replaceAll("Deno", "Bun")), 1, source);
    assertEquals(check("cli/host_deno.ts", source), 0, source);
  }
  assertEquals(check("internal/timer.ts", "Deno.unrefTimer(1)"), 0);
  assertEquals(check("internal/timer.ts", "Bun.sleep(1)"), 1);
  assertEquals(check("cli/denounce.ts", "Deno.exit()"), 1);
  assertEquals(check("utils/a.ts", ""), 1);
});

test("The check sees through comments, strings, templates and regular expressions", () => {
  const source = [
    "a /* \" */ + 'it\\'s' // `",
    '`t ${ { b: "s" } } ${`n ${c}`} \\` "`; d = /["\'`/]/.test(e) ? f / g / h : "/";',
  ].join("\n");
  const { text, strings } = codeOf(source);
  assertEquals(strings, ["it\\'s", "s", "/"]);
  assertEquals(
    text.replaceAll(/\s+/g, " "),
    'a + "0" { b: "1" } c; d = 0.test(e) ? f / g / h : "2";',
  );
});
