/**
 * One side of the run with a large message, in a process of its own so that its memory is its own: sends or receives
 * small messages first, then some of the size asked for, and says how much more memory the first of them took at its peak
 * and how long each held the event loop.
 */
import { randomUUID } from "node:crypto";
import { connectAmqp, createMessenger, type Party } from "@helsekontakt/amqp-messaging";
import { loadIdentity } from "@helsekontakt/amqp-messaging/protection";
import { document, peak, settle, watchLoop } from "./_large-message-watch.ts";

interface Task {
  readonly role: "send" | "receive";
  readonly bytes: number;
  /** Large messages, one after the other. */
  readonly times: number;
  readonly queue: string;
  readonly broker: {
    readonly host: string;
    readonly port: number;
    readonly username: string;
    readonly password: string;
  };
  readonly namespace: string;
  readonly sign: { readonly certificate: string; readonly key: string };
  readonly encrypt: { readonly certificate: string; readonly key: string };
}

const task = JSON.parse(process.argv[2] ?? "") as Task;
const { role, bytes, times, queue } = task;
const small = 8;
const say = (message: object): void => void process.send?.(message);

const sign = loadIdentity(task.sign);
const encrypt = loadIdentity(task.encrypt);
const party: Party = {
  kind: "dummy",
  herId: "1",
  name: "Party",
  queues: { async: queue },
  encryptionCertificate: encrypt.certificate,
  signatureCertificate: sign.certificate,
};
const connection = await connectAmqp({ ...task.broker, namespace: task.namespace, transport: "tcp" });
const messenger = createMessenger({
  connection,
  registry: { resolve: () => Promise.resolve(party), invalidate() {} },
  queues: { async: queue },
  signer: sign,
  decryptKeys: [encrypt],
  telemetry: false,
});

let before = 0;
let extra: number | undefined;
/** Of each large message: how long the event loop stood at most. */
const tries: { cpu: number; wall: number }[] = [];

let ended = watchLoop();

async function mark(): Promise<void> {
  await settle();
  // The peak of the small ones is below what is resident now, or counts as theirs.
  before = Math.max(peak(), process.memoryUsage().rss);
  ended();
  ended = watchLoop();
}

/** After each large message; the first is the one whose memory counts. */
function note(): void {
  extra ??= peak() - before;
  tries.push(ended());
  ended = watchLoop();
}

if (role === "send") {
  const post = (payload: Buffer): Promise<unknown> =>
    messenger.protectAndSend({
      messageId: randomUUID(),
      function: "DIALOG_INNBYGGER_TEST",
      fromHerId: "1",
      toHerId: "1",
      payload,
    });
  for (let i = 0; i < small; i++) await post(document(100_000));
  const payload = document(bytes);
  await mark();
  for (let i = 0; i < times; i++) {
    await post(payload);
    note();
  }
} else {
  let seen = 0;
  const whole = new Promise<void>((resolve, reject) => {
    messenger.receive(
      queue,
      async ({ payload }) => {
        if (++seen === small) await mark();
        if (seen <= small) return "accept";
        note();
        if (payload.byteLength !== bytes) reject(new Error(`expected ${bytes} bytes, found ${payload.byteLength}`));
        if (seen === small + times) resolve();
        return "accept";
      },
      { concurrency: 1 },
    );
  });
  say({ ready: true });
  await whole;
}
ended();
say({ extra, before, tries });
await connection.close({ drainMs: 1_000 });
process.exit(0);
