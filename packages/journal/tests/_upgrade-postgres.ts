import { Kysely, PostgresDialect } from "kysely";
import type { Pool } from "pg";
import { guardClients } from "../src/postgres-pool.ts";
import { migratePostgres } from "../src/postgres-migrate.ts";
import { postgresStore } from "../src/postgres.ts";
import type { JournalSchema } from "../src/schema.ts";
import type { Place } from "./_upgrade.ts";

/** Runs a case on a schema of its own, dropped afterwards. */
export async function postgresPlace(pool: Pool, schema: string, run: (place: Place) => Promise<void>): Promise<void> {
  const root = new Kysely<JournalSchema>({ dialect: new PostgresDialect({ pool: guardClients(pool) }) });
  try {
    await run({
      engine: "postgres",
      schema,
      db: root.withSchema(schema),
      store: () => postgresStore({ pool, schema }),
      migrate: (steps) => migratePostgres(root, schema, steps),
    });
  } finally {
    await pool.query(`drop schema if exists "${schema}" cascade`);
  }
}
