import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// The record of the reconcile runs: what every check finds anew, and the counts of one run, which depend on the machine.

const page = fileURLToPath(new URL("../../../packages/sdk/RECONCILE-RUNS.md", import.meta.url));
const keptRun = fileURLToPath(new URL("../members-runs.json", import.meta.url));

export interface Outcome {
  readonly engine: string;
  kills: number;
  readonly killedAt: Set<string>;
  /** By the step at which the process was stopped and its register taken over. */
  readonly paused: Record<string, number>;
  changes: number;
  lost: number;
  doubled: number;
  resent: number;
  members: number;
  registered: number;
  notActive: number;
  calls: number;
  faults: { readonly errors: number; readonly lostAnswers: number; readonly unheard: number };
}

export function emptyOutcome(engine: string): Outcome {
  return {
    engine,
    kills: 0,
    killedAt: new Set(),
    paused: {},
    changes: 0,
    lost: 0,
    doubled: 0,
    resent: 0,
    members: 0,
    registered: 0,
    notActive: 0,
    calls: 0,
    faults: { errors: 0, lostAnswers: 0, unheard: 0 },
  };
}

export interface Plan {
  readonly seed: number;
  readonly rounds: number;
  readonly stepsPerRound: number;
  readonly randomPerRound: number;
  readonly steps: number;
  readonly leastKills: number;
  readonly shares: { readonly errors: number; readonly timeouts: number };
}

type KeptRun = Plan & { readonly command: string; readonly outcomes: readonly Outcome[] };

/** Keeps a run: its counts, its seed and the command that repeats it. */
export function keepRun(plan: Plan, command: string, outcomes: readonly Outcome[]): void {
  const counts = outcomes.map(({ killedAt, ...o }) => ({ ...o, killedAt: [...killedAt].sort() }));
  writeFileSync(keptRun, `${JSON.stringify({ command, ...plan, outcomes: counts }, undefined, 2)}\n`);
}

/** The page as the runs make it. @returns false where the one in the repository says something else. */
export function keepPage(plan: Plan, outcomes: readonly Outcome[], write: boolean): boolean {
  const text = render(plan, outcomes, JSON.parse(readFileSync(keptRun, "utf8")) as KeptRun);
  if (write) writeFileSync(page, text);
  else if (readFileSync(page, "utf8") !== text) {
    console.error(`members-faults: expected packages/sdk/RECONCILE-RUNS.md to say\n${text}`);
    return false;
  }
  return true;
}

/** Of the runs of every check only what does not depend on the machine's speed. */
function render(plan: Plan, outcomes: readonly Outcome[], kept: KeptRun): string {
  const { shares, rounds, stepsPerRound, randomPerRound, steps, leastKills, seed } = plan;
  const pauses = (o: Outcome): number => Object.values(o.paused).reduce((a, b) => a + b, 0);
  const rows = outcomes.map(
    (o) =>
      `| ${o.engine} | ${o.changes} | at least ${leastKills} | ${pauses(o)} | ${o.lost} | ${o.doubled} | ${o.members} | ${o.registered} | ${o.notActive} |`,
  );
  const keptRows = kept.outcomes.map(
    (o) =>
      `| ${o.engine} | ${o.changes} | ${o.calls} | ${o.faults.errors} | ${o.faults.lostAnswers} | ${o.faults.unheard} | ${o.kills} | ${pauses(o)} | ${o.lost} | ${o.doubled} |`,
  );
  return `# Reconcile runs under faults

The member register against the sandbox in another process: ${shares.errors * 100} % of the calls are answered with a server error (500, 503),
${shares.timeouts * 100} % with nothing within the time limit (half of them are stored all the same). The client's process is killed with
SIGKILL at ${rounds * stepsPerRound} of the first ${steps} steps (before and after operations on the journal), and ${rounds * randomPerRound} times at random moments; and it
is paused with SIGSTOP in each round, until another process has taken the register over and sent a newer input, and let go on
with SIGCONT: before it looks at its lease (it must send nothing more), between that look and the call (what it sends then
is older than what the other sent, and must be set right), after the answer, and on PostgreSQL between two statements, where
it holds the lease's row. Each round moves the period of every member, drops ten and
brings ten.

\`node --conditions=helsekontakt-source tools/conformance/src/members-faults.ts\` makes the runs anew and fails when this
record is not true; \`--write\` renews it, \`--long\` (or \`--rounds N\`) runs for longer, \`--seed N\` takes other faults. Seed
here: ${seed}. Each time two registers that are broken on purpose are run first, one that loses a change and one that sends
an acknowledged one again, and both must be counted.

| engine | changes | kills | pauses | lost | acknowledged and sent again | members at the end | registered | not active |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
${rows.join("\n")}

"Lost" compares what the sandbox holds after each round with the input. "Sent again" looks at the journal after each
kill: of what it has as settled then, nothing may reach the sandbox later.

## Counts of one run

\`${kept.command}\`, seeds ${kept.seed} and ${kept.seed + 1}, ${kept.rounds} rounds. How many calls there are, and so how many faults strike, depends on
the machine.

| engine | changes | calls | server errors | answers lost | calls unheard | kills | pauses | lost | acknowledged and sent again |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
${keptRows.join("\n")}
`;
}
