import type { PostgresPool } from "kysely";

/** Clients that have been seen to. */
const seen = new WeakSet<object>();

/**
 * The pool, with a listener for errors on every client that it hands out. A connection that the server ends while its
 * client is lent and between two statements is told as an event of the client alone, and an event of that name without a
 * listener ends the process. The next statement fails with the same fault, which is then the call's.
 *
 * @see https://node-postgres.com/apis/pool#events
 * @internal
 */
export function guardClients(pool: PostgresPool): PostgresPool {
  return {
    options: pool.options,
    async connect() {
      const client = await pool.connect();
      const emitter = client as unknown as { on?(name: "error", listener: () => void): unknown };
      if (!seen.has(client) && typeof emitter.on === "function") {
        seen.add(client);
        emitter.on("error", () => {});
      }
      return client;
    },
    end: () => pool.end(),
  };
}
