import { Pool } from "pg";

/** The run's own database, with the table of what the receiving application has done. */
export interface OwnDatabase {
  /** To the server's other database: to end sessions, to make this one read-only, to take it away. */
  readonly pool: Pool;
  readonly name: string;
  readonly address: string;
  /** To this one. */
  readonly rows: Pool;
}

const tidyMs = 15_000;

/** @param closing - what takes it away again, in the order in which it was made. */
export async function ownDatabase(postgres: string, closing: (() => unknown)[]): Promise<OwnDatabase> {
  const pool = new Pool({ connectionString: postgres, max: 2 });
  closing.push(() => pool.end());
  const name = `helsekontakt_chaos_${process.pid}`;
  await pool.query(`create database ${name}`);
  closing.push(() => pool.query(`drop database if exists ${name} with (force)`));
  const address = new URL(postgres);
  address.pathname = `/${name}`;
  const rows = new Pool({ connectionString: address.href, max: 2 });
  rows.on("error", () => {});
  closing.push(() => rows.end());
  await rows.query("create table public.effect (msg_id text not null, worker text not null)");
  const tidying = setInterval(() => void tidy(rows), tidyMs);
  closing.push(() => clearInterval(tidying));
  return { pool, name, address: address.href, rows };
}

/**
 * What a server's autovacuum does, which may be off where this runs: without statistics of its tables PostgreSQL reads the
 * whole backlog at each claim. Refused now and then, by the faults or before the tables are there: the next time does it.
 */
async function tidy(rows: Pool): Promise<void> {
  try {
    await rows.query("vacuum (analyze) senders.outbox, receivers.outbox, receivers.inbox");
  } catch {}
}
