import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { sqliteStore } from "../src/index.ts";
import { Bench, contractCases } from "./_contract.ts";

describe("journal on SQLite", () => {
  it.each(contractCases)("$name", async ({ run }) => {
    const directory = mkdtempSync(join(tmpdir(), "helsekontakt-journal-"));
    const bench = new Bench(() => sqliteStore({ file: join(directory, "journal.db") }));
    try {
      await run(bench);
    } finally {
      await bench.close();
      rmSync(directory, { recursive: true });
    }
  });
});
