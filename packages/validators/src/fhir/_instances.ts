/** A health contact as Notifikasjon sends it: synthetic person, made for these tests. */
export function episode(): Record<string, unknown> {
  return {
    resourceType: "EpisodeOfCare",
    id: "6b3a1c7e-0f5d-4d0c-8a55-0e4f1e9d2b77",
    meta: { security: [{ system: "urn:oid:2.16.578.1.12.4.1.1.9603", code: "N" }] },
    contained: [
      {
        resourceType: "CareTeam",
        id: "team-1",
        name: "Helsesykepleier, Nord skole",
        participant: [{ role: [{ text: "Helsesykepleier" }], member: { display: "Helsesykepleier" } }],
      },
    ],
    status: "active",
    patient: { identifier: { system: "urn:oid:2.16.578.1.12.4.1.4.1", value: "17851360018" } },
    managingOrganization: { identifier: { system: "urn:oid:2.16.578.1.12.4.1.2", value: "200003" } },
    period: { start: "2025-11-20" },
    team: [{ reference: "#team-1" }],
  };
}

const id = (n: number): string => `urn:uuid:1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a0${n}`;

/** The offerings of an organisation. */
export function offerings(): Record<string, unknown> {
  return {
    resourceType: "Bundle",
    type: "collection",
    entry: [
      {
        fullUrl: id(1),
        resource: {
          resourceType: "HealthcareService",
          identifier: [{ system: "urn:ietf:rfc:3986", value: id(1) }],
          active: true,
          providedBy: { reference: id(2) },
          location: [{ reference: id(3) }],
          name: "Studenthelsetjenesten",
          endpoint: [{ identifier: { system: "urn:oid:2.16.578.1.12.4.1.2", value: "200004" } }],
        },
      },
      {
        fullUrl: id(2),
        resource: {
          resourceType: "Organization",
          identifier: [{ system: "urn:oid:2.16.578.1.12.4.1.4.101", value: "999999999" }],
          name: "Eksempel samskipnad",
          endpoint: [{ id: "200005", identifier: { system: "urn:oid:2.16.578.1.12.4.1.2", value: "200005" } }],
        },
      },
      {
        fullUrl: id(3),
        resource: {
          resourceType: "Location",
          telecom: [{ system: "phone", value: "12345678" }],
          address: { line: ["Eksempelveien 1"], city: "Oslo", postalCode: "0001" },
        },
      },
    ],
  };
}

/** One member with the period of the membership. */
export function member(number = "01818010083"): Record<string, unknown> {
  return {
    resourceType: "Patient",
    identifier: [{ system: "urn:oid:2.16.578.1.12.4.1.4.1", value: number }],
    contact: [
      {
        organization: { identifier: { system: "urn:oid:2.16.578.1.12.4.1.4.101", value: "999999999" } },
        period: { start: "2025-08-01", end: "2026-07-31" },
      },
    ],
  };
}

/** A batch of members. */
export function members(): Record<string, unknown> {
  return {
    resourceType: "Bundle",
    type: "collection",
    entry: ["01818010083", "01818010164"].map((n, i) => ({ fullUrl: id(i + 4), resource: member(n) })),
  };
}

/** The object with one change: `at` is a path such as `contact.0.period`; undefined takes the property away. */
export function changed(of: Record<string, unknown>, at: string, value: unknown): Record<string, unknown> {
  const copy = structuredClone(of);
  const names = at.split(".");
  const last = names.pop() as string;
  let o = copy as Record<string, unknown>;
  for (const name of names) o = o[name] as Record<string, unknown>;
  if (value === undefined) delete o[last];
  else o[last] = value;
  return copy;
}
