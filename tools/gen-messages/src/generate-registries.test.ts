import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GeneratorError } from "@helsekontakt/codegen";
import { describe, expect, it } from "vitest";
import { generateRegistries } from "./generate-registries.ts";

const base = {
  title: "t",
  version: "1",
  bindings: [{ name: "basic", soap: "1.1", use: "Old." }],
  services: [
    {
      name: "parties",
      namespace: "urn:s",
      contract: "IParties",
      paths: { basic: "/p" },
      source: ["a contract */ with an end mark"],
      operations: [
        { name: "Get", parameters: [{ name: "ids", type: "int", list: true }], answer: "Party", list: true },
        { name: "Drop", parameters: [], changes: true, "x-inferred": ["its name"] },
      ],
    },
  ],
  types: [
    { name: "Party", namespace: "urn:t", members: [{ name: "HerId", type: "int" }], notRead: ["Person"] },
    { name: "Unit", namespace: "urn:t", base: "Party", members: [{ name: "Parts", type: "Unit", list: true }] },
  ],
  faultCodes: [{ code: "NoSuch", means: "not-found", use: "None." }],
  events: [{ source: "Register", names: ["PartyUpdated"] }],
};

function generate(document: object | undefined): string {
  const dir = mkdtempSync(join(tmpdir(), "registries-"));
  const entry = { id: "registries", path: "registries.json", kind: "registries", version: "1", sha256: "0".repeat(64) };
  writeFileSync(join(dir, "manifest.json"), JSON.stringify({ documents: document === undefined ? [] : [entry] }));
  if (document !== undefined) writeFileSync(join(dir, "registries.json"), JSON.stringify(document));
  return generateRegistries(dir)[0]?.content ?? "";
}

describe("generateRegistries()", () => {
  it("gives services, types, faults and events as constants, and an interface for each type", () => {
    const text = generate(base);
    expect(text).toContain(
      'Get: { parameters: [{ name: "ids", type: "int", list: true }], answer: "Party", list: true },',
    );
    expect(text).toContain("/** Inferred: its name. */\n      Drop: { parameters: [], changes: true },");
    expect(text).toContain("export interface Unit extends Party {\n  readonly Parts?: readonly Unit[];\n}");
    expect(text).toContain("Members that are not read: Person.");
    expect(text).toContain('  NoSuch: "not-found",');
    expect(text).toContain('  Register: ["PartyUpdated"],');
    expect(text).toContain("an end mark");
    expect(text).not.toContain("contract */ with");
  });
  it("gives nothing for a folder without the document", () => expect(generate(undefined)).toBe(""));
  it.each<[string, object]>([
    ["a type that is not there", { types: [{ name: "A", namespace: "n", base: "B", members: [] }] }],
    [
      "members out of the order of the wire",
      {
        types: [
          {
            name: "A",
            namespace: "n",
            members: [
              { name: "b", type: "int" },
              { name: "a", type: "int" },
            ],
          },
        ],
      },
    ],
    ["two types of one name", { types: [base.types[0], base.types[0]] }],
    ["another key", { types: [{ name: "A", namespace: "n", members: [], order: 1 }] }],
    ["another version", { version: "2" }],
  ])("stops at %s", (_, change) =>
    expect(() => generate({ ...base, services: [], ...change })).toThrow(GeneratorError),
  );
});
