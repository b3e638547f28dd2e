import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  type TypeRegistry,
  type XmlElement,
} from "@helsekontakt/types/xml";
import type { ElementRule, ElementRuleRegistry, TypeRuleRegistry } from "@helsekontakt/validators/xml";
import { XmlDocument, XmlParseError, XmlValidateError, XsdValidator } from "libxml2-wasm";
import { xmlRegisterFsInputProviders } from "libxml2-wasm/lib/nodejs.mjs";
import { mutate } from "./_mutations.ts";
import { createRuleInstanceMaker } from "./_rule-instances.ts";
import { readFacetValues } from "./_schema-facets.ts";
import { createRandom } from "./_schema-instances.ts";
import { createSchemaMutator } from "./_schema-mutations.ts";
import { createTally } from "./_tally.ts";
import { upstreamFiles, upstreamPath } from "./_upstream.ts";
import { verdicts } from "./_verdicts.ts";

// The schema compiler on the whole archive of official schemas: every schema compiles or is refused by name; the output
// compiles under the strictest options and loads; with it, every sample, every kind of fault that the schemas make possible
// in it, and documents made from the schemas get libxml2's verdict, from both passes of the validator; every valid one
// comes back with an equal infoset. `gen-xsd-archive.ts SEED FACTOR` runs other and more documents, as a nightly run does.

const seed = Number(process.argv[2] ?? 20261125);
const factor = Number(process.argv[3] ?? 1);
const perSample = 200 * factor;
const perElement = 4 * factor;
const root = fileURLToPath(new URL("../../..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "gen-xsd-archive-"));
const tally = createTally();
const counts: Record<string, number | string> = {};
const passing: Record<string, number | string> = {};

try {
  const started = performance.now();
  const args = [join(root, "tools/gen-xsd/src/cli.ts"), "--from", upstreamPath("xsd"), "--out", join(work, "src")];
  const made = spawnSync(process.execPath, args, { encoding: "utf8" });
  process.stdout.write(made.stderr + made.stdout.replace(work, "OUT"));
  tally.check(made.status === 0, "gen-xsd failed");
  passing["seconds to generate"] = ((performance.now() - started) / 1000).toFixed(1);
  const numbers = /(\d+) schemas, (\d+) families, (\d+) types, (\d+) fields .*?(\d+) refused/.exec(made.stdout);
  tally.check(numbers?.[1] === String(upstreamFiles("xsd", [".xsd"]).length), "a schema was not read");
  tally.check(numbers?.[5] === "0", "a schema was refused");
  compile();
  await judge();
} finally {
  rmSync(work, { recursive: true, force: true });
}
tally.finish("gen-xsd-archive", counts, passing);

/** Type checks the output, and writes the JavaScript that is loaded afterwards. */
function compile(): void {
  writeFileSync(join(work, "package.json"), '{"type":"module"}');
  const contracts = {
    "@helsekontakt/types/xml": [join(work, "contract.ts")],
    "@helsekontakt/validators/xml": [join(root, "packages/validators/src/xsd/rules.ts")],
  };
  const xml = join(root, "packages/types/src/xml");
  const lines = ["table.ts", "tree.ts"].map((f) => `export type * from ${JSON.stringify(join(xml, f))};\n`);
  writeFileSync(join(work, "contract.ts"), lines.join(""));
  const options = { types: [], paths: contracts, rootDir: "/", outDir: join(work, "out"), declaration: false };
  writeFileSync(
    join(work, "tsconfig.json"),
    JSON.stringify({
      extends: join(root, "tools/config/tsconfig.base.json"),
      compilerOptions: { ...options, declarationMap: false, sourceMap: false, noUnusedLocals: true },
      include: ["src"],
    }),
  );
  const checked = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", work], { encoding: "utf8" });
  const errors = checked.stdout.split("\n").filter((l) => l.includes("error TS"));
  counts["type errors"] = errors.length;
  tally.check(checked.status === 0, `the output does not compile: ${errors.slice(0, 5).join("; ")}`);
}

async function load(part: string): Promise<unknown> {
  return import(pathToFileURL(join(work, "out", work, "src", part, "index.js")).href);
}

type Count =
  | "samples"
  | "samples without a schema"
  | "valid"
  | "documents"
  | "mutations"
  | "sure at once"
  | "refused"
  | "instances"
  | "valid instances"
  | "round trips";

/** The name of the difference from libxml2 that explains two verdicts, if `known-differences.md` has one. */
function knownDifference(ours: readonly Issue[], theirs: readonly string[]): string | undefined {
  const all = (test: (issue: Issue) => boolean): boolean => ours.length > 0 && ours.every(test);
  if (theirs.length === 0) {
    if (all((i) => i.message.includes("xs:base64Binary"))) return "base64 that libxml2 lets pass";
    if (all((i) => i.rule === "xsd/fixed" && /\/@[^:/]+:[^/]+$/.test(i.path)))
      return "fixed values of attribute references that libxml2 lets pass";
    return undefined;
  }
  if (ours.length === 0 && theirs.every((m) => /'\d{10,}' is not a valid value of the local union type/.test(m)))
    return "years of ten digits and more that libxml2 refuses";
  const spaced = /'(\s[^']*|[^']*\s)' is not a valid value of the atomic type 'xs:(?:date|dateTime|time|g[A-Z]\w+)'/;
  return ours.length === 0 && theirs.every((m) => spaced.test(m))
    ? "white space around dates that libxml2 refuses"
    : undefined;
}

async function judge(): Promise<void> {
  const { elements, types: typeTables } = (await load("types")) as { elements: ElementRegistry; types: TypeRegistry };
  const { rules: all, types } = (await load("rules")) as { rules: ElementRuleRegistry; types: TypeRuleRegistry };
  counts["global elements"] = Object.keys(all).length;
  tally.check(Object.keys(elements).length === Object.keys(all).length, "types and rules know different elements");
  counts["named complex types"] = Object.keys(typeTables).length;

  xmlRegisterFsInputProviders();
  const driver = XmlDocument.fromBuffer(readFileSync(upstreamPath("xsd/all.xsd")), {
    url: upstreamPath("xsd/all.xsd"),
  });
  const official = XsdValidator.fromDoc(driver);
  // The namespaces that the driver gives to libxml2; ours knows some more.
  const driverText = readFileSync(upstreamPath("xsd/all.xsd"), "utf8");
  const known = new Set([...driverText.matchAll(/<xs:import namespace="([^"]*)"/g)].map((m) => m[1] as string));
  const rules = Object.fromEntries(Object.entries(all).filter(([name]) => known.has(name.replace(/^\{|\}.*$/g, ""))));
  const random = createRandom(seed);
  const verdict = (text: Uint8Array | string): string[] | undefined => {
    let document: XmlDocument;
    try {
      document = typeof text === "string" ? XmlDocument.fromString(text) : XmlDocument.fromBuffer(text);
    } catch (error) {
      if (error instanceof XmlParseError) return undefined;
      throw error;
    }
    try {
      official.validate(document);
      return [];
    } catch (error) {
      if (!(error instanceof XmlValidateError)) throw error;
      return error.details.map((d) => `line ${d.line}: ${d.message.trim()}`);
    } finally {
      document.dispose();
    }
  };
  const n: Record<string, number> & Record<Count, number> = {
    samples: 0,
    "samples without a schema": 0,
    valid: 0,
    documents: 0,
    mutations: 0,
    "sure at once": 0,
    refused: 0,
    instances: 0,
    "valid instances": 0,
    "round trips": 0,
  };
  const compare = (label: string, text: Uint8Array | string): boolean => {
    const theirs = verdict(text);
    if (theirs === undefined) return false;
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    const ours = verdicts(bytes, rules, types);
    const first = ours.issues.find((i) => i.level === "error");
    n.documents++;
    if (theirs.length > 0) n.refused++;
    if (ours.sure) n["sure at once"]++;
    tally.check(!ours.sure || ours.explained, `${label}: the fast pass is sure, the explaining one refuses`);
    tally.check(ours.valid === ours.explained, `${label}: the public verdict is not the explained one`);
    if (ours.valid !== (theirs.length === 0)) {
      const known = knownDifference(ours.issues, theirs);
      if (known !== undefined) {
        n[known] = (n[known] ?? 0) + 1;
        return false;
      }
    }
    const said = first ? `${first.rule} ${first.path} line ${first.line}` : "valid";
    tally.check(ours.valid === (theirs.length === 0), `${label}: ours ${said}, official ${theirs[0] ?? "valid"}`);
    return theirs.length === 0;
  };
  const make = createRuleInstanceMaker(rules, random);
  const encoder = new TextEncoder();
  const schemas = upstreamFiles("xsd", [".xsd"]).map(upstreamPath);
  const element = (rule: ElementRule): XmlElement => parseXml(encoder.encode(make.element(rule)));
  const mutator = createSchemaMutator(rules, types, readFacetValues(schemas), random, element);
  const faults: Record<string, number> = {};
  const schemaFaults = (label: string, tree: XmlElement, times: number): void => {
    for (let i = 0; i < times; i++) {
      const made = mutator.mutate(tree);
      if (made === undefined) continue;
      n.mutations++;
      faults[made.fault] = (faults[made.fault] ?? 0) + 1;
      compare(`${label}, ${made.fault} ${i}`, made.bytes);
    }
  };
  for (const file of upstreamFiles("samples")) {
    const bytes = readFileSync(upstreamPath(file));
    const tree = parseXml(bytes);
    if (!known.has(tree.ns)) {
      // The collection lacks some schemas of the archive; both then say that they do not know the root.
      n["samples without a schema"]++;
      tally.check(!compare(file, bytes), `${file}: a root that no schema has passed`);
      continue;
    }
    n.samples++;
    if (compare(file, bytes)) {
      n.valid++;
      const { name, value } = decodeXml(bytes, { registry: elements });
      const again = encodeXml(name, value, { registry: elements });
      tally.check(canonicalInfoset(parseXml(again)) === canonicalInfoset(tree), `${file}: another infoset`);
    }
    schemaFaults(file, tree, perSample);
    if (bytes.length > 200_000) continue;
    const document = XmlDocument.fromBuffer(bytes);
    const plain = document.toString({ noDeclaration: true, format: false });
    document.dispose();
    for (let i = 0; i < perSample / 8; i++) {
      n.mutations++;
      compare(`${file}, mutation ${i}`, mutate(plain, random));
    }
  }
  // Documents made from the rules: each global element of the archive, and small faults in each.
  for (const [name, rule] of Object.entries(rules)) {
    if (rule.abstract) continue;
    for (let i = 0; i < perElement; i++) {
      // A text value is a string for the codec: an `xsi:type` on it is validated but not kept, so only verdicts compare.
      const simpleXsiType = i % 2 === 1;
      const text = make(name, { simpleXsiType });
      n.instances++;
      const valid = compare(`${name}, instance ${i}`, text);
      if (valid) n["valid instances"]++;
      if (valid && !simpleXsiType) {
        n["round trips"]++;
        const bytes = new TextEncoder().encode(text);
        const decoded = decodeXml(bytes, { registry: elements });
        const again = encodeXml(decoded.name, decoded.value, { registry: elements });
        const difference = firstDifference(canonicalInfoset(parseXml(bytes)), canonicalInfoset(parseXml(again)));
        tally.check(difference === undefined, `${name}, instance ${i}: another infoset, ${difference}`);
      }
      if (text.length > 100_000) continue;
      schemaFaults(`${name}, instance ${i}`, parseXml(encoder.encode(text)), 6);
    }
  }
  Object.assign(counts, n, faults);
}

/** The first line in which two infosets differ. */
function firstDifference(before: string, after: string): string | undefined {
  if (before === after) return undefined;
  const [left, right] = [before.split("\n"), after.split("\n")];
  const at = left.findIndex((line, i) => line !== right[i]);
  return `line ${at + 1}: ${left[at]} became ${right[at]} after ${left.slice(Math.max(0, at - 3), at).join(" ")}`;
}
