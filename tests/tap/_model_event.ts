import type { NaiveEvent, NaiveStage, NaiveTap } from "./_model.ts";
import type { Body, GameOptions, Spec } from "./_model_world.ts";

/** An event on its way, which is made and written when somebody first asks for it, and does then what it is told to. */
export class NaiveOffered {
  readonly tap: NaiveTap;
  readonly spec: Spec;
  hasFailed = false;
  #isMade = false;
  #hasActed = false;
  #isWritten = false;
  #event: NaiveEvent | undefined;
  readonly #format: "text" | "json";

  constructor(tap: NaiveTap, stage: NaiveStage, spec: Spec) {
    this.tap = tap;
    this.spec = spec;
    this.#format = stage.format;
  }

  /** One that was written before. */
  static kept(tap: NaiveTap, event: NaiveEvent): NaiveOffered {
    const stage = tap.stages.find(({ name }) => name === event.stage)!;
    const spec: Spec = {
      stage: event.stage,
      body: event.body,
      shape: "plain",
      fails: undefined,
      acts: [],
    };
    const offered = new NaiveOffered(tap, stage, spec);
    offered.#isMade = offered.#isWritten = true;
    offered.#event = event;
    return offered;
  }

  /** What a path begins at, which is an object or nothing here; a filter asks no further if the event has failed. */
  read(isFilter: boolean): Record<string, unknown> | undefined {
    this.#make();
    if (this.hasFailed && (isFilter || this.spec.fails === "make")) return undefined;
    const { body } = this.spec;
    if (typeof body !== "string") {
      this.#act("toJSON");
      return body;
    }
    return this.#format === "text" ? objectOf(body) : undefined;
  }

  /** The event as it is kept, and as sessions that hide nothing else see it. */
  event(): NaiveEvent | undefined {
    if (this.#isWritten) return this.#event;
    this.#isWritten = true;
    this.#make();
    if (this.hasFailed) return undefined;
    const { body, stage, fails } = this.spec;
    if (typeof body !== "string") this.#act("toJSON");
    const line = this.#line(this.tap.bounds.masks, undefined);
    if (fails === "write" || line === undefined) this.#fail();
    else this.#event = this.tap.makeEvent(stage, body, line);
    return this.#event;
  }

  lineFor({ masks, fields }: GameOptions): string | undefined {
    return this.#line(masks || this.tap.bounds.masks, fields);
  }

  #make(): void {
    if (this.#isMade) return;
    this.#isMade = true;
    this.#act("made");
    if (this.spec.fails === "make") this.#fail();
  }

  #act(shape: "made" | "toJSON"): void {
    if (this.spec.shape !== shape || this.#hasActed) return;
    this.#hasActed = true;
    for (const act of this.spec.acts) act(this.tap);
  }

  #fail(): void {
    if (!this.hasFailed) this.tap.unwritable++;
    this.hasFailed = true;
  }

  #line(masks: boolean, fields: readonly string[] | undefined): string | undefined {
    const { body } = this.spec;
    if (typeof body === "string" && this.#format === "json") {
      return JSON.stringify(masks ? "[redacted]" : body);
    }
    const object: Body | undefined = typeof body === "string" ? objectOf(body) : body;
    if (object === undefined) return masks ? undefined : body as string;
    const shown = Object.entries(object)
      .filter(([key]) => fields === undefined || fields.includes(key))
      .map(([key, value]) => [key, masks && key === "user" ? "[redacted]" : value]);
    return JSON.stringify(Object.fromEntries(shown));
  }
}

function objectOf(text: string): Record<string, unknown> | undefined {
  return text.startsWith("{") ? JSON.parse(text) as Record<string, unknown> : undefined;
}
