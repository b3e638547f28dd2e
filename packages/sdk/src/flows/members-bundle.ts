import { randomUUID } from "node:crypto";
import { isDNumber, reveal } from "@helsekontakt/amqp-messaging/messages";
import { type Personal, ValidationError } from "@helsekontakt/core";
import type { HelsekontakterWire } from "@helsekontakt/rest-client";
import { identifierSystems } from "@helsekontakt/types/codes";
import { type Bundle, type Patient, profileUrls } from "@helsekontakt/types/fhir";
import { validateFhir } from "@helsekontakt/validators/fhir";

/** A member as a Bundle holds one. */
export interface BundledMember {
  readonly fnr: Personal | string;
  /** First and last day, `yyyy-mm-dd`. */
  readonly from: string;
  readonly to: string;
  /** Organisation number; default the one that the Bundle is for. */
  readonly organisation?: string;
}

/**
 * The Bundle of a batch of members. Addresses of the entries are random: nothing in them may lead to a person.
 *
 * @param organisationNumber - of the organisation whose offerings the members get to see.
 * @see Medlemstjenester, step 2
 */
export function buildMembersBundle(
  members: readonly BundledMember[],
  organisationNumber: string,
  wire: Pick<HelsekontakterWire, "dNumberSystem">,
): Bundle {
  return {
    resourceType: "Bundle",
    type: "collection",
    entry: members.map((member) => {
      const fnr = reveal(member.fnr);
      const ownSystem = isDNumber(fnr) && wire.dNumberSystem === "d-number";
      const patient: Patient = {
        resourceType: "Patient",
        identifier: [{ system: ownSystem ? identifierSystems.dNummer : identifierSystems.fodselsnummer, value: fnr }],
        contact: [
          {
            organization: {
              identifier: {
                system: identifierSystems.organisasjonsnummer,
                value: member.organisation ?? organisationNumber,
              },
            },
            period: { start: member.from, end: member.to },
          },
        ],
      };
      return { fullUrl: `urn:uuid:${randomUUID()}`, resource: patient };
    }),
  };
}

/**
 * Judges a Bundle by the profile of step 2.
 *
 * @throws {ValidationError} `fhir/not-valid`
 */
export function checkMembersBundle(bundle: Bundle): void {
  const { valid, issues } = validateFhir(bundle, { profile: profileUrls.HkMembersBundle });
  if (!valid) throw new ValidationError("fhir/not-valid", issues, "the members Bundle");
}
