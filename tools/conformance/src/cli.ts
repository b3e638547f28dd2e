import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

// Runs every conformance program in a process of its own, in the order of their names, and prints one row for each. A
// program ends with 0 (all as expected) or anything else; one that lacks its peer or its documents ends with 2 and says so.
const here = fileURLToPath(new URL(".", import.meta.url));
// `--record` writes what the programs count into packages/validators/CONFORMANCE.md.
if (process.argv.includes("--record")) process.env["HELSEKONTAKT_RECORD"] = "1";
const wanted = process.argv.slice(2).filter((a) => !a.startsWith("--"));
const programs = readdirSync(here)
  .filter((f) => f.endsWith(".ts") && !f.startsWith("_") && f !== "cli.ts" && !f.endsWith(".test.ts"))
  .map((f) => f.slice(0, -3))
  .filter((f) => wanted.length === 0 || wanted.includes(f))
  .sort();
// What a program prints of a row (`ok      D4: title (12 ms)`) is kept for the table of rows, which comes last.
const rowsProgram = "messaging-rows";
if (programs.includes(rowsProgram)) programs.push(...programs.splice(programs.indexOf(rowsProgram), 1));
const folder = mkdtempSync(join(tmpdir(), "helsekontakt-conformance-"));
const rows = join(folder, "rows.ndjson");
const rowLine = /^(ok|FAILED)\s+([SDORU]\d{1,2}): (.*?)(?: \([\d.]+ m?s\))?$/;
let passed = 0;
const failed: string[] = [];
for (const program of programs) {
  const started = Date.now();
  process.stdout.write(`\n-- ${program}\n`);
  const code = await new Promise<number>((resolve) => {
    const child = spawn(
      process.execPath,
      ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning", `${here}${program}.ts`],
      {
        stdio: ["ignore", "pipe", "inherit"],
        // Only a whole round knows of every row.
        env: { ...process.env, ...(wanted.length === 0 ? { HELSEKONTAKT_ROWS: rows } : {}) },
      },
    );
    child.stdout.pipe(process.stdout, { end: false });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, result, row, title] = rowLine.exec(line) ?? [];
      if (row !== undefined)
        appendFileSync(
          rows,
          `${JSON.stringify({ row, title, place: `tools/conformance/src/${program}.ts`, passed: result === "ok" })}\n`,
        );
    });
    child.on("close", (status) => resolve(status ?? 1));
  });
  process.stdout.write(
    `-- ${program}: ${code === 0 ? "ok" : `FAILED (exit ${code})`} in ${((Date.now() - started) / 1000).toFixed(1)} s\n`,
  );
  if (code === 0) passed++;
  else failed.push(program);
}
rmSync(folder, { recursive: true, force: true });
process.stdout.write(
  `\nconformance: ${passed} of ${programs.length} runs passed${failed.length > 0 ? `; failed: ${failed.join(", ")}` : ""}\n`,
);
process.exitCode = failed.length === 0 && programs.length > 0 ? 0 : 1;
