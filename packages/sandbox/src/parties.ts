import { createIdentity, type Identity } from "@helsekontakt/amqp-messaging/protection";
import type { KeyObject } from "node:crypto";

/** A communication party as the sandbox's address registry knows it. */
export interface SandboxParty {
  readonly herId: string;
  readonly name: string;
  readonly parentHerId?: string;
  readonly parentName?: string;
  readonly organisationNumber: string;
  readonly active: boolean;
  /** Short queue names. A service may inherit those of its enterprise. */
  readonly queues: { readonly async: string; readonly sync: string; readonly error: string };
  /** Whose keys protect messages to and from this party. */
  readonly owner: "helsenorge" | "provider";
}

type KeyedIdentity = Identity & { readonly key: KeyObject };

/** Signing and encryption certificates of one owner, issued by the sandbox's own authority. */
export interface OwnerIdentities {
  readonly signing: KeyedIdentity;
  readonly encryption: KeyedIdentity;
}

/** All certificates and keys of the sandbox. */
export interface SandboxIdentities {
  readonly authority: KeyedIdentity;
  readonly helsenorge: OwnerIdentities;
  readonly provider: OwnerIdentities;
}

const helsenorgeQueues = { async: "100002_async", sync: "100002_sync", error: "100002_error" };
const providerQueues = { async: "200001_async", sync: "200001_sync", error: "200001_error" };
const helsenorgeNumber = "999999999";
const providerNumber = "998888887";

/** The parties of the sandbox. HER-ids and names are invented, like those of the reference's examples. */
export const sandboxParties: readonly SandboxParty[] = [
  {
    herId: "100001",
    name: "Helsenorge (eksempel)",
    organisationNumber: helsenorgeNumber,
    active: true,
    queues: helsenorgeQueues,
    owner: "helsenorge",
  },
  {
    herId: "100002",
    name: "Digitale innbyggertjenester (eksempel)",
    parentHerId: "100001",
    parentName: "Helsenorge (eksempel)",
    organisationNumber: helsenorgeNumber,
    active: true,
    queues: helsenorgeQueues,
    owner: "helsenorge",
  },
  {
    herId: "200001",
    name: "Eksempel kommune",
    organisationNumber: providerNumber,
    active: true,
    queues: providerQueues,
    owner: "provider",
  },
  ...(
    [
      ["200002", "Hjemmetjenesten Nord"],
      ["200003", "Skolehelsetjenesten"],
      ["200004", "Studenthelsetjenesten"],
    ] as const
  ).map(
    ([herId, name]): SandboxParty => ({
      herId,
      name,
      parentHerId: "200001",
      parentName: "Eksempel kommune",
      organisationNumber: providerNumber,
      active: true,
      queues: providerQueues,
      owner: "provider",
    }),
  ),
];

/** Makes the sandbox's authority and the certificates that it issues: four RSA-2048 key pairs, valid for a year. */
export async function createIdentities(now: number): Promise<SandboxIdentities> {
  const dates = { notBefore: new Date(now - 24 * 3600_000), notAfter: new Date(now + 365 * 24 * 3600_000) };
  const authority = await createIdentity({
    subject: { commonName: "Helsekontakt Sandbox CA", organizationName: "Helsekontakt Sandbox" },
    usage: ["keyCertSign", "cRLSign"],
    authority: true,
    ...dates,
  });
  const issue = async (name: string, number: string): Promise<OwnerIdentities> => {
    const subject = { commonName: name, organizationName: name, organizationIdentifier: `NTRNO-${number}` };
    const [signing, encryption] = await Promise.all([
      createIdentity({ subject, issuer: authority, usage: ["nonRepudiation"], ...dates }),
      createIdentity({ subject, issuer: authority, usage: ["keyEncipherment", "dataEncipherment"], ...dates }),
    ]);
    return { signing, encryption };
  };
  const [helsenorge, provider] = await Promise.all([
    issue("Helsenorge (eksempel)", helsenorgeNumber),
    issue("Eksempel kommune", providerNumber),
  ]);
  return { authority, helsenorge, provider };
}
