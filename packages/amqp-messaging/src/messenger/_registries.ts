import { HelsekontaktError } from "@helsekontakt/core";
import { serializeXml, type XmlElement } from "@helsekontakt/types/xml";
import type { Identity } from "../keys/identity.ts";
import { CPPA, XMLDSIG } from "../profile/tree.ts";
import type { PartyCertificates, PartyFacts } from "../registries/address-registry.ts";
import type { LookUp } from "../registries/look-up.ts";
import { createPartyRegistry, type PartyRegistryOptions } from "./party-registry.ts";

// Registries for tests: documents as bytes, answers that tests set, calls counted.

const el = (
  name: string,
  attributes: Readonly<Record<string, string>>,
  content: XmlElement["content"] = [],
): XmlElement => ({
  name,
  ns: CPPA,
  attributes: Object.entries(attributes).map(([key, value]) => ({ name: key, ns: CPPA, value })),
  content,
});
const ds = (name: string, content: XmlElement["content"]): XmlElement => ({
  name,
  ns: XMLDSIG,
  attributes: [],
  content,
});

/** One side of a document: it receives these functions and a receipt for each. */
export interface TestSide {
  readonly herId: string;
  readonly functions?: readonly string[];
  readonly certificates?: readonly Identity[];
}

function partyInfo({ herId, functions = ["DIALOG"], certificates = [] }: TestSide): XmlElement {
  const binding = (kind: string, action: string): XmlElement =>
    el(kind, {}, [
      el("ThisPartyActionBinding", { id: "b", action, packageId: "package" }, [el("ChannelId", {}, ["async"])]),
    ]);
  return el("PartyInfo", { partyName: `Party ${herId}` }, [
    el("PartyId", { type: "HER" }, [herId]),
    ...functions.map((name) =>
      el("CollaborationRole", {}, [
        el("ProcessSpecification", { name, version: "1.0" }),
        el("Role", { name: "Mottaker" }),
        el("ServiceBinding", {}, [binding("CanReceive", "Melding"), binding("CanSend", "APPREC")]),
      ]),
    ),
    ...certificates.map(({ certificate }, n) =>
      el("Certificate", { certId: `c${n}` }, [
        ds("KeyInfo", [ds("X509Data", [ds("X509Certificate", [certificate.raw.toString("base64")])])]),
      ]),
    ),
    el("DeliveryChannel", { channelId: "async", transportId: "t" }),
    el("Transport", { transportId: "t" }, [
      el("TransportReceiver", {}, [el("TransportProtocol", {}, ["AMQP"]), el("Endpoint", { uri: `x/${herId}_async` })]),
    ]),
  ]);
}

const parts = [
  el("SimplePart", { id: "p", mimetype: "application/xml" }, [
    el("NamespaceSupported", { location: "MsgHead-v1_2.xsd" }, ["urn:msghead"]),
  ]),
  el("Packaging", { id: "package" }, [
    el("CompositeList", {}, [el("Composite", { id: "c" }, [el("Constituent", { idref: "p" })])]),
  ]),
];

export function cppOf(side: TestSide): Uint8Array {
  return serializeXml(
    el("CollaborationProtocolProfile", { cppid: `cpp-${side.herId}`, version: "2_0b" }, [partyInfo(side), ...parts]),
  );
}

export const cpaId = "0a1b2c3d-0000-4000-8000-000000000001";

export function cpaOf(
  sides: readonly TestSide[],
  facts: { readonly id?: string; readonly status?: string; readonly start?: string; readonly end?: string } = {},
): Uint8Array {
  return serializeXml(
    el("CollaborationProtocolAgreement", { cpaid: facts.id ?? cpaId, version: "2_0b" }, [
      el("Status", { value: facts.status ?? "agreed" }),
      el("Start", {}, [facts.start ?? "2025-01-01T00:00:00Z"]),
      el("End", {}, [facts.end ?? "2026-01-01T00:00:00Z"]),
      ...sides.map(partyInfo),
      ...parts,
    ]),
  );
}

export const found = <T>(value: T): LookUp<T> => ({ kind: "found", value });
export const notFound = { kind: "not-found" } as const;
export const down: LookUp<never> = { kind: "unavailable", error: new HelsekontaktError("rest/unavailable", "down") };
export const refused: LookUp<never> = { kind: "refused", error: new HelsekontaktError("rest/forbidden", "no") };

export const factsOf = (herId: string): PartyFacts => ({
  herId,
  name: `Party ${herId}`,
  active: true,
  queues: { async: `tb.test.nhn.no/NS/${herId}_async`, error: `${herId}_error`, sync: " " },
});

/** Answers to be set; the default is a party that the address registry alone knows. */
export interface TestAnswers {
  now: number;
  party: LookUp<PartyFacts> | undefined;
  certificates: LookUp<PartyCertificates>;
  agreement: LookUp<Uint8Array>;
  agreementFor: LookUp<Uint8Array>;
  profile: LookUp<Uint8Array>;
}

/** A registry over answers that tests set. */
export function testRegistry(options: Partial<PartyRegistryOptions> = {}) {
  const calls = { party: 0, certificates: 0, agreement: 0, agreementFor: 0, profile: 0 };
  const answers: TestAnswers = {
    now: Date.UTC(2025, 5, 1),
    party: undefined,
    certificates: notFound,
    agreement: notFound,
    agreementFor: notFound,
    profile: notFound,
  };
  const says = async <T>(name: keyof typeof calls, answer: () => T): Promise<T> => {
    calls[name]++;
    await new Promise((resolve) => setImmediate(resolve));
    return answer();
  };
  const registry = createPartyRegistry({
    addressRegistry: {
      party: (herId) => says("party", () => answers.party ?? found(factsOf(herId))),
      certificates: () => says("certificates", () => answers.certificates),
    },
    collaborationRegistry: {
      agreement: () => says("agreement", () => answers.agreement),
      agreementFor: () => says("agreementFor", () => answers.agreementFor),
      profile: () => says("profile", () => answers.profile),
    },
    clock: { now: () => answers.now, sleep: () => Promise.resolve() },
    ...options,
  });
  const resolve = (o: object = {}) => registry.resolve({ herId: "2", ownHerId: "1", function: "DIALOG", ...o });
  const code = (o: object = {}): Promise<string> =>
    resolve(o).then(
      ({ kind }) => kind,
      (e: unknown) => HelsekontaktError.from(e).code,
    );
  return { calls, answers, registry, resolve, code };
}
