import { HelsekontaktError } from "@helsekontakt/core";
import { type XmlElement, XSI } from "@helsekontakt/types/xml";
import { type ContractMember, type ContractTypeName, type ContractValues, contractTypes } from "../gen/registries.ts";

/** Namespace of lists of simple values. @see MS-NRTP, data contract names of collections */
export const ARRAYS = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";

/**
 * Reads an element of a data contract: members by name and the namespace of the type that declares them. Absent and nil
 * members are left out, and so is what the tables do not know.
 *
 * `xsi:type` chooses a type that extends the expected one, for members only that has.
 *
 * @throws {HelsekontaktError} `rest/response-invalid` for a value that is not of its type; never shows it
 */
export function readContract<N extends ContractTypeName>(element: XmlElement, type: N): ContractValues[N] {
  const value: Record<string, unknown> = {};
  const children = childrenOf(element);
  for (const { owner, member } of membersOf(actualType(element, type))) {
    const child = children.find((c) => c.name === member.name && c.ns === contractTypes[owner].namespace);
    if (child === undefined || isNil(child)) continue;
    value[member.name] = readMember(child, member);
  }
  return value as ContractValues[N];
}

/** The value of a member, or of an operation's result. @internal */
export function readMember(element: XmlElement, member: ContractMember): unknown {
  if (member.list !== true) return readValue(element, member);
  return childrenOf(element)
    .filter((item) => !isNil(item))
    .map((item) => readValue(item, member));
}

function readValue(element: XmlElement, { name, type }: ContractMember): unknown {
  const text = textOf(element);
  switch (type) {
    case "string":
    case "dateTime":
      return text;
    case "int":
      if (!/^\s*[+-]?\d{1,10}\s*$/u.test(text)) throw wrongValue(name, "a whole number");
      return Number(text);
    case "boolean": {
      const word = text.trim();
      if (!["true", "false", "1", "0"].includes(word)) throw wrongValue(name, "true or false");
      return word === "true" || word === "1";
    }
    case "base64":
      if (!/^[A-Za-z0-9+/]*={0,2}$/u.test(text.replaceAll(/\s+/gu, ""))) throw wrongValue(name, "base64");
      return new Uint8Array(Buffer.from(text, "base64"));
    default:
      return readContract(element, type);
  }
}

/**
 * Writes a value as an element of a data contract, members in the order of the wire.
 *
 * @internal for the sandbox and tests; a client sends simple parameters only
 */
export function writeContract<N extends ContractTypeName>(
  type: N,
  value: ContractValues[N],
  element: { readonly name: string; readonly ns: string } = { name: type, ns: contractTypes[type].namespace },
): XmlElement {
  const values = value as Readonly<Record<string, unknown>>;
  return {
    ...element,
    attributes: [],
    content: membersOf(type).flatMap(({ owner, member }) =>
      values[member.name] === undefined
        ? []
        : [writeMember(values[member.name], member, contractTypes[owner].namespace)],
    ),
  };
}

/** @internal */
export function writeMember(value: unknown, member: ContractMember, ns: string): XmlElement {
  const element = { name: member.name, ns };
  if (value === null) return { ...element, attributes: [{ name: "nil", ns: XSI, value: "true" }], content: [] };
  if (member.list !== true) return writeValue(value, member, element);
  const { type } = member;
  const simple = !Object.hasOwn(contractTypes, type);
  const item = simple
    ? { name: type, ns: ARRAYS }
    : { name: type, ns: contractTypes[type as ContractTypeName].namespace };
  return {
    ...element,
    attributes: [],
    content: (value as readonly unknown[]).map((v) => writeValue(v, member, item)),
  };
}

function writeValue(value: unknown, { type }: ContractMember, element: { name: string; ns: string }): XmlElement {
  if (Object.hasOwn(contractTypes, type))
    return writeContract(type as ContractTypeName, value as ContractValues[ContractTypeName], element);
  const text = type === "base64" ? Buffer.from(value as Uint8Array).toString("base64") : String(value);
  return { ...element, attributes: [], content: [text] };
}

interface OwnedMember {
  readonly owner: ContractTypeName;
  readonly member: ContractMember;
}

const members = new Map<ContractTypeName, readonly OwnedMember[]>();

/** Members of the base first. */
function membersOf(type: ContractTypeName): readonly OwnedMember[] {
  const known = members.get(type);
  if (known !== undefined) return known;
  const { base, members: own } = contractTypes[type];
  const all = [...(base === undefined ? [] : membersOf(base)), ...own.map((member) => ({ owner: type, member }))];
  members.set(type, all);
  return all;
}

/** A type by its local name: the registries' own samples bind its prefix to the namespace of the answer. */
function actualType(element: XmlElement, expected: ContractTypeName): ContractTypeName {
  const stated =
    element.attributes
      .find((a) => a.name === "type" && a.ns === XSI)
      ?.value.trim()
      .split(":")
      .at(-1) ?? "";
  if (!Object.hasOwn(contractTypes, stated)) return expected;
  for (
    let type: ContractTypeName | undefined = stated as ContractTypeName;
    type !== undefined;
    type = contractTypes[type].base
  )
    if (type === expected) return stated as ContractTypeName;
  return expected;
}

function wrongValue(name: string, expected: string): HelsekontaktError {
  return new HelsekontaktError("rest/response-invalid", `expected ${expected} in ${name}, found something else`, {
    context: { member: name },
  });
}

/** @internal */
export function childrenOf(element: XmlElement): XmlElement[] {
  return element.content.filter((item) => typeof item !== "string");
}

/** @internal */
export function textOf(element: XmlElement): string {
  return element.content.filter((item) => typeof item === "string").join("");
}

/** @internal */
export function isNil(element: XmlElement): boolean {
  const nil = element.attributes.find((a) => a.name === "nil" && a.ns === XSI)?.value.trim();
  return nil === "true" || nil === "1";
}
