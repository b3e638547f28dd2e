import { XS } from "@helsekontakt/types/xml";
import { isBuiltinType } from "./builtins.ts";
import type { SimpleRule, TypeRule } from "./rules.ts";

/** What a table itself has for a name from a document: `constructor` is a name too. */
export function own<T>(table: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The type that allows everything; content is checked laxly. */
export const anyTypeRule: TypeRule = {
  name: `{${XS}}anyType`,
  attributes: [],
  anyAttribute: { namespaces: "##any", process: "lax" },
  content: { kind: "any" },
};

const preserved = new Set(["string", "anySimpleType"]);
const cache = new Map<string, TypeRule>();

/** The rule of a built-in type, as `xsi:type` may name it where anything is allowed. */
export function builtinRule(local: string): TypeRule | undefined {
  if (local === "anyType") return anyTypeRule;
  if (!isBuiltinType(local)) return undefined;
  let rule = cache.get(local);
  if (rule === undefined) {
    const simple: SimpleRule = {
      name: `{${XS}}${local}`,
      base: local,
      whiteSpace: preserved.has(local) ? "preserve" : local === "normalizedString" ? "replace" : "collapse",
    };
    rule = { name: simple.name, attributes: [], content: { kind: "simple", type: () => simple } };
    cache.set(local, rule);
  }
  return rule;
}
