/**
 * The SDK of OpenTelemetry, put up in the ways in which it is compared with.
 *
 * @module
 */
import { WrongAnswerError } from "../case.ts";
import {
  npm,
  type OtelExporter,
  type OtelReadable,
  type OtelSampler,
  type OtelTracer,
} from "../peers.ts";

/** Its names in the tables. */
export const otelBatch = "OpenTelemetry 2.12.1, batch processor";
export const otelSimple = "OpenTelemetry 2.12.1, simple processor";
export const otelNone = "OpenTelemetry 2.12.1, no processor";

/** How many spans the batch processor sends at a time, unless it is told otherwise; it holds four times as many, and drops the rest. */
export const batchSize = 512;

/** What becomes of spans that have ended. */
export type Processing = "batch" | "simple" | "none";

/** Takes spans, says that all is well, and lets them go. */
export class DroppingExporter implements OtelExporter {
  /** How many it took. */
  count = 0;
  /** The last one of them. */
  newest: OtelReadable | undefined;

  export(spans: OtelReadable[], done: (result: { code: number }) => void): void {
    this.count += spans.length;
    this.newest = spans.at(-1);
    done({ code: 0 });
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }

  forceFlush(): Promise<void> {
    return Promise.resolve();
  }
}

/** A tracer, and where its spans go. */
export interface Telemetry {
  readonly tracer: OtelTracer;
  readonly exporter: DroppingExporter;
  /** Waits until what has ended is with the exporter. */
  readonly flush: () => Promise<void>;
}

/**
 * Puts it up as its manuals say, all sizes as they are without being told.
 *
 * @param processing Where spans go that have ended.
 * @param sampler Which are recorded; all, without it.
 */
export async function telemetry(
  processing: Processing,
  sampler?: OtelSampler,
): Promise<Telemetry> {
  const { BasicTracerProvider, BatchSpanProcessor, SimpleSpanProcessor } = await npm.otelSdk();
  const exporter = new DroppingExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: processing === "batch"
      ? [new BatchSpanProcessor(exporter)]
      : processing === "simple"
      ? [new SimpleSpanProcessor(exporter)]
      : [],
    ...(sampler === undefined ? {} : { sampler }),
  });
  return { tracer: provider.getTracer("bench"), exporter, flush: () => provider.forceFlush() };
}

/** Lets what is called in a span see it, and what that waits for. */
export async function keepContexts(): Promise<void> {
  const { context } = await npm.otelApi();
  const { AsyncLocalStorageContextManager } = await npm.otelContext();
  const isSet = context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  if (!isSet) throw new WrongAnswerError("there is another context manager");
}
