import { spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

// The table of what the official library does not do and this one does: one row for each weak point, with the tests that
// prove the better. A test belongs to a row when its title begins with the row's id and a colon. The tests of packages are
// run here; what the other conformance runs count of rows comes from their own lines (see cli.ts).
const root = fileURLToPath(new URL("../../..", import.meta.url));
const page = join(root, "packages/amqp-messaging/ROWS.md");
/** How many rows each part has. */
const parts = [
  ["S", 16, "Protection and certificates"],
  ["D", 12, "Delivery"],
  ["O", 13, "Flow and operation"],
  ["R", 9, "Registries"],
  ["U", 8, "Use"],
] as const;
const rowTitle = /^([SDORU]\d{1,2}): (.+)$/;

interface Proof {
  readonly row: string;
  readonly title: string;
  readonly place: string;
  readonly passed: boolean;
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly title: string;
      readonly fullName: string;
      readonly status: string;
    }[];
  }[];
}

async function main(): Promise<number> {
  const proofs: Proof[] = [...(await fromPackages()), ...fromRuns()];
  const known = new Map(
    parts.flatMap(([part, n]) => Array.from({ length: n }, (_, i) => [`${part}${i + 1}`, [] as Proof[]])),
  );
  let wrong = 0;
  for (const proof of proofs) {
    const row = known.get(proof.row);
    if (row === undefined) {
      wrong++;
      console.error(`messaging-rows: expected a known row, found ${proof.row} in ${proof.place}`);
    } else row.push(proof);
    if (!proof.passed) {
      wrong++;
      console.error(`messaging-rows: FAILED ${proof.row}: ${proof.title} (${proof.place})`);
    }
  }
  const missing = [...known].filter(([, found]) => found.length === 0).map(([row]) => row);
  if (missing.length > 0)
    console.error(`messaging-rows: expected a test for every row, found none for ${missing.join(", ")}`);
  const text = render(known);
  const kept = existsSync(page) && readFileSync(page, "utf8") === text;
  if (!kept) {
    writeFileSync(page, text);
    console.error(
      "messaging-rows: expected packages/amqp-messaging/ROWS.md to be what this run gives; it is now: commit it",
    );
  }
  console.log(
    `messaging-rows: ${known.size - missing.length} of ${known.size} rows, ${proofs.length} tests, ${wrong} wrong`,
  );
  return missing.length + wrong === 0 && kept ? 0 : 1;
}

/**
 * The tests of rows in the packages. HELSEKONTAKT_TESTED=1 says that all tests have just been run, as `.ci/run` does: then what
 * they left is read; otherwise those of rows are run here.
 */
async function fromPackages(): Promise<Proof[]> {
  const named = /["'`][SDORU]\d{1,2}: /;
  const files = globSync("{packages,tools}/*/{src,tests}/**/*.test.ts", {
    cwd: root,
    exclude: (f) => f.endsWith("node_modules"),
  })
    .filter((file) => named.test(readFileSync(join(root, file), "utf8")))
    .sort();
  const packages = new Set(files.map((file) => file.split("/").slice(0, 2).join("/")));
  const proofs: Proof[] = [];
  for (const name of packages) {
    const own = files.filter((f) => f.startsWith(`${name}/`));
    const left = join(root, name, ".test-report.json");
    const report = process.env["HELSEKONTAKT_TESTED"] === "1" ? read(left) : await run(name);
    const told = new Set(report.testResults.map((r) => relative(root, r.name)));
    const untold = own.filter((file) => !told.has(file));
    if (untold.length > 0) throw new Error(`expected results of ${untold.join(", ")}, found none`);
    for (const { name: file, assertionResults } of report.testResults)
      for (const { title, status } of assertionResults) {
        const [, row, rest] = rowTitle.exec(title) ?? [];
        // Tests that the filter leaves out are told as skipped.
        if (row === undefined || rest === undefined || status === "skipped") continue;
        proofs.push({ row, title: rest, place: relative(root, file), passed: status === "passed" });
      }
  }
  return proofs;
}

async function run(name: string): Promise<VitestReport> {
  const folder = mkdtempSync(join(tmpdir(), "helsekontakt-rows-"));
  try {
    const output = join(folder, "report.json");
    // Of all files: some have their titles from elsewhere.
    await vitest(join(root, name), ["-t", "[SDORU]\\d+: ", "--reporter=json", `--outputFile=${output}`]);
    return read(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const read = (file: string): VitestReport => JSON.parse(readFileSync(file, "utf8")) as VitestReport;

function vitest(cwd: string, args: readonly string[]): Promise<void> {
  const program = join(root, "node_modules/vitest/vitest.mjs");
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, "run", ...args], { cwd, stdio: ["ignore", "ignore", "inherit"] });
    child.on("error", reject);
    // Failed tests are in the report.
    child.on("close", () => resolve());
  });
}

/** Lines that the other runs printed: `ok D4: title`, in the file that cli.ts keeps. */
function fromRuns(): Proof[] {
  const file = process.env["HELSEKONTAKT_ROWS"];
  if (file === undefined || !existsSync(file)) {
    console.error(
      "messaging-rows: only the tests of packages are counted: start it as one of all runs, with npm run conformance",
    );
    return [];
  }
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Proof);
}

function render(rows: ReadonlyMap<string, readonly Proof[]>): string {
  const tables = parts.map(([part, , heading]) => {
    const lines = [...rows]
      .filter(([row]) => row.startsWith(part))
      .flatMap(([row, proofs]) =>
        proofs.length === 0
          ? [`| ${row} | none | | |`]
          : [...proofs]
              .sort((a, b) => (a.place + a.title < b.place + b.title ? -1 : 1))
              .map(
                ({ title, place, passed }) =>
                  `| ${row} | ${title.replaceAll("|", "\\|")} | \`${place}\` | ${passed ? "passed" : "FAILED"} |`,
              ),
      );
    return `## ${heading}\n\n| row | test | where | result |\n|---|---|---|---|\n${lines.join("\n")}\n`;
  });
  return `# What the official library leaves open, row by row

Each row is a weak point of the official .NET library or a wish of its users; the tests named in it prove what is better
here. The table is written by \`npm run conformance\` from the results of the tests themselves,
and that command fails when a row has no test, when one fails, or when this page is not what it would write.

${tables.join("\n")}`;
}

process.exitCode = await main();
