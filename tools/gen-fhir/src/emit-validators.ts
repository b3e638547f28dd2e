import { byCodeUnit, type GeneratedFile, GeneratorError, propertyKey, quote } from "@helsekontakt/codegen";
import type { Constraint } from "./definitions.ts";
import { emitExtensions } from "./emit-extensions.ts";
import { emitProfiles } from "./emit-profile-rules.ts";
import { emitFast } from "./emit-fast.ts";
import { type Executed, note } from "./executed.ts";
import { compileInvariant } from "./fhirpath-emit.ts";
import { type Field, type Model, type TypeModel, tsName } from "./model.ts";
import type { Profiles } from "./profiles.ts";
import type { DefinitionSource } from "./source.ts";
import { anyCaseClass, printBound } from "./value-sets.ts";

/** Types whose hand-written rules (`rules.ts` of the validators) run after the generated ones. */
const hooks: Readonly<Record<string, string>> = {
  Bundle: "bundle",
  "Bundle.entry": "bundleEntry",
  Coding: "coding",
  Extension: "extension",
  Identifier: "identifier",
  Reference: "reference",
};

/** Invariants that the validator's context holds by its own means, by their exact text. */
const byContext: Readonly<Record<string, string>> = {
  "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | %resource.descendants().as(uri) | %resource.descendants().as(url))) or descendants().where(reference = '#').exists() or descendants().where(as(canonical) = '#').exists() or descendants().where(as(canonical) = '#').exists()).not()).trace('unmatched', id).empty()":
    "collected while the resource is read",
  "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))":
    "collected while the resource is read",
  "htmlChecks()": "the XHTML check of the narrative",
};

/** Invariants that are not run, with the reason. */
const notRun: Readonly<Record<string, string>> = {
  "dom-6": "recommends a narrative in every resource; a warning in R4 that every payload here would get",
};

/** Modules of `packages/validators/src/gen/fhir`. */
export function emitValidators(
  model: Model,
  profiles: Profiles,
  source: DefinitionSource,
  heads: { readonly core: string; readonly profiles: string },
): GeneratedFile[] {
  const compiled = new Map<string, Executed>();
  const uncompiled = new Set<string>();
  const targets = new Map<string, string>();
  const skipped = new Map<string, string>();
  const besides = new Map<string, string>();
  const types = [...model.types.values()].filter((t) => !t.abstract || t.kind === "complex");
  const concrete = types.filter((t) => t.name !== "BackboneElement");
  let body = "";
  for (const type of concrete) body += `${validatorOf(type, model, compiled, skipped)}\n`;
  const resources = concrete.filter((t) => t.kind === "resource");
  const setNames = new Map([...model.valueSets.keys()].map((url, i) => [url, `s${i}`]));
  let sets = "";
  for (const [url, codes] of model.valueSets)
    sets += `const ${setNames.get(url)}: CodeSet = { url: ${quote(url)}, codes: new Set([${codes.map(quote).join(", ")}]) };\n`;
  const boundNames = new Map([...model.bindings.keys()].map((url, i) => [url, `b${i}`]));
  for (const [url, codes] of model.bindings)
    sets += `const ${boundNames.get(url)}: BoundSet = ${printBound(url, codes)};\n`;
  for (const [rows, name] of besides) sets += `const ${name}: Beside = { __proto__: null, ${rows} };\n`;
  for (const [list, name] of targets) sets += `const ${name} = [${list}];\n`;
  const core = `${heads.core}import type { ${model.bindings.size > 0 ? "BoundSet, " : ""}CodeSet, FhirContext, ValidateType } from "../../fhir/context.ts";
import { type Beside, countAlone } from "../../fhir/fast.ts";
import * as fp from "../../fhir/fhirpath.ts";
import * as p from "../../fhir/primitives.ts";
import * as rules from "../../fhir/rules.ts";

${anyCaseClass(sets)}${sets}
${body}/** Validator of each resource type of this build. */
export const resourceValidators: Readonly<Record<string, ValidateType>> = {
${resources.map((t) => `  ${propertyKey(t.name)}: v${tsName(t.name)},\n`).join("")}};
`;
  const unchecked = new Set(model.notChecked);
  const rules = emitProfiles(model, profiles, source, compiled, (line) => unchecked.add(line), "../../fhir/");
  const extensions = emitExtensions(model, profiles.all(), source, (line) => unchecked.add(line), "../../fhir/");
  const coverage = `${heads.core}/** What is said of an invariant that runs. */
interface Executed {
  readonly at: string;
  readonly expression: string;
  readonly how: string;
}

// A text: the engine reads JSON several times as fast as the same in code, and every load reads it.
/** Invariants that run: where they stand first, their FHIRPath, and how they run. */
export const executedInvariants: Readonly<Record<string, Executed>> = /* @__PURE__ */ JSON.parse(String.raw\`{
${list(compiled)}
}\`) as Record<string, Executed>;

/** Invariants and bindings of the closure that do not run, with the reason. */
export const notExecuted: readonly string[] = [
${[...[...skipped].map(([k, why]) => `${k}: ${why}`), ...unchecked]
  .sort(byCodeUnit)
  .map((t) => `  ${quote(t)},\n`)
  .join("")}];
`;
  const fast = emitFast(
    model,
    concrete,
    heads.core,
    {
      byContext: (expression) => expression in byContext || uncompiled.has(expression),
      notRun: (key) => key in notRun,
    },
    fixedSystems(source),
  );
  return [
    { path: "core.ts", content: core },
    { path: "core-fast.ts", content: fast.common },
    { path: "core-fast-rare.ts", content: fast.rare },
    { path: "profiles.ts", content: heads.profiles + rules.explain },
    { path: "profiles-fast.ts", content: heads.profiles + rules.fast },
    { path: "extensions.ts", content: heads.profiles + extensions },
    { path: "coverage.ts", content: coverage },
  ];

  function validatorOf(type: TypeModel, m: Model, ran: Map<string, Executed>, left: Map<string, string>): string {
    const resource = type.kind === "resource";
    const counters = new Map(type.fields.filter((f) => f.choice).map((f, i) => [f.name, `n${i}`]));
    let cases = resource ? `      case "resourceType":\n        break;\n` : "";
    for (const field of type.fields) cases += casesOf(field, m, counters, !resource);
    let after = "";
    for (const field of type.fields) {
      const counter = counters.get(field.name);
      if (counter) after += `  if (${counter} > 1) c.choice(${quote(field.name)});\n`;
      if (field.min === 0) continue;
      if (counter) after += `  if (${counter} === 0) c.missing(${quote(`${field.name}[x]`)});\n`;
      else {
        const a = field.alternatives[0];
        const primitive = a && m.primitives.has(a.type) && !field.attribute && a.type !== "xhtml";
        after += `  if (o[${quote(field.name)}] === undefined${primitive ? ` && o[${quote(`_${field.name}`)}] === undefined` : ""}) c.missing(${quote(field.name)});\n`;
      }
    }
    for (const constraint of type.constraints) after += invariant(type.name, constraint, ran, left, counters, "  ");
    const hook = hooks[type.name];
    if (hook) after += `  rules.${hook}(o, c);\n`;
    const rows = type.fields.flatMap((f) =>
      f.alternatives.filter((a) => isPrimitive(f, a)).map((a) => `_${a.json}: ${f.list}`),
    );
    const beside = rows.length === 0 ? "" : besideName(rows.join(", "));
    // A value in the sibling alone counts as a value of the choice.
    const alone = type.fields
      .map((f) => {
        const names = f.choice ? f.alternatives.filter((a) => isPrimitive(f, a)).map((a) => quote(a.json)) : [];
        return names.length === 0
          ? ""
          : `  if (sib) ${counters.get(f.name)} += countAlone(o, [${names.join(", ")}]);\n`;
      })
      .join("");
    const locals =
      (alone === "" ? "" : "  let sib = false;\n") + [...counters.values()].map((n) => `  let ${n} = 0;\n`).join("");
    return `/** @source ${type.source} */
export function v${tsName(type.name)}(v: unknown, c: FhirContext): void {
  const o = c.${resource ? "resourceObject" : "object"}(v);
  if (o === undefined) return;
${resource ? "" : "  let some = false;\n"}${locals}  for (const k in o) {
    const x = o[k];
    switch (k) {
${cases}      default:
        ${beside === "" ? "c.unknown(k);" : `${alone === "" ? "" : "sib = "}c.beside(k, x, o, ${beside}, vElement)${alone === "" ? "" : " || sib"};`}
    }
${resource ? "" : "    some = true;\n"}  }
${resource ? "" : "  if (!some) {\n    c.empty();\n    return;\n  }\n"}${alone}${after}}
`;
  }

  function isPrimitive(field: Field, a: { readonly type: string }): boolean {
    return model.primitives.has(a.type) && !field.attribute && a.type !== "xhtml";
  }

  function besideName(rows: string): string {
    let name = besides.get(rows);
    if (name === undefined) besides.set(rows, (name = `beside${besides.size}`));
    return name;
  }

  function targetsName(types: readonly string[]): string {
    const list = types.map(quote).join(", ");
    let name = targets.get(list);
    if (name === undefined) targets.set(list, (name = `t${targets.size}`));
    return name;
  }

  function casesOf(field: Field, m: Model, counters: ReadonlyMap<string, string>, element: boolean): string {
    let out = "";
    const counter = counters.get(field.name);
    for (const a of field.alternatives) {
      const count = counter ? `        ${counter}++;\n` : "";
      const key = quote(a.json);
      const primitive = m.primitives.has(a.type);
      let check: string;
      if (a.type === "xhtml") check = "c.narrative(k, x);";
      else if (primitive) {
        const set = field.codes === undefined ? undefined : setName(m, field.codes);
        const suffix = field.list ? "s" : "";
        check = set
          ? `c.code${suffix}(k, x, ${field.list ? `o[${quote(`_${a.json}`)}], ` : ""}${set});`
          : `c.primitive${suffix}(k, x, ${field.list ? `o[${quote(`_${a.json}`)}], ` : ""}p.${field.form ?? a.type});`;
      } else if (a.type === "Resource") check = `c.${field.list ? "containedResources" : "entryResource"}(k, x);`;
      else {
        const targets = a.type === "Reference" && field.targets ? `, ${targetsName(field.targets)}` : "";
        check = `c.${field.list ? "list" : "one"}(k, x, v${tsName(a.type)}${targets});`;
      }
      out += `      case ${key}:\n${count}        ${check}\n`;
      if (field.bound !== undefined)
        out += `        c.each(o, k, (o) => {\n          c.bound(o, ${boundName(m, field.bound)}, "error");\n        });\n`;
      // A nested type's own validator has the constraints of its root.
      const nested = a.type.includes(".");
      const own = field.constraints.filter(
        (k2) =>
          !nested &&
          (k2.onType === undefined || k2.onType === a.type) &&
          !(k2.expression !== undefined && k2.expression in byContext),
      );
      for (const k2 of own)
        out += `        c.each(o, k, (o) => {\n${invariant(a.type, k2, compiled, skipped, undefined, "          ")}        });\n`;
      for (const k2 of field.constraints)
        if (k2.expression !== undefined && k2.expression in byContext)
          note(compiled, k2.key, a.type, k2.expression, byContext[k2.expression] as string);
      // An id alone does not fill an element.
      out += element && field.name === "id" ? "        continue;\n" : "        break;\n";
    }
    return out;
  }

  /** An invariant of HL7's own that is outside the compiled subset is listed; one of a profile of ours would stop the generator. */
  function compiledOrReason(
    type: string,
    expression: string,
    key: string,
    counters: ReadonlyMap<string, string> | undefined,
  ): string | { readonly reason: string } {
    try {
      return compileInvariant(model, type, expression, key, counters).code;
    } catch (error) {
      if (!(error instanceof GeneratorError)) throw error;
      uncompiled.add(expression);
      return { reason: `outside the compiled part of FHIRPath, ${error.construct}` };
    }
  }

  function invariant(
    type: string,
    constraint: Constraint,
    ran: Map<string, Executed>,
    left: Map<string, string>,
    counters: ReadonlyMap<string, string> | undefined,
    indent: string,
  ): string {
    const { key, expression } = constraint;
    if (key in notRun) {
      left.set(key, notRun[key] as string);
      return "";
    }
    if (expression === undefined) {
      left.set(key, "no expression in the definition");
      return "";
    }
    if (expression in byContext) {
      note(ran, key, type, expression, byContext[expression] as string);
      return "";
    }
    const code = compiledOrReason(type, expression, key, counters);
    if (typeof code !== "string") {
      left.set(`${key} (${type})`, code.reason);
      return "";
    }
    note(ran, key, type, expression, "compiled");
    return `${indent}if (!(${code})) c.invariant(${quote(key)}, ${quote(constraint.severity)});\n`;
  }
}

/** The addresses that our own profiles fix a system to. */
function fixedSystems(source: DefinitionSource): string[] {
  const systems = source.own
    .flatMap((d) => (d.differential ?? d.snapshot)?.element ?? [])
    .filter((e) => e.path.endsWith(".system"))
    .map((e) => e["fixedUri"])
    .filter((u): u is string => typeof u === "string" && /^[a-z]+:[\x21-\x7e]+$/.test(u));
  return [...new Set(systems)].sort(byCodeUnit);
}

function boundName(m: Model, url: string): string {
  return `b${[...m.bindings.keys()].indexOf(url)}`;
}

function setName(m: Model, url: string): string {
  return `s${[...m.valueSets.keys()].indexOf(url)}`;
}

/** Lines of a JSON object that can stand in a template as they are. */
function list(m: ReadonlyMap<string, Executed>): string {
  return [...m]
    .sort((a, b) => byCodeUnit(a[0], b[0]))
    .map(([key, { at, how, expression }]) => `${JSON.stringify(key)}: ${JSON.stringify({ at, how, expression })}`)
    .join(",\n")
    .replace(/[^\n\x20-\x7e]|`|\$(?=\{)/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
