import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ClientOptions, Order } from "./client.ts";

/** Told of each line and of each end that nobody asked for. */
export interface WorkerListener {
  line(words: readonly string[], life: number): void;
  ended(how: { readonly asked: boolean; readonly life: number; readonly text: string }): void;
}

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
}

function deferred(): Deferred {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => void (resolve = done));
  return { promise, resolve };
}

/** One worker, started again whenever it dies, as a process manager does. */
export class WorkerProcess {
  readonly #options: Omit<ClientOptions, "from">;
  readonly #collects: boolean;
  readonly #folder: string;
  readonly #listener: WorkerListener;
  #child: ChildProcess | undefined;
  #ready = deferred();
  #closed = deferred();
  #expected = false;
  #stopping = false;
  #allow = 0;
  life = 0;
  /** One more than the highest number that was tried. */
  next = 0;

  /** @param collects - the worker collects its garbage once a minute and tells what is left. */
  constructor(options: Omit<ClientOptions, "from">, collects: boolean, folder: string, listener: WorkerListener) {
    this.#options = options;
    this.#collects = collects;
    this.#folder = folder;
    this.#listener = listener;
    this.#start();
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the worker is connected, in this life or in the next. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when the life that is under way has ended. */
  get died(): Promise<void> {
    return this.#closed.promise;
  }

  #start(): void {
    const life = ++this.life;
    const file = join(this.#folder, `${this.name}.json`);
    writeFileSync(file, JSON.stringify({ ...this.#options, from: this.next } satisfies ClientOptions), { mode: 0o600 });
    const child = spawn(
      process.execPath,
      [
        ...(this.#collects ? ["--expose-gc"] : []),
        "--conditions=helsekontakt-source",
        "--no-warnings=ExperimentalWarning",
        fileURLToPath(new URL("./client.ts", import.meta.url)),
        file,
      ],
      {
        stdio: ["ignore", "ignore", "pipe", "pipe", "ipc"],
        // Most of what a start costs is to read the sources: once is enough.
        env: { ...process.env, NODE_COMPILE_CACHE: join(this.#folder, "compiled") },
      },
    );
    this.#child = child;
    this.#expected = false;
    let text = "";
    child.stderr?.on("data", (bytes: Buffer) => {
      text = (text + bytes.toString()).slice(-2_000);
    });
    const { promise: told, resolve: allTold } = deferred();
    createInterface({ input: child.stdio[3] as Readable })
      .on("line", (line) => {
        const words = line.split(" ");
        if (words[0] === "i") this.next = Math.max(this.next, Number(words[1]) + 1);
        this.#listener.line(words, life);
      })
      .on("close", allTold);
    child.on("message", (message) => {
      if (message !== "ready") return;
      this.#send({ allow: this.#allow });
      this.#ready.resolve();
    });
    child.on("exit", (code, signal) => {
      void told.then(() => {
        const asked = this.#expected || this.#stopping;
        this.#listener.ended({ asked, life, text: `${signal ?? `code ${code}`} ${text}` });
        const closed = this.#closed;
        this.#closed = deferred();
        this.#ready = deferred();
        if (!this.#stopping) this.#start();
        closed.resolve();
      });
    });
  }

  #send(order: Order): void {
    if (this.#child?.connected === true) this.#child.send(order, () => {});
  }

  allow(n: number): void {
    if (n === this.#allow) return;
    this.#allow = n;
    this.#send({ allow: n });
  }

  /** Dies by its own hand at the step; undefined takes it back. */
  killAt(step: string | undefined): void {
    this.#expected = step !== undefined;
    this.#send({ killAt: step });
  }

  setClock(skew: number): void {
    this.#send({ clock: skew });
  }

  kill(): void {
    this.#expected = true;
    this.#child?.kill("SIGKILL");
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(name);
  }

  /** Asks it to stop; resolves when it has. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const { died } = this;
    this.#send({ stop: true });
    await died;
  }
}
