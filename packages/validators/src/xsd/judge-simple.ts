import { isBuiltinValue } from "./builtins.ts";
import { isDateType } from "./dates.ts";
import type { SimpleRule } from "./rules.ts";
import { builtinOf, checkSimple, normalize } from "./simple.ts";

/** Whether a text has the type; made once for each type, out of the parts that it needs. */
export type SimpleJudge = (raw: string) => boolean;

/** The judge of every type whose values are all texts. */
export const anyText: SimpleJudge = () => true;

const judges = new WeakMap<SimpleRule, SimpleJudge>();

/** The verdict of `checkSimple`, without the reason. */
export function simpleJudge(rule: SimpleRule): SimpleJudge {
  const known = judges.get(rule);
  if (known !== undefined) return known;
  const judge = compile(rule);
  judges.set(rule, judge);
  return judge;
}

const free = new Set(["string", "normalizedString", "token", "anySimpleType", "anyAtomicType"]);

function compile(rule: SimpleRule): SimpleJudge {
  const base = builtinOf(rule);
  if (rule.union !== undefined || rule.list !== undefined || hasLimits(rule)) {
    if (rule.union !== undefined && !hasFacets(rule)) {
      const members = rule.union.map((member) => simpleJudge(member()));
      return (raw) => members.some((judge) => judge(raw));
    }
    return (raw) => checkSimple(rule, raw) === undefined;
  }
  const value = valueJudge(base);
  const patterns = rule.patterns ?? [];
  const listed = rule.enumeration === undefined ? undefined : new Set(rule.enumeration.map((v) => normalize(rule, v)));
  // Values of other types may be equal in different words: 01 and 1.
  if (listed !== undefined && !free.has(base)) return (raw) => checkSimple(rule, raw) === undefined;
  if (value === undefined && patterns.length === 0 && listed === undefined) return anyText;
  // White space may stand anywhere in it.
  if (base === "base64Binary" && patterns.length === 0 && listed === undefined) return isBase64;
  const [first, ...more] = patterns.map((source) => new RegExp(source, "u"));
  // One check instead of three, for the values that every message has dozens of.
  const usual =
    value === undefined && listed === undefined && more.length === 0 ? usualForms.get(patterns[0] ?? "") : undefined;
  return (raw) => {
    if (usual?.(raw) === true) return true;
    const text = tidy(rule, raw);
    return (
      (value === undefined || value(text)) &&
      (first === undefined || first.test(text)) &&
      more.every((p) => p.test(text)) &&
      (listed === undefined || listed.has(text))
    );
  };
}

/** By pattern: a function for the usual form of its texts, without white space. What it takes the pattern takes; false says nothing. */
const usualForms: ReadonlyMap<string, SimpleJudge> = new Map([["^(?:\\p{Nd}+(?:\\.\\p{Nd}+)*)$", isOid]]);

/** Digits and single dots between them. */
function isOid(text: string): boolean {
  let dot = true;
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c === 46) {
      if (dot) return false;
      dot = true;
    } else {
      if (c < 48 || c > 57) return false;
      dot = false;
    }
  }
  return !dot;
}

function tidy(rule: SimpleRule, raw: string): string {
  if (rule.whiteSpace === "preserve") return raw;
  // Most values hold no white space at all; those with some go the long way.
  for (let at = 0; at < raw.length; at++) if (raw.charCodeAt(at) <= 32) return normalize(rule, raw);
  return raw;
}

function valueJudge(base: string): SimpleJudge | undefined {
  if (free.has(base)) return undefined;
  if (base === "base64Binary") return isBase64;
  if (base === "dateTime" || base === "date") return (text) => isUsualDate(text, base) || isBuiltinValue(base, text);
  if (isDateType(base)) return (text) => isBuiltinValue(base, text);
  return (text) => isBuiltinValue(base, text);
}

/** Days of each month, as many as every year has. */
const usualDays: readonly number[] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Dates of this age in their usual form, without the way over regular expressions; false says nothing. */
function isUsualDate(text: string, base: "date" | "dateTime"): boolean {
  const { length } = text;
  if (length < 10 || text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return false;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= (usualDays[month] as number))) return false;
  if (base === "date") return length === 10;
  if (length < 19 || text.charCodeAt(10) !== 84 || text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58)
    return false;
  if (!(digits(text, 11, 13) <= 23 && digits(text, 14, 16) <= 59 && digits(text, 17, 19) <= 59)) return false;
  let at = 19;
  if (text.charCodeAt(at) === 46) {
    const point = at;
    do at++;
    while (isDigit(text.charCodeAt(at)));
    if (at === point + 1) return false;
  }
  if (length === at) return true;
  if (length === at + 1) return text.charCodeAt(at) === 90;
  const sign = text.charCodeAt(at);
  return (
    length === at + 6 &&
    (sign === 43 || sign === 45) &&
    text.charCodeAt(at + 3) === 58 &&
    digits(text, at + 1, at + 3) <= 13 &&
    digits(text, at + 4, at + 6) <= 59
  );
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

/** The number that digits write; not a number when another character stands among them. */
function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function isBase64(text: string): boolean {
  return isBuiltinValue("base64Binary", text);
}

function hasLimits(rule: SimpleRule): boolean {
  return (
    rule.length !== undefined ||
    rule.minLength !== undefined ||
    rule.maxLength !== undefined ||
    rule.minInclusive !== undefined ||
    rule.maxInclusive !== undefined ||
    rule.minExclusive !== undefined ||
    rule.maxExclusive !== undefined ||
    rule.totalDigits !== undefined ||
    rule.fractionDigits !== undefined
  );
}

function hasFacets(rule: SimpleRule): boolean {
  return hasLimits(rule) || rule.patterns !== undefined || rule.enumeration !== undefined;
}
