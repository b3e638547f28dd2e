import { GeneratorError } from "@helsekontakt/codegen";
import type { ElementDefinition } from "./definitions.ts";
import { compileInvariant } from "./fhirpath-emit.ts";
import { compileFast, FastHelpers } from "./fhirpath-fast.ts";
import { type Alternative, type Field, type Model, tsName } from "./model.ts";
import type { Option, Prop, Rule, Slice, Slicing, Test } from "./profile-rule.ts";
import {
  allowed,
  fieldOf,
  isSlicedByType,
  type Profile,
  type ProfileNode,
  type Profiles,
  targetTypes,
  valueRule,
} from "./profiles.ts";
import { asKnown, type Discriminator, resolvedPaths, testsOf } from "./slice-tests.ts";
import type { DefinitionSource } from "./source.ts";

const hl7 = "http://hl7.org/fhir/StructureDefinition/";

/** Types that a binding can be on, with what it binds. */
const codedTypes = new Set(
  "code uri url canonical string Coding CodeableConcept Quantity Age Count Distance Duration".split(" "),
);

/** The rules of one profile, those of its base profiles among them; `unchecked` takes what cannot be run. */
export function rulesOf(
  profile: Profile,
  model: Model,
  source: DefinitionSource,
  profiles: Profiles,
  unchecked: (line: string) => void,
): Rule[] {
  const url = profile.definition.url;
  const fail = (found: string, expected: string, at = url): never => {
    throw new GeneratorError(at, undefined, found, expected);
  };
  const skip = (what: string, why: string): void => unchecked(`${profile.name} ${what}: ${why}`);
  return [...children(profile.type, profile.root, undefined), ...constraints(profile.type, profile.root.element)];

  function children(type: string, node: ProfileNode, beside: ProfileNode | undefined): Rule[] {
    const out: Rule[] = [];
    for (const [name, childNode] of node.children)
      out.push(...propertyRules(type, name, childNode, beside?.children.get(name)));
    return out;
  }

  function propsOf(field: Field, alternatives: readonly Alternative[]): Prop[] {
    return alternatives.map((a) => ({
      json: a.json,
      list: field.list,
      primitive: model.primitives.has(a.type) && !field.attribute && a.type !== "xhtml",
    }));
  }

  function propertyRules(type: string, name: string, node: ProfileNode, beside: ProfileNode | undefined): Rule[] {
    const field = fieldOf(model, type, name, profile);
    const left = allowed(field, node, profile);
    const props = propsOf(field, left);
    const { element } = node;
    const out: Rule[] = [];
    const removed = field.alternatives.filter((a) => !left.includes(a));
    if (removed.length > 0) out.push({ kind: "notAllowed", props: propsOf(field, removed) });
    if (element?.min !== undefined && element.min > field.min)
      out.push({ kind: "atLeast", field: field.name, props, min: element.min });
    const most = element?.max === undefined || element.max === "*" ? Number.POSITIVE_INFINITY : Number(element.max);
    if (most < (field.list ? Number.POSITIVE_INFINITY : 1)) out.push({ kind: "atMost", props, max: most });
    if (field.choice && node.slices.size > 0) {
      left.forEach((a, i) => each(field, a, props[i] as Prop, { ...node, slices: new Map() }, beside, out));
      out.push(...choiceSlices(field, node));
      return out;
    }
    left.forEach((a, i) => each(field, a, props[i] as Prop, node, beside, out));
    return out;
  }

  function each(
    field: Field,
    a: Alternative,
    prop: Prop,
    node: ProfileNode,
    beside: ProfileNode | undefined,
    out: Rule[],
  ): void {
    const body = itemRules(field, a.type, node, beside);
    const slicing = node.slices.size > 0 ? slicesOf(field, a.type, node, beside) : undefined;
    if (body.length > 0 || slicing) out.push({ kind: "each", prop, body, ...(slicing ? { slicing } : {}) });
    if (!prop.primitive || node.children.size === 0) return;
    const besideValue = new Map([...node.children].filter(([name]) => name !== "value"));
    const below = children("Element", { ...node, children: besideValue }, beside);
    if (below.length > 0)
      out.push({
        kind: "each",
        prop: { json: `_${prop.json}`, list: prop.list, primitive: prop.list },
        body: below,
        ...(below.some(isDemand) ? { of: prop.json } : {}),
      });
  }

  /** Slices of a choice by its type: each is the rules of one property. */
  function choiceSlices(field: Field, node: ProfileNode): Rule[] {
    const at = node.element?.id ?? field.name;
    if (!isSlicedByType(node)) {
      const by = (node.element?.slicing?.discriminator ?? []).map((d) => `${d.type} ${d.path}`);
      skip(`slices of ${at}`, `a choice is told by its type, not by ${by.join(", ")}`);
      return [];
    }
    const out: Rule[] = [];
    const taken: Alternative[] = [];
    for (const [name, slice] of node.slices) {
      const codes = slice.element?.type?.map((t) => t.code);
      const a = field.alternatives.filter((x) => (codes ? codes.includes(x.type) : x.json === name));
      if (a.length === 0) return fail(`slice ${name} of ${at}`, "a slice of one of the types of the choice");
      const props = propsOf(field, a);
      if ((slice.element?.min ?? 0) > 0)
        out.push({ kind: "atLeast", field: props[0]?.json ?? field.name, props, min: slice.element?.min ?? 0 });
      if (slice.element?.max === "0") out.push({ kind: "notAllowed", props });
      a.forEach((x, i) => each(field, x, props[i] as Prop, slice, undefined, out));
      taken.push(...a);
    }
    const rest = field.alternatives.filter((x) => !taken.includes(x));
    if (node.element?.slicing?.rules === "closed" && rest.length > 0)
      out.push({ kind: "notAllowed", props: propsOf(field, rest) });
    return out;
  }

  /** Rules for one value: fixed value, pattern, binding, profile, targets, constraints, children. */
  function itemRules(field: Field, type: string, node: ProfileNode, beside: ProfileNode | undefined): Rule[] {
    const { element } = node;
    const out: Rule[] = [];
    const rule = valueRule(element);
    if (rule) out.push(rule);
    const bound = binding(field, type, node);
    if (bound) out.push(bound);
    for (const key of Object.keys(element ?? {})) {
      const side = /^(min|max)Value[A-Z]/.exec(key)?.[1] as "min" | "max" | undefined;
      if (side === undefined) continue;
      const value = element?.[key];
      if (typeof value !== "number" && !(typeof value === "string" && /^\d{4}/.test(value)))
        return fail(`${element?.id ?? field.name}.${key}`, "a number or a date as limit");
      out.push({ kind: "limit", side, value });
    }
    if (typeof element?.["maxLength"] === "number") out.push({ kind: "maxLength", max: element["maxLength"] });
    if (type === "Reference") {
      const references = (element?.type ?? []).filter((x) => x.code === "Reference");
      const targets = references.flatMap((x) => x.targetProfile ?? []);
      if (targets.length > 0 && references.every((x) => x.targetProfile !== undefined)) {
        const types = targetTypes(targets, source, url);
        if (!types.includes("Resource")) out.push({ kind: "targets", types });
      }
      const modes = [...new Set(references.flatMap((x) => x.aggregation ?? []))].sort();
      if (modes.length > 0 && references.every((x) => x.aggregation !== undefined))
        out.push({ kind: "aggregation", modes });
      const options = targetOptions(targets, element);
      if (options.some((o) => o.profile)) out.push({ kind: "target", options });
    }
    const { rules, nested, inner } = typeRules(type, element, beside, element?.id ?? field.name);
    out.push(...rules);
    out.push(...constraints(inner, element));
    if (node.children.size === 0) return out;
    // Below a primitive stand its value, which is the primitive itself in JSON, and its id and extensions, which JSON keeps
    // in the sibling: see `each`.
    if (!model.primitives.has(inner)) return [...out, ...children(inner, node, nested)];
    const value = node.children.get("value");
    if (!value) return out;
    if ((value.element?.min ?? 0) > 0 || value.element?.max === "0")
      skip(`cardinality ${value.element?.id}`, "a primitive with or without its value");
    return [...out, ...itemRules(field, type, value, beside?.children.get("value"))];
  }

  /** The types and profiles that an element may have, and what there is to know of what stands below it. */
  function typeRules(
    type: string,
    element: ElementDefinition | undefined,
    beside: ProfileNode | undefined,
    at: string,
  ): { readonly rules: readonly Rule[]; readonly nested: ProfileNode | undefined; readonly inner: string } {
    const isResource = type === "Resource";
    const t = element?.type?.find((x) => x.code === type) ?? element?.type?.[0];
    const types = isResource ? (element?.type ?? []) : t ? [t] : [];
    const options = types.flatMap(({ code, profile: urls }) =>
      (urls?.length ? urls : [undefined]).map((u) => optionOf(code, u, isResource, at)),
    );
    const codes = new Set(types.map((x) => x.code));
    const inner = isResource ? (codes.size === 1 ? (t?.code ?? type) : type) : type;
    if (options.length > 1) {
      const open = options.some((o) => o.type === undefined && o.profile === undefined);
      return { rules: open ? [] : [{ kind: "oneOf", options }], nested: beside, inner };
    }
    const [one] = options;
    const rules: Rule[] = [];
    if (one?.type !== undefined) rules.push({ kind: "resourceType", type: one.type });
    if (one?.profile) rules.push({ kind: "as", profile: one.profile });
    return { rules, nested: one?.profile?.root ?? beside, inner };
  }

  function optionOf(code: string, canonical: string | undefined, isResource: boolean, at: string): Option {
    const type = isResource && code !== "Resource" ? { type: code } : {};
    if (canonical === undefined) return type;
    const other = profiles.find(canonical);
    if (other === profile) {
      skip(`type profile of ${at}`, "the profile inside itself");
      return type;
    }
    if (other) return { ...(isResource ? { type: other.type } : {}), profile: other };
    const name = canonical.split("|")[0]?.slice(hl7.length) ?? "";
    if (!canonical.startsWith(hl7) || (name !== code && !(isResource && model.resourceTypes.includes(name))))
      return fail(`type profile ${canonical} at ${at}`, "a profile among the definitions");
    return isResource && name !== "Resource" ? { type: name } : {};
  }

  /** The types that a reference may lead to, with the profiles of ours. */
  function targetOptions(urls: readonly string[], element: ElementDefinition | undefined): Option[] {
    return urls.map((u) => {
      const { type, url: address } = source.structure(u, url);
      const typed = type === "Resource" ? {} : { type };
      if (source.own.some((d) => d.url === address)) {
        const other = profiles.find(address);
        if (other) return { ...typed, profile: other };
      } else if (source.profile(address))
        skip(`target ${address} of ${element?.id}`, "no profile of the folders: its type alone is checked");
      return typed;
    });
  }

  function binding(field: Field, type: string, node: ProfileNode): Rule | undefined {
    const { element } = node;
    const b = element?.binding;
    if (!b || b.strength === "example" || b.strength === "preferred") return undefined;
    if (b.strength !== "required" && b.strength !== "extensible")
      return fail(`binding strength ${b.strength}`, "one of FHIR's four");
    const what = `binding ${element?.id}`;
    if (b.valueSet === undefined) {
      skip(what, "the definition names no value set");
      return undefined;
    }
    const expansion = source.expand(b.valueSet);
    if ("unlisted" in expansion) {
      skip(what, expansion.unlisted);
      return undefined;
    }
    // On an extension it means the value, which has a rule of its own where the profile is well made.
    if (type === "Extension") {
      skip(what, "a binding on an extension instead of its value");
      return undefined;
    }
    if (!codedTypes.has(type)) {
      if (model.primitives.has(type)) return undefined;
      // Of a choice it means the coded types: what a reference or a period says is no code.
      if (allowed(field, node, profile).some((a) => codedTypes.has(a.type))) return undefined;
      if (!field.choice && type !== "Reference") return fail(`binding on ${type}`, "a binding on a coded type");
      skip(what, `a binding on ${type}, which has no code`);
      return undefined;
    }
    return {
      kind: "bound",
      set: { url: b.valueSet, codes: expansion.codes },
      level: b.strength === "required" ? "error" : "warning",
    };
  }

  function constraints(type: string, element: ElementDefinition | undefined): Rule[] {
    return (element?.constraint ?? [])
      .filter((k) => !model.coreConstraints.has(`${k.key} ${k.expression ?? ""}`))
      .flatMap((k): Rule[] => {
        if (k.expression === undefined) return fail(`constraint ${k.key} without expression`, "a FHIRPath expression");
        const outside = outsideOf(type, k.expression, k.key);
        if (outside === undefined) return [{ kind: "invariant", type, constraint: { ...k, expression: k.expression } }];
        skip(
          `constraint ${k.key} of ${element?.id ?? type}`,
          `outside the compiled part of FHIRPath, ${outside}: ${k.expression}`,
        );
        return [];
      });
  }

  /** What of an expression cannot be compiled: the profile has its other rules without it. */
  function outsideOf(type: string, expression: string, key: string): string | undefined {
    try {
      compileInvariant(model, type, expression, key, undefined, url);
      compileFast(model, expression, key, { object: "o", type }, new FastHelpers("i"), url);
      return undefined;
    } catch (error) {
      if (error instanceof GeneratorError) return error.construct;
      throw error;
    }
  }

  function slicesOf(
    field: Field,
    type: string,
    node: ProfileNode,
    beside: ProfileNode | undefined,
  ): Slicing | undefined {
    const [first] = node.slices.values();
    const at = node.element?.id ?? beside?.element?.id ?? first?.element?.path ?? `${type}.${field.name}`;
    // Extensions are sliced by their address, whether a profile says so or not.
    const slicing =
      node.element?.slicing ??
      beside?.element?.slicing ??
      (type === "Extension" ? { discriminator: [{ type: "value", path: "url" }], rules: "open" } : undefined);
    if (slicing) return slicesBy(slicing, field, type, node, beside, at);
    skip(`slices of ${at}`, "no slicing says how to tell them apart");
    return undefined;
  }

  function slicesBy(
    slicing: NonNullable<ElementDefinition["slicing"]>,
    field: Field,
    type: string,
    node: ProfileNode,
    beside: ProfileNode | undefined,
    at: string,
  ): Slicing | undefined {
    const { rules, ordered = false, discriminator = [] } = slicing;
    if (rules !== "open" && rules !== "closed" && rules !== "openAtEnd")
      return fail(`slicing rules ${rules} of ${at}`, "open, closed or openAtEnd");
    const slices: Slice[] = [];
    let untold = discriminator.length === 0;
    if (untold) skip(`slices of ${at}`, "a slicing without discriminator");
    else
      for (const [name, slice] of node.slices) {
        const found = sliceOf(name, slice, discriminator, field, type, beside?.slices.get(name), at);
        if (found) slices.push(found);
        else untold = true;
      }
    if (slices.length === 0) return undefined;
    // What is outside of the slices may be of one that cannot be told.
    if (untold && rules !== "open") skip(`slicing rules ${rules} of ${at}`, "some of the slices cannot be told apart");
    const tests = slices.flatMap((s) => s.tests);
    const resolved = [...new Map(resolvedPaths(tests).map((path) => [path.join(" "), path])).values()];
    return { slices, rules: untold ? "open" : rules, ordered, resolved };
  }

  function sliceOf(
    name: string,
    slice: ProfileNode,
    discriminator: readonly Discriminator[],
    field: Field,
    type: string,
    nested: ProfileNode | undefined,
    at: string,
  ): Slice | undefined {
    const tests: Test[] = [];
    for (const d of discriminator) {
      const found = testsOf(d, slice, nested, type, { model, source, profiles, url });
      if (typeof found === "string") {
        skip(`slices of ${at}`, `${name}: ${found}`);
        return undefined;
      }
      tests.push(...found);
    }
    const { element } = slice;
    const body = itemRules(field, type, slice, nested).map((r) => asKnown(r, type, tests));
    const inner = slice.slices.size > 0 ? innerSlices(name, slice, field, type, nested, at) : undefined;
    return {
      name,
      tests,
      body,
      min: element?.min ?? 0,
      max: element?.max === undefined || element.max === "*" ? Number.POSITIVE_INFINITY : Number(element.max),
      ...(inner ? { inner } : {}),
    };
  }

  /** Slices of a slice, each by the name of both: `a/b`. */
  function innerSlices(
    name: string,
    slice: ProfileNode,
    field: Field,
    type: string,
    nested: ProfileNode | undefined,
    at: string,
  ): Slicing | undefined {
    const slicing = slice.element?.slicing ?? nested?.element?.slicing;
    if (!slicing) {
      skip(`slices of ${at}:${name}`, "the slice has no slicing of its own");
      return undefined;
    }
    const named = (of: ProfileNode): ProfileNode => ({
      ...of,
      slices: new Map([...of.slices].map(([inner, n]) => [`${name}/${inner}`, n])),
    });
    return slicesBy(slicing, field, type, named(slice), nested ? named(nested) : undefined, `${at}:${name}`);
  }
}

/** True for a rule that an element with nothing in it breaks. */
function isDemand(rule: Rule): boolean {
  return rule.kind === "atLeast" || (rule.kind === "each" && rule.slicing?.slices.some((s) => s.min > 0) === true);
}

/** Name of a profile's functions without their prefix. */
export function functionName(profile: Profile): string {
  return tsName(profile.name);
}
