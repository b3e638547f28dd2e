import { GeneratorError, propertyKey, quote } from "@helsekontakt/codegen";
import type { ElementDefinition } from "./definitions.ts";
import { type Executed, note } from "./executed.ts";
import { compileInvariant } from "./fhirpath-emit.ts";
import type { Field, Model } from "./model.ts";
import { allowed, fieldOf, type Profile, type ProfileNode, targetTypes, valueRule } from "./profiles.ts";
import type { DefinitionSource } from "./source.ts";

/**
 * The rules that profiles add to their base, one function a profile: the base type's own validator has run before it,
 * so that only what the differential says is checked here.
 */
export function emitProfiles(
  model: Model,
  profiles: readonly Profile[],
  source: DefinitionSource,
  compiled: Map<string, Executed>,
): string {
  let sets = "";
  let setCount = 0;
  let counters = 0;
  let body = "";
  for (const profile of profiles) {
    counters = 0;
    const inner = children(profile.type, profile.root, profile, "  ");
    const root = constraints(profile.type, profile.root.element, profile, "  ");
    const parent = profile.parent ? `  p${profile.parent.name}(o, c);\n` : "";
    body += `/** @source ${profile.source} */\nexport function p${profile.name}(o: FhirObject, c: FhirContext): void {\n${parent}${inner}${root}}\n\n`;
  }
  return `import type { FhirContext, FhirObject, ProfileRule } from "../../fhir/context.ts";
import * as fp from "../../fhir/fhirpath.ts";

${sets}${sets === "" ? "" : "\n"}${body}/** Rules of each profile by canonical address. */
export const profileRules: Readonly<Record<string, ProfileRule>> = {
${profiles.map((p) => `  ${propertyKey(p.definition.url)}: { type: ${quote(p.type)}, check: p${p.name} },\n`).join("")}};
`;

  function children(type: string, node: ProfileNode, profile: Profile, indent: string): string {
    let out = "";
    for (const [name, child] of node.children) out += rulesOf(type, name, child, profile, indent);
    return out;
  }

  function rulesOf(type: string, name: string, node: ProfileNode, profile: Profile, indent: string): string {
    const field = fieldOf(model, type, name, profile);
    const left = allowed(field, node, profile);
    const names = left.map((a) => quote(a.json)).join(", ");
    const element = node.element;
    let out = "";
    const removed = field.alternatives.filter((a) => !left.includes(a));
    if (removed.length > 0) out += `${indent}c.notAllowed(o, [${removed.map((a) => quote(a.json)).join(", ")}]);\n`;
    if (element?.min !== undefined && element.min > field.min)
      out += `${indent}c.atLeast(o, ${quote(field.name)}, [${names}], ${element.min});\n`;
    if (element?.max !== undefined && element.max !== "*") {
      const max = Number(element.max);
      if (max < (field.list ? Number.POSITIVE_INFINITY : 1)) out += `${indent}c.atMost(o, [${names}], ${max});\n`;
    }
    for (const a of left) {
      const items = itemRules(field, a.type, node, profile, `${indent}  `);
      const sliced = slices(field, a.type, node, profile, `${indent}  `);
      if (items + sliced.body !== "")
        out += `${indent}${sliced.locals}c.each(o, ${quote(a.json)}, (o) => {\n${items}${sliced.body}${indent}});\n`;
      out += sliced.counts(a.json, indent);
    }
    return out;
  }

  /** Rules for one value, `o`: fixed value, pattern, binding, profile, targets, constraints, children. */
  function itemRules(field: Field, type: string, node: ProfileNode, profile: Profile, indent: string): string {
    const element = node.element;
    let out = "";
    const rule = valueRule(element);
    if (rule) out += `${indent}c.${rule.kind}(o, ${JSON.stringify(rule.value)});\n`;
    out += binding(element, type, profile, indent);
    const t = element?.type?.[0];
    if (type === "Resource" && t && t.code !== "Resource") out += `${indent}c.resourceType(o, ${quote(t.code)});\n`;
    if (type === "Reference") {
      const targets = element?.type?.find((x) => x.code === "Reference")?.targetProfile;
      if (targets)
        out += `${indent}c.targets(o, [${targetTypes(targets, source, profile.definition.url).map(quote).join(", ")}]);\n`;
    }
    const url = t?.profile?.[0];
    if (url !== undefined) {
      const other = profiles.find((p) => p.definition.url === url);
      if (!other || t?.profile?.length !== 1)
        throw new GeneratorError(
          profile.definition.url,
          undefined,
          `type profile ${url}`,
          "one profile of this package",
        );
      out += `${indent}c.as(o, p${other.name});\n`;
    }
    const inner = type === "Resource" ? (t?.code ?? "Resource") : type;
    out += constraints(inner, element, profile, indent);
    if (node.children.size > 0) {
      if (model.primitives.has(inner))
        throw new GeneratorError(
          profile.definition.url,
          undefined,
          `elements below ${element?.id ?? field.name}`,
          "none below a primitive",
        );
      out += children(inner, node, profile, indent);
    }
    return out;
  }

  function binding(element: ElementDefinition | undefined, type: string, profile: Profile, indent: string): string {
    const b = element?.binding;
    if (!b?.valueSet || b.strength === "example" || b.strength === "preferred") return "";
    if (b.strength !== "required" && b.strength !== "extensible")
      throw new GeneratorError(
        profile.definition.url,
        undefined,
        `binding strength ${b.strength}`,
        "one of FHIR's four",
      );
    const expansion = source.expand(b.valueSet, element?.id ?? "");
    if ("unlisted" in expansion)
      throw new GeneratorError(
        profile.definition.url,
        undefined,
        expansion.unlisted,
        `a closed list for ${element?.id}`,
      );
    if (!["code", "uri", "string", "Coding", "CodeableConcept"].includes(type))
      throw new GeneratorError(profile.definition.url, undefined, `binding on ${type}`, "a binding on a coded type");
    const name = `b${setCount++}`;
    sets += `const ${name} = { url: ${quote(b.valueSet)}, systems: ${JSON.stringify(expansion.systems)}, codes: new Set<string>(${JSON.stringify(expansion.codes)}) };\n`;
    return `${indent}c.bound(o, ${name}, ${quote(b.strength === "required" ? "error" : "warning")});\n`;
  }

  function constraints(type: string, element: ElementDefinition | undefined, profile: Profile, indent: string): string {
    let out = "";
    for (const k of element?.constraint ?? []) {
      if (k.expression === undefined)
        throw new GeneratorError(
          profile.definition.url,
          undefined,
          `constraint ${k.key} without expression`,
          "a FHIRPath expression",
        );
      const { code } = compileInvariant(model, type, k.expression, k.key, undefined, profile.definition.url);
      note(compiled, k.key, type, k.expression, "compiled");
      out += `${indent}if (!(${code})) c.invariant(${quote(k.key)}, ${quote(k.severity)}, ${quote(lower(k.human))});\n`;
    }
    return out;
  }

  function slices(
    field: Field,
    type: string,
    node: ProfileNode,
    profile: Profile,
    indent: string,
  ): { locals: string; body: string; counts: (json: string, indent: string) => string } {
    const slicing = node.element?.slicing;
    if (node.slices.size === 0) return { locals: "", body: "", counts: () => "" };
    if (!slicing?.discriminator?.length)
      throw new GeneratorError(
        profile.definition.url,
        undefined,
        `slices of ${node.element?.id ?? field.name} without discriminator`,
        "slicing with a discriminator",
      );
    if (!["open", "closed"].includes(slicing.rules) || slicing.ordered)
      throw new GeneratorError(
        profile.definition.url,
        undefined,
        `slicing rules ${slicing.rules}${slicing.ordered ? ", ordered" : ""}`,
        "open or closed, not ordered",
      );
    const names = [...node.slices.keys()];
    const n = `n${counters++}`;
    let body = "";
    names.forEach((name, i) => {
      const slice = node.slices.get(name) as ProfileNode;
      const tests = (slicing.discriminator ?? []).map((d) => predicate(d, slice, type, profile));
      body += `${indent}${i > 0 ? "else " : ""}if (${tests.join(" && ")}) {\n${indent}  ${n}[${i}]++;\n${itemRules(field, type, slice, profile, `${indent}  `)}${indent}}\n`;
    });
    if (slicing.rules === "closed") body += `${indent}else c.outsideSlices();\n`;
    const locals = `const ${n}: [${names.map(() => "number").join(", ")}] = [${names.map(() => "0").join(", ")}];\n${indent.slice(2)}`;
    return {
      locals,
      body,
      counts: (json, at) =>
        names
          .map((name, i) => {
            const e = node.slices.get(name)?.element;
            const max = e?.max === undefined || e.max === "*" ? "Number.POSITIVE_INFINITY" : e.max;
            return (e?.min ?? 0) === 0 && max === "Number.POSITIVE_INFINITY"
              ? ""
              : `${at}c.slice(${quote(json)}, ${quote(name)}, ${n}[${i}], ${e?.min ?? 0}, ${max});\n`;
          })
          .join(""),
    };
  }

  function predicate(d: { type: string; path: string }, slice: ProfileNode, type: string, profile: Profile): string {
    const where = `${profile.definition.url} slice ${slice.element?.id ?? "?"}`;
    if (!/^(?:\$this|[A-Za-z]+(?:\.[A-Za-z]+)*)$/.test(d.path))
      throw new GeneratorError(where, undefined, `discriminator path ${d.path}`, "$this or plain names");
    const names = d.path === "$this" ? [] : d.path.split(".");
    const path = JSON.stringify(names);
    let at: ProfileNode | undefined = slice;
    for (const name of names) at = at?.children.get(name);
    if (d.type === "value" || d.type === "pattern") {
      const rule = valueRule(at?.element);
      if (rule) return `fp.like(o, ${path}, ${JSON.stringify(rule.value)}, ${rule.kind === "fixed"})`;
      const url = type === "Extension" && d.path === "url" ? slice.element?.type?.[0]?.profile?.[0] : undefined;
      if (url !== undefined) return `fp.like(o, ${path}, ${quote(url)}, true)`;
      throw new GeneratorError(
        where,
        undefined,
        `no fixed or pattern value at ${d.path}`,
        "a value that tells the slices apart",
      );
    }
    if (d.type === "exists") return `${at?.element?.max === "0" ? "!" : ""}fp.present(o, ${path})`;
    if (d.type === "type") {
      const code = at?.element?.type?.[0]?.code;
      if (code === undefined || !model.resourceTypes.includes(code))
        throw new GeneratorError(where, undefined, `type ${String(code)} at ${d.path}`, "the type of a resource");
      return `fp.like(o, ${JSON.stringify([...names, "resourceType"])}, ${quote(code)}, true)`;
    }
    throw new GeneratorError(where, undefined, `discriminator ${d.type}`, "value, pattern, exists or type");
  }
}

function lower(text: string): string {
  return `expected: ${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}
