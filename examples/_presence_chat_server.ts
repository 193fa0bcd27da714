/**
 * What `presence_chat.ts` serves by: WebSockets of `Deno.serve` and of `Bun.serve`, in the same words.
 *
 * @module
 */

/** One connection, as the chat uses it. */
export interface Connection {
  /** Sends a text; a connection that takes none for too long is closed instead. */
  send(text: string): void;
  /** Ends it, with a code from 4000 to 4999 and a reason that the other side is told. */
  close(code: number, reason: string): void;
}

/** What the chat does with a connection. */
export interface Listener {
  /** Told of each text that comes. */
  onText(text: string): void;
  /** Told once when it is over; `isClean` if the other side has said so, and was not just lost. */
  onEnd(isClean: boolean): void;
}

/** How a server is ended. */
export interface Server {
  readonly port: number;
  stop(): Promise<void>;
}

/** How many bytes may wait for a connection. Who reads so slowly is better off connecting again. */
const MAX_WAITING_BYTES = 65_536;

/** The code of a WebSocket that was closed by whoever had it open, and had no more to do with it. */
const NORMAL = 1_000;

/** A code of our own. */
const TOO_SLOW = 4_003;

/** A WebSocket of Bun. */
interface BunSocket {
  readonly data: { readonly url: URL; listener?: Listener };
  send(text: string): void;
  close(code: number, reason: string): void;
  getBufferedAmount(): number;
}

declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    fetch(
      request: Request,
      server: { upgrade(request: Request, options: { data: BunSocket["data"] }): boolean },
    ): Response | undefined;
    websocket: {
      maxPayloadLength: number;
      open(socket: BunSocket): void;
      message(socket: BunSocket, text: unknown): void;
      close(socket: BunSocket, code: number): void;
    };
  }): { port: number; stop(closeConnections: boolean): Promise<void> };
};

/** Serves WebSockets on a port of this machine; `onOpen` says what to do with each. */
export function serveSockets(
  port: number,
  onOpen: (url: URL, connection: Connection) => Listener,
): Server {
  const serve = "Deno" in globalThis ? serveByDeno : serveByBun;
  return serve(port, onOpen);
}

function serveByDeno(
  port: number,
  onOpen: (url: URL, connection: Connection) => Listener,
): Server {
  const handler = (request: Request): Response => {
    if (request.headers.get("upgrade") !== "websocket") return noSocket();
    // Who is silent is for the fold to find out; the timer of Deno's own would outlive a connection that is lost.
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    let listener: Listener | undefined;
    socket.onopen = () => {
      listener = onOpen(new URL(request.url), {
        send(text) {
          if (socket.readyState !== WebSocket.OPEN) return;
          if (socket.bufferedAmount > MAX_WAITING_BYTES) socket.close(TOO_SLOW, "too slow");
          else socket.send(text);
        },
        close: (code, reason) => socket.close(code, reason),
      });
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") listener?.onText(data);
    };
    socket.onclose = ({ code }) => listener?.onEnd(code === NORMAL);
    return response;
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, handler);
  return { port: server.addr.port, stop: () => server.shutdown() };
}

function serveByBun(
  port: number,
  onOpen: (url: URL, connection: Connection) => Listener,
): Server {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    fetch: (request, server) =>
      server.upgrade(request, { data: { url: new URL(request.url) } }) ? undefined : noSocket(),
    websocket: {
      maxPayloadLength: MAX_WAITING_BYTES,
      open(socket) {
        socket.data.listener = onOpen(socket.data.url, {
          send(text) {
            if (socket.getBufferedAmount() > MAX_WAITING_BYTES) socket.close(TOO_SLOW, "too slow");
            else socket.send(text);
          },
          close: (code, reason) => socket.close(code, reason),
        });
      },
      message(socket, text) {
        if (typeof text === "string") socket.data.listener?.onText(text);
      },
      close: (socket, code) => socket.data.listener?.onEnd(code === NORMAL),
    },
  });
  return { port: server.port, stop: () => server.stop(true) };
}

function noSocket(): Response {
  return new Response("This address is for WebSockets.\n", { status: 426 });
}
