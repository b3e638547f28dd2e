import { quote } from "@helsekontakt/codegen";
import type { FastLocal } from "./fhirpath-fast.ts";
import type { Path } from "./fhirpath-parse.ts";

// Questions about expressions, and conditions as text, simplified where a part is constant.

/** Both. */
export const and = (a: string, b: string): string =>
  a === "true" ? b : b === "true" ? a : a === "false" || b === "false" ? "false" : `(${a} && ${b})`;
/** One of two. */
export const or = (a: string, b: string): string =>
  a === "false" ? b : b === "false" ? a : a === "true" || b === "true" ? "true" : `(${a} || ${b})`;
/** The opposite. */
export function not(a: string): string {
  if (a === "true" || a === "false") return a === "true" ? "false" : "true";
  if (a.startsWith("!") && isWrapped(a.slice(1))) return a.slice(1);
  // No text on the left: the sign could be one inside of it.
  const [, left, sign, right] = /^\(([^()&|?"]+) ([=!]==) ([^()&|?]+)\)$/.exec(a) ?? [];
  if (sign !== undefined) return `(${left} ${sign === "===" ? "!==" : "==="} ${right})`;
  return isWrapped(a) ? `!${a}` : `!(${a})`;
}

/** True when one pair of parentheses is around all of it. */
function isWrapped(a: string): boolean {
  let depth = 0;
  // Of texts only that they are there: what stands in them closes nothing. A pattern may hold anything.
  const bare = a.replace(/"(?:[^"\\]|\\.)*"/g, (text) => "_".repeat(text.length));
  if (bare.includes("/")) return false;
  for (let i = 0; i < bare.length; i++) {
    if (bare[i] === "(") depth++;
    else if (bare[i] === ")") depth--;
    if (depth === 0) return i === bare.length - 1 && bare.length > 2;
  }
  return false;
}

/** True for an expression that is a condition by its form. */
export function isCondition(p: Path): boolean {
  return (
    (p.kind === "binary" && !["|", "&", "+"].includes(p.op)) ||
    (p.kind === "call" && ["exists", "empty", "not", "all", "hasValue"].includes(p.name)) ||
    (p.kind === "literal" && typeof p.value === "boolean")
  );
}

/** A search for one character is a machine's scan, one for several is not: the rarest of them is looked for first. */
export function contains(value: string, part: string): string {
  const rare = /[^A-Za-z0-9/.:-]/.exec(part)?.[0];
  const whole = `${value}.includes(${quote(part)})`;
  return rare === undefined || part.length === 1 ? whole : `(${value}.indexOf(${quote(rare)}) >= 0 && ${whole})`;
}

/** True when the condition looks at the item at all. */
export function looksAt(p: Path): boolean {
  if (p.kind === "this") return true;
  if (p.kind === "literal" || p.kind === "variable") return false;
  if (p.kind === "binary") return looksAt(p.left) || looksAt(p.right);
  if (p.kind === "member") return p.of === undefined || looksAt(p.of);
  return p.of === undefined || looksAt(p.of) || p.args.some(looksAt);
}

/** True where the context itself is meant. */
export function isThis(p: Path | undefined): boolean {
  return p === undefined || p.kind === "this";
}

/** The property of the context that a path begins with. */
export function firstName(p: Path): string | undefined {
  if (p.kind === "member") return p.of === undefined || p.of.kind === "this" ? p.name : firstName(p.of);
  if (p.kind === "call") return p.of === undefined ? undefined : firstName(p.of);
  return undefined;
}

/** Whether a primitive is there, asked twice or more, becomes a constant before the conditions. */
export function namedPresence(conditions: string, locals: readonly FastLocal[]): string {
  let text = conditions;
  let constants = "";
  for (const { value, sibling } of locals) {
    if (value === undefined || sibling === undefined) continue;
    const presence = `(${value} !== undefined || ${sibling})`;
    if (text.split(presence).length < 3) continue;
    const name = value.replace("v", "has");
    constants += `  const ${name} = ${presence.slice(1, -1)};\n`;
    text = text.replaceAll(`(${presence})`, name).replaceAll(presence, name);
  }
  return constants + text;
}

/** A switch over texts that compares only those of the same length; false for every other text. */
export function byLength(texts: readonly string[], name: string, then: (text: string) => string): string {
  const lengths = [...new Set(texts.map((t) => t.length))].sort((a, b) => a - b);
  const cases = lengths.map((n) => {
    const lines = texts.filter((t) => t.length === n).map((t) => `      if (${name} === ${quote(t)}) ${then(t)}\n`);
    return `    case ${n}:\n${lines.join("")}      return false;\n`;
  });
  return `  switch (${name}.length) {\n${cases.join("")}    default:\n      return false;\n  }`;
}
