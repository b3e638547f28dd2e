import { isBuiltinDerived, isDecimalType } from "./builtins.ts";
import { compareMoments, isDateType, momentKey, parseMoment } from "./dates.ts";
import { compareDurations, durationKey } from "./durations.ts";

/** Whether two texts, white space already normalised, are the same value of two built-in types. */
export function sameAtom(base: string, a: string, other: string, b: string): boolean {
  const kind = primitive(base);
  if (kind !== primitive(other)) return false;
  if (a === b) return true;
  if (kind === "boolean") return (a === "1" || a === "true") === (b === "1" || b === "true");
  if (kind === "hexBinary") return a.toLowerCase() === b.toLowerCase();
  if (kind === "base64Binary") return a.replaceAll(" ", "") === b.replaceAll(" ", "");
  return isOrdered(kind) && order(kind, a, b) === 0;
}

/** A text that the same values of comparable types share, and no others; white space is normalised already. */
export function atomKey(base: string, text: string): string {
  const kind = primitive(base);
  const key = (): string => {
    if (isDateType(kind)) return momentKey(kind, text) ?? text;
    if (isDecimalType(kind)) {
      const { sign, whole, fraction } = decimalParts(text);
      return `${sign < 0 ? "-" : ""}${whole}.${fraction}`;
    }
    switch (kind) {
      case "boolean":
        return String(text === "1" || text === "true");
      case "float":
      case "double":
        return String(float(kind, text));
      case "duration":
        return durationKey(text) ?? text;
      case "hexBinary":
        return text.toLowerCase();
      case "base64Binary":
        return text.replaceAll(" ", "");
      default:
        return text;
    }
  };
  return `${kind} ${key()}`;
}

/** The type whose values those of a built-in type are: all kinds of numbers with digits are decimals. */
function primitive(base: string): string {
  if (isDecimalType(base)) return "decimal";
  return isBuiltinDerived(base, "string") ? "string" : base;
}

function isOrdered(base: string): boolean {
  return isDecimalType(base) || isDateType(base) || base === "duration" || base === "float" || base === "double";
}

/** Order in the value space; not a number for values that have none, or none between them. */
export function order(base: string, a: string, b: string): number {
  if (isDateType(base)) {
    const [x, y] = [parseMoment(base, a), parseMoment(base, b)];
    return x === undefined || y === undefined ? Number.NaN : compareMoments(x, y);
  }
  if (isDecimalType(base)) return compareDecimals(a, b);
  if (base === "duration") return compareDurations(a, b);
  const [x, y] = [float(base, a), float(base, b)];
  // Infinity less infinity is not a number.
  if (Object.is(x, y) || x === y) return 0;
  return x < y ? -1 : x > y ? 1 : Number.NaN;
}

function float(base: string, text: string): number {
  const value = Number(text.replace("INF", "Infinity"));
  return base === "float" ? Math.fround(value) : value;
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
