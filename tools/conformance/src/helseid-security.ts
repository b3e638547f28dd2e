import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loopHolds, mutantRecord, soakHolds, soakRecord } from "./_helseid-records.ts";

// Runs the security tests of HelseID and compares their table with the one that is committed; `--write` writes it.
// The table holds no date and no time, so that it changes only when the tests do.

const root = fileURLToPath(new URL("../../../", import.meta.url));
const tablePath = `${root}packages/helseid/SECURITY-TESTS.md`;

/** Rows of the security table, with what a number alone would hide. */
const areas = (): readonly (readonly [row: number, area: string, note: string])[] => [
  [1, "Client assertion", ""],
  [2, "Uniqueness of jti", "1,000,000 compared, over repetitions and two threads"],
  [3, "DPoP proof", "broken proofs are refused by the sandbox's HelseID and API; ours are never broken"],
  [4, "Replay", ""],
  [5, "Nonce", ""],
  [6, "Clock", ""],
  [7, "Downgrade", ""],
  [8, "Scope and tenancy", ""],
  [9, "Cache key", ""],
  [10, "Tenants under load", ""],
  [11, "Single flight", ""],
  [12, "Expiry", "24 hours on a simulated clock"],
  [13, "Key confusion", ""],
  [
    14,
    "Leaks",
    "sinks: message, stack, cause, JSON, inspect, logger, OpenTelemetry, stderr and crash report of a process that ends by it",
  ],
  [15, "Transport", "through proxies, too, and against certificates of another host and of unknown authorities"],
  [16, "Metadata", ""],
  [17, "Key rotation", "processes are killed with SIGKILL at each step"],
  [18, "Hostile JSON and headers", ""],
  [19, "Soak", `one hour on a simulated clock; ${soakNote()}`],
  [20, "Cost", "the bounds of tools/bench/src/helseid.ts, as this machine meets them"],
  [21, "Strength of the tests", mutantNote()],
  [
    22,
    "Outside proof",
    "FAPI 2.0 checks against the mock; NHN's conformance session NOT run: it needs a client that is registered in HelseID's test environment; whoever has one runs `helsekontakt doctor --config FILE` with `environment: TEST1` and that client in FILE during the session",
  ],
];

/** The runs that take hours are recorded, and judged again each time by what is recorded. */
function soakNote(): string {
  const { seconds, calls, failed, grants, faults, heapKb, loopDelayP99Ms, processors, loadAverage } = soakRecord();
  const load = loadAverage.reduce((a, b) => a + b, 0) / loadAverage.length;
  const [first = 0, last = 0] = [heapKb[0], heapKb.at(-1)];
  return `recorded, ${seconds} s on a real clock: ${failed} of ${calls} calls failed, ${faults} faults in ${grants} grants, heap ${(first / 1024).toFixed(1)} to ${(last / 1024).toFixed(1)} MB, event loop p99 ${loopDelayP99Ms} ms where 20 are allowed and ${load.toFixed(0)} processes wanted ${processors} processors`;
}

function mutantNote(): string {
  const { sample, mutants, killed, seed, complete } = mutantRecord();
  const drawn = `${sample} mutants, drawn from ${mutants} by seed ${seed} (tools/conformance/src/_helseid-mutants-run.ts)`;
  return complete
    ? `mutation score ${((100 * killed) / sample).toFixed(1)} % of ${drawn}`
    : `mutation score not measured: a run was ended early, when ${killed} of ${drawn} had been killed by the tests nearest to them; the others had not been tried with all tests`;
}

function recorded(): Report {
  const { killed, sample, complete } = mutantRecord();
  const cases = [
    { fullName: "row 19: an hour on a real clock", holds: soakRecord().seconds >= 3_600 && soakHolds(soakRecord()) },
    { fullName: "row 19: an hour on a real clock, the event loop's p99", holds: loopHolds(soakRecord()) },
    // A score of half a run is none.
    ...(complete ? [{ fullName: "row 21: mutation score of 90 %", holds: killed / sample >= 0.9 }] : []),
  ];
  const assertionResults = cases.map(({ fullName, holds }) => ({ fullName, status: holds ? "passed" : "failed" }));
  return { testResults: [{ assertionResults }] };
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

function runTests(folder: string, filter: string): Report {
  const vitest = fileURLToPath(new URL("vitest.mjs", import.meta.resolve("vitest/package.json")));
  const work = mkdtempSync(join(tmpdir(), "helsekontakt-security-"));
  try {
    const file = join(work, "report.json");
    spawnSync(process.execPath, [vitest, "run", "--reporter=json", `--outputFile=${file}`, filter], {
      cwd: `${root}${folder}`,
      env: { HELSEKONTAKT_SECURITY_JTIS: "1000000", ...process.env },
      stdio: ["ignore", "ignore", "inherit"],
    });
    return JSON.parse(readFileSync(file, "utf8")) as Report;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The bounds on cost are measured, not tested: each is a case of row 20. */
function runBench(): Report {
  const { stdout } = spawnSync(
    process.execPath,
    ["--conditions=helsekontakt-source", `${root}tools/bench/src/cli.ts`, "helseid"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  process.stderr.write(stdout);
  const rows = [...stdout.matchAll(/^(ok|MISSED) +\S+ +(.*?) \(at (?:most|least) /gm)];
  const assertionResults = rows.map(([, result, name]) => ({
    fullName: `row 20: ${name ?? ""}`,
    status: result === "ok" ? "passed" : "failed",
  }));
  return { testResults: [{ assertionResults }] };
}

function table(reports: readonly Report[]): { readonly text: string; readonly failed: number } {
  const rows = new Map<number, { good: number; bad: number; missed?: string }>();
  let failed = 0;
  for (const { fullName, status } of reports.flatMap((r) => r.testResults).flatMap((f) => f.assertionResults)) {
    const row = Number(/\brow (\d{2})\b/.exec(fullName)?.[1] ?? "0");
    const count: { good: number; bad: number; missed?: string } = rows.get(row) ?? { good: 0, bad: 0 };
    if (status === "passed") count.good++;
    else if (status === "failed") count.bad++;
    // Figures of cost depend on the machine, and recorded runs are over: what they missed stands in the table and stops
    // nothing.
    if (status === "failed" && row !== 20 && !fullName.startsWith("row 19: an hour") && row !== 21) failed++;
    // A bound that is not met is named: a number alone would hide which.
    if (status === "failed" && row >= 19) count.missed = `not met: ${fullName.replace(/^row \d\d: /, "")}`;
    rows.set(row, count);
  }
  const lines = areas().map(([row, area, note]) => {
    const { good, bad, missed } = rows.get(row) ?? { good: 0, bad: 0, missed: undefined };
    const said = [note, missed ?? ""].filter((text) => text !== "").join("; ");
    const result = good + bad === 0 ? "NOT RUN" : bad > 0 ? "FAILED" : "passed";
    return `| ${row} | ${area} | ${good + bad} | ${result} | ${bad} of ${good + bad} failed${said === "" ? "" : `; ${said}`} |`;
  });
  const text = [
    "# Security tests of HelseID",
    "",
    "<!-- Written by tools/conformance/src/helseid-security.ts. Do not edit: run it. -->",
    "",
    "| Row | Area | Cases | Result | Figure |",
    "|---|---|---|---|---|",
    ...lines,
    "",
  ].join("\n");
  return { text, failed };
}

function withoutCost(page: string): string {
  return page.replace(/^\| 20 \|.*$/m, "");
}

const { text, failed } = table([
  runTests("packages/helseid", "tests/security"),
  runTests("packages/sandbox", "tests/helseid-strict.test.ts"),
  runBench(),
  recorded(),
]);
if (!process.argv.includes("--write")) {
  if (withoutCost(readFileSync(tablePath, "utf8")) !== withoutCost(text)) {
    process.stderr.write(
      "expected packages/helseid/SECURITY-TESTS.md to be what the tests give, found another; run it with --write\n",
    );
    process.exitCode = 1;
  }
} else writeFileSync(tablePath, text);
process.stdout.write(text);
if (failed > 0) process.exitCode = 1;
