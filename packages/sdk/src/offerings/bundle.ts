import { createHash } from "node:crypto";
import { ValidationError } from "@helsekontakt/core";
import type { HelsekontakterWire } from "@helsekontakt/rest-client";
import { identifierSystems } from "@helsekontakt/types/codes";
import {
  type Bundle,
  type BundleEntry,
  type HealthcareService,
  type Location,
  type Organization,
  profileUrls,
} from "@helsekontakt/types/fhir";
import { validateFhir } from "@helsekontakt/validators/fhir";
import type { Offering, OfferingLocation, OfferingOrganisation } from "./types.ts";

/** Namespace of the GUIDs that are derived here, itself random. */
const namespace = "3d6f0b6e-52c3-4a0e-9f0a-5f4f2b7c9e11";

/** A GUID that is the same for the same name, so that a resource keeps its address from one sending to the next. @see RFC 9562 §5.5 */
export function derivedGuid(name: string): string {
  const bytes = createHash("sha1")
    .update(Buffer.from(namespace.replaceAll("-", ""), "hex"))
    .update(name)
    .digest()
    .subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** A reference by its HER-id. */
interface HerIdReference {
  readonly identifier: { readonly system: string; readonly value: string };
}

/**
 * The Bundle of one organisation's offerings: the organisation, then each offering with its places. The same input gives
 * the same Bundle, byte for byte.
 *
 * @param defaultHerId - of offerings that name no communication party.
 * @see Medlemstjenester, step 1
 */
export function buildOfferingsBundle(
  organisation: OfferingOrganisation,
  offerings: readonly Offering[],
  defaultHerId: string,
  wire: Pick<HelsekontakterWire, "guidSystem" | "organisationEndpoint">,
): Bundle {
  const organisationUrl = urn(derivedGuid(`organisation:${organisation.organisationNumber}`));
  const entry: BundleEntry[] = [{ fullUrl: organisationUrl, resource: organizationOf(organisation, wire) }];
  for (const offering of offerings) {
    const places = placesOf(offering).map((place, n) => ({
      fullUrl: urn(derivedGuid(`location:${offering.id.toLowerCase()}:${n}`)),
      resource: locationOf(place),
    }));
    const url = urn(offering.id.toLowerCase());
    const service: HealthcareService = {
      resourceType: "HealthcareService",
      // A UUID is a URI by `urn:uuid:`; in any other system it stands alone.
      identifier: [
        {
          system: wire.guidSystem,
          value: wire.guidSystem === identifierSystems.uuid ? url : offering.id.toLowerCase(),
        },
      ],
      active: offering.active ?? true,
      providedBy: { reference: organisationUrl },
      ...(places.length === 0 ? {} : { location: places.map(({ fullUrl }) => ({ reference: fullUrl })) }),
      name: offering.name,
      ...(offering.comment === undefined ? {} : { comment: offering.comment }),
      endpoint: [herId(offering.herId ?? defaultHerId)],
    };
    entry.push({ fullUrl: url, resource: service }, ...places);
  }
  return { resourceType: "Bundle", type: "collection", entry };
}

/**
 * Judges a Bundle by the profile of step 1.
 *
 * @throws {ValidationError} `fhir/not-valid`
 */
export function checkOfferingsBundle(bundle: Bundle): void {
  const { valid, issues } = validateFhir(bundle, { profile: profileUrls.HkOfferingsBundle });
  if (!valid) throw new ValidationError("fhir/not-valid", issues, "the offerings Bundle");
}

function urn(guid: string): string {
  return `urn:uuid:${guid}`;
}

function herId(value: string): HerIdReference {
  return { identifier: { system: identifierSystems.herId, value } };
}

/** Whether upstream's "Organization.endpoint.id" is the element's id or the identifier is not known: a setting decides. */
function organizationOf(
  { organisationNumber, name, herId: own }: OfferingOrganisation,
  { organisationEndpoint }: Pick<HelsekontakterWire, "organisationEndpoint">,
): Organization {
  return {
    resourceType: "Organization",
    identifier: [{ system: identifierSystems.organisasjonsnummer, value: organisationNumber }],
    name,
    endpoint: [
      {
        ...(organisationEndpoint === "identifier" ? {} : { id: own }),
        // R4 takes no element that has an id and nothing else (ele-1).
        ...(organisationEndpoint === "element-id" ? { type: "Endpoint" } : herId(own)),
      },
    ],
  };
}

function placesOf({ location }: Offering): readonly OfferingLocation[] {
  if (location === undefined) return [];
  return Array.isArray(location) ? (location as readonly OfferingLocation[]) : [location as OfferingLocation];
}

function locationOf({ line, postalCode, city, phone, url }: OfferingLocation): Location {
  const telecom = [
    ...(phone === undefined ? [] : [{ system: "phone" as const, value: phone }]),
    ...(url === undefined ? [] : [{ system: "url" as const, value: url }]),
  ];
  return {
    resourceType: "Location",
    ...(telecom.length === 0 ? {} : { telecom }),
    address: { line: typeof line === "string" ? [line] : [...line], city, postalCode },
  };
}
