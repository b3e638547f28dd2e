import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// The record of the reconcile runs: what every check finds anew, and what a long run found once.

const page = fileURLToPath(new URL("../../../packages/sdk/RECONCILE-RUNS.md", import.meta.url));
const longRun = fileURLToPath(new URL("../members-runs.json", import.meta.url));

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
  readonly pauses: number;
  readonly shares: { readonly errors: number; readonly timeouts: number };
}

type LongRun = Plan & { readonly command: string; readonly outcomes: readonly Outcome[] };

/** Keeps a long run: its counts, its seed and the command that repeats it. */
export function keepLongRun(plan: Plan, command: string, outcomes: readonly Outcome[]): void {
  const kept = outcomes.map(({ killedAt, ...o }) => ({ ...o, killedAt: [...killedAt].sort() }));
  writeFileSync(longRun, `${JSON.stringify({ command, ...plan, outcomes: kept }, undefined, 2)}\n`);
}

/** The page as the runs make it. @returns false where the one in the repository says something else. */
export function keepPage(plan: Plan, outcomes: readonly Outcome[], write: boolean): boolean {
  const text = render(plan, outcomes, JSON.parse(readFileSync(longRun, "utf8")) as LongRun);
  if (write) writeFileSync(page, text);
  else if (readFileSync(page, "utf8") !== text) {
    console.error(`members-faults: expected packages/sdk/RECONCILE-RUNS.md to say\n${text}`);
    return false;
  }
  return true;
}

/** Of the runs of every check only what does not depend on the machine's speed. */
function render(plan: Plan, outcomes: readonly Outcome[], long: LongRun): string {
  const { shares, rounds, stepsPerRound, randomPerRound, steps, leastKills, pauses, seed } = plan;
  const rows = outcomes.map(
    (o) =>
      `| ${o.engine} | ${o.changes} | at least ${leastKills} | ${pauses} | ${o.lost} | ${o.doubled} | ${o.members} | ${o.registered} | ${o.notActive} |`,
  );
  const longRows = long.outcomes.map(
    ({ engine, changes, calls, faults, kills, paused, lost, doubled }) =>
      `| ${engine} | ${changes} | ${calls} | ${faults.errors} | ${faults.lostAnswers} | ${faults.unheard} | ${kills} | ${Object.values(paused).reduce((a, b) => a + b, 0)} | ${lost} | ${doubled} |`,
  );
  return `# Reconcile runs under faults

The member register against the sandbox in another process: ${shares.errors * 100} % of the calls are answered with a server error (500, 503),
${shares.timeouts * 100} % with nothing within the time limit (half of them are stored all the same). The client's process is killed with
SIGKILL at ${rounds * stepsPerRound} of the first ${steps} steps (before and after operations on the journal), and ${rounds * randomPerRound} times at random moments; and it
is paused with SIGSTOP ${pauses} times, until another process has taken the register over and sent a newer input, and let go on
with SIGCONT: before it looks at its lease (it must send nothing more), and between that look and the call (what it sends
then is older than what the other sent, and must be set right). Each round moves the period of every member, drops ten and
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

## A longer run

\`${long.command}\`, seeds ${long.seed} and ${long.seed + 1}: ${long.rounds} rounds.

| engine | changes | calls | server errors | answers lost | calls unheard | kills | pauses | lost | acknowledged and sent again |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
${longRows.join("\n")}
`;
}
