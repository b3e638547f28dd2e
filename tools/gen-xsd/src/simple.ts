import { GeneratorError } from "@helsekontakt/codegen";
import { type Node, XS } from "./dom.ts";
import { clark, type Facets, type Preset, type SimpleType, type XsdType } from "./model.ts";

const numeric = ["length", "minLength", "maxLength", "totalDigits", "fractionDigits"] as const;
const bounds = ["minInclusive", "maxInclusive", "minExclusive", "maxExclusive"] as const;

/**
 * The facets below a restriction, on top of the base's: patterns of one step are alternatives and every step must match,
 * the other facets of a step replace the base's (a valid schema only narrows). Enumerated QNames come out as Clark names.
 */
export function mergeFacets(base: Facets, restriction: Node, builtin: string): Facets {
  const out: Record<string, unknown> = { ...base };
  const enumeration: string[] = [];
  const patterns: string[] = [];
  for (const child of restriction.children) {
    if (child.ns !== XS) continue;
    const value = child.attrs.get("value");
    if (child.name === "whiteSpace") {
      if (value !== "preserve" && value !== "replace" && value !== "collapse")
        throw new GeneratorError(child.file, child.line, `whiteSpace "${value}"`, "preserve, replace or collapse");
      out["whiteSpace"] = value;
    } else if (child.name === "enumeration")
      enumeration.push(builtin === "QName" ? clarkName(child, value ?? "") : (value ?? ""));
    else if (child.name === "pattern") patterns.push(value ?? "");
    else if ((numeric as readonly string[]).includes(child.name)) {
      if (value === undefined || !/^\s*\+?\d+\s*$/.test(value))
        throw new GeneratorError(child.file, child.line, `${child.name} "${value}"`, "a whole number");
      out[child.name] = Number(value);
    } else if ((bounds as readonly string[]).includes(child.name)) {
      out[child.name] = (value ?? "").trim();
      const partner = {
        minInclusive: "minExclusive",
        minExclusive: "minInclusive",
        maxInclusive: "maxExclusive",
        maxExclusive: "maxInclusive",
      }[child.name];
      if (partner !== undefined) delete out[partner];
    }
  }
  const whiteSpace = out["whiteSpace"] as Facets["whiteSpace"];
  if (enumeration.length > 0) out["enumeration"] = [...new Set(enumeration.map((v) => normalise(v, whiteSpace)))];
  if (patterns.length > 0)
    out["patterns"] = [
      ...(base.patterns ?? []),
      patterns.length === 1 ? patterns[0] : patterns.map((p) => `(${p})`).join("|"),
    ];
  return out as Facets;
}

/** Clark name of a QName that stands in a value of a schema. */
export function clarkName(node: Node, text: string): string {
  const [prefix, local] = /:/.test(text) ? (text.trim().split(":", 2) as [string, string]) : ["", text.trim()];
  const ns = node.prefixes.get(prefix);
  if (ns === undefined && prefix !== "")
    throw new GeneratorError(node.file, node.line, `prefix "${prefix}" in "${text}"`, "a declared prefix");
  return clark(ns ?? "", local);
}

/** What the schema presets, a QName as Clark name: other documents write it with other prefixes. */
export function presetValue(
  of: Preset & { readonly type: () => XsdType },
  key: "fixed" | "default",
): string | undefined {
  const text = of[key];
  if (text === undefined || of.presetName === undefined) return text;
  const type = of.type();
  const simple = type.kind === "complex" ? type.simple : type;
  return simple !== undefined && isName(simple) ? of.presetName(text) : text;
}

/** Whether the values of a type are QNames. */
export function isName(type: SimpleType): boolean {
  return type.variety === "atomic" && type.builtin === "QName";
}

/** Whether a value of a type may be a QName, or hold some. */
export function holdsNames(type: SimpleType): boolean {
  return isName(type) || (type.item !== undefined && holdsNames(type.item)) || (type.members ?? []).some(holdsNames);
}

/** `fixed` and `default` as a declaration has them. */
export function presetOf(node: Node): Preset {
  const { attrs } = node;
  return { fixed: attrs.get("fixed"), default: attrs.get("default"), presetName: (text) => clarkName(node, text) };
}

/** Applies the white space facet to a value. */
export function normalise(value: string, whiteSpace: Facets["whiteSpace"]): string {
  if (whiteSpace === "replace") return value.replace(/[\t\n\r]/g, " ");
  if (whiteSpace === "collapse") return value.replace(/[\t\n\r ]+/g, " ").replace(/^ | $/g, "");
  return value;
}
