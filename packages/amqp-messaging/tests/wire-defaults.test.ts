import rhea, { type Connection } from "rhea";
import { afterEach, describe, expect, it } from "vitest";
import { type AmqpConnection, type AmqpSettings, connectAmqp } from "../src/index.ts";
import { exchange, type Peer, type PeerKind, startPeer, settingsFor } from "./_peer.ts";

interface Remote {
  readonly local_channel_map: Readonly<
    Record<string, { readonly remote: { readonly begin: Record<string, unknown> } }>
  >;
}

describe("what goes on the wire when nothing is set", () => {
  let peer: Peer;
  let connection: AmqpConnection;
  const start = async (kind: PeerKind, settings: Partial<AmqpSettings> = {}): Promise<void> => {
    peer = await startPeer(kind);
    peer.declare("q/1 ø_async");
    connection = await connectAmqp({
      ...settingsFor(peer),
      ...settings,
    });
  };
  const sendAndReceive = async (): Promise<{ target: string; source: string }> => {
    await connection.send("q/1 ø_async", {
      messageId: "m",
      to: "q/1 ø_async",
      subject: "S",
      applicationProperties: { fromHerId: "1" },
      body: Buffer.from("<a/>"),
    });
    const subscription = connection.receive("q/1 ø_async", () => Promise.resolve("accept"));
    await subscription.attached;
    const links: { target?: string | undefined; source?: string | undefined } = {};
    (peer.opens[0] as Connection).each_link?.(
      (link: { is_sender(): boolean; target: { address?: string }; source: { address?: string } }) => {
        if (link.is_sender()) links.source = link.source.address;
        else links.target = link.target.address;
      },
    );
    return { target: links.target ?? "", source: links.source ?? "" };
  };
  afterEach(async () => {
    await connection.close();
    await peer.close();
  });

  it("O11: open, begin and the settings of links are the documented ones", async () => {
    await start("rabbitmq-3");
    await sendAndReceive();
    const opened = peer.opens[0];
    expect(opened).toMatchObject({
      hostname: "127.0.0.1",
      max_frame_size: 1_048_576,
      channel_max: 255,
      idle_time_out: 10_000,
    });
    expect(opened?.container_id).toMatch(/^helsekontakt-.+-[0-9a-f]{8}$/);
    const begins = Object.values((opened as unknown as Remote).local_channel_map).map((s) => s.remote.begin);
    // One session for each link.
    expect(begins).toHaveLength(2);
    for (const begin of begins) expect(begin["incoming_window"]).toBe(2_048);
  });
  it("O11: a message is durable and has its sections in their order", async () => {
    await start("rabbitmq-3");
    await sendAndReceive();
    const [bytes = Buffer.alloc(0)] = peer.published;
    const codes = [0x70, 0x73, 0x74, 0x75].map((code) => bytes.indexOf(Buffer.from([0x00, 0x53, code])));
    expect(codes).toEqual(codes.toSorted((a, b) => a - b));
    expect(Math.min(...codes)).toBe(0);
    expect(rhea.message.decode(bytes).durable).toBe(true);
  });
  it.each<[PeerKind, Partial<AmqpSettings>, string, string]>([
    ["rabbitmq-3", {}, `/exchange/${exchange}/q/1 ø_async`, "/amq/queue/q/1 ø_async"],
    ["silent", {}, `/exchange/${exchange}/q/1 ø_async`, "/amq/queue/q/1 ø_async"],
    ["rabbitmq-4", {}, `/exchanges/${exchange}/q%2F1%20%C3%B8_async`, "/queues/q%2F1%20%C3%B8_async"],
    [
      "rabbitmq-4",
      { dialect: "rabbitmq-v2" },
      `/exchanges/${exchange}/q%2F1%20%C3%B8_async`,
      "/queues/q%2F1%20%C3%B8_async",
    ],
  ])("O11: the form of addresses at %s, with %j", async (kind, settings, target, source) => {
    await start(kind, settings);
    expect(await sendAndReceive()).toEqual({ target, source });
  });
  it("O11: the first form, set against a broker that wants the second, is refused with what to do", async () => {
    await start("rabbitmq-4", { dialect: "rabbitmq" });
    await expect(sendAndReceive()).rejects.toMatchObject({
      code: "amqp/link-refused",
      context: { address: `/exchange/${exchange}/q/1 ø_async` },
      hint: expect.stringContaining("rabbitmq-v2"),
    });
  });
});
