import { byCodeUnit, GeneratorError } from "@helsekontakt/codegen";
import type { Constraint, ElementDefinition, StructureDefinition } from "./definitions.ts";
import type { DefinitionSource } from "./source.ts";
import { type CodesBySystem, codesOfAll, hasAnyCase } from "./value-sets.ts";

/** One JSON property of a field: a choice has one for each type. */
export interface Alternative {
  readonly json: string;
  /** Name of a primitive, or of a type in the model (`Period`, `Patient.contact`), or `Resource`. */
  readonly type: string;
}

export interface Field {
  /** Name in the definition, without `[x]`. */
  readonly name: string;
  readonly choice: boolean;
  readonly alternatives: readonly Alternative[];
  readonly list: boolean;
  readonly min: number;
  /** An XML attribute that has no `_` sibling in JSON: `id` of an element, `Extension.url`. */
  readonly attribute: boolean;
  /** Key in {@link Model.valueSets} of a required binding on a code. */
  readonly codes?: string;
  /** Key in {@link Model.bindings} of a required binding on another coded type. */
  readonly bound?: string;
  /** Check of the form of a code whose list is kept outside FHIR. */
  readonly form?: string;
  /** Resource types that a Reference may name; absent where any will do. */
  readonly targets?: readonly string[];
  /** Constraints of the element itself, to be held by every value. */
  readonly constraints: readonly Constraint[];
  readonly source: string;
}

export interface TypeModel {
  readonly name: string;
  readonly kind: "resource" | "complex";
  readonly abstract: boolean;
  /** Name of the type whose fields come first, for the TypeScript side. */
  readonly base: string | undefined;
  readonly fields: readonly Field[];
  readonly constraints: readonly Constraint[];
  readonly source: string;
}

export interface Model {
  readonly types: ReadonlyMap<string, TypeModel>;
  readonly primitives: ReadonlySet<string>;
  readonly valueSets: ReadonlyMap<string, readonly string[]>;
  /** Required value sets of Coding, CodeableConcept and the like. */
  readonly bindings: ReadonlyMap<string, CodesBySystem>;
  /** Key and expression of every constraint of these types: a profile's snapshot repeats them. */
  readonly coreConstraints: ReadonlySet<string>;
  /** Names of all resource types of R4, in the closure or not. */
  readonly resourceTypes: readonly string[];
  readonly notChecked: readonly string[];
}

/** The regular expression that R4 states for each primitive; validators implement exactly these, by character code. */
const primitiveForms: Readonly<Record<string, string | undefined>> = {
  base64Binary: "(\\s*([0-9a-zA-Z\\+/=]){4}\\s*)+",
  boolean: "true|false",
  canonical: "\\S*",
  code: "[^\\s]+(\\s[^\\s]+)*",
  date: "([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)(-(0[1-9]|1[0-2])(-(0[1-9]|[1-2][0-9]|3[0-1]))?)?",
  dateTime:
    "([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)(-(0[1-9]|1[0-2])(-(0[1-9]|[1-2][0-9]|3[0-1])(T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?(Z|(\\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00)))?)?)?",
  decimal: "-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?",
  id: "[A-Za-z0-9\\-\\.]{1,64}",
  instant:
    "([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)-(0[1-9]|1[0-2])-(0[1-9]|[1-2][0-9]|3[0-1])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?(Z|(\\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00))",
  integer: "-?([0]|([1-9][0-9]*))",
  markdown: "[ \\r\\n\\t\\S]+",
  oid: "urn:oid:[0-2](\\.(0|[1-9][0-9]*))+",
  positiveInt: "[1-9][0-9]*",
  string: "[ \\r\\n\\t\\S]+",
  time: "([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?",
  unsignedInt: "[0]|([1-9][0-9]*)",
  uri: "\\S*",
  url: "\\S*",
  uuid: "urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
  xhtml: undefined,
};

const hl7 = "http://hl7.org/fhir/StructureDefinition/";
const systemType = "http://hl7.org/fhirpath/System.";
/** Held by every element by the way the validator reads objects and primitives, so never compiled. */
const builtIn = new Set(["ele-1"]);

/** The types that `roots` need, with everything they refer to by element type. */
export function buildModel(source: DefinitionSource, roots: readonly string[]): Model {
  const types = new Map<string, TypeModel>();
  const primitives = new Set<string>(["xhtml"]);
  const valueSets = new Map<string, readonly string[]>();
  const bindings = new Map<string, CodesBySystem>();
  const coreConstraints = new Set<string>();
  const notChecked: string[] = [];
  const wanted = [...roots].sort(byCodeUnit).reverse();
  const seen = new Set<string>();
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const definition = source.structure(hl7 + name, "the closure of the profiles");
    if (definition.kind === "primitive-type") {
      checkPrimitive(definition);
      primitives.add(name);
      continue;
    }
    for (const type of typesOf(definition)) {
      types.set(type.name, type);
      for (const field of type.fields)
        for (const a of field.alternatives) if (!a.type.includes(".")) wanted.push(a.type);
    }
    const base = definition.baseDefinition?.slice(hl7.length);
    if (base) wanted.push(base);
  }
  const sorted = new Map([...types].sort((a, b) => byCodeUnit(a[0], b[0])));
  const resourceTypes = source.expand("http://hl7.org/fhir/ValueSet/resource-types");
  if ("unlisted" in resourceTypes)
    throw new GeneratorError("ValueSet/resource-types", undefined, resourceTypes.unlisted, "a closed list");
  return {
    types: sorted,
    primitives,
    valueSets: new Map([...valueSets].sort((a, b) => byCodeUnit(a[0], b[0]))),
    bindings: new Map([...bindings].sort((a, b) => byCodeUnit(a[0], b[0]))),
    coreConstraints,
    resourceTypes: codesOfAll(resourceTypes.codes).sort(byCodeUnit),
    notChecked: notChecked.sort(byCodeUnit),
  };

  function typesOf(definition: StructureDefinition): TypeModel[] {
    const file = `StructureDefinition-${definition.type}`;
    const elements = definition.snapshot?.element;
    if (!elements) throw new GeneratorError(file, undefined, "no snapshot", "a base definition with snapshot");
    for (const e of elements) for (const c of e.constraint ?? []) coreConstraints.add(`${c.key} ${c.expression ?? ""}`);
    const out: TypeModel[] = [];
    const parents = elements.filter(
      (e, i) => i === 0 || (e.contentReference === undefined && elements.some((c) => c.path.startsWith(`${e.path}.`))),
    );
    for (const parent of parents) {
      const depth = parent.path.split(".").length;
      const children = elements.filter(
        (e) => e.path.startsWith(`${parent.path}.`) && e.path.split(".").length === depth + 1,
      );
      const root = parent === elements[0];
      out.push({
        name: parent.path,
        kind: root && definition.kind === "resource" ? "resource" : "complex",
        abstract: root && definition.abstract === true,
        base: root ? definition.baseDefinition?.slice(hl7.length) : parent.type?.[0]?.code,
        fields: children.map((e) => fieldOf(e, elements, definition, file)),
        constraints: (parent.constraint ?? []).filter((c) => !builtIn.has(c.key)),
        source: `fhir-r4#${parent.id}`,
      });
    }
    return out;
  }

  function fieldOf(
    e: ElementDefinition,
    all: readonly ElementDefinition[],
    definition: StructureDefinition,
    file: string,
  ): Field {
    const last = e.path.slice(e.path.lastIndexOf(".") + 1);
    const choice = last.endsWith("[x]");
    const name = choice ? last.slice(0, -3) : last;
    for (const key of Object.keys(e))
      if (/^(fixed|pattern|minValue|maxValue)/.test(key))
        throw new GeneratorError(file, undefined, `${e.id}.${key}`, "no value rule in a base definition");
    if (e.sliceName) throw new GeneratorError(file, undefined, `slice ${e.id}`, "no slices in a base definition");
    const attribute = e.representation?.includes("xmlAttr") ?? false;
    const alternatives = e.contentReference
      ? [{ json: name, type: e.contentReference.slice(1) }]
      : (e.type ?? []).map((t) => {
          const nested = all.some((c) => c.path.startsWith(`${e.path}.`));
          const type = nested ? e.path : elementType(t, definition, name, attribute, file, e.id);
          return { json: choice ? name + type.charAt(0).toUpperCase() + type.slice(1) : name, type };
        });
    if (alternatives.length === 0 || (alternatives.length > 1 && !choice))
      throw new GeneratorError(file, undefined, `${alternatives.length} types at ${e.id}`, "one type, or a choice");
    const targets = e.type?.find((t) => t.code === "Reference")?.targetProfile?.map((u) => u.slice(hl7.length));
    return {
      name,
      choice,
      alternatives,
      list: e.max === "*" || Number(e.max) > 1,
      min: e.min ?? 0,
      attribute,
      ...codesOf(e, alternatives),
      ...(targets && !targets.includes("Resource") ? { targets: [...targets].sort(byCodeUnit) } : {}),
      // ext-1 is repeated on each use of Extension; a data type profile (SimpleQuantity) adds the constraints of its root.
      constraints: [
        ...(e.constraint ?? []).filter((c) => !builtIn.has(c.key) && c.key !== "ext-1"),
        ...(e.type ?? []).flatMap((t) => (t.profile ?? []).flatMap((url) => profileConstraints(url, t.code, e.id))),
      ],
      source: `fhir-r4#${e.id}`,
    };
  }

  function profileConstraints(url: string, type: string, from: string): Constraint[] {
    const root = (of: string): readonly Constraint[] =>
      source.structure(of, from).snapshot?.element[0]?.constraint ?? [];
    const known = new Set(root(hl7 + type).map((c) => c.key));
    return root(url)
      .filter((c) => !known.has(c.key) && !builtIn.has(c.key))
      .map((c) => ({ ...c, onType: type }));
  }

  function codesOf(
    e: ElementDefinition,
    alternatives: readonly Alternative[],
  ): { codes?: string; bound?: string; form?: string } {
    if (e.binding?.strength !== "required" || e.binding.valueSet === undefined) return {};
    const url = e.binding.valueSet.split("|")[0] as string;
    const expansion = source.expand(e.binding.valueSet);
    if ("unlisted" in expansion) {
      notChecked.push(`binding ${e.id}: ${expansion.unlisted}`);
      return expansion.form === undefined ? {} : { form: expansion.form };
    }
    const type = alternatives[0]?.type;
    if (type === "code" && alternatives.length === 1) {
      if (hasAnyCase(expansion.codes)) {
        notChecked.push(`binding ${e.id}: ${url} has codes of a system that does not tell capitals from small letters`);
        return {};
      }
      valueSets.set(url, codesOfAll(expansion.codes));
      return { codes: url };
    }
    if (alternatives.length > 1 || !["Coding", "CodeableConcept", "Quantity", "uri", "string"].includes(type ?? ""))
      throw new GeneratorError(e.id, undefined, `required binding on ${type}`, "a binding on one coded type");
    bindings.set(url, expansion.codes);
    return { bound: url };
  }
}

function elementType(
  t: { readonly code: string; readonly extension?: readonly { url: string; valueUrl?: string }[] },
  definition: StructureDefinition,
  name: string,
  attribute: boolean,
  file: string,
  id: string,
): string {
  if (!t.code.startsWith(systemType)) return t.code;
  // R4's snapshots give Resource.id the type string; its pattern is that of the primitive id.
  if (name === "id" && !attribute && definition.kind === "resource") return "id";
  const type = t.extension?.find((x) => x.url === `${hl7}structuredefinition-fhir-type`)?.valueUrl;
  if (type === undefined) throw new GeneratorError(file, undefined, `${t.code} at ${id}`, "a FHIR type beside it");
  return type;
}

function checkPrimitive(definition: StructureDefinition): void {
  const file = `StructureDefinition-${definition.type}`;
  if (!(definition.type in primitiveForms))
    throw new GeneratorError(file, undefined, definition.type, "a known primitive");
  const value = definition.snapshot?.element.find((e) => e.path === `${definition.type}.value`);
  const regex = value?.type?.[0]?.extension?.find((x) => x.url === `${hl7}regex`)?.valueString;
  if (regex !== primitiveForms[definition.type])
    throw new GeneratorError(file, undefined, `pattern ${String(regex)}`, String(primitiveForms[definition.type]));
}

/** `Patient.contact` -> `PatientContact`. */
export function tsName(type: string): string {
  return type
    .split(".")
    .map((p) => p.charAt(0).toUpperCase() + p.slice(1))
    .join("");
}
