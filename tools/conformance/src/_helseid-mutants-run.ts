import { spawn } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createVitest } from "vitest/node";
import { mutantsOf, mutated, type Mutant } from "./_helseid-mutants.ts";
import { type MutantRecord, mutantsPath } from "./_helseid-records.ts";
import { seeded } from "./_members-server.ts";

// How strong the tests of packages/helseid are: a sample of its mutants by a seed, each run against the tests; a mutant
// that no test fails for has survived. Run by hand, since it takes minutes to hours; `--write` keeps the record that the
// security table reads.
//
//   node --conditions=helsekontakt-source tools/conformance/src/_helseid-mutants-run.ts [--sample N] [--seed N] [--write]
//
// Mutants are made as the tests load the sources: no file is changed.

const root = fileURLToPath(new URL("../../../packages/helseid/", import.meta.url));
/** Types, settings without code, and what is generated. */
const without = /(^|\/)(gen\/|index\.ts$|options\.ts$|types\.ts$)/;
/** Milliseconds for one mutant before it counts as one that hangs. */
const limitMs = 300_000;

type Part = "related" | "others";

/** Tests that speak of a source; the others come after them. */
const related: readonly (readonly [source: RegExp, tests: readonly string[]])[] = [
  [/proofs|nonce/, ["security/proofs", "security/nonces", "token-source"]],
  [/key-file/, ["key-file"]],
  [/key/, ["tests/key.test", "security/keys", "security/assertions"]],
  [/token-cache/, ["tests/cache", "security/flights"]],
  [/token-source|organisation/, ["token-source", "security/grants", "cache"]],
  [
    /token-request|tries|token-answer/,
    ["token-source", "security/grants", "security/nonces", "security/clock", "security/transport"],
  ],
  [/metadata|http|address/, ["security/transport", "token-source", "security/hostile"]],
  [/token-errors|connection/, ["token-source", "leaks", "security/transport"]],
  [/assertion/, ["security/assertions", "token-source", "tests/key.test"]],
  [/sign|send/, ["signing-fetch", "request-signer", "security/nonces", "security/hostile"]],
  [/legacy/, ["legacy-sts"]],
  [/rotation|jwk|lock|store|expiry/, ["security/rotation"]],
];
/** Long runs that find what the others find. */
const tooLong = /soak|jti|examples|expiry|double|proxy/;

async function serve(): Promise<void> {
  let current: Mutant | undefined;
  let failed = false;
  const vitest = await createVitest(
    "test",
    {
      root,
      watch: false,
      // It knows modules by their files, which no mutant changes.
      fsModuleCache: false,
      testTimeout: 40_000,
      hookTimeout: 40_000,
      // Not `bail`: it counts what failed for the mutants before.
      reporters: [
        {
          onTestCaseResult(test) {
            if (test.result().state !== "failed") return;
            failed = true;
            void vitest.cancelCurrentRun("test-failure");
          },
          onTestModuleEnd(module) {
            failed ||= module.state() === "failed";
          },
        },
      ],
    },
    {
      plugins: [
        {
          name: "mutant",
          enforce: "pre",
          transform: (_code, id) =>
            current !== undefined && id.split("?")[0] === current.file ? mutated(current) : undefined,
        },
      ],
    },
  );
  const all = (await vitest.globTestSpecifications()).filter((s) => !tooLong.test(s.moduleId));
  /** Read anew: what a mutant before this one changed, and what this one does. */
  const forget = (...files: readonly (string | undefined)[]): void => {
    for (const file of files) if (file !== undefined) vitest.invalidateFile(file);
  };
  let before: string | undefined;
  process.on("message", (asked: { readonly mutant: Mutant; readonly tests: Part } | "end") => {
    if (asked === "end") {
      void vitest.close().then(() => process.exit(0));
      return;
    }
    const { mutant, tests } = asked;
    void (async () => {
      current = mutant;
      const names = related.find(([source]) => source.test(mutant.file.slice(root.length)))?.[1] ?? [];
      const first = all.filter((s) => names.some((n) => s.moduleId.includes(n)));
      const rest = all.filter((s) => !first.includes(s) && !s.moduleId.includes("security/grants"));
      failed = false;
      forget(before, mutant.file);
      before = mutant.file;
      vitest.state.clearErrors();
      const { unhandledErrors } = await vitest.runTestSpecifications(tests === "related" ? first : rest);
      failed ||= unhandledErrors.length > 0;
      process.send?.(failed);
    })();
  });
  process.send?.("ready");
}

/** A process that runs mutants, with all that it starts in a group of its own: a mutant may never end. */
async function start() {
  const child = spawn(
    process.execPath,
    ["--conditions=helsekontakt-source", "--no-warnings", fileURLToPath(import.meta.url), "run"],
    {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      detached: true,
      cwd: root,
    },
  );
  await new Promise((resolve) => child.once("message", resolve));
  return {
    async isKilled(mutant: Mutant, tests: Part): Promise<boolean | "hangs"> {
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          child.removeAllListeners("message");
          if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
          resolve("hangs");
        }, limitMs);
        child.once("message", (killed) => {
          clearTimeout(timer);
          resolve(killed === true);
        });
        child.send({ mutant, tests });
      });
    },
    end: () => void child.send("end"),
  };
}

async function main(): Promise<void> {
  const given = (name: string, otherwise: number): number => {
    const at = process.argv.indexOf(name);
    return at === -1 ? otherwise : Number(process.argv[at + 1]);
  };
  const [sample, seed] = [given("--sample", 120), given("--seed", 20_261_130)];
  const random = seeded(seed);
  const files = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" }).filter(
    (f) => f.endsWith(".ts") && !without.test(f),
  );
  const mutants = files.sort().flatMap((file) => mutantsOf(`${root}src/${file}`));
  const chosen = mutants
    .map((mutant) => ({ mutant, place: random() }))
    .sort((a, b) => a.place - b.place)
    .slice(0, sample)
    .map(({ mutant }) => mutant);
  let runner = await start();
  const survived: Mutant[] = [];
  let done = 0;
  const command = `node --conditions=helsekontakt-source tools/conformance/src/_helseid-mutants-run.ts --sample ${sample} --seed ${seed}`;
  const place = (m: Mutant): string => `${m.file.slice(root.length)}:${m.line} ${m.what.replaceAll(/\s+/g, " ")}`;
  // After each mutant: a run that is ended early has a smaller sample, or counts as survivors some that it has not tried
  // with all tests; no score that is too high.
  const keep = (complete = false): void => {
    const record: MutantRecord = {
      command,
      mutants: mutants.length,
      sample: done,
      seed,
      killed: done - survived.length,
      complete,
      survived: survived.map(place),
    };
    if (process.argv.includes("--write")) writeFileSync(mutantsPath, `${JSON.stringify(record, undefined, 2)}\n`);
  };
  const judge = async (mutant: Mutant, tests: Part): Promise<boolean> => {
    const killed = await runner.isKilled(mutant, tests);
    if (killed === "hangs") runner = await start();
    process.stdout.write(
      `${done} ${tests} ${killed === false ? "SURVIVED" : killed === true ? "killed" : "hangs"} ${place(mutant)}\n`,
    );
    return killed !== false;
  };
  for (const mutant of chosen) {
    done++;
    if (!(await judge(mutant, "related"))) survived.push(mutant);
    keep();
  }
  // Those that the tests nearest to them let live, against the others.
  const spared = survived.slice();
  for (const mutant of spared) {
    if (await judge(mutant, "others")) survived.splice(survived.indexOf(mutant), 1);
    keep();
  }
  keep(true);
  runner.end();
  process.stdout.write(`${((100 * (done - survived.length)) / done).toFixed(1)} % killed\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await (process.argv[2] === "run" ? serve() : main());
