import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
} from "@std/assert";
import type {
  OpenSpanRecord,
  SpanAggregate,
  SpanCache,
  SpanFindOptions,
  SpanRecord,
  TraceNode,
} from "../../cache/mod.ts";
import type { Random } from "../_random.ts";
import { NAIVE_LEVELS, type NaiveCache, type NaiveSpan } from "./_naive.ts";

const NS_PER_MS = 1e6;
const NOWHERE = "00000000000000000000000000000bad";

/** What is compared with what. */
export interface Compared {
  readonly cache: SpanCache;
  readonly model: NaiveCache;
  readonly random: Random;
  readonly originMs: number;
  /** Whether bytes are short: fields and events may be cut and left out. */
  readonly isShort: boolean;
  /** Whether there is room for all names of spans, so that none is forgotten. */
  readonly hasAllNames: boolean;
  /** All ids that there ever were. */
  readonly ids: ReadonlySet<string>;
}

/** Compares all that can be read. */
export function compareAll(compared: Compared): void {
  const page = comparePages(compared);
  compareGet(compared, page);
  const open = compareOpen(compared);
  for (let i = 0; i < 3; i++) compareFind(compared, page);
  for (let i = 0; i < 2; i++) compareTrace(compared, page, open);
  compareAggregate(compared, page);
  compareGroups(compared, page, open);
}

function comparePages({ cache, model, random, ...rest }: Compared): SpanRecord[] {
  const page = cache.page({ limit: Infinity });
  assertEquals(
    page.map(({ seq, id }) => `${seq} ${id}`),
    model.held.map((s) => `${s.seq} ${s.id}`),
  );
  page.forEach((record, i) => {
    const span = model.held[i]!;
    assertLessOrEqual(0, record.selfMs);
    assertLessOrEqual(record.selfMs, record.durationMs);
    const selfMs = span.selfNs === undefined ? record.selfMs : span.selfNs / NS_PER_MS;
    const expected = {
      seq: span.seq,
      ...commonOf(span, rest.originMs),
      durationMs: span.durationNs / NS_PER_MS,
      selfMs,
      ...(span.isAbandoned ? { abandoned: true } : {}),
    };
    compareRecords(record, expected, rest.isShort);
  });
  const texts = page.map(({ seq }) => seq);
  for (const limit of [1, 2, 3 + random.below(5), 100]) {
    const seqs: number[] = [];
    let after = 0;
    for (let next; (next = cache.page({ after, limit })).length > 0; after = seqs.at(-1)!) {
      assertLessOrEqual(next.length, limit);
      seqs.push(...next.map(({ seq }) => seq));
    }
    assertEquals(seqs, texts, `pages of ${limit}`);
  }
  const after = random.below(cache.lastSeq + 2);
  const rest2 = cache.page({ after, limit: Infinity }).map(({ seq }) => seq);
  assertEquals(rest2, texts.filter((seq) => seq > after), `after ${after}`);
  return page;
}

/** What spans have, running or ended. */
function commonOf(
  span: NaiveSpan,
  originMs: number,
): Omit<SpanRecord, "seq" | "durationMs" | "selfMs"> {
  const { id, traceId, parentId, name, level, kind, status, message, links } = span;
  const events = span.events.map(({ time, fields, ...event }) => {
    return { ...event, timeMs: originMs + time, fields: Object.fromEntries(fields) };
  });
  return {
    id,
    traceId,
    ...(parentId === undefined ? {} : { parentId }),
    name,
    level,
    kind,
    status,
    ...(message === undefined ? {} : { message }),
    startMs: originMs + span.start,
    fields: Object.fromEntries(span.fields),
    events,
    ...(links.length === 0 ? {} : { links }),
    ...(span.droppedEvents === 0 ? {} : { droppedEvents: span.droppedEvents }),
  };
}

type Either = Omit<SpanRecord, "seq"> & { readonly seq?: number };

function compareRecords(actual: Either, expected: Either, isShort: boolean): void {
  if (!isShort) {
    assertEquals(actual, expected);
    // The order of fields is that in which they were given.
    assertEquals(Object.keys(actual.fields), Object.keys(expected.fields));
    return;
  }
  assertEquals(surelyOf(actual), surelyOf(expected));
  for (const [key, value] of Object.entries(actual.fields)) {
    if (!(actual.cut ?? []).includes(key)) assertEquals(value, expected.fields[key]);
    else assert(String(expected.fields[key]).startsWith(value as string), `beginning of ${key}`);
  }
  const lost = expected.events.length + (expected.droppedEvents ?? 0) - actual.events.length;
  assertEquals(actual.droppedEvents ?? 0, lost, "events that were left out");
}

/** What a span says however little room there is. */
function surelyOf(record: Either): unknown {
  const { fields: _, events: _1, links: _2, droppedEvents: _3, message: _4, cut: _5, ...rest } =
    record;
  return rest;
}

function compareGet({ cache, model, random, ids }: Compared, page: SpanRecord[]): void {
  for (const record of page) assertEquals(cache.get(record.id), record);
  const held = new Set(page.map(({ id }) => id));
  for (const id of random.below(8) === 0 ? ids : []) {
    if (!held.has(id)) assertEquals(cache.get(id), undefined, `get ${id}`);
  }
  for (const { id } of model.open) assertEquals(cache.get(id), undefined, "get of one that runs");
}

function compareOpen({ cache, model, random, originMs, isShort }: Compared): OpenSpanRecord[] {
  const open = cache.open();
  const minMs = random.below(40);
  assertEquals(cache.open({ minMs }), open.filter(({ durationMs }) => durationMs >= minMs));
  const starts = open.map(({ startMs }) => startMs);
  assertEquals(starts, starts.toSorted((a, b) => a - b), "those first that run longest");
  assertEquals(open.map(({ id }) => id).sort(), model.open.map(({ id }) => id).sort(), "open");
  for (const record of open) {
    const span = model.find(record.id)!;
    const expected = {
      ...commonOf(span, originMs),
      durationMs: model.now - span.start,
      selfMs: model.selfNsAt(span, model.now) / NS_PER_MS,
      openChildren: span.children.filter(({ end }) => end === undefined).length,
    };
    compareRecords(record, expected, isShort);
  }
  return open;
}

function compareFind({ cache, random, ids }: Compared, page: SpanRecord[]): void {
  const some = page.length === 0 ? undefined : random.pick(page);
  const other = page.length === 0 ? undefined : random.pick(page);
  const end = some === undefined ? 0 : some.startMs + some.durationMs;
  const entry = Object.entries(other?.fields ?? {})[0] ?? ["none", 0];
  const maybe = <T>(value: T): T | undefined => random.below(4) === 0 ? value : undefined;
  const query: SpanFindOptions = {
    name: maybe(random.pick([some?.name ?? "none", [some?.name ?? "", other?.name ?? "", "none"]])),
    minMs: maybe(some?.durationMs ?? 1),
    failed: maybe(random.below(2) === 0),
    level: maybe(random.pick(["error", "info", "trace"] as const)),
    since: maybe(end),
    until: maybe(end + random.below(2) * 30),
    traceId: maybe(random.below(4) === 0 ? NOWHERE : some?.traceId ?? random.pick([...ids, ""])),
    fields: maybe(Object.fromEntries([entry])),
    where: maybe(({ seq }: SpanRecord) => seq % 2 === 0),
    order: random.pick(["newest", "slowest", undefined]),
    limit: random.pick([1, 3, 100, Infinity]),
  };
  const fitting = page.filter((span) => isFit(span, query)).reverse();
  if (query.order === "slowest") fitting.sort((a, b) => b.durationMs - a.durationMs);
  const expected = fitting.slice(0, query.limit);
  assertEquals(cache.find(query), expected, JSON.stringify(query));
}

function isFit(span: SpanRecord, query: SpanFindOptions): boolean {
  const { name, minMs, failed, level, since, until, traceId, fields, where } = query;
  const end = span.startMs + span.durationMs;
  return (name === undefined || [name].flat().includes(span.name)) &&
    (minMs === undefined || span.durationMs >= minMs) &&
    (failed === undefined || (span.status === "error") === failed) &&
    (level === undefined || NAIVE_LEVELS.indexOf(span.level) <= NAIVE_LEVELS.indexOf(level)) &&
    (since === undefined || end >= since) && (until === undefined || end < until) &&
    (traceId === undefined || span.traceId === traceId) &&
    Object.entries(fields ?? {}).every(([key, value]) => Object.is(span.fields[key], value)) &&
    (where === undefined || where(span));
}

/** Compares who is whose child, which says all that a tree does. */
function compareTrace(compared: Compared, page: SpanRecord[], open: OpenSpanRecord[]): void {
  const { cache, random } = compared;
  const all = [...page, ...open];
  const some = all.length === 0 ? undefined : random.pick(all);
  const traceId = some?.traceId ?? NOWHERE;
  const tree = cache.trace(random.below(2) === 0 ? traceId : some?.id ?? "");
  const spans = all.filter((span) => span.traceId === traceId);
  if (spans.length > 0) assertEquals(tree.traceId, traceId);
  assertEquals(tree.size, spans.length);
  const seen: string[] = [];
  const walk = (nodes: readonly TraceNode[], parent: string | undefined): void => {
    const starts = nodes.map(({ span }) => span.startMs);
    assertEquals(starts, starts.toSorted((a, b) => a - b), "in the order in which they began");
    for (const { span, isOpen, isOrphan, children } of nodes) {
      seen.push(`${span.id} in ${parent}${isOpen ? ", runs" : ""}${isOrphan ? ", orphan" : ""}`);
      walk(children, span.id);
    }
  };
  walk(tree.roots, undefined);
  const ids = new Set(spans.map(({ id }) => id));
  const expected = spans.map(({ id, parentId }) => {
    const isOrphan = parentId !== undefined && !ids.has(parentId);
    const runs = open.some((span) => span.id === id);
    return `${id} in ${isOrphan ? undefined : parentId}${runs ? ", runs" : ""}${
      isOrphan ? ", orphan" : ""
    }`;
  });
  assertEquals(seen.sort(), expected.sort(), "tree");
}

function compareAggregate({ cache, model, hasAllNames }: Compared, page: SpanRecord[]): void {
  const rows = cache.aggregate();
  const names = [...model.held, ...model.open].map(({ row }) => row);
  assertEquals(rows.map(({ name }) => name).sort(), [...new Set(names)].sort(), "rows");
  for (const row of rows) {
    const spans = page.filter((_, i) => model.held[i]!.row === row.name);
    compareRow(row, spans);
    assertEquals(row.open, model.open.filter((span) => span.row === row.name).length, "open");
    // A name that nothing had any more was forgotten, if its place was needed.
    const seen = model.seen.get(row.name) ?? { all: 0, failed: 0 };
    assertLessOrEqual(row.seen, seen.all);
    if (hasAllNames) {
      assertEquals([row.seen, row.seenFailed], [seen.all, seen.failed], "seen");
    }
  }
  const totals = rows.map(({ totalMs }) => totalMs);
  assertEquals(totals, totals.toSorted((a, b) => b - a), "those first that took most time");
}

/** Compares sums by a field of spans, or of what is around them. */
function compareGroups(compared: Compared, page: SpanRecord[], open: OpenSpanRecord[]): void {
  const { cache, model, random } = compared;
  const isOdd = ({ seq }: SpanRecord): boolean => seq % 2 === 1;
  const where = random.below(2) === 0 ? isOdd : undefined;
  const by = where !== undefined && random.below(2) === 0 ? undefined : random.pick(["k1", "none"]);
  const all = new Map([...page, ...open].map((span) => [span.id, span]));
  const groupOf = (span: Either | undefined): string | undefined => {
    if (span === undefined || by === undefined) return undefined;
    const value = span.fields[by];
    return value === undefined ? groupOf(all.get(span.parentId ?? "")) : String(value);
  };
  const groups = new Map<string, SpanRecord[]>();
  page.forEach((span, i) => {
    if (where?.(span) === false) return;
    const key = JSON.stringify([model.held[i]!.row, groupOf(span)]);
    groups.set(key, [...groups.get(key) ?? [], span]);
  });
  const rows = cache.aggregate({ by, where });
  const keys = rows.map(({ name, group }) => JSON.stringify([name, group]));
  assertEquals(keys.toSorted(), [...groups.keys()].sort(), "groups");
  rows.forEach((row, i) => compareRow(row, groups.get(keys[i]!)!));
}

/** Compares what is said of some spans with all of them. */
export function compareRow(row: SpanAggregate, spans: readonly SpanRecord[]): void {
  const ns = (ms: number): number => Math.round(ms * NS_PER_MS);
  const durations = spans.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  const total = spans.reduce((sum, { durationMs }) => sum + ns(durationMs), 0);
  const count = spans.length;
  const failed = spans.filter(({ status }) => status === "error").length;
  assertEquals([row.count, row.failed], [count, failed], `counts of ${row.name}`);
  assertEquals(row.errorRate, count === 0 ? 0 : failed / count);
  assertEquals([row.minMs, row.maxMs], [durations[0] ?? 0, durations.at(-1) ?? 0]);
  assertEquals(ns(row.totalMs), total, "total");
  assertEquals(ns(row.selfMs), spans.reduce((sum, { selfMs }) => sum + ns(selfMs), 0), "self");
  assertAlmostEquals(row.meanMs, count === 0 ? 0 : total / count / NS_PER_MS, 1e-6);
  compareQuantiles(row, spans);
}

/** Compares how long so many of some spans took with all of them, in order. */
export function compareQuantiles(row: SpanAggregate, spans: readonly SpanRecord[]): void {
  const durations = spans.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  for (const [percent, actual] of [[50, row.p50Ms], [95, row.p95Ms], [99, row.p99Ms]] as const) {
    const exact = durations[Math.ceil(percent * spans.length / 100) - 1] ?? 0;
    assertLessOrEqual(Math.abs(actual - exact), exact / 64, `p${percent} of ${spans.length}`);
    assertGreaterOrEqual(actual, row.minMs);
    assertLessOrEqual(actual, row.maxMs);
  }
}
