import { describeBuiltin, isBuiltinValue, isDecimalType } from "./builtins.ts";
import { compareMoments, isDateType, parseMoment } from "./dates.ts";
import type { SimpleRule } from "./rules.ts";

/** A fault of a simple value: rule id and what was expected. */
export interface SimpleFault {
  readonly rule: string;
  readonly expected: string;
}

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
 * @returns the first fault, or `undefined`.
 * @see XML Schema 1.0 part 2, section 4
 */
export function checkSimple(rule: SimpleRule, raw: string): SimpleFault | undefined {
  const text = normalize(rule, raw);
  if (rule.union !== undefined) {
    if (!rule.union.some((member) => checkSimple(member(), raw) === undefined)) {
      const names = rule.union.map((member) => describe(member()));
      return { rule: "xsd/type", expected: `one of ${names.join(", ")}` };
    }
  } else if (rule.list !== undefined) {
    const item = rule.list();
    const items = text === "" ? [] : text.split(" ");
    if (items.some((part) => checkSimple(item, part) !== undefined)) {
      return { rule: "xsd/type", expected: `a list of ${describe(item)}` };
    }
    return checkFacets(rule, text, items.length);
  } else if (!isBuiltinValue(builtinOf(rule), text)) {
    return { rule: "xsd/type", expected: describeBuiltin(builtinOf(rule)) };
  }
  return checkFacets(rule, text, undefined);
}

/** Whether two texts are the same value of a type. */
export function sameValue(rule: SimpleRule, a: string, b: string): boolean {
  const [x, y] = [normalize(rule, a), normalize(rule, b)];
  if (x === y) return true;
  const base = builtinOf(rule);
  if (isDecimalType(base) || isDateType(base)) return order(base, x, y) === 0;
  if (base === "float" || base === "double") return Number(x) === Number(y);
  if (base === "boolean") return (x === "1" || x === "true") === (y === "1" || y === "true");
  return false;
}

function checkFacets(rule: SimpleRule, text: string, items: number | undefined): SimpleFault | undefined {
  for (const source of rule.patterns ?? []) {
    if (!pattern(source).test(text))
      return { rule: "xsd/pattern", expected: `text of the form that ${shortName(rule)} has` };
  }
  if (rule.enumeration !== undefined && !rule.enumeration.some((value) => sameValue(rule, value, text))) {
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

/** Order in the value space; not a number for values that have none. */
function order(base: string, a: string, b: string): number {
  if (isDateType(base)) {
    const [x, y] = [parseMoment(base, a), parseMoment(base, b)];
    return x === undefined || y === undefined ? Number.NaN : compareMoments(x, y);
  }
  if (isDecimalType(base)) return compareDecimals(a, b);
  return Number(a) - Number(b);
}

function compareDecimals(a: string, b: string): number {
  const [x, y] = [decimalParts(a), decimalParts(b)];
  if (x.sign !== y.sign) return x.sign;
  if (x.whole.length !== y.whole.length) return x.sign * (x.whole.length - y.whole.length);
  const [p, q] = [x.whole + x.fraction, y.whole + y.fraction];
  return p === q ? 0 : p < q ? -x.sign : x.sign;
}

function decimalParts(text: string): { readonly sign: 1 | -1; readonly whole: string; readonly fraction: string } {
  const [digits = "", decimals = ""] = text.replace(/^[+-]/, "").split(".", 2);
  const whole = digits.replace(/^0+/, "");
  const fraction = decimals.replace(/(?<!0)0+$/, "");
  return { sign: text.startsWith("-") && whole + fraction !== "" ? -1 : 1, whole, fraction };
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
