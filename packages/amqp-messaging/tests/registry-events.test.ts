import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AmqpConnection, connectAmqp } from "../src/index.ts";
import { factsOf, found, testRegistry } from "../src/messenger/_registries.ts";
import {
  createServiceBusManager,
  followRegistryEvents,
  type FollowOptions,
  readRegistryEvent,
  type RegistryEvent,
} from "../src/registries/index.ts";
import { soap11, startServer } from "../src/registries/_server.ts";
import { type Peer, startPeer, settingsFor } from "./_peer.ts";

const ns = "http://schemas.nhn.no/reg/serviceBusManagerV2";
const xml = (operation: string, content: string): string =>
  soap11(
    `<${operation}Response xmlns="${ns}"><${operation}Result>${content}</${operation}Result></${operation}Response>`,
  );
const subscription = (source: string) =>
  `<EventName/><EventSource>${source}</EventSource><QueueName>events_${source}</QueueName><UserSystemIdent>test-1</UserSystemIdent>`;

/** ServiceBusManager as it answers: the queue is named, and made later by somebody else. */
async function startServiceBus() {
  const calls: string[] = [];
  const server = await startServer(({ headers, body }, response) => {
    const operation = /IServiceBusManagerV2\/(\w+)"/u.exec(String(headers["soapaction"]))?.[1] ?? "";
    const source = /<eventSource>(\w+)</u.exec(body)?.[1] ?? "";
    calls.push(`${operation} ${source}`.trim());
    const answer = {
      Subscribe: xml(operation, subscription(source)),
      GetSubscriptions: xml(operation, `<EventSubscription>${subscription("Hpr")}</EventSubscription>`),
      Unsubscribe: soap11(`<UnsubscribeResponse xmlns="${ns}"/>`),
    }[operation];
    response.writeHead(200, { "content-type": "text/xml" }).end(answer);
  });
  const manager = createServiceBusManager({ url: server.url, credentials: { username: "u", password: "p" } });
  return { server, calls, manager };
}

let bus: Awaited<ReturnType<typeof startServiceBus>>;
beforeEach(async () => void (bus = await startServiceBus()));
afterEach(() => bus.server.close());

describe("createServiceBusManager()", () => {
  it("subscribes, lists and unsubscribes", async () => {
    expect(await bus.manager.subscribe({ source: "Cppa", userSystemIdent: "test-1" })).toEqual({
      kind: "found",
      value: { queueName: "events_Cppa", source: "Cppa", userSystemIdent: "test-1" },
    });
    expect(await bus.manager.subscriptions()).toMatchObject({ kind: "found", value: [{ queueName: "events_Hpr" }] });
    expect(await bus.manager.unsubscribe("events_Hpr")).toEqual({ kind: "found", value: true });
    // An empty event name stands for all of them.
    expect(bus.server.seen[0]?.body).toContain(
      "<eventSource>Cppa</eventSource><eventName/><userSystemIdent>test-1</userSystemIdent>",
    );
  });
});

describe("readRegistryEvent()", () => {
  it.each<[Record<string, unknown>, RegistryEvent | undefined]>([
    [
      { eventName: "CommunicationPartyUpdated", herId: "93238" },
      { name: "CommunicationPartyUpdated", herIds: ["93238"] },
    ],
    [
      { EventName: "CpaCreated", HerId: 93238, herIdB: 93252 },
      { name: "CpaCreated", herIds: ["93238", "93252"] },
    ],
    [
      { eventName: "CpaTerminated", herId: "x", cpaId: "1" },
      { name: "CpaTerminated", herIds: [] },
    ],
    [{ herId: "1" }, undefined],
    [{ eventName: " " }, undefined],
    [{ eventName: { a: 1 } }, undefined],
    [{}, undefined],
  ])("reads %j", (properties, expected) => {
    expect(readRegistryEvent(new Map(Object.entries(properties)))).toEqual(expected);
  });
});

describe("followRegistryEvents()", () => {
  let peer: Peer;
  let connection: AmqpConnection;
  beforeAll(async () => {
    peer = await startPeer();
    connection = await connectAmqp(settingsFor(peer));
  });
  afterAll(async () => {
    await connection.close({ drainMs: 500 });
    await peer.close();
  });

  const tell = (queue: string, applicationProperties: Record<string, string>) =>
    connection.send(queue, {
      messageId: randomUUID(),
      to: queue,
      subject: "event",
      applicationProperties,
      body: new Uint8Array(),
    });

  function follow(registry: FollowOptions["registry"], options: Partial<FollowOptions> = {}) {
    const events: RegistryEvent[] = [];
    let heard: () => void = () => {};
    const followed = followRegistryEvents({
      serviceBus: bus.manager,
      queues: connection,
      registry,
      userSystemIdent: "test-1",
      retryMs: 10,
      onEvent: (event) => {
        events.push(event);
        heard();
      },
      ...options,
    });
    return { followed, events, next: () => new Promise<void>((resolve) => (heard = resolve)) };
  }

  it("R5: an event makes the next look-up of its party fresh; the queue may come later than the answer", async () => {
    const s = testRegistry();
    const { followed, events, next } = follow(s.registry);
    // The queues are made after the first tries.
    await new Promise((resolve) => setTimeout(resolve, 30));
    for (const source of ["AddressRegister", "Cppa"]) peer.declare(`events_${source}`);
    await followed.attached;
    s.answers.now += 1;
    for (const herId of ["2", "3"]) await s.resolve({ herId, ownHerId: undefined });
    const name = async (herId: string) => (await s.resolve({ herId, ownHerId: undefined })).name;
    s.answers.party = found({ ...factsOf("2"), name: "New" });
    const told = next();
    await tell("events_AddressRegister", { eventName: "CommunicationPartyUpdated", herId: "2" });
    await told;
    expect(await Promise.all([name("2"), name("3")])).toEqual(["New", "Party 3"]);
    expect(events).toEqual([{ name: "CommunicationPartyUpdated", herIds: ["2"] }]);

    // One that names nobody lets everything be renewed behind its next use.
    s.answers.now += 1;
    const again = next();
    await tell("events_Cppa", { eventName: "CpaCreated" });
    await again;
    expect(await name("3")).toBe("Party 3");
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await name("3")).toBe("New");
    await followed.stop();
  });

  it("R5: what was known before the queues were there is renewed, and what is no event is taken off the queue", async () => {
    const said: (string | undefined)[] = [];
    peer.declare("events_Resh");
    const { followed, next } = follow({ invalidate: (herId) => void said.push(herId) }, { sources: ["Resh"] });
    await followed.attached;
    expect(said).toEqual([undefined]);
    const told = next();
    await tell("events_Resh", { other: "x" });
    await tell("events_Resh", { eventName: "ServiceUpdated", herId: "7" });
    await told;
    expect(said).toEqual([undefined, "7"]);
    await followed.stop();
    expect(peer.queue("events_Resh").messages).toHaveLength(0);
  });

  it("stops while there is no queue yet, and while the service does not answer", async () => {
    const { followed } = follow({ invalidate: () => {} }, { sources: ["Lsr"], retryMs: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await followed.stop();
    await expect(followed.attached).rejects.toMatchObject({ code: "abort/cancelled" });
  });
});
