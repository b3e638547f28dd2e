import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sourcesHash } from "./_helseid-mutants-list.ts";
import { coverageRecord, loopHolds, mutantRecord, soakHolds, soakRecord } from "./_helseid-records.ts";

// Runs the security tests of HelseID and compares their table with the one that is committed; `--write` writes it.
// The table holds no date and no time of its own, so that it changes only when the tests or the recorded runs do. With
// `--recorded` only the rows of recorded runs are written or compared anew.

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
    "run: three FAPI 2.0 checks of what we send and take, against the sandbox's HelseID (private_key_jwt by PS256 or ES256 with aud the issuer alone and no secret; tokens asked for with a proof, refused as Bearer; the server's nonce, metadata from the well-known address); its and the API's refusals are rows 1 to 8 and 13. NOT run: NHN's conformance session, which the row asks for: it needs a client that is registered in HelseID's test environment; whoever has one runs `helsekontakt doctor --config FILE` with `environment: TEST1` and that client in FILE during the session",
  ],
];

/** The runs that take hours are recorded, and judged again each time by what is recorded. */
function soakNote(): string {
  const { seconds, calls, failed, grants, faults, heapKb, loopDelayP99Ms, processors, loadAverage, priority } =
    soakRecord();
  const load = loadAverage.reduce((a, b) => a + b, 0) / loadAverage.length;
  const [first = 0, last = 0] = [heapKb[0], heapKb.at(-1)];
  return `recorded, ${seconds} s on a real clock: ${failed} of ${calls} calls failed, ${faults} faults in ${grants} grants, heap ${(first / 1024).toFixed(1)} to ${(last / 1024).toFixed(1)} MB, event loop p99 ${loopDelayP99Ms} ms where 20 are allowed and ${load.toFixed(0)} processes wanted ${processors} processors${
    priority === 0
      ? ""
      : `, its own ahead of the others (nice ${priority}); how long it would have waited at the usual one was not measured`
  }`;
}

function mutantNote(): string {
  const { complete, sample, mutants, equivalent, killed, killedByTime, survived, seed, date } = mutantRecord();
  const tried = sample === mutants - equivalent ? `all ${sample} mutants` : `${sample} mutants, drawn by seed ${seed}`;
  const coverage = coverageRecord();
  return [
    `recorded on ${date} by tools/conformance/src/_helseid-mutants-run.ts: ${killed} of ${tried} killed (${percent(killed, sample)} %), ${killedByTime} of them by a test that did not end or a process that did; ${survived.length} live${complete ? "" : ", of which some have not met every test, since the run was ended early: the score is at least that"}`,
    `${equivalent} of ${mutants} were not tried, since nobody could tell them from the original: helseid-equivalent.json says why of each`,
    "texts, types and what is only logged are not mutated",
    coverage === undefined
      ? "lines and branches, of which the row asks 95 %, NOT measured"
      : `lines ${coverage.lines} %, branches ${coverage.branches} % on ${coverage.date}`,
    sinceThen(),
  ].join("; ");
}

const percent = (part: number, whole: number): string => (Math.floor((1000 * part) / whole) / 10).toFixed(1);

/** A score is one of the sources that it was measured on. */
function sinceThen(): string {
  const now = sourcesHash();
  const changed = [
    ...(mutantRecord().sources === now ? [] : ["the mutants"]),
    ...((coverageRecord()?.sources ?? now) === now ? [] : ["the coverage"]),
  ];
  return changed.length === 0
    ? "the sources are those that were measured"
    : `the sources have CHANGED since ${changed.join(" and ")} were measured`;
}

function recorded(): Report {
  const { killed, sample } = mutantRecord();
  const coverage = coverageRecord();
  const cases = [
    { fullName: "row 19: an hour on a real clock", holds: soakRecord().seconds >= 3_600 && soakHolds(soakRecord()) },
    { fullName: "row 19: an hour on a real clock, the event loop's p99", holds: loopHolds(soakRecord()) },
    { fullName: "row 21: mutation score of 90 %", holds: killed / sample >= 0.9 },
    ...(coverage === undefined
      ? [{ fullName: "row 21: 95 % of the lines and branches, measured", holds: false }]
      : [
          { fullName: "row 21: 95 % of the lines", holds: coverage.lines >= 95 },
          { fullName: "row 21: 95 % of the branches", holds: coverage.branches >= 95 },
        ]),
  ];
  const assertionResults = cases.map(({ fullName, holds }) => ({ fullName, status: holds ? "passed" : "failed" }));
  return { testResults: [{ assertionResults }] };
}

interface Report {
  readonly testResults: readonly {
    readonly name?: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** The tests that compare more than `npm test` does: a million ids. */
const longer = "tests/security/jti.test.ts";

/**
 * Results of the tests. HELSEKONTAKT_TESTED=1 says that all of them have just been run, as `.ci/run` does: then what they left
 * is read, and only those run that are to do more.
 */
function results(folder: string, filter: string): readonly Report[] {
  if (process.env["HELSEKONTAKT_TESTED"] !== "1") return [runTests(folder, filter)];
  const left = JSON.parse(readFileSync(`${root}${folder}/.test-report.json`, "utf8")) as Report;
  const testResults = left.testResults.filter(({ name = "" }) => name.includes(`/${filter}`));
  if (testResults.length === 0) throw new Error(`expected results of ${folder}/${filter}, found none`);
  const again = testResults.filter(({ name }) => name?.endsWith(longer));
  return [
    { testResults: testResults.filter((file) => !again.includes(file)) },
    ...(again.length === 0 ? [] : [runTests(folder, longer)]),
  ];
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

/** The page with the rows of what is recorded written anew, and the results of all others as they were last found. */
function withRecords(page: string): string {
  const fresh = new Map(
    table([recorded()])
      .text.split("\n")
      .map((line) => [rowOf(line), line]),
  );
  const notes = new Map(areas().map(([row, , note]) => [row, note]));
  return page
    .split("\n")
    .map((line) => {
      const row = rowOf(line);
      if (row === 21) return fresh.get(row) ?? line;
      // What follows the count is the note, but for what a bound was missed by.
      const [, counted] = /^(.* \| \d+ of \d+ failed; ).*$/.exec(line) ?? [];
      return counted === undefined || row === 20 || line.includes("not met:")
        ? line
        : `${counted}${notes.get(row) ?? ""} |`;
    })
    .join("\n");
}

function rowOf(line: string): number {
  return Number(/^\| (\d+) \|/.exec(line)?.[1] ?? "0");
}

const committed = readFileSync(tablePath, "utf8");
// `--recorded`: after a run that is recorded, without all the tests.
const { text, failed } = process.argv.includes("--recorded")
  ? { text: withRecords(committed), failed: 0 }
  : table([
      ...results("packages/helseid", "tests/security"),
      ...results("packages/sandbox", "tests/helseid-strict.test.ts"),
      runBench(),
      recorded(),
    ]);
if (!process.argv.includes("--write")) {
  if (withoutCost(committed) !== withoutCost(text)) {
    process.stderr.write(
      "expected packages/helseid/SECURITY-TESTS.md to be what the tests give, found another; run it with --write\n",
    );
    process.exitCode = 1;
  }
} else writeFileSync(tablePath, text);
process.stdout.write(text);
if (failed > 0) process.exitCode = 1;
