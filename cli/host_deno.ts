import type { Host } from "./host.ts";

/**
 * The runtime as Deno offers it.
 *
 * @returns The host.
 */
export function denoHost(): Host {
  return {
    args: Deno.args,
    get isTerminal() {
      return Deno.stdout.isTerminal();
    },
    async write(text) {
      try {
        let rest = new TextEncoder().encode(text);
        while (rest.length > 0) rest = rest.subarray(await Deno.stdout.write(rest));
        return true;
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe) return false;
        throw error;
      }
    },
    log(line) {
      try {
        let rest = new TextEncoder().encode(`${line}\n`);
        while (rest.length > 0) rest = rest.subarray(Deno.stderr.writeSync(rest));
      } catch {
        // Nobody reads it.
      }
    },
    stdin: () => Deno.stdin.readable,
    async open(path) {
      const file = await Deno.open(path);
      return {
        async read(length) {
          const buffer = new Uint8Array(length);
          return buffer.subarray(0, await file.read(buffer) ?? 0);
        },
        close: () => file.close(),
      };
    },
    async create(path, replace) {
      const stat = replace ? await Deno.lstat(path).catch(() => undefined) : undefined;
      // Not written over: a link would lead elsewhere, and whoever may read the old one could read the new one.
      if (stat?.isFile || stat?.isSymlink) await Deno.remove(path);
      const isDevice = stat !== undefined && !stat.isFile && !stat.isSymlink;
      const anew = isDevice ? {} : { createNew: true };
      const file = await Deno.open(path, { write: true, mode: 0o600, ...anew });
      return {
        async write(text) {
          let rest = new TextEncoder().encode(text);
          while (rest.length > 0) rest = rest.subarray(await file.write(rest));
        },
        close: () => file.close(),
      };
    },
    async stat(path) {
      const { size, dev, ino, isDirectory } = await Deno.stat(path);
      return { size, id: ino === null ? undefined : `${dev}:${ino}`, isDirectory };
    },
    serve({ hostname, port, handler }) {
      const closing = new AbortController();
      const answering = new Set<Promise<unknown>>();
      let isStopping = false;
      const server = Deno.serve(
        { hostname, port, signal: closing.signal, onListen: () => {} },
        (request, info) => {
          // It listens until the grace is over.
          if (isStopping) return new Response("Stopping.\n", { status: 503 });
          const answered = info.completed.catch(() => {});
          answering.add(answered);
          answered.then(() => answering.delete(answered));
          return handler(request, info);
        },
      );
      return {
        port: server.addr.port,
        async stop(graceMs) {
          isStopping = true;
          // Not by server.shutdown(): a server that is shutting down cannot be told to hurry any more.
          let timer: ReturnType<typeof setTimeout> | undefined;
          const grace = new Promise<void>((resolve) => timer = setTimeout(resolve, graceMs));
          await Promise.race([Promise.all(answering), grace]);
          clearTimeout(timer);
          closing.abort();
          await server.finished;
        },
      };
    },
    onInterrupt(callback) {
      // Windows knows only the first of these that Deno can listen to.
      const signals: Deno.Signal[] = Deno.build.os === "windows"
        ? ["SIGINT", "SIGBREAK"]
        : ["SIGINT", "SIGTERM"];
      for (const signal of signals) Deno.addSignalListener(signal, callback);
      return () => {
        for (const signal of signals) Deno.removeSignalListener(signal, callback);
      };
    },
    env(name) {
      // Asking for what is not granted would ask the user.
      const { state } = Deno.permissions.querySync({ name: "env", variable: name });
      if (state === "granted") return Deno.env.get(name);
      // This much Deno tells everybody.
      return name === "NO_COLOR" && Deno.noColor ? "1" : undefined;
    },
    exit: (code) => Deno.exit(code),
  };
}
