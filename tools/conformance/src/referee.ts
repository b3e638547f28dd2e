import { readFileSync } from "node:fs";
import { decodeXmlBytes, parseXml, splitClark } from "@helsekontakt/types/xml";
import { ruleCatalogue, validateFhir, validateMessage } from "@helsekontakt/validators";
import { mutate } from "./_mutations.ts";
import { createTally } from "./_tally.ts";
import { upstreamFiles, upstreamPath } from "./_upstream.ts";

// The referee over the official samples. The guides' own examples are not perfect: what readers have to tolerate gives
// warnings, never errors. Whatever it says, over the samples as they are and with faults put in, has a catalogue entry and
// its level, and a document that it found valid had no error.

const tally = createTally();
const faultsEach = 200;
const counts = {
  samples: 0,
  "examples of the guides": 0,
  "with faults": 0,
  valid: 0,
  "rules seen": 0,
  "warnings on samples": 0,
};
const seen = new Set<string>();

/** Numbers from 0 to n - 1, the same in every run. */
function randomOf(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

function judge(file: string, bytes: Uint8Array): ReturnType<typeof validateMessage> {
  const result = validateMessage(bytes, { spelling: "both" });
  for (const issue of result.issues) {
    seen.add(issue.rule);
    const entry = ruleCatalogue.get(issue.rule);
    tally.check(entry !== undefined, `${file}: ${issue.rule} has no catalogue entry`);
    tally.check(
      entry?.level === "varies" || entry?.level === issue.level,
      `${file}: ${issue.rule} came as ${issue.level}`,
    );
    tally.check(/^expected .+, found .+/s.test(issue.message), `${file}: ${issue.rule} says "${issue.message}"`);
  }
  tally.check(result.valid === !result.issues.some((i) => i.level === "error"), `${file}: verdict and issues differ`);
  return result;
}

/** A list of services as the guide prints it, in a header of ours: it stands without one there. */
function inMessage(payload: string): Uint8Array {
  const oid = "2.16.578.1.12.4.1.1";
  const party = (id: number): string =>
    `<Organisation><OrganisationName>A</OrganisationName><Ident><Id>${id}</Id><TypeId V="HER" S="${oid}.9051"/></Ident>`;
  const both = (id: number): string => `${party(id)}${party(id + 1)}</Organisation></Organisation>`;
  return new TextEncoder().encode(
    `<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"><MsgInfo><Type V="DIALOG_INNBYGGER_TJENESTEOVERSIKT"/><MIGversion>v1.2 2006-05-24</MIGversion><GenDate>2019-01-01T08:00:00Z</GenDate><MsgId>7b7f2a9e-6f50-4a7e-8a5b-3c1c0f3d2e10</MsgId><Ack V="J"/><Sender>${both(200_001)}</Sender><Receiver>${both(100_001)}</Receiver><Patient><FamilyName>Syntetisk</FamilyName><GivenName>Signe</GivenName><Ident><Id>17851360018</Id><TypeId V="FNR" S="${oid}.8116"/></Ident></Patient></MsgInfo><Document><RefDoc><MsgType V="XML"/><Content>${payload}</Content></RefDoc></Document></MsgHead>`,
  );
}

for (const [at, file] of upstreamFiles("samples").entries()) {
  const original = readFileSync(upstreamPath(file));
  const { ns, name } = parseXml(original);
  const isList = name === "TjenesteOversikt";
  if (name !== "MsgHead" && name !== "AppRec" && !isList) continue;
  const text = decodeXmlBytes(original).text;
  const bytes = isList ? inMessage(text.replace(/^[^<]*<\?xml[^>]*\?>/, "")) : original;
  const { issues, root } = judge(file, bytes);
  counts.samples++;
  counts["warnings on samples"] += issues.filter((i) => i.level === "warning").length;
  tally.check(root !== undefined && splitClark(root).ns === (isList ? splitClark(root).ns : ns), `${file}: root`);
  // Schema faults of samples are xml-samples' matter; no rule beyond the schema may refuse one.
  const own = issues.filter((i) => i.level === "error" && !i.rule.startsWith("xsd/"));
  tally.check(own.length === 0, `${file}: ${own.map((i) => `${i.rule} ${i.path}`).join("; ")}`);
  if (isList || file.includes("ekontakt-1.2")) {
    counts["examples of the guides"]++;
    const errors = issues.filter((i) => i.level === "error");
    tally.check(errors.length === 0, `${file}: ${errors.map((i) => `${i.rule} ${i.path}`).join("; ")}`);
  }
  if (bytes.length > 200_000) continue;
  const random = randomOf(at + 1);
  const source = isList ? new TextDecoder().decode(bytes) : text;
  for (let i = 0; i < faultsEach; i++) {
    const faulty = new TextEncoder().encode(mutate(source, random));
    counts["with faults"]++;
    try {
      if (judge(`${file} with fault ${i}`, faulty).valid) counts.valid++;
    } catch (error) {
      tally.miss(`${file} with fault ${i}: ${String(error)}`);
    }
  }
}

for (const file of upstreamFiles("fhir/broken", [".json"])) {
  let resource: unknown;
  try {
    resource = JSON.parse(readFileSync(upstreamPath(file), "utf8"));
  } catch {
    continue;
  }
  for (const { rule } of validateFhir(resource).issues) {
    seen.add(rule);
    tally.check(ruleCatalogue.has(rule), `${file}: ${rule} has no catalogue entry`);
  }
}

counts["rules seen"] = seen.size;
tally.finish("referee", counts);
