import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BaseSequencer, createVitest, type TestSpecification } from "vitest/node";
import { switchName, withSwitches } from "./_helseid-mutants.ts";
import type { Line } from "./_helseid-mutants-runner.ts";
import { allMutants, equivalents, namesOf, packageRoot, sourcesHash } from "./_helseid-mutants-list.ts";
import { type MutantRecord, mutantsPath } from "./_helseid-records.ts";
import { seeded } from "./_members-server.ts";

// How strong the tests of packages/helseid are: every mutant of its sources (or a sample by a seed) against the tests that
// come by it, until one fails. All mutants are in one build, each behind a switch, so that a process of tests tries hundreds.
// Run by hand, since it takes many minutes; `--write` keeps the record that the security table reads.
//
//   node --conditions=helsekontakt-source tools/conformance/src/_helseid-mutants-run.ts
//     [--sample N] [--seed N] [--only PATTERN of the sources] [--log FILE: goes on where it ended] [--write]

const given = (name: string): string | undefined => {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
};

/** Tests that speak of a source come first, then all the others. */
const related: readonly (readonly [source: RegExp, tests: RegExp])[] = [
  [/src\/proofs/, /tests\/proofs/],
  [/src\/key-file/, /key-file/],
  [/src\/key/, /tests\/key\.test/],
  [/src\/token-cache/, /token-cache/],
  [
    /src\/(token-answer|token-errors|metadata|http|address|tries)/,
    /token-answer|token-errors|metadata|http|address|tries|grant/,
  ],
  [/src\/(token-source|organisation)/, /grant\.test|send\.test/],
  [/src\/token-request/, /grant\.test/],
  [/assertion|service-time/, /grant\.test/],
  [/src\/sign|src\/send/, /signed-call|send\.test|signing/],
  [/src\/legacy/, /legacy-sts/],
  [/src\/rotation/, /tests\/rotation|key-store/],
];
/** Quick tests first, and those last that wait for other processes. */
const late = [
  /security\/(rotation|leaks)|proxy/,
  /security\/|signing-fetch/,
  /token-source|tests\/cache|request-signer/,
];
/** Long runs that find in minutes what others find at once. */
const leftOut = /soak|jti|examples|security\/expiry/;
/** With which tests, up to how many milliseconds each, and whether one mutant at a time. */
const rounds = [
  { all: false, slowMs: 15_000, alone: false },
  { all: false, slowMs: 15_000, alone: true },
  { all: true, slowMs: 1_500, alone: false },
  { all: true, slowMs: 20_000, alone: true },
].slice(0, Number(given("--rounds") ?? 4));

const mutants = allMutants();
const names = namesOf(mutants);
const places = mutants.map((m) => `${m.file.slice(packageRoot.length)}:${m.line}`);
const without = new Set(equivalents().map((e) => e.mutant));
const seed = Number(given("--seed") ?? 20_261_130);
const random = seeded(seed);
const sample = Number(given("--sample") ?? mutants.length);
const only = new RegExp(given("--only") ?? "");
const chosen = new Set(
  mutants
    .map((_, n) => ({ n, place: random() }))
    .filter(({ n }) => only.test(names[n] ?? "") && !without.has(names[n] ?? ""))
    .sort((a, b) => a.place - b.place)
    .slice(0, sample)
    .map(({ n }) => n),
);
const work = mkdtempSync(join(tmpdir(), "helsekontakt-mutants-"));
const log = given("--log") ?? join(work, "log.ndjson");
appendFileSync(log, "");
const lines = (): Line[] =>
  readFileSync(log, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((l) => JSON.parse(l) as Line);

/** What a run before found, by the numbers of today; what it says of mutants that are no more is dropped. */
function carryOver(): void {
  const before = lines();
  const [head] = before;
  const old = head !== undefined && "names" in head ? head.names : [];
  const number = new Map(names.map((name, n) => [name, n]));
  const today = (n: number): number[] => {
    const found = number.get(old[n] ?? "");
    return found === undefined ? [] : [found];
  };
  const same = old.length === names.length && old.every((name, n) => name === names[n]);
  const carried = before.slice(1).flatMap((line): Line[] => {
    // Tests come by mutants that nobody has seen.
    if ("covers" in line || "done" in line) return same ? [line] : [];
    if ("lives" in line) return [{ ...line, lives: line.lives.flatMap(today) }];
    if ("spoils" in line) return [{ ...line, spoils: line.spoils.flatMap(today) }];
    if ("killed" in line) return today(line.killed).map((killed) => ({ ...line, killed }));
    return "trying" in line ? [] : [line];
  });
  // The last line is no try: one that an ended run was at is none that hangs.
  const all: Line[] = [{ names }, ...(old.length === 0 ? [] : carried), { pid: process.pid }];
  writeFileSync(log, all.map((l) => `${JSON.stringify(l)}\n`).join(""));
}
carryOver();

/** The files in the order that they are given in. */
class Given extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files;
  }
}

const vitest = await createVitest(
  "test",
  {
    root: packageRoot,
    watch: false,
    maxWorkers: 1,
    // One process for all files: their sources are loaded once.
    isolate: false,
    fileParallelism: false,
    sequence: { sequencer: Given },
    runner: fileURLToPath(new URL("_helseid-mutants-runner.ts", import.meta.url)),
    // It knows modules by their files, which no mutant changes.
    fsModuleCache: false,
    reporters: [{}],
  },
  {
    plugins: [
      {
        name: "mutants",
        enforce: "pre",
        transform(_code, id) {
          const numbers = mutants.flatMap((m, n) => (m.file === id.split("?")[0] ? [n] : []));
          return numbers.length === 0
            ? undefined
            : withSwitches(
                numbers.map((n) => mutants[n] as never),
                numbers,
              );
        },
      },
    ],
  },
);

/** Runs tests until all have tried what they are to try: as many processes as mutants bring down. */
async function run(files: readonly TestSpecification[], round: number, always?: number): Promise<void> {
  const { all = true, slowMs = 0, alone = true } = rounds[round] ?? {};
  for (;;) {
    const living = livingNow().filter((n) => !mutants[n]?.atLoad);
    const wanted = Object.fromEntries(
      files.map((spec) => [fileOf(spec), living.filter((n) => all || isRelated(spec, n))]),
    );
    const job = { log, switchName, wanted, places, alone, round, slowMs, ...(always === undefined ? {} : { always }) };
    process.env["HELSEKONTAKT_MUTANTS"] = JSON.stringify(job);
    const before = statSync(log).size;
    const watch = setInterval(endWhatHangs, 1_000);
    await vitest.runTestSpecifications(
      files.filter((spec) => always !== undefined || wanted[fileOf(spec)]?.length !== 0),
    );
    clearInterval(watch);
    vitest.state.clearErrors();
    const last = lines().at(-1);
    const news = statSync(log).size > before;
    // The last line of a process that came to its end says so.
    if (!news || last === undefined || "done" in last || "pid" in last || "unfit" in last || always !== undefined)
      return;
    if ("trying" in last) blame(last, "ends the process");
  }
}

const note = (line: Line): void => appendFileSync(log, `${JSON.stringify(line)}\n`);
/** A mutant is killed by what happens twice, the second time tried alone in a new process. */
function blame({ trying, test }: Extract<Line, { trying: unknown }>, how: "hangs" | "ends the process"): void {
  const [only] = trying;
  const again = lines().some((l) => "spoils" in l && l.test === test && l.spoils.includes(only ?? -1));
  note(trying.length === 1 && only !== undefined && again ? { killed: only, test, how } : { spoils: trying, test });
}
let lastSize = 0;
let lastChange = Date.now();

/** A mutant may loop without end; its process cannot stop it then. */
function endWhatHangs(): void {
  const { size } = statSync(log);
  if (size !== lastSize) {
    lastSize = size;
    lastChange = Date.now();
    return;
  }
  const all = lines();
  const last = all.at(-1);
  if (last === undefined || !("trying" in last) || Date.now() - lastChange < last.limitMs + 10_000) return;
  const process_ = all.findLast((l) => "pid" in l);
  blame(last, "hangs");
  if (process_ !== undefined && "pid" in process_ && process_.pid !== process.pid)
    process.kill(process_.pid, "SIGKILL");
}

const fileOf = (spec: TestSpecification): string => spec.moduleId.slice(packageRoot.length);
const isRelated = (spec: TestSpecification, n: number): boolean => {
  const source = (mutants[n]?.file ?? "").slice(packageRoot.length);
  return related.find(([name]) => name.test(source))?.[1].test(fileOf(spec)) ?? false;
};

const placeOf = (spec: TestSpecification): number => {
  const place = late.findIndex((p) => p.test(fileOf(spec)));
  return place === -1 ? late.length : place;
};
const tests = new RegExp(given("--tests") ?? "");
const specs = (await vitest.globTestSpecifications())
  .filter((s) => !leftOut.test(s.moduleId) && tests.test(fileOf(s)))
  .sort((a, b) => placeOf(b) - placeOf(a));
const killedNow = (): Set<number> => new Set(lines().flatMap((l) => ("killed" in l ? [l.killed] : [])));
const livingNow = (): number[] => {
  const killed = killedNow();
  return [...chosen].filter((n) => !killed.has(n));
};
for (const round of rounds.keys()) {
  await run(specs, round);
  process.stdout.write(`round ${round + 1}: ${livingNow().length} of ${chosen.size} live\n`);
}
// Each in a process of its own.
for (const n of rounds.length === 0 ? [] : livingNow().filter((m) => mutants[m]?.atLoad)) {
  for (const spec of specs) if (isRelated(spec, n) && !killedNow().has(n)) await run([spec], 0, n);
}

const living = livingNow().sort((a, b) => a - b);
const covered = new Set(lines().flatMap((l) => ("covers" in l ? l.covers : [])));
for (const n of living) process.stdout.write(`${covered.has(n) ? "lives" : "no test"} ${names[n]}\n`);
const killed = chosen.size - living.length;
process.stdout.write(`${killed} of ${chosen.size} killed, ${((100 * killed) / chosen.size).toFixed(1)} %\n`);
if (process.argv.includes("--write")) {
  const how = lines().flatMap((l) => ("killed" in l && l.how !== "failed" ? [l.killed] : []));
  const record: MutantRecord = {
    command: `node --conditions=helsekontakt-source tools/conformance/src/_helseid-mutants-run.ts --sample ${sample} --seed ${seed}`,
    complete: rounds.length === 4,
    date: new Date().toISOString().slice(0, 10),
    sources: sourcesHash(),
    mutants: mutants.length,
    equivalent: without.size,
    sample: chosen.size,
    seed,
    killed,
    killedByTime: new Set(how).size,
    survived: living.map((n) => names[n] ?? ""),
  };
  writeFileSync(mutantsPath, `${JSON.stringify(record, undefined, 2)}\n`);
}
await vitest.close();
rmSync(work, { recursive: true, force: true });
process.exit(0);
