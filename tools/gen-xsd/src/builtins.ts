import { XS } from "./dom.ts";
import type { ComplexType, SimpleType } from "./model.ts";

// Name and base of each built-in type of XSD 1.0; the first is the root of all simple types.
const derivation: readonly (readonly [string, string])[] = [
  ["anySimpleType", ""],
  ...[
    "string",
    "boolean",
    "decimal",
    "float",
    "double",
    "duration",
    "dateTime",
    "time",
    "date",
    "gYearMonth",
    "gYear",
    "gMonthDay",
    "gDay",
    "gMonth",
    "hexBinary",
    "base64Binary",
    "anyURI",
    "QName",
  ].map((n) => [n, "anySimpleType"] as const),
  ["normalizedString", "string"],
  ["token", "normalizedString"],
  ["language", "token"],
  ["NMTOKEN", "token"],
  ["Name", "token"],
  ["NCName", "Name"],
  ["ID", "NCName"],
  ["IDREF", "NCName"],
  ["ENTITY", "NCName"],
  ["integer", "decimal"],
  ["nonPositiveInteger", "integer"],
  ["negativeInteger", "nonPositiveInteger"],
  ["long", "integer"],
  ["int", "long"],
  ["short", "int"],
  ["byte", "short"],
  ["nonNegativeInteger", "integer"],
  ["unsignedLong", "nonNegativeInteger"],
  ["unsignedInt", "unsignedLong"],
  ["unsignedShort", "unsignedInt"],
  ["unsignedByte", "unsignedShort"],
  ["positiveInteger", "nonNegativeInteger"],
];

const lists: readonly (readonly [string, string])[] = [
  ["NMTOKENS", "NMTOKEN"],
  ["IDREFS", "IDREF"],
  ["ENTITIES", "ENTITY"],
];

function build(): Map<string, SimpleType> {
  const types = new Map<string, SimpleType>();
  for (const [name, base] of derivation) {
    const whiteSpace =
      name === "string" || name === "anySimpleType" ? "preserve" : name === "normalizedString" ? "replace" : "collapse";
    types.set(name, {
      kind: "simple",
      name,
      symbol: name,
      base: types.get(base),
      variety: "atomic",
      builtin: name,
      facets: { whiteSpace },
    });
  }
  for (const [name, item] of lists)
    types.set(name, {
      kind: "simple",
      name,
      symbol: name,
      base: types.get("anySimpleType"),
      variety: "list",
      builtin: name,
      facets: { whiteSpace: "collapse", minLength: 1 },
      item: types.get(item),
    });
  return types;
}

/** The built-in simple types by local name. NOTATION is left out: it needs notation declarations, which are refused. */
export const builtins: ReadonlyMap<string, SimpleType> = build();

/** The type of everything. */
export const anyType: ComplexType = {
  kind: "complex",
  block: [],
  name: "anyType",
  symbol: "anyType",
  clark: `{${XS}}anyType`,
  abstract: false,
  mixed: true,
  particle: {
    kind: "wildcard",
    wildcard: { namespaces: "##any", process: "lax" },
    min: 0,
    max: Number.POSITIVE_INFINITY,
  },
  attributes: [],
  anyAttribute: { namespaces: "##any", process: "lax" },
};
