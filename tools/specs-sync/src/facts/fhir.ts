import { GeneratorError } from "@helsekontakt/codegen";
import { FactList, type Facts, type Value } from "../fact.ts";

type Json = Readonly<Record<string, unknown>>;

/** What a StructureDefinition, ValueSet or CodeSystem states. @throws {GeneratorError} for other resources */
export function fhirFacts(parsed: unknown, name: string): Facts {
  const resource = parsed as Json;
  const facts = new FactList();
  switch (resource["resourceType"]) {
    case "StructureDefinition":
      structureFacts(facts, resource);
      break;
    case "ValueSet":
      valueSetFacts(facts, resource);
      break;
    case "CodeSystem":
      facts.add({
        ...top("code system", resource),
        values: { url: text(resource["url"]), content: text(resource["content"]) },
      });
      conceptFacts(facts, resource["concept"], "");
      break;
    default:
      throw new GeneratorError(
        name,
        undefined,
        String(resource["resourceType"]),
        "StructureDefinition, ValueSet or CodeSystem",
      );
  }
  return facts.facts;
}

function top(
  kind: string,
  resource: Json,
): { place: string; parent: undefined; kind: string; name: string; side: "both" } {
  return {
    place: "definition",
    parent: undefined,
    kind,
    name: String(resource["name"] ?? resource["id"]),
    side: "both",
  };
}

function structureFacts(facts: FactList, resource: Json): void {
  facts.add({
    ...top("profile", resource),
    values: {
      url: text(resource["url"]),
      type: text(resource["type"]),
      base: text(resource["baseDefinition"]),
      derivation: text(resource["derivation"]),
      abstract: resource["abstract"] === true ? true : undefined,
      context: resource["context"] as Value | undefined,
    },
  });
  // A profile's own statements; what it takes over from its base is compared with the base.
  const elements = (elementsOf(resource["differential"]) ?? elementsOf(resource["snapshot"]) ?? []) as Json[];
  for (const element of elements) {
    const id = String(element["id"] ?? element["path"]);
    const parent = parentOf(id);
    facts.add({
      place: id,
      parent: parent === undefined ? undefined : facts.facts.has(parent) ? parent : undefined,
      kind: "element",
      name: id.slice((parent?.length ?? -1) + 1),
      side: "both",
      values: elementValues(element),
    });
  }
}

function parentOf(id: string): string | undefined {
  const at = Math.max(id.lastIndexOf("."), id.lastIndexOf(":"));
  return at < 0 ? undefined : id.slice(0, at);
}

function elementsOf(part: unknown): unknown[] | undefined {
  const elements = (part as Json | undefined)?.["element"];
  return Array.isArray(elements) && elements.length > 0 ? elements : undefined;
}

function elementValues(element: Json): Record<string, Value | undefined> {
  const out: Record<string, Value | undefined> = {};
  for (const [key, value] of Object.entries(element)) {
    if (key === "min" && typeof value === "number") out["min"] = value;
    else if (key === "max") out["max"] = value === "*" ? "unbounded" : Number(value);
    else if (key === "type") out["type"] = (value as Json[]).map((t) => typeText(t)).sort();
    else if (key === "binding") {
      out["bindingStrength"] = text((value as Json)["strength"]);
      out["valueSet"] = text((value as Json)["valueSet"]);
    } else if (key === "slicing") out["slicing"] = value as Value;
    else if (key === "constraint")
      for (const c of value as Json[])
        out[`constraint ${String(c["key"])}`] = `${String(c["severity"])}: ${String(c["expression"])}`;
    else if (/^(fixed|pattern)[A-Z]/.test(key))
      out[key.startsWith("fixed") ? "fixed" : "patternValue"] = value as Value;
    else if (/^(min|max)Value[A-Z]/.test(key)) out[key.startsWith("min") ? "minimum" : "maximum"] = value as Value;
    else if (key === "maxLength") out["maxLength"] = value as number;
    else if (key === "mustSupport" || key === "isModifier") out[key] = value === true ? true : undefined;
    else if (key === "sliceName" || key === "contentReference") out[key] = text(value);
  }
  return out;
}

function typeText(type: Json): string {
  const parts = [String(type["code"])];
  for (const key of ["profile", "targetProfile", "aggregation"]) {
    const values = type[key];
    if (Array.isArray(values)) parts.push(`${key} ${[...values].map(String).sort().join(" ")}`);
  }
  return parts.join(", ");
}

function valueSetFacts(facts: FactList, resource: Json): void {
  facts.add({ ...top("value set", resource), values: { url: text(resource["url"]) } });
  const compose = resource["compose"] as Json | undefined;
  for (const part of ["include", "exclude"]) {
    const list = compose?.[part];
    if (!Array.isArray(list)) continue;
    for (const include of list as Json[]) {
      const system = String(include["system"] ?? "");
      const concepts = include["concept"];
      if (Array.isArray(concepts)) conceptFacts(facts, concepts, `${part} ${system} `);
      else
        facts.add({
          place: `${part} ${system}`,
          parent: undefined,
          kind: part,
          name: system,
          side: "both",
          values: {
            filter: include["filter"] as Value | undefined,
            valueSet: include["valueSet"] as Value | undefined,
          },
        });
    }
  }
}

function conceptFacts(facts: FactList, concepts: unknown, prefix: string): void {
  if (!Array.isArray(concepts)) return;
  for (const concept of concepts as Json[]) {
    const code = String(concept["code"]);
    facts.add({
      place: `${prefix}${code}`,
      parent: undefined,
      kind: "code",
      name: code,
      side: "both",
      values: { label: text(concept["display"]) },
    });
    conceptFacts(facts, concept["concept"], `${prefix}${code}.`);
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
