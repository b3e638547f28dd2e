import { propertyKey, quote } from "@helsekontakt/codegen";
import { type Executed, note } from "./executed.ts";
import { compileInvariant } from "./fhirpath-emit.ts";
import { compileFast, FastHelpers } from "./fhirpath-fast.ts";
import type { Model } from "./model.ts";
import type { Codes, Option, Prop, Rule, Slice, Slicing, Test } from "./profile-rule.ts";
import { functionName, rulesOf } from "./profile-rules.ts";
import type { Profile, Profiles } from "./profiles.ts";
import type { DefinitionSource } from "./source.ts";
import { anyCaseClass, printBound } from "./value-sets.ts";

/**
 * The rules that profiles add to their base, two functions a profile: one that explains and one that only answers. The base
 * type's own validator has run before either, so that only what the profile adds is checked here.
 */
export function emitProfiles(
  model: Model,
  profiles: Profiles,
  source: DefinitionSource,
  compiled: Map<string, Executed>,
  unchecked: (line: string) => void,
  runtime: string,
): { readonly explain: string; readonly fast: string } {
  const explainSets = new SetTable();
  const fastSets = new SetTable();
  const helpers = new FastHelpers("i");
  let explain = "";
  let fast = "";
  const done = new Map<Profile, readonly Rule[]>();
  // Rules may bring in profiles of HL7's package, which then need functions of their own.
  for (let left = profiles.all(); left.length > 0; left = profiles.all().filter((p) => !done.has(p)))
    for (const profile of left) done.set(profile, rulesOf(profile, model, source, profiles, unchecked));
  for (const [profile, rules] of done) {
    const name = functionName(profile);
    explain += `/** @source ${profile.source} */\nexport function p${name}(o: FhirObject, c: FhirContext): void {\n${new Explain(model, explainSets, compiled, profile).all(rules, "  ")}}\n\n`;
    fast += `/** @source ${profile.source} */\nexport function q${name}(o: FhirObject, c: FastContext): boolean {\n${new Fast(model, fastSets, helpers, profile).all(rules, "o", "  ")}  return true;\n}\n\n`;
  }
  const whole = (profile: Profile): string => {
    const keys = profile.type === "Bundle" ? wholeInvariants(done.get(profile) ?? [], done) : [];
    return keys.length === 0 ? "" : `, whole: [${list(keys)}]`;
  };
  const rows = (prefix: "p" | "q"): string =>
    [...done.keys()]
      .map(
        (p) =>
          `  ${propertyKey(p.definition.url)}: { type: ${quote(p.type)}, check: ${prefix}${functionName(p)}${prefix === "p" ? whole(p) : ""} },\n`,
      )
      .join("");
  const blank = (text: string): string => (text === "" ? "" : `${text}\n`);
  return {
    explain: `${explain.includes("alternatives.") ? `import * as alternatives from "${runtime}alternatives.ts";\n` : ""}import type { FhirContext, FhirObject, ProfileRule } from "${runtime}context.ts";
${explain.includes("fp.") ? `import * as fp from "${runtime}fhirpath.ts";\n` : ""}
${blank(explainSets.source())}${explain}/** Rules of each profile by canonical address. */
export const profileRules: Readonly<Record<string, ProfileRule>> = {
${rows("p")}};
`,
    fast: `${fast.includes("alternatives.") ? `import * as alternatives from "${runtime}alternatives.ts";\n` : ""}${fast.includes("isBound(") ? `import { isBound } from "${runtime}bound.ts";\n` : ""}import type { FhirObject } from "${runtime}context.ts";
import type { FastContext, FastProfile } from "${runtime}fast.ts";
${(fast + helpers.source()).includes("fp.") ? `import * as fp from "${runtime}fhirpath.ts";\n` : ""}
${blank(fastSets.source())}${blank(helpers.source())}${fast}/** Checks of each profile by canonical address. */
export const fastProfiles: Readonly<Record<string, FastProfile>> = {
${rows("q")}};
`,
  };
}

/** Invariants of a Bundle that look at its entries together: they say nothing of one that is judged entry by entry. */
function wholeInvariants(rules: readonly Rule[], all: ReadonlyMap<Profile, readonly Rule[]>): string[] {
  const keys = rules.flatMap((rule): string[] => {
    if (rule.kind === "as") return wholeInvariants(all.get(rule.profile) ?? [], all);
    if (rule.kind !== "invariant") return [];
    const { key, expression } = rule.constraint;
    return /\b(?:entry|children|descendants|repeat)\b/.test(expression) ? [key] : [];
  });
  return [...new Set(keys)];
}

/** Constants of a module: code sets and values. */
class SetTable {
  readonly #sets = new Map<string, string>();

  codes({ url, codes }: Codes): string {
    return this.#name(printBound(url, codes), "b");
  }

  value(value: unknown): string {
    if (typeof value !== "object") return JSON.stringify(value);
    return this.#name(
      Array.isArray(value) && value.length === 0 ? "[] as readonly string[]" : JSON.stringify(value),
      "w",
    );
  }

  options(options: readonly Option[]): string {
    return this.#name(`[${options.map((x) => optionText(x, "q")).join(", ")}] as const`, "k");
  }

  #name(text: string, prefix: string): string {
    let name = this.#sets.get(text);
    if (name === undefined) this.#sets.set(text, (name = `${prefix}${this.#sets.size}`));
    return name;
  }

  source(): string {
    const text = [...this.#sets].map(([value, name]) => `const ${name} = ${value};\n`).join("");
    return anyCaseClass(text) + text;
  }
}

/** One of several types and profiles, as the validators read it. */
function optionText({ type, profile }: Option, prefix: "p" | "q"): string {
  const parts = [
    ...(type === undefined && !profile ? [] : [type === undefined ? "undefined" : quote(type)]),
    ...(profile ? [prefix + functionName(profile)] : []),
    ...(profile && prefix === "q" ? [quote(profile.definition.url)] : []),
  ];
  return `[${parts.join(", ")}]`;
}

const list = (texts: readonly string[]): string => texts.map(quote).join(", ");
const jsonNames = (props: readonly Prop[]): string => list(props.map((p) => p.json));
const top = (max: number): string => (max === Number.POSITIVE_INFINITY ? "Number.POSITIVE_INFINITY" : String(max));
const isCounted = (s: Slice): boolean => s.min > 0 || s.max < Number.POSITIVE_INFINITY;

/** The parts of the code of slices around the loop over the items. */
interface SlicingCode {
  readonly before: string;
  readonly item: string;
  readonly after: string;
}

/** Slices of a slice are counted where the slice is there at all. */
const counting = (condition: string, code: string, indent: string): string =>
  code === "" ? "" : `${indent}if (${condition}) {\n${code.replace(/^(?=.)/gm, "  ")}${indent}}\n`;
const isName = (step: string): boolean => /^[A-Za-z]+$/.test(step);
/** What a path with `resolve()` is looked up in. */
const finder = (path: readonly string[]): string => (path.includes("resolve()") ? ", c" : "");

class Explain {
  readonly #model: Model;
  readonly #sets: SetTable;
  readonly #compiled: Map<string, Executed>;
  readonly #profile: Profile;
  #counters = 0;

  constructor(model: Model, sets: SetTable, compiled: Map<string, Executed>, profile: Profile) {
    this.#model = model;
    this.#sets = sets;
    this.#compiled = compiled;
    this.#profile = profile;
  }

  all(rules: readonly Rule[], indent: string): string {
    return rules.map((r) => this.#rule(r, indent)).join("");
  }

  #rule(r: Rule, indent: string): string {
    const line = (text: string): string => `${indent}${text};\n`;
    switch (r.kind) {
      case "notAllowed":
        return line(`c.notAllowed(o, [${jsonNames(r.props)}])`);
      case "atLeast":
        return line(`c.atLeast(o, ${quote(r.field)}, [${jsonNames(r.props)}], ${r.min})`);
      case "atMost":
        return line(`c.atMost(o, [${jsonNames(r.props)}], ${r.max})`);
      case "fixed":
      case "pattern":
        return line(`c.${r.kind}(o, ${JSON.stringify(r.value)})`);
      case "bound":
        return line(`c.bound(o, ${this.#sets.codes(r.set)}, ${quote(r.level)})`);
      case "targets":
        return line(`c.targets(o, [${list(r.types)}])`);
      case "aggregation":
        return line(`c.aggregation(o, [${list(r.modes)}])`);
      case "resourceType":
        return line(`c.resourceType(o, ${quote(r.type)})`);
      case "maxLength":
        return line(`c.maxLength(o, ${r.max})`);
      case "limit":
        return line(`c.limit(o, ${quote(r.side)}, ${JSON.stringify(r.value)})`);
      case "as":
        return line(`c.as(o, p${functionName(r.profile)})`);
      case "oneOf":
      case "target":
        return line(`alternatives.${r.kind}(o, c, [${r.options.map((x) => optionText(x, "p")).join(", ")}])`);
      case "invariant": {
        const { key, expression, severity, human } = r.constraint;
        const owner = this.#profile.definition.url;
        const { code } = compileInvariant(this.#model, r.type, expression, key, undefined, owner);
        note(this.#compiled, key, r.type, expression, "compiled");
        return `${indent}if (!(${code})) c.invariant(${quote(key)}, ${quote(severity)}, ${quote(lower(human))});\n`;
      }
      case "each":
        return this.#each(r, indent);
    }
  }

  #each({ prop, body, slicing, of }: Extract<Rule, { kind: "each" }>, indent: string): string {
    const inner = this.all(body, `${indent}  `);
    if (of !== undefined) return `${indent}c.eachSibling(o, ${quote(of)}, (o) => {\n${inner}${indent}});\n`;
    if (!slicing) return `${indent}c.each(o, ${quote(prop.json)}, (o) => {\n${inner}${indent}});\n`;
    const code = this.#slicing(slicing, prop.json, indent);
    return `${code.before}${indent}c.each(o, ${quote(prop.json)}, (o) => {\n${inner}${code.item}${indent}});\n${code.after}`;
  }

  /** What stands before the loop over the items, inside of it, and behind it. */
  #slicing({ slices, rules, ordered, resolved }: Slicing, property: string, indent: string): SlicingCode {
    const n = `n${this.#counters++}`;
    const zeros = slices.map(() => "0").join(", ");
    const orderly = ordered || rules === "openAtEnd";
    let before = `${indent}const ${n}: [${slices.map(() => "number").join(", ")}] = [${zeros}];\n`;
    if (orderly) before += `${indent}const at${n} = { last: 0 };\n`;
    let item = "";
    let after = "";
    if (resolved.length > 0) {
      before += `${indent}const out${n} = { some: false };\n`;
      item += `${indent}  if (${resolved.map((p) => `fp.leadsOutside(o, ${JSON.stringify(p)}, c)`).join(" || ")}) out${n}.some = true;\n`;
    }
    slices.forEach((s, i) => {
      const order = orderly ? `${indent}    c.inOrder(at${n}, ${ordered ? i + 1 : 1});\n` : "";
      const inner = s.inner ? this.#slicing(s.inner, property, `${indent}  `) : undefined;
      const body = `${n}[${i}]++;\n${order}${this.all(s.body, `${indent}    `)}${inner ? inner.item : ""}`;
      item += `${indent}  ${item === "" ? "" : "else "}if (${this.#tests(s.tests)}) {\n${indent}    ${body}${indent}  }\n`;
      const min = resolved.length > 0 && s.min > 0 ? `out${n}.some ? 0 : ${s.min}` : String(s.min);
      if (isCounted(s))
        after += `${indent}c.slice(${quote(property)}, ${quote(s.name)}, ${n}[${i}], ${min}, ${top(s.max)});\n`;
      if (inner) {
        before += inner.before.replace(/^ {2}/gm, "");
        after += counting(`${n}[${i}] > 0`, inner.after, indent);
      }
    });
    if (rules === "closed") item += `${indent}  else c.outsideSlices();\n`;
    if (rules === "openAtEnd") item += `${indent}  else at${n}.last = ${slices.length + 1};\n`;
    return { before, item, after };
  }

  #tests(tests: readonly Test[]): string {
    return tests.map((t) => this.#test(t)).join(" && ");
  }

  #test(t: Test): string {
    if (t.kind === "any") return `(${t.of.map((all) => `(${this.#tests(all)})`).join(" || ")})`;
    const path = JSON.stringify(t.path);
    switch (t.kind) {
      case "like":
        return `fp.like(o, ${path}, ${JSON.stringify(t.value)}, ${t.exact}${finder(t.path)})`;
      case "present":
        return `${t.not ? "!" : ""}fp.present(o, ${path}${finder(t.path)})`;
      case "bound":
        return `c.isBoundAt(o, ${path}, ${this.#sets.codes(t.set)})`;
      case "target":
        return `c.leadsTo(o, ${path}, [${list(t.types)}])`;
      case "profile":
        return `c.conforms(o, ${path}, p${functionName(t.profile)})`;
    }
  }
}

class Fast {
  readonly #model: Model;
  readonly #sets: SetTable;
  readonly #helpers: FastHelpers;
  readonly #profile: Profile;
  #names = 0;

  constructor(model: Model, sets: SetTable, helpers: FastHelpers, profile: Profile) {
    this.#model = model;
    this.#sets = sets;
    this.#helpers = helpers;
    this.#profile = profile;
  }

  all(rules: readonly Rule[], o: string, indent: string): string {
    return rules.map((r) => this.#rule(r, o, indent)).join("");
  }

  #rule(r: Rule, o: string, indent: string): string {
    const unless = (condition: string): string => `${indent}if (!${condition}) return false;\n`;
    const when = (condition: string): string => `${indent}if (${condition}) return false;\n`;
    switch (r.kind) {
      case "notAllowed":
        return r.props.map((p) => when(this.#present(o, p))).join("");
      case "atLeast":
        if (r.min === 1 && r.props.length < 8)
          return unless(`(${r.props.map((p) => this.#present(o, p)).join(" || ")})`);
        return when(`fp.get(${o}, ${jsonNames(r.props)}).length < ${r.min}`);
      case "atMost":
        if (r.max === 0) return r.props.map((p) => when(this.#present(o, p))).join("");
        return when(`fp.get(${o}, ${jsonNames(r.props)}).length > ${r.max}`);
      case "fixed":
        return typeof r.value === "string" || typeof r.value === "boolean"
          ? when(`(${o} as unknown) !== ${JSON.stringify(r.value)}`)
          : unless(`fp.equal(${o}, ${this.#sets.value(r.value)})`);
      case "pattern":
        return unless(`fp.holdsPattern(${o}, ${this.#sets.value(r.value)})`);
      case "bound":
        return unless(`isBound(${o}, ${this.#sets.codes(r.set)})`);
      case "targets":
        return unless(`c.targets(${o}, ${this.#sets.value(r.types)})`);
      case "aggregation":
        return unless(`c.aggregation(${o}, ${this.#sets.value(r.modes)})`);
      case "resourceType":
        return when(`${o}["resourceType"] !== ${quote(r.type)}`);
      case "maxLength":
        return when(`fp.isLonger(${o}, ${r.max})`);
      case "limit":
        return when(`fp.isBeyond(${o}, ${quote(r.side)}, ${JSON.stringify(r.value)})`);
      case "as":
        return r.known ? "" : unless(`c.as(${o}, q${functionName(r.profile)})`);
      case "oneOf":
      case "target":
        return unless(
          `alternatives.is${r.kind === "oneOf" ? "OneOf" : "Target"}(${o}, c, ${this.#sets.options(r.options)})`,
        );
      case "invariant": {
        const { key, expression } = r.constraint;
        const owner = this.#profile.definition.url;
        const scope = { object: o, type: r.type };
        return unless(compileFast(this.#model, expression, key, scope, this.#helpers, owner));
      }
      case "each":
        return this.#each(r, o, indent);
    }
  }

  #present(o: string, { json, primitive }: Prop): string {
    const value = `${o}[${quote(json)}] !== undefined`;
    return primitive ? `(${value} || ${o}[${quote(`_${json}`)}] !== undefined)` : value;
  }

  #each({ prop, body, slicing, of }: Extract<Rule, { kind: "each" }>, o: string, indent: string): string {
    const id = this.#names++;
    const [x, item] = [`x${id}`, `y${id}`];
    const deep = `${indent}    `;
    if (of !== undefined) {
      const loop = `${indent}for (const ${item} of fp.siblings(${o}, ${quote(of)})) {\n`;
      return `${loop}${this.all(body, item, `${indent}  `)}${indent}}\n`;
    }
    const code = slicing ? this.#slicing(slicing, String(id), item, indent, deep) : { before: "", item: "", after: "" };
    const inner = this.all(body, item, deep) + code.item;
    let out = code.before;
    const value = `${o}[${quote(prop.json)}]`;
    if (prop.list) {
      const nulls = prop.primitive ? `${deep}if (${item} === null) continue;\n` : "";
      out += `${indent}const ${x} = ${value} as readonly FhirObject[] | undefined;\n${indent}if (${x} !== undefined) {\n${indent}  for (const ${item} of ${x}) {\n${nulls}${inner}${indent}  }\n${indent}}\n`;
    } else
      out += `${indent}const ${item} = ${value} as FhirObject | undefined;\n${indent}if (${item} !== undefined) {\n${inner}${indent}}\n`;
    return out + code.after;
  }

  /** What stands before the loop over the items, inside of it, and behind it. */
  #slicing(slicing: Slicing, id: string, o: string, indent: string, deep: string): SlicingCode {
    const { slices, rules, ordered, resolved } = slicing;
    const orderly = ordered || rules === "openAtEnd";
    let before = slices.map((s, i) => (isCounted(s) || s.inner ? `${indent}let n${id}_${i} = 0;\n` : "")).join("");
    if (orderly) before += `${indent}let at${id} = 0;\n`;
    let item = "";
    let after = "";
    const least = resolved.length > 0 && slices.some((s) => s.min > 0);
    if (least) before += `${indent}let out${id} = false;\n`;
    if (resolved.length > 0) {
      const outside = resolved.map((p) => `fp.leadsOutside(${o}, ${this.#sets.value(p)}, c)`).join(" || ");
      item += `${deep}if (${outside}) {\n${least ? `${deep}  out${id} = true;\n` : ""}${deep}}\n`;
    }
    slices.forEach((s, i) => {
      const inner = s.inner ? this.#slicing(s.inner, `${id}_${i}_`, o, indent, `${deep}  `) : undefined;
      const count = isCounted(s) || inner ? `${deep}  n${id}_${i}++;\n` : "";
      const order = orderly
        ? `${deep}  if (at${id} > ${ordered ? i + 1 : 1}) return false;\n${deep}  at${id} = ${ordered ? i + 1 : 1};\n`
        : "";
      item += `${deep}${item === "" ? "" : "else "}if (${this.#tests(s.tests, o)}) {\n${count}${order}${this.all(s.body, o, `${deep}  `)}${inner?.item ?? ""}${deep}}\n`;
      if (s.min > 0) after += `${indent}if (${least ? `!out${id} && ` : ""}n${id}_${i} < ${s.min}) return false;\n`;
      if (s.max < Number.POSITIVE_INFINITY) after += `${indent}if (n${id}_${i} > ${s.max}) return false;\n`;
      if (inner) {
        before += inner.before;
        after += counting(`n${id}_${i} > 0`, inner.after, indent);
      }
    });
    if (rules === "closed") item += `${deep}else return false;\n`;
    if (rules === "openAtEnd") item += `${deep}else at${id} = ${slices.length + 1};\n`;
    return { before, item, after };
  }

  #tests(tests: readonly Test[], o: string): string {
    return tests.map((t) => this.#test(t, o)).join(" && ");
  }

  #test(t: Test, o: string): string {
    if (t.kind === "any") return `(${t.of.map((all) => `(${this.#tests(all, o)})`).join(" || ")})`;
    const path = this.#sets.value(t.path);
    switch (t.kind) {
      case "like":
        if (t.exact && typeof t.value === "string" && t.path.every(isName))
          return `fp.hasText(${o}, ${path}, ${quote(t.value)})`;
        return `fp.like(${o}, ${path}, ${this.#sets.value(t.value)}, ${t.exact}${finder(t.path)})`;
      case "present":
        return `${t.not ? "!" : ""}fp.present(${o}, ${path}${finder(t.path)})`;
      case "bound":
        return `c.isBoundAt(${o}, ${path}, ${this.#sets.codes(t.set)})`;
      case "target":
        return `c.leadsTo(${o}, ${path}, ${this.#sets.value(t.types)})`;
      case "profile":
        return `c.conforms(${o}, ${path}, ${quote(t.profile.definition.url)})`;
    }
  }
}

function lower(text: string): string {
  return `expected: ${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}
