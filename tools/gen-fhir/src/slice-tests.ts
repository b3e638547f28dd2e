import type { ElementDefinition } from "./definitions.ts";
import { isExtensionDefinition } from "./emit-extensions.ts";
import type { Field, Model } from "./model.ts";
import type { Rule, Test } from "./profile-rule.ts";
import { type ProfileNode, type Profiles, targetTypes, valueRule } from "./profiles.ts";
import type { DefinitionSource } from "./source.ts";

// How a slice is told: a discriminator names a path, and the slice, or the profiles of its types, says what stands there.

export interface Discriminator {
  readonly type: string;
  readonly path: string;
}

/** What the definitions are looked up in. */
export interface Lookup {
  readonly model: Model;
  readonly source: DefinitionSource;
  readonly profiles: Profiles;
  /** Address of the profile. */
  readonly url: string;
}

/** A step of a discriminator's path. */
type Step =
  | { readonly kind: "name"; readonly name: string; readonly as?: string }
  | { readonly kind: "resolve" }
  | { readonly kind: "extension"; readonly url: string };

/** Where a path leads: what the definitions say there, and how the validators come there. */
interface Place {
  readonly nodes: readonly ProfileNode[];
  readonly path: readonly string[];
  readonly type: string | undefined;
}

/** The tests of one discriminator, each of which must hold, or why there are none. */
export function testsOf(
  d: Discriminator,
  slice: ProfileNode,
  beside: ProfileNode | undefined,
  type: string,
  lookup: Lookup,
): readonly Test[] | string {
  const steps = stepsOf(d.path);
  if (steps === undefined) return `the discriminator path ${d.path} is not compiled`;
  const start = { nodes: withProfiles([slice, ...(beside ? [beside] : [])], lookup), path: [], type };
  switch (d.type) {
    case "value":
    case "pattern":
      return valueTests(start, steps, d, lookup);
    case "exists": {
      const end = walk(start, steps, lookup);
      if (typeof end === "string") return end;
      return [{ kind: "present", path: end.path, not: elementOf(end)?.max === "0" }];
    }
    case "type":
      return typeTests(start, steps, d, lookup);
    case "profile":
      return profileTests(start, steps, d, lookup);
    default:
      return `a discriminator by ${d.type} is not compiled`;
  }
}

/** The path up to each `resolve()`: what it leads to may be outside of the document, and then tells nothing. */
export function resolvedPaths(tests: readonly Test[]): readonly (readonly string[])[] {
  return tests.flatMap((t) => {
    if (t.kind === "any") return t.of.flatMap((all) => resolvedPaths(all));
    return t.path.flatMap((step, i) => (step === "resolve()" ? [t.path.slice(0, i + 1)] : []));
  });
}

function stepsOf(path: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  let rest = path === "$this" ? "" : path.replace(/^\$this\./, "");
  while (rest !== "") {
    const found =
      /^(?:resolve\(\)|extension\(\s*['"]([^'"]+)['"]\s*\)|(?:ofType|as)\((\w+)\)|([A-Za-z]+))(?:\.|$)/.exec(rest);
    if (!found) return undefined;
    const [whole, url, as, name] = found;
    const last = steps.at(-1);
    if (name !== undefined) steps.push({ kind: "name", name });
    else if (url !== undefined) steps.push({ kind: "extension", url });
    else if (as === undefined) steps.push({ kind: "resolve" });
    else if (last?.kind === "name") steps[steps.length - 1] = { ...last, as };
    else return undefined;
    rest = rest.slice(whole.length);
  }
  return steps;
}

/** The nodes, and what the profiles of their types say of the same place. */
function withProfiles(nodes: readonly ProfileNode[], { profiles }: Lookup): readonly ProfileNode[] {
  const out: ProfileNode[] = [];
  for (const node of nodes) {
    out.push(node);
    const [url, ...more] = (node.element?.type ?? []).flatMap((t) => t.profile ?? []);
    // Of several profiles one may say another thing than the next.
    const other = url === undefined || more.length > 0 ? undefined : profiles.find(url);
    if (other && !nodes.includes(other.root)) out.push(other.root);
  }
  return out;
}

function elementOf(place: Place): ElementDefinition | undefined {
  return place.nodes.find((n) => n.element)?.element;
}

function walk(start: Place, steps: readonly Step[], lookup: Lookup): Place | string {
  let at: Place = start;
  for (const step of steps) {
    const next: Place | string = take(at, step, lookup);
    if (typeof next === "string") return next;
    at = next;
  }
  return at;
}

function take(at: Place, step: Step, lookup: Lookup): Place | string {
  if (step.kind === "extension") {
    const nodes = at.nodes.flatMap((n) => [...(n.children.get("extension")?.slices.values() ?? [])]);
    const own = nodes.filter((n) => withProfiles([n], lookup).some((x) => addressOf(x) === step.url));
    return { nodes: withProfiles(own, lookup), path: [...at.path, `extension(${step.url})`], type: "Extension" };
  }
  if (step.kind === "resolve") return { nodes: [], path: [...at.path, "resolve()"], type: undefined };
  const { name, as } = step;
  const field: Field | undefined = lookup.model.types.get(at.type ?? "")?.fields.find((f) => f.name === name);
  if (at.type !== undefined && lookup.model.types.has(at.type) && !field) return `${at.type} has no ${name}`;
  const left = (field?.alternatives ?? []).filter((a) => as === undefined || a.type === as);
  if (field && left.length === 0) return `${at.type}.${name} is no ${as}`;
  const names = field?.choice ? left.map((a) => a.json) : [name];
  const below = at.nodes.flatMap((n) => {
    const whole = n.children.get(name) ?? n.children.get(`${name}[x]`);
    const one = names.length === 1 ? [n.children.get(names[0] as string), whole?.slices.get(names[0] as string)] : [];
    return [...new Set([...one, whole])].filter((x) => x !== undefined);
  });
  return {
    nodes: withProfiles(below, lookup),
    // The names of a choice, each followed by a bar: no name of an element ends so.
    path: [...at.path, names.length === 1 ? (names[0] as string) : names.map((n) => `${n}|`).join("")],
    type: left.length === 1 ? left[0]?.type : undefined,
  };
}

/** The address of an extension that a node is about. */
function addressOf(node: ProfileNode): unknown {
  return valueRule(node.children.get("url")?.element)?.value ?? node.element?.type?.[0]?.profile?.[0]?.split("|")[0];
}

/** The profiles that what a reference leads to may have. */
function targetsOf(
  place: Place,
  lookup: Lookup,
): readonly { readonly node: ProfileNode; readonly type: string }[] | string {
  const element = place.nodes.find((n) => n.element?.type?.some((t) => t.targetProfile))?.element;
  const urls = (element?.type ?? []).flatMap((t) => t.targetProfile ?? []);
  const found = urls.map((u) => lookup.profiles.find(u));
  if (found.length === 0 || found.some((p) => p === undefined))
    return "no profile of the target says what stands there";
  return found.flatMap((p) => (p ? [{ node: p.root, type: p.type }] : []));
}

/** A fixed value, a pattern or a binding at the path; behind `resolve()` one for each profile of the target. */
function valueTests(start: Place, steps: readonly Step[], d: Discriminator, lookup: Lookup): readonly Test[] | string {
  const cut = steps.findIndex((s) => s.kind === "resolve");
  if (cut >= 0) {
    const before = walk(start, steps.slice(0, cut), lookup);
    if (typeof before === "string") return before;
    const targets = targetsOf(before, lookup);
    if (typeof targets === "string") return targets;
    const of: (readonly Test[])[] = [];
    for (const { node, type } of targets) {
      const there = { nodes: withProfiles([node], lookup), path: [...before.path, "resolve()"], type };
      const tests = valueTests(there, steps.slice(cut + 1), d, lookup);
      if (typeof tests === "string") return tests;
      of.push(tests);
    }
    return of.length === 1 ? (of[0] as readonly Test[]) : [{ kind: "any", of }];
  }
  const end = walk(start, steps, lookup);
  if (typeof end === "string") return end;
  // A pattern or fixed value above the path says what stands at it as well.
  for (let up = steps.length; up >= 0; up--) {
    const place = walk(start, steps.slice(0, up), lookup) as Place;
    for (const node of place.nodes) {
      const rule = valueRule(node.element);
      if (rule) return [{ kind: "like", path: place.path, value: rule.value, exact: rule.kind === "fixed" }];
    }
  }
  const first = start.nodes.find((n) => n.element?.type?.[0]?.profile)?.element?.type?.[0]?.profile?.[0];
  if (start.type === "Extension" && d.path === "url" && first !== undefined)
    return [{ kind: "like", path: end.path, value: first.split("|")[0], exact: true }];
  const binding = end.nodes.map((n) => n.element?.binding).find((b) => b?.strength === "required" && b.valueSet);
  if (binding?.valueSet !== undefined) {
    const expansion = lookup.source.expand(binding.valueSet);
    if ("unlisted" in expansion) return expansion.unlisted;
    return [{ kind: "bound", path: end.path, set: { url: binding.valueSet, codes: expansion.codes } }];
  }
  return `no fixed or pattern value at ${d.path} tells it from the others`;
}

function typeTests(start: Place, steps: readonly Step[], d: Discriminator, lookup: Lookup): readonly Test[] | string {
  const { model } = lookup;
  const cut = steps.findIndex((s) => s.kind === "resolve");
  if (cut >= 0) {
    if (cut < steps.length - 1) return `the discriminator path ${d.path} is not compiled for a type`;
    const before = walk(start, steps.slice(0, cut), lookup);
    if (typeof before === "string") return before;
    const targets = before.nodes
      .map((n) => (n.element?.type ?? []).flatMap((t) => t.targetProfile ?? []))
      .find((urls) => urls.length > 0);
    if (!targets) return `no target type at ${d.path} tells it from the others`;
    return [{ kind: "target", path: before.path, types: targetTypes(targets, lookup.source, lookup.url) }];
  }
  const end = walk(start, steps, lookup);
  if (typeof end === "string") return end;
  const codes = (end.nodes.find((n) => n.element?.type)?.element?.type ?? []).map((t) => t.code);
  const last = steps.at(-1);
  const owner = walk(start, steps.slice(0, -1), lookup) as Place;
  const field = model.types.get(owner.type ?? "")?.fields.find((f) => last?.kind === "name" && f.name === last.name);
  const of: Test[] = [];
  for (const code of codes) {
    const a = field?.choice ? field.alternatives.find((x) => x.type === code) : undefined;
    if (model.resourceTypes.includes(code))
      of.push({ kind: "like", path: [...end.path, "resourceType"], value: code, exact: true });
    else if (a) of.push({ kind: "present", path: [...owner.path, a.json], not: false });
    else return `the type ${code} at ${d.path} is neither that of a resource nor one of a choice`;
  }
  if (of.length === 0) return `no type at ${d.path} tells it from the others`;
  return of.length === 1 ? of : [{ kind: "any", of: of.map((t) => [t]) }];
}

function profileTests(
  start: Place,
  steps: readonly Step[],
  d: Discriminator,
  lookup: Lookup,
): readonly Test[] | string {
  const isResolved = steps.at(-1)?.kind === "resolve";
  if (steps.slice(0, -1).some((s) => s.kind === "resolve"))
    return `the discriminator path ${d.path} is not compiled for a profile`;
  const end = walk(start, isResolved ? steps.slice(0, -1) : steps, lookup);
  if (typeof end === "string") return end;
  const lists = end.nodes.map((n) =>
    (n.element?.type ?? []).flatMap((t) => (isResolved ? t.targetProfile : t.profile) ?? []),
  );
  const urls = lists.find((list) => list.length > 0);
  if (!urls) return `no profile at ${d.path} tells it from the others`;
  const path = isResolved ? [...end.path, "resolve()"] : end.path;
  const of: (readonly Test[])[] = [];
  for (const url of urls) {
    const profile = lookup.profiles.find(url);
    if (!profile) return `the profile ${url} at ${d.path} is not among the definitions`;
    // The rules of a profile say nothing of a resource of another type.
    const typed: Test[] = lookup.model.resourceTypes.includes(profile.type)
      ? [{ kind: "like", path: [...path, "resourceType"], value: profile.type, exact: true }]
      : [];
    of.push([...typed, { kind: "profile", path, profile }]);
  }
  return of.length === 1 ? (of[0] as readonly Test[]) : [{ kind: "any", of }];
}

/** Marks the definition of an extension where its own address tells the slice. */
export function asKnown(rule: Rule, type: string, tests: readonly Test[]): Rule {
  if (rule.kind !== "as" || type !== "Extension" || !isExtensionDefinition(rule.profile)) return rule;
  const { url } = rule.profile.definition;
  const told = tests.some((t) => t.kind === "like" && t.exact && t.path.join(".") === "url" && t.value === url);
  return told ? { ...rule, known: true } : rule;
}
