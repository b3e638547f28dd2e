import { createHash } from "node:crypto";
import type { PostgresPool, PostgresPoolClient } from "kysely";

/** Uses after which a statement is worth a name: what is sent once or twice, as a migration is, takes no room at the server. */
const usesBefore = 2;
/** Statements with a name, and such as are counted, for each store: lists of many lengths make many texts. */
const maxNamed = 200;
const maxCounted = 1_000;

/**
 * What a server, or a pooler between, answers when it does not keep a session's statements, or keeps them for somebody else:
 * invalid_sql_statement_name, duplicate_prepared_statement; feature_not_supported of a result whose columns have changed.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const refusals: ReadonlySet<unknown> = new Set(["26000", "42P05", "0A000"]);

/**
 * The names of one store's statements. A statement with a name is read and planned by the server once for each session;
 * of a message that goes out and its answer that is a quarter of the work (2026-12-01, PostgreSQL 15: 10.1 and 7.6 ms of processor).
 */
class Names {
  readonly #known = new Map<string, string | number>();
  #named = 0;
  #refused = false;

  of(text: string): string | undefined {
    if (this.#refused) return undefined;
    const known = this.#known.get(text) ?? 0;
    if (typeof known === "string") return known;
    if (known < usesBefore) {
      if (known > 0 || this.#known.size < maxCounted) this.#known.set(text, known + 1);
      return undefined;
    }
    if (this.#named >= maxNamed) return undefined;
    this.#named++;
    const name = `helsekontakt_${createHash("sha256").update(text).digest("hex").slice(0, 24)}`;
    this.#known.set(text, name);
    return name;
  }

  /** From the first such answer on nothing has a name; the call that got it fails, and may be made again. */
  look(reason: unknown): void {
    if (refusals.has((reason as { readonly code?: unknown } | null)?.code)) this.#refused = true;
  }
}

/**
 * A pool whose clients send what comes again and again as prepared statements; one that is not `pg`'s own stays as it is, since
 * its clients may take texts alone.
 *
 * @see https://node-postgres.com/features/queries#prepared-statements
 * @internal
 */
export function preparing(pool: PostgresPool): PostgresPool {
  if (pool.Client === undefined) return pool;
  const names = new Names();
  // The same object for the same client each time: by it others know what they know of the client.
  const faces = new WeakMap<PostgresPoolClient, PostgresPoolClient>();
  return {
    Client: pool.Client,
    options: pool.options,
    async connect() {
      const client = await pool.connect();
      let face = faces.get(client);
      if (face === undefined) faces.set(client, (face = faceOf(client, names)));
      return face;
    },
    end: () => pool.end(),
  };
}

function faceOf(client: PostgresPoolClient, names: Names): PostgresPoolClient {
  const query = async (text: unknown, values?: readonly unknown[]): Promise<unknown> => {
    const name = typeof text === "string" && values !== undefined && values.length > 0 ? names.of(text) : undefined;
    const send = client.query.bind(client) as (text: unknown, values?: readonly unknown[]) => Promise<unknown>;
    if (name === undefined) return send(text, values);
    try {
      return await send({ name, text, values });
    } catch (reason) {
      names.look(reason);
      throw reason;
    }
  };
  return {
    query: query as PostgresPoolClient["query"],
    release: (destroy?: boolean) => client.release(destroy),
    get processID() {
      return (client as { readonly processID?: number }).processID;
    },
  } as PostgresPoolClient;
}
