import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { rules as all, types as allTypes } from "../registry.ts";
import { validateXml } from "../xsd/validate-xml.ts";
import { rules, types } from "./apprec.ts";

const here = dirname(fileURLToPath(import.meta.url));
const families = readdirSync(here).filter((f) => !f.endsWith(".test.ts"));

/** Files that an entry file loads, itself included; types load nothing. */
function loaded(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, target] of readFileSync(file, "utf8").matchAll(/^(?:import|export) (?!type\b).*?from "(\.[^"]+)"/gms))
    loaded(resolve(dirname(file), target as string), seen);
  return seen;
}

describe("the families of messages", () => {
  it("are in the rules of the whole build, one by one", async () => {
    for (const family of families) {
      const module = (await import(/* @vite-ignore */ join(here, family))) as {
        rules: typeof all;
        types: typeof allTypes;
      };
      expect(Object.keys(module.rules).length, family).toBeGreaterThan(0);
      for (const [name, rule] of Object.entries(module.rules)) expect(all[name], name).toBe(rule);
      for (const [name, rule] of Object.entries(module.types)) expect(allTypes[name], name).toBe(rule);
    }
  });

  it("load no other family", () => {
    const tables = (family: string): string[] =>
      [...loaded(join(here, family))].flatMap((f) => /gen\/xsd\/(.*)\.ts$/.exec(f)?.[1] ?? []).sort();
    expect(tables("msghead.ts")).toEqual(["msghead-1.2", "xmldsig"]);
    expect(tables("apprec.ts")).toEqual(["apprec-1.0", "apprec-1.1", "kith"]);
    expect([...loaded(join(here, "../xml-runtime.ts"))].filter((f) => f.includes("/gen/"))).toEqual([]);
  });

  it("are enough for the messages of the family", () => {
    const ns = "http://www.kith.no/xmlstds/apprec/2012-02-15";
    const document = new TextEncoder().encode(`<AppRec xmlns="${ns}"><MsgType V="APPREC"/></AppRec>`);
    const alone = validateXml(document, { registry: rules, types });
    expect(alone).toEqual(validateXml(document, { registry: all, types: allTypes }));
    expect(alone.root).toBe(`{${ns}}AppRec`);
    expect(alone.issues.length).toBeGreaterThan(0);
  });
});
