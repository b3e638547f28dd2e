import { HelsekontaktError } from "@helsekontakt/core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  FhirDecimal,
  fhirFromXml,
  fhirToXml,
  parseFhirJson,
  parseXhtml,
  stringifyFhirJson,
  stringifyXhtml,
} from "../fhir.ts";
import { canonicalInfoset, parseXml, serializeXml } from "../xml/index.ts";

// What goes through XML comes back equal, or does not go at all: nothing is left out, nothing changes its kind, whatever
// the instance is, valid or not.

type Json = Record<string, unknown>;

const div = '<div xmlns="http://www.w3.org/1999/xhtml"><p title="a&quot;b">x &amp; y<br/></p></div>';
const seeds: readonly Json[] = [
  {
    resourceType: "Patient",
    id: "p1",
    _id: { extension: [{ url: "urn:x", valueCode: "a" }] },
    meta: { lastUpdated: "2026-03-01T10:00:00Z", tag: [{ system: "urn:x", code: "a" }] },
    text: { status: "generated", div },
    contained: [{ resourceType: "Organization", id: "o1", name: "A", alias: ["B", "C"] }],
    extension: [
      { url: "urn:x", valueDecimal: new FhirDecimal("1.00") },
      { id: "e", url: "urn:y", extension: [{ url: "z", valueBoolean: false }] },
    ],
    name: [
      {
        id: "n",
        given: ["A", null, "B"],
        _given: [null, { id: "g" }, { extension: [{ url: "urn:x", valueString: " " }] }],
      },
    ],
    deceasedBoolean: false,
    _birthDate: { extension: [{ url: "urn:x", valueDateTime: "2020" }] },
    photo: [{ size: 3, data: "QUJD" }],
    managingOrganization: { reference: "#o1" },
  },
  { resourceType: "Location", position: { longitude: 10.5, latitude: new FhirDecimal("59.910") } },
  {
    resourceType: "Bundle",
    type: "collection",
    total: 0,
    entry: [
      { fullUrl: "urn:uuid:1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a02", resource: { resourceType: "Patient", active: true } },
    ],
  },
];
const values: readonly unknown[] = [
  null,
  "",
  " ",
  " a  b ",
  "a\tb\nc\rd",
  "<&>\"'",
  "😀",
  "\u0085\u2028",
  "\u0001",
  "\ud800",
  "\ufffe",
  "true",
  "1",
  0,
  -1,
  1.5,
  1e21,
  1e-9,
  Number.NaN,
  true,
  false,
  [],
  {},
  [null],
  [null, null],
  [{}],
  ["a", null],
  { id: "x" },
  { id: 5 },
  { resourceType: "Patient" },
  { resourceType: "Observation" },
  new FhirDecimal("1e2"),
  new FhirDecimal("ten"),
  [new FhirDecimal("1.0")],
  div,
  "<div>",
  undefined,
];
const keys = [
  "id",
  "_id",
  "extension",
  "given",
  "_given",
  "active",
  "_active",
  "value",
  "valueDecimal",
  "_valueDecimal",
  "url",
  "_url",
  "text",
  "div",
  "contained",
  "resource",
  "name",
  "resourceType",
  "navn",
  "__proto__",
  "constructor",
  "total",
  "multipleBirthInteger",
  "_",
  "_name",
];

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

/** As JSON has it: undefined is no member, and a narrative counts by its infoset. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof FhirDecimal) return `decimal ${value.text}`;
  if (typeof value === "string" && value.startsWith("<div xmlns")) return canonicalInfoset(parseXhtml(value));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .map(([k, v]) => [k, plain(v)]),
  );
}

/** What XML 1.0 has no place for, other than halves of characters. */
function isNoXmlCharacter(character: string): boolean {
  const c = character.codePointAt(0) ?? 0;
  return (c < 32 && c !== 9 && c !== 10 && c !== 13) || c === 0xfffe || c === 0xffff;
}

const change = fc.record({
  object: fc.nat(40),
  key: fc.nat(keys.length - 1),
  own: fc.boolean(),
  value: fc.nat(values.length - 1),
});

describe("JSON through XML", () => {
  it("comes back equal, or is refused", () => {
    let carried = 0;
    fc.assert(
      fc.property(fc.nat(seeds.length - 1), fc.array(change, { maxLength: 2 }), (seed, changes) => {
        const resource = copy(seeds[seed]) as Json;
        for (const { object, key, own, value } of changes) {
          const all = objectsIn(resource);
          const o = all[object % all.length] as Json;
          const names = Object.keys(o);
          const name = own && names.length > 0 ? (names[key % names.length] as string) : (keys[key] as string);
          Object.defineProperty(o, name, {
            value: copy(values[value]),
            enumerable: true,
            writable: true,
            configurable: true,
          });
        }
        let again: object;
        try {
          again = fhirFromXml(parseXml(serializeXml(fhirToXml(resource))));
        } catch (error) {
          if (!(error instanceof HelsekontaktError)) throw error;
          return;
        }
        carried++;
        expect(plain(again)).toEqual(plain(resource));
      }),
      { numRuns: 4000, seed: 3 },
    );
    expect(carried).toBeGreaterThan(800);
  });

  it("keeps every character that XML has, and refuses the others", () => {
    const any = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        fc.oneof(any, fc.string({ unit: fc.constantFrom("\t", "\n", "\r", " ", "a", "\u0000", "\ud83d", "<") })),
        (text) => {
          const resource = { resourceType: "Patient", name: [{ text }] };
          const fits = ![...text].some(isNoXmlCharacter) && !/\p{Surrogate}/u.test(text);
          if (fits) expect(fhirFromXml(parseXml(serializeXml(fhirToXml(resource))))).toEqual(resource);
          else expect(() => serializeXml(fhirToXml(resource))).toThrow(HelsekontaktError);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("XML through JSON", () => {
  it("comes back with the same infoset", () => {
    for (const seed of seeds) {
      const first = serializeXml(fhirToXml(seed));
      const json = stringifyFhirJson(fhirFromXml(parseXml(first)));
      const second = serializeXml(fhirToXml(parseFhirJson(json)));
      expect(canonicalInfoset(parseXml(second))).toBe(canonicalInfoset(parseXml(first)));
    }
  });

  it("keeps attributes of other namespaces in a narrative apart", () => {
    const text =
      '<div xmlns="http://www.w3.org/1999/xhtml" xmlns:a="urn:a"><p a:id="1" id="2" xml:lang="no">x</p></div>';
    const tree = parseXhtml(text);
    expect(canonicalInfoset(parseXhtml(stringifyXhtml(tree)))).toBe(canonicalInfoset(tree));
  });
});
