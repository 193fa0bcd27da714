/**
 * The files that hold cases, in the order in which they are measured. A new file in `bench/cases` gets one line here.
 *
 * @module
 */
import type { AnyCase } from "./case.ts";

/** Each imports one file; a child process imports only the file of its case. */
export const caseFiles: readonly (() => Promise<{ cases: readonly AnyCase[] }>)[] = [
  () => import("./cases/channel_send.ts"),
  () => import("./cases/channel_batch.ts"),
  () => import("./cases/channel_rendezvous.ts"),
  () => import("./cases/channel_overflow.ts"),
  () => import("./cases/channel_abort.ts"),
  () => import("./cases/channel_merge.ts"),
  () => import("./cases/ring_memory.ts"),
  () => import("./cases/ring_events.ts"),
  () => import("./cases/ring_workers.ts"),
  () => import("./cases/ring_processes.ts"),
  () => import("./cases/bus_on.ts"),
  () => import("./cases/bus_queue.ts"),
  () => import("./cases/bus_crowd.ts"),
  () => import("./cases/bus_churn.ts"),
  () => import("./cases/bus_send.ts"),
  () => import("./cases/bus_added.ts"),
  () => import("./cases/fold_apply.ts"),
  () => import("./cases/fold_life.ts"),
  () => import("./cases/fold_query.ts"),
  () => import("./cases/fold_sweep.ts"),
  () => import("./cases/fold_pause.ts"),
  () => import("./cases/fold_memory.ts"),
  () => import("./cases/fold_added.ts"),
  () => import("./cases/fold_dispatch.ts"),
  () => import("./cases/cache_span.ts"),
  () => import("./cases/cache_context.ts"),
  () => import("./cases/cache_off.ts"),
  () => import("./cases/cache_memory.ts"),
  () => import("./cases/cache_read.ts"),
  () => import("./cases/cache_feed.ts"),
  () => import("./cases/cache_pause.ts"),
  () => import("./cases/cache_handler.ts"),
  () => import("./cases/tap_offer.ts"),
  () => import("./cases/tap_session.ts"),
  () => import("./cases/tap_where.ts"),
  () => import("./cases/tap_redact.ts"),
  () => import("./cases/tap_stream.ts"),
  () => import("./cases/tap_backlog.ts"),
];
