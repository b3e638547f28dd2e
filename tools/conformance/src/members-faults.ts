import { type ChildProcess, fork, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { openJournal, sqliteStore } from "@helsekontakt/journal";
import { postgresStore } from "@helsekontakt/journal/postgres";
import { Pool } from "pg";
import type { ClientOptions } from "./_members-client.ts";
import { type Received, seeded, type ServerOptions } from "./_members-server.ts";

// Reconcile runs under faults: the sandbox in another process answers one call in ten with a server error and one in
// twenty with nothing, and the client's process is killed at every numbered step and at random; on both engines. The
// sandbox's ledger decides: no change lost, and none sent again that the register had as acknowledged.
//
//   members-faults.ts [--long] [--seed N] [--write]      --write renews packages/sdk/RECONCILE-RUNS.md
const address = process.env.HELSEKONTAKT_POSTGRES ?? "postgres://postgres@127.0.0.1:5432/test";
const long = process.argv.includes("--long");
const seedAt = process.argv.indexOf("--seed");
const seed = seedAt === -1 ? 20_261_125 : Number(process.argv[seedAt + 1]);
const record = fileURLToPath(new URL("../../../packages/sdk/RECONCILE-RUNS.md", import.meta.url));
const flags = ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning"];
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const shares = { errors: 0.1, timeouts: 0.05 };
/** Rounds: in each the whole input changes, runs are killed, and one is let through to the end. */
const rounds = long ? 12 : 4;
const stepsPerRound = long ? 8 : 5;
const randomPerRound = long ? 4 : 2;
const people = 150;

type Member = readonly [fnr: string, from: string, to: string];
interface Facts {
  readonly received: Received[];
  readonly faults: { readonly errors: number; readonly lostAnswers: number; readonly unheard: number };
  readonly members: { readonly fnr: string; readonly period: string }[];
}
interface Outcome {
  readonly engine: string;
  kills: number;
  readonly killedAt: Set<string>;
  changes: number;
  lost: number;
  doubled: number;
  resent: number;
  members: number;
  registered: number;
  notActive: number;
  calls: string;
}

function fail(message: string): never {
  throw new Error(message);
}

async function startServer(
  options: ServerOptions,
): Promise<{ child: ChildProcess; first: { config: object; citizens: { fnr: string; status: string }[] } }> {
  const child = fork(here("./_members-server.ts"), ["serve", JSON.stringify(options)], { execArgv: flags });
  const first = await new Promise<never>((resolve, reject) => {
    child.once("message", (message) => resolve(message as never));
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { child, first };
}

function ask(child: ChildProcess, what: "facts" | "faults-on" | "faults-off"): Promise<Facts> {
  return new Promise((resolve) => {
    child.once("message", (message) => resolve(message as Facts));
    child.send(what);
  });
}

/** Runs the client; kills it a moment after it tells `killAfter` steps. Resolves to its last step and how it ended. */
function runClient(
  options: ClientOptions,
  kill?: { readonly steps: number; readonly ms: number },
): Promise<{ last: string; killed: boolean; report?: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...flags, here("./_members-client.ts"), JSON.stringify(options)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let last = "";
    let steps = 0;
    let report: string | undefined;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("report ")) report = line.slice(7);
      else last = line.slice(line.indexOf(" ") + 1);
      if (++steps === kill?.steps) setTimeout(() => child.kill("SIGKILL"), kill.ms);
    });
    child.on("close", (code, signal) => {
      if (signal === "SIGKILL") resolve({ last, killed: true });
      else if (code === 0) resolve({ last, killed: false, ...(report === undefined ? {} : { report }) });
      else reject(new Error(`the client ended with ${code ?? signal}`));
    });
  });
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
  const { child, first } = await startServer({ seed: engineSeed, citizens: people + 60, ...shares });
  const outcome: Outcome = {
    engine,
    kills: 0,
    killedAt: new Set(),
    changes: 0,
    lost: 0,
    doubled: 0,
    resent: 0,
    members: 0,
    registered: 0,
    notActive: 0,
    calls: "",
  };
  try {
    const config = join(dir, `config-${engine}.json`);
    writeFileSync(config, JSON.stringify(first.config));
    const input = join(dir, `input-${engine}.json`);
    const options: ClientOptions = { config, input, secret: secret.toString("hex"), killAt: 0, ...place };
    await publishOffering(first.config);
    const active = new Set(first.citizens.filter((c) => c.status === "self").map((c) => c.fnr));
    /** What was acknowledged at some moment: person, period, and how far the server's ledger had come then. */
    const acknowledged = new Map<string, { readonly period: string; readonly from: number }>();
    const look = async (): Promise<void> => {
      const { received } = await ask(child, "facts");
      const journal = await openStore();
      try {
        for await (const page of journal.members.iterate({ batchSize: 1_000 }))
          for (const member of page) {
            const [entry] = await journal.ledger.explain({ id: member.id });
            const fnr = member.person.reveal();
            const event = entry?.events.at(-1);
            // Settled: nothing to tell, or not before a day that lies ahead.
            const settled = entry !== undefined && (entry.todo === undefined || entry.outcome === "not-active");
            if (!settled || event === undefined) acknowledged.delete(fnr);
            else {
              const period = `${event.start}/${event.end}`;
              if (acknowledged.get(fnr)?.period !== period) acknowledged.set(fnr, { period, from: received.length });
            }
          }
      } finally {
        await journal.close();
      }
    };
    const checkDoubled = async (): Promise<void> => {
      const { received } = await ask(child, "facts");
      const bySender = new Map<string, number[]>();
      for (const [n, { fnr }] of received.entries()) bySender.set(fnr, [...(bySender.get(fnr) ?? []), n]);
      for (const [fnr, { period, from }] of acknowledged)
        for (const n of bySender.get(fnr) ?? [])
          if (n >= from && (received[n]?.period === period || received[n]?.period === "")) outcome.doubled++;
    };
    let stepToKill = 1;
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
          atRandom ? options : { ...options, killAt: stepToKill++ },
          atRandom ? { steps: 3 + Math.floor(random() * 12), ms: random() * 15 } : undefined,
        );
        if (!killed) continue;
        outcome.kills++;
        outcome.killedAt.add(last);
        await look();
        await checkDoubled();
      }
      // Stops where the service fails too often; the next start goes on.
      for (let tries = 0; ; tries++) {
        const { report = "" } = await runClient(options);
        if (!report.includes('"stopped"')) break;
        if (tries > 20) fail("expected a run to come to its end");
      }
      await look();
      // Once more, with nothing to change: whoever was left for a lost answer gets one.
      await ask(child, "faults-off");
      await runClient(options);
      await ask(child, "faults-on");
      await look();
      await checkDoubled();
      const facts = await ask(child, "facts");
      outcome.lost += lostIn(facts, desired, active);
    }
    const facts = await ask(child, "facts");
    const journal = await openStore();
    const status = await journal.ledger.status();
    await journal.close();
    outcome.members = status.members;
    outcome.registered = status.outcomes.accepted;
    outcome.notActive = status.outcomes["not-active"];
    outcome.resent = facts.received.length;
    const { errors, lostAnswers, unheard } = facts.faults;
    outcome.calls = `${errors} server errors, ${lostAnswers} answers lost, ${unheard} calls unheard`;
    const wanted = desired.length;
    const wantedActive = desired.filter(([fnr]) => active.has(fnr)).length;
    if (status.members !== wanted || status.outcomes.accepted !== wantedActive || status.openBatches !== 0)
      fail(`expected ${wanted} members, ${wantedActive} of them accepted, found ${JSON.stringify(status)}`);
    return outcome;
  } finally {
    child.removeAllListeners("exit");
    child.send("end");
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

/** Differences between what Helsenorge has and what the input wants. */
function lostIn({ members }: Facts, desired: readonly Member[], active: ReadonlySet<string>): number {
  const has = new Map(members.map((m) => [m.fnr, m.period]));
  const today = new Date().toISOString().slice(0, 10);
  let lost = 0;
  for (const [fnr, from, to] of desired) {
    if (active.has(fnr) && has.get(fnr) !== `${from}/${to}`) lost++;
    has.delete(fnr);
  }
  for (const period of has.values()) if ((period.split("/")[1] ?? "") >= today) lost++;
  return lost;
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
  const outcomes = await Promise.all([
    runEngine("sqlite", dir, pool, seed),
    runEngine("postgres", dir, pool, seed + 1),
  ]);
  for (const o of outcomes) {
    console.log(
      `members-faults: ${o.engine}: ${o.kills} kills, ${o.changes} changes, ${o.lost} lost, ${o.doubled} acknowledged ones sent twice; ` +
        `${o.members} members, ${o.registered} registered, ${o.notActive} not active; ${o.resent} handled by the server; ${o.calls}`,
    );
    console.log(`members-faults: ${o.engine}: killed at ${[...o.killedAt].sort().join(", ")}`);
    if (o.lost + o.doubled > 0) ok = false;
  }
  if (!long && seedAt === -1) {
    const text = render(outcomes);
    if (process.argv.includes("--write")) writeFileSync(record, text);
    else if (readFileSync(record, "utf8") !== text) {
      ok = false;
      console.error(`members-faults: expected packages/sdk/RECONCILE-RUNS.md to say\n${text}`);
    }
  }
} finally {
  await pool.end();
  rmSync(dir, { recursive: true, force: true });
}
console.log(`members-faults: ${ok ? "ok" : "FAILED"} in ${((Date.now() - started) / 1000).toFixed(1)} s, seed ${seed}`);
process.exitCode = ok ? 0 : 1;

/** What does not depend on the machine's speed. */
function render(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(
    (o) =>
      `| ${o.engine} | ${o.changes} | ${o.kills} | ${o.lost} | ${o.doubled} | ${o.members} | ${o.registered} | ${o.notActive} |`,
  );
  return `# Reconcile runs under faults

The member register against the sandbox in another process: ${shares.errors * 100} % of the calls are answered with a server error (500, 503),
${shares.timeouts * 100} % with nothing within the time limit (half of them are stored all the same). The client's process is killed with
SIGKILL at steps 1 to ${rounds * stepsPerRound} (before and after each operation on the journal), and ${rounds * randomPerRound} times at random moments. Each round
moves the period of every member, drops ten and brings ten.

\`node --conditions=helsekontakt-source tools/conformance/src/members-faults.ts\` makes the runs anew and fails when this
record is not true; \`--write\` renews it, \`--long\` runs for longer, \`--seed N\` takes other faults. Seed here: ${seed}.

| engine | changes | kills | lost | acknowledged and sent again | members at the end | registered | not active |
|---|---:|---:|---:|---:|---:|---:|---:|
${rows.join("\n")}

"Lost" compares what the sandbox holds after each round with the input. "Sent again" looks at the journal after each
kill: of what it has as settled then, nothing may reach the sandbox later.
`;
}
