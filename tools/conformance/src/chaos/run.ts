import { fork } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Journal, openJournal, sqliteStore } from "@helsekontakt/journal";
import { postgresStore } from "@helsekontakt/journal/postgres";
import { turned } from "../../../../packages/sdk/tests/_turned.ts";
import { OwnRabbit } from "./broker.ts";
import type { ClientOptions } from "./client.ts";
import { DuplicatePublisher } from "./copies.ts";
import { ownDatabase } from "./database.ts";
import { digestOf, type Fault, schedule, stepsOf, workers } from "./faults.ts";
import { Ledger, type Verdict } from "./ledger.ts";
import { FaultProxy } from "./proxy.ts";
import { type Scene, strike } from "./strike.ts";
import { WorkerProcess } from "./worker-process.ts";

export interface ChaosOptions {
  readonly messages: number;
  readonly faults: number;
  readonly seed: number;
  /** Spreads messages and faults evenly over so many minutes, and strikes no process: its memory is what is looked at. */
  readonly soakMinutes?: number;
  /** Milliseconds since 1970 from when on nothing new is sent or struck: what is under way comes to its end. */
  readonly until?: number;
  /** Folder for journals, keys and the broker's files. */
  readonly folder: string;
  /** `postgres://…`, with the right to make a database. */
  readonly postgres: string;
  /** Ends the run and takes away what it has made. */
  readonly signal: AbortSignal;
  /** Told now and then. */
  readonly progress?: (line: string) => void;
}

/** What happened in one run. */
export interface ChaosResult {
  readonly verdict: Verdict;
  /** Faults of the schedule whose turn came, and whether that was all of them. */
  readonly tried: number;
  readonly complete: boolean;
  readonly schedule: string;
  readonly faults: ReadonlyMap<string, { planned: number; struck: number }>;
  /** Steps at which a process was killed, and how often. */
  readonly kills: ReadonlyMap<string, number>;
  readonly stepsMissed: readonly string[];
  /** Ends of processes that nobody caused. */
  readonly crashes: readonly string[];
  readonly lives: number;
  readonly duplicatesPublished: number;
  readonly deliveriesReleased: number;
  /** Milliseconds from the broker's return to the connection of each worker that ran, but where another fault came first. */
  readonly reattached: readonly number[];
  /** Highest resident memory of a worker, in bytes. */
  readonly rss: number;
  readonly memory: ReadonlyMap<string, readonly MemoryMinute[]>;
  readonly events: ReadonlyMap<string, number>;
  readonly errors: ReadonlyMap<string, number>;
  /** Messages that a worker refused. All that is sent is well: each is a fault of ours, or of the run's. */
  readonly refusals: readonly string[];
  /** Of each message that did not come through: what the journals know of it, and what the broker went through about then. */
  readonly missing: readonly string[];
  readonly seconds: number;
}

/** What a worker held in bytes, resident and of live objects, after a collection once a minute. Soaks alone. */
export interface MemoryMinute {
  readonly rss: number;
  readonly heap: number;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
/** Faults that may be ahead of the messages, and at work at the same time. */
const ahead = 40;
/** Messages on their way at the same time: faults strike while there is something to lose. */
const windowSize = 600;
const atOnce = 6;
/** Without any change for so long at the end, the run is over. */
const quietMs = 60_000;
const queuesOf = (service: string) => ({ async: `${service}_async`, error: `${service}_error` });
const serviceOf = { a: "200002", b1: "200003", b2: "200003", r1: "100002", r2: "100002" } as Record<string, string>;

/** Runs messages through faults, and judges. @throws {Error} when the run could not take place, or was ended */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { folder, seed, messages, signal, progress = () => {} } = options;
  const started = Date.now();
  const { soakMinutes } = options;
  const faults = schedule(options.faults, seed, soakMinutes !== undefined);
  const keys = join(folder, "keys");
  mkdirSync(keys, { recursive: true });
  const closing: (() => unknown)[] = [];
  try {
    const database = await ownDatabase(options.postgres, closing);
    const { rows } = database;
    const broker = await OwnRabbit.start(join(folder, "broker"));
    closing.push(() => broker.end());
    const services = [...new Set(Object.values(serviceOf))];
    const queues = services.flatMap((s) => Object.values(queuesOf(s)));
    const copied = services.map((s) => queuesOf(s).async);
    await broker.declare(queues, copied);
    const copies = new DuplicatePublisher(broker.port, broker.namespace, copied, seed, 1);
    closing.push(() => copies.close());
    const world = fork(fileURLToPath(new URL("./world.ts", import.meta.url)), [keys], {
      execArgv: ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning"],
    });
    closing.push(() => world.kill("SIGKILL"));
    const { config, citizens } = await new Promise<Pick<ClientOptions, "citizens" | "config">>((resolve, reject) => {
      world.once("message", (message) => resolve(message as never));
      world.once("exit", (code) => reject(new Error(`the services ended with ${code}`)));
    });

    const ledger = new Ledger();
    const kills = new Map<string, number>();
    const crashes: string[] = [];
    const backs: number[] = [];
    const opens = new Map<string, number[]>();
    /** When faults began that may keep a worker from the broker; a cut, which waits for frames, when it struck. */
    const begunAt = new Map<string, number[]>();
    const endedAt = new Map<string, number[]>();
    let lives = 0;
    let rss = 0;
    const memory = new Map<string, MemoryMinute[]>();
    let redeliveries = 0;
    const processes = new Map<string, WorkerProcess>();
    const proxies = new Map<string, FaultProxy>();
    const secret = createHash("sha256").update(randomBytes(32)).digest("hex");
    const stores = new Map<string, () => Promise<Journal>>();
    for (const { name, role, engine } of workers) {
      const proxy = new FaultProxy({ host: "127.0.0.1", port: broker.port }, () => tenth(seed, redeliveries++));
      const port = await proxy.listen();
      proxies.set(name, proxy);
      closing.push(() => proxy.close());
      const service = serviceOf[name] ?? "";
      const file = join(folder, `${name}.sqlite`);
      const schema = role === "sender" ? "senders" : "receivers";
      const key = { id: "k", secret: Buffer.from(secret, "hex") };
      stores.set(engine === "sqlite" ? file : schema, async () =>
        engine === "sqlite"
          ? openJournal({ store: sqliteStore({ file }), key })
          : openJournal({ store: postgresStore({ pool: rows, schema }), key }),
      );
      const worker = new WorkerProcess(
        {
          name,
          role,
          broker: `amqp://guest:guest@127.0.0.1:${port}/${broker.namespace}`,
          queues: queuesOf(service),
          service,
          keys,
          config: role === "sender" ? config : turned(config),
          citizens,
          secret,
          leaseMs: 5_000,
          ...(engine === "sqlite" ? { file } : { postgres: database.address, schema }),
        },
        soakMinutes !== undefined,
        folder,
        {
          line(words, life) {
            ledger.take(name, life, words);
            if (words[0] === "k") ledger.count(kills, `${role} ${(words[1] ?? "").replaceAll("_", " ")}`);
            if (words[0] === "m") rss = Math.max(rss, Number(words[1]));
            if (words[0] === "g") {
              const own = memory.get(name) ?? [];
              memory.set(name, [...own, { rss: Number(words[1]), heap: Number(words[2]) }]);
            }
            if (words[0] === "c" && words[1] === "open")
              opens.set(name, [...(opens.get(name) ?? []), Number(words[2])]);
          },
          ended({ asked, life, text }) {
            lives++;
            endedAt.set(name, [...(endedAt.get(name) ?? []), Date.now()]);
            ledger.disturbed(name, life);
            if (!asked) crashes.push(`${name}: ${text.trim()}`);
          },
        },
      );
      processes.set(name, worker);
      closing.push(() => worker.kill());
      // The second to use a database finds its tables made.
      await worker.ready;
    }
    const scene: Scene = {
      broker,
      world,
      database,
      processes,
      proxies,
      disturbed: (name) => ledger.disturbed(name, processes.get(name)?.life ?? 0),
      brokerBack: (at) => backs.push(at),
    };

    const counts = new Map<string, { planned: number; struck: number }>();
    for (const { kind } of faults) {
      const count = counts.get(kind) ?? { planned: 0, struck: 0 };
      count.planned++;
      counts.set(kind, count);
    }
    const senders = workers.filter((w) => w.role === "sender").map((w) => w.name);
    let done = 0;
    /** Messages that may be accepted so far: they wait for the faults that belong before them. */
    const begun = Date.now();
    const share = (): number =>
      soakMinutes === undefined
        ? ledger.accepted.size / messages
        : Math.min(1, (Date.now() - begun) / (soakMinutes * 60_000));
    const { until = Number.POSITIVE_INFINITY } = options;
    const timeIsUp = (): boolean => Date.now() >= until;
    const allowed = (): number => {
      if (soakMinutes !== undefined) return Math.ceil(messages * share());
      const byFaults = done >= faults.length ? messages : Math.ceil(((done + ahead) * messages) / faults.length);
      return Math.min(messages, byFaults, ledger.answered.size + windowSize);
    };
    const pace = (): void => {
      if (timeIsUp()) {
        for (const name of senders) processes.get(name)?.allow(0);
        return;
      }
      const each = Math.ceil(allowed() / senders.length);
      const last = allowed() === messages ? messages - each * (senders.length - 1) : each;
      for (const [i, name] of senders.entries()) {
        const worker = processes.get(name);
        const wanted = i === senders.length - 1 ? last : each;
        const missing = Math.max(0, wanted - ledger.acceptedBy(name));
        // What is under way counts as tried: one that was refused makes room for another.
        worker?.allow(missing === 0 ? 0 : worker.next + Math.max(0, missing - 16));
        if (missing > 0 && missing <= 16) worker?.allow(worker.next + 1);
      }
    };
    const pacing = setInterval(pace, 50);
    closing.push(() => clearInterval(pacing));
    const atWork = new Map<string, Promise<void>>();
    const underway = new Map<string, string>();
    let told = Date.now();
    const tell = (): void => {
      if (Date.now() - told < 10_000) return;
      told = Date.now();
      progress(
        `${ledger.accepted.size} of ${messages} accepted, ${ledger.answered.size} answered, ${done} of ${faults.length} faults, ${lives} processes ended; at work: ${[...atWork.keys()].map((name) => `${name} ${underway.get(name) ?? ""}`).join(", ")}`,
      );
    };

    // In the middle of a soak one sender has no broker for a sixth of the time: its messages wait in its journal.
    const outage = { from: 0.4, to: 0.4 + 1 / 6, worker: "a" };
    let outageOn = false;
    const waiting = faults.map((_, index) => index);
    /** The next fault that is due and whose target is free. Those of one target keep their order; a shared one waits for all before it. */
    const pick = (): number | undefined => {
      if (atWork.has("*") || atWork.size >= atOnce) return undefined;
      const busy = new Set(atWork.keys());
      if (outageOn) busy.add(outage.worker);
      for (const [i, index] of waiting.slice(0, ahead).entries()) {
        const target = faults[index]?.target ?? "*";
        if (share() < index / faults.length) return undefined;
        if (target === "*" && (i > 0 || atWork.size > 0)) return undefined;
        if (busy.has(target)) continue;
        waiting.splice(i, 1);
        return index;
      }
      return undefined;
    };
    let tried = 0;
    while (!timeIsUp() && (done < faults.length || ledger.accepted.size < messages || share() < 1)) {
      signal.throwIfAborted();
      const cutOff = soakMinutes !== undefined && share() >= outage.from && share() < outage.to;
      if (cutOff !== outageOn) {
        proxies.get(outage.worker)?.refuse(cutOff);
        outageOn = cutOff;
      }
      const index = pick();
      const fault = index === undefined ? undefined : faults[index];
      if (fault === undefined) {
        tell();
        await (atWork.size === 0 ? sleep(20) : Promise.race([sleep(20), ...atWork.values()]));
        continue;
      }
      tried++;
      underway.set(fault.target, fault.kind);
      const keepsAway = fault.kind !== "cut" && fault.kind !== "half-close";
      for (const name of fault.target === "*" ? processes.keys() : keepsAway ? [fault.target] : [])
        begunAt.set(name, [...(begunAt.get(name) ?? []), Date.now()]);
      const job = strike(fault, scene)
        .then((struck) => {
          if (!struck) return;
          // A connection that was cut as it was being made is made once more.
          if (!keepsAway) begunAt.set(fault.target, [...(begunAt.get(fault.target) ?? []), Date.now()]);
          (counts.get(fault.kind) as { struck: number }).struck++;
          if (fault.kind === "kill" && fault.step.startsWith("wire"))
            ledger.count(kills, `${roleOf(fault.target)} ${fault.step}`);
        })
        .finally(() => {
          done++;
          atWork.delete(fault.target);
        });
      atWork.set(fault.target, job);
    }
    const complete = tried === faults.length && ledger.accepted.size >= messages;
    await Promise.all(atWork.values());
    clearInterval(pacing);

    // Everything that is under way comes to its end; the faults are over.
    let left = ledger.unanswered();
    for (let changed = Date.now(); left > 0 && Date.now() - changed < quietMs; await sleep(100)) {
      signal.throwIfAborted();
      tell();
      const now = ledger.unanswered();
      if (now !== left) changed = Date.now();
      left = now;
    }
    await Promise.all([...processes.values()].map((worker) => worker.stop()));
    copies.close();
    await sleep(500);
    const remaining = await broker.counts();
    let leftInQueues = 0;
    for (const queue of queues) leftInQueues += remaining.get(queue) ?? 0;
    const open = async (names: readonly string[]): Promise<Journal[]> =>
      Promise.all(names.map((name) => (stores.get(name) ?? fail(name))()));
    const sending = await open([join(folder, "a.sqlite"), "senders"]);
    const receiving = await open(["receivers"]);
    const kept = await rows.query<{ msg_id: string; n: string }>(
      "select msg_id, count(*) as n from public.effect group by msg_id",
    );
    const effects = new Map(kept.rows.map(({ msg_id, n }) => [msg_id, Number(n)]));
    const verdict = await ledger.judge(sending, receiving, effects, leftInQueues);
    for (const journal of [...sending, ...receiving]) await journal.close();

    const places = new Set(workers.flatMap((w) => stepsOf(w.role).map((step) => `${w.role} ${step}`)));
    // Those whose turn came only because another's target was busy count as well; the last few may not have come up.
    const begunFaults = complete ? faults : faults.slice(0, Math.max(0, tried - ahead));
    const planned = new Set(begunFaults.flatMap((f) => (f.kind === "kill" ? [`${roleOf(f.target)} ${f.step}`] : [])));
    return {
      verdict,
      tried,
      complete,
      schedule: digestOf(faults),
      faults: counts,
      kills,
      stepsMissed: [...places].filter((place) => planned.has(place) && !kills.has(place)).sort(),
      crashes,
      lives,
      duplicatesPublished: copies.published,
      deliveriesReleased: [...proxies.values()].reduce((sum, p) => sum + p.released, 0),
      reattached: backs.flatMap((at) =>
        [...opens].flatMap(([name, times]) => {
          const first = times.find((t) => t >= at);
          const kept = begunAt.get(name)?.some((t) => t >= at && t < (first ?? at)) === true;
          // A process that had died and not yet come up was not waiting for the broker.
          const death = endedAt.get(name)?.findLast((t) => t < at);
          const starting = death !== undefined && !times.some((t) => t > death && t < at);
          return first === undefined || kept || starting ? [] : [first - at];
        }),
      ),
      rss,
      memory,
      events: ledger.events,
      errors: ledger.errors,
      refusals: ledger.refusals.map(({ worker, id, digest, what }) =>
        [
          `${worker} ${id}: ${what}`,
          ...(digest === "-" ? [] : [copies.had(id, digest) ? "as the broker had it" : "not as the broker had it"]),
        ].join(", "),
      ),
      missing: verdict.missing.map(({ msgId, sender, outbox, inbox, sentAt }) => {
        const about = broker.history
          .filter(({ at }) => sentAt !== undefined && Math.abs(at - sentAt) < 60_000)
          .map(({ at, what }) => `broker ${what} ${at - (sentAt ?? 0)} ms after`);
        return [`${sender} ${msgId}: outbox ${outbox}`, `inbox ${inbox}`, ...about].join("; ");
      }),
      seconds: (Date.now() - started) / 1_000,
    };
  } finally {
    for (const close of closing.toReversed()) await Promise.resolve(close()).catch(() => {});
  }
}

/** One draw in ten, the same ones for the same seed. */
function tenth(seed: number, draw: number): boolean {
  return createHash("sha256").update(`${seed} redeliver ${draw}`).digest().readUInt16BE(0) % 10 === 0;
}

const roleOf = (name: string): string => workers.find((w) => w.name === name)?.role ?? "";

function fail(what: string): never {
  throw new Error(`expected ${what}, found nothing`);
}

export type { Fault };
