/**
 * One side of the run with a large message, in a process of its own so that its memory is its own: sends or receives
 * small messages first, then one of the size asked for, and says how much more memory that one took at its peak.
 */
import { randomUUID } from "node:crypto";
import { connectAmqp, createMessenger, type InboundMessage, type Party } from "@helsekontakt/amqp-messaging";
import { loadIdentity } from "@helsekontakt/amqp-messaging/protection";

interface Task {
  readonly role: "send" | "receive";
  readonly bytes: number;
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
const { role, bytes, queue } = task;
const small = 8;
const say = (message: object): void => void process.send?.(message);
const collect = (): void => (globalThis as { gc?: () => void }).gc?.();

/** XML of the size: one attachment in base64, which is what makes messages large. */
function document(size: number): Buffer {
  const start =
    '<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"><Document><RefDoc><Content><Base64Container xmlns="http://www.kith.no/xmlstds/base64container">';
  const end = "</Base64Container></Content></RefDoc></Document></MsgHead>";
  return Buffer.concat([Buffer.from(start), Buffer.alloc(size - start.length - end.length, "QUJD"), Buffer.from(end)]);
}

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

/** Highest resident memory so far, in bytes: the kernel's count, which misses no peak. */
const peak = (): number => process.resourceUsage().maxRSS * 1024;
let before = 0;
let longest = 0;
let last = performance.now();
const watch = setInterval(() => {
  const now = performance.now();
  longest = Math.max(longest, now - last - 5);
  last = now;
}, 5);

async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function mark(): Promise<void> {
  await settle();
  // The peak of the small ones is below what is resident now, or counts as theirs.
  before = Math.max(peak(), process.memoryUsage().rss);
  longest = 0;
  last = performance.now();
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
  await post(payload);
} else {
  let seen = 0;
  const whole = new Promise<InboundMessage>((resolve) => {
    messenger.receive(
      queue,
      async (message) => {
        if (++seen === small) await mark();
        if (seen > small) resolve(message);
        return "accept";
      },
      { concurrency: 1 },
    );
  });
  say({ ready: true });
  const { payload } = await whole;
  if (payload.byteLength !== bytes) throw new Error(`expected ${bytes} bytes, found ${payload.byteLength}`);
}
const extra = peak() - before;
clearInterval(watch);
say({ extra, before, longest });
await connection.close({ drainMs: 1_000 });
process.exit(0);
