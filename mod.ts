/**
 * Bounded modules that move live events inside a server: a slow reader never slows the writer, and every lost event is counted.
 *
 * This is everything that runs anywhere, in one import. Each module also has an entrypoint of its own, which is smaller:
 * `@weir/weir/channel`, `@weir/weir/ring`, `@weir/weir/bus`, `@weir/weir/fold`, `@weir/weir/cache`, `@weir/weir/tap`.
 *
 * @module
 */
export * from "./channel/mod.ts";
export * from "./ring/mod.ts";
export * from "./bus/mod.ts";
export * from "./fold/mod.ts";
export * from "./cache/mod.ts";
export * from "./tap/mod.ts";
