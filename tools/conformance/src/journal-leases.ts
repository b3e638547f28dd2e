import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectAmqp } from "@helsekontakt/amqp-messaging";
import { type Journal, openJournal } from "@helsekontakt/journal";
import { postgresStore } from "@helsekontakt/journal/postgres";
import { Broker } from "@helsekontakt/sandbox";
import { Pool } from "pg";
import { seeded } from "./_members-server.ts";
import type { SenderOptions } from "./_journal-sender.ts";

// Several processes share one PostgreSQL journal; they are killed (SIGKILL), stopped for longer than their lease (SIGSTOP,
// SIGCONT) and started anew while they send and handle. Every claim, every write to the broker and every noted outcome is
// told with the machine's steady time. Nothing may be lost, nothing handled twice, no stale holder may write, and nothing
// is claimed again once its outcome is noted. An id may reach the broker again only where a process ended or stood still
// between the write and its outcome. Before it the same with what keeps stale holders back left out: that must be counted.
//
//   journal-leases.ts [--messages N] [--faults N] [--seed N]
const address = process.env.HELSEKONTAKT_POSTGRES ?? "postgres://postgres@127.0.0.1:5432/test";
const given = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(name);
  return at === -1 ? fallback : Number(process.argv[at + 1]);
};
const seed = given("--seed", 20_261_130);
const messages = given("--messages", 400);
const faults = given("--faults", 12);
const senders = 3;
const leaseMs = 600;
const queue = "leases_async";
const flags = ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning"];
const program = fileURLToPath(new URL("./_journal-sender.ts", import.meta.url));

interface Told {
  readonly at: bigint;
  readonly what: string;
  readonly id: string;
  readonly fence: number;
  readonly by: number;
}

interface Counts {
  sent: number;
  lost: number;
  handled: number;
  handledTwice: number;
  unhandled: number;
  takeovers: number;
  withheld: number;
  staleWrites: number;
  claimedAfterOutcome: number;
  arrivedAgain: number;
  unexplained: number;
  kills: number;
  pauses: number;
}

/** Child processes, and what they tell. */
class Senders {
  readonly told: Told[] = [];
  /** Times at which a process stood still or ended. */
  readonly breaks: { readonly by: number; readonly from: bigint }[] = [];
  readonly #options: SenderOptions;
  readonly #children = new Map<number, ChildProcess>();
  #next = 0;
  #over = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  get running(): number[] {
    return [...this.#children.keys()];
  }

  start(): Promise<void> {
    const by = this.#next++;
    const child = spawn(process.execPath, [...flags, program, JSON.stringify(this.#options)], {
      stdio: ["ignore", "pipe", "inherit"],
      // Most of what a start costs is to read the sources: once is enough.
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "helsekontakt-compiled") },
    });
    this.#children.set(by, child);
    const ready = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const [at = "0", what = "", id = "", fence = "0"] = line.split(" ");
        if (what === "ready") resolve();
        else this.told.push({ at: BigInt(at), what, id, fence: Number(fence), by });
      });
      child.once("exit", (code) => {
        if (code !== null && !this.#over) reject(new Error(`expected a sender to run, it ended with ${code}`));
      });
    });
    return ready;
  }

  kill(by: number): void {
    this.#break(by);
    this.#children.get(by)?.kill("SIGKILL");
    this.#children.delete(by);
  }

  async pause(by: number, ms: number): Promise<void> {
    const child = this.#children.get(by);
    this.#break(by);
    child?.kill("SIGSTOP");
    await sleep(ms);
    child?.kill("SIGCONT");
  }

  #break(by: number): void {
    this.breaks.push({ by, from: process.hrtime.bigint() });
  }

  end(): Promise<unknown> {
    this.#over = true;
    return Promise.all(
      [...this.#children.values()].map((child) => {
        const gone = new Promise((resolve) => child.once("close", resolve));
        child.kill("SIGKILL");
        return gone;
      }),
    );
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Plan {
  readonly broken: boolean;
  readonly total: number;
  readonly planned: number;
  readonly workMs: number;
  /** Of the faults; the others are pauses. */
  readonly killShare: number;
}

async function run({ broken, total, planned, workMs, killShare }: Plan): Promise<Counts> {
  const random = seeded(seed);
  const schema = `hk_leases_${randomBytes(4).toString("hex")}`;
  const pool = new Pool({ connectionString: address, max: 8, connectionTimeoutMillis: 5_000 });
  pool.on("error", () => {});
  const broker = new Broker({ username: "u", password: "p", namespace: "NS" });
  broker.declare(queue);
  await broker.start();
  const amqp = `amqp://127.0.0.1:${broker.port}`;
  const journal = await openJournal({ store: postgresStore({ pool, schema }) });
  await pool.query(`create table "${schema}".handled (id text not null)`);
  const children = new Senders({ postgres: address, schema, amqp, queue, leaseMs, workMs, broken });
  const arrived = new Map<string, number>();
  const receiver = await connectAmqp({ url: amqp, username: "u", password: "p", namespace: "NS" });
  receiver.receive(
    queue,
    async ({ message }) => {
      const id = String(message.messageId);
      arrived.set(id, (arrived.get(id) ?? 0) + 1);
      return "accept";
    },
    { concurrency: 100 },
  );
  let kills = 0;
  let pauses = 0;
  try {
    await Promise.all(Array.from({ length: senders }, () => children.start()));
    const feeding = feed(journal, total);
    for (let i = 0; i < planned; i++) {
      await sleep(80 + random() * 160);
      const by = children.running[Math.floor(random() * children.running.length)] ?? 0;
      if (random() < killShare) {
        kills++;
        children.kill(by);
        await children.start();
      } else {
        pauses++;
        await children.pause(by, leaseMs * (1.2 + random()));
      }
    }
    await feeding;
    await finished(journal, children);
    await sleep(200);
  } finally {
    await children.end();
    await receiver.close({ drainMs: 100 });
    await broker.close();
  }
  const { rows } = await pool.query<{ id: string; n: string }>(
    `select id, count(*) as n from "${schema}".handled group by id`,
  );
  const counts = judge(children, arrived, total);
  counts.kills = kills;
  counts.pauses = pauses;
  counts.handled = rows.length;
  counts.handledTwice = rows.filter((row) => Number(row.n) > 1).length;
  counts.unhandled = total - rows.length;
  await journal.close();
  await pool.query(`drop schema "${schema}" cascade`);
  await pool.end();
  return counts;
}

async function feed(journal: Journal, total: number): Promise<void> {
  for (let i = 0; i < total; i += 10) {
    const numbers = Array.from({ length: Math.min(10, total - i) }, (_, n) => i + n);
    await Promise.all(
      numbers.flatMap((n) => [
        journal.outbox.enqueue({
          messageId: `m${n}`,
          kind: "D",
          from: "1",
          to: "2",
          key: `k${n % 50}`,
          payload: Buffer.from(`${n}`),
        }),
        journal.inbox.accept({ messageId: `i${n}`, kind: "D", from: "2", to: "1", payload: Buffer.from(`${n}`) }),
      ]),
    );
    await sleep(20);
  }
}

/** Waits until nothing is queued, sending or unhandled. */
async function finished(journal: Journal, children: Senders): Promise<void> {
  for (let looks = 0; ; looks++) {
    const open = [
      ...(await journal.outbox.list({ transport: "queued", limit: 1 })),
      ...(await journal.outbox.list({ transport: "sending", limit: 1 })),
      ...(await journal.inbox.pending({ limit: 1 })),
    ];
    if (open.length === 0) return;
    if (looks > 1_200)
      throw new Error(`expected everything to come to its end with ${children.running.length} senders`);
    await sleep(100);
  }
}

function judge(children: Senders, arrived: ReadonlyMap<string, number>, total: number): Counts {
  const byId = new Map<string, Told[]>();
  for (const line of children.told) byId.set(line.id, [...(byId.get(line.id) ?? []), line]);
  const counts: Counts = {
    sent: arrived.size,
    lost: total - arrived.size,
    handled: 0,
    handledTwice: 0,
    unhandled: 0,
    takeovers: 0,
    withheld: 0,
    staleWrites: 0,
    claimedAfterOutcome: 0,
    arrivedAgain: 0,
    unexplained: 0,
    kills: 0,
    pauses: 0,
  };
  for (const [id, lines] of byId) {
    const of = (what: string): Told[] => lines.filter((line) => line.what === what);
    const claims = of("claimed");
    counts.takeovers += Math.max(0, claims.length - 1);
    counts.withheld += of("withheld").length;
    for (const write of of("wrote"))
      if (claims.some((claim) => claim.fence > write.fence && claim.at < write.at)) counts.staleWrites++;
    // A process that was stopped right after its claim tells of it late: one with an older number did not come after.
    for (const outcome of of("noted"))
      if (claims.some((claim) => claim.fence > outcome.fence && claim.at > outcome.at)) counts.claimedAfterOutcome++;
    const extra = (arrived.get(id) ?? 0) - 1;
    if (extra <= 0) continue;
    counts.arrivedAgain += extra;
    // Every sending but the last must have been broken off between its write and its outcome.
    const broken = of("wrote").filter(
      (write) =>
        !of("noted").some((outcome) => outcome.fence === write.fence) &&
        children.breaks.some((gap) => gap.by === write.by && gap.from >= write.at - 1_000_000_000n),
    );
    if (broken.length < extra) counts.unexplained++;
  }
  return counts;
}

const probe = new Pool({ connectionString: address, max: 1, connectionTimeoutMillis: 5_000 });
try {
  await probe.query("select 1");
} catch (reason) {
  console.error("journal-leases: expected PostgreSQL to answer; nothing was run", (reason as { code?: string }).code);
  process.exit(2);
} finally {
  await probe.end();
}

const started = Date.now();
const show = (name: string, c: Counts): void =>
  console.log(
    `journal-leases: ${name}: ${c.sent} sent, ${c.lost} lost, ${c.handled} handled, ${c.handledTwice} handled twice, ${c.unhandled} unhandled; ` +
      `${c.kills} kills, ${c.pauses} pauses longer than the lease, ${c.takeovers} claims again, ${c.withheld} stale writes withheld, ` +
      `${c.staleWrites} stale writes, ${c.claimedAfterOutcome} claimed after their outcome, ` +
      `${c.arrivedAgain} arrived again under the same id, ${c.unexplained} of them without a broken process`,
  );
const mutant = await run({ broken: true, total: 300, planned: 5, workMs: 400, killShare: 0 });
show("without the hold", mutant);
const counts = await run({ broken: false, total: messages, planned: faults, workMs: 80, killShare: 0.4 });
show("as it is", counts);
const faultless =
  counts.lost +
    counts.unhandled +
    counts.handledTwice +
    counts.staleWrites +
    counts.claimedAfterOutcome +
    counts.unexplained ===
  0;
const struck = counts.kills > 0 && counts.pauses > 0 && counts.takeovers > 0;
const seen = mutant.staleWrites > 0;
if (!faultless) console.error("journal-leases: expected nothing lost, doubled or stale");
if (!struck) console.error("journal-leases: expected kills, pauses and claims that were taken over");
if (!seen) console.error("journal-leases: expected the counters to see stale writes where nothing keeps them back");
const ok = faultless && struck && seen;
console.log(
  `journal-leases: ${ok ? "ok" : "FAILED"} in ${((Date.now() - started) / 1_000).toFixed(1)} s, seed ${seed}`,
);
process.exitCode = ok ? 0 : 1;
