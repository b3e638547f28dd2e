import { type Kysely, sql } from "kysely";
import { type Migration, migrate, migrations } from "./migrations.ts";
import type { JournalSchema } from "./schema.ts";

/** deadlock_detected, lock_not_available. */
const inTheWay: ReadonlySet<unknown> = new Set(["40P01", "55P03"]);
/** A table's new lock waits for every transaction on it, and all that come later wait behind it: not for longer than this. */
const lockTimeoutMs = 2_000;
const tries = 15;

/**
 * Makes the schema and brings its tables up to date, in one transaction. Processes that start together do so one after the
 * other. Processes at work on the tables go on: a long transaction of theirs makes this one wait in short steps, between
 * which they are let through.
 *
 * @throws the database's error, `55P03` when the tables were in use for too long
 * @internal
 */
export async function migratePostgres(
  root: Kysely<JournalSchema>,
  schema: string,
  steps: readonly Migration[] = migrations,
): Promise<void> {
  for (let attempt = 1; ; attempt++)
    try {
      return await root.transaction().execute(async (trx) => {
        await sql`select pg_advisory_xact_lock(hashtextextended(${`helsekontakt/${schema}`}, 0))`.execute(trx);
        await sql`select set_config('lock_timeout', ${`${lockTimeoutMs}`}, true)`.execute(trx);
        const { rows } = await sql<{ found: number }>`
          select 1 as found from information_schema.schemata where schema_name = ${schema}`.execute(trx);
        if (rows.length === 0) await trx.schema.createSchema(schema).execute();
        await migrate(trx.withSchema(schema), "postgres", Date.now(), steps);
      });
    } catch (reason) {
      if (attempt === tries || !inTheWay.has((reason as { code?: unknown } | null)?.code)) throw reason;
      await new Promise((resolve) => setTimeout(resolve, 200 * attempt));
    }
}
