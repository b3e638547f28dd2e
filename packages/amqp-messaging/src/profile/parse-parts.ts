import type { XmlElement } from "@helsekontakt/types/xml";
import type { ProfilePart } from "./profile.ts";
import { attributeOf, childrenOf, descend, profileInvalid, requiredAttribute, textOf } from "./tree.ts";

/** References multiply: a small document could otherwise stand for any number of parts. Those in use have a dozen. */
const maxParts = 1_000;

/**
 * The parts of each packaging, by its id. The older generation of documents wraps parts in Encapsulation inside
 * Composite, the newer has Constituents of Composite that point straight at SimpleParts: those of all Encapsulations are
 * read first, then those of all Composites. References to anything but a SimplePart give nothing.
 *
 * @internal
 */
export function parseParts(root: XmlElement): ReadonlyMap<string, readonly ProfilePart[]> {
  const simple = new Map<string, XmlElement[]>();
  for (const part of childrenOf(root, "SimplePart")) {
    simple.set(requiredAttribute(part, "id"), childrenOf(part, "NamespaceSupported"));
  }
  const packagings = new Map<string, readonly ProfilePart[]>();
  for (const packaging of childrenOf(root, "Packaging")) {
    const id = requiredAttribute(packaging, "id");
    const lists = childrenOf(packaging, "CompositeList");
    const constituents = ["Encapsulation", "Composite"].flatMap((kind) =>
      lists.flatMap((list) => childrenOf(list, kind)).flatMap((wrapper) => childrenOf(wrapper, "Constituent")),
    );
    const parts: ProfilePart[] = [];
    for (const constituent of constituents) {
      for (const supported of simple.get(attributeOf(constituent, "idref") ?? "") ?? []) {
        if (parts.length === maxParts) throw profileInvalid(`at most ${maxParts} parts in a Packaging`);
        parts.push(partOf(supported, constituent));
      }
    }
    packagings.set(id, parts);
  }
  return packagings;
}

function partOf(supported: XmlElement, constituent: XmlElement): ProfilePart {
  const version = attributeOf(supported, "version");
  const max = attributeOf(constituent, "maxOccurs");
  return {
    namespace: textOf(supported),
    schema: attributeOf(supported, "location") ?? "",
    ...(version === undefined ? {} : { version }),
    min: count(attributeOf(constituent, "minOccurs") ?? "0"),
    max: max === "unbounded" ? max : count(max ?? "1"),
  };
}

function count(text: string): number {
  if (!/^\s*\d{1,9}\s*$/u.test(text)) throw profileInvalid("a number of occurrences");
  return Number(text);
}

/** Where a channel leads. @internal */
export interface Channel {
  readonly uri: string;
  readonly protocol: "AMQP" | "unknown";
}

/** Delivery channels of one party, by id; a link that leads nowhere is a fault of the document. @internal */
export function parseChannels(party: XmlElement): ReadonlyMap<string, Channel> {
  const transports = new Map(childrenOf(party, "Transport").map((t) => [requiredAttribute(t, "transportId"), t]));
  const channels = new Map<string, Channel>();
  for (const channel of childrenOf(party, "DeliveryChannel")) {
    const transport = transports.get(requiredAttribute(channel, "transportId"));
    if (transport === undefined) throw profileInvalid("a Transport for each DeliveryChannel");
    const receiver = descend(transport, "TransportReceiver");
    const uri = requiredAttribute(receiver === undefined ? undefined : descend(receiver, "Endpoint"), "uri");
    const protocol = textOf(receiver === undefined ? undefined : descend(receiver, "TransportProtocol"));
    channels.set(requiredAttribute(channel, "channelId"), {
      uri,
      protocol: protocol.toUpperCase() === "AMQP" ? "AMQP" : "unknown",
    });
  }
  return channels;
}
