import { existsSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import module from "node:module";
import { HelsekontaktError, Personal } from "@helsekontakt/core";
import type { BatchMember, LedgerDue, LedgerRunHandle } from "@helsekontakt/journal";
import { createHelsekontakt, type HelsekontaktConfig, openJournal, sqliteStore } from "@helsekontakt/sdk";
import { postgresStore } from "@helsekontakt/journal/postgres";
import { Pool } from "pg";

// The process to be killed: one reconcile run. Every ledger operation and every answer is a numbered step, told on stdout
// before it and after it; at the step that it is given it kills itself, as `kill -9` would.

export interface ClientOptions {
  readonly config: string;
  readonly input: string;
  readonly secret: string;
  readonly file?: string;
  readonly postgres?: string;
  readonly schema?: string;
  /** 0 for never. */
  readonly killAt: number;
  /** Pauses itself with SIGSTOP the `nth` time that it comes to a step of this name. */
  readonly pauseAt?: { readonly step: string; readonly nth: number };
  /** Milliseconds; default the register's own. */
  readonly leaseMs?: number;
  /** Milliseconds that a call may take; default 1,000. */
  readonly timeoutMs?: number;
  /** Breaks the register on purpose. `lose`: a member is settled unsent. `resend`: one of the run before is sent again. */
  readonly mutant?: "lose" | "resend";
  /** What `resend` remembers from run to run. */
  readonly memory?: string;
}

/** A step that only a process on PostgreSQL comes to. */
export const insideLease = "inside lease";

// For the processes to come: one that is killed has no time for it.
module.flushCompileCache?.();

const options = JSON.parse(process.argv[2] ?? "{}") as ClientOptions;
const pool = options.postgres === undefined ? undefined : new Pool({ connectionString: options.postgres, max: 3 });
// What lies inside a transaction is no operation of the ledger: a process can be paused there as well, and holds locks.
pool?.on("connect", (client) => {
  const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
  const told = async (...given: unknown[]): Promise<unknown> => {
    const result = await query(...given);
    if (options.pauseAt?.step === insideLease && /^update .*"member_lease"/.test(String(given[0]))) tell(insideLease);
    return result;
  };
  client.query = ((...given: unknown[]) =>
    typeof given.at(-1) === "function" ? query(...given) : told(...given)) as typeof client.query;
});
const store =
  pool === undefined
    ? sqliteStore({ file: options.file ?? "" })
    : postgresStore({ pool, schema: options.schema ?? "" });
const journal = await openJournal({ store, key: { id: "k", secret: Buffer.from(options.secret, "hex") } });
let step = 0;
let met = 0;
const tell = (name: string): void => {
  step++;
  writeSync(1, `${step} ${name}\n`);
  if (step === options.killAt) process.kill(process.pid, "SIGKILL");
  if (name === options.pauseAt?.step && ++met === options.pauseAt.nth) {
    writeSync(1, "paused\n");
    process.kill(process.pid, "SIGSTOP");
  }
};

/** The same object with a step before and after each of its operations. */
function stepped<T extends object>(target: T): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== "function") return value;
      return async (...given: unknown[]) => {
        tell(`before ${String(name)}`);
        const result: unknown = await (value as (...all: unknown[]) => unknown).apply(object, given);
        tell(`after ${String(name)}`);
        return result;
      };
    },
  });
}

/** A run that is broken on purpose, once. */
function broken(run: LedgerRunHandle): LedgerRunHandle {
  const { mutant, memory = "" } = options;
  let done = false;
  return new Proxy(run, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== "function") return value;
      if (name !== "open") return value.bind(object) as unknown;
      return async (members: readonly LedgerDue[]) => {
        const [first, ...others] = members;
        if (done || first === undefined) return run.open(members);
        done = true;
        if (mutant === "lose" && others.length > 0) {
          await run.settleUnsent([first], () => ({ outcome: "accepted" }));
          return run.open(others);
        }
        const before = existsSync(memory) ? (JSON.parse(readFileSync(memory, "utf8")) as BatchMember) : undefined;
        writeFileSync(memory, JSON.stringify({ ...first, person: first.person.reveal() }));
        return run.open(
          before === undefined ? members : [...members, { ...before, person: new Personal(String(before.person)) }],
        );
      };
    },
  });
}

const ledger = { ...journal.ledger };
const begin = journal.ledger.begin.bind(journal.ledger);
ledger.begin = async (how) => {
  tell("before begin");
  const run = await begin({ ...how, ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }) });
  tell("after begin");
  return stepped(options.mutant === undefined ? run : broken(run));
};
const config = JSON.parse(readFileSync(options.config, "utf8")) as HelsekontaktConfig;
const sdk = createHelsekontakt({ ...config, journal: { ...journal, ledger } });
const input = (JSON.parse(readFileSync(options.input, "utf8")) as [string, string, string][]).map(
  ([fnr, from, to]) => ({
    fnr,
    from,
    to,
  }),
);
try {
  const report = await sdk.members.reconcile(input, {
    // Short lists: many calls, and so many faults.
    batch: { start: 2, max: 3, timeoutMs: options.timeoutMs ?? 1_000, pauseMs: 5 },
    maxWithdrawals: 0.5,
    maxFailures: 20,
  });
  writeSync(1, `report ${JSON.stringify({ stopped: report.stopped, results: report.results })}\n`);
} catch (reason) {
  // Another process has the register, or the database has ended the session that held its lock.
  if (!(reason instanceof HelsekontaktError && reason.code.startsWith("journal/"))) throw reason;
  writeSync(1, `report ${JSON.stringify({ conflict: true, code: reason.code })}\n`);
}
await journal.close();
await pool?.end();
