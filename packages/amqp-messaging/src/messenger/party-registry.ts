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
import type { Party, PartyQueues, PartyRegistry, ResolveRequest } from "./party.ts";

/** What the address registry says of a party. */
export interface PartyFacts {
  readonly herId: string;
  readonly name: string;
  readonly active: boolean;
  /** Queue addresses as registered, full or short. */
  readonly queues: PartyQueues;
  readonly encryptionCertificate?: X509Certificate;
  readonly signatureCertificate?: X509Certificate;
}

export interface PartyRegistryOptions {
  /**
   * The agreement by its id, else the one between the two parties, else the other party's profile. Resolves to nothing
   * only when the registry says that there is none; every other answer must reject.
   */
  readonly lookupProfile: (request: {
    readonly herId: string;
    readonly ownHerId: string;
    /** The agreement that a received message names. */
    readonly cpaId?: string;
    /** Of no use yet: a look-up is shared by callers, so none of them can end it. */
    readonly signal?: AbortSignal;
  }) => Promise<Profile | undefined>;
  /** The party in the address registry; nothing only when the registry says that there is none. */
  readonly lookupParty: (request: {
    readonly herId: string;
    readonly signal?: AbortSignal;
  }) => Promise<PartyFacts | undefined>;
  /** Functions that always get a dummy. */
  readonly withoutProfile?: readonly string[];
  /** An answer is used this long. Default 1 hour. */
  readonly freshMs?: number;
  /** While the registry fails, the last good answer is used this long. Default 24 hours. */
  readonly staleMs?: number;
  /** An unknown party is asked for again after this long. Default 1 minute. */
  readonly unknownMs?: number;
  /** Answers kept; the oldest goes first. Default 10,000. */
  readonly maxEntries?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

interface Entry<T> {
  readonly value: T | undefined;
  readonly at: number;
}

/**
 * Finds parties through look-ups of the two registries: one look-up at a time for each question, answers kept for a
 * while, and kept longer when the registry fails. Only "not found" falls back from agreement or profile to a dummy: an
 * outage never changes which certificate and rules are used.
 */
export function createPartyRegistry(options: PartyRegistryOptions): PartyRegistry {
  const clock = options.clock ?? systemClock;
  const logger = options.logger ?? silentLogger;
  const profiles = cache<Profile>(options, clock, logger, "profile");
  const parties = cache<PartyFacts>(options, clock, logger, "communication party");

  return {
    async resolve(request) {
      const { herId, ownHerId, cpaId, signal } = request;
      throwIfAborted(signal);
      const excluded = options.withoutProfile?.includes(request.function) === true;
      const [facts, profile] = await Promise.all([
        waitFor(
          parties.get(herId, herId, () => options.lookupParty({ herId })),
          signal,
        ),
        excluded || ownHerId === undefined
          ? undefined
          : waitFor(
              profiles.get(`${herId} ${ownHerId} ${cpaId ?? ""}`, herId, () =>
                options.lookupProfile({ herId, ownHerId, ...(cpaId === undefined ? {} : { cpaId }) }),
              ),
              signal,
            ),
      ]);
      if (facts === undefined)
        throw new HelsekontaktError(
          "registry/party-unknown",
          "expected a communication party with this HER-id, found none",
          { context: { herId } },
        );
      if (!facts.active)
        throw new HelsekontaktError(
          "registry/party-inactive",
          "expected an active communication party, found an inactive one",
          { context: { herId } },
        );
      return partyOf(facts, profile, request, clock.now());
    },
    invalidate(herId) {
      parties.forget(herId);
      profiles.forget(herId);
    },
  };
}

function partyOf(facts: PartyFacts, profile: Profile | undefined, request: ResolveRequest, now: number): Party {
  const base = { herId: facts.herId, name: facts.name, queues: shortNames(facts.queues) };
  if (profile === undefined)
    return {
      ...base,
      kind: "dummy",
      ...certificates({ encryption: facts.encryptionCertificate, signature: facts.signatureCertificate }),
    };
  const party = profile.parties.find((p) => p.herId === request.herId);
  if (party === undefined) throw notParty(profile, request.herId);
  const own = {
    receives: (messageFunction: string) => messageForReceiver(party, messageFunction) !== undefined,
    ...certificates({
      encryption: party.encryptionCertificate,
      signature: party.signatureCertificate ?? lastForBoth(party),
    }),
  };
  if (profile.kind === "cpp") return { ...base, ...own, kind: "cpp" };
  if (!profile.parties.some((p) => p.herId === request.ownHerId)) throw notParty(profile, request.ownHerId ?? "");
  const [start, end] = [Date.parse(profile.start ?? ""), Date.parse(profile.end ?? "")];
  if (start > now || end < now)
    throw new HelsekontaktError(
      "registry/profile-invalid",
      "expected an agreement that is in force, found one outside its time",
      {
        context: { cpaId: profile.id, herId: request.herId },
      },
    );
  return { ...base, ...own, kind: "cpa", cpaId: profile.id };
}

function certificates(found: {
  readonly encryption: X509Certificate | undefined;
  readonly signature: X509Certificate | undefined;
}): Pick<Party, "encryptionCertificate" | "signatureCertificate"> {
  return {
    ...(found.encryption === undefined ? {} : { encryptionCertificate: found.encryption }),
    ...(found.signature === undefined ? {} : { signatureCertificate: found.signature }),
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

interface Flight<T> {
  readonly herId: string;
  readonly answer: Promise<T | undefined>;
}

interface Cache<T> {
  get(key: string, herId: string, load: () => Promise<T | undefined>): Promise<T | undefined>;
  forget(herId: string): void;
}

function cache<T>(options: PartyRegistryOptions, clock: Clock, logger: Logger, what: string): Cache<T> {
  const { freshMs = 3_600_000, staleMs = 86_400_000, unknownMs = 60_000, maxEntries = 10_000 } = options;
  const entries = new Map<string, Entry<T>>();
  const owners = new Map<string, Set<string>>();
  const flights = new Map<string, Flight<T>>();

  const remove = (key: string, herId: string): void => {
    entries.delete(key);
    const keys = owners.get(herId);
    keys?.delete(key);
    if (keys?.size === 0) owners.delete(herId);
  };
  const store = (key: string, herId: string, value: T | undefined): void => {
    remove(key, herId);
    entries.set(key, { value, at: clock.now() });
    owners.set(herId, (owners.get(herId) ?? new Set()).add(key));
    const [oldest] = entries.keys();
    if (entries.size > maxEntries && oldest !== undefined) remove(oldest, oldest.split(" ")[0] ?? "");
  };
  const load = async (
    key: string,
    herId: string,
    from: () => Promise<T | undefined>,
    isCurrent: () => boolean,
  ): Promise<T | undefined> => {
    try {
      const value = await from();
      if (isCurrent()) store(key, herId, value);
      return value;
    } catch (reason) {
      const old = entries.get(key);
      const error = HelsekontaktError.from(
        reason,
        "registry/unavailable",
        `expected the registry to answer for a ${what}`,
      );
      if (!error.retryable || old?.value === undefined || clock.now() - old.at > staleMs) throw error;
      logger.warn("registry failed; the last known answer is used", { what, herId, code: error.code });
      return old.value;
    }
  };
  return {
    async get(key, herId, from) {
      const entry = entries.get(key);
      if (entry !== undefined && clock.now() - entry.at < (entry.value === undefined ? unknownMs : freshMs))
        return entry.value;
      let flight = flights.get(key);
      if (flight === undefined) {
        // An answer that was asked for before the party was forgotten may be the old one: it is not kept.
        const isCurrent = (): boolean => flights.get(key) === started;
        const started: Flight<T> = {
          herId,
          answer: load(key, herId, from, isCurrent).finally(() => isCurrent() && flights.delete(key)),
        };
        flight = started;
        flights.set(key, flight);
      }
      return await flight.answer;
    },
    forget(herId) {
      for (const key of owners.get(herId) ?? []) entries.delete(key);
      owners.delete(herId);
      for (const [key, flight] of flights) if (flight.herId === herId) flights.delete(key);
    },
  };
}
