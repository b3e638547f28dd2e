import { writeFileSync } from "node:fs";
import { createIdentity } from "@helsekontakt/amqp-messaging/protection";
import { beforeAll, describe, expect, it } from "vitest";
import { run, scratch } from "./_run.ts";

const at = scratch();
const cppa = "http://www.oasis-open.org/committees/ebxml-cppa/schema/cpp-cpa-2_0.xsd";
let certificate: string;

const party = (herId: string, name: string) =>
  `<t:PartyInfo t:partyName="${name}" t:defaultMshChannelId="c"><t:PartyId t:type="HER">${herId}</t:PartyId>
   <t:CollaborationRole><t:ProcessSpecification t:name="Dialog_Eksempel" t:version="1.1"/><t:Role t:name="sender"/>
   <t:ServiceBinding><t:Service>S</t:Service><t:CanSend><t:ThisPartyActionBinding t:action="Melding" t:packageId="p">
   <t:ChannelId>c</t:ChannelId></t:ThisPartyActionBinding></t:CanSend></t:ServiceBinding></t:CollaborationRole>
   <t:Certificate t:certId="enc"><d:KeyInfo><d:X509Data><d:X509Certificate>${certificate}</d:X509Certificate></d:X509Data></d:KeyInfo></t:Certificate>
   <t:DeliveryChannel t:channelId="c" t:transportId="t"/><t:Transport t:transportId="t"><t:TransportReceiver>
   <t:TransportProtocol>AMQP</t:TransportProtocol><t:Endpoint t:uri="broker.example/NS/${herId}_async"/></t:TransportReceiver></t:Transport></t:PartyInfo>`;
const parts = `<t:SimplePart t:id="doc"><t:NamespaceSupported t:location="a.xsd">urn:a</t:NamespaceSupported></t:SimplePart>
   <t:Packaging t:id="p"><t:CompositeList><t:Composite t:id="k"><t:Constituent t:idref="doc" t:minOccurs="1" t:maxOccurs="unbounded"/></t:Composite></t:CompositeList></t:Packaging>`;
const wrap = (root: string, attributes: string, content: string) =>
  `<t:${root} xmlns:t="${cppa}" xmlns:d="http://www.w3.org/2000/09/xmldsig#" ${attributes} t:version="1.0">${content}${parts}</t:${root}>`;

describe("profile", () => {
  beforeAll(async () => {
    const { certificate: made } = await createIdentity({
      subject: { commonName: "Kari Nordmann" },
      usage: ["keyEncipherment"],
      notBefore: new Date("2024-01-01T00:00:00Z"),
      notAfter: new Date("2034-01-01T00:00:00Z"),
    });
    certificate = made.raw.toString("base64");
    const both = party("100001", "Kari Nordmann") + party("100002", "Ola Nordmann");
    writeFileSync(
      at("cpp.xml"),
      wrap("CollaborationProtocolProfile", 't:cppid="cpp-1"', party("100001", "Kari Nordmann")),
    );
    writeFileSync(
      at("cpa.xml"),
      wrap("CollaborationProtocolAgreement", 't:cpaid="cpa-1"', `<t:Status t:value="agreed"/>${both}`),
    );
  });

  it("writes parties, roles, messages and certificates for people, without names", async () => {
    const { code, out } = await run("profile", at("cpa.xml"), "--as", "100002");
    expect(code).toBe(0);
    expect(out).toContain("cpa.xml: agreement (CPA) cpa-1, version 1.0, status agreed\n");
    expect(out).toContain("Party HER-id 100001 (counterparty)\n");
    expect(out).toContain("Party HER-id 100002 (own side)\n");
    expect(out).toMatch(/certificate enc: [0-9a-f]{40}, keyEncipherment, 2024-01-01 to 2034-01-01, encrypt to it\n/);
    expect(out).toContain(
      "Dialog_Eksempel 1.1, role sender\n    sends    Melding over broker.example/NS/100001_async: a.xsd 1..*\n",
    );
    expect(out).not.toContain("Nordmann");
  });

  it("gives everything as JSON", async () => {
    const { code, out } = await run("profile", at("cpp.xml"), "--json");
    expect(code).toBe(0);
    const profile = JSON.parse(out) as { parties: { certificates: { thumbprint: string }[] }[] };
    const thumbprint = profile.parties[0]?.certificates[0]?.thumbprint;
    expect(profile).toMatchObject({
      kind: "cpp",
      id: "cpp-1",
      counterparty: "100001",
      parties: [
        {
          herId: "100001",
          name: "Kari Nordmann",
          roles: [{ name: "sender", process: "Dialog_Eksempel", send: [{ action: "Melding" }], receive: [] }],
          certificates: [{ certId: "enc", keyUsage: ["keyEncipherment"], subject: "C=NO, CN=Kari Nordmann" }],
          encryptionCertificate: thumbprint,
          signatureCertificate: null,
        },
      ],
    });
  });

  it("ends with 1 for what is no profile or somebody else's agreement, with 2 for no file", async () => {
    writeFileSync(at("other.xml"), "<Other/>");
    writeFileSync(at("broken.xml"), "<Other>");
    const other = await run("profile", at("other.xml"));
    expect(other).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/\[registry\/profile-invalid\]/) });
    expect((await run("profile", at("broken.xml"))).code).toBe(1);
    expect((await run("profile", at("cpa.xml"), "--as", "999999")).code).toBe(1);
    expect((await run("profile", at("none.xml"))).code).toBe(2);
  });
});
