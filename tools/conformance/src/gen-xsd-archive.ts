import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  canonicalInfoset,
  decodeXml,
  type ElementRegistry,
  encodeXml,
  parseXml,
  type TypeRegistry,
} from "@helsekontakt/types/xml";
import { type ElementRuleRegistry, type TypeRuleRegistry, validateXml } from "@helsekontakt/validators/xml";
import { XmlDocument, XmlParseError, XmlValidateError, XsdValidator } from "libxml2-wasm";
import { xmlRegisterFsInputProviders } from "libxml2-wasm/lib/nodejs.mjs";
import { mutate } from "./_mutations.ts";
import { createRuleInstanceMaker } from "./_rule-instances.ts";
import { createRandom } from "./_schema-instances.ts";
import { createTally } from "./_tally.ts";
import { upstreamFiles, upstreamPath } from "./_upstream.ts";

// The schema compiler on the whole archive of official schemas: every schema compiles or is refused by name; the output
// compiles under the strictest options and loads; with it, every sample and many small faults get libxml2's verdict, and
// every valid sample comes back with an equal infoset.

const perSample = Number(process.env["HELSEKONTAKT_MUTATIONS"] ?? "25");
const perElement = Number(process.env["HELSEKONTAKT_INSTANCES"] ?? "2");
const root = fileURLToPath(new URL("../../..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "gen-xsd-archive-"));
const tally = createTally();
const counts: Record<string, number | string> = {};

try {
  const started = performance.now();
  const args = [join(root, "tools/gen-xsd/src/cli.ts"), "--from", upstreamPath("xsd"), "--out", join(work, "src")];
  const made = spawnSync(process.execPath, args, { encoding: "utf8" });
  process.stdout.write(made.stderr + made.stdout.replace(work, "OUT"));
  tally.check(made.status === 0, "gen-xsd failed");
  counts["seconds to generate"] = ((performance.now() - started) / 1000).toFixed(1);
  const numbers = /(\d+) schemas, (\d+) families, (\d+) types, (\d+) fields .*?(\d+) refused/.exec(made.stdout);
  tally.check(numbers?.[1] === String(upstreamFiles("xsd", [".xsd"]).length), "a schema was not read");
  tally.check(numbers?.[5] === "0", "a schema was refused");
  compile();
  await judge();
} finally {
  rmSync(work, { recursive: true, force: true });
}
tally.finish("gen-xsd-archive", counts);

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
  const random = createRandom(20261125);
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
  const n = {
    samples: 0,
    valid: 0,
    mutations: 0,
    refused: 0,
    instances: 0,
    "valid instances": 0,
    "round trips": 0,
    "keys not validated": 0,
    "base64 that libxml2 lets pass": 0,
  };
  const compare = (label: string, text: Uint8Array | string): boolean => {
    const theirs = verdict(text);
    if (theirs === undefined) return false;
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    const ours = validateXml(bytes, { registry: rules, types });
    const first = ours.issues.find((i) => i.level === "error");
    if (theirs.length > 0) n.refused++;
    if (ours.valid && theirs.every((m) => m.includes("identity-constraint")) && theirs.length > 0) {
      // The generator says by name that keys are not validated.
      n["keys not validated"]++;
      return false;
    }
    if (theirs.length === 0 && ours.issues.every((i) => i.rule === "xsd/type") && /%%%|²/.test(String(text))) {
      // libxml2 passes over characters that are not base64's; the specification does not.
      n["base64 that libxml2 lets pass"] += ours.valid ? 0 : 1;
      if (!ours.valid) return false;
    }
    const said = first ? `${first.rule} ${first.path} line ${first.line}` : "valid";
    tally.check(ours.valid === (theirs.length === 0), `${label}: ours ${said}, official ${theirs[0] ?? "valid"}`);
    return theirs.length === 0;
  };
  for (const file of upstreamFiles("samples")) {
    const bytes = readFileSync(upstreamPath(file));
    const tree = parseXml(bytes);
    if (!known.has(tree.ns)) continue;
    n.samples++;
    if (compare(file, bytes)) {
      n.valid++;
      const { name, value } = decodeXml(bytes, { registry: elements });
      const again = encodeXml(name, value, { registry: elements });
      tally.check(canonicalInfoset(parseXml(again)) === canonicalInfoset(tree), `${file}: another infoset`);
    }
    if (bytes.length > 200_000) continue;
    const document = XmlDocument.fromBuffer(bytes);
    const plain = document.toString({ noDeclaration: true, format: false });
    document.dispose();
    for (let i = 0; i < perSample; i++) {
      n.mutations++;
      compare(`${file}, mutation ${i}`, mutate(plain, random));
    }
  }
  // Documents made from the rules: each global element of the archive, and small faults in each.
  const make = createRuleInstanceMaker(rules, random);
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
      for (let j = 0; j < 3; j++) {
        n.mutations++;
        compare(`${name}, instance ${i}, mutation ${j}`, mutate(text, random));
      }
    }
  }
  Object.assign(counts, n);
}

/** The first line in which two infosets differ. */
function firstDifference(before: string, after: string): string | undefined {
  if (before === after) return undefined;
  const [left, right] = [before.split("\n"), after.split("\n")];
  const at = left.findIndex((line, i) => line !== right[i]);
  return `line ${at + 1}: ${left[at]} became ${right[at]} after ${left.slice(Math.max(0, at - 3), at).join(" ")}`;
}
