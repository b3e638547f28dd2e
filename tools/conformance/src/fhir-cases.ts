import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { HelsekontaktError } from "@helsekontakt/core";
import { fhirFromXml, fhirToXml, parseFhirJson, parseXhtml, stringifyFhirJson } from "@helsekontakt/types/fhir";
import { canonicalInfoset, parseXml, serializeXml } from "@helsekontakt/types/xml";
import { fhirProfiles, validateFhir } from "@helsekontakt/validators/fhir";
import { ownValidator as validator } from "@helsekontakt/validators/fhir-runtime";
import { canary, createFhirMutator } from "./_fhir-mutations.ts";
import { createTally } from "./_tally.ts";
import { upstreamPath } from "./_upstream.ts";

// HL7's own examples of the resource types in the build validate and come back from XML unchanged; the example and broken
// instances of the official folder get their listed verdicts. What belongs to profiles that this build does not have is
// counted as left out: gen-fhir-archive runs it.

const tally = createTally();
const counts = {
  "HL7 examples": 0,
  valid: 0,
  "round trips": 0,
  "not round-tripped, other types inside": 0,
  "broken found": 0,
  "left out, other profiles": 0,
  mutations: 0,
  "mutations with the same verdict after XML": 0,
  "mutations that XML cannot carry": 0,
};
const types =
  "Bundle CareTeam Endpoint EpisodeOfCare HealthcareService Location OperationOutcome Organization Patient Practitioner PractitionerRole".split(
    " ",
  );

/** Examples of HL7 that are not valid by R4's own rules, with the reason. */
const known: Readonly<Record<string, string>> = {
  "Bundle-dataelements.json": "bdl-7: entries with the same fullUrl and no version",
};

/** JSON with sorted keys; the narrative by its infoset, for XML has several spellings of one text. */
function canonical(value: unknown): string {
  return stringifyFhirJson(sorted(value) as object);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, k === "div" && typeof v === "string" ? canonicalInfoset(parseXhtml(v)) : sorted(v)]),
  );
}

/** True when a resource in it is of a type that the build has no tables for. */
function holdsOtherTypes(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsOtherTypes);
  if (typeof value !== "object" || value === null) return false;
  const type = (value as { resourceType?: unknown }).resourceType;
  return (typeof type === "string" && !types.includes(type)) || Object.values(value).some(holdsOtherTypes);
}

function check(name: string, text: string): void {
  const resource = parseFhirJson(text);
  const { valid, issues } = validateFhir(resource);
  const reason = known[name];
  if (valid) counts.valid++;
  tally.check(
    valid === (reason === undefined),
    `${name}: ${
      valid
        ? "valid, though listed as broken"
        : issues
            .slice(0, 3)
            .map((i) => `${i.rule} at ${i.path}`)
            .join("; ")
    }`,
  );
  if (holdsOtherTypes(resource)) {
    counts["not round-tripped, other types inside"]++;
    return;
  }
  try {
    const again = fhirFromXml(parseXml(serializeXml(fhirToXml(resource))));
    const same = canonical(again) === canonical(resource);
    if (same) counts["round trips"]++;
    tally.check(same, `${name}: changed on the way through XML`);
  } catch (error) {
    tally.miss(
      `${name}: ${HelsekontaktError.from(error).message} ${JSON.stringify(HelsekontaktError.from(error).context)}`,
    );
  }
}

const examples = dirname(
  createRequire(new URL("../../gen-fhir/package.json", import.meta.url)).resolve("hl7.fhir.r4.examples/package.json"),
);
for (const file of readdirSync(examples).sort()) {
  if (!types.includes(file.split("-")[0] as string) || !file.endsWith(".json")) continue;
  counts["HL7 examples"]++;
  check(file, readFileSync(join(examples, file), "utf8"));
}

// Mutations of the same examples: never another error than ours, no value in a message, and the verdict of the JSON form
// is that of the XML form wherever XML can carry the instance at all. The largest are left out for time only.
const mutate = createFhirMutator(7);
for (const file of readdirSync(examples).sort()) {
  if (!types.includes(file.split("-")[0] as string) || !file.endsWith(".json")) continue;
  const text = readFileSync(join(examples, file), "utf8");
  if (text.length > 60_000) continue;
  for (let i = 0; i < 40; i++) {
    const resource = parseFhirJson(text);
    mutate(resource);
    counts.mutations++;
    try {
      const { valid, issues } = validator.explain(resource);
      tally.check(validator.isClean(resource) === (issues.length === 0), `${file}, mutation ${i}: two verdicts`);
      for (const profile of fhirProfiles) validateFhir(resource, { profile });
      tally.check(!JSON.stringify(issues).includes(canary), `${file}, mutation ${i}: a value in an issue`);
      const again = fhirFromXml(parseXml(serializeXml(fhirToXml(resource))));
      const same = validateFhir(again).valid === valid;
      if (same) counts["mutations with the same verdict after XML"]++;
      tally.check(same, `${file}, mutation ${i}: another verdict after XML`);
    } catch (error) {
      if (error instanceof HelsekontaktError) counts["mutations that XML cannot carry"]++;
      else
        tally.miss(`${file}, mutation ${i}: ${error instanceof Error ? error.name : "a throw"} instead of our error`);
    }
  }
}

interface Listed {
  readonly file: string;
  readonly valid?: boolean;
  readonly profile?: string | readonly string[];
  readonly layer?: string;
  readonly fault?: string;
}

function listed(index: string): Listed[] {
  return JSON.parse(readFileSync(upstreamPath(`fhir/${index}`), "utf8")) as Listed[];
}

for (const entry of listed("examples/index.json")) {
  const text = readFileSync(upstreamPath(`fhir/${entry.file}`), "utf8");
  const { resourceType } = JSON.parse(text) as { resourceType: string };
  if (!types.includes(resourceType) || (entry.profile && entry.profile.length > 0)) {
    counts["left out, other profiles"]++;
    continue;
  }
  tally.check(entry.valid === true, `${entry.file}: expected an example listed as valid`);
  check(entry.file, text);
}

for (const entry of listed("broken/index.json")) {
  const resource = parseFhirJson(readFileSync(upstreamPath(`fhir/${entry.file}`), "utf8"));
  const { valid } = validateFhir(resource);
  if (entry.layer === "no-basis") {
    counts["left out, other profiles"]++;
    continue;
  }
  if (!valid) counts["broken found"]++;
  tally.check(!valid, `${entry.file}: ${entry.fault ?? ""} not found`);
}

tally.finish("fhir-cases", counts);
