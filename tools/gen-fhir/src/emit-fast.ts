import { quote } from "@helsekontakt/codegen";
import type { Constraint } from "./definitions.ts";
import { absolute, guards, hooks, keptByUsual, marks, usual } from "./fast-rules.ts";
import { commonTypes, sharedHelpers } from "./fast-parts.ts";
import { compileFast, FastHelpers, type FastLocal, type FastScope } from "./fhirpath-fast.ts";
import { byLength, namedPresence, not } from "./fhirpath-shape.ts";
import { type Alternative, type Field, type Model, type TypeModel, tsName } from "./model.ts";
import { anyCaseClass, printBound } from "./value-sets.ts";

/** What the explaining side leaves to the context or does not run; the fast side leaves out the same. */
export interface Apart {
  readonly byContext: (expression: string) => boolean;
  readonly notRun: (key: string) => boolean;
}

/** Up to this many codes are compared one by one: a fresh text then needs no hash. */
const fewCodes = 9;

/**
 * The checks that only answer whether there is anything to say: one function a type, straight-line, that builds no path and
 * no issue. They hold exactly where the explaining validators of the same model stay silent.
 *
 * @returns the module of the types that resources are made of, and that of those which stand in extensions alone.
 */
export function emitFast(
  model: Model,
  types: readonly TypeModel[],
  head: string,
  apart: Apart,
  systems: readonly string[],
): { readonly common: string; readonly rare: string } {
  const names = commonTypes(types);
  const common = emitPart(
    model,
    types.filter((t) => names.has(t.name)),
    head,
    apart,
    systems,
  );
  const rest = types.filter((t) => !names.has(t.name));
  return { common, rare: emitPart(model, rest, head, apart, systems, common) };
}

/** One module. The one of the rare types calls what stands in the other, which reaches them by the context alone. */
function emitPart(
  model: Model,
  types: readonly TypeModel[],
  head: string,
  apart: Apart,
  systems: readonly string[],
  common?: string,
): string {
  const here = new Set(types.map((t) => t.name));
  const helpers = new FastHelpers("i");
  const sets = new Map<string, string>();
  const targets = new Map<string, string>();
  const bounds = new Map<string, string>();
  const beside = new Map<string, { readonly name: string; readonly above: string; readonly rows: string }>();
  const commons = new Map<string, string>();
  /** Types of which lists are checked by a function of their own: each was a loop of six lines at a hundred places. */
  const lists = new Set<string>(common === undefined ? ["Extension"] : []);
  let body = "";
  for (const type of types) body += `${functionOf(type)}\n`;
  const resources = types.filter((t) => t.kind === "resource");
  const boundSets = [...bounds].map(([text, name]) => `const ${name} = ${text};\n`).join("");
  const tables =
    anyCaseClass(boundSets) +
    [...sets].map(([list, name]) => `const ${name} = new Set([${list}]);\n`).join("") +
    [...commons].map(([rows, name]) => `const ${name}: Beside = { __proto__: null, ${rows} };\n`).join("") +
    [...beside.values()]
      .map(({ name, above, rows }) => `const ${name}: Beside = { __proto__: ${above}, ${rows} };\n`)
      .join("") +
    boundSets +
    [...targets].map(([list, name]) => `const ${name} = [${list}];\n`).join("");
  const own = `${tables}
${helpers.source()}
${body}`;
  const imports = `${bounds.size > 0 ? `import { isBound } from "../../fhir/bound.ts";\n` : ""}import type { FhirObject } from "../../fhir/context.ts";
import type { Beside, FastContext } from "../../fhir/fast.ts";
import * as fp from "../../fhir/fhirpath.ts";
import * as p from "../../fhir/primitives.ts";
import { isNarrativeText } from "../../fhir/narrative.ts";
import * as rules from "../../fhir/fast.ts";
`;
  if (common !== undefined) {
    const has = (name: string): boolean => common.includes(`\nexport function ${name}(`);
    const text = `${own}${[...lists]
      .filter((t) => !has(listName(t)))
      .map((t) => `${listOf(t)}\n`)
      .join("")}/** The check of a type that stands in extensions alone; false for every other type. */
export function isOfRareType(type: string, v: unknown, c: FastContext, d: number): boolean {
${byLength(
  types.map((t) => t.name).filter((name) => !name.includes(".")),
  "type",
  (name) => `return is${tsName(name)}(v, c, d);`,
)}
}
`;
    const elsewhere = [...new Set(text.match(/\b(?:is|are)[A-Z]\w*(?=\()|\bmention(?=\()/g))].filter(has).sort();
    return `${head}${imports}import { ${elsewhere.join(", ")} } from "./core-fast.ts";

${text}`;
  }
  return `${head}${imports}
${own}${sharedHelpers([...lists].map(listOf).join("\n"), systems)}/** The check of a resource type of this build; false for every other type. */
export function isOfType(type: string, v: unknown, c: FastContext, d: number): boolean {
${byLength(
  resources.map((t) => t.name),
  "type",
  (name) => `return is${tsName(name)}(v, c, d);`,
)}
}
`;

  function functionOf(type: TypeModel): string {
    const resource = type.kind === "resource";
    const hook = hooks[type.name];
    const reference = type.name === "Reference";
    const locals = new Map<Field, FastLocal>();
    const counters = new Map(type.fields.filter((f) => f.choice).map((f, i) => [f, `n${i}`]));
    const local = (field: Field): FastLocal => {
      let l = locals.get(field);
      if (l) return l;
      const counter = counters.get(field);
      const a = field.alternatives[0] as Alternative;
      const n = locals.size;
      if (counter) l = { counter };
      else
        l = {
          value: `v${n}`,
          ...(hasSibling(field, a) ? { sibling: `(sib && o[${quote(`_${a.json}`)}] !== undefined)` } : {}),
        };
      locals.set(field, l);
      return l;
    };
    const scope: FastScope = { object: "o", type: type.name, local };
    let after = "";
    for (const field of type.fields) {
      const counter = counters.get(field);
      if (counter) after += `  if (${counter} ${field.min > 0 ? "!== 1" : "> 1"}) return false;\n`;
      else if (field.min > 0) {
        const l = local(field);
        after += `  if (${l.value} === undefined${l.sibling ? ` && !${l.sibling}` : ""}) return false;\n`;
      }
    }
    const contained = type.fields.find((f) => f.name === "contained");
    const meta = type.fields.find((f) => f.name === "meta");
    for (const constraint of type.constraints) {
      const { expression = "" } = constraint;
      const guard = keptByUsual.has(expression)
        ? "!usual"
        : contained && meta && guards[expression]?.(local(meta).value ?? "");
      if (guard === undefined) after += invariant(constraint, scope, "  ");
      else
        after += invariant(constraint, scope, "  ").replace(
          /^ {2}if \((.*)\) return false;\n$/s,
          `  if (${guard} && $1) return false;\n`,
        );
    }
    if (hook) {
      const call = hook.fields.reduce((text, name, i) => {
        const field = type.fields.find((f) => f.name === name) as Field;
        return text.replace(`$${i}`, local(field).value as string);
      }, hook.call);
      const guards = hook.fields.map(
        (name) => `${local(type.fields.find((f) => f.name === name) as Field).value} !== undefined`,
      );
      if (hook.fields.some((name) => usual[`${type.name}.${name}`] !== undefined)) guards.unshift("!usual");
      after += `  if (${[...guards, `!${call}`].join(" && ")}) return false;\n`;
    }
    if (reference) {
      const [ref, kind] = ["reference", "type"].map((n) => local(type.fields.find((f) => f.name === n) as Field).value);
      after += `  return (${ref} === undefined && ${kind} === undefined) || c.reference(${ref}, ${kind}, targets);\n`;
    }
    after = namedPresence(after, [...locals.values()]);
    const byLength = new Map<number, string>();
    const add = (json: string, test: string, code: string): void => {
      const condition = `k === ${quote(json)}${test === "" ? "" : ` && ${test}`}`;
      const then = code === "" ? "continue;\n" : `{\n${code}          continue;\n        }\n`;
      byLength.set(json.length, `${byLength.get(json.length) ?? ""}        if (${condition}) ${then}`);
    };
    if (resource) add("resourceType", "", "");
    const rare = new Set(type.fields.filter((f) => isRare(f, !resource, type.name, locals.get(f))));
    for (const field of type.fields)
      if (!rare.has(field)) casesOf(field, counters.get(field), locals.get(field), type.name, add);
    const beside = type.fields.flatMap((f) =>
      f.alternatives.filter((a) => hasSibling(f, a)).map((a) => `_${a.json}: ${f.list}`),
    );
    const common = [...rare].map((f) => `${f.name}: null`).sort();
    const siblings = siblingTable(common.join(", "), beside.join(", "));
    const alone = [...counters].map(([f, n]) => {
      const names = f.alternatives.filter((a) => hasSibling(f, a)).map((a) => quote(a.json));
      return names.length === 0 ? "" : `  if (sib) ${n} += rules.countAlone(o, [${names.join(", ")}]);\n`;
    });
    const usesSib = beside.length > 0 && `${after}${alone.join("")}`.includes("sib");
    const declared = [
      ...(after.includes("c.metas > metas") ? ["  const { metas, lists } = c;\n"] : []),
      ...(usesSib ? ["  let sib = false;\n"] : []),
      ...(after.includes("!usual") ? ["  let usual = false;\n"] : []),
      ...[...counters.values()].map((n) => `  let ${n} = 0;\n`),
      ...[...locals.values()].flatMap((l) => (l.value ? [`  let ${l.value}: unknown;\n`] : [])),
    ].join("");
    const switched = [...byLength]
      .sort((a, b) => a[0] - b[0])
      .map(([n, code]) => `      case ${n}:\n${code}        break;\n`)
      .join("");
    return `/** @source ${type.source} */
export function is${tsName(type.name)}(v: unknown, c: FastContext, d: number${reference ? ", targets?: readonly string[]" : ""}): boolean {
  if (typeof v !== "object" || v === null || d >= 200) return false;
  const o = v as FhirObject;
${resource ? "" : "  let some = 0;\n"}${declared}  for (const k in o) {
    const x = o[k];
${resource ? "" : "    some++;\n"}    switch (k.length) {
${switched}    }
${
  // What is rare is looked up in a table, only where the key is none of the cases: each case here is text to be read at load.
  siblings === undefined
    ? "    return false;\n"
    : `    if (!isBeside(k, x, o, ${siblings}, c, d + 1)) return false;\n${resource ? "" : `    if (k === "id") some--;\n`}${usesSib ? "    sib = true;\n" : ""}`
}  }
${resource ? "" : "  if (some === 0) return false;\n"}${alone.join("")}${after}${reference ? "" : "  return true;\n"}}
`;
  }

  function invariant(constraint: Constraint, scope: FastScope, indent: string): string {
    const { key, expression } = constraint;
    if (expression === undefined || apart.notRun(key) || apart.byContext(expression)) return "";
    return `${indent}if (${not(compileFast(model, expression, key, scope, helpers))}) return false;\n`;
  }

  function casesOf(
    field: Field,
    counter: string | undefined,
    local: FastLocal | undefined,
    owner: string,
    add: (json: string, test: string, code: string) => void,
  ): void {
    for (const a of field.alternatives) {
      const sibling = quote(`_${a.json}`);
      const primitive = model.primitives.has(a.type);
      const own = constraintsOf(field, a);
      const bound = field.bound;
      const rules = (name: string, indent: string): string =>
        (bound === undefined ? "" : `${indent}if (!isBound(${name}, ${boundName(bound)})) return false;\n`) +
        own.map((k) => invariant(k, { object: name, type: a.type }, indent)).join("");
      // A value of the key that fails the test is looked for among the siblings then, and is none.
      let test = "";
      let code = "";
      if (a.type === "xhtml") test = `typeof x === "string" && isNarrativeText(x)`;
      else if (field.list && (a.type === "string" || a.type === "markdown")) test = `areStrings(x, o[${sibling}])`;
      else if (primitive && field.list)
        code = `          if (!Array.isArray(x) || x.length === 0) return false;
          for (let i = 0; i < x.length; i++) {
            const y: unknown = x[i];
            if (y === null ? !rules.isAt(o[${sibling}], i) : !(${good("y", field, a)})) return false;
${mention("y", a, "            ")}          }\n`;
      else if (primitive) {
        test = good("x", field, a);
        const whole = absolute.has(`${owner}.${field.name}`);
        if (whole) test = `(isKnownSystem(x) || (${test} && rules.isAbsolute(x)))`;
        if (bound !== undefined) test += ` && isBound(x, ${boundName(bound)})`;
        // An absolute address names nothing inside the document.
        code = whole ? "" : mention("x", a, "          ");
      } else if (a.type === "Resource")
        test = field.list ? "areResources(x, c, d + 1)" : "c.resourceIn(x, d + 1, false)";
      else {
        const extra = a.type === "Reference" && field.targets ? `, ${targetsName(field.targets)}` : "";
        const call = (name: string): string =>
          here.has(a.type) || common !== undefined
            ? `is${tsName(a.type)}(${name}, c, d + 1${extra})`
            : `c.rare(${quote(a.type)}, ${name}, d + 1)`;
        if (field.list && own.length === 0 && bound === undefined) {
          lists.add(a.type);
          test = `${listName(a.type)}(x, c, d + 1${extra})`;
        } else if (field.list)
          code = `          if (!Array.isArray(x) || x.length === 0) return false;
          for (let i = 0; i < x.length; i++) {
            const y = x[i] as FhirObject;
            if (!${call("y")}) return false;
${rules("y", "            ")}          }\n`;
        else {
          test = call("x");
          const more = rules("y", "          ");
          if (more !== "") code = `          const y = x as FhirObject;\n${more}`;
        }
      }
      if (counter) code += `          ${counter}++;\n`;
      if (marks[`${owner}.${field.name}`]) code += `          ${marks[`${owner}.${field.name}`]}\n`;
      if (a.type === "Meta") code += "          c.metas++;\n";
      if (a.type === "Resource" && field.list) code += "          c.lists++;\n";
      const form = usual[`${owner}.${field.name}`];
      if (form !== undefined && local?.value)
        add(a.json, form, `          ${local.value} = x;\n          usual = true;\n`);
      if (local?.value) code += `          ${local.value} = x;\n`;
      add(a.json, test, code);
    }
  }

  /** Ids of elements, and extensions that are nothing but extensions: few elements have them. */
  function isRare(field: Field, element: boolean, owner: string, local: FastLocal | undefined): boolean {
    if (local !== undefined) return false;
    if (field.name === "id") return element;
    const [a] = field.alternatives;
    return (
      (field.name === "extension" || field.name === "modifierExtension") &&
      field.list &&
      field.bound === undefined &&
      marks[`${owner}.${field.name}`] === undefined &&
      constraintsOf(field, a as Alternative).length === 0
    );
  }

  function constraintsOf(field: Field, a: Alternative): readonly Constraint[] {
    return field.constraints.filter((k) => !a.type.includes(".") && (k.onType === undefined || k.onType === a.type));
  }

  function listOf(type: string): string {
    const [parameter, argument] = type === "Reference" ? [", targets?: readonly string[]", ", targets"] : ["", ""];
    return `export function ${listName(type)}(x: unknown, c: FastContext, d: number${parameter}): boolean {
  if (!Array.isArray(x) || x.length === 0) return false;
  for (let i = 0; i < x.length; i++) if (!is${tsName(type)}(x[i], c, d${argument})) return false;
  return true;
}
`;
  }

  function hasSibling(field: Field, a: Alternative): boolean {
    return model.primitives.has(a.type) && !field.attribute && a.type !== "xhtml";
  }

  /** A condition that holds where the primitive is good. */
  function good(name: string, field: Field, a: Alternative): string {
    if (field.codes !== undefined) {
      const codes = model.valueSets.get(field.codes) ?? [];
      if (codes.length === 0) return "false";
      if (codes.length <= fewCodes) return `(${codes.map((c) => `${name} === ${quote(c)}`).join(" || ")})`;
      const list = codes.map(quote).join(", ");
      let set = sets.get(list);
      if (set === undefined) sets.set(list, (set = `codes${sets.size}`));
      return `typeof ${name} === "string" && ${set}.has(${name})`;
    }
    const type = field.form ?? a.type;
    const plain = forms[type] ?? type;
    return plain === "boolean"
      ? `typeof ${name} === "boolean"`
      : `p.is${plain.charAt(0).toUpperCase()}${plain.slice(1)}(${name})`;
  }

  function mention(name: string, a: Alternative, indent: string): string {
    return uriTypes.has(a.type) ? `${indent}mention(${name}, c);\n` : "";
  }

  function boundName(url: string): string {
    const text = printBound(url, model.bindings.get(url) ?? new Map());
    let name = bounds.get(text);
    if (name === undefined) bounds.set(text, (name = `bound${bounds.size}`));
    return name;
  }

  /** The name of a table; what several types have stands in one that theirs inherit from. */
  function siblingTable(common: string, rows: string): string | undefined {
    let above: string | undefined = "null";
    if (common !== "") {
      above = commons.get(common);
      if (above === undefined) commons.set(common, (above = `rare${commons.size}`));
      if (rows === "") return above;
    } else if (rows === "") return undefined;
    const key = `${above}: ${rows}`;
    let table = beside.get(key);
    if (table === undefined) beside.set(key, (table = { name: `beside${beside.size}`, above, rows }));
    return table.name;
  }

  function targetsName(types: readonly string[]): string {
    const list = types.map(quote).join(", ");
    let name = targets.get(list);
    if (name === undefined) targets.set(list, (name = `types${targets.size}`));
    return name;
  }
}

function listName(type: string): string {
  return `are${tsName(type)}`;
}

/** Types whose values may name a contained resource, by dom-3. */
const uriTypes: ReadonlySet<string> = new Set(["canonical", "uri", "url"]);

const forms: Readonly<Record<string, string>> = { markdown: "string", url: "uri", canonical: "uri" };
