import { receivePort, type SpanDriver, type SpanReceiver } from "../../cache/mod.ts";
import type { SpanFeedStats } from "../../cache/mod.ts";
import { until } from "../tap/_wait.ts";
import type { WorkerReport, WorkerTask } from "./_worker_feed.ts";

/** A worker of `_worker_feed.ts` whose spans are taken in. Leaving its scope ends it. */
export class Peer implements Disposable {
  readonly worker: Worker;
  readonly receiver: SpanReceiver;
  readonly #reports: WorkerReport[] = [];
  #problem: string | undefined;

  private constructor(driver: SpanDriver) {
    const url = new URL("./_worker_feed.ts", import.meta.url);
    this.worker = new Worker(url, { type: "module" });
    this.receiver = receivePort(driver, this.worker);
    this.worker.addEventListener("message", ({ data }: MessageEvent) => {
      if (data?.type === "report") this.#reports.push(data);
    });
    this.worker.addEventListener("error", (event: ErrorEvent) => {
      event.preventDefault();
      this.#problem = event.message;
    });
  }

  /** Starts one, and waits until it listens. */
  static async start(driver: SpanDriver): Promise<Peer> {
    const peer = new Peer(driver);
    await peer.#reportsAfter(0);
    return peer;
  }

  /** Tells it something, and waits until it is done. All that it has sent before has come then. */
  async tell(
    task: Partial<WorkerTask> & Pick<WorkerTask, "name" | "steps">,
  ): Promise<SpanFeedStats> {
    const before = this.#reports.length;
    const defaults = { parent: null, isPatient: false, closes: true, capacity: 1_000, lingerMs: 5 };
    this.worker.postMessage({ ...defaults, ...task } satisfies WorkerTask);
    await this.#reportsAfter(before);
    return this.#reports.at(-1)!.stats!;
  }

  async #reportsAfter(count: number): Promise<void> {
    await until("the worker reports", () => {
      if (this.#problem !== undefined) throw new Error(`A worker failed: ${this.#problem}`);
      return this.#reports.length > count;
    });
  }

  [Symbol.dispose](): void {
    this.receiver.close();
    this.worker.terminate();
  }
}
