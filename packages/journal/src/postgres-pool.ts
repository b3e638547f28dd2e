import type { PostgresPool } from "kysely";

/** Clients and pools that have been seen to. */
const seen = new WeakSet<object>();

interface Emitter {
  on?(name: string, listener: (client: object) => void): unknown;
}

function guard(client: object): void {
  const { on } = client as Emitter;
  if (seen.has(client) || typeof on !== "function") return;
  seen.add(client);
  on.call(client, "error", () => {});
}

/**
 * The pool, with a listener for errors on every client that it hands out. A connection that the server ends while its
 * client is lent and between two statements is told as an event of the client alone, and an event of that name without a
 * listener ends the process. The next statement fails with the same fault, which is then the call's.
 *
 * The listener is there before the pool takes its own away: what says that the session is over may come in the same bytes
 * as what it was waiting for, so that nobody gets a turn in between.
 *
 * @see https://node-postgres.com/apis/pool#events
 * @internal
 */
export function guardClients(pool: PostgresPool): PostgresPool {
  const { on } = pool as Emitter;
  if (!seen.has(pool) && typeof on === "function") {
    seen.add(pool);
    on.call(pool, "acquire", guard);
  }
  return {
    ...(pool.Client === undefined ? {} : { Client: pool.Client }),
    options: pool.options,
    async connect() {
      const client = await pool.connect();
      // Of a pool that tells nothing.
      guard(client);
      return client;
    },
    end: () => pool.end(),
  };
}
