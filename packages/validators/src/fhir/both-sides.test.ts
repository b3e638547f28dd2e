import { FhirDecimal, typeTables } from "@helsekontakt/types/fhir";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { validator } from "./build.ts";
import { episode, member, members, offerings } from "./_instances.ts";
import { isNarrativeText, narrativeFault } from "./narrative.ts";

// The fast checks answer yes exactly where the explaining side has nothing to say, warnings included: on instances of the
// profiles and of every type, with one to three changes each that a schema would not make.

type Json = Record<string, unknown>;

const base = "https://helsekontakt.dev/fhir/StructureDefinition/";
const div = (inner: string): string => `<div xmlns="http://www.w3.org/1999/xhtml">${inner}</div>`;

const rich: Json = {
  resourceType: "Patient",
  id: "p1",
  meta: {
    profile: [`${base}hk-member|0.1.0`, "http://hl7.org/fhir/StructureDefinition/Patient"],
    lastUpdated: "2026-03-01T10:00:00Z",
  },
  text: { status: "generated", div: div('<p title="a">x &amp; y<br/></p>') },
  contained: [
    { resourceType: "Organization", id: "o1", name: "A", alias: ["B"] },
    {
      resourceType: "Location",
      id: "l2",
      name: "B",
      extension: [{ url: "urn:x", valueReference: { reference: "#" } }],
    },
  ],
  extension: [
    { url: "urn:x", valuePeriod: { start: "2020", end: "2021-01" } },
    {
      url: "urn:y",
      extension: [
        { url: "z", valueCode: "a" },
        { url: "w", extension: [{ url: "v", _valueCode: { extension: [{ url: "urn:u", valueCode: "a" }] } }] },
      ],
    },
  ],
  identifier: [{ system: "urn:oid:2.16.578.1.12.4.1.4.1", value: "17851360018", period: { start: "2020-01-01" } }],
  name: [{ given: ["A", null], _given: [{ id: "g" }, { extension: [{ url: "urn:x", valueString: "a" }] }] }],
  _birthDate: { extension: [{ url: "urn:x", valueDateTime: "2020" }] },
  deceasedBoolean: false,
  photo: [{ contentType: "image/png", data: "QUJD", size: 3 }],
  contact: [
    {
      organization: { reference: "#o1", identifier: { system: "urn:oid:2.16.578.1.12.4.1.4.101", value: "999999999" } },
      period: { start: "2025-08-01", end: "2026-07-31" },
    },
  ],
  generalPractitioner: [{ reference: "Practitioner/1", type: "Practitioner" }],
  managingOrganization: { reference: "#o1" },
  link: [{ other: { reference: "https://x.no/fhir/Patient/1/_history/2" }, type: "seealso" }],
};
/** Values of types that stand in extensions alone, whose checks are read with the first of them. */
const rare: Json = {
  resourceType: "Patient",
  extension: [
    { url: "urn:x", valueTiming: { repeat: { boundsRange: { high: { value: 2, unit: "d" } }, when: ["MORN"] } } },
    { url: "urn:x", valueRatio: { numerator: { value: 1 }, denominator: { value: 2 } } },
    { url: "urn:x", valueDosage: { doseAndRate: [{ doseQuantity: { value: 1 } }], timing: { event: ["2020"] } } },
    { url: "urn:x", valueDataRequirement: { type: "Patient", sort: [{ path: "id", direction: "ascending" }] } },
  ],
};
const withSiblings: Json = {
  resourceType: "Patient",
  _active: { extension: [{ url: "urn:x", valueCode: "unknown" }] },
  _deceasedBoolean: { extension: [{ url: "urn:x", valueCode: "unknown" }] },
  extension: [{ url: "urn:x", _valueString: { extension: [{ url: "urn:x", valueCode: "unknown" }] } }],
};
const place: Json = {
  resourceType: "Location",
  status: "active",
  position: { longitude: new FhirDecimal("10.740"), latitude: 59.9 },
  hoursOfOperation: [{ daysOfWeek: ["mon"], openingTime: "08:00:00" }],
};
const document: Json = {
  resourceType: "Bundle",
  type: "document",
  identifier: { system: "urn:x", value: "1" },
  timestamp: "2026-03-01T10:00:00Z",
  entry: [{ fullUrl: "https://x.no/fhir/Patient/p1", resource: { ...rich, id: "p1" } }],
};
const undefinedProfile: Json = { ...rich, meta: { profile: [`${base}hk-member|0.1.0`, "urn:x"] } };
const seeds: readonly Json[] = [
  episode(),
  member(),
  members(),
  offerings(),
  rich,
  rare,
  withSiblings,
  place,
  document,
  undefinedProfile,
];

const values: readonly unknown[] = [
  undefined,
  null,
  "",
  " ",
  "a",
  "A b",
  "#o1",
  "#",
  "#team-1",
  "urn:x",
  "urn:uuid:1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a02",
  "Patient/1",
  "Organization/9",
  "Organization/a b",
  "Organization/9/_history/a b",
  "urn:uuid:1111",
  "http://x.no/Organization/1",
  "HNR",
  "2020-02-30",
  "2020",
  "2020-01-01T10:00:00Z",
  "active",
  "home",
  "document",
  "history",
  "999 999 999",
  div("<script>a</script>"),
  div(" "),
  div("<b>a</i>"),
  0,
  -1,
  1.5,
  true,
  false,
  [],
  {},
  [null],
  ["a"],
  [{}],
  { id: "x" },
  { extension: [{ url: "urn:x", valueCode: "unknown" }] },
  { reference: "#o9" },
  { system: "HNR", value: "1" },
  new FhirDecimal("1.0"),
  new FhirDecimal("x"),
  [{ url: "urn:x", valueString: "a", valueCode: "b" }],
  { start: "2021", end: "2020" },
  [{ resourceType: "Patient", id: "q" }],
  { resourceType: "Observation" },
  [{ resourceType: "CareTeam", meta: { versionId: "1" } }],
];
const keys = [
  "id",
  "_id",
  "extension",
  "modifierExtension",
  "value",
  "_value",
  "system",
  "code",
  "type",
  "_type",
  "status",
  "reference",
  "display",
  "use",
  "meta",
  "contained",
  "text",
  "div",
  "resource",
  "fullUrl",
  "navn",
  "period",
  "start",
  "end",
  "identifier",
  "name",
  "given",
  "_given",
  "deceasedDateTime",
  "_deceasedDateTime",
  "_deceasedBoolean",
  "_valueString",
  "valueString",
  "url",
  "resourceType",
  "profile",
  "team",
  "request",
  "search",
  "total",
  "toString",
  "__proto__x",
];

/** Every object of a value with its keys. */
function objectsIn(value: unknown, into: Json[] = []): Json[] {
  if (Array.isArray(value)) for (const v of value) objectsIn(v, into);
  else if (typeof value === "object" && value !== null && !(value instanceof FhirDecimal)) {
    into.push(value as Json);
    for (const v of Object.values(value)) objectsIn(v, into);
  }
  return into;
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== "object" || value === null || value instanceof FhirDecimal) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, copy(v)]));
}

interface Change {
  readonly object: number;
  readonly key: number;
  readonly how: "set" | "add" | "drop" | "wrap" | "repeat";
  readonly value: number;
}

function change(seed: Json, changes: readonly Change[]): Json {
  const out = copy(seed) as Json;
  for (const { object, key, how, value } of changes) {
    const all = objectsIn(out);
    const o = all[object % all.length] as Json;
    const own = Object.keys(o);
    const k =
      how === "add" || own.length === 0 ? (keys[key % keys.length] as string) : (own[key % own.length] as string);
    const before = o[k];
    if (how === "drop") delete o[k];
    else if (how === "wrap") o[k] = Array.isArray(before) ? before[0] : [before];
    else if (how === "repeat") o[k] = Array.isArray(before) ? [...before, ...before] : [before, before];
    else o[k] = copy(values[value % values.length]);
  }
  return out;
}

function same(resource: unknown, profile?: string): void {
  const { issues } = validator.explain(resource, profile);
  const clean = validator.isClean(resource, profile);
  const valid = validator.is(resource, profile === undefined ? {} : { profile });
  if (clean !== (issues.length === 0) || valid !== issues.every((i) => i.level !== "error"))
    expect({ clean, issues, resource: fc.stringify(resource), profile }).toBeUndefined();
}

describe("the fast side and the explaining side", () => {
  it("agree on instances as they are, and find nothing in the good ones", () => {
    for (const seed of seeds) for (const profile of [undefined, ...validator.profiles]) same(seed, profile);
    expect([episode(), member(), members(), offerings(), place].map((s) => validator.isClean(s, undefined))).toEqual([
      true,
      true,
      true,
      true,
      true,
    ]);
    expect(validator.explain(rich).issues).toEqual([]);
    expect(validator.explain(rare).issues).toEqual([]);
    expect(validator.isClean(rare)).toBe(true);
  });

  it("agree on changed instances, with and without a profile", () => {
    const one = fc.record({
      object: fc.nat(60),
      key: fc.nat(60),
      how: fc.constantFrom("set" as const, "add" as const, "drop" as const, "wrap" as const, "repeat" as const),
      value: fc.nat(values.length - 1),
    });
    fc.assert(
      fc.property(
        fc.nat(seeds.length - 1),
        fc.array(one, { minLength: 1, maxLength: 3 }),
        fc.option(fc.constantFrom(...validator.profiles), { nil: undefined }),
        (seed, changes, profile) => {
          const resource = change(seeds[seed] as Json, changes);
          same(resource);
          if (profile !== undefined) same(resource, profile);
        },
      ),
      { numRuns: 5000, seed: 7 },
    );
  });

  it("agree on random objects of every resource type", () => {
    const of = (type: string, depth: number): fc.Arbitrary<Json> => {
      const rows = (typeTables[type]?.fields ?? []).filter(([, t]) => depth > 0 || /^[a-z]/.test(t));
      const field = fc.nat(Math.max(rows.length - 1, 0)).chain((i): fc.Arbitrary<[string, unknown]> => {
        const [name, t, flags = ""] = rows[i] as (typeof rows)[number];
        const value: fc.Arbitrary<unknown> = /^[a-z]/.test(t)
          ? fc.constantFrom(...values.filter((v) => typeof v !== "object"), 1, "mon", "phone", "2020-01-01")
          : of(t === "Resource" ? "CareTeam" : t, depth - 1);
        return (flags.includes("l") ? fc.array(value, { minLength: 1, maxLength: 2 }) : value).map((v) => [name, v]);
      });
      return fc.array(field, { minLength: 1, maxLength: 4 }).map((list) => ({
        ...(typeTables[type]?.resource ? { resourceType: type } : {}),
        ...Object.fromEntries(list),
      }));
    };
    const types = Object.keys(typeTables).filter((t) => typeTables[t]?.resource);
    fc.assert(
      fc.property(
        fc.constantFrom(...types).chain((t) => of(t, 3)),
        (resource) => same(resource),
      ),
      { numRuns: 2000, seed: 11 },
    );
  });

  it("agree on values that are no JSON, and throw on none", () => {
    const any = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    });
    fc.assert(
      fc.property(fc.nat(seeds.length - 1), fc.nat(60), fc.nat(60), fc.boolean(), any, (seed, at, key, own, v) => {
        const resource = copy(seeds[seed]) as Json;
        const all = objectsIn(resource);
        const o = all[at % all.length] as Json;
        const names = own ? Object.keys(o) : keys;
        o[names[key % names.length] ?? "id"] = v;
        for (const profile of [undefined, ...validator.profiles]) same(resource, profile);
      }),
      { numRuns: 800, seed: 13 },
    );
  });

  it("agree on any JSON, and on nesting to the limit", () => {
    fc.assert(fc.property(fc.jsonValue(), (v) => same(v)));
    for (const levels of [80, 97, 98, 99, 100, 101, 198, 199, 200, 5000]) {
      let extension: Json = { url: "urn:x", valuePeriod: { start: "2020" } };
      for (let i = 0; i < levels; i++) extension = { url: "urn:x", extension: [extension] };
      same({ ...member(), extension: [extension] });
    }
  });
});

describe("the scan of a narrative", () => {
  it("takes nothing that the parser finds fault with", () => {
    const piece = fc.constantFrom(
      "<p>",
      "</p>",
      "<br/>",
      "<br />",
      "<b",
      ">",
      "</b>",
      "a",
      " ",
      "&amp;",
      "&nbsp;",
      "&x;",
      "&#38;",
      "<!-- a -->",
      "]]>",
      "<img src='x'/>",
      ' class="a"',
      " class='b'",
      ' onclick="x"',
      ' xml:lang="no"',
      ' xmlns="urn:x"',
      "<script>",
      "</div>",
      "<div>",
      "<table><tr><td>",
      "</td></tr></table>",
      "\u0001",
      "æ",
      "😀",
      "<a:b/>",
      '"',
      "'",
      "<",
      "/",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.boolean(), (pieces, wrapped) => {
        const text = wrapped ? div(pieces.join("")) : pieces.join("");
        expect(isNarrativeText(text)).toBe(narrativeFault(text) === undefined);
      }),
      { numRuns: 3000, seed: 5 },
    );
  });

  it("takes a usual narrative without the parser's help", () => {
    expect(isNarrativeText(div('<table class="grid"><tr><td>a</td></tr></table>'))).toBe(true);
  });
});
