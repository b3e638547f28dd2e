import { byCodeUnit, docComment, type GeneratedFile, propertyKey, quote } from "@helsekontakt/codegen";
import { inferredReason } from "./definitions.ts";
import { type Field, type Model, type TypeModel, tsName } from "./model.ts";
import { allowed, fieldOf, isSlicedByType, type Profile, type ProfileNode, valueRule } from "./profiles.ts";
import type { DefinitionSource } from "./source.ts";
import { codesOfAll, hasAnyCase } from "./value-sets.ts";

const numbers = new Set(["integer", "unsignedInt", "positiveInt"]);

/** `types.ts` (interfaces of R4), `profiles.ts` (narrowed types) and `tables.ts` (for the XML and JSON codec). */
export function emitTypes(
  model: Model,
  profiles: readonly Profile[],
  source: DefinitionSource,
  heads: { readonly core: string; readonly profiles: string },
): GeneratedFile[] {
  return [
    { path: "types.ts", content: heads.core + typesModule(model) },
    { path: "profiles.ts", content: heads.profiles + profilesModule(model, profiles, source) },
    { path: "tables.ts", content: heads.core + tablesModule(model) },
  ];
}

/** Short names of the value sets as TypeScript types: `AdministrativeGender`. */
function codeTypes(model: Model): Map<string, string> {
  return new Map([...model.valueSets.keys()].map((url) => [url, `${pascal(url.slice(url.lastIndexOf("/") + 1))}Code`]));
}

function pascal(text: string): string {
  return text.replace(/(?:^|[-_.])(\w)/g, (_, c: string) => c.toUpperCase());
}

function typesModule(model: Model): string {
  const codes = codeTypes(model);
  const resources = [...model.types.values()].filter((t) => t.kind === "resource" && !t.abstract).map((t) => t.name);
  let out = `import type { FhirDecimal } from "../../fhir/decimal.ts";\n\n`;
  out += `/** One of the properties of T at most: how R4's \`value[x]\` looks in JSON. */\ntype Choice<T> = { [K in keyof T]: { [P in K]?: T[P] } & { [P in Exclude<keyof T, K>]?: never } }[keyof T];\n`;
  out += `/** Exactly one of the properties of T. */\ntype RequiredChoice<T> = { [K in keyof T]: { [P in K]: T[P] } & { [P in Exclude<keyof T, K>]?: never } }[keyof T];\n\n`;
  out += docComment(["The resource types of this build."], "fhir-r4#Resource");
  out += `export type FhirResource = ${resources.map(tsName).join(" | ")};\n\n`;
  out += docComment(["Names of the resource types of this build."], "fhir-r4#Resource");
  out += `export type FhirResourceType = FhirResource["resourceType"];\n\n`;
  for (const [url, name] of codes) {
    out += docComment([`Required value set, ${url}.`], undefined);
    out += `export type ${name} =\n${(model.valueSets.get(url) ?? []).map((c) => `  | ${quote(c)}`).join("\n")};\n\n`;
  }
  for (const type of model.types.values()) out += `${interfaceOf(type, model, codes)}\n`;
  return out;
}

function interfaceOf(type: TypeModel, model: Model, codes: ReadonlyMap<string, string>): string {
  const name = tsName(type.name);
  const generic = type.name === "Reference" ? "<T extends string = string>" : "";
  const base = type.base !== undefined && type.base !== "" ? model.types.get(type.base) : undefined;
  const inherited = new Set(base?.fields.map((f) => f.name));
  const own = type.fields.filter((f) => !inherited.has(f.name) || f.codes !== undefined);
  const choices = own.filter((f) => f.choice);
  let body = "";
  if (type.kind === "resource" && !type.abstract) body += `  resourceType: ${quote(type.name)};\n`;
  if (type.name === "Reference")
    body += '  /** Compile time only: the resource types that the reference may name. */\n  readonly "~target"?: T;\n';
  for (const field of own) {
    if (field.choice) {
      for (const a of field.alternatives) if (model.primitives.has(a.type)) body += `  _${a.json}?: Element;\n`;
      continue;
    }
    body += property(field, model, codes);
  }
  const extend = base ? ` extends ${tsName(base.name)}` : "";
  const doc = docComment([`FHIR R4 \`${type.name}\`.`], type.source);
  if (choices.length === 0) return `${doc}export interface ${name}${generic}${extend} {\n${body}}\n`;
  const parts = choices.map((f) => {
    const members = f.alternatives
      .map((a) => `  ${propertyKey(a.json)}: ${tsType(a.type, f, model, codes)};\n`)
      .join("");
    return `${f.min > 0 ? "RequiredChoice" : "Choice"}<{\n${members}}>`;
  });
  return `interface ${name}Fields${extend} {\n${body}}\n\n${doc}export type ${name} = ${name}Fields & ${parts.join(" & ")};\n`;
}

function property(field: Field, model: Model, codes: ReadonlyMap<string, string>): string {
  const a = field.alternatives[0];
  if (!a) return "";
  const primitive = model.primitives.has(a.type);
  const type = tsType(a.type, field, model, codes);
  // A required primitive may be an extension alone, but then no type of ours would be of use: such values need a cast.
  let out = docComment([cardinality(field)], field.source, "  ");
  out += `  ${propertyKey(a.json)}${field.min > 0 ? "" : "?"}: ${list(type, field.list, primitive)};\n`;
  if (primitive && !field.attribute && a.type !== "xhtml")
    out += `  _${a.json}?: ${field.list ? "(Element | null)[]" : "Element"};\n`;
  return out;
}

function list(type: string, isList: boolean, primitive: boolean): string {
  if (!isList) return type;
  return primitive ? `(${type} | null)[]` : type.includes("|") ? `(${type})[]` : `${type}[]`;
}

function cardinality(field: Field): string {
  return `\`${field.min}..${field.list ? "*" : "1"}\` ${field.alternatives.map((a) => a.type).join(" | ")}`;
}

function tsType(type: string, field: Field, model: Model, codes: ReadonlyMap<string, string>): string {
  if (field.codes !== undefined) return codes.get(field.codes) ?? "string";
  if (type === "boolean") return "boolean";
  if (type === "decimal") return "number | FhirDecimal";
  if (numbers.has(type)) return "number";
  if (model.primitives.has(type)) return "string";
  if (type === "Resource") return "FhirResource";
  if (type === "Reference" && field.targets) return `Reference<${field.targets.map(quote).join(" | ")}>`;
  return tsName(type);
}

function profilesModule(model: Model, profiles: readonly Profile[], source: DefinitionSource): string {
  const used = new Set<string>();
  let body = "";
  let aliases = "";
  const codes = codeTypes(model);
  const taken = new Set([...[...model.types.keys()].map(tsName), ...codes.values(), ...profiles.map((p) => p.name)]);
  for (const profile of profiles) {
    if (profile.type === "Extension") continue;
    const why = profile.root.element ? inferredReason(profile.root.element) : undefined;
    body += docComment(
      [
        oneLine(`${profile.definition.title ?? profile.name}. ${profile.definition.description ?? ""}`),
        ...(why ? [`Inferred: ${why}.`] : []),
      ],
      profile.source,
    );
    const base = profile.parent?.name ?? tsName(profile.type);
    if (!profile.parent) used.add(base);
    aliases = "";
    body += `export type ${profile.name} = ${narrow(profile.type, profile.root, base, profile, "")};\n\n`;
    body += aliases;
  }
  for (const name of ["FhirResource"]) if (new RegExp(`\\b${name}\\b`).test(body)) used.add(name);
  const code = body.replace(/\/\*\*.*?\*\//gs, "").replace(/"[^"]*"/g, "");
  const imports = [...used].filter((name) => new RegExp(`\\b${name}\\b`).test(code)).sort(byCodeUnit);
  const addresses = profiles
    .filter((p) => p.type !== "Extension")
    .map((p) => `  ${propertyKey(p.name)}: ${quote(p.definition.url)},\n`)
    .join("");
  // A compiler may refuse what nothing uses.
  const narrowing = code.includes("Narrow<")
    ? `/** T with some properties replaced; each member of a union is narrowed on its own, so that choices stay exclusive. */
type Narrow<T, P> = T extends unknown ? Omit<T, keyof P> & P : never;

`
    : "";
  return `${imports.length > 0 ? `import type { ${imports.join(", ")} } from "./types.ts";\n\n` : ""}${narrowing}${body}/** Canonical address of each profile. */
export const profileUrls = {
${addresses}} as const;
`;

  function narrow(type: string, node: ProfileNode, base: string, profile: Profile, indent: string): string {
    const members: string[] = [];
    for (const [name, whole] of node.children) {
      const field = fieldOf(model, type, name, profile);
      // Slices of a choice that are not its types say nothing about the type of a property.
      const childNode = field.choice && !isSlicedByType(whole) ? { ...whole, slices: new Map() } : whole;
      const alternatives = allowed(field, childNode, profile);
      const removed =
        childNode.element?.max === "0"
          ? field.alternatives
          : field.alternatives.filter((a) => !alternatives.includes(a));
      const bySlice = field.choice && childNode.slices.size > 0;
      const closed = bySlice && childNode.element?.slicing?.rules === "closed";
      for (const a of field.alternatives)
        if (removed.includes(a) || (closed && !choiceSlice(childNode, a)))
          members.push(`${indent}  ${propertyKey(a.json)}?: never;\n`);
      for (const a of alternatives) {
        if (removed.includes(a)) continue;
        if (bySlice) {
          const slice = choiceSlice(childNode, a);
          const member = slice && memberOf(field, a, slice, profile, `${indent}  `, true);
          if (member) members.push(member);
          continue;
        }
        const member = memberOf(field, a, childNode, profile, `${indent}  `, alternatives.length === 1);
        if (member) members.push(member);
      }
    }
    if (members.length === 0) return base;
    return `Narrow<${base}, {\n${members.join("")}${indent}}>`;
  }

  function memberOf(
    field: Field,
    a: { json: string; type: string },
    node: ProfileNode,
    profile: Profile,
    indent: string,
    only: boolean,
  ): string | undefined {
    const element = node.element;
    const sliceMin = [...node.slices.values()].map((s) => s.element?.min ?? 0);
    const min = Math.max(field.min, element?.min ?? 0, ...sliceMin);
    const primitive = model.primitives.has(a.type);
    const plain = tsType(a.type, field, model, codes);
    use(plain);
    let type = itemType(plain, field, a.type, node, profile, indent);
    if (node.slices.size > 0) {
      const names = [...node.slices].map(([name, s]) =>
        named(itemType(plain, field, a.type, s, profile, ""), name, s, profile),
      );
      // In closed slicing there is nothing outside the slices.
      const rest = element?.slicing?.rules === "closed" ? [] : [restOf(type, a.type, node)];
      type = [...new Set([...names, ...rest])].join(`\n${indent}  | `);
    }
    const optional = min > 0 && only ? "" : "?";
    if (type === plain && optional === "?" && !element?.short) return undefined;
    const why = element ? inferredReason(element) : undefined;
    const doc = [...(element?.short ? [oneLine(element.short)] : []), ...(why ? [`Inferred: ${why}.`] : [])];
    return `${docComment(doc, element ? `${profile.definition.id}#${element.id}` : undefined, indent)}${indent}${propertyKey(a.json)}${optional}: ${list(type, field.list, primitive)};\n`;
  }

  /** Gives a slice's type a name of its own: that of the profile, the path and the slice. */
  function named(type: string, slice: string, node: ProfileNode, profile: Profile): string {
    if (!type.startsWith("Narrow<")) return type;
    const id = idBelow(node) ?? "";
    const end = id.indexOf(`:${slice}`);
    const path = id.slice(id.indexOf(".") + 1, end < 0 ? undefined : end + slice.length + 1);
    const words = path.split(/[^A-Za-z0-9]+/).map((w) => w.charAt(0).toUpperCase() + w.slice(1));
    const wanted = profile.name + words.join("");
    let name = wanted;
    for (let n = 2; taken.has(name); n++) name = `${wanted}${n}`;
    taken.add(name);
    const short = node.element?.short;
    const doc = [short === undefined ? `Slice \`${slice}\` of {@link ${profile.name}}.` : oneLine(short)];
    aliases += `${docComment(doc, `${profile.definition.id}#${id.slice(0, end < 0 ? undefined : end + slice.length + 1)}`)}export type ${name} = ${type};\n\n`;
    return name;
  }

  function itemType(
    plain: string,
    field: Field,
    type: string,
    node: ProfileNode,
    profile: Profile,
    indent: string,
  ): string {
    const rule = valueRule(node.element);
    if (rule?.kind === "fixed" && typeof rule.value === "string") return quote(rule.value);
    if (rule?.kind === "fixed" && typeof rule.value === "boolean") return String(rule.value);
    if (type === "code" && rule === undefined) plain = codesOf(node) ?? plain;
    const several = oneOf(type, node, plain);
    if (several !== undefined) return several;
    const url = node.element?.type?.[0]?.profile?.[0];
    const other = url === undefined ? undefined : profiles.find((p) => p.definition.url === url);
    if (other && other.type !== "Extension") return other.name;
    if (type === "Resource") {
      const code = node.element?.type?.[0]?.code;
      if (code === undefined || code === "Resource") return plain;
      used.add(code);
      return code;
    }
    const targets = node.element?.type?.find((t) => t.code === "Reference")?.targetProfile;
    if (targets && type === "Reference")
      plain = `Reference<${[...new Set(targets.map((u) => source.structure(u, profile.definition.url).type))].map(quote).join(" | ")}>`;
    if (model.primitives.has(type)) return plain;
    use(plain);
    return narrow(type, node, plain, profile, indent);
  }

  /** The types of an element that may have one of several, or one of several profiles. */
  function oneOf(type: string, node: ProfileNode, plain: string): string | undefined {
    const refs = (node.element?.type ?? []).filter((t) => type === "Resource" || t.code === type);
    const options = refs.flatMap((t) =>
      (t.profile?.length ? t.profile : [undefined]).map((url) => ({ code: t.code, url })),
    );
    if (options.length < 2) return undefined;
    const names = options.map(({ code, url }) => {
      const profile = profiles.find((p) => p.definition.url === url?.split("|")[0]);
      if (profile && profile.type !== "Extension") return profile.name;
      return type === "Resource" && code !== "Resource" ? tsName(code) : plain;
    });
    if (names.includes(plain)) return plain;
    for (const name of names) use(name);
    return [...new Set(names)].join(" | ");
  }

  /** The codes of a required binding of the profile, as literals. */
  function codesOf(node: ProfileNode): string | undefined {
    const b = node.element?.binding;
    if (b?.strength !== "required" || b.valueSet === undefined) return undefined;
    const expansion = source.expand(b.valueSet);
    if ("unlisted" in expansion || hasAnyCase(expansion.codes)) return undefined;
    const list = codesOfAll(expansion.codes);
    if (list.length > 60) return undefined;
    return list.length === 0 ? "never" : list.map(quote).join(" | ");
  }

  function use(type: string): void {
    for (const name of type.replace(/"[^"]*"/g, "").match(/\b[A-Z]\w*\b/g) ?? []) if (isType(name)) used.add(name);
  }

  function isType(name: string): boolean {
    return (
      name === "Reference" ||
      name === "FhirResource" ||
      [...model.types.keys()].some((t) => tsName(t) === name) ||
      [...codes.values()].includes(name)
    );
  }
}

/** Id of the first element at or below a place. */
function idBelow(node: ProfileNode): string | undefined {
  if (node.element) return node.element.id;
  for (const below of [...node.children.values(), ...node.slices.values()]) {
    const id = idBelow(below);
    if (id !== undefined) return id;
  }
  return undefined;
}

/** Text of a definition in one line. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** The slice of a choice that is about one of its types. */
function choiceSlice(node: ProfileNode, a: { readonly json: string; readonly type: string }): ProfileNode | undefined {
  for (const [name, slice] of node.slices) {
    const types = slice.element?.type;
    if (types ? types.some((t) => t.code === a.type) : name === a.json) return slice;
  }
  return undefined;
}

/** What an item is that no slice takes: where slices tell resource types apart, the other resource types. */
function restOf(type: string, fieldType: string, node: ProfileNode): string {
  const d = node.element?.slicing?.discriminator?.[0];
  if (d?.type !== "type" || d.path.endsWith("resolve()")) return type;
  const taken = [...node.slices.values()].map((s) => {
    const at = d.path === "$this" ? s : s.children.get(d.path);
    return at?.element?.type?.[0]?.code ?? "";
  });
  const rest = `Exclude<FhirResource, { resourceType: ${taken.map(quote).join(" | ")} }>`;
  if (fieldType === "Resource") return rest;
  return `Narrow<${type}, { ${d.path}?: ${rest} }>`;
}

function tablesModule(model: Model): string {
  let out = `import type { FhirTypeTable } from "../../fhir/table.ts";\n\n`;
  out += docComment(
    [
      "Properties of each type in XML order: `[name, type, flags]`, flags `l` list, `a` attribute. A choice has one row for each of its types.",
    ],
    "fhir-r4#Element",
  );
  out += "export const typeTables: Readonly<Record<string, FhirTypeTable>> = {\n";
  for (const type of model.types.values()) {
    if (type.abstract && type.kind === "resource") continue;
    const rows = type.fields.flatMap((f) =>
      f.alternatives.map((a) => {
        const flags = `${f.list ? "l" : ""}${f.attribute ? "a" : ""}`;
        return `[${quote(a.json)}, ${quote(a.type)}${flags ? `, ${quote(flags)}` : ""}]`;
      }),
    );
    out += `  ${propertyKey(type.name)}: { ${type.kind === "resource" ? "resource: true, " : ""}fields: [\n    ${rows.join(", ")},\n  ] },\n`;
  }
  out += "};\n\n";
  out += docComment(["Names of all resource types of R4, of this build or not."], "fhir-r4#Resource");
  out += `export const resourceTypes: readonly string[] = [\n  ${model.resourceTypes.map(quote).join(", ")},\n];\n`;
  return out;
}
