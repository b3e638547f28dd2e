import type { ElementRegistry, TypeTable } from "./table.ts";

/** A small family with every construct that the tables can describe. */
const cv: TypeTable = {
  name: "{urn:k}CV",
  content: "empty",
  attributes: [
    { prop: "$V", name: "V", ns: "" },
    { prop: "$S", name: "S", ns: "" },
  ],
  fields: [],
};
const ident: TypeTable = {
  name: "{urn:f}Ident",
  content: "fields",
  attributes: [],
  fields: [
    { prop: "Id", name: "Id", ns: "urn:f", type: "text" },
    { prop: "TypeId", name: "TypeId", ns: "urn:f", type: () => cv },
  ],
};
const extended: TypeTable = {
  name: "{urn:m}Extended",
  content: "fields",
  attributes: [],
  fields: [
    { prop: "Id", name: "Id", ns: "urn:f", type: "text" },
    { prop: "TypeId", name: "TypeId", ns: "urn:f", type: () => cv },
    { prop: "More", name: "More", ns: "urn:m", type: "text" },
  ],
};
const rto: TypeTable = {
  name: "{urn:k}RTO",
  content: "fields",
  attributes: [],
  fields: [
    { prop: "NUM", name: "NUM", ns: "", type: "text", optional: true },
    { prop: "DENOM", name: "DENOM", ns: "", type: "text", optional: true },
  ],
};
const anyType: TypeTable = {
  name: "{http://www.w3.org/2001/XMLSchema}anyType",
  content: "any",
  attributes: [],
  fields: [],
};
const content: TypeTable = {
  name: "{urn:m}Root/Content",
  content: "fields",
  attributes: [],
  fields: [],
  wildcards: [{ before: 0, many: true, optional: true, namespaces: "##any", process: "strict" }],
};
const list: TypeTable = {
  name: "{urn:m}Root/List",
  content: "items",
  attributes: [],
  fields: [
    { prop: "A", name: "A", ns: "urn:m", type: "text", many: true, optional: true },
    { prop: "B", name: "B", ns: "urn:m", type: () => cv, many: true, optional: true },
  ],
};
const mixed: TypeTable = {
  name: "{urn:m}Root/Mixed",
  content: "mixed",
  attributes: [{ prop: "$MT", name: "MT", ns: "urn:k" }],
  anyAttribute: true,
  fields: [{ prop: "B", name: "B", ns: "urn:m", type: () => cv, optional: true }],
};
const price: TypeTable = {
  name: "{urn:m}Root/Price",
  content: "text",
  attributes: [{ prop: "$U", name: "U", ns: "", required: true }],
  fields: [],
};
const person = (ns: string): TypeTable => ({
  name: `{${ns}}Person`,
  content: "fields",
  attributes: [],
  fields: [
    { prop: "FamilyName", name: "FamilyName", ns, type: "text", optional: true },
    { prop: "GivenName", name: "GivenName", ns, type: "text", optional: true },
  ],
});
const root: TypeTable = {
  name: "{urn:m}Root",
  content: "fields",
  attributes: [],
  fields: [
    { prop: "Name", name: "Name", ns: "urn:m", type: "text" },
    { prop: "Ident", name: "Ident", ns: "urn:m", type: () => withDerived, many: true, optional: true },
    { prop: "Ratio", name: "Ratio", ns: "urn:m", type: () => rto, optional: true },
    { prop: "Text", name: "Text", ns: "urn:m", type: () => anyType, optional: true },
    { prop: "List", name: "List", ns: "urn:m", type: () => list, optional: true },
    { prop: "Mixed", name: "Mixed", ns: "urn:m", type: () => mixed, optional: true },
    { prop: "Price", name: "Price", ns: "urn:m", type: () => price, optional: true },
    { prop: "Gone", name: "Gone", ns: "urn:m", type: "text", optional: true, nillable: true },
    { prop: "Content", name: "Content", ns: "urn:m", type: () => content, optional: true },
  ],
};
const withDerived: TypeTable = { ...ident, derived: () => [extended] };
const mh = "http://www.kith.no/xmlstds/msghead/2006-05-24";
const otherReceiver: TypeTable = {
  name: `{${mh}}OtherReceiver`,
  content: "fields",
  attributes: [],
  fields: [{ prop: "Person", name: "Person", ns: mh, type: () => person(mh), optional: true }],
};

/** Registry of the family; `urn:b` is a payload with simple content. */
export const registry: ElementRegistry = {
  "{urn:m}Root": { name: "Root", ns: "urn:m", type: () => root },
  "{urn:b}Base64": { name: "Base64", ns: "urn:b", type: "text" },
  "{urn:m}Price": { name: "Price", ns: "urn:m", type: () => price },
  [`{${mh}}OtherReceiver`]: { name: "OtherReceiver", ns: mh, type: () => otherReceiver },
};

/** UTF-8 bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
