import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// Runs every conformance program in a process of its own and prints what each said, one after the other. A program ends
// with 0 (all as expected) or anything else; one that lacks its peer or its documents ends with 2 and says so.
const here = fileURLToPath(new URL(".", import.meta.url));
// `--record` writes what the programs count into packages/validators/CONFORMANCE.md.
if (process.argv.includes("--record")) process.env["HELSEKONTAKT_RECORD"] = "1";
const wanted = process.argv.slice(2).filter((a) => !a.startsWith("--"));
const programs = readdirSync(here)
  .filter((f) => f.endsWith(".ts") && !f.startsWith("_") && f !== "cli.ts" && !f.endsWith(".test.ts"))
  .map((f) => f.slice(0, -3))
  .filter((f) => wanted.length === 0 || wanted.includes(f))
  .sort();
/** Programs that measure memory, or load both processors by themselves: each has the machine for itself. */
const alone: ReadonlySet<string> = new Set(["chaos", "large-message", "queues-admin", "safety-fuzz"]);
/** The one that takes what time is left (`HELSEKONTAKT_UNTIL`, seconds since 1970), or some minutes where nothing is said. */
const untilTime = "chaos";
const someSeconds = 200;
/** The long ones first, so that none is left running alone at the end; much of their time they wait. */
const first = ["broker-restarts", "helseid-security", "specs-official", "members-faults"];
// What a program prints of a row (`ok      D4: title (12 ms)`) is kept for the table of rows, which comes last.
const last = "messaging-rows";
const folder = mkdtempSync(join(tmpdir(), "helsekontakt-conformance-"));
const rows = join(folder, "rows.ndjson");
const rowLine = /^(ok|FAILED)\s+([SDORU]\d{1,2}): (.*?)(?: \([\d.]+ m?s\))?$/;
let passed = 0;
const failed: string[] = [];

async function run(program: string, live: boolean, args: readonly string[] = []): Promise<void> {
  const started = Date.now();
  if (live) process.stdout.write(`\n-- ${[program, ...args].join(" ")}\n`);
  const said: Buffer[] = [];
  const code = await new Promise<number>((resolve) => {
    const child = spawn(
      process.execPath,
      ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning", `${here}${program}.ts`, ...args],
      {
        stdio: ["ignore", "pipe", "pipe"],
        // Only a whole round knows of every row.
        env: { ...process.env, ...(wanted.length === 0 ? { HELSEKONTAKT_ROWS: rows } : {}) },
      },
    );
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (bytes: Buffer) => {
        said.push(bytes);
        if (live) process.stdout.write(bytes);
      });
    child.on("close", (status) => resolve(status ?? 1));
  });
  const text = Buffer.concat(said).toString("utf8");
  for (const line of text.split("\n")) {
    const [, result, row, title] = rowLine.exec(line) ?? [];
    if (row === undefined) continue;
    const place = `tools/conformance/src/${program}.ts`;
    appendFileSync(rows, `${JSON.stringify({ row, title, place, passed: result === "ok" })}\n`);
  }
  if (!live) process.stdout.write(`\n-- ${program}\n${text}`);
  const verdict = code === 0 ? "ok" : `FAILED (exit ${code})`;
  process.stdout.write(`-- ${program}: ${verdict} in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
  if (code === 0) passed++;
  else failed.push(program);
}

const rank = (program: string): number => (first.includes(program) ? first.indexOf(program) : first.length);
const together = programs.filter((p) => !alone.has(p) && p !== last).sort((a, b) => rank(a) - rank(b));
// Two that write into the same page would undo each other.
const lanes = process.env["HELSEKONTAKT_RECORD"] === undefined ? Math.min(2, availableParallelism()) : 1;
let next = 0;
await Promise.all(
  Array.from({ length: Math.min(lanes, together.length) }, async () => {
    for (let program = together[next++]; program !== undefined; program = together[next++])
      await run(program, together.length === 1);
  }),
);
for (const program of programs) if (alone.has(program) && program !== untilTime) await run(program, true);
if (programs.includes(untilTime)) {
  const soon = Math.round(Date.now() / 1_000) + someSeconds;
  // Also on a slow machine some time: less than its least number of messages and faults is a failure.
  const until = Math.max(soon, Number(process.env["HELSEKONTAKT_UNTIL"] ?? 0));
  await run(untilTime, true, ["--until", String(until)]);
}
if (programs.includes(last)) await run(last, true);
rmSync(folder, { recursive: true, force: true });
process.stdout.write(
  `\nconformance: ${passed} of ${programs.length} runs passed${failed.length > 0 ? `; failed: ${failed.join(", ")}` : ""}\n`,
);
process.exitCode = failed.length === 0 && programs.length > 0 ? 0 : 1;
