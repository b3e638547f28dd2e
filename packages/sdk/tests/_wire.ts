import { randomUUID } from "node:crypto";
import { payloadMetadata } from "@helsekontakt/amqp-messaging";
import { type Identity, protect } from "@helsekontakt/amqp-messaging/protection";
import type { CitizenRequest, Sandbox } from "@helsekontakt/sandbox";

/** The XML that Helsenorge would send for a request; nothing is sent. */
export async function requestXml(sandbox: Sandbox, more: Partial<CitizenRequest> = {}): Promise<string> {
  const { counterpart, counterpartTransport: wire } = sandbox;
  const send = wire.send.bind(wire);
  let xml = "";
  wire.send = (input) => {
    xml = Buffer.from(input.payload).toString("utf8");
    return Promise.resolve("");
  };
  try {
    const [citizen] = sandbox.citizens;
    if (citizen === undefined) throw new Error("no citizen");
    await counterpart.sendRequest({ citizen, toHerId: "200002", subject: "Emne", text: "Tekst", ...more });
  } finally {
    wire.send = send;
  }
  return xml;
}

/** The MsgId of a message, and the text in its place. */
export function withMsgId(xml: string, msgId: string): string {
  return xml.replace(/(<[\w:]*MsgId>)[^<]*/, (_, tag: string) => tag + msgId);
}

export interface WireOptions {
  readonly function?: string;
  readonly messageId?: string;
  readonly toHerId?: string;
  readonly signer?: Identity;
  readonly recipient?: Identity;
  /** Changes the protected body before it goes out. */
  readonly tamper?: (body: Buffer) => Uint8Array;
}

/** Protects bytes as they are and sends them to the provider's queue; the AMQP message id. */
export async function sendBytes(
  sandbox: Sandbox,
  payload: Uint8Array | string,
  options: WireOptions = {},
): Promise<string> {
  const { identities, counterpartTransport } = sandbox;
  const bytes = Buffer.from(payload);
  const body = Buffer.from(
    await protect(bytes, {
      signer: options.signer ?? identities.helsenorge.signing,
      recipients: [(options.recipient ?? identities.provider.encryption).certificate],
    }),
  );
  const messageId = options.messageId ?? randomUUID();
  await counterpartTransport.sendRaw(
    "200001_async",
    {
      function: options.function ?? "DIALOG_INNBYGGER_EKONTAKT",
      messageId,
      fromHerId: "100002",
      toHerId: options.toHerId ?? "200002",
      replyTo: "100002_async",
      timestamp: Date.now(),
      metadata: metadataOf(bytes),
    },
    options.tamper?.(body) ?? body,
  );
  return messageId;
}

function metadataOf(bytes: Uint8Array): Record<string, string> {
  try {
    return payloadMetadata(bytes);
  } catch {
    return {};
  }
}
