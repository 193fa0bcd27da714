import type { SpanEventInput, SpanInput } from "../../cache/mod.ts";
import type { NaiveCache } from "./_naive.ts";

/** What is sent to a driver; `isBad` says that it is no span or no event. */
export type Sent<T> = { readonly value: T; readonly isBad: boolean };
export interface EventMessage {
  readonly spanId: string;
  readonly event: SpanEventInput;
}

/** The contract of a driver: two lists, and one of what waits for its span. */
export class NaiveDriver {
  spans: Sent<SpanInput>[] = [];
  events: Sent<EventMessage>[] = [];
  /** First those that have waited longest. */
  waiting: { readonly spanId: string; readonly events: SpanEventInput[] }[] = [];
  readonly counts = {
    recorded: 0,
    attached: 0,
    skipped: 0,
    refused: 0,
    droppedEvents: 0,
    droppedSpanMessages: 0,
    droppedEventMessages: 0,
  };
  /** How many events were taken off their list. */
  taken = 0;
  refusedEvents = 0;
  readonly #model: NaiveCache;
  readonly #originMs: number;
  readonly #bounds: { capacity: number; maxEvents: number; channelCapacity: number };

  constructor(
    model: NaiveCache,
    originMs: number,
    bounds: { capacity: number; maxEvents: number; channelCapacity: number },
  ) {
    this.#model = model;
    this.#originMs = originMs;
    this.#bounds = bounds;
  }

  get parked(): number {
    return this.waiting.reduce((sum, { events }) => sum + events.length, 0);
  }

  sendSpan(sent: Sent<SpanInput>): boolean {
    const hasRoom = this.spans.length < this.#bounds.channelCapacity;
    if (hasRoom) this.spans.push(sent);
    else this.counts.droppedSpanMessages++;
    return hasRoom;
  }

  sendEvent(sent: Sent<EventMessage>): boolean {
    const hasRoom = this.events.length < this.#bounds.channelCapacity;
    if (hasRoom) this.events.push(sent);
    else this.counts.droppedEventMessages++;
    return hasRoom;
  }

  /** Takes in all that there is, events first. */
  drain(): number {
    const [events, spans] = [this.events, this.spans];
    this.events = [];
    this.spans = [];
    for (const sent of events) this.#takeEvent(sent);
    for (const sent of spans) this.#takeSpan(sent);
    return events.length + spans.length;
  }

  #takeEvent({ value, isBad }: Sent<EventMessage>): void {
    this.taken++;
    if (isBad) {
      this.refusedEvents++;
      this.counts.refused++;
      return;
    }
    const { spanId, event } = value;
    if (this.#attach(spanId, event)) return;
    let waiting = this.waiting.find((one) => one.spanId === spanId);
    if (waiting === undefined) {
      if (this.waiting.length >= this.#bounds.capacity) {
        this.counts.droppedEvents += this.waiting.shift()!.events.length;
      }
      this.waiting.push(waiting = { spanId, events: [] });
    }
    if (waiting.events.length < this.#bounds.maxEvents) waiting.events.push(event);
    else this.counts.droppedEvents++;
  }

  #takeSpan({ value, isBad }: Sent<SpanInput>): void {
    const model = this.#model;
    if (isBad) {
      this.counts.refused++;
      return;
    }
    if (!model.isRecorded(value.level ?? "info")) {
      model.refused.level++;
      this.counts.skipped++;
    } else if (model.find(value.id) !== undefined) {
      model.counts.duplicates++;
      this.counts.skipped++;
    } else {
      this.counts.recorded++;
      const span = model.take(value, value.id!, value.traceId!, this.#originMs);
      model.makeRoom();
      model.record(span);
    }
    const waiting = this.waiting.find(({ spanId }) => spanId === value.id);
    this.waiting = this.waiting.filter((one) => one !== waiting);
    // A span that was left out takes them with it.
    for (const event of waiting?.events ?? []) {
      if (!this.#attach(value.id!, event)) this.counts.droppedEvents++;
    }
  }

  #attach(spanId: string, event: SpanEventInput): boolean {
    const span = this.#model.find(spanId);
    if (span === undefined) return false;
    if (this.#model.lateEvent(span, event, this.#originMs)) this.counts.attached++;
    else this.counts.droppedEvents++;
    return true;
  }
}
