import { isBuiltinValue } from "./builtins.ts";
import { isDateType } from "./dates.ts";
import type { SimpleRule } from "./rules.ts";
import { builtinOf, checkSimple, normalize } from "./simple.ts";

/** Whether a text has the type; made once for each type, out of the parts that it needs. */
export type SimpleJudge = (raw: string) => boolean;

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
  const patterns = (rule.patterns ?? []).map((source) => new RegExp(source, "u"));
  const listed = rule.enumeration === undefined ? undefined : new Set(rule.enumeration.map((v) => normalize(rule, v)));
  // Values of other types may be equal in different words: 01 and 1.
  if (listed !== undefined && !free.has(base)) return (raw) => checkSimple(rule, raw) === undefined;
  if (value === undefined && patterns.length === 0 && listed === undefined) return () => true;
  // White space may stand anywhere in it.
  if (base === "base64Binary" && patterns.length === 0 && listed === undefined) return isBase64;
  const [first, ...more] = patterns;
  return (raw) => {
    const text = tidy(rule, raw);
    return (
      (value === undefined || value(text)) &&
      (first === undefined || first.test(text)) &&
      more.every((p) => p.test(text)) &&
      (listed === undefined || listed.has(text))
    );
  };
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

/** Dates of this age in their usual form, without the way over regular expressions; false says nothing. */
function isUsualDate(text: string, base: "date" | "dateTime"): boolean {
  const { length } = text;
  if (length < 10 || text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return false;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= 28)) return false;
  if (base === "date") return length === 10;
  if (length < 19 || text.charCodeAt(10) !== 84 || text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58)
    return false;
  if (!(digits(text, 11, 13) <= 23 && digits(text, 14, 16) <= 59 && digits(text, 17, 19) <= 59)) return false;
  if (length === 19) return true;
  if (length === 20) return text.charCodeAt(19) === 90;
  const sign = text.charCodeAt(19);
  return (
    length === 25 &&
    (sign === 43 || sign === 45) &&
    text.charCodeAt(22) === 58 &&
    digits(text, 20, 22) <= 13 &&
    digits(text, 23, 25) <= 59
  );
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
