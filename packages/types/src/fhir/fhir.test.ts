import { HelsekontaktError, type Issue } from "@helsekontakt/core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type EpisodeOfCare,
  FhirDecimal,
  fhirFromXml,
  fhirToXml,
  type HkEpisodeOfCare,
  type HkMemberIdentifierDNumber,
  type Patient,
  parseFhirJson,
  parseXhtml,
  stringifyFhirJson,
  stringifyXhtml,
  typeTables,
} from "../fhir.ts";
import { parseXml, serializeXml } from "../xml/index.ts";
import { jsonFault } from "./json-scan.ts";

const episode: HkEpisodeOfCare = {
  resourceType: "EpisodeOfCare",
  id: "e1",
  meta: { security: [{ system: "urn:oid:2.16.578.1.12.4.1.1.9603", code: "N" }] },
  contained: [
    { resourceType: "CareTeam", id: "team-1", name: "Nord skole", participant: [{ role: [{ text: "Lege" }] }] },
  ],
  status: "active",
  patient: { identifier: { system: "urn:oid:2.16.578.1.12.4.1.4.1", value: "17851360018" } },
  managingOrganization: { identifier: { system: "urn:oid:2.16.578.1.12.4.1.2", value: "200003" } },
  team: [{ reference: "#team-1" }],
};

function throughXml(resource: object): object {
  return fhirFromXml(parseXml(serializeXml(fhirToXml(resource))));
}

function read(xml: string, issues?: Issue[]): object {
  const tree = parseXml(new TextEncoder().encode(xml));
  return issues ? fhirFromXml(tree, { issues }) : fhirFromXml(tree);
}

const fhir = 'xmlns="http://hl7.org/fhir"';

describe("types", () => {
  it("narrow to the profile, and a profile is its base type", () => {
    const base: EpisodeOfCare = episode;
    expect(base.status).toBe("active");
    // @ts-expect-error the value set of status has no such code
    const wrong: EpisodeOfCare["status"] = "ongoing";
    // @ts-expect-error one type of deceased[x] only
    const two: Patient = { resourceType: "Patient", deceasedBoolean: true, deceasedDateTime: "2020" };
    // @ts-expect-error the team is named by the profile
    const without: HkEpisodeOfCare = { ...episode, team: undefined };
    // @ts-expect-error a slice's system is the literal that the profile fixes
    const slice: HkMemberIdentifierDNumber = { system: "urn:oid:2.16.578.1.12.4.1.4.1", value: "1" };
    const number: HkMemberIdentifierDNumber = { system: "urn:oid:2.16.578.1.12.4.1.4.2", value: "57851360018" };
    expect([wrong, two, without, slice, number]).toHaveLength(5);
  });
});

describe("JSON", () => {
  it("keeps the digits of decimals", () => {
    const text =
      '{"resourceType":"Location","position":{"longitude":10.740,"latitude":59.910000000000000001,"altitude":1e2}}';
    const location = parseFhirJson(text);
    expect(location).toMatchObject({ position: { longitude: new FhirDecimal("10.740") } });
    expect(stringifyFhirJson(location)).toBe(text);
    expect(JSON.stringify(location)).toBe(text);
  });

  it("keeps plain numbers numbers", () => {
    expect(parseFhirJson('{"resourceType":"Location","position":{"longitude":10.5,"latitude":-3}}')).toEqual({
      resourceType: "Location",
      position: { longitude: 10.5, latitude: -3 },
    });
  });

  it.each(["{", "null", "[]", '{"resourceType":1}', ""])("refuses %j", (text) => {
    expect(() => parseFhirJson(text)).toThrow(/fhir\/not-readable/);
  });

  it.each<[string, string, RegExp]>([
    ["cut text", '{\n"resourceType":"Patient",\n"id":', /found something else in line 3/],
    ["a bare word", '{"resourceType":"Patient",\n"id":Nordmann}', /found something else in line 2/],
    ["a comma too many", '{"resourceType":"Patient",\n\n}', /found something else in line 3/],
    ["a line break in text", '{"resourceType":"Pat\nient"}', /found something else in line 1/],
    ["more after the end", '{"resourceType":"Patient"}\n{}', /found something else in line 2/],
    ["a key twice", '{"resourceType":"Patient",\n"id":"a",\n"id":"b"}', /each key of an object once.* in line 3/],
    ["a key twice, once with an escape", '{"resourceType":"Patient","id":"a",\n"\\u0069d" :"b"}', /once.* in line 2/],
    ["__proto__ twice", '{"resourceType":"Patient","__proto__":{},"__proto__":{}}', /each key of an object once/],
  ])("refuses %s by line, and quotes nothing", (_, text, expected) => {
    expect(() => parseFhirJson(text)).toThrow(expected);
    expect(() => parseFhirJson(text)).not.toThrow(/Nordmann/);
  });
  it("takes text that only looks like keys, and leaves no trace of __proto__", () => {
    const text = '{"resourceType":"Patient","id":"\\":\\\\","__proto__":{"polluted":true}}';
    const patient = parseFhirJson(text);
    expect(stringifyFhirJson(patient)).toBe(text);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(() => fhirToXml(patient)).toThrow(/a property of Patient/);
  });
  it("agrees with JSON.parse about what is JSON", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"b"',
      "1",
      "-",
      "0",
      ".5",
      "null",
      " ",
      '"',
      "\\",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        let well = true;
        try {
          JSON.parse(text);
        } catch {
          well = false;
        }
        expect(jsonFault(text)?.kind === "ill-formed").toBe(!well && jsonFault(text)?.kind !== "duplicate-key");
        if (!well) expect(jsonFault(text)).toBeDefined();
      }),
      { numRuns: 2000 },
    );
  });
  it("takes large arrays and deep nesting without harm", () => {
    const deep = `{"resourceType":"Patient","x":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
    expect(() => stringifyFhirJson(parseFhirJson(deep))).toThrow();
    const big = `{"resourceType":"Patient","x":["${"a\\n".repeat(500_000)}",${"1.0,".repeat(100_000)}1],"x":1}`;
    expect(() => parseFhirJson(big)).toThrow(/once/);
  });
  it("keeps any number's digits", () => {
    const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/);
    fc.assert(
      fc.property(digits, (n) => {
        const text = `{"resourceType":"Location","position":{"longitude":${n},"latitude":0}}`;
        expect(stringifyFhirJson(parseFhirJson(text))).toBe(text);
        expect(stringifyFhirJson(throughXml(parseFhirJson(text)))).toBe(text);
      }),
    );
  });
});

describe("XML", () => {
  it("writes the order of R4 whatever the order of the properties", () => {
    const reversed = Object.fromEntries(Object.entries(episode).reverse());
    const text = new TextDecoder().decode(serializeXml(fhirToXml(reversed)));
    const names = [...text.matchAll(/<(id|meta|contained|status|patient|managingOrganization|team)[ />]/g)].map(
      (m) => m[1],
    );
    expect(names).toEqual(["id", "meta", "contained", "id", "status", "patient", "managingOrganization", "team"]);
    expect(throughXml(reversed)).toEqual(episode);
  });

  it("keeps primitive extensions, null padding and element ids", () => {
    const patient = {
      resourceType: "Patient",
      name: [
        {
          id: "n1",
          given: ["A", null, "B"],
          _given: [null, { extension: [{ url: "urn:x", valueCode: "unknown" }] }, { id: "g" }],
        },
      ],
      active: false,
      _birthDate: { extension: [{ url: "urn:x", valueDateTime: "2020" }] },
      deceasedBoolean: true,
    };
    expect(throughXml(patient)).toEqual(patient);
  });

  it("keeps the narrative, with HTML's names as characters", () => {
    const div = '<div xmlns="http://www.w3.org/1999/xhtml"><p title="a&quot;b">x &amp; y<br/></p></div>';
    const resource = { resourceType: "Patient", text: { status: "generated", div } };
    expect(throughXml(resource)).toEqual(resource);
    expect(stringifyXhtml(parseXhtml(div.replace("x &amp;", "x&nbsp;&hellip;")))).toContain("x\u00a0\u2026");
  });

  it("knows HTML's Greek letters and signs", () => {
    const div = '<div xmlns="http://www.w3.org/1999/xhtml">&alpha;&Sigma;&sigmaf;&Omega;&infin;&omega;</div>';
    expect(stringifyXhtml(parseXhtml(div))).toContain(">αΣςΩ∞ω<");
  });
  it.each<[string, string, string]>([
    ["an unknown element", `<Patient ${fhir}><navn value="a"/></Patient>`, "fhir/xml-unknown Patient"],
    ["an unknown attribute", `<Patient ${fhir}><active verdi="true"/></Patient>`, "fhir/xml-unknown Patient.active"],
    [
      "a wrong order",
      `<Patient ${fhir}><gender value="male"/><active value="true"/></Patient>`,
      "fhir/xml-order Patient.active",
    ],
    [
      "a second element",
      `<Patient ${fhir}><active value="true"/><active value="true"/></Patient>`,
      "fhir/xml-repeated Patient.active",
    ],
    ["text", `<Patient ${fhir}>x</Patient>`, "fhir/xml-text Patient"],
    [
      "another namespace",
      `<Patient ${fhir}><active xmlns="urn:x" value="true"/></Patient>`,
      "fhir/xml-namespace Patient.active",
    ],
    [
      "an unknown resource inside",
      `<Patient ${fhir}><contained><Pasient/></contained></Patient>`,
      "fhir/xml-unknown Patient.contained[0]",
    ],
  ])("finds %s", (_, xml, expected) => {
    const issues: Issue[] = [];
    read(xml, issues);
    expect(issues.map((i) => `${i.rule} ${i.path}`)).toContain(expected);
    expect(() => read(xml)).toThrow(HelsekontaktError);
  });

  it("leaves values of the wrong form as text for the validator", () => {
    expect(
      read(`<Location ${fhir}><position><longitude value="ten"/><latitude value="1"/></position></Location>`),
    ).toEqual({
      resourceType: "Location",
      position: { longitude: "ten", latitude: 1 },
    });
  });

  it("refuses a resource of too many levels", () => {
    let extension: Record<string, unknown> = { url: "urn:x", valueCode: "a" };
    for (let i = 0; i < 20_000; i++) extension = { url: "urn:x", extension: [extension] };
    expect(() => fhirToXml({ ...episode, extension: [extension] })).toThrow(/at most 200 levels/);
  });

  it("never leaves out what it cannot write", () => {
    for (const wrong of [
      { ...episode, navn: "a" },
      { ...episode, _patient: {} },
      { ...episode, team: episode.team[0] },
      { ...episode, status: {} },
      { ...episode, status: true },
      { ...episode, _status: {} },
      { ...episode, identifier: [] },
      { resourceType: "Patient", active: "true" },
      { resourceType: "Patient", name: [{ given: [] }] },
      { resourceType: "Location", position: { longitude: "1.5", latitude: 0 } },
      { resourceType: "Observation" },
      { ...episode, text: { status: "generated", div: "<div>" } },
    ])
      expect(() => fhirToXml(wrong)).toThrow(/fhir\/not-readable/);
  });
});

/** Random values of a type, properties at random. */
function value(type: string, depth: number): fc.Arbitrary<unknown> {
  if (type === "boolean") return fc.boolean();
  if (type === "integer" || type === "unsignedInt" || type === "positiveInt") return fc.integer({ min: 1, max: 99 });
  if (type === "decimal")
    return fc.oneof(
      fc.integer(),
      fc.constantFrom("1.0", "0.10").map((t) => new FhirDecimal(t)),
    );
  if (type === "xhtml") return fc.constant('<div xmlns="http://www.w3.org/1999/xhtml">a</div>');
  if (/^[a-z]/.test(type))
    return fc.string({ minLength: 1, unit: fc.constantFrom("a", "å", "<", "&", '"', "\n", " ", "😀") });
  if (type === "Resource") return object("CareTeam", depth - 1);
  return object(type, depth - 1);
}

function object(type: string, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const rows = (typeTables[type]?.fields ?? []).filter(([, t]) => depth > 0 || /^[a-z]/.test(t));
  const some = fc.subarray(
    rows.map((_, i) => i),
    { maxLength: Math.min(4, rows.length) },
  );
  const table = typeTables[type];
  return some
    .chain((chosen) =>
      fc.tuple(
        ...chosen.map((i) => {
          const [name, t, flags = ""] = rows[i] as (typeof rows)[number];
          const one = value(t, depth);
          return (flags.includes("l") ? fc.array(one, { minLength: 1, maxLength: 3 }) : one).map(
            (v) => [name, v] as const,
          );
        }),
      ),
    )
    .map((list) => {
      const out = Object.fromEntries(list);
      if (table?.resource) return { resourceType: type, ...out };
      return Object.keys(out).length > 0 ? out : { id: "x" };
    });
}

describe("JSON and XML carry the same", () => {
  for (const type of Object.keys(typeTables).filter((t) => typeTables[t]?.resource))
    it(type, () => {
      fc.assert(
        fc.property(object(type, 3), (resource) => {
          const again = throughXml(resource);
          expect(again).toEqual(resource);
          expect(parseFhirJson(stringifyFhirJson(again))).toEqual(resource);
        }),
        { numRuns: 40 },
      );
    });
});
