/**
 * Packages of others that read what the cache writes, and the other way round: OpenTelemetry, and a viewer of profiles. They are pinned
 * here and nowhere else.
 *
 * Each runtime installs them by itself into a folder of its own, which is gone again when they are loaded: `bun test` installs nothing
 * that a module imports by name, and Deno would complain of their peers whenever anything is run.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { thisRuntime } from "../_runtimes.ts";

type Sdk1 = typeof import("npm:@opentelemetry/sdk-trace-base@1.30.1");
type Sdk2 = typeof import("npm:@opentelemetry/sdk-trace-base@2.12.1");

/** A kind of message, in the code that OpenTelemetry has had generated from the definitions of OTLP. */
export interface Message {
  /** Makes a message of an object. */
  fromObject(object: object): object;
  /** What is wrong with a message; null if nothing is. */
  verify(message: object): string | null;
  /** Writes it as bytes. */
  encode(message: object): { finish(): Uint8Array };
  /** Reads it from bytes. */
  decode(bytes: Uint8Array): object;
  /** Makes a plain object of it. */
  toObject(message: object, options: object): object;
}

/** What writes spans as OTLP. */
export interface Serializer {
  /** Writes them as bytes. */
  serializeRequest(spans: readonly object[]): Uint8Array | undefined;
}

/** What is used of the packages. */
export interface Packages {
  /** What programs call. */
  readonly api: typeof import("npm:@opentelemetry/api@1.9.1");
  /** What makes contexts last. */
  readonly contexts: typeof import("npm:@opentelemetry/context-async-hooks@2.12.0");
  /** The SDK, in version 1. */
  readonly sdk1: Sdk1;
  /** The SDK, in version 2. */
  readonly sdk2: Sdk2;
  /** The SDK, in version 3, where it has another name. */
  readonly sdk3: { readonly TracerProvider: Sdk2["BasicTracerProvider"] };
  /** What the exporter of version 1 writes as JSON. */
  readonly json1: Serializer;
  /** What the exporter of version 3 writes as JSON. */
  readonly json3: Serializer;
  /** The message that collectors are sent. Version 1 is the last one that can read it too. */
  readonly traceRequest: Message;
  /** The files of speedscope, a viewer that runs in a browser without a server, by their names. */
  readonly speedscope: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

// What they are called in the folder, so that there may be two versions of one.
const SPECIFIERS = {
  // Those of version 3 take no older one, those before them take it as well.
  api: "@opentelemetry/api@1.10.0",
  contexts: "@opentelemetry/context-async-hooks@2.12.0",
  sdk1: "@opentelemetry/sdk-trace-base@1.30.1",
  sdk2: "@opentelemetry/sdk-trace-base@2.12.1",
  sdk3: "@opentelemetry/sdk-trace@3.1.1",
  transformer1: "@opentelemetry/otlp-transformer@0.57.2",
  transformer3: "@opentelemetry/otlp-transformer@0.301.1",
  speedscope: "speedscope@1.25.0",
};

const INSTALL = {
  Deno: ["install", "--quiet", "--node-modules-dir=auto"],
  Bun: ["install", "--ignore-scripts", "--no-save", "--no-progress"],
};

let loading: Promise<Packages> | undefined;

/** Loads the packages, when it is called for the first time. */
export function packages(): Promise<Packages> {
  return loading ??= load();
}

async function load(): Promise<Packages> {
  const folder = mkdtempSync(join(tmpdir(), "weir-packages-"));
  try {
    const manifest = join(folder, "package.json");
    const dependencies = Object.entries(SPECIFIERS).map(([alias, name]) => [alias, `npm:${name}`]);
    writeFileSync(
      manifest,
      JSON.stringify({ private: true, dependencies: Object.fromEntries(dependencies) }),
    );
    await promisify(execFile)(process.execPath, INSTALL[thisRuntime.name], { cwd: folder });
    return read(createRequire(manifest));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function read(require: ReturnType<typeof createRequire>): Packages {
  const root = require("transformer1/build/src/generated/root.js");
  const viewer = join(dirname(require.resolve("speedscope/package.json")), "dist/release");
  return {
    api: require("api"),
    contexts: require("contexts"),
    sdk1: require("sdk1"),
    sdk2: require("sdk2"),
    sdk3: require("sdk3"),
    json1: require("transformer1").JsonTraceSerializer,
    json3: require("transformer3").JsonTraceSerializer,
    traceRequest: root.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest,
    speedscope: new Map(
      readdirSync(viewer).map((name) => [name, new Uint8Array(readFileSync(join(viewer, name)))]),
    ),
  };
}
