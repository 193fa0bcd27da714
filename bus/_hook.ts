import { type Host, isPlain, type Outlet, type OutletSetup } from "./_outlet.ts";
import type { Placement } from "./_index.ts";

/** What a hook is made of. */
export interface HookSetup<E> extends OutletSetup<E> {
  readonly handler: (event: E) => unknown;
  readonly isOnce: boolean;
}

/** A function that is called with events: what a bus knows of a {@linkcode Listener}. */
export class Hook<E> implements Outlet<E> {
  id = 0;
  // Given by the bus if it is not given by the user.
  name!: string;
  readonly placement: Placement;
  readonly where: ((event: E) => boolean) | undefined;
  readonly origin: unknown;
  readonly host: Host<E>;
  readonly handler: (event: E) => unknown;
  readonly isOnce: boolean;
  readonly isPlain: boolean;
  found = -1;
  isClosed = false;
  /** Stops listening to its signal. */
  unlisten: (() => void) | undefined;
  /** Called when it is closed before its one event has come. */
  onEnd: ((...reason: [reason: unknown] | []) => void) | undefined;

  constructor(setup: HookSetup<E>) {
    if (setup.name !== undefined) this.name = setup.name;
    this.placement = setup.placement;
    this.where = setup.where;
    this.origin = setup.origin;
    this.host = setup.host;
    this.handler = setup.handler;
    this.isOnce = setup.isOnce;
    this.isPlain = isPlain(setup) && !setup.isOnce;
  }

  close(...reason: [reason: unknown] | []): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.unlisten?.();
    this.host.remove(this);
    this.onEnd?.(...reason);
  }
}
