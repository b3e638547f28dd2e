import { readFileSync } from "node:fs";
import { HelsekontaktError } from "@helsekontakt/core";
import { canonicalInfoset, decodeXml, encodeXml, parseXml, type XmlElement } from "@helsekontakt/types/xml";
import { rules, types, validateXml } from "@helsekontakt/validators/xml";
import { mutate } from "./_mutations.ts";
import { registry } from "./_registry.ts";
import { createInstanceMaker, createRandom, readSchemas } from "./_schema-instances.ts";
import { createOfficialJudge, officialFiles } from "./_schemas.ts";
import { createTally } from "./_tally.ts";
import { upstreamFiles, upstreamPath } from "./_upstream.ts";

// Random instances of the official schemas, and the official samples and these instances with one random fault each:
// libxml2 with the official schemas and our validator must agree on the verdict, and our first issue must stand on the
// line of libxml2's first (what differs on purpose is in known-differences.md); valid documents must come back from the codec with an equal infoset.

const perElement = Number(process.env["HELSEKONTAKT_INSTANCES"] ?? "20");
const perSeed = Number(process.env["HELSEKONTAKT_MUTATIONS"] ?? "20");
const perSample = Number(process.env["HELSEKONTAKT_SAMPLE_MUTATIONS"] ?? "200");
const tally = createTally();
const judge = createOfficialJudge();
const random = createRandom(20261125);
const encoder = new TextEncoder();
const counts = {
  documents: 0,
  valid: 0,
  "round trips": 0,
  refused: 0,
  "same first line": 0,
  "base64 that only libxml2 takes": 0,
  "refused by the codec for xsi:type on plain text": 0,
};

/** Without texts that are only white space: in an element that a fault emptied they are layout. */
function infoset(tree: XmlElement): string {
  return canonicalInfoset(tree).replaceAll(/^"(?:\\[nrt]| )+"\n/gm, "");
}

function check(text: string, label: string): void {
  const bytes = encoder.encode(text);
  const official = judge(bytes);
  if (!official.readable) return;
  counts.documents++;
  const ours = validateXml(bytes, { registry: rules, types });
  const first = ours.issues[0];
  const say = first === undefined ? "valid" : `${first.rule} ${first.path} line ${first.line}: ${first.message}`;
  // libxml2 passes over letters that base64 does not have; the specification, and we, do not.
  const stricter = official.valid && ours.issues.every((i) => i.message.includes("xs:base64Binary"));
  if (stricter && !ours.valid) {
    counts["base64 that only libxml2 takes"]++;
    return;
  }
  const agrees = ours.valid === official.valid;
  tally.check(agrees, `${label}: official ${official.messages[0]?.trim() ?? "valid"}; ours ${say}`);
  if (!agrees && process.argv.includes("--show")) process.stdout.write(`${text}\n`);
  if (!official.valid) {
    counts.refused++;
    if (first !== undefined && official.lines.length > 0) {
      const same = first.line === official.lines[0];
      if (same) counts["same first line"]++;
      tally.check(same, `${label}: official first line ${official.lines[0]}, ours ${say}`);
      const place = ours.issues.some((i) => official.lines.some((l) => Math.abs(l - (i.line ?? 0)) <= 1));
      tally.check(place, `${label}: official line ${official.lines.join(",")}, ours ${say}`);
    }
    return;
  }
  counts.valid++;
  const tree = parseXml(bytes);
  if (!(`{${tree.ns}}${tree.name}` in registry)) return;
  counts["round trips"]++;
  try {
    const decoded = decodeXml(bytes, { registry });
    const again = parseXml(encodeXml(decoded.name, decoded.value, { registry }));
    tally.check(infoset(again) === infoset(tree), `${label}: the infoset changed`);
  } catch (error) {
    if (error instanceof HelsekontaktError && error.message.includes("expected no xsi:type on an element of simple")) {
      counts["refused by the codec for xsi:type on plain text"]++;
      return;
    }
    tally.miss(`${label}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One start tag a line, so that the line of a fault is its place. */
function onePerLine(text: string): string {
  return text.replaceAll(/<(?=[A-Za-z])([^>]*)>/g, (_m, inner: string) => `<${inner.replace(/(\s*\/?)$/, "\n$1")}>`);
}

const set = readSchemas(officialFiles);
const maker = createInstanceMaker(set, random);
const seeds: { readonly label: string; readonly text: string; readonly faults: number }[] = [];
for (const name of set.globals.keys()) {
  for (let i = 0; i < perElement; i++) {
    const text = maker.element(name);
    const label = `instance ${i} of ${name}`;
    check(text, label);
    if (i < 5) seeds.push({ label, text, faults: perSeed });
  }
}
for (const file of upstreamFiles("samples")) {
  const bytes = readFileSync(upstreamPath(file));
  if (bytes.length > 100_000) continue;
  const tree = parseXml(bytes);
  if (!(`{${tree.ns}}${tree.name}` in rules)) continue;
  const text = new TextDecoder().decode(bytes).replace(/^\s*<\?xml[^>]*\?>\s*/, "");
  seeds.push({ label: file, text: onePerLine(text), faults: perSample });
}
for (const { label, text, faults } of seeds) {
  for (let i = 0; i < faults; i++) check(mutate(text, random), `${label}, fault ${i}`);
}

tally.finish("xml-instances", counts);
