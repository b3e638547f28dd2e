import { type ChildProcess, fork, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import type { ClientOptions } from "./_members-client.ts";
import type { ServerOptions } from "./_members-server.ts";

// The processes of the runs under faults: the sandbox, and the clients that are killed or paused.

const flags = ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning"];
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/**
 * Joins the client's modules in one directory: it starts hundreds of times, and to read a thousand sources anew takes
 * most of the processor's time.
 */
export async function buildClient(dir: string): Promise<void> {
  const bundle = await rolldown({
    input: here("./_members-client.ts"),
    platform: "node",
    resolve: { conditionNames: ["helsekontakt-source", "import", "node"] },
    plugins: [
      {
        name: "pg as it is",
        resolveId: (source) => (source === "pg" ? { id: import.meta.resolve(source), external: true } : undefined),
      },
    ],
  });
  await bundle.write({ dir: join(dir, "client"), format: "esm", entryFileNames: "client.mjs" });
  await bundle.close();
}

/** Most of what a start costs is to read the sources: once is enough. */
const environment = (dir: string) => ({ ...process.env, NODE_COMPILE_CACHE: join(dir, "compiled") });

export interface Service {
  readonly child: ChildProcess;
  readonly first: { readonly config: object; readonly citizens: readonly { fnr: string; status: string }[] };
}

export async function startServer(dir: string, options: ServerOptions): Promise<Service> {
  const child = fork(here("./_members-server.ts"), ["serve", JSON.stringify(options)], {
    execArgv: flags,
    env: environment(dir),
  });
  const first = await new Promise<never>((resolve, reject) => {
    child.once("message", (message) => resolve(message as never));
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { child, first };
}

export function endServer({ child }: Service): void {
  child.removeAllListeners("exit");
  child.send("end");
}

/** What became of a client. */
export interface Ended {
  /** Its last step. */
  readonly last: string;
  readonly killed: boolean;
  readonly report?: string;
}

function spawnClient(dir: string, options: ClientOptions): ChildProcess {
  return spawn(process.execPath, [...flags, join(dir, "client", "client.mjs"), JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: environment(dir),
  });
}

function watch(child: ChildProcess, seen: (line: string) => void = () => {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let last = "";
    let report: string | undefined;
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on("line", (line) => {
        if (line.startsWith("report ")) report = line.slice(7);
        else last = line.slice(line.indexOf(" ") + 1);
        seen(line);
      });
    child.on("close", (code, signal) => {
      if (signal === "SIGKILL") resolve({ last, killed: true });
      else if (code === 0) resolve({ last, killed: false, ...(report === undefined ? {} : { report }) });
      else reject(new Error(`the client ended with ${code ?? signal} after "${last}"`));
    });
  });
}

/** Runs the client; kills it a moment after it tells `kill.steps` steps. */
export function runClient(
  dir: string,
  options: ClientOptions,
  kill?: { readonly steps: number; readonly ms: number },
): Promise<Ended> {
  const child = spawnClient(dir, options);
  let steps = 0;
  return watch(child, () => {
    if (++steps === kill?.steps) setTimeout(() => child.kill("SIGKILL"), kill.ms);
  });
}

/** Runs the client until it pauses itself; undefined when it came to its end before. `resume` lets it go on. */
export async function pauseClient(
  dir: string,
  options: ClientOptions & Required<Pick<ClientOptions, "pauseAt">>,
): Promise<{ resume(): Promise<Ended> } | undefined> {
  const child = spawnClient(dir, options);
  let paused: () => void = () => {};
  const pausing = new Promise<"paused">((resolve) => (paused = () => resolve("paused")));
  const end = watch(child, (line) => {
    if (line === "paused") paused();
  });
  if ((await Promise.race([pausing, end])) !== "paused") return undefined;
  return {
    resume() {
      child.kill("SIGCONT");
      return end;
    },
  };
}
