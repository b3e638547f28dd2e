import { readdirSync, readFileSync } from "node:fs";
import { errorCodes } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { rulesPage } from "./_rules-page.ts";
import { fieldMatrices, ruleCatalogue } from "./catalogue.ts";
import { ruleLevels } from "./gen/rules/levels.ts";

const here = new URL(".", import.meta.url);
const typesFhir = new URL("../../types/src/fhir/", here);

/** Sources that can make issues, without tests. */
function sources(base: URL): string[] {
  return readdirSync(base, { recursive: true, encoding: "utf8" })
    .filter((f) => f.endsWith(".ts") && !f.endsWith(".test.ts") && !/(?:^|[/\\])_|gen[/\\]rules/.test(f))
    .map((f) => readFileSync(new URL(f.replaceAll("\\", "/"), base), "utf8"));
}

/** Ids in code: written out, or as the name that `report`, `error`, `invariant` and their like put behind the family. */
function idsIn(text: string, isFhir: boolean): string[] {
  const whole = [...text.matchAll(/["'`]((?:xsd|xml|profile|openapi)\/[a-z][a-z-]*)["'`]/g)].map((m) => m[1] as string);
  const fhir = [
    ...text.matchAll(/\b(?:c|this)\.(?:error|invariant)\(\s*"([a-z][a-z0-9-]*)"/g),
    ...text.matchAll(/\.#?report\(\s*(?:"(?:error|warning)",\s*)?"([a-z][a-z0-9-]*)"/g),
    // Rules that are chosen by a function and reported by another.
    ...(isFhir ? text.matchAll(/(?:^\): |\? |\| )"([a-z]+-[a-z0-9-]+)"(?= [:|]| undefined|;)/gm) : []),
    ...text.matchAll(/rule: "fhir\/([a-z][a-z0-9-]*)"/g),
  ].map((m) => `fhir/${m[1] as string}`);
  return [...whole, ...fhir];
}

describe("ruleCatalogue", () => {
  it("has an entry for every rule that the source can give", () => {
    const found = new Set([
      ...sources(here).flatMap((text) => idsIn(text, false)),
      ...sources(new URL("fhir/", here)).flatMap((text) => idsIn(text, true)),
      ...sources(typesFhir).flatMap((text) => idsIn(text, false)),
    ]);
    expect(found.size).toBeGreaterThan(150);
    for (const id of ["fhir/reference-unresolved", "fhir/ref-1", "fhir/full-url-id", "xsd/idref"])
      expect(found).toContain(id);
    const missing = [...found].filter((id) => !ruleCatalogue.has(id) && !Object.hasOwn(errorCodes, id));
    // `[warning|error]` are levels, not names.
    expect(missing.filter((id) => !/^fhir\/(?:warning|error)$/.test(id))).toEqual([]);
  });

  it("has an entry for every code of the reader, which becomes the rule of an issue", () => {
    const reader = ["xml/not-well-formed", "xml/doctype-refused", "xml/encoding", "xml/limit-exceeded"];
    for (const code of reader) {
      expect(Object.hasOwn(errorCodes, code)).toBe(true);
      expect(ruleCatalogue.has(code)).toBe(true);
    }
  });

  it("has an entry for every keyword of JSON Schema that the REST validators judge", () => {
    const text = readFileSync(new URL("openapi.ts", here), "utf8");
    const keywords = [...text.matchAll(/case "([A-Za-z]+)":/g)].map((m) => `openapi/${m[1] as string}`);
    expect(keywords.length).toBeGreaterThan(15);
    expect(keywords.filter((id) => !ruleCatalogue.has(id))).toEqual([]);
  });

  it("has no entry for schema, XML and FHIR rules that nothing gives", () => {
    const text = [...sources(here), ...sources(typesFhir)].join("\n");
    const given = (id: string): boolean =>
      text.includes(`"${id}"`) || text.includes(`"${id.slice(id.indexOf("/") + 1)}"`);
    const stale = [...ruleCatalogue.keys()].filter((id) => /^(?:xsd|fhir)\//.test(id) && !given(id));
    expect(stale).toEqual([]);
  });

  it("has the levels that the rules run with, and words for each", () => {
    for (const [id, level] of Object.entries(ruleLevels)) expect(ruleCatalogue.get(id)?.level).toBe(level);
    for (const rule of ruleCatalogue.values()) {
      expect(rule.explanation.length, rule.id).toBeGreaterThan(20);
      expect(rule.source.length, rule.id).toBeGreaterThan(0);
    }
  });

  it("runs every rule that it has for messages", () => {
    const text = sources(here).join("\n");
    const idle = Object.keys(ruleLevels).filter(
      (id) => ruleCatalogue.get(id)?.byData !== true && !text.includes(`"${id}"`),
    );
    expect(idle).toEqual([]);
  });

  it("is what RULES.md shows; write the page with vitest run -u", async () => {
    await expect(rulesPage(ruleCatalogue, fieldMatrices)).toMatchFileSnapshot("../RULES.md");
  });
});
