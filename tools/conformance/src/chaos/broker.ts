import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

// A RabbitMQ of the run's own: a node beside the one that others use, so that it may be killed, frozen and restarted.

const run = promisify(execFile);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Where Debian and RabbitMQ's own packages put the programs; the one on PATH may change the user. */
const bin = ["/usr/lib/rabbitmq/bin"].find((dir) => existsSync(join(dir, "rabbitmq-server")));

export class OwnRabbit {
  readonly port: number;
  readonly namespace = "CHAOSServiceBus";
  readonly #env: NodeJS.ProcessEnv;
  readonly #dir: string;
  #child: ChildProcess | undefined;
  /** What was done to the node, and when, in milliseconds since 1970. */
  readonly history: { readonly at: number; readonly what: string }[] = [];

  private constructor(dir: string, port: number, distPort: number) {
    this.port = port;
    this.#dir = dir;
    this.#env = {
      PATH: process.env["PATH"],
      HOME: dir,
      RABBITMQ_NODENAME: `chaos${process.pid}@localhost`,
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_DIST_PORT: String(distPort),
      RABBITMQ_MNESIA_BASE: join(dir, "mnesia"),
      RABBITMQ_LOG_BASE: join(dir, "log"),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, "plugins"),
      RABBITMQ_CONFIG_FILE: join(dir, "none"),
      RABBITMQ_CONF_ENV_FILE: join(dir, "env"),
      RABBITMQ_PID_FILE: join(dir, "pid"),
    };
  }

  /** @throws {Error} when there is no RabbitMQ to run */
  static async start(dir: string): Promise<OwnRabbit> {
    if (bin === undefined) throw new Error("expected RabbitMQ's programs in /usr/lib/rabbitmq/bin, found none");
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "plugins"), "[rabbitmq_amqp1_0].\n");
    const broker = new OwnRabbit(dir, await freePort(), await freePort());
    await broker.up();
    return broker;
  }

  /** Starts the node and waits until it takes connections. */
  async up(): Promise<void> {
    this.#child = spawn(join(bin ?? "", "rabbitmq-server"), [], {
      env: this.#env,
      stdio: ["ignore", "ignore", "ignore"],
      detached: true,
    });
    for (let tries = 0; tries < 600; tries++) {
      if (await answers(this.port)) {
        this.#note("up");
        return;
      }
      await sleep(100);
    }
    throw new Error("expected RabbitMQ to take connections within a minute");
  }

  get #pid(): number {
    return Number(readFileSync(join(this.#dir, "pid"), "utf8").trim());
  }

  /** SIGKILL, and up again. Resolves with the time at which it takes connections. */
  async kill(): Promise<number> {
    this.#note("killed");
    process.kill(this.#pid, "SIGKILL");
    await this.#gone();
    await this.up();
    return Date.now();
  }

  /** An orderly stop, and up again. */
  async restart(): Promise<number> {
    this.#note("told to stop");
    process.kill(this.#pid, "SIGTERM");
    await this.#gone();
    this.#note("stopped");
    await this.up();
    return Date.now();
  }

  /** SIGSTOP for a while. */
  async freeze(ms: number): Promise<number> {
    const pid = this.#pid;
    this.#note("frozen");
    process.kill(pid, "SIGSTOP");
    await sleep(ms);
    process.kill(pid, "SIGCONT");
    return Date.now();
  }

  #note(what: string): void {
    this.history.push({ at: Date.now(), what });
  }

  async #gone(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once("exit", resolve));
    while (await answers(this.port)) await sleep(50);
  }

  /** Durable queues, each bound by its own name, and one beside it that gets a copy of everything. */
  async declare(queues: readonly string[], copied: readonly string[]): Promise<void> {
    const name = (kind: string, text: string): string => `rabbit_misc:r(<<"/">>, ${kind}, <<"${text}">>)`;
    const queue = (text: string): string =>
      `rabbit_amqqueue:declare(${name("queue", text)}, true, false, [], none, <<"chaos">>)`;
    const bind = (text: string, key: string): string =>
      `rabbit_binding:add({binding, ${name("exchange", this.namespace)}, <<"${key}">>, ${name("queue", text)}, []}, <<"chaos">>)`;
    const all = [
      `rabbit_exchange:declare(${name("exchange", this.namespace)}, direct, true, false, false, [], <<"chaos">>)`,
      ...queues.flatMap((q) => [queue(q), bind(q, q)]),
      ...copied.flatMap((q) => [queue(`${q}_copy`), bind(`${q}_copy`, q)]),
    ];
    await this.#ctl("eval", `${all.map((e) => `(fun() -> ${e} end)()`).join(", ")}, ok.`);
  }

  /** Messages by queue. */
  async counts(): Promise<ReadonlyMap<string, number>> {
    const lines = (await this.#ctl("list_queues", "name", "messages")).trim().split("\n");
    return new Map(lines.map((l) => l.split("\t")).map(([q = "", n]) => [q, Number(n)]));
  }

  /** The broker stops and starts within its process: quicker than a restart, and the same to its clients. */
  async restartApp(): Promise<number> {
    // As stop_app and start_app do it, which take seconds each only to start.
    await this.#ctl("eval", "rabbit:stop(), rabbit:start(), ok.");
    return Date.now();
  }

  /** Sessions and consumers as the broker counts them: a session has a channel of its own. */
  async links(): Promise<{ readonly sessions: number; readonly consumers: number }> {
    const lines = (text: string): number => text.split("\n").filter((line) => line.trim() !== "").length;
    return {
      sessions: lines(await this.#ctl("list_channels", "pid", "--no-table-headers")),
      consumers: lines(await this.#ctl("list_consumers", "queue_name", "--no-table-headers")),
    };
  }

  async #ctl(...args: readonly string[]): Promise<string> {
    const { stdout } = await run(join(bin ?? "", "rabbitmqctl"), ["-q", ...args], { env: this.#env, timeout: 60_000 });
    return stdout;
  }

  async end(): Promise<void> {
    try {
      process.kill(this.#pid, "SIGKILL");
    } catch {
      // It is down already.
    }
    await this.#gone();
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
