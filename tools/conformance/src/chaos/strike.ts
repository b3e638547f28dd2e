import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Pool } from "pg";
import type { OwnRabbit } from "./broker.ts";
import type { Fault, SharedFault, WorkerFault } from "./faults.ts";
import type { FaultProxy } from "./proxy.ts";
import type { WorkerProcess } from "./worker-process.ts";

const run = promisify(execFile);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** How long a fault may wait for the moment that it is meant for. */
const patienceMs = 10_000;

/** Everything that a fault can touch. */
export interface Scene {
  readonly broker: OwnRabbit;
  readonly world: { kill(signal: NodeJS.Signals): void };
  readonly database: { readonly pool: Pool; readonly name: string };
  readonly processes: ReadonlyMap<string, WorkerProcess>;
  readonly proxies: ReadonlyMap<string, FaultProxy>;
  /** The worker may have to hand over what it has begun. */
  disturbed(worker: string): void;
  /** The broker is back since this time. */
  brokerBack(at: number): void;
}

/** Lets one fault happen; true when it struck where it was meant to. */
export async function strike(fault: Fault, scene: Scene): Promise<boolean> {
  return "target" in fault && fault.target === "*"
    ? strikeAll(fault as SharedFault, scene)
    : strikeOne(fault as WorkerFault, scene);
}

async function strikeOne(fault: WorkerFault, scene: Scene): Promise<boolean> {
  const worker = scene.processes.get(fault.target);
  const proxy = scene.proxies.get(fault.target);
  if (worker === undefined || proxy === undefined) throw new Error(`expected a worker ${fault.target}`);
  await worker.ready;
  switch (fault.kind) {
    case "cut":
    case "half-close": {
      proxy.cutAfter(fault.way, fault.frames, fault.kind === "half-close" ? "half" : fault.mid ? "mid" : "whole");
      const struck = await until(() => !proxy.planned);
      proxy.forget();
      if (!struck) proxy.cut();
      return struck;
    }
    case "freeze":
      proxy.freeze(true);
      await sleep(fault.ms);
      proxy.freeze(false);
      return true;
    case "delay":
      proxy.delay(fault.each);
      await sleep(fault.ms);
      proxy.delay(0);
      return true;
    case "mute":
      proxy.mute(true);
      await sleep(fault.ms);
      proxy.cut();
      proxy.mute(false);
      return true;
    case "kill":
      return killAt(fault.step, worker, proxy, scene);
    case "pause":
      scene.disturbed(fault.target);
      worker.signal("SIGSTOP");
      await sleep(fault.ms);
      worker.signal("SIGCONT");
      return true;
    case "clock":
      // What leases are measured with: they may run out early.
      scene.disturbed(fault.target);
      worker.setClock(fault.by);
      await sleep(fault.ms);
      worker.setClock(0);
      return true;
    case "disk-full":
      scene.disturbed(fault.target);
      // The soft limit alone: nobody may raise the hard one again.
      await limitFiles(worker.pid, "4096:");
      await sleep(fault.ms);
      await limitFiles(worker.pid, "unlimited:");
      return true;
  }
}

async function limitFiles(pid: number | undefined, limit: string): Promise<void> {
  await run("prlimit", ["--pid", String(pid), `--fsize=${limit}`]);
}

async function killAt(step: string, worker: WorkerProcess, proxy: FaultProxy, scene: Scene): Promise<boolean> {
  const { died, life } = worker;
  scene.disturbed(worker.name);
  const [, frame, way, how] = /^wire (transfer|outcome) (out|in), (passed|lost)$/.exec(step) ?? [];
  if (frame === undefined) worker.killAt(step);
  else
    proxy.watch(way === "out" ? "out" : "in", frame === "transfer" ? "transfer" : "disposition", how === "passed", () =>
      worker.kill(),
    );
  const struck = await until(() => worker.life > life);
  if (!struck) {
    proxy.forget();
    worker.kill();
  }
  await died;
  proxy.forget();
  return struck;
}

async function strikeAll(fault: SharedFault, scene: Scene): Promise<boolean> {
  const { broker, database, world } = scene;
  switch (fault.kind) {
    case "broker-kill":
      scene.brokerBack(await broker.kill());
      return true;
    case "broker-restart":
      scene.brokerBack(await broker.restart());
      return true;
    case "broker-freeze":
      await broker.freeze(fault.ms);
      return true;
    case "services-freeze":
      world.kill("SIGSTOP");
      await sleep(fault.ms);
      world.kill("SIGCONT");
      return true;
    case "database-cut":
      for (const name of scene.processes.keys()) scene.disturbed(name);
      await endSessions(database);
      return true;
    case "database-read-only":
      for (const name of scene.processes.keys()) scene.disturbed(name);
      await database.pool.query(`alter database ${database.name} set default_transaction_read_only = on`);
      await endSessions(database);
      await sleep(fault.ms);
      await database.pool.query(`alter database ${database.name} reset default_transaction_read_only`);
      await endSessions(database);
      return true;
  }
}

async function endSessions({ pool, name }: Scene["database"]): Promise<void> {
  await pool.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [name]);
}

async function until(done: () => boolean): Promise<boolean> {
  for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(20)) if (done()) return true;
  return done();
}
