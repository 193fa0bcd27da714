import type { Host, HostFile } from "./host.ts";

const CHUNK_BYTES = 65_536;

const NEWLINE = new TextEncoder().encode("\n");

/** How often a file that is followed is looked at again, in milliseconds. */
const POLL_MS = 200;

/**
 * Opens a file as a stream of its bytes.
 *
 * One that is followed goes on with what is written to it later, as `tail -F` does: when the file is cut short, or another takes its
 * place, reading goes on at the beginning. It ends when the stream is cancelled.
 *
 * @throws Rejects with what the host says of a file that cannot be opened, and with an error for a directory.
 */
export async function openInput(
  host: Host,
  path: string,
  follow: boolean,
): Promise<ReadableStream<Uint8Array>> {
  const { isDirectory, ...first } = await host.stat(path);
  if (isDirectory) throw new Error("it is a directory");
  let { id } = first;
  let file: HostFile | undefined = await host.open(path);
  let offset = 0;
  let lastByte = NEWLINE[0];
  let isCancelled = false;
  let wake = (): void => {};

  function close(): void {
    file?.close();
    file = undefined;
  }
  /** What there is to read; when that is nothing and another file stands at the path, goes on with that. */
  async function read(): Promise<Uint8Array> {
    if (file === undefined) return new Uint8Array();
    // Looked at before reading, so that the last lines of a file that is being replaced are read before its successor's.
    const now = follow ? await host.stat(path).catch(() => undefined) : undefined;
    const chunk = await file.read(CHUNK_BYTES);
    offset += chunk.length;
    lastByte = chunk.at(-1) ?? lastByte;
    if (chunk.length > 0 || now === undefined || now.isDirectory) return chunk;
    if (now.id === id && now.size >= offset) return chunk;
    // While a log is rotated there may be no file for a moment.
    const next = await host.open(path).catch(() => undefined);
    if (next === undefined) return chunk;
    // If yet another has taken its place since, this may be that one, and the next look tells.
    const after = await host.stat(path).catch(() => undefined);
    if (after?.id !== now.id) {
      next.close();
      return chunk;
    }
    close();
    file = next;
    id = now.id;
    offset = 0;
    if (isCancelled) close();
    // The last line of the one may lack its end, and is not the beginning of the other's first.
    return lastByte === NEWLINE[0] ? await read() : NEWLINE;
  }

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        const chunk = await read().catch((cause) => {
          close();
          if (isCancelled) return new Uint8Array();
          throw new Error(`Cannot read input "${path}": ${(cause as Error).message}`, { cause });
        });
        if (isCancelled) return;
        if (chunk.length > 0) {
          controller.enqueue(chunk);
          return;
        }
        if (!follow) {
          close();
          controller.close();
          return;
        }
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, POLL_MS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
    cancel() {
      isCancelled = true;
      close();
      wake();
    },
  }, { highWaterMark: 0 });
}
