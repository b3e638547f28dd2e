import type { X509Certificate } from "node:crypto";
import {
  type Clock,
  HelsekontaktError,
  type Logger,
  silentLogger,
  systemClock,
  throwIfAborted,
  waitFor,
} from "@helsekontakt/core";
import { queueNameFromAddress } from "../connection/address.ts";
import { certificateFacts } from "../keys/certificate-facts.ts";
import { messageForReceiver } from "../profile/look-up.ts";
import type { Profile, ProfileParty } from "../profile/profile.ts";
import type { AddressRegistry, PartyCertificates, PartyFacts, PartyQueues } from "../registries/address-registry.ts";
import type { CollaborationRegistry } from "../registries/collaboration-registry.ts";
import { RegistryCache, type RegistryCacheOptions } from "../registries/registry-cache.ts";
import type { DummyParty, Party, PartyConcern, PartyRegistry, ResolveRequest } from "./party.ts";
import { isInForce, ProfileDocuments } from "./profile-documents.ts";

/** How {@link createPartyRegistry} finds and judges parties. */
export interface PartyRegistryOptions {
  readonly addressRegistry: AddressRegistry;
  /** Absent: every party is a dummy. */
  readonly collaborationRegistry?: CollaborationRegistry;
  /** Functions for which nobody is asked for a profile: they always get a dummy. None by default. */
  readonly withoutProfile?: readonly string[];
  /** What to do with a party that has neither agreement nor profile. Default `allow`. Excluded functions are not meant. */
  readonly dummies?: "allow" | "refuse";
  /**
   * Whether an inactive party, and an agreement that is not in force, are errors, or are told with the party and in the
   * log. Default `strict`.
   */
  readonly checks?: "strict" | "lenient";
  readonly cache?: RegistryCacheOptions;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * Finds parties in the two registries: agreement, else profile, else a dummy. Only "not found" goes on to the next: an
 * outage never changes which certificate and rules are used. Then the last answers are used for a while, and after that
 * there is an error that says to try again.
 */
export function createPartyRegistry(options: PartyRegistryOptions): PartyRegistry {
  const { addressRegistry, collaborationRegistry, clock = systemClock, logger = silentLogger } = options;
  const shared = { ...options.cache, clock, logger };
  const parties = new RegistryCache<PartyFacts>({
    ...shared,
    what: "communication party",
    keepsMissing: false,
    isLasting: (facts) => inactive(facts) === undefined,
  });
  const certificates = new RegistryCache<PartyCertificates>({ ...shared, what: "certificate", keepsMissing: true });
  const documents =
    collaborationRegistry === undefined ? undefined : new ProfileDocuments(collaborationRegistry, shared);

  async function dummy(facts: PartyFacts, reason: DummyParty["reason"]): Promise<Party> {
    const { herId } = facts;
    if (reason === "no-profile" && options.dummies === "refuse")
      throw new HelsekontaktError(
        "registry/no-profile",
        "expected the party to have an agreement or a profile, found neither",
        { context: { herId }, hint: "the party must register its processes in the address registry" },
      );
    const known = facts.encryptionCertificate !== undefined || facts.signatureCertificate !== undefined;
    const registered =
      known || addressRegistry.certificates === undefined
        ? undefined
        : await certificates.get(herId, [herId], async () => (await addressRegistry.certificates?.(herId)) ?? none);
    return {
      ...baseOf(facts),
      kind: "dummy",
      ...(reason === undefined ? {} : { reason }),
      ...certificatesOf(
        facts.encryptionCertificate ?? registered?.encryption,
        facts.signatureCertificate ?? registered?.signature,
      ),
    };
  }

  async function find(request: ResolveRequest): Promise<Party> {
    const { herId, ownHerId } = request;
    const excluded = options.withoutProfile?.includes(request.function) === true;
    const [facts, profile] = await Promise.all([
      parties.get(herId, [herId], () => addressRegistry.party(herId)),
      excluded || ownHerId === undefined ? undefined : documents?.find(herId, ownHerId, request.cpaId),
    ]);
    if (facts === undefined)
      throw new HelsekontaktError(
        "registry/party-unknown",
        "expected a communication party with this HER-id, found none",
        { context: { herId } },
      );
    const concerns = [inactive(facts), expired(herId, profile, clock.now())].filter((c) => c !== undefined);
    const [first] = concerns;
    if (first !== undefined && options.checks !== "lenient") throw first.error;
    const reason = excluded ? "function-excluded" : ownHerId === undefined ? "no-own-party" : "no-profile";
    const party = profile === undefined ? await dummy(facts, reason) : described(facts, profile, request);
    if (first === undefined) return party;
    for (const { kind, error } of concerns)
      logger.warn("the party is used although the registry speaks against it", { ...error.context, concern: kind });
    return { ...party, concerns: concerns.map((c) => c.kind) };
  }

  return {
    async resolve(request) {
      throwIfAborted(request.signal);
      return await waitFor(find(request), request.signal);
    },
    invalidate(herId) {
      for (const cache of [parties, certificates, documents]) {
        if (herId === undefined) cache?.expire();
        else cache?.forget(herId);
      }
    },
  };
}

const none = { kind: "not-found" } as const;

function baseOf(facts: PartyFacts): Pick<Party, "herId" | "name" | "queues"> {
  return { herId: facts.herId, name: facts.name, queues: shortNames(facts.queues) };
}

/** The party by its profile, or by the agreement, as the own party sees it. */
function described(facts: PartyFacts, profile: Profile, { herId, ownHerId }: ResolveRequest): Party {
  const party = profile.parties.find((p) => p.herId === herId);
  if (party === undefined) throw notParty(profile, herId);
  const own = {
    ...baseOf(facts),
    profile: party,
    receives: (messageFunction: string) => messageForReceiver(party, messageFunction) !== undefined,
    ...certificatesOf(party.encryptionCertificate, party.signatureCertificate ?? lastForBoth(party)),
  };
  if (profile.kind === "cpp") return { ...own, kind: "cpp" };
  if (!profile.parties.some((p) => p.herId === ownHerId)) throw notParty(profile, ownHerId ?? "");
  return { ...own, kind: "cpa", cpaId: profile.id };
}

interface Concern {
  readonly kind: PartyConcern;
  readonly error: HelsekontaktError;
}

function inactive({ herId, active, valid, validTo }: PartyFacts): Concern | undefined {
  if (active && valid !== false) return undefined;
  return {
    kind: "party-inactive",
    error: new HelsekontaktError(
      "registry/party-inactive",
      "expected an active communication party, found an inactive one",
      { context: { herId, active, valid: valid !== false, ...(validTo === undefined ? {} : { validTo }) } },
    ),
  };
}

function expired(herId: string, profile: Profile | undefined, now: number): Concern | undefined {
  if (profile?.kind !== "cpa" || isInForce(profile, now)) return undefined;
  const { id: cpaId, status, start, end } = profile;
  return {
    kind: "agreement-expired",
    error: new HelsekontaktError(
      "registry/agreement-expired",
      "expected an agreement that is in force, found one that is not",
      { context: { herId, cpaId, status, start, end }, hint: "the parties need a new agreement in the registry" },
    ),
  };
}

function certificatesOf(
  encryption: X509Certificate | undefined,
  signature: X509Certificate | undefined,
): Pick<Party, "encryptionCertificate" | "signatureCertificate"> {
  return {
    ...(encryption === undefined ? {} : { encryptionCertificate: encryption }),
    ...(signature === undefined ? {} : { signatureCertificate: signature }),
  };
}

function notParty(profile: Profile, herId: string): HelsekontaktError {
  return new HelsekontaktError("registry/profile-invalid", `expected the HER-id to be a party of the ${profile.kind}`, {
    context: { herId, profileId: profile.id },
  });
}

/** A party may have one certificate for both uses, which a profile's reading rules do not take for a signer's. */
function lastForBoth(party: ProfileParty): X509Certificate | undefined {
  return party.certificates
    .map((c) => c.certificate)
    .findLast((c) => certificateFacts(c).keyUsage?.includes("nonRepudiation") === true);
}

function shortNames(queues: PartyQueues): PartyQueues {
  return Object.fromEntries(
    Object.entries(queues).flatMap(([kind, address]: [string, string | undefined]) => {
      const name = queueNameFromAddress(address?.trim() ?? "");
      return name === "" ? [] : [[kind, name]];
    }),
  );
}
