import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// packages/validators/CONFORMANCE.md: one row a program, written by the program itself (`npm run conformance -- --record`, or
// HELSEKONTAKT_RECORD=1), and compared with what it counted on every other run. All counts come from fixed seeds, so that they
// are the same on every machine.

const file = fileURLToPath(new URL("../../../packages/validators/CONFORMANCE.md", import.meta.url));

/** What each program whose row is kept proves. */
export const programs: Readonly<Record<string, string>> = {
  "xml-samples":
    "Every official sample: verdict and place of each fault as libxml2 with the official schemas, equal infoset there and back",
  "xml-instances": "Random instances of the official schemas and random faults: verdict and first line as libxml2",
  "gen-xsd-archive":
    "The whole archive of schemas through the compiler; samples, 200 schema-aware faults each, and documents made from the schemas: verdict as libxml2, both passes of the validator",
  "gen-xsd-names": "Generated names: no collision, the same in every subset of the archive",
  "xsd-constructs": "Each construct of XSD 1.0: verdict as libxml2 on documents and faults",
  "spec-equivalence": "`specs/xsd` against the official files: same components, same verdict",
  "xml-fuzz": "The scanner against saxes, libxml2 as judge",
  "pattern-safety": "Generated regular expressions, each proved linear",
  "safety-fuzz": "Coverage-guided inputs: no crash, no blocked loop, no prototype changed, memory bounded",
  "fhir-cases": "Official broken and valid resources, HL7's examples",
  "gen-fhir-archive": "Official profiles through the FHIR compiler",
  referee: "Whole messages: the guides' examples and faults of every layer",
};

/** A run with other seeds or amounts says nothing about the rows. */
function isUsualRun(): boolean {
  const given = process.argv.slice(2).some((a) => !a.startsWith("--"));
  const set = Object.keys(process.env).some((k) => /^HELSEKONTAKT_(INSTANCES|MUTATIONS|SAMPLE_MUTATIONS)$/.test(k));
  return !given && !set;
}

/**
 * Writes a program's row, or compares it.
 *
 * @returns what is wrong, undefined when nothing is or when the program has no row to keep.
 */
export function recordCounts(
  program: string,
  result: string,
  counts: Readonly<Record<string, number | string>>,
): string | undefined {
  const about = programs[program];
  if (about === undefined || !isUsualRun()) return undefined;
  const detail = Object.entries(counts).map(([name, value]) => `${name} ${value}`);
  const row = `| ${program} | ${about} | ${result} | ${detail.join(", ")} |`;
  const rows = recordedRows();
  if (rows.get(program) === row) return undefined;
  if (process.env["HELSEKONTAKT_RECORD"] !== "1")
    return `CONFORMANCE.md does not say what was counted; npm run conformance -- --record writes it: ${row}`;
  rows.set(program, row);
  write(rows, longerRuns());
  return undefined;
}

/**
 * Adds a run with another seed or more inputs to the page, when asked to (HELSEKONTAKT_RECORD=1). Such a run is too long to be
 * repeated each time: it stands with its date and command.
 */
export function recordLongerRun(
  program: string,
  result: string,
  counts: Readonly<Record<string, number | string>>,
): void {
  if (programs[program] === undefined || isUsualRun() || process.env["HELSEKONTAKT_RECORD"] !== "1") return;
  const detail = Object.entries(counts).map(([name, value]) => `${name} ${value}`);
  const command = `${program}.ts ${process.argv.slice(2).join(" ")}`.trim();
  const minutes = Math.round(process.uptime() / 60);
  const cells = [new Date().toISOString().slice(0, 10), `\`${command}\``, result, detail.join(", "), `${minutes} min`];
  write(recordedRows(), [...longerRuns(), `| ${cells.join(" | ")} |`]);
}

function write(rows: ReadonlyMap<string, string>, longer: readonly string[]): void {
  const table = Object.keys(programs).flatMap((p) => rows.get(p) ?? []);
  const more = longer.length === 0 ? "" : `${longerHead}${longer.join("\n")}\n`;
  writeFileSync(file, `${head}${table.join("\n")}\n${more}`);
}

function longerRuns(): string[] {
  const page = existsSync(file) ? readFileSync(file, "utf8") : "";
  return page.split("\n").filter((l) => /^\| 20\d\d-/.test(l));
}

/** The page's rows, by program. */
export function recordedRows(): Map<string, string> {
  const page = existsSync(file) ? readFileSync(file, "utf8") : "";
  const rows = page.split("\n").filter((l) => /^\| [a-z-]+ \|/.test(l) && !/^\| (?:program|date) \|/.test(l));
  return new Map(rows.map((l) => [l.split("|")[1]?.trim() ?? "", l]));
}

const head = `# Conformance

What \`@helsekontakt/validators\` and the codec of \`@helsekontakt/types\` are measured against, and what came of it. Every row is
written by the program that it names (in \`tools/conformance/src\`), from fixed seeds, and compared by each later run: a row that
no longer says what is counted makes the run fail. Where a referee differs on purpose stands in
[known-differences.md](../../tools/conformance/known-differences.md).

| program | proves | checks that hold | counts |
|---|---|---|---|
`;

const longerHead = `
## Longer runs

With another seed and more inputs than a usual run, from time to time. Each row was written by its command, with
HELSEKONTAKT_RECORD=1.

| date | command | checks that hold | counts | time |
|---|---|---|---|---:|
`;
