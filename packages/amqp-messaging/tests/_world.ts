import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@helsekontakt/core";
import {
  type AmqpConnection,
  type AmqpSettings,
  connectAmqp,
  contentTypes,
  createMessenger,
  type ErrorQueueMessage,
  type Messenger,
  type MessengerEvent,
  type MessengerOptions,
  type OutboundMessage,
  type Party,
  type WireMessage,
} from "../src/index.ts";
import { dummy, registryOf, type TestParty, testParty } from "./_parties.ts";
import { type Peer, startPeer, settingsFor } from "./_peer.ts";

/** Two parties on one broker: Alice sends, Bob receives, unless a test says otherwise. */
export interface World {
  readonly peer: Peer;
  readonly connection: AmqpConnection;
  readonly settings: AmqpSettings;
  readonly alice: TestParty;
  readonly bob: TestParty;
  readonly events: MessengerEvent[];
  /** Every log line of both sides, fields and all. */
  readonly lines: string[];
  readonly logger: Logger;
  messenger(who: TestParty, options?: Partial<MessengerOptions>): Messenger;
  outbound(o?: Partial<OutboundMessage>): OutboundMessage;
  /** A message past all checks of the sending side. */
  wire(body: Uint8Array, o?: Partial<WireMessage>): WireMessage;
  /** Collects what comes on Alice's error queue. */
  reports(): ErrorQueueMessage[];
  until(what: string, condition: () => boolean): Promise<void>;
  /** Cuts every connection as a network fault would. */
  cut(): void;
  end(): Promise<void>;
}

export const testFunction = "DIALOG_INNBYGGER_TEST";
export const patient = "01818010083";

/** A MsgHead with a patient, so that a leak of the payload is a leak of a number that can be searched for. */
export function payloadFrom(sender: string, more = ""): Buffer {
  return Buffer.from(
    `<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"><MsgInfo><Type V="${testFunction}"/><MsgId>m-1</MsgId>` +
      `<Sender><Organisation><Ident><Id>1</Id><TypeId V="HER"/></Ident>${more}<Organisation><Ident><Id>${sender}</Id><TypeId V="HER"/></Ident></Organisation></Organisation></Sender>` +
      `<Patient><Ident><Id>${patient}</Id><TypeId V="FNR"/></Ident></Patient></MsgInfo></MsgHead>`,
  );
}

export const kinds = ["async", "sync", "syncreply", "error"] as const;

/** A party with every queue. */
export function withQueues(party: TestParty): Party {
  const { herId } = party;
  return { ...dummy(party), queues: { async: `${herId}_async`, sync: `${herId}_sync`, error: `${herId}_error` } };
}

let keys: Promise<[TestParty, TestParty]> | undefined;
let nextHerId = 200_000;

/** Fresh HER-ids and queues every time; keys are made once. */
export async function startWorld(settings: Partial<AmqpSettings> = {}): Promise<World> {
  keys ??= Promise.all([testParty("93252"), testParty("93238")]);
  const peer = await startPeer();
  const [aliceKeys, bobKeys] = await keys;
  const alice = { ...aliceKeys, herId: String(nextHerId++) };
  const bob = { ...bobKeys, herId: String(nextHerId++) };
  for (const { herId } of [alice, bob]) for (const kind of kinds) peer.declare(`${herId}_${kind}`);
  const events: MessengerEvent[] = [];
  const lines: string[] = [];
  const record = (message: string, fields?: object): void =>
    void lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const logger: Logger = { debug: record, info: record, warn: record, error: record };
  const all: AmqpSettings = {
    ...settingsFor(peer),
    backOffMs: { initial: 10, max: 50 },
    logger,
    ...settings,
  };
  const connection = await connectAmqp(all);
  const world: World = {
    peer,
    connection,
    settings: all,
    alice,
    bob,
    events,
    lines,
    logger,
    messenger: (who, options = {}) =>
      createMessenger({
        connection,
        registry: registryOf([withQueues(alice), withQueues(bob)]),
        queues: {
          async: `${who.herId}_async`,
          sync: `${who.herId}_sync`,
          error: `${who.herId}_error`,
          syncReply: `${who.herId}_syncreply`,
        },
        signer: who.sign,
        decryptKeys: [who.encrypt],
        retryPauseMs: { initial: 10, max: 20 },
        onEvent: (e) => events.push(e),
        logger,
        ...options,
      }),
    outbound: (o = {}) => ({
      messageId: randomUUID(),
      function: testFunction,
      fromHerId: alice.herId,
      toHerId: bob.herId,
      payload: payloadFrom(alice.herId),
      ...o,
    }),
    wire: (body, o = {}) => ({
      messageId: randomUUID(),
      to: `${bob.herId}_async`,
      subject: testFunction,
      contentType: contentTypes.signedAndEnveloped.value,
      applicationProperties: {
        fromHerId: alice.herId,
        toHerId: bob.herId,
        applicationTimeStamp: "2025-01-02T03:04:05Z",
      },
      body,
      ...o,
    }),
    reports: () => {
      const reports: ErrorQueueMessage[] = [];
      world.messenger(alice).receiveErrors(`${alice.herId}_error`, (m) => {
        reports.push(m);
        return Promise.resolve();
      });
      return reports;
    },
    async until(what, condition) {
      for (let i = 0; i < 1_000 && !condition(); i++) await sleep(10);
      if (!condition()) throw new Error(`expected ${what}; events ${JSON.stringify(events)}`);
    },
    cut: () => {
      for (const { socket } of peer.opens as unknown as { socket?: { destroy(error: Error): void } }[])
        socket?.destroy(new Error("cut"));
    },
    async end() {
      await connection.close({ drainMs: 200 });
      await peer.close();
    },
  };
  return world;
}
