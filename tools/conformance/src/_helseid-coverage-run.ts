import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageRoot, sourcesHash } from "./_helseid-mutants-list.ts";
import { type CoverageRecord, coveragePath } from "./_helseid-records.ts";

// How many lines and branches of packages/helseid its tests run through, measured by V8 over all tests; writes the record
// that the security table reads.
//
//   node --conditions=helsekontakt-source tools/conformance/src/_helseid-coverage-run.ts

const vitest = fileURLToPath(new URL("vitest.mjs", import.meta.resolve("vitest/package.json")));
const work = mkdtempSync(join(tmpdir(), "helsekontakt-coverage-"));
try {
  const coverage = ["--coverage", "--coverage.include=src/**", "--coverage.reporter=json-summary"];
  const { status } = spawnSync(
    process.execPath,
    [vitest, "run", ...coverage, `--coverage.reportsDirectory=${work}`, "--reporter=dot"],
    { cwd: packageRoot, stdio: ["ignore", "inherit", "inherit"] },
  );
  if (status !== 0) throw new Error("expected all tests to pass, found others; nothing is recorded");
  const { total } = JSON.parse(readFileSync(join(work, "coverage-summary.json"), "utf8")) as {
    total: Readonly<Record<"lines" | "branches", { readonly pct: number }>>;
  };
  const record: CoverageRecord = {
    command: "node --conditions=helsekontakt-source tools/conformance/src/_helseid-coverage-run.ts",
    date: new Date().toISOString().slice(0, 10),
    sources: sourcesHash(),
    lines: total.lines.pct,
    branches: total.branches.pct,
  };
  writeFileSync(coveragePath, `${JSON.stringify(record, undefined, 2)}\n`);
  process.stdout.write(`lines ${record.lines} %, branches ${record.branches} %\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
