/**
 * Imports what the cases compare with, pinned, on either runtime: Deno takes `npm:name@version`, Bun takes `name@version` and
 * installs it by itself. Versions stand here and nowhere else.
 *
 * Never import a peer in a case file by an import declaration: it would be loaded in every process, and Bun would not find it.
 *
 * @module
 */
import process from "node:process";
import type { Channel } from "../channel/mod.ts";
import { runtime } from "./runtimes.ts";

function specifierOf(peer: string): string {
  return runtime === "deno" ? `npm:${peer}` : peer;
}

function load<M>(peer: string): Promise<M> {
  return import(specifierOf(peer));
}

/** The pinned packages. Each call imports one. */
export const npm = {
  mitata: (): Promise<typeof import("npm:mitata@1.0.34")> => load("mitata@1.0.34"),
  itPushable: (): Promise<typeof import("npm:it-pushable@3.2.4")> => load("it-pushable@3.2.4"),
  repeater: (): Promise<typeof import("npm:@repeaterjs/repeater@3.1.0")> =>
    load("@repeaterjs/repeater@3.1.0"),
  ringbuf: (): Promise<Ringbuf> => load("ringbuf.js@0.4.0"),
  effect: (): Promise<typeof import("npm:effect@4.1.0/Effect")> => load("effect@4.1.0/Effect"),
  effectQueue: (): Promise<typeof import("npm:effect@4.1.0/Queue")> => load("effect@4.1.0/Queue"),
  effectPubSub: (): Promise<typeof import("npm:effect@4.1.0/PubSub")> =>
    load("effect@4.1.0/PubSub"),
  mitt: (): Promise<typeof import("npm:mitt@3.0.1")> => load("mitt@3.0.1"),
  nanoevents: (): Promise<typeof import("npm:nanoevents@10.0.0")> => load("nanoevents@10.0.0"),
  eventemitter3: (): Promise<typeof import("npm:eventemitter3@5.0.4")> =>
    load("eventemitter3@5.0.4"),
  rxjs: (): Promise<typeof import("npm:rxjs@7.8.2")> => load("rxjs@7.8.2"),
  emittery: (): Promise<typeof import("npm:emittery@2.2.0")> => load("emittery@2.2.0"),
  lruCache: (): Promise<typeof import("npm:lru-cache@11.3.6")> => load("lru-cache@11.3.6"),
  ttlCache: (): Promise<typeof import("npm:@isaacs/ttlcache@2.1.0")> =>
    load("@isaacs/ttlcache@2.1.0"),
  otelApi: (): Promise<typeof import("npm:@opentelemetry/api@1.10.0")> =>
    load("@opentelemetry/api@1.10.0"),
  otelSdk: (): Promise<typeof import("npm:@opentelemetry/sdk-trace-base@2.12.1")> =>
    load("@opentelemetry/sdk-trace-base@2.12.1"),
  otelContext: (): Promise<typeof import("npm:@opentelemetry/context-async-hooks@2.12.0")> =>
    load("@opentelemetry/context-async-hooks@2.12.0"),
  betterSse: (): Promise<typeof import("npm:better-sse@0.16.1")> => load("better-sse@0.16.1"),
  debug: (): Promise<{ readonly default: DebugClass }> => load("debug@4.4.3"),
  fastRedact: (): Promise<{ readonly default: MakeRedact }> => load("fast-redact@3.5.0"),
  pinoRedact: (): Promise<{ readonly default: MakeRedact }> => load("@pinojs/redact@0.4.0"),
  filtrex: (): Promise<Filtrex> => load("filtrex@3.1.0"),
  jexl: (): Promise<{ readonly default: Jexl }> => load("jexl@2.3.0"),
  cel: (): Promise<Cel> => load("@marcbachmann/cel-js@8.0.0"),
} as const;

/** What is used of `debug`, which has no types of its own. */
export interface DebugClass {
  (namespace: string): DebugLogger;
  enable(namespaces: string): void;
}

/** A logger of `debug`. */
export interface DebugLogger {
  (format: string, ...args: unknown[]): void;
  /** Where it writes to. */
  log: (...args: unknown[]) => void;
}

/** What `fast-redact` and `@pinojs/redact` have in common. */
export type MakeRedact = (options: {
  readonly paths: readonly string[];
  readonly censor: string;
  readonly serialize: (value: unknown) => string;
}) => (value: unknown) => string;

/** What is used of `filtrex`. */
export interface Filtrex {
  compileExpression(expression: string): (value: unknown) => unknown;
}

/** What is used of `jexl`. */
export interface Jexl {
  addTransform(name: string, transform: (value: string, arg: string) => boolean): void;
  compile(expression: string): { evalSync(context: unknown): unknown };
}

/** What is used of `@marcbachmann/cel-js`. */
export interface Cel {
  parse(expression: string): (context: unknown) => unknown;
}

/** Types of what {@linkcode npm} imports as `otelApi` and `otelSdk`. */
export type { Tracer as OtelTracer } from "npm:@opentelemetry/api@1.10.0";
export type {
  ReadableSpan as OtelReadable,
  Sampler as OtelSampler,
  SpanExporter as OtelExporter,
} from "npm:@opentelemetry/sdk-trace-base@2.12.1";

/** What {@linkcode npm} imports as `ringbuf`. */
export type Ringbuf = typeof import("npm:ringbuf.js@0.4.0");

/**
 * Finds ringbuf.js for a worker: in Bun, those install nothing by themselves.
 *
 * @returns What a worker can import it by.
 */
export async function ringbufAddress(): Promise<string> {
  await npm.ringbuf();
  return import.meta.resolve(specifierOf("ringbuf.js@0.4.0"));
}

/** What `@std/async` and our channel have in common. */
export type CommonChannel<T> =
  & Pick<Channel<T>, "send" | "receive" | "trySend" | "tryReceive" | "close">
  & AsyncIterable<T>;

/** The constructor of either. */
export type CommonChannelClass = new <T>(options?: { capacity?: number }) => CommonChannel<T>;

/** What is measured of `@std/async`. */
export interface StdAsync {
  readonly Channel: CommonChannelClass;
  readonly MuxAsyncIterator: new <T>() => AsyncIterable<T> & {
    add(source: AsyncIterable<T>): void;
  };
}

/** The variable that names a checkout of the standard library's repository. */
export const checkoutVariable = "WEIR_BENCH_STD";

/** What to do where `@std/async` cannot be had. */
export const howToProvideStd: string =
  `to provide it, set ${checkoutVariable} to a checkout of denoland/std`;

/** The variable in which the parent process names the module that `findStd` made. */
export const stdVariable = "WEIR_BENCH_STD_MODULE";

/**
 * Imports `@std/async`.
 *
 * @returns Its classes.
 * @throws {Error} When it cannot be had on this machine.
 */
export async function std(): Promise<StdAsync> {
  const module = process.env[stdVariable];
  if (module === undefined) throw new Error(howToProvideStd);
  return await import(module);
}
