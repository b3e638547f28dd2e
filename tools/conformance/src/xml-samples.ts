import { readFileSync } from "node:fs";
import { HelsekontaktError } from "@helsekontakt/core";
import {
  canonicalInfoset,
  decodeXml,
  encodeXml,
  parseXml,
  serializeXml,
  type XmlElement,
} from "@helsekontakt/types/xml";
import { rules, types, validateXml } from "@helsekontakt/validators/xml";
import { registry } from "./_registry.ts";
import { createOfficialJudge, officialNamespaces } from "./_schemas.ts";
import { createTally } from "./_tally.ts";
import { upstreamFiles, upstreamPath } from "./_upstream.ts";

// Every official sample whose schemas are in specs/: the verdict of libxml2 with the official schemas is our verdict;
// those that are valid decode and come back with an equal infoset; those that are not are refused at the same element.

const tally = createTally();
const judge = createOfficialJudge();
const counts = {
  samples: 0,
  valid: 0,
  "round trips": 0,
  refused: 0,
  "with other payloads": 0,
  "of other schemas": 0,
  excerpts: 0,
};

/** Whether every element with a schema of its own stands in a namespace that specs/ has. */
function inScope(element: XmlElement): boolean {
  if (!officialNamespaces.has(element.ns)) return false;
  const free = element.name === "Sporsmal" || element.name === "TekstNotatInnhold";
  return free || element.content.every((c) => typeof c === "string" || c.ns === "" || inScope(c));
}

/** Lines of the start tags around each faulty element, so that a fault may be told at the element or at its parent. */
function near(lines: readonly number[], line: number | undefined): boolean {
  return line !== undefined && lines.some((l) => Math.abs(l - line) <= 1);
}

/** Payloads without a schema here come back as trees, and documents of other roots as trees as a whole. */
function otherSchemas(file: string, bytes: Uint8Array, tree: XmlElement): void {
  let again: Uint8Array;
  if (`{${tree.ns}}${tree.name}` in registry) {
    counts["with other payloads"]++;
    const decoded = decodeXml(bytes, { registry });
    again = encodeXml(decoded.name, decoded.value, { registry });
    tally.check(!validateXml(bytes, { registry: rules, types }).valid, `${file}: an unknown payload passed`);
  } else {
    counts["of other schemas"]++;
    again = serializeXml(tree);
    tally.check(
      validateXml(bytes, { registry: rules, types }).issues.some((i) => i.rule === "xsd/root-unknown"),
      `${file}: an unknown root passed`,
    );
  }
  tally.check(canonicalInfoset(parseXml(again)) === canonicalInfoset(tree), `${file}: the infoset of a tree changed`);
}

for (const file of upstreamFiles("samples")) {
  const bytes = readFileSync(upstreamPath(file));
  const tree = parseXml(bytes);
  if (!inScope(tree)) {
    otherSchemas(file, bytes, tree);
    continue;
  }
  counts.samples++;
  const official = judge(bytes);
  const ours = validateXml(bytes, { registry: rules, types });
  const summary = ours.issues
    .slice(0, 3)
    .map((i) => `${i.rule} ${i.path} line ${i.line}`)
    .join("; ");
  tally.check(
    ours.valid === official.valid,
    `${file}: official ${official.valid}, ours ${ours.valid}: ${summary} | ${official.messages.slice(0, 2).join("; ")}`,
  );
  if (!official.valid) {
    counts.refused++;
    for (const line of new Set(official.lines)) {
      tally.check(
        ours.issues.some((i) => near([line], i.line)),
        `${file}: no issue near line ${line}: ${summary}`,
      );
    }
    for (const issue of ours.issues) {
      // We go on behind a fault and also say what is missing at the end; libxml2 stops there.
      if (issue.rule === "xsd/element-missing") continue;
      tally.check(near(official.lines, issue.line), `${file}: issue at ${issue.path} line ${issue.line} is ours alone`);
    }
    continue;
  }
  counts.valid++;
  try {
    const decoded = decodeXml(bytes, { registry });
    tally.check(decoded.tolerated.length === 0, `${file}: something was left out`);
    const again = encodeXml(decoded.name, decoded.value, { registry });
    counts["round trips"]++;
    tally.check(canonicalInfoset(parseXml(again)) === canonicalInfoset(tree), `${file}: the infoset changed`);
    tally.check(judge(again).valid, `${file}: libxml2 refuses what we wrote`);
    tally.check(
      Buffer.compare(encodeXml(decoded.name, decodeXml(again, { registry }).value, { registry }), again) === 0,
      `${file}: a second round trip gave other bytes`,
    );
  } catch (error) {
    tally.miss(`${file}: ${error instanceof HelsekontaktError ? (error as HelsekontaktError).message : String(error)}`);
  }
}

// Excerpts are no documents: their prefixes are bound elsewhere.
for (const file of upstreamFiles("samples", [".xml.txt"])) {
  const bytes = readFileSync(upstreamPath(file));
  counts.excerpts++;
  tally.check(!judge(bytes).readable, `${file}: libxml2 reads the excerpt`);
  tally.check(
    validateXml(bytes, { registry: rules, types }).issues.some((i) => i.rule === "xml/not-well-formed"),
    `${file}: an unbound prefix passed`,
  );
}

tally.finish("xml-samples", counts);
