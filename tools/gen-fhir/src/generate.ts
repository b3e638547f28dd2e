import { byCodeUnit, type GeneratedFile, GeneratorError, header, readManifest } from "@helsekontakt/codegen";
import { createHash } from "node:crypto";
import { emitTypes } from "./emit-types.ts";
import { emitValidators } from "./emit-validators.ts";
import { buildModel } from "./model.ts";
import { Profiles } from "./profiles.ts";
import { coreFolder, coreVersion, type DefinitionSource, openSource } from "./source.ts";

/** Resource types of R4 that the payloads use or that may stand beside them in a Bundle. */
export const closureRoots = [
  "Bundle",
  "CareTeam",
  "Endpoint",
  "EpisodeOfCare",
  "HealthcareService",
  "Location",
  "OperationOutcome",
  "Organization",
  "Patient",
  "Practitioner",
  "PractitionerRole",
] as const;

/** Name of this generator in what it writes. */
export const tool = "tools/gen-fhir";

/** The first lines of the modules of R4, and of those of the profiles. */
export interface Heads {
  readonly core: string;
  readonly profiles: string;
}

/** Everything that one target's `src/gen/fhir` holds. */
export function generate(target: string, specs: string, core: string = coreFolder()): GeneratedFile[] {
  const source = openSource(`${specs}/fhir`, core);
  const entries = readManifest(specs).filter((e) => e.kind === "fhir");
  // One sum over all profile documents keeps the header short: each has its own line in the manifest.
  const sums = entries.map((e) => `${e.path} ${e.sha256}\n`).sort(byCodeUnit);
  return generateFrom(source, closureRoots, target, {
    core: `${header(tool, [])}// @generated from hl7.fhir.r4.examples version ${coreVersion}\n\n`,
    profiles: `${header(tool, [
      { path: "fhir", version: "0.1.0", sha256: createHash("sha256").update(sums.join("")).digest("hex") },
    ])}\n`,
  });
}

/** The modules of one target for the profiles of a source, with the types that they and `roots` need. */
export function generateFrom(
  source: DefinitionSource,
  roots: readonly string[],
  target: string,
  heads: Heads,
): GeneratedFile[] {
  const model = readPlaced(
    () => buildModel(source, [...new Set([...roots, ...source.own.map((d) => d.type)])]),
    source,
  );
  const profiles = new Profiles(model, source);
  const all = readPlaced(() => profiles.readAll(), source);
  try {
    if (target === "types") return emitTypes(model, all, source, heads);
    if (target === "validators") return emitValidators(model, profiles, source, heads);
  } catch (error) {
    throw placed(error, source);
  }
  throw new GeneratorError("the command line", undefined, `--target ${target}`, "types or validators");
}

function readPlaced<T>(read: () => T, source: DefinitionSource): T {
  try {
    return read();
  } catch (error) {
    throw placed(error, source);
  }
}

/** A refusal that names one of our definitions by its address gets the file and line of the element or constraint. */
function placed(error: unknown, source: DefinitionSource): unknown {
  if (!(error instanceof GeneratorError)) return error;
  const own = source.own.find((d) => error.file.split(" ").includes(d.url));
  if (!own) return error;
  const key = /invariant (\S+)/.exec(error.file)?.[1];
  const id = new RegExp(`\\b${own.type}\\.[\\w[\\].:-]*[\\w\\]]`).exec(`${error.construct} ${error.file}`)?.[0];
  // The element id may have a property of ElementDefinition behind it.
  const texts = key ? [`"${key}"`] : id ? [`"${id}"`, `"${id.slice(0, id.lastIndexOf("."))}"`] : [];
  const place =
    texts.map((t) => source.locate(own.url, t)).find((p) => p?.line !== undefined) ?? source.locate(own.url, "");
  const expected = /: expected (.*), found /s.exec(error.message)?.[1] ?? "another construct";
  return new GeneratorError(place?.file ?? error.file, place?.line, error.construct, expected);
}
