import { assertEquals } from "@std/assert";
import manifest from "../deno.json" with { type: "json" };
import { test } from "./_harness.ts";

const channel = ["Channel", "ChannelClosedError", "ChannelFullError", "merge", "pipe"];
const ring = [
  "EventRing",
  "Fleet",
  "FrameTooLargeError",
  "LatestMap",
  "Ring",
  "RingCursor",
  "RingFormatError",
  "RingLaneError",
  "attachStorage",
  "bytesCodec",
  "formatFrameId",
  "frameId",
  "isSubject",
  "jsonCodec",
  "matchSubject",
  "memoryStorage",
  "parseFrameId",
  "readEventFrame",
  "ringGeometry",
  "sharedStorage",
  "textCodec",
];
const bus = [
  "Bus",
  "BusClosedError",
  "LaggedError",
  "Listener",
  "Subscription",
  "bridgePort",
  "eventStream",
  "fromEmitter",
  "fromEventTarget",
  "lateBind",
  "ringHistory",
  "subject",
];
const fold = [
  "Announcer",
  "Fold",
  "FoldClosedError",
  "FoldEnvelopeError",
  "FoldKeeper",
  "FoldRegistry",
  "FoldSnapshotError",
  "FoldWatch",
  "Generations",
  "HeldLease",
  "LeaseLostError",
  "Leases",
  "RingAuditSink",
  "announce",
  "bestRoute",
  "capabilityKind",
  "createIdentity",
  "decodeAnnouncement",
  "decodeSnapshot",
  "encodeAnnouncement",
  "encodeSnapshot",
  "fileStore",
  "foldKey",
  "importIdentity",
  "keepFold",
  "leaseKind",
  "nodeIdOf",
  "presenceKind",
  "restoreFold",
  "routeKind",
  "saveFold",
  "signAnnouncement",
  "usersIn",
  "verifyAnnouncement",
];
const cache = [
  "SPAN_TOPIC",
  "Span",
  "SpanCache",
  "SpanDriver",
  "SpanFeed",
  "SpanSubscription",
  "chromeTrace",
  "extractContext",
  "feedPort",
  "feedRing",
  "feedSpans",
  "foldedStacks",
  "formatTraceparent",
  "injectContext",
  "otelSpanProcessor",
  "otlpJson",
  "parseTraceparent",
  "receivePort",
  "receiveRing",
  "recordMeasure",
  "traceChannel",
  "traceHandler",
];
const tap = [
  "CREDENTIAL_NAMES",
  "Tap",
  "TapRefusedError",
  "TapSession",
  "bearer",
  "formatDuration",
  "lines",
  "parseDuration",
  "parseWhere",
  "redact",
  "replay",
  "tapClient",
  "tapHandler",
  "tapMetrics",
  "tapPage",
];

/** The names that each entrypoint has when it runs; those that are types only are not among them. */
const names: Readonly<Record<string, readonly string[]>> = {
  ".": [...channel, ...ring, ...bus, ...fold, ...cache, ...tap],
  "./channel": channel,
  "./ring": ring,
  "./bus": bus,
  "./fold": fold,
  "./cache": cache,
  "./ring/mapped": ["mappedHome", "mappedObserver", "mappedStorage"],
  "./tap": tap,
  "./cli": ["bunHost", "denoHost", "detectHost", "main", "serve"],
};

test("Every entrypoint of deno.json has its public names listed here", () => {
  assertEquals(Object.keys(manifest.exports).sort(), Object.keys(names).sort());
});

for (const [subpath, file] of Object.entries(manifest.exports)) {
  test(`The entrypoint "${subpath}" has the names that are listed, and no others`, async () => {
    const module = await import(new URL(`../${file}`, import.meta.url).href);
    assertEquals(Object.keys(module).sort(), [...names[subpath] ?? []].sort());
  });
}
