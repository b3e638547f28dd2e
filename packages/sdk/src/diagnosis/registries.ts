import { parseProfile, type Profile } from "@helsekontakt/amqp-messaging/profile";
import {
  type CommunicationPartyDetails,
  createCommunicationPartyClient,
  createCppaClient,
} from "@helsekontakt/rest-client";
import { faultFinding } from "./fault-finding.ts";
import { signed } from "./rest.ts";
import { type Check, type CheckContext, type Finding, fault, ok, warning } from "./types.ts";

/** Look-ups in both registries. */
export interface Lookups {
  party(context: CheckContext, herId: string, signal: AbortSignal): Promise<CommunicationPartyDetails | undefined>;
  profile(context: CheckContext, herId: string, signal: AbortSignal): Promise<Profile | undefined>;
}

export function createLookups(
  addresses: { readonly cppa: string | undefined; readonly parties: string | undefined },
  scopes: { readonly cppa: string; readonly parties: string },
): Lookups {
  const retry = { tries: 1 };
  return {
    party(context, herId, signal) {
      const client = createCommunicationPartyClient({
        baseUrl: addresses.parties ?? "",
        fetch: signed(context, scopes.parties),
        retry,
      });
      return client.party(herId, { signal });
    },
    async profile(context, herId, signal) {
      const client = createCppaClient({ baseUrl: addresses.cppa ?? "", fetch: signed(context, scopes.cppa), retry });
      const bytes = await client.profile(herId, { signal });
      return bytes === undefined ? undefined : parseProfile(bytes);
    },
  };
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
    needs: ["tls.parties", "tls.cppa", "token.parties", "token.cppa"],
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
    const details = await lookups.party(context, e.herId, signal);
    const party = details?.communicationParty;
    if (details === undefined)
      return [
        fault(
          `expected HER-id ${e.herId} of ${e.path} in the address registry, found none`,
          "HER-ids differ between test and production: look it up in Adresseregisteret",
        ),
      ];
    const found: Finding[] = [];
    if (party?.Active === false || party?.IsValidCommunicationParty === false)
      found.push(
        fault(
          `expected HER-id ${e.herId} of ${e.path} to be active, found that it is not`,
          "activate it in Adresseregisteret",
        ),
      );
    const registered = party?.DisplayName || party?.Name || "";
    if (registered !== "" && registered !== e.name)
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
