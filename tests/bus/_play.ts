import { assert, assertEquals } from "@std/assert";
import type { BusOverflow, UnknownMatch } from "../../bus/mod.ts";
import { Random } from "../_random.ts";
import { settle } from "../_settle.ts";
import { randomFields, randomMatch } from "./_matching.ts";
import type { PlayAsk, PlayBus, PlayEvent, PlayListener, PlaySubscription } from "./_naive.ts";

/** One random play: the same one does the same operations to any bus. */
export interface Play {
  readonly seed: number;
  readonly rounds: number;
  readonly policies: readonly BusOverflow[];
  /** How many events the bus keeps, or 0. */
  readonly kept: number;
  /** Whether events are also published by `send`. */
  readonly sends: boolean;
  /** Whether handlers do something themselves. */
  readonly handlersAct: boolean;
  /** Whether subscriptions have somebody to tell of losses. */
  readonly tells: boolean;
  /** Whether events are also read in batches. */
  readonly batches: boolean;
}

/** Somebody who reads a subscription, one operation at a time. */
interface Reading {
  readonly name: string;
  readonly subscription: PlaySubscription;
  /** Whether a loop does all of the reading. */
  readonly isLoop: boolean;
  iterator: AsyncIterator<PlayEvent> | undefined;
  isBusy: boolean;
  /** Lets the loop go on. */
  go: () => void;
}

/** More subscribers than this are not there at once, so that a play stays quick. */
const MOST = 14;

function describe(reason: unknown): string {
  return reason instanceof Error ? reason.name : String(reason);
}

/** Plays, and answers what could be observed: a text a round. */
export async function play(make: () => PlayBus, game: Play): Promise<string[]> {
  const random = new Random(game.seed);
  const bus = make();
  const transcript: string[] = [];
  let noted = new Map<string, string[]>();
  let actions: string[] = [];
  let readings: Reading[] = [];
  let listeners: { name: string; listener: PlayListener }[] = [];
  let controllers = [new AbortController(), new AbortController()];
  const ids: (string | undefined)[] = [];
  let events = 0;
  let names = 0;
  // How many operations handlers may still do in this round.
  let budget = 0;
  // Whether to remember how far somebody has read, once all that is read now has arrived.
  let isMarking = false;
  // What closes inside of a publish makes its count a matter of taste.
  let closings = 0;

  /** Notes an outcome under its stream: within one, the order counts. */
  const note = (stream: string, text: string): void => {
    if (!noted.has(stream)) noted.set(stream, []);
    noted.get(stream)!.push(text);
  };
  const makeEvent = (nested: number): PlayEvent => ({
    ...randomFields(random),
    n: ++events,
    nested,
  });
  /** Those that are asked for least find something, too. */
  const makeMatch = (): UnknownMatch => random.below(4) === 0 ? {} : randomMatch(random);
  const makeAsk = (): PlayAsk => {
    const kind = random.below(8);
    const where = kind === 0
      ? ({ n }: PlayEvent) => n % 3 > 0
      : kind === 1
      ? ({ n }: PlayEvent) => {
        if (n % 4 === 0) throw new Error("a predicate");
        return n % 2 > 0;
      }
      : undefined;
    const origin = random.below(6) === 0 ? random.pick(["left", "right"]) : undefined;
    const signal = random.below(8) === 0 ? random.pick(controllers).signal : undefined;
    return { where, origin, signal };
  };
  const publish = (nested: number): void => {
    if (bus.closed) return;
    const event = makeEvent(nested);
    const origin = random.below(5) === 0 ? random.pick(["left", "right"]) : undefined;
    const before = closings;
    const count = bus.publish(event, origin === undefined ? undefined : { origin });
    if (before === closings) note("publish", `${event.n} for ${count}`);
  };
  const subscribe = (): void => {
    if (bus.closed || readings.length >= MOST) return;
    const name = `queue ${++names}`;
    const replays = game.kept > 0 && random.below(3) === 0;
    const after = game.kept > 0 && ids.length > 0 && random.below(4) === 0
      ? random.pick(ids)
      : undefined;
    const subscription = bus.subscribe({
      ...makeAsk(),
      match: makeMatch(),
      capacity: 1 + random.below(4),
      overflow: random.pick(game.policies),
      onLag: game.tells ? (lost) => note(name, `lost ${lost}`) : undefined,
      ...(replays ? { replay: random.pick([1, 2, Infinity]) } : {}),
      after,
    });
    const isLoop = random.below(4) === 0;
    const reading: Reading = {
      name,
      subscription,
      isLoop,
      iterator: undefined,
      isBusy: false,
      go: () => {},
    };
    if (isLoop) loop(reading, 1 + random.below(40));
    readings.push(reading);
    note("subscribe", `${name}, missed ${subscription.missed}`);
  };
  const listen = (): void => {
    if (bus.closed || listeners.length >= MOST) return;
    const isOnce = random.below(4) === 0;
    const name = `${isOnce ? "once" : "on"} ${++names}`;
    const handler = (event: PlayEvent): void => {
      note("handlers", `${name} got ${event.n}`);
      if (game.handlersAct) react(event);
    };
    const ask = makeAsk();
    const listener = isOnce
      ? bus.once(makeMatch(), handler, ask)
      : bus.on(makeMatch(), handler, ask);
    listeners.push({ name, listener });
  };
  /** What a handler does. */
  const react = (event: PlayEvent): void => {
    if (budget === 0) return;
    budget--;
    const kind = random.below(12);
    if (kind < 4 && event.nested < 4) publish(event.nested + 1);
    else if (kind === 4) subscribe();
    else if (kind === 5) listen();
    else if (kind === 6) end();
    else if (kind === 7) tryReceive();
    else if (kind === 8) throw new Error("a handler");
  };
  /** Closes somebody. */
  const end = (): void => {
    closings++;
    if (random.below(2) === 0 && readings.length > 0) random.pick(readings).subscription.close();
    else if (listeners.length > 0) random.pick(listeners).listener.close();
  };
  const idle = (): Reading | undefined => {
    const some = readings.filter(({ isBusy, isLoop }) => !isBusy && !isLoop);
    return some.length === 0 ? undefined : random.pick(some);
  };
  /** Notes how an operation ends, during which nothing else is read. */
  const watch = <T>(reading: Reading, promise: Promise<T>, show: (value: T) => string): void => {
    reading.isBusy = true;
    promise.then((value) => note(reading.name, show(value)), (reason) => {
      note(reading.name, describe(reason));
    }).then(() => {
      reading.isBusy = false;
    });
  };
  const tryReceive = (): void => {
    const reading = idle();
    if (reading === undefined) return;
    const result = reading.subscription.tryReceive();
    note(reading.name, result.state === "ok" ? `got ${result.value.n}` : result.state);
  };
  async function loop(reading: Reading, most: number): Promise<void> {
    let left = most;
    try {
      for await (const { n } of reading.subscription) {
        note(reading.name, `got ${n}`);
        if (--left === 0) break;
        await new Promise<void>((resolve) => reading.go = resolve);
      }
      note(reading.name, "end");
    } catch (reason) {
      note(reading.name, describe(reason));
    }
  }

  const act: Record<string, () => void> = {
    publish: () => publish(0),
    send() {
      if (bus.closed) return;
      const event = makeEvent(0);
      const signal = random.below(4) === 0 ? random.pick(controllers).signal : undefined;
      const before = closings;
      bus.send(event, { signal }).then((count) => {
        note(`send ${event.n}`, before === closings ? `for ${count}` : "done");
      }, (reason) => note(`send ${event.n}`, describe(reason)));
    },
    subscribe,
    listen,
    next() {
      if (bus.closed) return;
      const name = `next ${++names}`;
      const { where, signal } = makeAsk();
      bus.next(makeMatch(), { where, signal }).then(
        ({ n }) => note(name, `got ${n}`),
        (reason) => note(name, describe(reason)),
      );
    },
    close: end,
    unsubscribe() {
      const id = 1 + random.below(names + 1);
      note("unsubscribe", `${id} ${bus.unsubscribe(id)}`);
    },
    abort() {
      const at = random.below(controllers.length);
      controllers[at]!.abort(`abort of round ${transcript.length}`);
      controllers = controllers.with(at, new AbortController());
    },
    receive() {
      const reading = idle();
      if (reading === undefined) return;
      watch(reading, reading.subscription.receive(), ({ n }) => `got ${n}`);
    },
    tryReceive,
    receiveBatch() {
      const reading = idle();
      if (reading === undefined) return;
      const max = random.pick([1, 2, 3, Infinity]);
      watch(reading, reading.subscription.receiveBatch(max), (batch) => {
        assert(batch.length <= max);
        return `batch ${batch.map(({ n }) => n)}`;
      });
    },
    iterate() {
      const reading = idle();
      if (reading === undefined) return;
      reading.iterator ??= reading.subscription[Symbol.asyncIterator]();
      watch(reading, reading.iterator.next(), ({ done, value }) => done ? "end" : `got ${value.n}`);
    },
    leave() {
      const reading = random.pick(readings);
      if (reading?.iterator === undefined || random.below(4) > 0) return;
      reading.iterator.return!();
    },
    go() {
      for (const { go } of readings) if (random.below(2) === 0) go();
    },
    mark() {
      isMarking = true;
    },
  };
  const writing = ["publish", "publish", "publish", ...(game.sends ? ["send", "send"] : [])];
  const reading = ["receive", "tryReceive", "iterate", "go", "go"];
  if (game.batches) reading.push("receiveBatch");
  const coming = ["subscribe", "subscribe", "listen", "next", "mark"];
  const going = ["close", "unsubscribe", "abort", "leave"];

  for (let round = 0; round < game.rounds; round++) {
    actions = [];
    noted = new Map();
    budget = 12;
    // Now the publishers are ahead, now the readers.
    const bias = (Math.floor(round / 8) % 3 + 1) / 4;
    for (let count = 1 + random.below(6); count > 0; count--) {
      const kind = random.next();
      const name = round < 3 || kind < 0.1
        ? random.pick(coming)
        : kind < 0.13
        ? random.pick(going)
        : random.pick(random.next() < bias ? writing : reading);
      actions.push(name);
      act[name]!();
      // An abort of a send takes effect a little later.
      if (name === "abort") break;
    }
    if (round === game.rounds - 4) {
      if (random.below(2) === 0) bus.close();
      else bus.close("closed for a reason");
    }
    await settle();
    if (isMarking && readings.length > 0) ids.push(random.pick(readings).subscription.lastEventId);
    isMarking = false;
    const states = readings.map(({ name, subscription }) => {
      const { size, offered, delivered, lagged, closed } = subscription;
      assertEquals(offered, delivered + lagged + size);
      return `${name}: size ${size}, offered ${offered}, delivered ${delivered}, lagged ${lagged}` +
        (closed ? ", closed" : "");
    });
    states.push(...listeners.map(({ name, listener }) => `${name} closed ${listener.closed}`));
    const stats = bus.stats();
    const { published, offered, delivered, lagged, errors } = stats;
    const there = [stats.subscriptions, stats.listeners].map((list) => list.map(({ id }) => id));
    states.push(JSON.stringify({ published, offered, delivered, lagged, errors, there }));
    const streams = [...noted].toSorted(([one], [other]) => one < other ? -1 : 1)
      .map(([stream, texts]) => `${stream}: ${texts.join(", ")}`);
    transcript.push([`round ${round}: ${actions.join(", ")}`, ...streams, ...states].join("\n  "));
    // Those that are over make room for others.
    readings = readings.filter(({ subscription }) => !subscription.closed || subscription.size > 0);
    listeners = listeners.filter(({ listener }) => !listener.closed);
  }
  for (const { go } of readings) go();
  await settle();
  return transcript;
}

/** Fails with the first round that differs, and those that led to it. */
export function assertSamePlay(actual: string[], expected: string[], what: string): void {
  const at = expected.findIndex((round, i) => round !== actual[i]);
  if (at < 0) return assertEquals(actual.length, expected.length);
  const before = expected.slice(Math.max(0, at - 2), at).join("\n");
  assertEquals(actual[at], expected[at], `${what}\n${before}`);
}
