import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import type { SpecEntry } from "@helsekontakt/codegen";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { emitValidators } from "../src/emit-validators.ts";
import { checkDocument, readDocument } from "../src/read.ts";

type Check = (value: unknown) => boolean;
interface Operation {
  readonly request: Readonly<Record<string, Check>>;
  readonly responses: Readonly<Record<string, Readonly<Record<string, Check>>>>;
}

function load(name: string): Readonly<Record<string, Operation>> {
  return run(readDocument(fileURLToPath(new URL(`./fixtures/${name}/input.json`, import.meta.url)), name), name);
}

/** Runs what was emitted; the functions of the runtime are given as plain ones, which the package tests on its own. */
function run(document: ReturnType<typeof readDocument>, name: string): Readonly<Record<string, Operation>> {
  const code = emitValidators(document, {
    id: name,
    path: name,
    version: "1",
    sha256: "0",
  } as SpecEntry)
    .replaceAll(/^import .*$/gm, "")
    .replace("export const bodies: BodyTable =", "return");
  const uuid = (text: string): boolean => /^[\da-f-]{36}$/.test(text);
  const yes = (): boolean => true;
  const int32 = { type: "number", validate: (n: number): boolean => Math.abs(n) < 2 ** 31 };
  const formats = { uuid, "date-time": (t: string): boolean => t.includes("T"), date: yes, int32, int64: int32 };
  // oxlint-disable-next-line typescript/no-implied-eval -- the generator's own output, from fixtures
  const start = new Function("codePointLength", "deepEqual", "formats", code) as (...runtime: readonly unknown[]) => {
    operations: Record<string, Operation>;
  };
  return start((t: string) => [...t].length, isDeepStrictEqual, formats).operations;
}

function check(found: Check | undefined): Check {
  if (found === undefined) throw new Error("expected a check of this body, found none");
  return found;
}

describe("a document as .NET publishes it", () => {
  const operations = load("dotnet");
  const request = check(operations["postApiV1Orders"]?.request["application/json"]);
  const response = check(operations["postApiV1Orders"]?.responses["200"]?.["application/json"]);
  const good = { number: 1, kind: "Small" };
  const id = "1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a01";

  it("names operations by verb and path, and leaves text/plain without a check", () => {
    expect(Object.keys(operations)).toEqual(["postApiV1Orders", "getApiV1OrdersByOrderIdEvents"]);
    expect(Object.keys(operations["postApiV1Orders"]?.responses["200"] ?? {})).toEqual([
      "application/json",
      "text/json",
    ]);
    expect(Object.keys(operations["postApiV1Orders"]?.responses ?? {})).toEqual(["200", "400"]);
  });

  it.each([
    ["a member that is only read may be left out", good, true],
    ["a value that the enum lists", { ...good, kind: "Large" }, true],
    ["a value that the enum does not list", { ...good, kind: "Huge" }, false],
    ["a number that the enum lists", { ...good, level: 2 }, true],
    ["a number that the enum does not list", { ...good, level: 3 }, false],
    ["null where nullable", { ...good, note: null, tags: null, parent: null }, true],
    ["null where not", { ...good, number: null }, false],
    ["another member", { ...good, more: 1 }, false],
    ["text that is too long", { ...good, note: "123456" }, false],
    ["a number out of int32", { ...good, number: 2 ** 31 }, false],
    ["a faulty date-time", { ...good, when: "today" }, false],
    ["a map of texts and null", { ...good, tags: { a: "b", c: null } }, true],
    ["a map with a number", { ...good, tags: { a: 1 } }, false],
    ["itself inside", { ...good, parent: good }, true],
    ["a fault inside itself", { ...good, parent: { number: 1 } }, false],
    [
      "a kind by discriminator, members of its base included",
      { ...good, animal: { $type: "dog", barks: true, name: "d" } },
      true,
    ],
    ["a kind without its member", { ...good, animal: { $type: "dog" } }, false],
    ["a kind with a member of another", { ...good, animal: { $type: "cat", barks: true } }, false],
    ["an unknown kind", { ...good, animal: { $type: "cow" } }, false],
    ["a derived class with its base's members", { ...good, dog: { $type: "dog", barks: false } }, true],
    ["a derived class with a strange member", { ...good, dog: { $type: "dog", barks: false, lives: 1 } }, false],
  ])("request: %s", (_, value, valid) => expect(request(value)).toBe(valid));

  it.each([
    ["what is only read is required here", good, false],
    ["all that is needed", { ...good, id }, true],
    ["a new value of an enum", { ...good, id, kind: "Huge", level: 7 }, true],
    ["an enum of another type", { ...good, id, kind: 1 }, false],
    ["a new member", { ...good, id, more: 1 }, true],
    ["a date-time without its zone", { ...good, id, when: "2026-01-01 10:00" }, true],
    ["a new kind", { ...good, id, animal: { $type: "cow", milk: 1 } }, true],
    ["a known kind without its member", { ...good, id, animal: { $type: "dog" } }, false],
    ["a number as text", { ...good, id, number: "1" }, false],
  ])("response: %s", (_, value, valid) => expect(response(value)).toBe(valid));

  it("reads 3.0's boolean form of an exclusive limit", () => {
    const events = check(operations["getApiV1OrdersByOrderIdEvents"]?.responses["200"]?.["application/json"]);
    expect(events([{ score: 0.1, state: null }])).toBe(true);
    expect(events([{ score: 0 }])).toBe(false);
  });
});

describe("allOf with closed parts", () => {
  const part = (names: string, closed = false) => ({
    type: "object",
    properties: Object.fromEntries([...names].map((n) => [n, { type: "integer" }])),
    ...(closed ? { additionalProperties: false } : {}),
  });
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  const schemas = {
    Open: part("a"),
    Closed: part("ab", true),
    Other: part("c", true),
    Wide: part("abc", true),
    Derived: { ...part("c", true), allOf: [ref("Closed")] },
    Nested: { allOf: [ref("Closed")] },
  };
  /** Every body of some of four members. */
  const bodies = Array.from({ length: 16 }, (_, bits) =>
    Object.fromEntries([..."abcd"].flatMap((name, n) => ((bits >> n) & 1 ? [[name, n]] : []))),
  );
  const ours = (schema: object) => {
    const body = { content: { "application/json": { schema } } };
    const document = checkDocument(
      {
        openapi: "3.0.3",
        info: { title: "t", version: "1" },
        paths: { "/x": { put: { operationId: "put", requestBody: body, responses: { "204": { description: "" } } } } },
        components: { schemas },
      } as Parameters<typeof checkDocument>[0],
      "t",
    );
    const valid = check(run(document, "t")["put"]?.request["application/json"]);
    return bodies.map((body) => valid(body));
  };
  const official = (schema: object) => {
    const text = JSON.stringify({ ...schema, $defs: schemas }).replaceAll("#/components/schemas/", "#/$defs/");
    const valid = new Ajv2020({ strict: false }).compile(JSON.parse(text) as object);
    return bodies.map((body) => valid(body));
  };

  it.each([
    { allOf: [ref("Closed")] },
    { allOf: [ref("Nested")] },
    { allOf: [{ allOf: [ref("Closed")] }, part("a")] },
    { allOf: [ref("Open"), part("b")] },
    { allOf: [ref("Closed"), ref("Open")] },
    { allOf: [ref("Closed"), part("c")] },
    { allOf: [ref("Closed")], ...part("c") },
    { allOf: [ref("Wide"), ref("Open"), part("bc")] },
    { allOf: [ref("Wide"), part("abc", true)] },
    { ...part("d"), allOf: [part("a"), { anyOf: [ref("Closed"), ref("Other")] }] },
    { type: "object", properties: { a: { allOf: [part("x", true)] } } },
  ])("is judged as JSON Schema has it, each part by its own members: %j", (schema) => {
    expect(ours(schema)).toEqual(official(schema));
  });

  it.each([
    ["beside the parts", { allOf: [ref("Closed")], ...part("c", true) }, "abc"],
    ["beside the parts, which name all", { allOf: [ref("Closed")], additionalProperties: false }, "ab"],
    ["in base and derived class", { allOf: [ref("Closed"), part("c", true)] }, "abc"],
    ["in base and derived class, by reference", { allOf: [ref("Closed"), ref("Other"), part("a")] }, "abc"],
    ["over two steps", { allOf: [ref("Derived"), part("d", true)] }, "abcd"],
    ["in a class that a member has", { allOf: [ref("Derived")] }, "abc"],
  ])("is closed over all of them as .NET means it, closed %s", (_, schema, names) => {
    const want = bodies.map((body) => Object.keys(body).every((name) => names.includes(name)));
    expect(ours(schema)).toEqual(want);
  });
});

describe("Swagger 2.0", () => {
  const operations = load("swagger2");
  it("is checked as what it was converted to", () => {
    const request = check(operations["postPeople"]?.request["application/json"]);
    expect(request({ Name: "A", Kind: "B", Nick: null })).toBe(true);
    expect(request({ Name: "A", Kind: "C" })).toBe(false);
    expect(request({ Name: "", Nick: 1 })).toBe(false);
    expect(request({ Name: "A", More: 1 })).toBe(false);
    const response = check(operations["People_Get"]?.responses["200"]?.["text/json"]);
    expect(response({ Name: "A", Kind: "C", More: 1 })).toBe(true);
  });
});

describe("OpenAPI 3.1", () => {
  const request = check(load("json-schema")["putX"]?.request["application/json"]);
  it.each([
    [null, true],
    [{ id: "X", a: 1, b: 0.5, pair: ["a", 1], some: [1, 2, 1.0], "x-n": 1, any: [] }, false],
    [{ id: "X", a: 1, b: 0.5, pair: ["a", 1], "x-n": 1, any: [] }, true],
    [{ id: "Y" }, false],
    [{ id: "X", a: "a" }, false],
    [{ id: "X", b: 0.3 }, false],
    [{ id: "X", b2: 0 }, false],
    [{ id: "X", pair: ["a", 1, 2] }, false],
    [{ id: "X", some: [1] }, false],
    [{ id: "X", "x-n": "1" }, false],
    [{ id: "X", muchTooLong: 1 }, false],
    [{ id: "X", self: { id: "X", self: null } }, true],
    [{ id: "X", self: {} }, false],
    [{ id: "X", cond: { k: "a" } }, false],
    [{ id: "X", cond: { k: "a", v: 1 } }, true],
    [{ id: "X", cond: { v: 1 } }, false],
  ])("request %#", (value, valid) => expect(request(value)).toBe(valid));
});
