import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Kysely } from "kysely";
import { describe, it } from "vitest";
import { sqliteStore } from "../src/index.ts";
import { migrate } from "../src/migrations.ts";
import type { JournalSchema } from "../src/schema.ts";
import { nodeSqliteDialect } from "../src/sqlite-dialect.ts";
import { type Place, upgradeCases } from "./_upgrade.ts";

/** Tables in a file, on a handle of their own beside any journal's. */
async function withFile(run: (place: Place) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "helsekontakt-upgrade-"));
  const file = join(directory, "journal.db");
  const database = new DatabaseSync(file, { timeout: 5_000 });
  database.exec("pragma journal_mode=wal");
  const db = new Kysely<JournalSchema>({ dialect: nodeSqliteDialect(database) });
  try {
    await run({
      engine: "sqlite",
      db,
      store: () => sqliteStore({ file }),
      async migrate(steps) {
        database.exec("begin immediate");
        await migrate(db, "sqlite", Date.now(), steps);
        database.exec("commit");
      },
    });
  } finally {
    database.close();
    rmSync(directory, { recursive: true });
  }
}

describe("an upgrade of the journal on SQLite", () => {
  it.each(upgradeCases)("$name", ({ run }) => withFile(run));
});

// The same cases on PostgreSQL: tools/conformance/src/journal-postgres.ts, which needs a server.
