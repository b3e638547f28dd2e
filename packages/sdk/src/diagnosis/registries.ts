import { parseProfile, type Profile } from "@helsekontakt/amqp-messaging/profile";
import type { LookUp, PartyFacts } from "@helsekontakt/amqp-messaging/registries";
import { createCommunicationPartyClient, createCppaClient } from "@helsekontakt/rest-client";
import { addressRegistryOf, collaborationRegistryOf } from "../messaging/party-registry.ts";
import type { Addresses } from "./endpoints.ts";
import { faultFinding } from "./fault-finding.ts";
import { signed } from "./rest.ts";
import { type Check, type CheckContext, type Finding, fault, ok, warning } from "./types.ts";

/** Look-ups in both registries, by the interfaces that the configuration chooses. */
export interface Lookups {
  party(context: CheckContext, herId: string, signal: AbortSignal): Promise<PartyFacts | undefined>;
  profile(context: CheckContext, herId: string, signal: AbortSignal): Promise<Profile | undefined>;
  /** Ids of the checks without which none of them can be answered. */
  readonly needs: readonly string[];
  /** Whether both have an address. */
  readonly possible: boolean;
}

export function createLookups(
  addresses: Addresses,
  scopes: { readonly cppa: string; readonly parties: string },
  registry: { readonly addressRegistry?: "rest" | "soap"; readonly collaborationRegistry?: "rest" | "soap" } = {},
): Lookups {
  const retry = { tries: 1 };
  const soapOf = ({ config, preset }: CheckContext) => ({
    config: config.registry,
    soapUrl: preset.addressRegistrySoapUrl,
    soapCppaUrl: preset.collaborationRegistrySoapUrl,
    network: config.rest?.network,
    retry,
  });
  const partiesBy = registry.addressRegistry ?? "rest";
  const profilesBy = registry.collaborationRegistry ?? "rest";
  return {
    async party(context, herId, signal) {
      const parties = () =>
        createCommunicationPartyClient({
          baseUrl: addresses.parties ?? "",
          fetch: signed(context, scopes.parties),
          retry,
        });
      return foundOf(await addressRegistryOf({ ...soapOf(context), parties }).party(herId, { signal }));
    },
    async profile(context, herId, signal) {
      const cppa = () =>
        createCppaClient({ baseUrl: addresses.cppa ?? "", fetch: signed(context, scopes.cppa), retry });
      const bytes = foundOf(await collaborationRegistryOf({ ...soapOf(context), cppa }).profile(herId, { signal }));
      return bytes === undefined ? undefined : parseProfile(bytes);
    },
    needs: [
      ...(partiesBy === "soap" ? ["tls.soap", "registry.soap"] : ["tls.parties", "token.parties"]),
      ...(profilesBy === "soap" ? ["tls.soapCppa"] : ["tls.cppa", "token.cppa"]),
    ],
    possible:
      (partiesBy === "soap" ? addresses.soap : addresses.parties) !== undefined &&
      (profilesBy === "soap" ? addresses.soapCppa : addresses.cppa) !== undefined,
  };
}

/** @throws {HelsekontaktError} what the registry or the way to it said */
function foundOf<T>(answer: LookUp<T>): T | undefined {
  if (answer.kind === "found") return answer.value;
  if (answer.kind === "not-found") return undefined;
  throw answer.error;
}

interface Expected {
  readonly path: string;
  readonly herId: string;
  readonly name: string;
  readonly service: boolean;
}

/** The parties of one side are in the address registry, active, and have a profile where messages go. */
export function registryCheck(side: "own" | "helsenorge", lookups: Lookups): Check {
  return {
    id: `registry.${side}`,
    title: side === "own" ? "own parties in the registries" : "Helsenorge in the registries",
    needs: lookups.needs,
    async run(context, signal) {
      const found = await Promise.all(expectedOf(context, side).map((e) => look(context, e, lookups, signal)));
      return found.flat();
    },
  };
}

function expectedOf({ config }: CheckContext, side: "own" | "helsenorge"): Expected[] {
  const { organisation, helsenorge } = config;
  if (side === "helsenorge")
    return [
      { path: "helsenorge", herId: helsenorge.herId, name: helsenorge.name, service: false },
      { path: "helsenorge.service", herId: helsenorge.service.herId, name: helsenorge.service.name, service: true },
    ];
  return [
    { path: "organisation", herId: organisation.herId, name: organisation.name, service: false },
    ...organisation.services.map(({ herId, name }, i) => ({
      path: `organisation.services[${i}]`,
      herId,
      name,
      service: true,
    })),
  ];
}

async function look(context: CheckContext, e: Expected, lookups: Lookups, signal: AbortSignal): Promise<Finding[]> {
  try {
    const party = await lookups.party(context, e.herId, signal);
    if (party === undefined)
      return [
        fault(
          `expected HER-id ${e.herId} of ${e.path} in the address registry, found none`,
          "HER-ids differ between test and production: look it up in Adresseregisteret",
        ),
      ];
    const found: Finding[] = [];
    if (!party.active || party.valid === false)
      found.push(
        fault(
          `expected HER-id ${e.herId} of ${e.path} to be active, found that it is not`,
          "activate it in Adresseregisteret",
        ),
      );
    if (party.name !== "" && party.name !== e.name)
      found.push(
        warning(`HER-id ${e.herId} of ${e.path} has another name in the registry`, "receivers see the configured one"),
      );
    if (e.service && (await lookups.profile(context, e.herId, signal)) === undefined)
      found.push(warning(`HER-id ${e.herId} of ${e.path} has no collaboration profile`, "make one in NHN's CPPA"));
    return found.length === 0 ? [ok(`HER-id ${e.herId} of ${e.path} is registered and active`)] : found;
  } catch (error) {
    return [
      faultFinding(error, "expected an answer of the registry, found none", "check the registry's address and scope"),
    ];
  }
}
