import { GeneratorError } from "@helsekontakt/codegen";
import type { ElementDefinition } from "./definitions.ts";
import { isExtensionDefinition } from "./emit-extensions.ts";
import { compileInvariant } from "./fhirpath-emit.ts";
import { compileFast, FastHelpers } from "./fhirpath-fast.ts";
import { type Alternative, type Field, type Model, tsName } from "./model.ts";
import type { Prop, Rule, Slice, Slicing, Test } from "./profile-rule.ts";
import { allowed, fieldOf, type Profile, type ProfileNode, type Profiles, targetTypes, valueRule } from "./profiles.ts";
import type { DefinitionSource } from "./source.ts";

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
    const by = node.element?.slicing?.discriminator;
    if (by && !(by.length === 1 && by[0]?.type === "type" && by[0].path === "$this"))
      return fail(`slices of the choice ${at} by ${by.map((d) => `${d.type} ${d.path}`).join(", ")}`, "slices by type");
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
    const t = element?.type?.find((x) => x.code === type) ?? element?.type?.[0];
    if (type === "Resource" && t && t.code !== "Resource") out.push({ kind: "resourceType", type: t.code });
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
    }
    let nested = beside;
    const typeProfiles = t?.profile ?? [];
    if (typeProfiles.length > 1)
      return fail(`${typeProfiles.length} type profiles at ${element?.id ?? field.name}`, "one type profile");
    const [typeProfile] = typeProfiles;
    if (typeProfile !== undefined) {
      const other = profiles.find(typeProfile);
      if (other === profile) skip(`type profile of ${element?.id ?? field.name}`, "the profile inside itself");
      else if (other) {
        out.push({ kind: "as", profile: other });
        nested = other.root;
      } else if (!isBaseType(typeProfile, t?.code))
        return fail(`type profile ${typeProfile} at ${element?.id ?? field.name}`, "a profile among the definitions");
    }
    const inner = type === "Resource" ? (t?.code ?? "Resource") : type;
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

  function isBaseType(canonical: string, code: string | undefined): boolean {
    return canonical.split("|")[0] === `http://hl7.org/fhir/StructureDefinition/${code}`;
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
    const at = node.element?.id ?? beside?.element?.id ?? `${type}.${field.name}`;
    // Extensions are sliced by their address, whether a profile says so or not.
    const slicing =
      node.element?.slicing ??
      beside?.element?.slicing ??
      (type === "Extension" ? { discriminator: [{ type: "value", path: "url" }], rules: "open" } : undefined);
    if (!slicing?.discriminator?.length)
      return fail(`slices of ${at} without discriminator`, "slicing with a discriminator");
    const { rules, ordered = false } = slicing;
    if (rules !== "open" && rules !== "closed" && rules !== "openAtEnd")
      return fail(`slicing rules ${rules} of ${at}`, "open, closed or openAtEnd");
    const slices: Slice[] = [];
    const { discriminator } = slicing;
    for (const [name, slice] of node.slices) {
      const nested = beside?.slices.get(name);
      const tests: Test[] = [];
      for (const d of discriminator) {
        const test = testOf(d, slice, nested, type);
        if (typeof test === "string") {
          // One slice that cannot be told apart leaves the others, and what is outside of them, open.
          skip(`slices of ${at}`, `${name}: ${test}`);
          return undefined;
        }
        tests.push(test);
      }
      const { element } = slice;
      slices.push({
        name,
        tests,
        body: itemRules(field, type, slice, nested).map((r) => asKnown(r, type, tests)),
        min: element?.min ?? 0,
        max: element?.max === undefined || element.max === "*" ? Number.POSITIVE_INFINITY : Number(element.max),
      });
    }
    return { slices, rules, ordered };
  }

  /** The test of one discriminator, or why there is none. */
  function testOf(
    d: { readonly type: string; readonly path: string },
    slice: ProfileNode,
    beside: ProfileNode | undefined,
    type: string,
  ): Test | string {
    const where = `${url} slice ${slice.element?.id ?? "?"}`;
    const resolves = d.path === "resolve()" || d.path.endsWith(".resolve()");
    const plain = resolves ? d.path.slice(0, -"resolve()".length).replace(/\.$/, "") : d.path;
    if (!/^(?:\$this|[A-Za-z]+(?:\.[A-Za-z]+)*|)$/.test(plain) || (resolves && d.type !== "type"))
      return fail(`discriminator path ${d.path}`, "$this, plain names, or resolve() for a type", where);
    const path = plain === "$this" || plain === "" ? [] : plain.split(".");
    const node = nodeAt(slice, path) ?? (beside ? nodeAt(beside, path) : undefined);
    const element = node?.element;
    if (d.type === "value" || d.type === "pattern") {
      // A pattern or fixed value above the path says what stands at it as well.
      for (let up = path.length; up >= 0; up--) {
        const rule =
          valueRule(nodeAt(slice, path.slice(0, up))?.element) ??
          (beside ? valueRule(nodeAt(beside, path.slice(0, up))?.element) : undefined);
        if (rule) return { kind: "like", path: path.slice(0, up), value: rule.value, exact: rule.kind === "fixed" };
      }
      const typeProfile = slice.element?.type?.[0]?.profile?.[0] ?? beside?.element?.type?.[0]?.profile?.[0];
      if (type === "Extension" && d.path === "url" && typeProfile !== undefined)
        return { kind: "like", path, value: typeProfile.split("|")[0], exact: true };
      if (element?.binding?.strength === "required" && element.binding.valueSet !== undefined) {
        const expansion = source.expand(element.binding.valueSet);
        if ("unlisted" in expansion) return expansion.unlisted;
        return { kind: "bound", path, set: { url: element.binding.valueSet, codes: expansion.codes } };
      }
      return `no fixed or pattern value at ${d.path} tells it from the others`;
    }
    if (d.type === "exists") return { kind: "present", path, not: element?.max === "0" };
    if (d.type === "type") {
      const codes = element?.type?.map((t) => t.code) ?? [];
      if (resolves) {
        const targets = (element?.type ?? slice.element?.type ?? []).flatMap((t) => t.targetProfile ?? []);
        if (targets.length === 0) return `no target type at ${d.path} tells it from the others`;
        return { kind: "target", path, types: targetTypes(targets, source, where) };
      }
      if (codes.length === 1 && model.resourceTypes.includes(codes[0] as string))
        return { kind: "like", path: [...path, "resourceType"], value: codes[0], exact: true };
      const last = path.at(-1);
      if (last !== undefined && codes.length === 1) {
        const owner = ownerOf(type, path.slice(0, -1));
        const a = owner?.fields.find((f) => f.name === last && f.choice)?.alternatives.find((x) => x.type === codes[0]);
        if (a) return { kind: "present", path: [...path.slice(0, -1), a.json], not: false };
      }
      return fail(
        `type ${codes.join("|") || "undefined"} at ${d.path}`,
        "the type of a resource or of a choice",
        where,
      );
    }
    if (d.type === "profile") {
      const typeProfile = element?.type?.[0]?.profile?.[0];
      const other = typeProfile === undefined ? undefined : profiles.find(typeProfile);
      if (!other)
        return fail(`profile ${typeProfile ?? "none"} at ${d.path}`, "a profile among the definitions", where);
      return { kind: "profile", path, profile: other };
    }
    return fail(`discriminator ${d.type}`, "value, pattern, exists, type or profile", where);
  }

  function ownerOf(type: string, path: readonly string[]): { readonly fields: readonly Field[] } | undefined {
    let at: string | undefined = type;
    for (const name of path) {
      const field: Field | undefined = model.types.get(at ?? "")?.fields.find((f) => f.name === name);
      at = field?.alternatives[0]?.type;
    }
    return at === undefined ? undefined : model.types.get(at);
  }
}

/** Marks the definition of an extension where its own address tells the slice. */
function asKnown(rule: Rule, type: string, tests: readonly Test[]): Rule {
  if (rule.kind !== "as" || type !== "Extension" || !isExtensionDefinition(rule.profile)) return rule;
  const { url } = rule.profile.definition;
  const told = tests.some((t) => t.kind === "like" && t.exact && t.path.join(".") === "url" && t.value === url);
  return told ? { ...rule, known: true } : rule;
}

function nodeAt(node: ProfileNode, path: readonly string[]): ProfileNode | undefined {
  let at: ProfileNode | undefined = node;
  for (const name of path) at = at?.children.get(name) ?? at?.children.get(`${name}[x]`);
  return at;
}

/** True for a rule that an element with nothing in it breaks. */
function isDemand(rule: Rule): boolean {
  return rule.kind === "atLeast" || (rule.kind === "each" && rule.slicing?.slices.some((s) => s.min > 0) === true);
}

/** Name of a profile's functions without their prefix. */
export function functionName(profile: Profile): string {
  return tsName(profile.name);
}
