/**
 * Two parties exchange one protected message and its receipt over a broker.
 * `node examples/two-parties.ts amqp://user:password@host:5672/Exchange 93252_async 93238_async`
 * The two queues must exist and be bound to the exchange by their own names.
 */
import { randomUUID } from "node:crypto";
import {
  type AppRecView,
  buildAppRec,
  connectAmqp,
  createMessenger,
  createPartyRegistry,
  lookUpOf,
  type PartyFacts,
} from "@helsekontakt/amqp-messaging";
import { createIdentity, type Identity } from "@helsekontakt/amqp-messaging/protection";
import { elements, type MsgHead } from "@helsekontakt/types/msghead";
import { decodeXml } from "@helsekontakt/types/xml";

const [url = "amqp://guest:guest@127.0.0.1:5672", queueA = "93252_async", queueB = "93238_async"] =
  process.argv.slice(2);

// Keys would come from files, and parties from the registries; here they are made up.
const day = 86_400_000;
const identity = (usage: "nonRepudiation" | "keyEncipherment"): Promise<Identity> =>
  createIdentity({
    subject: { commonName: "Example" },
    usage: [usage],
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + day),
  });
const [signA, encryptA, signB, encryptB] = await Promise.all([
  identity("nonRepudiation"),
  identity("keyEncipherment"),
  identity("nonRepudiation"),
  identity("keyEncipherment"),
]);
const party = (herId: string, queue: string, encrypt: Identity, sign: Identity): PartyFacts => ({
  herId,
  name: `Party ${herId}`,
  active: true,
  queues: { async: queue },
  encryptionCertificate: encrypt.certificate,
  signatureCertificate: sign.certificate,
});
const parties = [party("93252", queueA, encryptA, signA), party("93238", queueB, encryptB, signB)];
const registry = createPartyRegistry({
  addressRegistry: { party: (herId) => lookUpOf(() => Promise.resolve(parties.find((p) => p.herId === herId))) },
});

const connection = await connectAmqp({ url });
const a = createMessenger({ connection, registry, queues: { async: queueA }, signer: signA, decryptKeys: [encryptA] });
const b = createMessenger({ connection, registry, queues: { async: queueB }, signer: signB, decryptKeys: [encryptB] });

// B answers every message with a receipt.
b.receive(queueB, async (message) => {
  console.log(
    `B received ${message.function} of ${message.payload.byteLength} bytes, signed by ${message.signer?.subject.replaceAll("\n", ", ")}`,
  );
  const original = decodeXml(message.payload, { registry: elements }).value as MsgHead;
  const receipt = buildAppRec(
    original,
    { status: "accepted" },
    { id: randomUUID(), genDate: new Date().toISOString() },
  );
  await b.protectAndSend({
    messageId: randomUUID(),
    function: "APPREC",
    acknowledges: message.function,
    fromHerId: message.toHerId,
    toHerId: message.fromHerId,
    correlationId: message.messageId,
    payload: receipt.bytes,
  });
  return "accept";
});

const receipt = new Promise<AppRecView>((resolve) =>
  a.receive(queueA, {
    message: () => Promise.resolve("dead-letter"),
    receipt: (message) => {
      resolve(message.receipt);
      return Promise.resolve("accept");
    },
  }),
);
const level = (outer: string, inner: string): string =>
  `<Organisation><OrganisationName>Level 1</OrganisationName>${ident(outer)}<Organisation><OrganisationName>Level 2</OrganisationName>${ident(inner)}</Organisation></Organisation>`;
const ident = (herId: string): string =>
  `<Ident><Id>${herId}</Id><TypeId V="HER" DN="HER-id" S="2.16.578.1.12.4.1.1.9051"/></Ident>`;
const payload = `<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"><MsgInfo><Type V="DIALOG_INNBYGGER_TEST" DN="Test"/><MIGversion>v1.2 2006-05-24</MIGversion>
<GenDate>${new Date().toISOString()}</GenDate><MsgId>${randomUUID()}</MsgId><Ack V="J" DN="Ja"/><Sender>${level("1", "93252")}</Sender><Receiver>${level("2", "93238")}</Receiver></MsgInfo></MsgHead>`;
const sent = await a.protectAndSend({
  messageId: randomUUID(),
  function: "DIALOG_INNBYGGER_TEST",
  fromHerId: "93252",
  toHerId: "93238",
  payload: Buffer.from(payload),
});
console.log(`A sent ${sent.bodyBytes} protected bytes to ${sent.queue}`);
const { status, original } = await receipt;
console.log(`A has the receipt: ${original.msgType} was ${status}`);
await connection.close();
