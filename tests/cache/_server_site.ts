import { extractContext, injectContext, SpanCache, traceHandler } from "../../cache/mod.ts";
import { Random } from "../_random.ts";
import { serve, type TestServer } from "../tap/_server.ts";
import { makePlay, type Play, Player, shapeOfPlay } from "./_context_play.ts";
import { inOrder } from "./_context_tree.ts";

/** How many requests wait for each other at the beginning, so that as many run at a time. */
export const CROWD = 100;
/** The most spans that a request makes by itself, besides its own. */
const MAX_SPANS = 12;

/** A server that is traced, and whose requests do much at the same time. */
export class Site implements AsyncDisposable {
  readonly cache: SpanCache = new SpanCache({ capacity: 40_000 });
  /** How many requests run, and the most there have been. */
  running = 0;
  most = 0;
  /** What was wrong with the context of some request. */
  readonly faults: string[] = [];

  readonly #server: TestServer;
  readonly #player: Player = new Player(this.cache);
  readonly #crowd: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #gate: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor() {
    const idOf = ({ url }: Request): string => new URL(url).searchParams.get("id")!;
    const handler = traceHandler(this.cache, async (request: Request) => {
      const { current } = this.cache;
      this.most = Math.max(this.most, ++this.running);
      try {
        await this.#answer(idOf(request), new URL(request.url).pathname);
      } finally {
        this.running--;
      }
      if (this.cache.current !== current) this.faults.push(`${idOf(request)} has another span`);
      return new Response(current?.traceId);
    }, { fields: (request) => ({ node: idOf(request) }) });
    this.#server = serve(handler);
  }

  /** Asks for something; answers the id of its trace. */
  async ask(path: string, id: string): Promise<string> {
    const headers = new Headers();
    injectContext(headers, this.cache.current);
    const response = await fetch(`${this.#server.url}${path}?id=${id}`, { headers });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${id} was answered with ${response.status}`);
    const asked = extractContext(headers)?.traceId;
    if (asked !== undefined && asked !== text) this.faults.push(`${id} is in another trace`);
    return text;
  }

  /** Lets the request go on that waits at `/held`. */
  release(): void {
    this.#gate.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.#server[Symbol.asyncDispose]();
    this.cache.close();
  }

  async #answer(id: string, path: string): Promise<void> {
    if (path === "/held") return await this.#hold(id);
    if (this.running === CROWD) this.#crowd.resolve();
    if (Number(id) < CROWD) await this.#crowd.promise;
    const asking = asksItself(id)
      ? this.cache.span("ask", { node: `${id}.ask` }, async () => {
        await this.ask("/play", `${id}a`);
      }, { kind: "client" })
      : undefined;
    await Promise.all([this.#player.play(playOf(id)), asking]);
  }

  async #hold(id: string): Promise<void> {
    await this.cache.span("part", { node: `${id}.done` }, () => Promise.resolve());
    await this.cache.span("part", { node: `${id}.waits` }, () => this.#gate.promise);
  }
}

/** Whether a request asks the server something itself. */
function asksItself(id: string): boolean {
  return Number(id) % 10 === 0;
}

function playOf(id: string): Play {
  return makePlay(new Random(Number.parseInt(id, 16)), `${id}.0`, MAX_SPANS);
}

/** The shape that the trace of a request must have. */
export function shapeOfRequest(id: string): string {
  const parts = [shapeOfPlay(playOf(id))];
  if (asksItself(id)) parts.push(`${id}.ask(${shapeOfRequest(`${id}a`)})`);
  return `${id}(${inOrder(parts)})`;
}
