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
import { createRandom } from "./_schema-instances.ts";
import { createTally } from "./_tally.ts";
import { upstreamFiles, upstreamPath } from "./_upstream.ts";

// The schema compiler on the whole archive of official schemas: every schema compiles or is refused by name; the output
// compiles under the strictest options and loads; with it, every sample and many small faults get libxml2's verdict, and
// every valid sample comes back with an equal infoset.

const perSample = Number(process.env["HELSEKONTAKT_MUTATIONS"] ?? "25");
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

async function judge(): Promise<void> {
  const load = async (part: string): Promise<unknown> =>
    import(pathToFileURL(join(work, "out", work, "src", part, "index.js")).href);
  const { elements, types: typeTables } = (await load("types")) as { elements: ElementRegistry; types: TypeRegistry };
  const { rules, types } = (await load("rules")) as { rules: ElementRuleRegistry; types: TypeRuleRegistry };
  counts["global elements"] = Object.keys(rules).length;
  tally.check(Object.keys(elements).length === Object.keys(rules).length, "types and rules know different elements");
  counts["named complex types"] = Object.keys(typeTables).length;

  xmlRegisterFsInputProviders();
  const driver = XmlDocument.fromBuffer(readFileSync(upstreamPath("xsd/all.xsd")), {
    url: upstreamPath("xsd/all.xsd"),
  });
  const official = XsdValidator.fromDoc(driver);
  const known = new Set(Object.keys(rules).map((name) => name.replace(/^\{|\}.*$/g, "")));
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
  const n = { samples: 0, valid: 0, mutations: 0, refused: 0 };
  const compare = (label: string, text: Uint8Array | string): boolean => {
    const theirs = verdict(text);
    if (theirs === undefined) return false;
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    const ours = validateXml(bytes, { registry: rules, types });
    const first = ours.issues.find((i) => i.level === "error");
    if (theirs.length > 0) n.refused++;
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
  Object.assign(counts, n);
}
