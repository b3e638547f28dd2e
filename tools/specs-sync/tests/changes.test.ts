// Over 400 lines: a table of changes, each with its report and bump.
import type { SpecEntry } from "@helsekontakt/codegen";
import { describe, expect, it } from "vitest";
import { bumpOf, type Change, compareFacts } from "../src/compare.ts";
import type { Facts } from "../src/fact.ts";
import { factsOf } from "../src/facts/index.ts";

type Kind = "xsd" | "openapi" | "fhir" | "codes";
type Expected = readonly [kind: Change["kind"], place: string, statement: string | undefined, breaking: boolean];

function facts(kind: Kind, text: string): Facts {
  const entry = { id: "doc", path: `doc.${kind === "xsd" ? "xsd" : "json"}`, kind } as SpecEntry;
  return factsOf([{ entry, bytes: Buffer.from(text) }]).get("doc") as Facts;
}

function changes(kind: Kind, before: string, after: string): Change[] {
  return compareFacts(facts(kind, before), facts(kind, after));
}

function expectChanges(found: readonly Change[], expected: readonly Expected[], bump: string): void {
  expect(found.map((c) => [c.kind, c.place, c.statement, c.breaking])).toEqual(expected);
  expect(bumpOf(found)).toBe(bump);
}

const schema = (body: string): string =>
  `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:d" targetNamespace="urn:d" elementFormDefault="qualified">${body}</xs:schema>`;
const type = (content: string, more = ""): string =>
  schema(`<xs:complexType name="T"><xs:sequence>${content}</xs:sequence>${more}</xs:complexType>`);
const a = '<xs:element name="Alder" type="xs:string"/>';
const b = '<xs:element name="Beskrivelse" type="xs:string" minOccurs="0"/>';
const code = (facets: string): string =>
  schema(`<xs:simpleType name="C"><xs:restriction base="xs:string">${facets}</xs:restriction></xs:simpleType>`);

describe("XSD", () => {
  it.each<[string, string, string, readonly Expected[], string]>([
    ["other words and layout", type(a), `<!-- new -->\n${type(a)}`, [], "patch"],
    [
      "a group in place of its parts",
      type(a + b),
      schema(
        `<xs:group name="G"><xs:sequence>${a}${b}</xs:sequence></xs:group><xs:complexType name="T"><xs:sequence><xs:group ref="G"/></xs:sequence></xs:complexType>`,
      ),
      [],
      "patch",
    ],
    [
      "an optional element more",
      type(a),
      type(a + b),
      [["added", "complexType/T/Beskrivelse", undefined, false]],
      "minor",
    ],
    ["a required element more", type(b), type(b + a), [["added", "complexType/T/Alder", undefined, true]], "major"],
    ["an element less", type(a + b), type(a), [["removed", "complexType/T/Beskrivelse", undefined, true]], "major"],
    [
      "an element renamed",
      type(a + b),
      type(a + b.replace("Beskrivelse", "Beskrivelsen")),
      [["renamed", "complexType/T/Beskrivelse", undefined, true]],
      "major",
    ],
    [
      "an element is required now",
      type(a + b),
      type(a + b.replace(' minOccurs="0"', "")),
      [["narrowed", "complexType/T/Beskrivelse", "min", true]],
      "major",
    ],
    [
      "an element may be absent now",
      type(a),
      type(a.replace("/>", ' minOccurs="0"/>')),
      [["widened", "complexType/T/Alder", "min", true]],
      "major",
    ],
    [
      "one becomes many",
      type(a),
      type(a.replace("/>", ' maxOccurs="unbounded"/>')),
      [["widened", "complexType/T/Alder", "max", true]],
      "major",
    ],
    [
      "many become more",
      type(a.replace("/>", ' maxOccurs="3"/>')),
      type(a.replace("/>", ' maxOccurs="5"/>')),
      [["widened", "complexType/T/Alder", "max", false]],
      "minor",
    ],
    [
      "many become fewer",
      type(a.replace("/>", ' maxOccurs="5"/>')),
      type(a.replace("/>", ' maxOccurs="3"/>')),
      [["narrowed", "complexType/T/Alder", "max", true]],
      "major",
    ],
    [
      "another type",
      type(a),
      type(a.replace("xs:string", "xs:date")),
      [["changed", "complexType/T/Alder", "type", true]],
      "major",
    ],
    ["another order", type(a + b), type(b + a), [["changed", "complexType/T", "order", true]], "major"],
    [
      "into a choice",
      type(a + b),
      type(`<xs:choice>${a}${b}</xs:choice>`),
      [
        ["changed", "complexType/T/Alder", "inside", true],
        ["changed", "complexType/T/Beskrivelse", "inside", true],
      ],
      "major",
    ],
    [
      "nil is allowed now",
      type(a),
      type(a.replace("/>", ' nillable="true"/>')),
      [["widened", "complexType/T/Alder", "nullable", true]],
      "major",
    ],
    [
      "an optional attribute more",
      type(a),
      type(a, '<xs:attribute name="x" type="xs:string"/>'),
      [["added", "complexType/T/@x", undefined, false]],
      "minor",
    ],
    [
      "an attribute is required now",
      type(a, '<xs:attribute name="x" type="xs:string"/>'),
      type(a, '<xs:attribute name="x" type="xs:string" use="required"/>'),
      [["narrowed", "complexType/T/@x", "min", true]],
      "major",
    ],
    [
      "another fixed value",
      type(a, '<xs:attribute name="x" type="xs:string" fixed="1"/>'),
      type(a, '<xs:attribute name="x" type="xs:string" fixed="2"/>'),
      [["changed", "complexType/T/@x", "fixed", true]],
      "major",
    ],
    [
      "a value more",
      code('<xs:enumeration value="1"/>'),
      code('<xs:enumeration value="1"/><xs:enumeration value="2"/>'),
      [["widened", "simpleType/C", "enum", false]],
      "minor",
    ],
    [
      "a value less",
      code('<xs:enumeration value="1"/><xs:enumeration value="2"/>'),
      code('<xs:enumeration value="1"/>'),
      [["narrowed", "simpleType/C", "enum", true]],
      "major",
    ],
    [
      "longer texts",
      code('<xs:maxLength value="5"/>'),
      code('<xs:maxLength value="9"/>'),
      [["widened", "simpleType/C", "maxLength", false]],
      "minor",
    ],
    [
      "shorter texts",
      code('<xs:maxLength value="9"/>'),
      code('<xs:maxLength value="5"/>'),
      [["narrowed", "simpleType/C", "maxLength", true]],
      "major",
    ],
    [
      "a wider pattern",
      code('<xs:pattern value="\\d{11}"/>'),
      code('<xs:pattern value="\\d{9}|\\d{11}"/>'),
      [["widened", "simpleType/C", "pattern", false]],
      "minor",
    ],
    [
      "a narrower pattern",
      code('<xs:pattern value="\\d+"/>'),
      code('<xs:pattern value="[1-9]\\d*"/>'),
      [["narrowed", "simpleType/C", "pattern", true]],
      "major",
    ],
    [
      "the same pattern in other words",
      code('<xs:pattern value="\\d+(\\.\\d+)*"/>'),
      code('<xs:pattern value="(\\d+\\.?)*\\d+"/>'),
      [],
      "patch",
    ],
    [
      "a global element more",
      schema(""),
      schema('<xs:element name="E" type="xs:string"/>'),
      [["added", "element:element/E", undefined, false]],
      "minor",
    ],
    [
      "another namespace",
      schema('<xs:element name="E" type="xs:string"/>'),
      schema('<xs:element name="E" type="xs:string"/>').replace('targetNamespace="urn:d"', 'targetNamespace="urn:e"'),
      [
        ["changed", "element:element/E", "namespace", true],
        ["changed", "targetNamespace", "namespace", true],
      ],
      "major",
    ],
  ])("%s", (_, before, after, expected, bump) => expectChanges(changes("xsd", before, after), expected, bump));
});

interface Api {
  parameters?: unknown[];
  request?: object;
  response?: object;
  schemas?: object;
  more?: object;
}
const api = ({ parameters, request, response, schemas, more }: Api): string =>
  JSON.stringify({
    openapi: "3.0.3",
    info: { title: "A", version: "1" },
    paths: {
      "/a": {
        post: {
          operationId: "postA",
          ...(parameters === undefined ? {} : { parameters }),
          ...(request === undefined
            ? {}
            : { requestBody: { required: true, content: { "application/json": { schema: request } } } }),
          responses: {
            200: {
              description: "",
              ...(response === undefined ? {} : { content: { "application/json": { schema: response } } }),
            },
          },
        },
      },
      ...more,
    },
    ...(schemas === undefined ? {} : { components: { schemas } }),
  });
const object = (properties: object, required: string[] = []): object => ({
  type: "object",
  properties,
  ...(required.length === 0 ? {} : { required }),
});
const requestAt = "/paths/~1a/post/requestBody/content/application~1json";
const responseAt = "/paths/~1a/post/responses/200/content/application~1json";

describe("OpenAPI", () => {
  it.each<[string, Api, Api, readonly Expected[], string]>([
    [
      "an operation more",
      {},
      { more: { "/b": { get: { operationId: "getB", responses: { 200: { description: "" } } } } } },
      [["added", "/paths/~1b/get", undefined, false]],
      "minor",
    ],
    [
      "an operation less",
      { more: { "/b": { get: { operationId: "getB", responses: { 200: { description: "" } } } } } },
      {},
      [["removed", "/paths/~1b/get", undefined, true]],
      "major",
    ],
    [
      "a path renamed",
      { more: { "/person": { get: { operationId: "getP", responses: {} } } } },
      { more: { "/persons": { get: { operationId: "getP", responses: {} } } } },
      [["renamed", "/paths/~1person/get", undefined, true]],
      "major",
    ],
    [
      "an optional parameter more",
      {},
      { parameters: [{ name: "q", in: "query", schema: { type: "string" } }] },
      [["added", "/paths/~1a/post/parameters/query q", undefined, false]],
      "minor",
    ],
    [
      "a required parameter more",
      {},
      { parameters: [{ name: "q", in: "query", required: true, schema: { type: "string" } }] },
      [["added", "/paths/~1a/post/parameters/query q", undefined, true]],
      "major",
    ],
    [
      "a member is required of requests now",
      { request: object({ x: { type: "string" } }) },
      { request: object({ x: { type: "string" } }, ["x"]) },
      [["narrowed", `${requestAt}/schema/properties/x`, "min", true]],
      "major",
    ],
    [
      "a member is always in answers now",
      { response: object({ x: { type: "string" } }) },
      { response: object({ x: { type: "string" } }, ["x"]) },
      [["narrowed", `${responseAt}/schema/properties/x`, "min", false]],
      "minor",
    ],
    [
      "a member of answers may be absent now",
      { response: object({ x: { type: "string" } }, ["x"]) },
      { response: object({ x: { type: "string" } }) },
      [["widened", `${responseAt}/schema/properties/x`, "min", true]],
      "major",
    ],
    [
      "a member of requests may be left out now",
      { request: object({ x: { type: "string" } }, ["x"]) },
      { request: object({ x: { type: "string" } }) },
      [["widened", `${requestAt}/schema/properties/x`, "min", false]],
      "minor",
    ],
    [
      "a value more in answers",
      { response: { type: "string", enum: ["a"] } },
      { response: { type: "string", enum: ["a", "b"] } },
      [["widened", responseAt, "enum", false]],
      "minor",
    ],
    [
      "a value less in requests",
      { request: { type: "string", enum: ["a", "b"] } },
      { request: { type: "string", enum: ["a"] } },
      [["narrowed", requestAt, "enum", true]],
      "major",
    ],
    [
      "a value less in answers",
      { response: { type: "string", enum: ["a", "b"] } },
      { response: { type: "string", enum: ["a"] } },
      [["narrowed", responseAt, "enum", false]],
      "minor",
    ],
    [
      "null in answers",
      { response: object({ x: { type: "string" } }) },
      { response: object({ x: { type: "string", nullable: true } }) },
      [["widened", `${responseAt}/schema/properties/x`, "nullable", true]],
      "major",
    ],
    [
      "null in requests",
      { request: object({ x: { type: "string" } }) },
      { request: object({ x: { type: "string", nullable: true } }) },
      [["widened", `${requestAt}/schema/properties/x`, "nullable", false]],
      "minor",
    ],
    [
      "fewer items at most",
      { request: { type: "array", maxItems: 1000, items: { type: "string" } } },
      { request: { type: "array", maxItems: 500, items: { type: "string" } } },
      [["narrowed", requestAt, "maxItems", true]],
      "major",
    ],
    [
      "another type in a schema that goes both ways",
      {
        request: { $ref: "#/components/schemas/X" },
        response: { $ref: "#/components/schemas/X" },
        schemas: { X: object({ n: { type: "integer" } }) },
      },
      {
        request: { $ref: "#/components/schemas/X" },
        response: { $ref: "#/components/schemas/X" },
        schemas: { X: object({ n: { type: "string" } }) },
      },
      [["changed", "/components/schemas/X/properties/n", "type", true]],
      "major",
    ],
    [
      "a schema renamed, with those that use it",
      { response: { $ref: "#/components/schemas/ErAktivStatus" }, schemas: { ErAktivStatus: object({ n: {} }) } },
      { response: { $ref: "#/components/schemas/ErAktivStatusDto" }, schemas: { ErAktivStatusDto: object({ n: {} }) } },
      [
        ["changed", responseAt, "type", true],
        ["renamed", "/components/schemas/ErAktivStatus", undefined, true],
      ],
      "major",
    ],
  ])("%s", (_, before, after, expected, bump) =>
    expectChanges(changes("openapi", api(before), api(after)), expected, bump),
  );

  it("reads Swagger 2.0 as the same facts as its OpenAPI 3 form", () => {
    const swagger = JSON.stringify({
      swagger: "2.0",
      info: { title: "A", version: "1" },
      consumes: ["application/json"],
      produces: ["application/json"],
      paths: {
        "/a": {
          post: {
            operationId: "postA",
            parameters: [{ in: "body", name: "body", required: true, schema: { type: "string", enum: ["a"] } }],
            responses: { 200: { description: "" } },
          },
        },
      },
    });
    expect(changes("openapi", api({ request: { type: "string", enum: ["a"] } }), swagger)).toEqual([]);
  });
});

const profile = (...elements: object[]): string =>
  JSON.stringify({
    resourceType: "StructureDefinition",
    url: "urn:p",
    name: "P",
    type: "Patient",
    derivation: "constraint",
    differential: { element: [{ id: "Patient", path: "Patient" }, ...elements] },
  });
const element = (more: object): object => ({ id: "Patient.name", path: "Patient.name", ...more });

describe("FHIR", () => {
  it.each<[string, string, string, readonly Expected[], string]>([
    [
      "a minimum is raised",
      profile(element({ min: 0 })),
      profile(element({ min: 1 })),
      [["narrowed", "Patient.name", "min", true]],
      "major",
    ],
    [
      "a maximum is lowered to one",
      profile(element({ max: "*" })),
      profile(element({ max: "1" })),
      [["narrowed", "Patient.name", "max", true]],
      "major",
    ],
    [
      "an element is constrained that was not",
      profile(),
      profile(element({ min: 1 })),
      [["added", "Patient.name", undefined, true]],
      "major",
    ],
    [
      "a slice more",
      profile(element({})),
      profile(element({}), element({ id: "Patient.name:official", sliceName: "official", min: 0 })),
      [["added", "Patient.name:official", undefined, false]],
      "minor",
    ],
    [
      "a type more",
      profile(element({ type: [{ code: "string" }] })),
      profile(element({ type: [{ code: "string" }, { code: "code" }] })),
      [["widened", "Patient.name", "type", false]],
      "minor",
    ],
    [
      "a binding is required now",
      profile(element({ binding: { strength: "preferred", valueSet: "urn:v" } })),
      profile(element({ binding: { strength: "required", valueSet: "urn:v" } })),
      [["narrowed", "Patient.name", "bindingStrength", true]],
      "major",
    ],
    [
      "another value set",
      profile(element({ binding: { strength: "required", valueSet: "urn:v" } })),
      profile(element({ binding: { strength: "required", valueSet: "urn:w" } })),
      [["changed", "Patient.name", "valueSet", true]],
      "major",
    ],
    [
      "a fixed value",
      profile(element({})),
      profile(element({ fixedString: "x" })),
      [["narrowed", "Patient.name", "fixed", true]],
      "major",
    ],
    [
      "an invariant more",
      profile(element({})),
      profile(element({ constraint: [{ key: "p-1", severity: "error", expression: "true" }] })),
      [["narrowed", "Patient.name", "constraint p-1", true]],
      "major",
    ],
    [
      "support is expected",
      profile(element({})),
      profile(element({ mustSupport: true })),
      [["changed", "Patient.name", "mustSupport", false]],
      "minor",
    ],
  ])("%s", (_, before, after, expected, bump) => expectChanges(changes("fhir", before, after), expected, bump));

  it("tells codes of a code system and of a value set", () => {
    const system = (...codes: string[]): string =>
      JSON.stringify({
        resourceType: "CodeSystem",
        url: "urn:c",
        name: "C",
        content: "complete",
        concept: codes.map((c) => ({ code: c })),
      });
    expectChanges(
      changes("fhir", system("alpha", "beta"), system("alpha", "123")),
      [
        ["removed", "beta", undefined, true],
        ["added", "123", undefined, false],
      ],
      "major",
    );
    const set = (...codes: string[]): string =>
      JSON.stringify({
        resourceType: "ValueSet",
        url: "urn:v",
        name: "V",
        compose: { include: [{ system: "urn:c", concept: codes.map((c) => ({ code: c })) }] },
      });
    expectChanges(
      changes("fhir", set("alpha"), set("alpha", "beta")),
      [["added", "include urn:c beta", undefined, false]],
      "minor",
    );
  });
});

describe("code lists", () => {
  const list = (...codes: [string, string][]): string =>
    JSON.stringify({ id: "1", oid: "1.2", title: "L", codes: codes.map(([c, label]) => ({ code: c, label })) });
  it.each<[string, string, string, readonly Expected[], string]>([
    ["a code more", list(["A", "a"]), list(["A", "a"], ["B", "b"]), [["added", "codes/B", undefined, false]], "minor"],
    ["a code less", list(["A", "a"], ["B", "b"]), list(["A", "a"]), [["removed", "codes/B", undefined, true]], "major"],
    ["another label", list(["A", "a"]), list(["A", "x"]), [["changed", "codes/A", "label", false]], "minor"],
    [
      "a code renamed",
      list(["AVVIST", "Avvist"]),
      list(["AVVIST2", "Avvist"]),
      [["renamed", "codes/AVVIST", undefined, true]],
      "major",
    ],
  ])("%s", (_, before, after, expected, bump) => expectChanges(changes("codes", before, after), expected, bump));
});

describe("constructs that are not known", () => {
  it.each<[Kind, string, RegExp]>([
    ["xsd", schema('<xs:element name="E" type="None"/>'), /doc\.xsd/],
    [
      "openapi",
      JSON.stringify({
        openapi: "3.0.0",
        info: { title: "A", version: "1" },
        paths: { "/a": { get: { callbacks: {} } } },
      }),
      /#\/paths\/~1a\/get\/callbacks/,
    ],
    ["fhir", JSON.stringify({ resourceType: "Questionnaire" }), /found Questionnaire/],
    ["codes", "{}", /found no list/],
    ["openapi", "{", /expected a JSON document/],
  ])("%s: named with their place", (kind, text, message) => expect(() => facts(kind, text)).toThrow(message));
});
