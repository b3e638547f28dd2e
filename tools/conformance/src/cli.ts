import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
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
let passed = 0;
const failed: string[] = [];
for (const program of programs) {
  const started = Date.now();
  process.stdout.write(`\n-- ${program}\n`);
  const code = await new Promise<number>((resolve) => {
    const child = spawn(
      process.execPath,
      ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning", `${here}${program}.ts`],
      { stdio: ["ignore", "inherit", "inherit"] },
    );
    child.on("close", (status) => resolve(status ?? 1));
  });
  process.stdout.write(
    `-- ${program}: ${code === 0 ? "ok" : `FAILED (exit ${code})`} in ${((Date.now() - started) / 1000).toFixed(1)} s\n`,
  );
  if (code === 0) passed++;
  else failed.push(program);
}
process.stdout.write(
  `\nconformance: ${passed} of ${programs.length} runs passed${failed.length > 0 ? `; failed: ${failed.join(", ")}` : ""}\n`,
);
process.exitCode = failed.length === 0 && programs.length > 0 ? 0 : 1;
