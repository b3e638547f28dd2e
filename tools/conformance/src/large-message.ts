/**
 * A message of 20 MB through a real broker, signed and encrypted, each side in a process of its own, and through the embedded
 * journal, sealed: how much memory it takes beyond what small messages had taken, and how long the event loop stood still.
 */
import { generateKeyPairSync } from "node:crypto";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createCertificate } from "@helsekontakt/amqp-messaging/protection";
import { prepareRabbitMq } from "./_rabbitmq.ts";
import { createTally } from "./_tally.ts";

const bytes = 20 * 1024 * 1024;
const mib = 1024 * 1024;
/** Beyond the payload that the application holds anyway. */
const most = 3 * bytes;
/** Milliseconds for which the event loop may be held. */
const longestTurn = 50;
/** The quietest counts: what the collector or others on the machine add differs, what a message needs does not. */
const times = 3;

interface Said {
  readonly ready?: true;
  readonly extra?: number;
  readonly before?: number;
  readonly tries?: readonly { readonly cpu: number; readonly wall: number }[];
}

type Measured = Required<Omit<Said, "ready">>;

function side(
  task: object,
  file = "./_large-message-party.ts",
): { readonly ready: Promise<void>; readonly done: Promise<Measured> } {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(task)], {
    execArgv: ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning", "--expose-gc"],
  });
  let ready = (): void => {};
  return {
    ready: new Promise((resolve) => {
      ready = resolve;
    }),
    done: new Promise((resolve, reject) => {
      let said: Said = {};
      child.on("message", (message: Said) => {
        if (message.ready === true) ready();
        else said = message;
      });
      child.on("exit", (code) => {
        if (code === 0 && said.extra !== undefined) resolve(said as Required<Said>);
        else reject(new Error(`a side ended with ${code}`));
      });
    }),
  };
}

function identity(usage: "nonRepudiation" | "keyEncipherment"): { certificate: string; key: string } {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const certificate = createCertificate({
    subject: { commonName: `Large ${usage}` },
    publicKey: privateKey,
    issuer: { key: privateKey },
    usage: [usage],
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
  });
  return { certificate: certificate.toString(), key: privateKey.export({ type: "pkcs8", format: "pem" }) as string };
}

async function main(): Promise<void> {
  const tally = createTally();
  const broker = await prepareRabbitMq();
  const figures: Record<string, string> = {};
  const judge = (name: string, { extra, tries }: Measured): void => {
    tally.check(extra <= most, `O3: ${name}: ${Math.round(extra / mib)} MiB extra, at most ${most / mib}`);
    figures[`${name}: extra memory`] = `${Math.round(extra / mib)} MiB (${(extra / bytes).toFixed(2)} of its size)`;
    const { cpu, wall } = tries.toSorted((a, b) => a.cpu - b.cpu)[0] ?? { cpu: Number.NaN, wall: Number.NaN };
    tally.check(
      cpu <= longestTurn,
      `O3: ${name}: the event loop held for ${Math.round(cpu)} ms of processor, at most ${longestTurn}`,
    );
    figures[`${name}: longest turn of the loop`] =
      `${Math.round(cpu)} ms of processor, ${Math.round(wall)} ms by the clock, in the quietest of ${times}`;
  };
  try {
    const { host, port, username, password, namespace } = broker;
    const task = {
      bytes,
      times,
      namespace,
      broker: { host, port, username, password },
      queue: await broker.makeQueue(),
      sign: identity("nonRepudiation"),
      encrypt: identity("keyEncipherment"),
    };
    const receiver = side({ ...task, role: "receive" });
    await receiver.ready;
    const sender = side({ ...task, role: "send" });
    for (const [name, { done }] of [
      ["out", sender],
      ["in", receiver],
    ] as const) {
      judge(name, await done);
    }
    for (const way of ["out", "in", "retention"])
      judge(`embedded journal, ${way}`, await side({ way, bytes, times }, "./_large-message-journal.ts").done);
  } finally {
    await broker.clean();
  }
  tally.finish("A message of 20 MB in and out", {}, figures);
}

await main().catch((error: unknown) => {
  console.error(`large-message could not run: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
});
