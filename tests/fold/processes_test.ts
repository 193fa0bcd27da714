// deno-lint-ignore-file no-console -- how long it took is for whoever reads it: nothing depends on it.
import { assert, assertEquals } from "@std/assert";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mappedStorage } from "../../ring/mapped.ts";
import { bytesCodec, EventRing, Ring } from "../../ring/mod.ts";
import { test } from "../_harness.ts";
import { bothRuntimes, type Runtime } from "../_runtimes.ts";
import { linuxTest } from "../ring/_linux.ts";
import {
  makeUsers,
  Member,
  type MemberChange,
  type MemberSetup,
  ringSpec,
  type User,
} from "./_members.ts";

const [one, other] = bothRuntimes;
const USERS = ["ada", "bob", "cy"];

/** How long somebody is there who does not say so again, and how often it is said. */
const times = { ttlMs: 1_200, everyMs: 200 };

/** Starts a process that others hear, and that hears them. */
type Start = (
  user: User,
  runtime: Runtime,
  more?: Pick<MemberSetup, "user" | "pretends">,
) => Promise<Member>;

/** What is different from one way to another in which processes hear of each other. */
interface Way {
  /** What becomes of who is killed, where ada and bob look. */
  readonly fates: readonly ["expired" | "evicted", "expired" | "evicted"];
  /** Why somebody is refused who says that he is another. */
  readonly refusal: string;
  /** Sends something again that came from the one who is gone. */
  replay?(): void;
}

/** Checks what has become of cy, who was killed. */
function checkGone(member: Member, gone: MemberChange): void {
  const { type, reason, receivedAt, expiresAt, now } = gone;
  const seen = member.lines.filter((line): line is MemberChange =>
    "user" in line && line.user === "cy"
  );
  const last = seen[seen.indexOf(gone) - 1]!;
  assertEquals([gone.node, gone.generation, receivedAt], [
    last.node,
    last.generation,
    last.receivedAt,
  ]);
  const name = `${member.user}, by ${member.runtime.name}:`;
  const ms = Math.round(now - receivedAt);
  console.log(`${name} cy is ${type}, ${ms} ms after it was heard of last`);
  if (type === "evicted") return assertEquals(reason, "connection lost");
  assertEquals(reason, "expired");
  assertEquals(expiresAt, Math.ceil(receivedAt + times.ttlMs));
  // However late that is on a machine that is busy, it is never early.
  assert(now >= expiresAt, `${name} ${now} is before ${expiresAt}`);
}

/** Three are there, one is killed, comes back, and in the end all hold the same. */
async function play(start: Start, users: Record<string, User>, way: Way): Promise<void> {
  const { ada, bob, cy, mallory } = users as Record<"ada" | "bob" | "cy" | "mallory", User>;
  await using first = await start(ada, one);
  await using second = await start(bob, other);
  await using victim = await start(cy, other);
  const observers = [first, second];
  for (const member of [...observers, victim]) {
    for (const user of USERS) await member.sees(user, "created");
  }
  for (const member of observers) await member.sees("cy", "replaced");

  const marks = observers.map(({ lines }) => lines.length);
  await victim.kill();
  const gone: MemberChange[] = [];
  for (const [index, member] of observers.entries()) {
    gone.push(await member.sees("cy", way.fates[index]!, marks[index]));
    checkGone(member, gone[index]!);
  }

  // Neither who pretends to be the one that is gone nor who has recorded him brings him back.
  {
    await using _impostor = await start(mallory, one, { user: "cy", pretends: cy.node });
    way.replay?.();
    for (const member of observers) {
      await member.says(way.refusal, (line) => "reason" in line && line.reason === way.refusal);
      if (way.replay === undefined) continue;
      await member.says(
        "replayed",
        (line) => line.type === "rejected" && line.reason === "replayed",
      );
    }
  }
  for (const [index, member] of observers.entries()) {
    const types = member.comings("cy", marks[index]).map(({ type }) => type);
    assertEquals(types, [way.fates[index]!]);
  }

  await using again = await start(cy, one);
  for (const [index, member] of observers.entries()) {
    const { node, key, generation } = await member.sees("cy", "created", marks[index]);
    assertEquals([node, key], [cy.node, gone[index]!.key]);
    assert(generation > gone[index]!.generation);
  }

  const everybody = [first, second, again];
  for (const member of everybody) await member.do({ do: "last" });
  for (const member of everybody) {
    for (const user of USERS) {
      await member.says(
        `that of ${user} which is last`,
        (line) => "user" in line && line.user === user && line.meta === "last",
      );
    }
  }
  const held = await Promise.all(everybody.map((member) => member.list()));
  assertEquals(held[0]!.map(({ node }) => node).sort(), [ada, bob, cy].map((u) => u.node).sort());
  assertEquals(held[0]!.map(({ payload }) => payload.user).sort(), USERS);
  assertEquals(held[1], held[0]);
  assertEquals(held[2], held[0]);

  await again.do({ do: "leave" });
  for (const member of observers) await member.sees("cy", "left");
}

linuxTest(
  "Processes that share a ring in a file see who is there, who was killed, and who is there again",
  async () => {
    const path = join(tmpdir(), `weir-fold-${crypto.randomUUID()}`);
    try {
      const users = await makeUsers(...USERS, "mallory");
      // No connection says who has written what is in the ring.
      const trusted = USERS.map((user) => users[user]!.publicKey);
      const start: Start = (user, runtime, more) => {
        const lane = Object.values(users).indexOf(user);
        return Promise.resolve(
          new Member(runtime, { ...user, ...times, ...more, trusted, path, lane }),
        );
      };
      using storage = mappedStorage(path, ringSpec);
      using ring = new Ring(storage, { node: 4 });
      const events = new EventRing(ring, { codec: bytesCodec });
      const recorded = events.cursorFromStart({ node: USERS.indexOf("cy") });
      await play(start, users, {
        fates: ["expired", "expired"],
        refusal: "bad-signature",
        replay() {
          const { value } = events.poll(recorded).events.at(-1)!;
          events.publish("presence", value);
        },
      });
    } finally {
      await rm(path, { force: true });
    }
  },
);

test("Processes that are connected by sockets see who is there, who was killed, and who is there again", async () => {
  const users = await makeUsers(...USERS, "mallory");
  const ports = new Map<Member, number>();
  const start: Start = async (user, runtime, more) => {
    // One evicts who has lost the connection, the others wait until time is up.
    const evictsLost = user.user === "ada";
    const member = new Member(runtime, { ...user, ...times, ...more, trusted: [], evictsLost });
    try {
      const port = await member.port();
      for (const [known, knownPort] of ports) {
        // Somebody else may have the port of one that was killed.
        if (known.hasEnded) continue;
        await known.do({ do: "connect", port });
        await member.do({ do: "connect", port: knownPort });
      }
      ports.set(member, port);
      return member;
    } catch (error) {
      await member[Symbol.asyncDispose]();
      throw error;
    }
  };
  await play(start, users, { fates: ["evicted", "expired"], refusal: "node-mismatch" });
});
