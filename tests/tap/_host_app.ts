import {
  bearer,
  Tap,
  type TapHandler,
  tapHandler,
  type TapRefusalReason,
  type TapSession,
  type TapSessionStats,
  type TapStats,
} from "../../tap/mod.ts";

/** How the server of a test is set up. It is sent to processes as JSON. */
export interface HostOptions {
  readonly maxSessions?: number;
  readonly bufferEvents?: number;
  readonly heartbeatMs?: number;
  readonly stallMs?: number;
  readonly graceMs?: number;
  /** The token that readers must show; without one only this machine may read. */
  readonly token?: string;
  /** How long the server waits for its answers when it is told to end. */
  readonly stopMs?: number;
}

/** What has become of a session. */
export interface SessionState extends TapSessionStats {
  readonly id: number;
  readonly reason: string | null;
  /** How many events were offered while it was open. */
  readonly offered: number;
}

/** What `GET /state` answers. */
export interface HostState {
  readonly tap: TapStats;
  readonly open: readonly SessionState[];
  /** Of those that the audit was told to have ended. */
  readonly ended: readonly SessionState[];
  /** Why readers were refused, as the audit was told it, and how many. */
  readonly refused: Readonly<Partial<Record<TapRefusalReason, number>>>;
  /** How many events were offered. */
  readonly offered: number;
}

/**
 * A server with a tap at `/debug/tap`, as a program would have it, which tells at `/state` what has become of its sessions. `/orders/ID` is its
 * traffic, an event for each request; `POST /offer?count=N&bytes=N` offers many at once.
 */
export class HostApp implements Disposable {
  readonly tap: Tap<"decoded">;
  readonly #watch: TapHandler;
  /** How many events had been offered when a session was opened, and when it ended. */
  readonly #openedAt: Map<TapSession, number> = new Map();
  readonly #endedAt: Map<TapSession, number> = new Map();
  readonly #refused: Partial<Record<TapRefusalReason, number>> = {};
  #offered = 0;

  constructor(options: HostOptions) {
    const { maxSessions, bufferEvents, heartbeatMs, stallMs, graceMs, token } = options;
    this.tap = new Tap({
      stages: { decoded: "json" },
      maxSessions,
      bufferEvents,
      audit: (record) => {
        if (record.type === "refused") {
          this.#refused[record.reason] = (this.#refused[record.reason] ?? 0) + 1;
        } else if (record.type === "opened") this.#openedAt.set(record.session, this.#offered);
        else this.#endedAt.set(record.session, this.#offered);
      },
    });
    const authorize = token === undefined ? undefined : bearer(token);
    this.#watch = tapHandler(this.tap, { authorize, heartbeatMs, stallMs, graceMs });
  }

  /** What has become of the sessions. */
  state(): HostState {
    return {
      tap: this.tap.stats(),
      open: this.tap.sessions.map((session) => this.#stateOf(session)),
      ended: [...this.#endedAt.keys()].map((session) => this.#stateOf(session)),
      refused: this.#refused,
      offered: this.#offered,
    };
  }

  /** Answers a request. */
  readonly handler = async (request: Request, peer?: unknown): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.startsWith("/debug/tap")) return await this.#watch(request, peer);
    if (pathname === "/state") return Response.json(this.state());
    if (pathname === "/offer") {
      const text = "x".repeat(Number(searchParams.get("bytes")));
      const count = Number(searchParams.get("count"));
      for (let left = count; left > 0; left--) this.#offer({ text });
      return Response.json({ count });
    }
    const [, id] = /^\/orders\/(\d+)$/.exec(pathname) ?? [];
    if (id === undefined) {
      return Response.json({ error: `there is no ${pathname}` }, { status: 404 });
    }
    this.#offer(orderEvent(Number(id), request));
    return Response.json({ id: Number(id), item: "teapot" });
  };

  /** Ends its sessions. */
  [Symbol.dispose](): void {
    this.tap.close();
  }

  #offer(event: object): void {
    this.#offered++;
    this.tap.offer("decoded", event);
  }

  #stateOf(session: TapSession): SessionState {
    const offered = (this.#endedAt.get(session) ?? this.#offered) - this.#openedAt.get(session)!;
    return { id: session.id, reason: session.reason ?? null, offered, ...session.stats() };
  }
}

/** An event of about 300 bytes. */
function orderEvent(order: number, request: Request): object {
  return {
    order,
    time: Date.now(),
    method: request.method,
    url: request.url,
    status: 200,
    agent: request.headers.get("user-agent"),
    user: { id: order % 97, email: `user${order % 97}@example.org`, roles: ["reader", "buyer"] },
    items: [{ name: "teapot", price: 24.5, count: 1 }, { name: "cup", price: 4.25, count: 6 }],
  };
}
