import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTally, upstreamFolder } from "./_tally.ts";

// Puts the official schemas in the place of ours, by the command that users have (specs:sync), in a copy of the repository:
// the report must find no other fact, and every test of the packages that are generated from them must stay green.

const upstream = upstreamFolder();
const repository = fileURLToPath(new URL("../../..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "specs-official-"));
const copy = join(work, "repo");
const tally = createTally();

interface Report {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly changes: readonly unknown[];
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
    env: {
      ...process.env,
      PATH: `${join(copy, "node_modules/.bin")}${delimiter}${process.env["PATH"] ?? ""}`,
      TURBO_TELEMETRY_DISABLED: "1",
    },
  });
  return { status, output: `${stdout}${stderr}` };
}

try {
  execFileSync("git", ["clone", "--quiet", "--depth", "1", `file://${repository}`, copy]);
  const json = join(work, "report.json");
  const sync = run(
    process.execPath,
    ["tools/workspace/src/run.mjs", "specs:sync", "--from", join(upstream, "xsd"), "--json", json],
    copy,
  );
  tally.check(sync.status === 0, `specs:sync ended with ${sync.status}:\n${sync.output.slice(-4000)}`);
  let replaced = 0;
  if (sync.status === 0) {
    const { documents } = JSON.parse(readFileSync(json, "utf8")) as { documents: Report[] };
    for (const d of documents.filter((r) => r.kind === "xsd" && r.state !== "not found")) {
      replaced++;
      tally.check(
        d.state === "same facts" && d.changes.length === 0,
        `${d.id}: ${d.state}, ${d.changes.length} changes`,
      );
    }
    tally.check(replaced >= 15, `expected at least 15 schemas to be replaced, found ${replaced}`);
  }
  let tests = 0;
  // Of messaging the tests beside the sources: the others are about connections, whose messages these build.
  for (const [folder, ...only] of [
    ["packages/types"],
    ["packages/validators"],
    ["packages/amqp-messaging", "src/"],
    ["tools/gen-xsd"],
  ] as const) {
    const file = join(work, `${folder.replace("/", "-")}.json`);
    run(
      join(copy, "node_modules/.bin/vitest"),
      ["run", ...only, "--reporter=json", `--outputFile=${file}`],
      join(copy, folder),
    );
    const { numPassedTests, numTotalTests, testResults } = JSON.parse(readFileSync(file, "utf8")) as {
      numPassedTests: number;
      numTotalTests: number;
      testResults: { name: string; status: string; assertionResults: { status: string; fullName: string }[] }[];
    };
    tests += numPassedTests;
    for (const result of testResults)
      for (const test of result.assertionResults) tally.check(test.status !== "failed", `${folder}: ${test.fullName}`);
    tally.check(
      numTotalTests > 0 && testResults.every((r) => r.status === "passed"),
      `${folder}: a file of tests did not pass`,
    );
    const types = run(
      join(copy, "node_modules/.bin/tsc"),
      ["-p", join(copy, folder, "tsconfig.json"), "--noEmit"],
      dirname(copy),
    );
    tally.check(types.status === 0, `${folder}: ${types.output.slice(0, 2000)}`);
  }
  tally.finish("specs-official", { "schemas replaced": replaced, "tests green": tests });
} finally {
  rmSync(work, { recursive: true, force: true });
}
