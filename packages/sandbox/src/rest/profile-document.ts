import type { X509Certificate } from "node:crypto";
import { serializeXml, type XmlElement } from "@helsekontakt/types/xml";

const ns = "http://www.oasis-open.org/committees/ebxml-cppa/schema/cpp-cpa-2_0.xsd";
const dsNs = "http://www.w3.org/2000/09/xmldsig#";

/** One message that a role can send or receive. */
export interface ProfileMessage {
  readonly action: string;
  /** Namespaces of the payload parts, MsgHead or AppRec first. */
  readonly namespaces: readonly string[];
}

/** One role of a party in one process. */
export interface ProfileRole {
  readonly process: { readonly name: string; readonly version: string; readonly uuid?: string };
  readonly role: string;
  readonly service: string;
  readonly sends: readonly ProfileMessage[];
  readonly receives: readonly ProfileMessage[];
}

/** A party as a profile describes it. */
export interface ProfileParty {
  readonly herId: string;
  readonly name: string;
  readonly asyncQueueAddress: string;
  readonly signing: X509Certificate;
  readonly encryption: X509Certificate;
  readonly roles: readonly ProfileRole[];
}

/**
 * Writes a CPP (one party) or a CPA (two parties and an id) in the newer of the two generations seen: composites of
 * message parts, attributes qualified.
 *
 * @see OASIS ebXML CPPA 2.0
 */
export function profileDocument(
  parties: readonly [ProfileParty] | readonly [ProfileParty, ProfileParty],
  cpaId?: string,
): Buffer {
  const namespaces = [
    ...new Set(
      parties.flatMap((p) => p.roles.flatMap((r) => [...r.sends, ...r.receives].flatMap((m) => m.namespaces))),
    ),
  ].sort();
  const packages = new Map<string, readonly string[]>();
  const packageId = (message: ProfileMessage): string => {
    const id = `package_${message.namespaces.map((n) => namespaces.indexOf(n)).join("_")}`;
    packages.set(id, message.namespaces);
    return id;
  };
  const infos = parties.map((p) => partyInfo(p, packageId));
  const content = [
    ...(cpaId === undefined
      ? []
      : [
          el("Status", { value: "agreed" }),
          el("Start", {}, ["2026-01-01T00:00:00Z"]),
          el("End", {}, ["2036-01-01T00:00:00Z"]),
        ]),
    ...infos,
    ...namespaces.map((n, i) =>
      el("SimplePart", { id: `part_${i}`, mimetype: "application/xml" }, [
        el("NamespaceSupported", { location: "", version: "1.0" }, [n]),
      ]),
    ),
    ...[...packages].map(([id, parts]) =>
      el("Packaging", { id }, [
        el("CompositeList", {}, [
          el(
            "Composite",
            { id: `${id}_parts`, mimetype: "multipart/related" },
            parts.map((n, i) =>
              el("Constituent", {
                idref: `part_${namespaces.indexOf(n)}`,
                minOccurs: i === 0 ? "1" : "0",
                maxOccurs: "1",
              }),
            ),
          ),
        ]),
      ]),
    ),
  ];
  const root =
    cpaId === undefined
      ? el("CollaborationProtocolProfile", { cppid: `cpp_${parties[0].herId}`, version: "2_0b" }, content)
      : el("CollaborationProtocolAgreement", { cpaid: cpaId, version: "2_0b" }, content);
  return Buffer.from(serializeXml(root));
}

function partyInfo(party: ProfileParty, packageId: (message: ProfileMessage) => string): XmlElement {
  const id = party.herId;
  const binding = (tag: "CanSend" | "CanReceive", message: ProfileMessage, n: string): XmlElement =>
    el(tag, {}, [
      el("ThisPartyActionBinding", { id: `${tag}_${id}_${n}`, action: message.action, packageId: packageId(message) }, [
        el("ChannelId", {}, [`async_${id}`]),
      ]),
    ]);
  return el(
    "PartyInfo",
    { partyName: party.name, defaultMshChannelId: `async_${id}`, defaultMshPackageId: "package_0" },
    [
      el("PartyId", { type: "HER" }, [id]),
      el("PartyRef", {}),
      ...party.roles.map((role, r) =>
        el("CollaborationRole", {}, [
          el("ProcessSpecification", { ...role.process }),
          el("Role", { name: role.role }),
          el("ApplicationCertificateRef", { certId: `sign_cert_${id}` }),
          el("ServiceBinding", {}, [
            el("Service", {}, [role.service]),
            ...role.sends.map((m, i) => binding("CanSend", m, `${r}_${i}`)),
            ...role.receives.map((m, i) => binding("CanReceive", m, `${r}_${i}`)),
          ]),
        ]),
      ),
      certificate(`enc_cert_${id}`, party.encryption),
      certificate(`sign_cert_${id}`, party.signing),
      el("DeliveryChannel", {
        channelId: `async_${id}`,
        transportId: `transport_${id}`,
        docExchangeId: `exchange_${id}`,
      }),
      el("Transport", { transportId: `transport_${id}` }, [
        el("TransportReceiver", {}, [
          el("TransportProtocol", { version: "1.0" }, ["AMQP"]),
          el("Endpoint", { uri: party.asyncQueueAddress }),
        ]),
      ]),
      el("DocExchange", { docExchangeId: `exchange_${id}` }),
    ],
  );
}

function certificate(certId: string, value: X509Certificate): XmlElement {
  return el("Certificate", { certId }, [
    ds("KeyInfo", [ds("X509Data", [ds("X509Certificate", [value.raw.toString("base64")])])]),
  ]);
}

function ds(name: string, content: XmlElement["content"]): XmlElement {
  return { name, ns: dsNs, attributes: [], content };
}

function el(
  name: string,
  attributes: Readonly<Record<string, string>>,
  content: XmlElement["content"] = [],
): XmlElement {
  return {
    name,
    ns,
    attributes: Object.entries(attributes).map(([key, value]) => ({ name: key, ns, value })),
    content,
  };
}
