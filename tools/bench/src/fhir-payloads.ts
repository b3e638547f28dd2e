// Four documents of the kinds that the two FHIR interfaces carry; every person in them is synthetic.

type Json = Record<string, unknown>;

const uuid = (n: number): string => `urn:uuid:1a8f7a3e-8f4e-4e0a-8c0e-${String(n).padStart(12, "0")}`;
const herId = (value: string): Json => ({ system: "urn:oid:2.16.578.1.12.4.1.2", value });
const organisationNumber: Json = { system: "urn:oid:2.16.578.1.12.4.1.4.101", value: "999999999" };

export function episodeOfCare(): Json {
  return {
    resourceType: "EpisodeOfCare",
    id: "6b3a1c7e-0f5d-4d0c-8a55-0e4f1e9d2b77",
    meta: {
      security: [
        { system: "urn:oid:2.16.578.1.12.4.1.1.9603", code: "NORN_FORANS", display: "Nektet, foreldreansvarlig" },
      ],
    },
    contained: [
      {
        resourceType: "CareTeam",
        id: "team-1",
        status: "active",
        name: "Barne- og ungdomsteam",
        participant: [
          {
            role: [{ coding: [{ system: "urn:oid:2.16.578.1.12.4.1.1.9034", code: "LE" }], text: "Lege" }],
            member: {
              type: "Practitioner",
              identifier: { system: "urn:oid:2.16.578.1.12.4.1.4.4", value: "9144889" },
              display: "Eksempel Lege",
            },
            period: { start: "2025-02-01" },
          },
          { role: [{ text: "Helsesykepleier" }], member: { display: "Helsesykepleier" } },
        ],
      },
    ],
    identifier: [{ system: "urn:ietf:rfc:3986", value: uuid(7) }],
    status: "active",
    statusHistory: [{ status: "planned", period: { start: "2025-01-01", end: "2025-02-01" } }],
    type: [{ text: "Poliklinisk" }],
    patient: {
      identifier: { system: "urn:oid:2.16.578.1.12.4.1.4.1", value: "17851360018" },
      display: "Signe Syntetisk",
    },
    managingOrganization: { identifier: herId("200003"), display: "Poliklinikken" },
    period: { start: "2025-02-01T08:00:00+01:00" },
    team: [{ reference: "#team-1" }],
  };
}

export function patient(i = 0): Json {
  return {
    resourceType: "Patient",
    id: `p${i}`,
    meta: { lastUpdated: "2026-03-01T10:00:00Z" },
    identifier: [{ use: "official", system: "urn:oid:2.16.578.1.12.4.1.4.1", value: "17851360018" }],
    active: true,
    name: [{ use: "official", family: `Syntetisk${i}`, given: ["Sara", "Maria"] }],
    telecom: [
      { system: "phone", value: "99999999", use: "mobile" },
      { system: "email", value: `sara${i}@example.no` },
    ],
    gender: "female",
    birthDate: "1990-05-17",
    address: [{ use: "home", line: [`Eksempelveien ${i + 1}`], city: "Oslo", postalCode: "0150", country: "NO" }],
    contact: [{ organization: { identifier: organisationNumber }, period: { start: "2025-08-01", end: "2026-07-31" } }],
    managingOrganization: { reference: "Organization/1" },
  };
}

export function offers(): Json {
  return {
    resourceType: "Bundle",
    type: "collection",
    entry: [
      {
        fullUrl: uuid(1),
        resource: {
          resourceType: "HealthcareService",
          identifier: [{ system: "urn:ietf:rfc:3986", value: uuid(1) }],
          active: true,
          providedBy: { reference: uuid(2) },
          category: [{ coding: [{ system: "urn:oid:2.16.578.1.12.4.1.1.9040", code: "1", display: "Helse" }] }],
          location: [{ reference: uuid(3) }],
          name: "Studenthelsetjenesten",
          comment: "Samtaler og rådgivning for studenter",
          telecom: [{ system: "url", value: "https://www.example.no/helse" }],
          endpoint: [{ identifier: herId("200004") }],
        },
      },
      {
        fullUrl: uuid(2),
        resource: {
          resourceType: "Organization",
          identifier: [organisationNumber],
          active: true,
          name: "Eksempel samskipnad",
          endpoint: [{ id: "200005", identifier: herId("200005") }],
        },
      },
      {
        fullUrl: uuid(3),
        resource: {
          resourceType: "Location",
          name: "Campus Nord",
          telecom: [{ system: "phone", value: "12345678" }],
          address: { line: ["Eksempelveien 1"], city: "Oslo", postalCode: "0150" },
          position: { longitude: 10.74, latitude: 59.91 },
        },
      },
    ],
  };
}

export function patients(count: number): Json {
  return {
    resourceType: "Bundle",
    type: "collection",
    entry: Array.from({ length: count }, (_, i) => ({ fullUrl: uuid(i + 10), resource: patient(i) })),
  };
}
