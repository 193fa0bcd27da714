import {
  BusClosedError,
  type BusOverflow,
  LaggedError,
  type NextOptions,
  type PublishOptions,
  type SendOptions,
  type UnknownMatch,
} from "../../bus/mod.ts";
import { ChannelClosedError, type ChannelReceiveResult } from "../../channel/mod.ts";
import { matches } from "./_matching.ts";

/** An event of a play. */
export interface PlayEvent {
  /** Its number, in the order of publishing. */
  readonly n: number;
  /** How many events are each other's cause, up to this one. */
  readonly nested: number;
  readonly [field: string]: unknown;
}

/** What both kinds of subscribers may ask for. */
export interface PlayAsk {
  readonly where?: ((event: PlayEvent) => boolean) | undefined;
  readonly origin?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** What a play asks for when it subscribes. */
export interface PlaySubscribe extends PlayAsk {
  readonly match: UnknownMatch;
  readonly capacity: number;
  readonly overflow: BusOverflow;
  readonly onLag?: ((lost: number) => void) | undefined;
  readonly replay?: number;
  readonly after?: string | undefined;
}

/** What a play needs of a listener. */
export interface PlayListener {
  readonly id: number;
  readonly closed: boolean;
  close(): void;
}

/** What a play needs of a subscription. */
export interface PlaySubscription extends AsyncIterable<PlayEvent> {
  readonly id: number;
  readonly size: number;
  readonly offered: number;
  readonly delivered: number;
  readonly lagged: number;
  readonly closed: boolean;
  readonly missed: number | undefined;
  readonly lastEventId: string | undefined;
  receive(): Promise<PlayEvent>;
  tryReceive(): ChannelReceiveResult<PlayEvent>;
  receiveBatch(max: number): Promise<PlayEvent[]>;
  close(): void;
}

/** What a play needs of a bus. */
export interface PlayBus {
  readonly closed: boolean;
  publish(event: PlayEvent, options?: PublishOptions): number;
  send(event: PlayEvent, options?: SendOptions): Promise<number>;
  on(match: UnknownMatch, handler: (event: PlayEvent) => unknown, options?: PlayAsk): PlayListener;
  once(
    match: UnknownMatch,
    handler: (event: PlayEvent) => unknown,
    options?: PlayAsk,
  ): PlayListener;
  next(match: UnknownMatch, options?: NextOptions<PlayEvent>): Promise<PlayEvent>;
  subscribe(options: PlaySubscribe): PlaySubscription;
  unsubscribe(id: number): boolean;
  close(...reason: [unknown] | []): void;
  stats(): {
    readonly published: number;
    readonly offered: number;
    readonly delivered: number;
    readonly lagged: number;
    readonly errors: number;
    readonly subscriptions: readonly { readonly id: number }[];
    readonly listeners: readonly { readonly id: number }[];
  };
}

/** The contract of a bus, written down with plain arrays and no thought of cost. */
export class NaiveBus implements PlayBus {
  closed = false;
  /** Everything that was published. */
  readonly log: PlayEvent[] = [];
  readonly kept: number;
  errors = 0;
  #handled = 0;
  #ids = 0;
  #subscribers: (NaiveSubscription | NaiveListener)[] = [];
  readonly #all: NaiveSubscription[] = [];
  readonly #calls: { event: PlayEvent; listeners: NaiveListener[] }[] = [];
  #isCalling = false;

  constructor(kept: number) {
    this.kept = kept;
  }

  publish(event: PlayEvent, options: PublishOptions = {}): number {
    return this.#publish(event, options.origin, () => false);
  }

  async send(event: PlayEvent, { origin, signal }: SendOptions = {}): Promise<number> {
    signal?.throwIfAborted();
    const waits: Promise<boolean>[] = [];
    const count = this.#publish(event, origin, (subscription, entry) => {
      waits.push(subscription.line(entry, signal));
      return true;
    });
    return count + (await Promise.all(waits)).filter((isTaken) => isTaken).length;
  }

  on(match: UnknownMatch, handler: (event: PlayEvent) => unknown, ask?: PlayAsk): PlayListener {
    return this.#add(new NaiveListener(this, ++this.#ids, match, handler, ask ?? {}, false));
  }

  once(match: UnknownMatch, handler: (event: PlayEvent) => unknown, ask?: PlayAsk): PlayListener {
    return this.#add(new NaiveListener(this, ++this.#ids, match, handler, ask ?? {}, true));
  }

  async next(match: UnknownMatch, options: NextOptions<PlayEvent> = {}): Promise<PlayEvent> {
    const { promise, resolve, reject } = Promise.withResolvers<PlayEvent>();
    const listener = new NaiveListener(this, ++this.#ids, match, resolve, options, true);
    listener.onEnd = (...reason) => {
      reject(reason.length > 0 ? reason[0] : new BusClosedError(""));
    };
    this.#add(listener);
    return await promise;
  }

  subscribe(options: PlaySubscribe): PlaySubscription {
    const subscription = new NaiveSubscription(this, ++this.#ids, options);
    this.#all.push(subscription);
    return this.#add(subscription);
  }

  unsubscribe(id: number): boolean {
    const subscriber = this.#subscribers.find((one) => one.id === id);
    subscriber?.close();
    return subscriber !== undefined;
  }

  close(...reason: [unknown] | []): void {
    if (this.closed) return;
    this.closed = true;
    for (const one of [...this.#subscribers]) {
      if (one instanceof NaiveSubscription || one.onEnd !== undefined) one.close(...reason);
    }
    if (!this.#isCalling) { for (const one of [...this.#subscribers]) one.close(); }
  }

  stats(): ReturnType<PlayBus["stats"]> {
    const sum = (count: (one: NaiveSubscription) => number): number =>
      this.#all.reduce((total, one) => total + count(one), 0);
    return {
      published: this.log.length,
      offered: this.#handled + sum(({ offered }) => offered),
      delivered: this.#handled + sum(({ delivered }) => delivered),
      lagged: sum(({ lagged }) => lagged),
      errors: this.errors,
      subscriptions: this.#subscribers.filter((one) => one instanceof NaiveSubscription),
      listeners: this.#subscribers.filter((one) => one instanceof NaiveListener),
    };
  }

  /** Takes a subscriber out. */
  remove(subscriber: NaiveSubscription | NaiveListener): void {
    this.#subscribers = this.#subscribers.filter((one) => one !== subscriber);
  }

  /** Whether an event is for somebody, but for its origin. */
  accepts(match: UnknownMatch, where: PlayAsk["where"], event: PlayEvent): boolean {
    try {
      return matches(match, event) && (where === undefined || where(event));
    } catch {
      this.errors++;
      return false;
    }
  }

  #add<S extends NaiveSubscription | NaiveListener>(subscriber: S): S {
    this.#subscribers.push(subscriber);
    return subscriber;
  }

  #publish(
    event: PlayEvent,
    origin: unknown,
    onFull: (subscription: NaiveSubscription, entry: Entry) => boolean,
  ): number {
    if (this.closed) throw new BusClosedError("");
    this.log.push(event);
    let count = 0;
    const listeners: NaiveListener[] = [];
    for (const one of [...this.#subscribers]) {
      if (one.ask.origin !== undefined && one.ask.origin === origin) continue;
      if (!this.accepts(one.match, one.ask.where, event)) continue;
      if (one instanceof NaiveListener) listeners.push(one);
      else if (one.offer(event, onFull)) count++;
    }
    for (const listener of listeners) {
      if (!listener.isOnce) continue;
      // It hears of nothing more, though it can still be closed before it is called.
      this.remove(listener);
    }
    this.#calls.push({ event, listeners });
    if (!this.#isCalling) this.#callAll();
    return count + listeners.length;
  }

  #callAll(): void {
    this.#isCalling = true;
    for (let call; (call = this.#calls.shift()) !== undefined;) {
      for (const listener of call.listeners) {
        if (listener.closed) continue;
        if (listener.isOnce) listener.fulfil();
        this.#handled++;
        try {
          listener.handler(call.event);
        } catch {
          this.errors++;
        }
      }
    }
    this.#isCalling = false;
    if (this.closed) { for (const one of [...this.#subscribers]) one.close(); }
  }
}

class NaiveListener implements PlayListener {
  closed = false;
  onEnd: ((...reason: [unknown] | []) => void) | undefined;
  readonly #bus: NaiveBus;
  readonly id: number;
  readonly match: UnknownMatch;
  readonly handler: (event: PlayEvent) => unknown;
  readonly ask: PlayAsk;
  readonly isOnce: boolean;

  constructor(
    bus: NaiveBus,
    id: number,
    match: UnknownMatch,
    handler: (event: PlayEvent) => unknown,
    ask: PlayAsk,
    isOnce: boolean,
  ) {
    this.#bus = bus;
    this.id = id;
    this.match = match;
    this.handler = handler;
    this.ask = ask;
    this.isOnce = isOnce;
    ask.signal?.addEventListener("abort", () => this.close(ask.signal!.reason));
  }

  fulfil(): void {
    this.onEnd = undefined;
    this.close();
  }

  close(...reason: [unknown] | []): void {
    if (this.closed) return;
    this.closed = true;
    this.#bus.remove(this);
    this.onEnd?.(...reason);
  }
}

interface Entry {
  readonly seq: number;
  readonly event: PlayEvent;
  readonly isReplay: boolean;
  fate: "waiting" | "in line" | "lost" | "told" | "taken";
  /** Answers the `send` that is in line with it. */
  answer?: (isTaken: boolean) => void;
}

interface Reader {
  give(entry: Entry): void;
  end(): void;
}

class NaiveSubscription implements PlaySubscription {
  closed = false;
  readonly missed: number | undefined;
  readonly id: number;
  readonly match: UnknownMatch;
  readonly ask: PlaySubscribe;
  readonly #bus: NaiveBus;
  /** Everything that was offered, in order: what is lost lies where it would have been. */
  readonly #entries: Entry[] = [];
  #reader: Reader | undefined;
  #reason: [] | [unknown] = [];
  #isAborted = false;
  #lastSeq: number;

  constructor(bus: NaiveBus, id: number, ask: PlaySubscribe) {
    this.#bus = bus;
    this.id = id;
    this.match = ask.match;
    this.ask = ask;
    const { log, kept } = bus;
    const { replay = 0, after } = ask;
    const from = after === undefined ? undefined : Number(after);
    this.missed = from === undefined ? 0 : Math.max(0, log.length - kept - from);
    if (kept > 0 && (from !== undefined || replay > 0)) {
      const found = log.map((event, at) => ({ seq: at + 1, event })).slice(-kept)
        .filter(({ seq }) => from === undefined || seq > from)
        .filter(({ event }) => bus.accepts(this.match, ask.where, event));
      for (const { seq, event } of from === undefined ? found.slice(-replay) : found) {
        this.#entries.push({ seq, event, isReplay: true, fate: "waiting" });
      }
    }
    const [first] = this.#entries;
    this.#lastSeq = from ?? (first === undefined ? log.length : first.seq - 1);
    ask.signal?.addEventListener("abort", () => {
      // An iteration does not go on, whatever has closed the subscription before.
      this.#isAborted = true;
      this.close(ask.signal!.reason);
    });
  }

  get offered(): number {
    return this.#entries.length;
  }

  get delivered(): number {
    return this.#count("taken");
  }

  get lagged(): number {
    return this.#count("lost") + this.#count("told");
  }

  get size(): number {
    return this.#count("waiting") + this.#count("in line");
  }

  get lastEventId(): string {
    return String(this.#lastSeq);
  }

  offer(event: PlayEvent, onFull: (one: NaiveSubscription, entry: Entry) => boolean): boolean {
    const { overflow } = this.ask;
    const seq = this.#bus.log.length;
    const entry: Entry = { seq, event, isReplay: false, fate: "waiting" };
    if (this.#reader === undefined && !this.#hasRoom()) {
      if (overflow === "wait") {
        entry.fate = "lost";
        this.#entries.push(entry);
        onFull(this, entry);
        return false;
      }
      if (overflow !== "drop-oldest") {
        entry.fate = "lost";
        this.#entries.push(entry);
        if (overflow === "disconnect") this.close(new LaggedError(this.id, "", 0));
        return false;
      }
      this.#waiting().find(({ isReplay }) => !isReplay)!.fate = "lost";
    }
    this.#entries.push(entry);
    if (this.#reader !== undefined) {
      const reader = this.#reader;
      this.#reader = undefined;
      reader.give(entry);
    }
    return true;
  }

  /** Puts an event in line that found no room. */
  line(entry: Entry, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((answer, reject) => {
      entry.fate = "in line";
      entry.answer = answer;
      signal?.addEventListener("abort", () => {
        if (entry.fate !== "in line") return;
        entry.fate = "lost";
        reject(signal.reason);
      });
    });
  }

  receive(): Promise<PlayEvent> {
    const [first] = this.#waiting();
    if (first !== undefined) return Promise.resolve(this.#take(first));
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#tell(Infinity);
        reject(this.#reason.length > 0 ? this.#reason[0] : new ChannelClosedError(""));
      };
      this.#wait({ give: (entry) => resolve(this.#take(entry)), end });
    });
  }

  tryReceive(): ChannelReceiveResult<PlayEvent> {
    const [first] = this.#waiting();
    if (first !== undefined) return { state: "ok", value: this.#take(first) };
    if (!this.closed) return { state: "empty" };
    this.#tell(Infinity);
    return { state: "closed" };
  }

  receiveBatch(max: number): Promise<PlayEvent[]> {
    const batch = this.#takeSome(max);
    if (batch.length > 0) return Promise.resolve(batch);
    return new Promise<PlayEvent[]>((resolve, reject) => {
      const end = (): void => {
        this.#tell(Infinity);
        if (this.#reason.length > 0) reject(this.#reason[0]);
        else resolve([]);
      };
      this.#wait({ give: (entry) => resolve([this.#take(entry)]), end });
    }).then((first) => {
      if (first.length === 0 || max === 1 || this.#isBehindGap()) return first;
      return [...first, ...this.#takeSome(max - 1)];
    });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<PlayEvent> {
    let isDone = false;
    const iterator: AsyncIterableIterator<PlayEvent> = {
      next: async () => {
        if (!isDone && !this.#isAborted) {
          try {
            return { value: await this.receive(), done: false };
          } catch (error) {
            const isQuiet = isDone || this.#reason.length === 0;
            isDone = true;
            if (!isQuiet) throw error;
          }
        } else if (!isDone) {
          isDone = true;
          throw this.ask.signal!.reason;
        }
        return { value: undefined, done: true };
      },
      return: () => {
        isDone = true;
        this.close();
        return Promise.resolve({ value: undefined, done: true });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  close(...reason: [unknown] | []): void {
    if (this.closed) return;
    this.closed = true;
    this.#reason = reason;
    for (const entry of this.#entries) {
      if (entry.fate !== "in line") continue;
      entry.fate = "lost";
      entry.answer!(false);
    }
    this.#bus.remove(this);
    this.#reader?.end();
    this.#reader = undefined;
  }

  #count(fate: Entry["fate"]): number {
    return this.#entries.filter((entry) => entry.fate === fate).length;
  }

  #waiting(): Entry[] {
    return this.#entries.filter(({ fate }) => fate === "waiting");
  }

  #hasRoom(): boolean {
    const waiting = this.#waiting().filter(({ isReplay }) => !isReplay).length;
    return waiting < this.ask.capacity && this.#count("in line") === 0;
  }

  #wait(reader: Reader): void {
    if (this.closed) reader.end();
    else this.#reader = reader;
  }

  #take(entry: Entry): PlayEvent {
    entry.fate = "taken";
    this.#lastSeq = entry.seq;
    this.#tell(this.#entries.indexOf(entry));
    for (const next of this.#entries) {
      if (next.fate !== "in line") continue;
      const waiting = this.#waiting().filter(({ isReplay }) => !isReplay).length;
      if (waiting >= this.ask.capacity) break;
      next.fate = "waiting";
      next.answer!(true);
    }
    return entry.event;
  }

  #takeSome(max: number): PlayEvent[] {
    const batch: PlayEvent[] = [];
    // What waits in line comes up behind what is taken, and is there too.
    for (let next; batch.length < max && (next = this.#waiting()[0]) !== undefined;) {
      if (batch.length > 0 && this.#isBehindGap()) break;
      batch.push(this.#take(next));
    }
    return batch;
  }

  /** Whether something was lost before what is read next, and somebody is to be told. */
  #isBehindGap(): boolean {
    const next = this.#entries.findIndex(({ fate }) => fate === "waiting");
    return this.ask.onLag !== undefined && next >= 0 &&
      this.#entries.slice(0, next).some(({ fate }) => fate === "lost");
  }

  #tell(before: number): void {
    const lost = this.#entries.slice(0, before).filter(({ fate }) => fate === "lost");
    for (const entry of lost) entry.fate = "told";
    if (lost.length > 0) this.ask.onLag?.(lost.length);
  }
}
