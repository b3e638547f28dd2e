import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { sqliteStore } from "../src/index.ts";
import { Bench, contractCases, NeedsLastingStore } from "./_contract.ts";

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

describe("journal in memory", () => {
  it.for([...contractCases])("$name", async ({ run }, context) => {
    const bench = new Bench(() => sqliteStore({ file: ":memory:" }), false);
    try {
      await run(bench);
    } catch (reason) {
      if (!(reason instanceof NeedsLastingStore)) throw reason;
      context.skip("opens its store a second time");
    } finally {
      await bench.close();
    }
  });
});
