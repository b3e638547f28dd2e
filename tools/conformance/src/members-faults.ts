import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Journal, openJournal, sqliteStore } from "@helsekontakt/journal";
import { postgresStore } from "@helsekontakt/journal/postgres";
import { Pool } from "pg";
import type { ClientOptions } from "./_members-client.ts";
import { ask, Judge, type Member } from "./_members-judge.ts";
import { buildClient, endServer, pauseClient, runClient, startServer } from "./_members-processes.ts";
import { emptyOutcome, keepRun, keepPage, type Outcome, type Plan } from "./_members-record.ts";
import { seeded } from "./_members-server.ts";

// Reconcile runs under faults: the sandbox in another process answers one call in ten with a server error and one in
// twenty with nothing, and the client's process is killed at every numbered step and at random; on both engines. The
// sandbox's ledger decides: no change lost, and none sent again that the register had as acknowledged. A client that is
// paused while another takes its register over must send nothing more, and what it sent all the same must be set right.
// Before all that, two registers that are broken on purpose must be caught: one that loses a change, one that sends an
// acknowledged one again.
//
//   members-faults.ts [--rounds N] [--long] [--seed N] [--write]      --write renews packages/sdk/RECONCILE-RUNS.md
const address = process.env.HELSEKONTAKT_POSTGRES ?? "postgres://postgres@127.0.0.1:5432/test";
const long = process.argv.includes("--long");
const given = (name: string): number | undefined => {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : Number(process.argv[at + 1]);
};
const seed = given("--seed") ?? 20_261_125;
const shares = { errors: 0.1, timeouts: 0.05 };
/** Rounds: in each the whole input changes, runs are killed, and one is let through to the end. */
const rounds = given("--rounds") ?? (long ? 12 : 2);
const stepsPerRound = long ? 8 : 6;
const randomPerRound = long ? 4 : 1;
const people = long ? 150 : 80;
/** A run that has little left may come to its end before the step at which it is to be killed. */
const leastKills = rounds * (stepsPerRound + randomPerRound) - 2 * rounds;
/** Steps of a run that are gone through in all rounds; a run has more, which are the same over and over. */
const steps = 40;
/**
 * Where a process is paused, once in each round: before it looks at its lease, after the look, after the answer, and on
 * PostgreSQL between two statements, where it holds the lease's row.
 */
const pausedAt = {
  sqlite: ["after open", "after hold", "before settle"],
  postgres: ["after open", "after hold", "before settle", "inside lease"],
};
const plan: Plan = {
  seed,
  rounds,
  stepsPerRound,
  randomPerRound,
  steps,
  leastKills,
  shares,
};
/** The record is of the runs that every check makes, and of the one that was kept, with what depends on the machine. */
const recorded = given("--seed") === undefined && given("--rounds") === undefined;

function fail(message: string): never {
  throw new Error(message);
}

async function runEngine(engine: "sqlite" | "postgres", dir: string, pool: Pool, engineSeed: number): Promise<Outcome> {
  const random = seeded(engineSeed);
  const schema = `hk_members_${randomBytes(4).toString("hex")}`;
  const secret = randomBytes(32);
  const place = engine === "sqlite" ? { file: join(dir, "journal.sqlite") } : { postgres: address, schema };
  const openStore = () =>
    openJournal({
      store: engine === "sqlite" ? sqliteStore({ file: join(dir, "journal.sqlite") }) : postgresStore({ pool, schema }),
      key: { id: "k", secret },
    });
  const service = await startServer(dir, { seed: engineSeed, citizens: people + 60, ...shares });
  const { child, first } = service;
  const outcome = emptyOutcome(engine);
  try {
    const config = join(dir, `config-${engine}.json`);
    writeFileSync(config, JSON.stringify(first.config));
    const input = join(dir, `input-${engine}.json`);
    const options: ClientOptions = { config, input, secret: secret.toString("hex"), killAt: 0, ...place };
    await publishOffering(first.config);
    const active = new Set(first.citizens.filter((c) => c.status === "self").map((c) => c.fnr));
    const judge = new Judge(child, openStore);
    let planned = 0;
    /** Odd and even in turn, so before an operation and after one: from the first to the last. */
    const nextStep = (): number => {
      const spread = Math.round((planned * steps) / (rounds * stepsPerRound));
      return 1 + (spread & ~1) + (planned++ & 1);
    };
    const runToEnd = async (how: ClientOptions): Promise<void> => {
      // Stops where the service fails too often; the next start goes on. Another's lease has to run out.
      for (let tries = 0; ; tries++) {
        const { report = "" } = await runClient(dir, how);
        if (!report.includes('"stopped"') && !report.includes('"conflict"')) return;
        if (tries > 40) fail("expected a run to come to its end");
        if (report.includes('"conflict"')) await sleep(100);
      }
    };
    const pauseOnce = async (step: string, older: readonly Member[], newer: readonly Member[]): Promise<boolean> => {
      writeFileSync(input, JSON.stringify(older));
      const paused = await pauseClient(dir, {
        ...options,
        leaseMs: 1_000,
        pauseAt: { step, nth: 1 + Math.floor(random() * 4) },
      });
      if (paused === undefined) return false;
      writeFileSync(input, JSON.stringify(newer));
      await runToEnd(options);
      await judge.look();
      const { received } = await ask(child, "facts");
      const { report = "" } = await paused.resume();
      if (!report.includes('"conflict"'))
        fail(`expected a paused run to end for the lease that it lost, found ${report}`);
      const after = (await ask(child, "facts")).received.length;
      if (step !== "after hold" && after !== received.length)
        fail(`expected a run whose lease is gone to send nothing, found ${after - received.length} members`);
      // What went out late is in doubt, and no longer settled.
      if (step === "after hold") await judge.look();
      await judge.countDoubled();
      await runToEnd(options);
      await judge.look();
      await judge.countLost(newer, active);
      return true;
    };
    let desired: Member[] = [];
    for (let round = 0; round < rounds; round++) {
      desired = roundInput(
        first.citizens.map((c) => c.fnr),
        round,
      );
      outcome.changes += desired.length;
      writeFileSync(input, JSON.stringify(desired));
      for (let n = 0; n < stepsPerRound + randomPerRound; n++) {
        const atRandom = n >= stepsPerRound;
        const { last, killed } = await runClient(
          dir,
          atRandom ? options : { ...options, killAt: nextStep() },
          atRandom ? { steps: 3 + Math.floor(random() * 12), ms: random() * 15 } : undefined,
        );
        if (!killed) continue;
        outcome.kills++;
        outcome.killedAt.add(last);
        await judge.look();
        await judge.countDoubled();
      }
      for (const [n, step] of pausedAt[engine].entries()) {
        // The one that takes over has a newer input: what the paused one holds is old.
        const before = desired;
        desired = before.map(([fnr, from]) => [fnr, from, `${2030 + round}-0${n + 1}-28`]);
        const next = desired;
        outcome.changes += 2 * next.length;
        // A run that a busy machine lets run out of time may come to its end before: another period, and once more.
        for (let tries = 0; outcome.paused[step] !== round + 1; tries++) {
          // What the round has left may be little: everybody's period is moved for the one that is paused, too.
          const older: Member[] = before.map(([fnr, from]) => [fnr, from, `${2060 + round}-0${n + 1}-${28 - tries}`]);
          if (await pauseOnce(step, older, next)) outcome.paused[step] = round + 1;
          else if (tries > 4) fail(`expected a run to pause at "${step}"`);
        }
      }
      await runToEnd(options);
      await judge.look();
      // Once more, with nothing to change: whoever was left for a lost answer gets one.
      await ask(child, "faults-off");
      await runClient(dir, options);
      await ask(child, "faults-on");
      await judge.look();
      await judge.countDoubled();
      await judge.countLost(desired, active);
      if (long) console.log(`members-faults: ${engine}: round ${round + 1} of ${rounds}`);
    }
    const facts = await ask(child, "facts");
    const journal = await openStore();
    const status = await journal.ledger.status();
    await journal.close();
    outcome.lost = judge.lost;
    outcome.doubled = judge.doubled;
    outcome.members = status.members;
    outcome.registered = status.outcomes.accepted;
    outcome.notActive = status.outcomes["not-active"];
    outcome.resent = facts.received.length;
    outcome.calls = facts.calls;
    outcome.faults = facts.faults;
    // Of 2.5 % nothing may strike in few calls.
    for (const [kind, count] of Object.entries(facts.faults))
      if (count === 0 && facts.calls > 300)
        fail(`expected faults of every kind to strike, found no ${kind} in ${facts.calls} calls`);
    if (outcome.kills < leastKills) fail(`expected at least ${leastKills} kills, found ${outcome.kills}`);
    const wanted = desired.length;
    const wantedActive = desired.filter(([fnr]) => active.has(fnr)).length;
    if (status.members !== wanted || status.outcomes.accepted !== wantedActive || status.openBatches !== 0)
      fail(`expected ${wanted} members, ${wantedActive} of them accepted, found ${JSON.stringify(status)}`);
    return outcome;
  } finally {
    endServer(service);
    await pool.query(`drop schema if exists "${schema}" cascade`);
  }
}

async function publishOffering(config: object): Promise<void> {
  const { createHelsekontakt } = await import("@helsekontakt/sdk");
  const sdk = createHelsekontakt(config as Parameters<typeof createHelsekontakt>[0]);
  for (let tries = 0; ; tries++)
    try {
      await sdk.medlemstjenester.publish([
        { id: "1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a01", name: "Studenthelsetjenesten" },
      ]);
      return;
    } catch (reason) {
      if (tries > 10) throw reason;
    }
}

/** Every round moves everybody's period, drops ten and brings ten. */
function roundInput(numbers: readonly string[], round: number): Member[] {
  const from = (round * 10) % 60;
  return numbers.slice(from, from + people).map((fnr) => [fnr, "2026-08-01", `${2030 + round}-07-31`]);
}

/** Registers that are broken on purpose, one way each: the counters of the runs below must see it. */
async function checkCounters(): Promise<boolean> {
  const service = await startServer(dir, { seed, citizens: 40, errors: 0, timeouts: 0 });
  const { child, first } = service;
  try {
    await publishOffering(first.config);
    const active = first.citizens.filter((c) => c.status === "self").map((c) => c.fnr);
    const config = join(dir, "config-broken.json");
    writeFileSync(config, JSON.stringify(first.config));
    const counted: { mutant: string; lost: number; doubled: number }[] = [];
    for (const [n, mutant] of (["lose", "resend"] as const).entries()) {
      const file = join(dir, `broken-${n}.sqlite`);
      const secret = randomBytes(32);
      const open = (): Promise<Journal> => openJournal({ store: sqliteStore({ file }), key: { id: "k", secret } });
      const judge = new Judge(child, open);
      const input = join(dir, "input-broken.json");
      const options: ClientOptions = {
        config,
        input,
        secret: secret.toString("hex"),
        killAt: 0,
        // A call that a busy machine holds up would leave members without an outcome, which counts as lost.
        timeoutMs: 60_000,
        file,
        mutant,
        memory: join(dir, "broken-memory.json"),
      };
      const desired: Member[] = active.slice(0, 12).map((fnr) => [fnr, "2026-08-01", `${2040 + n}-07-31`]);
      writeFileSync(input, JSON.stringify(desired));
      await runClient(dir, options);
      await judge.look();
      // Another period for one: the next run has something to send, and none of the others.
      desired[11] = [desired[11]?.[0] ?? "", "2026-08-01", `${2050 + n}-07-31`];
      writeFileSync(input, JSON.stringify(desired));
      await runClient(dir, options);
      await judge.countDoubled();
      await judge.countLost(desired, new Set(active));
      counted.push({ mutant, lost: judge.lost, doubled: judge.doubled });
    }
    for (const { mutant, lost, doubled } of counted)
      console.log(
        `members-faults: broken on purpose: ${mutant}: ${lost} lost, ${doubled} acknowledged ones sent twice`,
      );
    const [lose, resend] = counted;
    // What the one breaks is whole with the other: the counters see nothing where there is nothing.
    return lose?.lost === 1 && lose.doubled === 0 && resend?.lost === 0 && resend.doubled === 1;
  } finally {
    endServer(service);
  }
}

const dir = mkdtempSync(join(tmpdir(), "helsekontakt-members-"));
const pool = new Pool({ connectionString: address, max: 8, connectionTimeoutMillis: 5_000 });
pool.on("error", () => {});
const started = Date.now();
try {
  await pool.query("select 1");
} catch (reason) {
  console.error("members-faults: expected PostgreSQL to answer; nothing was run", (reason as { code?: string }).code);
  process.exit(2);
}
let ok = true;
try {
  await buildClient(dir);
  ok = await checkCounters();
  if (!ok) console.error("members-faults: expected the counters to see each register that is broken on purpose");
  const outcomes = await Promise.all([
    runEngine("sqlite", dir, pool, seed),
    runEngine("postgres", dir, pool, seed + 1),
  ]);
  for (const o of outcomes) {
    console.log(
      `members-faults: ${o.engine}: ${o.kills} kills, ${o.changes} changes, ${o.lost} lost, ${o.doubled} acknowledged ones sent twice; ` +
        `${o.members} members, ${o.registered} registered, ${o.notActive} not active; ${o.resent} handled by the server in ${o.calls} calls; ` +
        `${o.faults.errors} server errors, ${o.faults.lostAnswers} answers lost, ${o.faults.unheard} calls unheard; paused ${JSON.stringify(o.paused)}`,
    );
    console.log(`members-faults: ${o.engine}: killed at ${[...o.killedAt].sort().join(", ")}`);
    if (o.lost + o.doubled > 0) ok = false;
  }
  const write = process.argv.includes("--write");
  const command = `node --conditions=helsekontakt-source tools/conformance/src/members-faults.ts${long ? " --long" : ""}`;
  if (recorded && write && ok) keepRun(plan, command, outcomes);
  if (recorded && !long && !keepPage(plan, outcomes, write)) ok = false;
} finally {
  await pool.end();
  rmSync(dir, { recursive: true, force: true });
}
console.log(`members-faults: ${ok ? "ok" : "FAILED"} in ${((Date.now() - started) / 1000).toFixed(1)} s, seed ${seed}`);
process.exitCode = ok ? 0 : 1;
