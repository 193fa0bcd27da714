/** What goes over the bridges of these tests. */
export interface WorkerEvent {
  readonly type: "ask" | "answer" | "order" | "end";
  readonly from: string;
  readonly id: number;
}

/** What the worker is told, beside events. */
export type Task =
  /** Bridge the worker's own scope. */
  | { readonly task: "scope"; readonly name: string }
  /** Bridge a broadcast channel. */
  | { readonly task: "channel"; readonly name: string; readonly channel: string }
  /** Publish so many orders. */
  | { readonly task: "publish"; readonly count: number }
  /** Say what was seen. */
  | { readonly task: "report" }
  /** End the bridge. */
  | { readonly task: "close" };

/** What it says, beside events. */
export interface Report {
  readonly report: readonly WorkerEvent[];
  readonly sent: number;
  readonly received: number;
  readonly failed: number;
  readonly closed: boolean;
}

/** The events among the messages; what is said beside them is passed over. */
export function decode(message: unknown): WorkerEvent | undefined {
  if (typeof message !== "object" || message === null) throw new TypeError("no event");
  if ("task" in message || "report" in message) return undefined;
  if (!("type" in message)) throw new TypeError("no event");
  return message as WorkerEvent;
}
