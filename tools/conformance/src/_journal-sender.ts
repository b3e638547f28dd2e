import { randomUUID } from "node:crypto";
import { writeSync } from "node:fs";
import module from "node:module";
import { connectAmqp } from "@helsekontakt/amqp-messaging";
import { silentLogger, systemClock } from "@helsekontakt/core";
import { openJournal } from "@helsekontakt/journal";
import { postgresStore } from "@helsekontakt/journal/postgres";
import { Pool } from "pg";
import { runClaims } from "../../../packages/sdk/src/messaging/claim-loop.ts";
import { runDispatcher } from "../../../packages/sdk/src/messaging/dispatcher.ts";

// The process to be killed and stopped: the SDK's dispatcher on a shared PostgreSQL journal, and handlers that write a row
// of the application's own in the commit that ends a message. Tells each claim, each write to the broker and each noted
// outcome with the machine's steady time, which all processes share.

export interface SenderOptions {
  readonly postgres: string;
  readonly schema: string;
  readonly amqp: string;
  readonly queue: string;
  readonly leaseMs: number;
  /** Longest time that a message is made ready for, in milliseconds: what protection and registries take. */
  readonly workMs: number;
  /** Leaves out what keeps a stale holder from sending: the counters must see it. */
  readonly broken: boolean;
}

const options = JSON.parse(process.argv[2] ?? "{}") as SenderOptions;
const tell = (...words: unknown[]): void => {
  writeSync(1, `${process.hrtime.bigint()} ${words.join(" ")}\n`);
};
const pool = new Pool({ connectionString: options.postgres, max: 12 });
pool.on("error", () => {});
const journal = await openJournal({ store: postgresStore({ pool, schema: options.schema }) });
const connection = await connectAmqp({ url: options.amqp, username: "u", password: "p", namespace: "NS" });
const running = { stopping: new AbortController().signal, aborting: new AbortController().signal };
const owner = randomUUID();
const work = (): Promise<void> => systemClock.sleep(Math.random() * options.workMs);
// For the processes to come: one that is killed has no time for it.
module.flushCompileCache?.();
tell("ready");

const outbox = new Proxy(journal.outbox, {
  get(target, name) {
    const value: unknown = Reflect.get(target, name, target);
    if (name === "claim")
      return async (lease: Parameters<typeof target.claim>[0]) => {
        const claims = await target.claim(lease);
        for (const claim of claims) tell("claimed", claim.id, claim.fence);
        return claims;
      };
    if (name === "markSent")
      return async (claim: Parameters<typeof target.markSent>[0]) => {
        const entry = await target.markSent(claim);
        tell("noted", claim.id, claim.fence);
        return entry;
      };
    return value;
  },
});

void runDispatcher(
  {
    journal: { ...journal, outbox },
    owner,
    logger: silentLogger,
    emit: () => {},
    leaseMs: options.leaseMs,
    async send(claim, { signal, hold }) {
      await work();
      const isHeld = (): boolean => {
        const held = options.broken || hold.isHeld();
        if (held) tell("wrote", claim.id, claim.fence);
        else tell("withheld", claim.id, claim.fence);
        return held;
      };
      await connection.send(
        options.queue,
        {
          messageId: claim.messageId,
          to: options.queue,
          subject: claim.kind,
          applicationProperties: {},
          body: claim.payload,
        },
        { signal, hold: { confirm: () => (options.broken ? Promise.resolve() : hold.confirm()), isHeld } },
      );
    },
  },
  running,
);

await runClaims(
  {
    limit: 4,
    claim: (limit, signal) => journal.inbox.claim({ owner, leaseMs: options.leaseMs, limit, signal }),
    async work(claim) {
      await work();
      try {
        await journal.transaction(async (transaction) => {
          await transaction.query(`insert into "${options.schema}".handled values ($1)`, [claim.messageId]);
          await journal.inbox.handled(claim, { transaction });
        });
      } catch {
        // Another process has taken over, or the connection died: the row is undone with the outcome.
      }
    },
    changed: (wait) => journal.inbox.waitForWork(wait),
    unreadable: () => {},
  },
  running,
);
