import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Issue } from "@helsekontakt/core";
import {
  canonicalInfoset,
  decodeXml,
  type ElementRegistry,
  encodeXml,
  parseXml,
  type XmlElement,
} from "@helsekontakt/types/xml";
import type { ElementRule, ElementRuleRegistry, TypeRuleRegistry } from "@helsekontakt/validators/xml";
import { XmlDocument, XmlParseError, XmlValidateError, XsdValidator } from "libxml2-wasm";
import { generateFromFolder } from "../../gen-xsd/src/project.ts";
import { createRuleInstanceMaker } from "./_rule-instances.ts";
import { readFacetValues } from "./_schema-facets.ts";
import { createRandom } from "./_schema-instances.ts";
import { createSchemaMutator } from "./_schema-mutations.ts";
import { createTally } from "./_tally.ts";
import { verdicts } from "./_verdicts.ts";
import { constructs } from "./_xsd-constructs.ts";

// Each construct of XSD 1.0 that the official schemas use or could use, in a schema of its own: the compiler's rules and
// libxml2 give the same verdict on documents made from it and on faults in them, and valid ones come back with an equal
// infoset. `xsd-constructs.ts SEED FACTOR` runs others.

const random = createRandom(Number(process.argv[2] ?? 20261125));
const factor = Number(process.argv[3] ?? 1);
const tally = createTally();
const counts: Record<string, number> = {
  constructs: 0,
  documents: 0,
  valid: 0,
  refused: 0,
  "round trips": 0,
  "known differences": 0,
};
const work = mkdtempSync(join(tmpdir(), "xsd-constructs-"));
const encoder = new TextEncoder();

function official(validator: XsdValidator, bytes: Uint8Array): string[] | undefined {
  let document: XmlDocument;
  try {
    document = XmlDocument.fromBuffer(bytes);
  } catch (error) {
    if (error instanceof XmlParseError) return undefined;
    throw error;
  }
  try {
    validator.validate(document);
    return [];
  } catch (error) {
    if (!(error instanceof XmlValidateError)) throw error;
    return error.details.map((d) => d.message.trim());
  } finally {
    document.dispose();
  }
}

/** What `known-differences.md` says of libxml2. */
function isKnown(ours: readonly Issue[], theirs: readonly string[]): boolean {
  if (theirs.length === 0)
    // References to no ID, an empty list of a built-in list type, and letters that base64 does not have.
    return ours.every(
      (i) =>
        (i.rule === "xsd/length" && /at least 1, found (?:empty|white)/.test(i.message)) ||
        i.rule === "xsd/idref" ||
        i.message.includes("base64"),
    );
  const spaced =
    /'(\s[^']*|[^']*\s)' is not a valid value of the (?:atomic type '(?:xs:(?:date|time|g)|\{urn:t\}T\d)|local union)/;
  const fixed = /The actual value '[-\s\d.]+' does not match the fixed value constraint '[-\d.]+'/;
  const year = /'\d{10,}' is not a valid value/;
  const emptyKey = /No precomputed value available/;
  return ours.length === 0 && theirs.every((m) => emptyKey.test(m) || spaced.test(m) || fixed.test(m) || year.test(m));
}

async function run(name: string, schema: string, seeds: readonly string[]): Promise<void> {
  const text = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t" elementFormDefault="qualified">${schema}</xs:schema>`;
  const from = join(work, name, "schema");
  mkdirSync(from, { recursive: true });
  writeFileSync(join(from, "t.xsd"), text);
  const output = generateFromFolder(from);
  tally.check(output.refused.length === 0, `${name}: ${output.refused[0]?.message}`);
  if (output.refused.length > 0) return;
  for (const file of output.files) {
    const target = join(work, name, file.path);
    mkdirSync(join(target, ".."), { recursive: true });
    writeFileSync(target, file.content.replaceAll(/(from "\.\/[^"]*)\.js"/g, '$1.ts"'));
  }
  const load = (part: string): Promise<unknown> => import(pathToFileURL(join(work, name, part, "index.ts")).href);
  const { rules, types } = (await load("rules")) as { rules: ElementRuleRegistry; types: TypeRuleRegistry };
  const { elements } = (await load("types")) as { elements: ElementRegistry };
  const validator = XsdValidator.fromDoc(XmlDocument.fromString(text));
  counts["constructs"] = (counts["constructs"] ?? 0) + 1;
  const one = (key: string): void => {
    counts[key] = (counts[key] ?? 0) + 1;
  };
  const compare = (label: string, bytes: Uint8Array, roundTrip: boolean): void => {
    const theirs = official(validator, bytes);
    if (theirs === undefined) return;
    const ours = verdicts(bytes, rules, types);
    one("documents");
    one(theirs.length === 0 ? "valid" : "refused");
    const first = ours.issues[0];
    const said = first === undefined ? "valid" : `${first.rule} ${first.path}: ${first.message}`;
    if (ours.valid !== (theirs.length === 0) && isKnown(ours.issues, theirs)) {
      one("known differences");
      return;
    }
    tally.check(
      ours.valid === (theirs.length === 0),
      `${label}: ours ${said}, official ${theirs[0] ?? "valid"}; ${Buffer.from(bytes)}`,
    );
    tally.check(!ours.sure || ours.explained, `${label}: the fast pass is sure, the explaining one refuses`);
    if (!roundTrip || theirs.length > 0) return;
    one("round trips");
    const { name: root, value } = decodeXml(bytes, { registry: elements });
    const again = encodeXml(root, value, { registry: elements });
    tally.check(canonicalInfoset(parseXml(again)) === canonicalInfoset(parseXml(bytes)), `${label}: another infoset`);
    // An infoset has no prefixes, but names in values need theirs.
    const fault = official(validator, again)?.[0];
    tally.check(fault === undefined, `${label}: written again ${fault}; ${Buffer.from(again)}`);
  };
  const make = createRuleInstanceMaker(rules, random);
  const element = (rule: ElementRule): XmlElement => parseXml(encoder.encode(make.element(rule)));
  const mutator = createSchemaMutator(rules, types, readFacetValues([join(from, "t.xsd")]), random, element);
  const texts = seeds.map((s) =>
    s.replace(/^<(\w+)/, '<$1 xmlns="urn:t" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'),
  );
  for (const root of Object.keys(rules))
    if (rules[root]?.abstract !== true) for (let i = 0; i < 10 * factor; i++) texts.push(make(root));
  texts.forEach((document, i) => {
    const bytes = encoder.encode(document);
    compare(`${name} ${i}`, bytes, true);
    const tree = parseXml(bytes);
    for (let j = 0; j < 20 * factor; j++) {
      const made = mutator.mutate(tree);
      if (made !== undefined) compare(`${name} ${i}, ${made.fault}`, made.bytes, false);
    }
  });
  validator.dispose();
}

try {
  // The generated modules find the packages whose types they name.
  writeFileSync(join(work, "package.json"), '{"type":"module"}');
  symlinkSync(fileURLToPath(new URL("../node_modules", import.meta.url)), join(work, "node_modules"));
  for (const [name, { schema, documents }] of Object.entries(constructs)) await run(name, schema, documents);
} finally {
  rmSync(work, { recursive: true, force: true });
}
tally.finish("xsd-constructs", counts);
