import type { components, paths } from "@helsekontakt/types/openapi/communication-party";
import type { paths as CppaPaths } from "@helsekontakt/types/openapi/cppa";
import { createHash } from "node:crypto";
import type { SandboxRequest, SandboxResponse } from "../http/server.ts";
import type { SandboxParty } from "../parties.ts";
import { profileDocument, type ProfileParty } from "./profile-document.ts";

/** Scope of the collaboration registry. Inferred from its documentation. */
export const cppaScope = "nhn:cppa/access-with-dpop";
/** Scope of the address registry. Inferred from its documentation. */
export const partyScope = "nhn:cp-api/access-v2-dpop";

const profilePath: keyof CppaPaths = "/Profiles/{herId}";
const agreementPath: keyof CppaPaths = "/Agreements/{cpaId}";
const agreementForPath: keyof CppaPaths = "/Agreements/HerIds/{mine}/{theirs}";
const partyPath: keyof paths = "/communicationparty/{herId}";

/** When every party was last changed: a local time without zone, as NHN writes them. */
export const partyLastChanged = "2026-01-01T00:00:00";

/** What the registries answer from. */
export interface RegistryOptions {
  readonly parties: readonly SandboxParty[];
  readonly profileOf: (party: SandboxParty) => ProfileParty;
  /** Host and exchange before the queue name in registered addresses. */
  readonly queueBase: string;
}

/** The collaboration registry: profiles for every party, an agreement between each provider's party and Helsenorge. */
export function answerCppa(request: SandboxRequest, options: RegistryOptions): SandboxResponse {
  const { pathname } = request.url;
  const byHerId = (herId: string | undefined): SandboxParty | undefined =>
    options.parties.find((p) => p.herId === herId);

  const pair = match(agreementForPath, pathname);
  if (pair) {
    const [mine, theirs] = [byHerId(pair["mine"]), byHerId(pair["theirs"])];
    if (mine === undefined || theirs === undefined || mine.owner === theirs.owner) return notFound();
    return xml(profileDocument([options.profileOf(mine), options.profileOf(theirs)], cpaIdOf(mine, theirs)));
  }
  const agreement = match(agreementPath, pathname);
  if (agreement) {
    for (const a of options.parties) {
      for (const b of options.parties) {
        if (a.owner === "provider" && b.owner === "helsenorge" && cpaIdOf(a, b) === agreement["cpaId"]) {
          return xml(profileDocument([options.profileOf(a), options.profileOf(b)], cpaIdOf(a, b)));
        }
      }
    }
    return notFound();
  }
  const profile = match(profilePath, pathname);
  const party = byHerId(profile?.["herId"]);
  return party === undefined ? notFound() : xml(profileDocument([options.profileOf(party)]));
}

/** The address registry's REST form of one party. */
export function answerCommunicationParty(request: SandboxRequest, options: RegistryOptions): SandboxResponse {
  const party = options.parties.find((p) => p.herId === match(partyPath, request.url.pathname)?.["herId"]);
  if (party === undefined) return notFound();
  const inherited = party.parentHerId !== undefined;
  const address = (code: string, queue: string): components["schemas"]["ElectronicAddress"] => ({
    Address: `${options.queueBase}/${queue}`,
    Inherited: inherited,
    TypeCodeValue: code,
  });
  const body: components["schemas"]["CommunicationPartyDetails"] = {
    herId: Number(party.herId),
    parentHerId: party.parentHerId === undefined ? null : Number(party.parentHerId),
    type: party.parentHerId === undefined ? "Organization" : "Service",
    communicationParty: {
      Active: party.active,
      IsValidCommunicationParty: party.active,
      HerId: Number(party.herId),
      Name: party.name,
      DisplayName: party.name,
      ParentHerId: party.parentHerId === undefined ? null : Number(party.parentHerId),
      ParentName: party.parentName ?? null,
      ParentOrganizationNumber: inherited ? Number(party.organisationNumber) : null,
      LastChanged: partyLastChanged,
      ElectronicAddresses: [
        address("E_SB_ASYNC", party.queues.async),
        address("E_SB_SYNC", party.queues.sync),
        address("E_SB_ERROR", party.queues.error),
      ],
    },
  };
  return { status: 200, body };
}

/** The same id for the same two parties, whoever asks: a GUID made from their HER-ids. */
function cpaIdOf(a: SandboxParty, b: SandboxParty): string {
  const hex = createHash("sha256").update([a.herId, b.herId].sort().join("-")).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Matches a path with `{name}` placeholders; the version prefix `/v2` of the DPoP edition is passed over. */
function match(template: string, pathname: string): Record<string, string> | undefined {
  const names: string[] = [];
  const pattern = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name);
    return "([^/]+)";
  });
  const found = new RegExp(`^(?:/v2)?${pattern}$`).exec(pathname);
  return found === null
    ? undefined
    : Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(found[i + 1] ?? "")]));
}

function xml(body: Buffer): SandboxResponse {
  return { status: 200, headers: { "content-type": "application/xml; charset=utf-8" }, body };
}

function notFound(): SandboxResponse {
  return { status: 404, body: { Code: "EHAPI-100404", Message: "Ikke funnet", ErrorCategory: 1 } };
}
