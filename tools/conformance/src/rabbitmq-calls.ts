/**
 * Synchronous calls, refusals and reports through a real RabbitMQ: the same promises as in the tests beside the source,
 * where the broker is the kind that NHN runs. Exit 2: the run could not take place.
 */
import { randomUUID } from "node:crypto";
import {
  connectAmqp,
  createMessenger,
  type ErrorQueueMessage,
  type LateReply,
  type Messenger,
  type MessengerEvent,
  type Party,
  type PartyRegistry,
  reply,
} from "@helsekontakt/amqp-messaging";
import { createIdentity, type Identity } from "@helsekontakt/amqp-messaging/protection";
import { HelsekontaktError } from "@helsekontakt/core";
import { prepareRabbitMq, type RabbitMq } from "./_rabbitmq.ts";
import { createTally } from "./_tally.ts";

const tally = createTally();
const calls = 200;

interface Side {
  readonly herId: string;
  readonly sign: Identity;
  readonly encrypt: Identity;
  readonly queues: Record<"async" | "sync" | "error" | "syncReply", string>;
  readonly party: Party;
}

async function side(broker: RabbitMq, herId: string): Promise<Side> {
  const identity = (usage: "nonRepudiation" | "keyEncipherment"): Promise<Identity> =>
    createIdentity({
      subject: { commonName: `Calls ${usage}` },
      usage: [usage],
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 86_400_000),
    });
  const [sign, encrypt] = await Promise.all([identity("nonRepudiation"), identity("keyEncipherment")]);
  const queues = {
    async: await broker.makeQueue(),
    sync: await broker.makeQueue(),
    error: await broker.makeQueue(),
    syncReply: await broker.makeQueue(),
  };
  const party: Party = {
    kind: "dummy",
    herId,
    name: `Party ${herId}`,
    queues,
    encryptionCertificate: encrypt.certificate,
    signatureCertificate: sign.certificate,
  };
  return { herId, sign, encrypt, queues, party };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  tally.check(condition(), `never: ${what}`);
}

async function run(broker: RabbitMq): Promise<void> {
  const { host, port, username, password, namespace } = broker;
  const [alice, bob] = await Promise.all([side(broker, "1"), side(broker, "2")]);
  const registry: PartyRegistry = {
    resolve: ({ herId }) => {
      const found = [alice, bob].find((s) => s.herId === herId);
      return found === undefined
        ? Promise.reject(new HelsekontaktError("registry/party-unknown", "expected a party of the run"))
        : Promise.resolve(found.party);
    },
    invalidate() {},
  };
  const events: MessengerEvent[] = [];
  const late: LateReply[] = [];
  const reports: ErrorQueueMessage[] = [];
  const connections = await Promise.all(
    [alice, bob].map(() => connectAmqp({ host, port, username, password, namespace, transport: "tcp" })),
  );
  const [asking, answering] = [alice, bob].map((own, i): Messenger => {
    const connection = connections[i];
    if (connection === undefined) throw new Error("a connection of its own for each side");
    return createMessenger({
      connection,
      registry,
      queues: own.queues,
      signer: own.sign,
      decryptKeys: [own.encrypt],
      telemetry: false,
      onEvent: (event) => events.push(event),
      onLateReply: (r) => late.push(r),
    });
  });
  if (asking === undefined || answering === undefined) throw new Error("two sides");
  let slow = 0;
  answering.serve(
    bob.queues.sync,
    async (m) => {
      if (m.payload.toString() === "<slow/>") await new Promise((resolve) => setTimeout(resolve, (slow = 1_500)));
      return reply(Buffer.from(`<answer to="${m.messageId}"/>`));
    },
    { concurrency: 20 },
  );
  asking.receiveErrors(alice.queues.error, (m) => Promise.resolve(void reports.push(m)));
  const message = (text: string) => ({
    messageId: randomUUID(),
    function: "DIALOG_INNBYGGER_TEST",
    fromHerId: alice.herId,
    toHerId: bob.herId,
    payload: Buffer.from(text),
  });

  const requests = Array.from({ length: calls }, () => message("<a/>"));
  const answers = await Promise.all(requests.map((m) => asking.request(m, { timeoutMs: 60_000 })));
  for (const [i, answer] of answers.entries())
    tally.check(
      answer.payload.toString() === `<answer to="${requests[i]?.messageId}"/>`,
      `O10: call ${i} has another call's answer`,
    );

  const code = await asking.request(message("<slow/>"), { timeoutMs: 700 }).then(
    () => "answered",
    (reason: unknown) => HelsekontaktError.from(reason).code,
  );
  tally.check(code === "amqp/timeout", `O10: a call without an answer in time ended as ${code}`);
  await until("O10: the late answer", () => late.length === 1 || slow === 0);
  tally.check(late[0]?.kind === "late", "O10: a late answer was not told");

  await asking.protectAndSend({ ...message("<a/>"), queue: "sync", replyTo: "none" });
  await until("D7: the dead letter of a request without reply-to", () => events.some((e) => e.kind === "dead-letter"));
  await until("D7: its report", () => reports.length === 1);
  const [first] = reports;
  tally.check(
    first?.kind === "report" && first.report.condition === "transport:invalid-field-value",
    "D7: the report of a request without reply-to",
  );
  // The same reader goes on: nothing was left unsettled that would hold its credit.
  tally.check((await asking.request(message("<a/>"))).root === "answer", "a call after the dead letter");
  await Promise.all(connections.map((connection) => connection.close()));
}

const broker = await prepareRabbitMq().catch((error: unknown) => {
  console.error(`rabbitmq-calls could not run: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(2);
});
try {
  await run(broker);
} finally {
  await broker.clean();
}
tally.finish("Synchronous calls through RabbitMQ", { calls });
