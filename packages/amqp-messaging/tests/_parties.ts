import { HelsekontaktError } from "@helsekontakt/core";
import type { Party, PartyRegistry, ResolveRequest } from "../src/index.ts";
import { createIdentity, type Identity } from "../src/protection/index.ts";

/** A party with its keys, in a registry that knows it. */
export interface TestParty {
  readonly herId: string;
  readonly sign: Identity;
  readonly encrypt: Identity;
}

const notBefore = new Date(Date.now() - 86_400_000);
const notAfter = new Date(Date.now() + 30 * 86_400_000);

export async function testParty(
  herId: string,
  dates: { readonly notBefore?: Date; readonly notAfter?: Date } = {},
): Promise<TestParty> {
  const make = (usage: "nonRepudiation" | "keyEncipherment"): Promise<Identity> =>
    createIdentity({
      subject: { commonName: `Party ${herId}`, organizationIdentifier: "NTRNO-123456785" },
      usage: [usage],
      notBefore,
      notAfter,
      ...dates,
    });
  const [sign, encrypt] = await Promise.all([make("nonRepudiation"), make("keyEncipherment")]);
  return { herId, sign, encrypt };
}

export function registryOf(
  parties: readonly Party[],
): PartyRegistry & { readonly requests: ResolveRequest[]; fail: Error | undefined } {
  const registry = {
    requests: [] as ResolveRequest[],
    fail: undefined as Error | undefined,
    resolve(request: ResolveRequest): Promise<Party> {
      registry.requests.push(request);
      if (registry.fail !== undefined) return Promise.reject(registry.fail);
      const party = parties.find((p) => p.herId === request.herId);
      return party === undefined ? Promise.reject(unknown(request.herId)) : Promise.resolve(party);
    },
    invalidate() {},
  };
  return registry;
}

function unknown(herId: string): Error {
  return new HelsekontaktError("registry/party-unknown", "expected a communication party", { context: { herId } });
}

export function dummy(party: TestParty): Party {
  return {
    kind: "dummy",
    herId: party.herId,
    name: `Party ${party.herId}`,
    queues: { async: `${party.herId}_async`, error: `${party.herId}_error` },
    encryptionCertificate: party.encrypt.certificate,
    signatureCertificate: party.sign.certificate,
  };
}
