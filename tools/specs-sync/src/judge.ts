import type { Fact, Side, Value } from "./fact.ts";
import { comparePatterns, patternText } from "./pattern-order.ts";

/** What a difference means for those who use the generated code. */
export interface Verdict {
  readonly breaking: boolean;
  readonly why: string;
}

type Moved = "narrowed" | "widened" | "changed";

/** Limits of which a larger number lets more through. */
const upper = new Set([
  "maxLength",
  "maxItems",
  "maxProperties",
  "maximum",
  "exclusiveMaximum",
  "maxInclusive",
  "maxExclusive",
  "totalDigits",
  "fractionDigits",
]);
const lower = new Set([
  "minLength",
  "minItems",
  "minProperties",
  "minimum",
  "exclusiveMinimum",
  "minInclusive",
  "minExclusive",
]);
/** Statements that let less through than their absence. */
const restricting = new Set([
  "pattern",
  "format",
  "enum",
  "const",
  "fixed",
  "patternValue",
  "multipleOf",
  "uniqueItems",
  "length",
  "closed",
  "valueSet",
]);
const strengths = ["example", "preferred", "extensible", "required"];

export function judgeRemoved(fact: Fact): Verdict {
  if (fact.kind === "server") return { breaking: false, why: "addresses are configuration, with this as a default" };
  if (fact.side === "response" && fact.kind === "response")
    return { breaking: false, why: "an answer that no longer comes harms no reader" };
  return { breaking: true, why: `code that uses this ${fact.kind} no longer fits` };
}

export function judgeAdded(fact: Fact): Verdict {
  const needed = typeof fact.values["min"] === "number" && fact.values["min"] > 0;
  if (needed && fact.side !== "response")
    return { breaking: true, why: `it must be there: what is written without it is refused` };
  return { breaking: false, why: needed ? "readers get more than before" : "it may be left out" };
}

/** Judges one statement that changed, by whose side writes the value. */
export function judgeValue(
  statement: string,
  before: Value | undefined,
  after: Value | undefined,
  side: Side,
): Verdict & { readonly kind: Moved } {
  const kind = movement(statement, before, after);
  const writes = side !== "response";
  const reads = side !== "request";
  if (statement === "min") return { kind, ...occurrence(kind, writes, reads) };
  if (statement === "max") return { kind, ...repetition(kind, before, after, writes, reads) };
  if (statement === "nullable")
    return kind === "widened"
      ? {
          kind,
          breaking: reads,
          why: reads ? "readers may meet null, which the type did not hold" : "null may be written",
        }
      : { kind, breaking: writes, why: writes ? "null is refused now" : "null no longer comes" };
  if (statement === "label" || statement === "deprecated" || statement === "mustSupport" || statement === "isModifier")
    return { kind, breaking: false, why: "it says something of the value and lets as much through as before" };
  if (statement === "order" || statement === "inside")
    return { kind, breaking: true, why: "what is written in the old order or grouping is refused" };
  if (kind === "narrowed")
    return {
      kind,
      breaking: writes,
      why: writes ? "values that were allowed are refused now" : "readers get a part of what they got before",
    };
  if (kind === "widened")
    return {
      kind,
      breaking: false,
      why: reads ? "readers may meet new values, and the types leave room for them" : "more may be written",
    };
  return { kind, breaking: true, why: "what fitted the old statement need not fit the new one" };
}

function movement(statement: string, before: Value | undefined, after: Value | undefined): Moved {
  if (statement === "min") return number(after) > number(before) ? "narrowed" : "widened";
  if (statement === "max") return number(after) < number(before) ? "narrowed" : "widened";
  if (statement === "nullable" || statement === "readOnly" || statement === "writeOnly" || statement === "abstract")
    return statement === "nullable" ? (after === true ? "widened" : "narrowed") : "changed";
  if (upper.has(statement) || lower.has(statement)) {
    if (before === undefined) return "narrowed";
    if (after === undefined) return "widened";
    const up = number(after) > number(before);
    return up === upper.has(statement) ? "widened" : "narrowed";
  }
  if (statement === "enum" || statement === "scopes") return sets(before, after, statement === "enum");
  if (statement === "bindingStrength")
    return strengths.indexOf(String(after)) > strengths.indexOf(String(before)) ? "narrowed" : "widened";
  if (statement.startsWith("constraint"))
    return before === undefined ? "narrowed" : after === undefined ? "widened" : "changed";
  if (statement === "pattern" && before !== undefined && after !== undefined) {
    const order = comparePatterns(patternText(before), patternText(after));
    return order === "narrowed" || order === "widened" ? order : "changed";
  }
  if (restricting.has(statement))
    return before === undefined ? "narrowed" : after === undefined ? "widened" : "changed";
  if (statement === "type" && Array.isArray(before) && Array.isArray(after)) return sets(before, after, false);
  return "changed";
}

/** A list of values that are allowed; no list at all allows every value when `open`. */
function sets(before: Value | undefined, after: Value | undefined, open: boolean): Moved {
  if (!Array.isArray(before)) return open ? "narrowed" : "widened";
  if (!Array.isArray(after)) return open ? "widened" : "narrowed";
  const [a, b] = [before.map((v: Value) => JSON.stringify(v)), after.map((v: Value) => JSON.stringify(v))];
  const gone = a.some((v) => !b.includes(v));
  const fresh = b.some((v) => !a.includes(v));
  return gone ? (fresh ? "changed" : "narrowed") : "widened";
}

function occurrence(kind: Moved, writes: boolean, reads: boolean): Verdict {
  if (kind === "narrowed")
    return writes
      ? { breaking: true, why: "what is written without it is refused" }
      : { breaking: false, why: "readers can count on it" };
  return reads
    ? { breaking: true, why: "readers can no longer count on it: its type may be undefined" }
    : { breaking: false, why: "it may be left out" };
}

function repetition(
  kind: Moved,
  before: Value | undefined,
  after: Value | undefined,
  writes: boolean,
  reads: boolean,
): Verdict {
  // One value and a list of values are different types, whoever reads or writes them.
  if (number(before) <= 1 !== number(after) <= 1)
    return { breaking: true, why: "one value becomes a list, or a list one value: the type changes" };
  if (kind === "narrowed")
    return { breaking: writes, why: writes ? "longer lists are refused now" : "shorter lists come" };
  return { breaking: false, why: reads ? "longer lists may come" : "longer lists may be written" };
}

function number(value: Value | undefined): number {
  return value === "unbounded" ? Number.POSITIVE_INFINITY : Number(value ?? 0);
}
