import { connect, createServer, type Server, type Socket } from "node:net";

/** A wire between a browser and a server, which can be cut and mended. Leaving its scope takes it away. */
export class Wire implements AsyncDisposable {
  /** Where the server listens; it may be another one after a restart. */
  target: number;
  /** Whether it lets nothing through: who calls is hung up on. */
  isCut = false;
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();

  private constructor(target: number) {
    this.target = target;
    this.#server = createServer((near) => {
      this.#hold(near);
      if (this.isCut) {
        near.destroy();
        return;
      }
      const far = connect(this.target, "127.0.0.1");
      this.#hold(far);
      near.pipe(far);
      far.pipe(near);
      near.on("close", () => far.destroy());
      far.on("close", () => near.destroy());
    });
  }

  /** Lays one to a port. */
  static async to(port: number): Promise<Wire> {
    const wire = new Wire(port);
    await new Promise<void>((resolve) => wire.#server.listen(0, "127.0.0.1", resolve));
    return wire;
  }

  /** The address at this end of it, with no path. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Breaks every connection, and lets none through until it is mended. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets connections through again. */
  mend(): void {
    this.isCut = false;
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
