/* oxlint-disable typescript/no-explicit-any -- the cases break documents on purpose */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GeneratorError, type SpecEntry, writeGenerated } from "@helsekontakt/codegen";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../src/document.ts";
import { emitOperations } from "../src/emit-operations.ts";
import { emitTypes } from "../src/emit-types.ts";
import { emitValidators } from "../src/emit-validators.ts";
import { generate, parseTarget } from "../src/generate.ts";
import { checkDocument, readDocument } from "../src/read.ts";

const fixtures = fileURLToPath(new URL("./fixtures", import.meta.url));
const specs = fileURLToPath(new URL("../../../specs", import.meta.url));

function entry(id: string): SpecEntry {
  return {
    id,
    path: `openapi/${id}/openapi.json`,
    kind: "openapi",
    title: id,
    version: "1",
    upstream: { title: id, version: "1", address: "https://example.org/" },
    sha256: "0123456789abcdef",
    confirmed: [],
    inferred: [],
    feeds: ["types", "rest-client"],
  };
}

describe("golden output", () => {
  for (const name of ["constructs", "parameters", "dotnet", "swagger2", "json-schema"]) {
    const input = join(fixtures, name, "input.json");
    it(`${name}: types`, async () => {
      const document = readDocument(input, "input.json");
      await expect(await emitTypes(document, entry(name))).toMatchFileSnapshot(
        join(fixtures, name, "expected", "types.txt"),
      );
    });
    it(`${name}: operations`, async () => {
      const document = readDocument(input, "input.json");
      await expect(emitOperations(document, entry(name))).toMatchFileSnapshot(
        join(fixtures, name, "expected", "operations.txt"),
      );
    });
    it(`${name}: validators`, async () => {
      const document = readDocument(input, "input.json");
      await expect(emitValidators(document, entry(name))).toMatchFileSnapshot(
        join(fixtures, name, "expected", "validators.txt"),
      );
    });
  }
});

describe("unknown constructs stop with file, pointer and construct", () => {
  const base = JSON.parse(readFileSync(join(fixtures, "constructs", "input.json"), "utf8")) as JsonObject;
  const cases: [string, (document: any) => void, RegExp][] = [
    [
      "schema keyword",
      (d: any) => (d.components.schemas.Kind.if = {}),
      /^doc\.json#\/components\/schemas\/Kind\/if: expected one of .*, found "if"$/,
    ],
    [
      "callbacks",
      (d: any) => (d.paths["/things"].post.callbacks = {}),
      /#\/paths\/~1things\/post\/callbacks: .*found "callbacks"/,
    ],
    ["trace", (d: any) => (d.paths["/things"].trace = {}), /#\/paths\/~1things\/trace: .*found "trace"/],
    ["webhooks", (d: any) => (d.webhooks = {}), /#\/webhooks: /],
    [
      "foreign reference",
      (d: any) => (d.components.schemas.Answer.oneOf[0].$ref = "other.json#/Thing"),
      /#\/components\/schemas\/Answer\/oneOf\/0\/\$ref: .*other\.json/,
    ],
    [
      "dangling reference",
      (d: any) => (d.components.schemas.Answer.oneOf[0].$ref = "#/components/schemas/None"),
      /expected a reference to something that is there/,
    ],
    [
      "place of a parameter",
      (d: any) => (d.paths["/things"].post.parameters = [{ name: "c", in: "fragment" }]),
      /#\/paths\/~1things\/post\/parameters\/0\/in: .*found "fragment"/,
    ],
    [
      "pattern",
      (d: any) => (d.components.schemas.Thing.properties.name.pattern = "("),
      /expected a regular expression/,
    ],
    ["status", (d: any) => (d.paths["/things"].post.responses.ok = {}), /responses\/ok: /],
  ];
  for (const [name, change, message] of cases)
    it(name, () => {
      const changed = structuredClone(base) as any;
      change(changed);
      expect(() => checkDocument(changed, "doc.json")).toThrow(message);
      expect(() => checkDocument(changed, "doc.json")).toThrow(GeneratorError);
    });

  it("refuses other versions and two operations of one name", () => {
    expect(() => checkDocument({ swagger: "1.2" }, "doc.json")).toThrow('expected swagger "2.0", found "1.2"');
    expect(() => checkDocument({ openapi: "3.2.0" }, "doc.json")).toThrow(
      'expected OpenAPI 3.0 or 3.1, or Swagger 2.0, found "3.2.0"',
    );
    expect(() => checkDocument({ asyncapi: "3.0.0" }, "doc.json")).toThrow("found null");
    const twice = structuredClone(base) as any;
    twice.paths["/more"] = twice.paths["/things"];
    expect(() => checkDocument(twice, "doc.json")).toThrow("an operationId of its own");
  });

  it("names the targets", () => {
    expect(parseTarget("types")).toBe("types");
    expect(() => parseTarget("sdk")).toThrow("--target: expected types, rest-client or validators, found sdk");
  });
});

describe("the whole run", () => {
  const dir = join(tmpdir(), "gen-openapi-");
  let work = "";
  beforeAll(() => {
    work = mkdtempSync(dir);
    mkdirSync(join(work, "specs"));
    const documents = (
      JSON.parse(readFileSync(join(specs, "manifest.json"), "utf8")) as { documents: SpecEntry[] }
    ).documents
      .filter((d) => d.kind === "openapi")
      .reverse();
    for (const d of documents) {
      mkdirSync(join(work, "specs", d.path, ".."), { recursive: true });
      writeFileSync(join(work, "specs", d.path), readFileSync(join(specs, d.path)));
    }
    writeFileSync(join(work, "specs", "manifest.json"), JSON.stringify({ documents }));
  });
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  for (const target of ["types", "rest-client", "validators"] as const)
    it(`${target}: the same bytes whatever the order of the manifest, and nothing to write the second time`, async () => {
      const first = await generate(specs, target);
      expect(first.map((f) => f.path)).toEqual([
        "aktivsjekken.ts",
        "communication-party.ts",
        "cppa.ts",
        "helsekontakter.ts",
        "selvbetjening.ts",
      ]);
      expect(await generate(join(work, "specs"), target)).toEqual(first);
      const out = join(work, target);
      expect(writeGenerated(out, first).written).toBe(5);
      expect(writeGenerated(out, await generate(specs, target))).toEqual({ written: 0, unchanged: 5, removed: 0 });
    });

  it("what is committed is what the documents give", async () => {
    for (const [target, folder] of [
      ["types", "types/src/gen/openapi"],
      ["rest-client", "rest-client/src/gen"],
      ["validators", "validators/src/gen/openapi"],
    ] as const)
      for (const file of await generate(specs, target))
        expect(
          readFileSync(fileURLToPath(new URL(`../../../packages/${folder}/${file.path}`, import.meta.url)), "utf8"),
        ).toBe(file.content);
  });
});
