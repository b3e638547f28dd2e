import { type Code9603, codeSystem, identifierSystems } from "@helsekontakt/types/codes";
import { type CareTeam, type EpisodeOfCare, fhirFromXml, fhirNamespace, fhirToXml } from "@helsekontakt/types/fhir";
import type { AnyElement } from "@helsekontakt/types/xml";
import { HelsekontaktError, type Personal } from "@helsekontakt/core";
import { isDNumber, reveal } from "./party.ts";

/** Who sees a youth's health contact: both (`N`), only the youth (`NORN_FORANS`), only the parents (`NORN_UNGDOM`). */
export type AccessCode = Extract<Code9603, "N" | "NORN_FORANS" | "NORN_UNGDOM">;

/** A member of the team; each role is a dialogue category that the citizen may choose. */
export interface TeamMember {
  readonly role: string;
  /** How the member is shown; the role by default. */
  readonly display?: string;
}

/** A health contact: created, updated or ended by its id. */
export interface Helsekontakt {
  /** GUID, chosen by the sender; the same id updates the same contact. */
  readonly id: string;
  readonly team: { readonly name: string; readonly members: readonly TeamMember[] };
  /** Level 2 HER-id of the organisation responsible for the treatment. */
  readonly managingHerId: string;
  /** Which values Helsenorge takes is not confirmed. */
  readonly status?: EpisodeOfCare["status"];
  /** `yyyy-mm-dd`. */
  readonly from?: string;
  readonly to?: string;
  /** Required for patients of 12 to 15 years; not enforced by Helsenorge as of November 2025. */
  readonly access?: AccessCode;
}

/**
 * Builds the EpisodeOfCare with its contained CareTeam, as FHIR XML. FHIR R4 is assumed.
 *
 * @see AMQP Notifikasjon Helsekontakt v1.0
 */
export function buildEpisodeOfCare(contact: Helsekontakt, patientFnr: Personal | string): EpisodeOfCare {
  const fnr = reveal(patientFnr);
  const team: CareTeam = {
    resourceType: "CareTeam",
    id: "team-1",
    name: contact.team.name,
    participant: contact.team.members.map((m) => ({
      role: [{ text: m.role }],
      member: { display: m.display ?? m.role },
    })),
  };
  return {
    resourceType: "EpisodeOfCare",
    id: contact.id,
    ...(contact.access === undefined
      ? {}
      : { meta: { security: [{ system: codeSystem("9603"), code: contact.access }] } }),
    contained: [team],
    status: contact.status ?? "active",
    patient: {
      identifier: { system: isDNumber(fnr) ? identifierSystems.dNummer : identifierSystems.fodselsnummer, value: fnr },
    },
    managingOrganization: { identifier: { system: identifierSystems.herId, value: contact.managingHerId } },
    ...(contact.from === undefined && contact.to === undefined
      ? {}
      : {
          period: {
            ...(contact.from === undefined ? {} : { start: contact.from }),
            ...(contact.to === undefined ? {} : { end: contact.to }),
          },
        }),
    team: [{ reference: "#team-1" }],
  };
}

/** The resource as a payload of a message: FHIR XML in its own namespace. */
export function fhirPayload(resource: EpisodeOfCare): AnyElement {
  return { name: `{${fhirNamespace}}${resource.resourceType}`, element: fhirToXml(resource) };
}

/** True for a FHIR resource among a message's payloads. */
export function isFhirPayload(item: AnyElement): boolean {
  return item.name.startsWith(`{${fhirNamespace}}`) && item.element !== undefined;
}

/**
 * Reads the EpisodeOfCare of a payload.
 *
 * @throws {HelsekontaktError} `fhir/not-readable` when the payload is another resource or not FHIR.
 */
export function readEpisodeOfCare(item: AnyElement): EpisodeOfCare {
  const resource = item.element === undefined ? undefined : fhirFromXml(item.element);
  if (resource?.resourceType !== "EpisodeOfCare")
    throw new HelsekontaktError("fhir/not-readable", "expected an EpisodeOfCare in FHIR XML, found another payload");
  return resource as EpisodeOfCare;
}
