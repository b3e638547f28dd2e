import { clarkName } from "@helsekontakt/types/xml";
import { describeBuiltin, isBuiltinValue } from "./builtins.ts";
import type { SimpleRule } from "./rules.ts";
import { atomKey, order, sameAtom } from "./values.ts";

/** A fault of a simple value: rule id and what was expected. */
export interface SimpleFault {
  readonly rule: string;
  readonly expected: string;
}

/** The namespace that a prefix stands for; `""` is the default one. */
export type Scope = (prefix: string) => string | undefined;

const compiled = new Map<string, RegExp>();

/** The built-in type behind a rule, as a local name. */
export function builtinOf(rule: SimpleRule): string {
  return rule.base.replace(/^.*[:}]/s, "");
}

/** Applies the type's white space rule. */
export function normalize(rule: Pick<SimpleRule, "whiteSpace">, text: string): string {
  if (rule.whiteSpace === "preserve" || !/[ \t\r\n]/.test(text)) return text;
  const replaced = text.replace(/[\t\r\n]/g, " ");
  return rule.whiteSpace === "replace" ? replaced : replaced.replace(/ {2,}/g, " ").replace(/^ | $/g, "");
}

/**
 * Checks a text against a simple type.
 *
 * @param scope - the prefixes where the text stands; without them names are compared as they are written
 * @returns the first fault, or `undefined`.
 * @see XML Schema 1.0 part 2, section 4
 */
export function checkSimple(rule: SimpleRule, raw: string, scope?: Scope): SimpleFault | undefined {
  if (rule.union !== undefined) {
    const found = member(rule, raw, scope);
    if (found === undefined) {
      const names = rule.union.map((one) => describe(one()));
      return { rule: "xsd/type", expected: `one of ${names.join(", ")}` };
    }
    // A union has no white space rule of its own.
    return checkFacets(rule, normalize(found, raw), undefined);
  }
  const text = normalize(rule, raw);
  if (rule.list !== undefined) {
    const item = rule.list();
    const items = itemsOf(text);
    if (items.some((part) => checkSimple(item, part, scope) !== undefined)) {
      return { rule: "xsd/type", expected: `a list of ${describe(item)}` };
    }
    return checkFacets(rule, text, items.length);
  } else if (!isBuiltinValue(builtinOf(rule), text)) {
    return { rule: "xsd/type", expected: describeBuiltin(builtinOf(rule)) };
  }
  if (scope === undefined || builtinOf(rule) !== "QName") return checkFacets(rule, text, undefined);
  const name = expand(text, scope);
  if (name === undefined) return { rule: "xsd/type", expected: "a name with a declared prefix" };
  return checkFacets(rule, text, undefined, name);
}

/** Clark name of a qualified one; `undefined` when its prefix is not declared. */
function expand(text: string, scope: Scope): string | undefined {
  const at = text.indexOf(":");
  const ns = scope(at < 0 ? "" : text.slice(0, at));
  return ns === undefined ? undefined : clarkName(ns, text.slice(at + 1));
}

/**
 * A text that equal values share, also those of two types that have the same primitive one.
 *
 * @see XML Schema 1.0 part 1, section 3.11.4, and part 2, section 4.2.1
 */
export function valueKey(rule: SimpleRule, raw: string, scope?: Scope): string {
  const one = member(rule, raw, scope) ?? rule;
  const text = normalize(one, raw);
  if (one.list === undefined) return atomKey(builtinOf(one), nameOf(one, text, scope) ?? text);
  const item = one.list();
  return `list ${JSON.stringify(itemsOf(text).map((part) => valueKey(item, part, scope)))}`;
}

/** Of a qualified name the Clark name, where its prefix is declared. */
function nameOf(rule: SimpleRule, text: string, scope: Scope | undefined): string | undefined {
  return scope !== undefined && builtinOf(rule) === "QName" ? expand(text, scope) : undefined;
}

/** Whether a text is the value that the schema fixes; a fixed QName is a Clark name. */
export function isFixedValue(rule: SimpleRule, fixed: string, raw: string, scope: Scope): boolean {
  if (rule.list === undefined && rule.union === undefined && builtinOf(rule) === "QName")
    return expand(normalize(rule, raw), scope) === fixed;
  return sameValue(rule, fixed, raw);
}

/** Whether two texts are the same value of a type. */
export function sameValue(rule: SimpleRule, a: string, b: string): boolean {
  const [x, y] = [member(rule, a) ?? rule, member(rule, b) ?? rule];
  const [p, q] = [normalize(x, a), normalize(y, b)];
  if (x.list === undefined && y.list === undefined) return sameAtom(builtinOf(x), p, builtinOf(y), q);
  if (x.list === undefined || y.list === undefined) return false;
  const [item, other] = [x.list(), y.list()];
  const [items, others] = [itemsOf(p), itemsOf(q)];
  return items.length === others.length && items.every((text, n) => sameItem(item, text, other, others[n] as string));
}

function sameItem(rule: SimpleRule, a: string, other: SimpleRule, b: string): boolean {
  if (rule === other) return sameValue(rule, a, b);
  return sameAtom(builtinOf(member(rule, a) ?? rule), a, builtinOf(member(other, b) ?? other), b);
}

/** The type that a text has: of a union the first member that takes it, where one does. */
function member(rule: SimpleRule, raw: string, scope?: Scope): SimpleRule | undefined {
  if (rule.union === undefined) return rule;
  for (const next of rule.union) {
    const one = next();
    if (checkSimple(one, raw, scope) === undefined) return member(one, raw, scope);
  }
  return undefined;
}

function itemsOf(text: string): string[] {
  return text === "" ? [] : text.split(" ");
}

/** @param value - what enumerated values are compared with */
function checkFacets(
  rule: SimpleRule,
  text: string,
  items: number | undefined,
  value: string = text,
): SimpleFault | undefined {
  for (const source of rule.patterns ?? []) {
    if (!pattern(source).test(text))
      return { rule: "xsd/pattern", expected: `text of the form that ${shortName(rule)} has` };
  }
  if (rule.enumeration !== undefined && !rule.enumeration.some((listed) => sameValue(rule, listed, value))) {
    const shown =
      rule.enumeration.length <= 12 ? rule.enumeration.join(", ") : `${rule.enumeration.length} listed values`;
    return { rule: "xsd/enumeration", expected: `one of ${shown}` };
  }
  return checkLength(rule, text, items) ?? checkRange(rule, text) ?? checkDigits(rule, text);
}

function checkLength(rule: SimpleRule, text: string, items: number | undefined): SimpleFault | undefined {
  if (rule.length === undefined && rule.minLength === undefined && rule.maxLength === undefined) return undefined;
  const length = items ?? lengthOf(builtinOf(rule), text);
  if (length === undefined) return undefined;
  if (rule.length !== undefined && length !== rule.length)
    return { rule: "xsd/length", expected: `length ${rule.length}` };
  if (rule.minLength !== undefined && length < rule.minLength) {
    return { rule: "xsd/length", expected: `a length of at least ${rule.minLength}` };
  }
  if (rule.maxLength !== undefined && length > rule.maxLength) {
    return { rule: "xsd/length", expected: `a length of at most ${rule.maxLength}` };
  }
  return undefined;
}

function lengthOf(base: string, text: string): number | undefined {
  if (base === "hexBinary") return text.length / 2;
  if (base === "base64Binary") {
    const compact = text.replace(/[ \t\r\n]/g, "");
    return (compact.length / 4) * 3 - (compact.endsWith("==") ? 2 : compact.endsWith("=") ? 1 : 0);
  }
  if (base === "QName" || base === "NOTATION") return undefined;
  return [...text].length;
}

function checkRange(rule: SimpleRule, text: string): SimpleFault | undefined {
  const base = builtinOf(rule);
  const fails = (bound: string | undefined, ok: (order: number) => boolean): boolean =>
    bound !== undefined && !ok(order(base, text, bound));
  if (fails(rule.minInclusive, (o) => o >= 0)) return { rule: "xsd/range", expected: `at least ${rule.minInclusive}` };
  if (fails(rule.maxInclusive, (o) => o <= 0)) return { rule: "xsd/range", expected: `at most ${rule.maxInclusive}` };
  if (fails(rule.minExclusive, (o) => o > 0)) return { rule: "xsd/range", expected: `more than ${rule.minExclusive}` };
  if (fails(rule.maxExclusive, (o) => o < 0)) return { rule: "xsd/range", expected: `less than ${rule.maxExclusive}` };
  return undefined;
}

function checkDigits(rule: SimpleRule, text: string): SimpleFault | undefined {
  if (rule.totalDigits === undefined && rule.fractionDigits === undefined) return undefined;
  const [whole = "", fraction = ""] = text.replace(/^[+-]/, "").split(".", 2);
  const significant = whole.replace(/^0+/, "").length + fraction.replace(/(?<!0)0+$/, "").length;
  if (rule.totalDigits !== undefined && significant > rule.totalDigits) {
    return { rule: "xsd/digits", expected: `at most ${rule.totalDigits} digits` };
  }
  if (rule.fractionDigits !== undefined && fraction.replace(/(?<!0)0+$/, "").length > rule.fractionDigits) {
    return { rule: "xsd/digits", expected: `at most ${rule.fractionDigits} digits behind the point` };
  }
  return undefined;
}

function pattern(source: string): RegExp {
  let regex = compiled.get(source);
  if (regex === undefined) {
    regex = new RegExp(source, "u");
    compiled.set(source, regex);
  }
  return regex;
}

function describe(rule: SimpleRule): string {
  return rule.enumeration === undefined && rule.patterns === undefined ? `xs:${builtinOf(rule)}` : shortName(rule);
}

function shortName(rule: SimpleRule): string {
  return rule.name.replace(/^\{[^}]*\}/, "") || `xs:${builtinOf(rule)}`;
}
