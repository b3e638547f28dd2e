import { type ChildProcess, fork } from "node:child_process";
import { constants, createPublicKey, generateKeyPairSync, privateDecrypt, publicEncrypt, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Pool } from "pg";
import { turned } from "../../../packages/sdk/tests/_turned.ts";
import type { PathFigures, PathWorkerOptions } from "./_path-worker.ts";
import type { Row } from "./measure.ts";

const warmUp = 200;
const messages = 1_500;
const concurrency = 64;
const address = process.env["HELSEKONTAKT_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432/test";

type Config = PathWorkerOptions["config"];

/**
 * The whole path: a question is built, validated, journalled, signed, encrypted, sent, received, opened, validated,
 * journalled and handled, and its AppRec goes the same way back. Sender, receiver and broker are processes of their own.
 * Each side makes two operations with a private RSA key for a message; how many of these pairs one core does in a second
 * is the limit against which the speed is told.
 */
export async function benchPath(): Promise<Row[]> {
  const limit = rsaPairs();
  const rows = [await path("embedded engine", limit)];
  const pool = new Pool({ connectionString: address, max: 1, connectionTimeoutMillis: 3_000 });
  const schema = `bench_path_${process.pid}`;
  try {
    await pool.query("select 1");
    try {
      rows.push(await path("PostgreSQL", limit, schema));
    } finally {
      for (const role of ["sender", "receiver"]) await pool.query(`drop schema if exists "${schema}_${role}" cascade`);
    }
  } catch (reason) {
    if ((reason as { code?: string }).code !== "ECONNREFUSED") throw reason;
    process.stdout.write("PostgreSQL does not answer: its path is left out\n");
  } finally {
    await pool.end();
  }
  return rows;
}

/** Signatures and decryptions, one of each, that one core does in a second. */
function rsaPairs(): number {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const padding = constants.RSA_PKCS1_PADDING;
  const wrapped = publicEncrypt({ key: createPublicKey(privateKey), padding }, Buffer.alloc(32, 1));
  const bytes = Buffer.alloc(200, 2);
  const start = performance.now();
  let pairs = 0;
  for (; performance.now() - start < 1_000; pairs++) {
    sign("sha256", bytes, privateKey);
    privateDecrypt({ key: privateKey, padding }, wrapped);
  }
  return pairs / ((performance.now() - start) / 1_000);
}

async function path(engine: string, limit: number, schema?: string): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), "helsekontakt-path-"));
  const children: ChildProcess[] = [];
  const start = (program: string, argument: string): ChildProcess => {
    const child = fork(fileURLToPath(new URL(program, import.meta.url)), [argument], {
      execArgv: ["--no-warnings=ExperimentalWarning"],
    });
    children.push(child);
    return child;
  };
  try {
    const world = start("./_path-world.ts", folder);
    const { config, citizen } = await answer<{ config: Config; citizen: PathWorkerOptions["patient"] }>(world);
    const worker = async (role: "sender" | "receiver"): Promise<ChildProcess> => {
      const herId = role === "sender" ? "200001" : "100002";
      const options: PathWorkerOptions = {
        role,
        config: role === "sender" ? config : turned(config),
        queues: { async: `${herId}_async`, error: `${herId}_error` },
        keys: folder,
        patient: citizen,
        concurrency,
        ...(schema === undefined
          ? { file: join(folder, `${role}.sqlite`) }
          : { postgres: address, schema: `${schema}_${role}` }),
      };
      const file = join(folder, `${role}.json`);
      writeFileSync(file, JSON.stringify(options), { mode: 0o600 });
      const child = start("./_path-worker.ts", file);
      await answer(child);
      return child;
    };
    const receiver = await worker("receiver");
    const sender = await worker("sender");
    await ask<PathFigures>(sender, { send: warmUp });
    receiver.send("restart");
    const out = await ask<PathFigures>(sender, { send: messages });
    const received = await ask<PathFigures>(receiver, "figures");
    for (const child of [sender, receiver]) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.send("stop");
      await gone;
    }
    const perSecond = messages / out.seconds;
    const sorted = [...out.latencies].sort((a, b) => a - b);
    const at = (p: number): string => (sorted[Math.ceil(sorted.length * p) - 1] ?? Number.NaN).toFixed(0);
    const each = (cpu: number): string => (cpu / messages).toFixed(1);
    return {
      name: `whole path with AppRec, ${engine}, of one core's RSA limit`,
      ratio: perSecond / limit,
      note:
        `${perSecond.toFixed(0)} messages a second of ${limit.toFixed(0)}; question to AppRec p50 ${at(0.5)} ms, p99 ${at(0.99)} ms with ${concurrency} under way; ` +
        `processor ${each(out.cpu)} ms a message at the sender, ${each(received.cpu)} at the receiver; loop held at most ${out.loop.toFixed(0)} and ${received.loop.toFixed(0)} ms`,
    };
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as T));
    child.once("exit", (code) => reject(new Error(`expected an answer, found the process ended with ${code}`)));
  });
}

function ask<T>(child: ChildProcess, order: object | string): Promise<T> {
  const answered = answer<T>(child);
  child.send(order);
  return answered;
}
