import { beforeAll, describe, expect, it } from "vitest";
import { makeIdentity } from "../protection/_test-certificates.ts";
import {
  messageForReceiver,
  messageForSender,
  partsForAcknowledgement,
  partsForReceive,
  partsForSend,
} from "./look-up.ts";
import { parseProfile } from "./parse-profile.ts";
import { CPPA } from "./tree.ts";

let certificates: Readonly<Record<"sign" | "enc" | "oldSign" | "oldEnc" | "both", string>>;
const make = async (usage: ("nonRepudiation" | "keyEncipherment")[]) =>
  (await makeIdentity("Eksempel", { usage })).certificate.raw.toString("base64");

beforeAll(async () => {
  const [sign, enc, oldSign, oldEnc, both] = await Promise.all([
    make(["nonRepudiation"]),
    make(["keyEncipherment"]),
    make(["nonRepudiation"]),
    make(["keyEncipherment"]),
    make(["nonRepudiation", "keyEncipherment"]),
  ]);
  certificates = { sign, enc, oldSign, oldEnc, both };
});

const code = (value: string) => expect.objectContaining({ code: value });

const binding = (kind: "CanSend" | "CanReceive", action: string, packageId: string, channel = "async") =>
  `<tns:${kind}><tns:ThisPartyActionBinding tns:id="x" tns:action="${action}" tns:packageId="${packageId}">
     <tns:ChannelId> ${channel} </tns:ChannelId></tns:ThisPartyActionBinding></tns:${kind}>`;

const role = (name: string, process: string, bindings: string) =>
  `<tns:CollaborationRole><tns:ProcessSpecification tns:name="${process}" tns:version="1.1"/><tns:Role tns:name="${name}"/>
     <tns:ServiceBinding><tns:Service>S</tns:Service>${bindings}</tns:ServiceBinding></tns:CollaborationRole>`;

const party = (herId: string, roles: string, certs: readonly string[]) =>
  `<tns:PartyInfo tns:partyName="Part ${herId}" tns:defaultMshChannelId="async">
     <tns:PartyId tns:type="HER"> ${herId} </tns:PartyId>${roles}
     ${certs
       .map(
         (c, i) =>
           `<tns:Certificate tns:certId="c${i}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>\n${c}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></tns:Certificate>`,
       )
       .join("")}
     <tns:DeliveryChannel tns:channelId="async" tns:transportId="t1"/>
     <tns:DeliveryChannel tns:channelId="sync" tns:transportId="t2"/>
     <tns:Transport tns:transportId="t1"><tns:TransportReceiver><tns:TransportProtocol>AMQP</tns:TransportProtocol>
       <tns:Endpoint tns:uri="broker.example/NS/${herId}_async"/></tns:TransportReceiver></tns:Transport>
     <tns:Transport tns:transportId="t2"><tns:TransportReceiver><tns:TransportProtocol>SMTP</tns:TransportProtocol>
       <tns:Endpoint tns:uri="broker.example/NS/${herId}_sync"/></tns:TransportReceiver></tns:Transport>
   </tns:PartyInfo>`;

/** The older generation wraps parts in Encapsulation, the newer points at them. */
const packaging = {
  older: `<tns:SimplePart tns:id="doc"><tns:NamespaceSupported tns:location="a.xsd" tns:version="1.2">urn:a</tns:NamespaceSupported>
      <tns:NamespaceSupported tns:location="b.xsd">urn:b</tns:NamespaceSupported></tns:SimplePart>
    <tns:SimplePart tns:id="ack"><tns:NamespaceSupported tns:location="ack.xsd">urn:ack</tns:NamespaceSupported></tns:SimplePart>
    <tns:SimplePart tns:id="header"><tns:NamespaceSupported tns:location="h.xsd">urn:h</tns:NamespaceSupported></tns:SimplePart>
    <tns:Packaging tns:id="p-doc"><tns:CompositeList>
      <tns:Encapsulation tns:id="e1"><tns:Constituent tns:idref="doc"/></tns:Encapsulation>
      <tns:Composite tns:id="k1"><tns:Constituent tns:idref="e1"/></tns:Composite></tns:CompositeList></tns:Packaging>
    <tns:Packaging tns:id="p-ack"><tns:CompositeList>
      <tns:Composite tns:id="k2"><tns:Constituent tns:idref="header"/><tns:Constituent tns:idref="e2"/></tns:Composite>
      <tns:Encapsulation tns:id="e2"><tns:Constituent tns:idref="ack"/></tns:Encapsulation></tns:CompositeList></tns:Packaging>`,
  newer: `<tns:SimplePart tns:id="doc"><tns:NamespaceSupported tns:location="a.xsd">urn:a</tns:NamespaceSupported></tns:SimplePart>
    <tns:SimplePart tns:id="extra"><tns:NamespaceSupported tns:location="x.xsd">urn:x</tns:NamespaceSupported></tns:SimplePart>
    <tns:Packaging tns:id="p-doc"><tns:CompositeList><tns:Composite tns:id="k">
      <tns:Constituent tns:idref="doc" tns:minOccurs="1" tns:maxOccurs="1"/>
      <tns:Constituent tns:idref="extra" tns:minOccurs="0" tns:maxOccurs="unbounded"/>
      <tns:Constituent tns:idref="nothing"/></tns:Composite></tns:CompositeList></tns:Packaging>`,
};

const wrap = (root: string, attributes: string, content: string) =>
  Buffer.from(
    `\ufeff<?xml version="1.0" encoding="utf-8"?><tns:${root} xmlns:tns="${CPPA}" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" ${attributes}>${content}</tns:${root}>`,
  );
const cpp = (content: string) => wrap("CollaborationProtocolProfile", `tns:cppid="cpp-1" tns:version="2_0b"`, content);
const cpa = (content: string) =>
  wrap(
    "CollaborationProtocolAgreement",
    `tns:cpaid="cpa-1" tns:version="1.0"`,
    `<tns:Status tns:value="agreed"/><tns:Start>2025-01-01T00:00:00Z</tns:Start><tns:End>2027-01-01T00:00:00Z</tns:End>${content}`,
  );

const dialog = () =>
  role(
    "receiver",
    "Dialog_Eksempel",
    binding("CanSend", "APPREC", "p-ack") +
      binding("CanReceive", "Melding", "p-doc") +
      binding("CanReceive", "Apprec", "p-ack"),
  ) + role("sender", "dialog_eksempel", binding("CanSend", "Melding", "p-doc", "sync"));

describe("parseProfile()", () => {
  it("reads an agreement of the older generation from either side", () => {
    const bytes = cpa(
      party("100001", dialog(), [certificates.oldEnc, certificates.oldSign, certificates.enc, certificates.sign]) +
        party("100002", "", [certificates.both]) +
        packaging.older,
    );
    const profile = parseProfile(bytes, { as: "100002" });
    expect(profile).toMatchObject({
      kind: "cpa",
      id: "cpa-1",
      version: "1.0",
      status: "agreed",
      start: "2025-01-01T00:00:00Z",
      end: "2027-01-01T00:00:00Z",
      counterparty: { herId: "100001", name: "Part 100001" },
    });
    const first = profile.counterparty;
    expect(first?.encryptionCertificate?.raw.toString("base64")).toBe(certificates.enc);
    expect(first?.signatureCertificate?.raw.toString("base64")).toBe(certificates.sign);
    expect(first?.roles[0]?.receive).toEqual([
      {
        name: "DIALOG_EKSEMPEL",
        action: "Melding",
        deliveryChannel: "broker.example/NS/100001_async",
        protocol: "AMQP",
        parts: [
          { namespace: "urn:a", schema: "a.xsd", version: "1.2", min: 0, max: 1 },
          { namespace: "urn:b", schema: "b.xsd", min: 0, max: 1 },
        ],
      },
      {
        name: "DIALOG_EKSEMPEL",
        action: "Apprec",
        deliveryChannel: "broker.example/NS/100001_async",
        protocol: "AMQP",
        parts: [
          { namespace: "urn:ack", schema: "ack.xsd", min: 0, max: 1 },
          { namespace: "urn:h", schema: "h.xsd", min: 0, max: 1 },
        ],
      },
    ]);
    expect(first?.roles[1]?.send[0]).toMatchObject({
      protocol: "unknown",
      deliveryChannel: "broker.example/NS/100001_sync",
    });
    const second = parseProfile(bytes, { as: "100001" }).counterparty;
    expect(second?.encryptionCertificate?.raw.toString("base64")).toBe(certificates.both);
    expect(second?.signatureCertificate).toBeUndefined();
    expect(parseProfile(bytes).counterparty).toBeUndefined();
    expect(() => parseProfile(bytes, { as: "100003" })).toThrow(code("registry/profile-invalid"));
  });

  it("reads a profile of the newer generation", () => {
    const roles = role(
      "Skjemautfyller",
      "Skjema_Eksempel",
      binding("CanReceive", "Svar", "p-doc") + binding("CanSend", "Hent", "p-doc"),
    );
    const profile = parseProfile(cpp(party("100001", roles, [certificates.enc]) + packaging.newer));
    expect(profile).toMatchObject({ kind: "cpp", id: "cpp-1", version: "2_0b", counterparty: { herId: "100001" } });
    expect(profile.counterparty?.roles[0]?.receive[0]?.parts).toEqual([
      { namespace: "urn:a", schema: "a.xsd", min: 1, max: 1 },
      { namespace: "urn:x", schema: "x.xsd", min: 0, max: "unbounded" },
    ]);
  });

  it.each([
    ["another root", () => Buffer.from(`<x xmlns="${CPPA}"/>`)],
    ["the right root in another namespace", () => Buffer.from(`<CollaborationProtocolProfile xmlns="urn:x"/>`)],
    ["no party", () => cpp("")],
    ["no id", () => wrap("CollaborationProtocolProfile", "", party("1", "", []))],
    ["a party without HER-id", () => cpp(party("ukjent", "", []))],
    [
      "a channel that leads nowhere",
      () => cpp(party("1", role("r", "p", binding("CanSend", "a", "p-doc", "x")), []) + packaging.newer),
    ],
    [
      "a package that is not there",
      () => cpp(party("1", role("r", "p", binding("CanSend", "a", "p-x")), []) + packaging.newer),
    ],
    [
      "a transport that is not there",
      () =>
        Buffer.from(
          cpp(party("1", "", []))
            .toString()
            .replace('transportId="t1"/>', 'transportId="x"/>'),
        ),
    ],
    ["an unreadable certificate", () => cpp(party("1", "", ["AAAA"]))],
    [
      "a wrong number of occurrences",
      () => cpp(party("1", "", []) + packaging.newer.replace('minOccurs="1"', 'minOccurs="-1"')),
    ],
  ])("refuses %s", (_, make) => {
    expect(() => parseProfile(make())).toThrow(code("registry/profile-invalid"));
  });

  it("refuses what is no XML, and a DOCTYPE", () => {
    expect(() => parseProfile(Buffer.from("ikke xml"))).toThrow(code("xml/not-well-formed"));
    expect(() => parseProfile(Buffer.from("<!DOCTYPE x><x/>"))).toThrow(code("xml/doctype-refused"));
  });
});

const partyOf = () => {
  const profile = parseProfile(cpp(party("100001", dialog(), [certificates.enc]) + packaging.older));
  if (profile.counterparty === undefined) throw new Error("expected a party");
  return profile.counterparty;
};

describe("look-ups", () => {
  it("answer from the first role of the process, without regard to case", () => {
    const first = partyOf();
    expect(messageForReceiver(first, "DIALOG_EKSEMPEL")?.action).toBe("Melding");
    expect(messageForSender(first, "Dialog_Eksempel")?.action).toBe("APPREC");
    expect(partsForReceive(first, "DIALOG_EKSEMPEL")?.map((p) => p.schema)).toEqual(["a.xsd", "b.xsd"]);
    expect(partsForSend(first, "DIALOG_EKSEMPEL")?.map((p) => p.schema)).toEqual(["ack.xsd", "h.xsd"]);
  });

  it("fall back to an action anywhere, and else to nothing", () => {
    const first = partyOf();
    expect(messageForSender(first, "melding")?.deliveryChannel).toBe("broker.example/NS/100001_sync");
    expect(messageForReceiver(first, "apprec")?.action).toBe("Apprec");
    expect(messageForReceiver(first, "UKJENT")).toBeUndefined();
    expect(partsForSend(first, "UKJENT")).toBeUndefined();
  });

  it("find the parts of an acknowledgement in its process only", () => {
    const first = partyOf();
    expect(partsForAcknowledgement(first, "dialog_eksempel", "receive")?.[0]?.schema).toBe("ack.xsd");
    expect(partsForAcknowledgement(first, "dialog_eksempel", "send")?.[0]?.schema).toBe("ack.xsd");
    expect(partsForAcknowledgement(first, "APPREC", "send")).toBeUndefined();
  });
});
