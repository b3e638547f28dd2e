import { readFileSync, writeSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";
import { loadIdentity } from "@helsekontakt/amqp-messaging/protection";
import { type Clock, HelsekontaktError, type Logger, Personal, systemClock } from "@helsekontakt/core";
import type { Journal, OutboxHold } from "@helsekontakt/journal";
import { postgresStore } from "@helsekontakt/journal/postgres";
import {
  accept,
  alongside,
  createHelsekontakt,
  type HelsekontaktConfig,
  openJournal,
  sqliteStore,
} from "@helsekontakt/sdk";
import { Pool } from "pg";

// One process of the exchange: sends questions to citizens, or takes them and answers with AppRecs. It tells what it does
// line by line on its third pipe, before and after each step; what is written there survives its end.

export interface ClientOptions {
  readonly name: string;
  readonly role: "sender" | "receiver";
  readonly broker: string;
  readonly queues: { readonly async: string; readonly error: string };
  readonly service: string;
  /** Folder with the identities' PEM files. */
  readonly keys: string;
  readonly config: Omit<HelsekontaktConfig, "journal">;
  readonly citizens: readonly { readonly fnr: string; readonly givenName: string; readonly familyName: string }[];
  readonly file?: string;
  readonly postgres?: string;
  readonly schema?: string;
  readonly secret: string;
  /** Leases as short as these make a hand-over an event of every minute. */
  readonly leaseMs: number;
  /** Number of the first question. */
  readonly from: number;
}

/** What the parent tells. */
export type Order =
  | { readonly allow: number }
  | { readonly killAt: string | undefined }
  | { readonly clock: number }
  | { readonly stop: true };

// For the processes to come: one that is killed has no time for it.
module.flushCompileCache?.();
// A file that may not grow answers with an error, as a full disk does, instead of ending the process.
process.on("SIGXFSZ", () => {});

const options = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as ClientOptions;
const say = (...words: readonly (string | number)[]): void => void writeSync(3, `${words.join(" ")}\n`);
let killAt: string | undefined;
const step = (name: string): void => {
  if (name !== killAt) return;
  say("k", name.replaceAll(" ", "_"));
  process.kill(process.pid, "SIGKILL");
};

/** The same object with a step before and after each of its operations. */
function stepped<T extends object>(part: string, target: T, atOnce: readonly string[] = []): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== "function") return value;
      if (atOnce.includes(String(name))) return value.bind(object) as unknown;
      // What it gives is asked at every write, and its own confirming is a step.
      if (name === "hold")
        return (...given: unknown[]) => {
          const hold = (value as (...all: unknown[]) => OutboxHold).apply(object, given);
          return stepped(`${part}.hold`, hold, ["isHeld", "end"]);
        };
      return async (...given: unknown[]) => {
        step(`before ${part}.${String(name)}`);
        const result: unknown = await (value as (...all: unknown[]) => unknown).apply(object, given);
        if (name !== "claim" || (result as readonly unknown[]).length > 0) step(`after ${part}.${String(name)}`);
        return result;
      };
    },
  });
}

let skew = 0;
const clock: Clock = { now: () => systemClock.now() + skew, sleep: (ms, signal) => systemClock.sleep(ms, signal) };
const pool = options.postgres === undefined ? undefined : new Pool({ connectionString: options.postgres, max: 6 });
pool?.on("error", () => {});

async function open(): Promise<Journal> {
  for (;;)
    try {
      return await openJournal({
        store:
          pool === undefined
            ? sqliteStore({ file: options.file ?? "" })
            : postgresStore({ pool, schema: options.schema ?? "" }),
        key: { id: "k", secret: Buffer.from(options.secret, "hex") },
        // With PostgreSQL the database's clock rules, whatever this machine's says.
        ...(pool === undefined ? { clock } : {}),
      });
    } catch (reason) {
      // Away, full or read-only: all of them end by themselves here.
      if (!HelsekontaktError.from(reason).code.startsWith("journal/")) throw reason;
      await systemClock.sleep(200);
    }
}

const journal = await open();
const { role } = options;
const owner = role === "sender" ? "provider" : "helsenorge";
const identity = (use: "signing" | "encryption") =>
  loadIdentity({
    key: readFileSync(join(options.keys, `${owner}-${use}.key.pem`)),
    certificate: readFileSync(join(options.keys, `${owner}-${use}.crt.pem`)),
  });
/** Of what the SDK logs, the refusals: all that is sent here is well, so each has a cause that is to be found. */
const quiet = (): void => {};
const logger: Logger = {
  debug: quiet,
  info: quiet,
  warn(message, fields = {}) {
    const { messageId = "-", code, stage, bytes, sha256 } = fields;
    const id = String(messageId);
    if (message === "a message could not be opened") say("q", id, `${sha256}`, `${bytes} bytes,`, `${stage}`);
    if (message === "message refused") say("q", id, "-", `${code}`);
  },
  error: quiet,
};

const sdk = createHelsekontakt({
  ...options.config,
  amqp: { url: options.broker, queues: options.queues, concurrency: 8 },
  keys: { signing: identity("signing"), decryption: [identity("encryption")] },
  journal: {
    ...journal,
    outbox: stepped("outbox", journal.outbox),
    inbox: stepped("inbox", journal.inbox),
    receipts: stepped("receipts", journal.receipts),
  },
  leaseMs: options.leaseMs,
  clock,
  logger,
});

sdk.onEvent((event) => {
  if (event.type === "connection") say("c", event.state, Date.now());
  else if (event.type === "receipt")
    say("p", event.outcome, event.accepted ? "accepted" : "rejected", event.originalMsgId);
  else if (event.type === "handled") say("h", event.msgId ?? "-", event.decision);
  else if (event.type === "received") say("d", event.duplicate ? "duplicate" : "new");
  else if (event.type === "sent") say("s", event.attempt);
  else if (event.type === "send-failed") say("e", event.code, event.willRetry ? "again" : "never");
  else if (event.type === "handler-failed") say("e", event.code, event.setAside ? "never" : "again");
  else if (event.type === "undeliverable" || event.type === "refused") say("e", event.condition, "refused");
  else if (event.type === "dead-letter") say("e", event.reason, "dead-letter");
});

let allowed = 0;
const stopping = new AbortController();
let wake = (): void => {};
const woken = (): Promise<void> => new Promise((resolve) => void (wake = resolve));

async function ask(n: number): Promise<void> {
  const citizen = options.citizens[n % options.citizens.length];
  if (citizen === undefined) return;
  const { fnr, ...name } = citizen;
  say("i", n);
  try {
    const sent = await sdk.ekontakt.ask({
      patient: { fnr: new Personal(fnr), ...name },
      subject: `Time ${n}`,
      text: `Du har time hos oss, nummer ${n}. ${"Møt gjerne ti minutter før. ".repeat(1 + (n % 40))}`,
      from: options.service,
    });
    step("message accepted");
    say("a", n, sent.msgId);
  } catch (reason) {
    const { code } = HelsekontaktError.from(reason);
    say("r", n, code);
    await systemClock.sleep(100);
  }
}

async function send(): Promise<void> {
  let n = options.from;
  const underway = new Set<Promise<void>>();
  while (!stopping.signal.aborted) {
    if (underway.size >= 16) await Promise.race(underway);
    else if (n >= allowed) await woken();
    else {
      const job: Promise<void> = ask(n++).finally(() => underway.delete(job));
      underway.add(job);
    }
  }
  await Promise.all(underway);
}

if (role === "receiver")
  sdk.ekontakt.onMessage(async (message, { signal }) => {
    say("b", message.msgId);
    step("handler begun");
    await systemClock.sleep(message.msgId.charCodeAt(0) % 8, signal);
    say("f", message.msgId);
    step("handler done");
    // What the application keeps of it: all of it with the decision, or nothing.
    return alongside(accept(), async (transaction) => {
      step("before own rows");
      await transaction.query("insert into public.effect (msg_id, worker) values ($1, $2)", [
        message.msgId,
        options.name,
      ]);
      step("after own rows");
    });
  });

const watch = setInterval(() => say("m", process.memoryUsage().rss), 1_000);
// There in a soak alone. What is left after it is kept by something; before it, it may only not have been taken away yet.
const { gc: collect } = globalThis;
const floor = setInterval(() => {
  if (collect === undefined) return;
  // This kind gives the pages back as well, which a collection leaves to a later one otherwise.
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
  const { rss, heapUsed } = process.memoryUsage();
  say("g", rss, heapUsed);
}, 60_000);
const ended = new Promise<void>((resolve) => {
  process.on("message", (order: Order) => {
    if ("allow" in order) allowed = order.allow;
    if ("killAt" in order) killAt = order.killAt;
    if ("clock" in order) skew = order.clock;
    if ("stop" in order) {
      stopping.abort();
      resolve();
    }
    wake();
  });
  process.on("disconnect", () => process.exit(3));
});

// Where the broker or HelseID is away for longer than the SDK waits, a process manager would start this one again.
for (let started = false; !started && !stopping.signal.aborted; )
  try {
    await sdk.start();
    started = true;
  } catch (reason) {
    const error = HelsekontaktError.from(reason);
    say("e", error.code, "start");
    if (!error.retryable) throw error;
    await systemClock.sleep(200);
  }
process.send?.("ready");
const sending = role === "sender" ? send() : Promise.resolve();
await ended;
await sending;
await sdk.stop();
await journal.close();
await pool?.end();
clearInterval(watch);
clearInterval(floor);
say("x");
process.disconnect();
