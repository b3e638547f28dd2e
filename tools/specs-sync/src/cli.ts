#!/usr/bin/env node
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { GeneratorError } from "@helsekontakt/codegen";
import { draftChangeset } from "./changeset.ts";
import { markdown } from "./report.ts";
import { applySync, planSync } from "./sync.ts";

const usage = `specs:sync [id…] [--from DIR|FILE|URL] [--check] [--report FILE] [--json FILE] [--no-generate]

Moves the documents of specs/ to upstream's own: fetches them (from the addresses in the manifest, or from a folder or
address), reports what they state otherwise, puts our corrections on them again, writes them with their sums, drafts a
changeset and generates.

--from         a folder (found by namespace, canonical address or name), one file, or an http address
--check        writes nothing; exit code 1 when upstream moved
--report       the page as Markdown, beside standard output
--json         the same as JSON
--no-generate  leaves generating to you
--root         the repository, when it is another

Exit code 0: nothing moved, or all was written. 1: --check, and upstream moved. 2: the command line, a document that could
not be reached, a construct that the generators do not know, a correction that no longer matches, or a failed generation.`;

try {
  process.exitCode = await main(process.argv.slice(2).filter((a, i) => !(i === 0 && a === "--")));
} catch (error) {
  const known = error instanceof GeneratorError || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS");
  process.stderr.write(`specs:sync: ${known ? (error as Error).message : ((error as Error).stack ?? String(error))}\n`);
  process.exitCode = 2;
}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      from: { type: "string" },
      check: { type: "boolean" },
      report: { type: "string" },
      json: { type: "string" },
      "no-generate": { type: "boolean" },
      root: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const root = resolve(values.root ?? fileURLToPath(new URL("../../..", import.meta.url)));
  const plan = await planSync({ root, ids: positionals, from: values.from });
  const page = markdown(plan.reports);
  process.stdout.write(page);
  if (values.report !== undefined) writeFileSync(values.report, page);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ documents: plan.reports }, null, 2)}\n`);
  const unreached = plan.reports.some((r) => r.state === "not reached");
  if (values.check === true) {
    const moved = plan.reports.some((r) => r.state === "moved" || r.state === "same facts");
    return moved ? 1 : unreached ? 2 : 0;
  }
  if (plan.writes.size > 0) {
    applySync(root, plan);
    const changeset = draftChangeset(root, plan.entries, plan.reports);
    process.stdout.write(`\n${plan.writes.size} documents written, changeset drafted: ${changeset ?? "none"}\n`);
    if (values["no-generate"] !== true) {
      const { status } = spawnSync(process.execPath, [join(root, "tools/workspace/src/run.mjs"), "generate"], {
        cwd: root,
        stdio: "inherit",
      });
      if (status !== 0) return 2;
    }
  }
  return unreached ? 2 : 0;
}
