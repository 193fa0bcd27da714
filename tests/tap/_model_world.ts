/** What an event is: an object, or a text. */
export type Body = string | Readonly<Record<string, unknown>>;

/** An event that can be offered to a tap and to its model. */
export interface Spec {
  readonly stage: string;
  readonly body: Body;
  /** As it is, or what a function makes, or what `toJSON` answers. */
  readonly shape: "plain" | "made" | "toJSON";
  readonly fails: "make" | "write" | undefined;
  /** What it does when it is made, or first read as JSON. */
  readonly acts: readonly ((world: World) => void)[];
}

export interface Condition {
  readonly text: string;
  holds(body: Record<string, unknown> | undefined): boolean;
}

/** What a session is opened with. */
export interface GameOptions {
  readonly stage: readonly string[];
  readonly limit?: number;
  readonly durationMs: number;
  readonly backlog?: number;
  /** The number of an event, behind which to go on. */
  readonly since?: number;
  readonly sinceMs?: number;
  readonly where?: Condition;
  readonly fields?: readonly string[];
  /** Whether users are masked. */
  readonly masks: boolean;
  readonly sample?: number;
  readonly key?: "k";
  readonly every?: number;
  readonly reservoir?: number;
  readonly countBy?: "k";
  readonly rate?: number;
  readonly maxBytes?: number;
  readonly overflow?: "drop-newest" | "drop-oldest";
  readonly hasSignal: boolean;
  /** How many loops read it all the time; with none, somebody takes from it now and then. */
  readonly readers: number;
}

/** What can be done with a tap, and with its model. */
export interface World {
  offer(spec: Spec): void;
  openSession(options: GameOptions): void;
  closeSession(id: number): void;
  abort(id: number): void;
  kill(id: number): void;
  enable(forMs: number | undefined): void;
  disable(): void;
  addStage(name: string, format: "text" | "json"): void;
  close(reason: "input" | "shutdown"): void;
}
