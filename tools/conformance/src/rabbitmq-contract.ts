/**
 * The broker contract of `@helsekontakt/amqp-messaging`, the same cases that run against the in-process brokers, against
 * a real RabbitMQ. Exit 0: all kept. Exit 1: a case failed. Exit 2: the run could not take place.
 */
import { randomBytes, randomUUID } from "node:crypto";
import {
  connectAmqp,
  createMessenger,
  type InboundMessage,
  type Party,
  type PartyRegistry,
} from "@helsekontakt/amqp-messaging";
import { createIdentity, type Identity } from "@helsekontakt/amqp-messaging/protection";
import { runContract } from "./_contract-run.ts";
import { prepareRabbitMq, type RabbitMq } from "./_rabbitmq.ts";

/** One whole message: signed, encrypted, sent, received, decrypted, verified, compared to the byte. */
async function protectedMessage(broker: RabbitMq): Promise<void> {
  const { host, port, username, password, namespace } = broker;
  const year = 365 * 86_400_000;
  const identity = (usage: "nonRepudiation" | "keyEncipherment"): Promise<Identity> =>
    createIdentity({
      subject: { commonName: `Conformance ${usage}` },
      usage: [usage],
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + year),
    });
  const [sign, encrypt] = await Promise.all([identity("nonRepudiation"), identity("keyEncipherment")]);
  const queue = await broker.makeQueue();
  const party = (herId: string): Party => ({
    kind: "dummy",
    herId,
    name: `Party ${herId}`,
    queues: { async: queue },
    encryptionCertificate: encrypt.certificate,
    signatureCertificate: sign.certificate,
  });
  const registry: PartyRegistry = { resolve: ({ herId }) => Promise.resolve(party(herId)), invalidate() {} };
  const connection = await connectAmqp({ host, port, username, password, namespace, transport: "tcp" });
  try {
    const messenger = createMessenger({
      connection,
      registry,
      queues: { async: queue },
      signer: sign,
      decryptKeys: [encrypt],
    });
    const payload = Buffer.from(
      `<?xml version="1.0"?>\n<a>  <!-- kept --> ${randomBytes(200_000).toString("base64")}</a>\n`,
    );
    const received = new Promise<InboundMessage>((resolve) =>
      messenger.receive(queue, (message) => {
        resolve(message);
        return Promise.resolve("accept");
      }),
    );
    const messageId = randomUUID();
    const sent = await messenger.protectAndSend({
      messageId,
      function: "DIALOG_INNBYGGER_TEST",
      fromHerId: "1",
      toHerId: "2",
      payload,
    });
    const message = await received;
    const whole =
      message.messageId === messageId &&
      Buffer.from(message.payload).equals(payload) &&
      message.signer?.raw.equals(sign.certificate.raw) === true;
    if (!whole) throw new Error("expected the protected message to arrive as it was sent");
    console.log(`        ${payload.length} bytes of XML, ${sent.bodyBytes} bytes on the wire`);
  } finally {
    await connection.close();
  }
}

async function main(): Promise<number> {
  const broker = await prepareRabbitMq();
  const { host, port, username, password, namespace } = broker;
  const deadLetters = new Map<string, string>();
  try {
    const whole = {
      name: "a protected message goes through whole: protect, send, receive, unprotect",
      run: () => protectedMessage(broker),
    };
    const { passed, failed, leftOut } = await runContract(
      {
        settings: { host, port, username, password, namespace, transport: "tcp" },
        makeQueue: async () => {
          const dead = await broker.makeQueue({ bound: false });
          const queue = await broker.makeQueue({ deadLetters: dead });
          deadLetters.set(queue, dead);
          return queue;
        },
        deadLettersOf: (queue) => deadLetters.get(queue) ?? "",
        quirks: { reversesDataSections: broker.version.startsWith("3.") },
      },
      process.argv[2],
      [whole],
    );
    const unroutable = await broker.unroutable();
    console.log(`unroutable messages: ${unroutable}`);
    console.log(
      `RabbitMQ ${broker.version}, rabbitmq_amqp1_0: ${passed} of ${passed + failed} contract cases kept, ${leftOut} left out`,
    );
    return failed === 0 && passed > 0 && unroutable === 0 ? 0 : 1;
  } finally {
    await broker.clean();
  }
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(`rabbitmq-contract could not run: ${error instanceof Error ? error.message : String(error)}`);
  return 2;
});
