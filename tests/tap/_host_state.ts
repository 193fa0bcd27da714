import type { HostState, SessionState } from "./_host_app.ts";

/** A server under test: one of {@linkcode HostApp}, in this process or in another. */
export interface Host {
  readonly port: number;
  /** The token that its tap wants. */
  readonly token?: string;
}

/** What the server says of itself. */
export async function stateOf({ port }: Host): Promise<HostState> {
  return await (await fetch(`http://127.0.0.1:${port}/state`)).json();
}

/** Waits until the state of a server is as it should be; answers it. */
export async function state(
  what: string,
  host: Host,
  isSo: (state: HostState) => boolean,
): Promise<HostState> {
  for (let tries = 0; tries < 1_000; tries++) {
    const found = await stateOf(host);
    if (isSo(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`Waited in vain: ${what}: ${JSON.stringify(await stateOf(host))}`);
}

/** Checks that nothing that a session has seen is unaccounted for, and answers how many events its reader was given. */
export function delivered(session: SessionState): number {
  const { seen, matched, sampledOut, rateLimited, dropped, captured, held } = session;
  const sum = seen - matched + sampledOut + rateLimited + dropped + captured + held;
  if (seen === sum && seen === session.offered) {
    return captured - session.undelivered - session.size;
  }
  throw new Error(`The counts of a session do not add up: ${JSON.stringify(session)}`);
}
