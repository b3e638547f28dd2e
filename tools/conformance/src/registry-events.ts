import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { connectAmqp, createPartyRegistry } from "@helsekontakt/amqp-messaging";
import { followRegistryEvents } from "@helsekontakt/amqp-messaging/registries";
import { prepareRabbitMq, RabbitMqUnavailable } from "./_rabbitmq.ts";
import { createTally } from "./_tally.ts";

// Events of the registries through a real RabbitMQ: the queue is named before it is there, as ServiceBusManager does, and
// what is known of a party is asked for again as soon as an event about it comes.

const tally = createTally();
const mq = await prepareRabbitMq().catch((error: unknown) => {
  if (!(error instanceof RabbitMqUnavailable)) throw error;
  console.log(`no RabbitMQ: ${error.message}`);
  process.exit(2);
});
let queue: string | undefined;
let asked = 0;
const registry = createPartyRegistry({
  addressRegistry: {
    party: (herId) =>
      Promise.resolve({ kind: "found", value: { herId, name: `look-up ${++asked}`, active: true, queues: {} } }),
  },
});
const name = async (herId: string): Promise<string> => (await registry.resolve({ herId, function: "APPREC" })).name;
const connection = await connectAmqp({
  host: mq.host,
  port: mq.port,
  transport: "tcp",
  username: mq.username,
  password: mq.password,
  namespace: mq.namespace,
});
let subscribed = 0;
let heard: () => void = () => {};
const followed = followRegistryEvents({
  serviceBus: {
    subscribe() {
      subscribed++;
      return Promise.resolve({ kind: "found", value: { queueName: queue ?? "not_made_yet" } });
    },
    subscriptions: () => Promise.resolve({ kind: "found", value: [] }),
    unsubscribe: () => Promise.resolve({ kind: "found", value: true }),
  },
  queues: connection,
  registry,
  sources: ["AddressRegister"],
  userSystemIdent: "conformance",
  retryMs: 100,
  onEvent: () => heard(),
});
try {
  await sleep(300);
  queue = await mq.makeQueue();
  await followed.attached;
  tally.check(subscribed > 1, "the first try found a queue");
  await sleep(5);
  const [one, other] = [await name("1"), await name("2")];
  const told = new Promise<void>((resolve) => (heard = resolve));
  await connection.send(queue, {
    messageId: randomUUID(),
    to: queue,
    subject: "CommunicationPartyUpdated",
    applicationProperties: { eventName: "CommunicationPartyUpdated", herId: "1" },
    body: new Uint8Array(),
  });
  await told;
  const isFresh = (await name("1")) !== one && (await name("2")) === other;
  tally.check(isFresh, "the event did not make the party's next look-up fresh, or that of another too");
  await followed.stop();
  tally.check((await mq.ready(queue)) === 0, "the event was left on the queue");
  console.log(`${isFresh ? "ok" : "FAILED"} R5: an event through RabbitMQ makes the next look-up of its party fresh`);
} finally {
  await followed.stop();
  await connection.close();
  await mq.clean();
}
tally.finish("registry events");
