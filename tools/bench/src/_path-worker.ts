import { readFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { loadIdentity } from "@helsekontakt/amqp-messaging/protection";
import { postgresStore } from "@helsekontakt/journal/postgres";
import { accept, createHelsekontakt, type HelsekontaktConfig, openJournal, sqliteStore } from "@helsekontakt/sdk";
import { Pool } from "pg";

// One side of the whole path: sends questions and waits for their AppRecs, or takes them. Speaks with its parent by messages.

export interface PathWorkerOptions {
  readonly role: "sender" | "receiver";
  readonly config: Omit<HelsekontaktConfig, "journal">;
  readonly queues: { readonly async: string; readonly error: string };
  readonly keys: string;
  readonly patient: { readonly fnr: string; readonly givenName: string; readonly familyName: string };
  readonly file?: string;
  readonly postgres?: string;
  readonly schema?: string;
  /** Questions whose AppRec is awaited at the same time. */
  readonly concurrency: number;
}

/** What a part of the run cost. Milliseconds. */
export interface PathFigures {
  readonly seconds: number;
  readonly cpu: number;
  readonly latencies: readonly number[];
  /** Longest time for which the event loop was held. */
  readonly loop: number;
}

const options = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as PathWorkerOptions;
const { role, keys } = options;
const owner = role === "sender" ? "provider" : "helsenorge";
const identity = (use: "signing" | "encryption") =>
  loadIdentity({
    key: readFileSync(join(keys, `${owner}-${use}.key.pem`)),
    certificate: readFileSync(join(keys, `${owner}-${use}.crt.pem`)),
  });
const pool = options.postgres === undefined ? undefined : new Pool({ connectionString: options.postgres, max: 8 });
const journal = await openJournal({
  store:
    pool === undefined
      ? sqliteStore({ file: options.file ?? "" })
      : postgresStore({ pool, schema: options.schema ?? "" }),
  key: { id: "bench", secret: Buffer.alloc(32, 7) },
});
const sdk = createHelsekontakt({
  ...options.config,
  amqp: { ...options.config.amqp, queues: options.queues, concurrency: 16 },
  keys: { signing: identity("signing"), decryption: [identity("encryption")] },
  journal,
});
if (role === "receiver") sdk.ekontakt.onMessage(() => accept());
await sdk.start();

async function send(count: number): Promise<number[]> {
  const latencies: number[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next++ < count) {
      const begun = performance.now();
      const sent = await sdk.ekontakt.ask({
        patient: options.patient,
        subject: "Time",
        text: "Du har fått time hos oss. ".repeat(40),
      });
      const receipt = await sent.receipt();
      if (receipt.status !== "accepted") throw new Error(`expected a positive AppRec, found ${receipt.status}`);
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, one));
  return latencies;
}

const loop = monitorEventLoopDelay({ resolution: 5 });
let cpu = process.cpuUsage();
let begun = performance.now();
const figures = (latencies: readonly number[]): PathFigures => {
  const { user, system } = process.cpuUsage(cpu);
  return {
    seconds: (performance.now() - begun) / 1_000,
    cpu: (user + system) / 1_000,
    latencies,
    loop: loop.max / 1e6,
  };
};
const restart = (): void => {
  loop.reset();
  cpu = process.cpuUsage();
  begun = performance.now();
};
loop.enable();
process.on("disconnect", () => process.exit());
process.on("message", async (order: { readonly send: number } | "restart" | "figures" | "stop") => {
  if (order === "restart") restart();
  else if (order === "figures") process.send?.(figures([]));
  else if (order === "stop") {
    await sdk.stop();
    await journal.close();
    await pool?.end();
    process.exit();
  } else {
    restart();
    process.send?.(figures(await send(order.send)));
  }
});
process.send?.("ready");
