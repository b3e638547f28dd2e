import {
  fhirToXml,
  type HkMember,
  type HkMembersBundle,
  type HkOfferingsBundle,
  profileUrls,
} from "@helsekontakt/types/fhir";
import { serializeXml } from "@helsekontakt/types/xml";
import { validateFhir } from "@helsekontakt/validators/fhir";

// Builds the two bundles of Medlemstjenester by their types and validates them, then breaks one member on purpose.
// Run: node --conditions=helsekontakt-source packages/validators/examples/validate-fhir.ts

const organisation = { system: "urn:oid:2.16.578.1.12.4.1.4.101", value: "999999999" } as const;
const herId = (value: string) => ({ system: "urn:oid:2.16.578.1.12.4.1.2", value }) as const;
const url = (n: number): string => `urn:uuid:1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a0${n}`;

const offerings: HkOfferingsBundle = {
  resourceType: "Bundle",
  type: "collection",
  entry: [
    {
      fullUrl: url(1),
      resource: {
        resourceType: "HealthcareService",
        identifier: [{ system: "urn:ietf:rfc:3986", value: url(1) }],
        name: "Studenthelsetjenesten",
        providedBy: { reference: url(2) },
        endpoint: [{ identifier: herId("200004") }],
      },
    },
    {
      fullUrl: url(2),
      resource: {
        resourceType: "Organization",
        identifier: [organisation],
        name: "Eksempel samskipnad",
        endpoint: [{ id: "200005", identifier: herId("200005") }],
      },
    },
  ],
};

function member(number: string, end: string): HkMember {
  return {
    resourceType: "Patient",
    identifier: [{ system: "urn:oid:2.16.578.1.12.4.1.4.1", value: number }],
    contact: [{ organization: { identifier: organisation }, period: { start: "2025-08-01", end } }],
  };
}

const members: HkMembersBundle = {
  resourceType: "Bundle",
  type: "collection",
  entry: [member("01818010083", "2026-07-31"), member("01818010164", "2024-07-31")].map((resource, i) => ({
    fullUrl: url(3 + i),
    resource,
  })),
};

for (const [name, bundle, profile] of [
  ["offerings", offerings, profileUrls.HkOfferingsBundle],
  ["members", members, profileUrls.HkMembersBundle],
] as const) {
  const { valid, issues } = validateFhir(bundle, { profile });
  process.stdout.write(
    `${name}: ${valid ? "valid" : "not valid"}, ${serializeXml(fhirToXml(bundle)).length} bytes as XML\n`,
  );
  for (const issue of issues) process.stdout.write(`  ${issue.level} ${issue.rule} ${issue.path}: ${issue.message}\n`);
}
