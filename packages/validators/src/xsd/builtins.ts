import { Buffer } from "node:buffer";
import { isDateType, parseMoment } from "./dates.ts";

const nameStart =
  ":A-Z_a-z\\u{C0}-\\u{D6}\\u{D8}-\\u{F6}\\u{F8}-\\u{2FF}\\u{370}-\\u{37D}\\u{37F}-\\u{1FFF}\\u{200C}-\\u{200D}\\u{2070}-\\u{218F}\\u{2C00}-\\u{2FEF}\\u{3001}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFFD}\\u{10000}-\\u{EFFFF}";
const nameChar = `${nameStart}\\-.0-9\\u{B7}\\u{300}-\\u{36F}\\u{203F}-\\u{2040}`;
const noColon = (set: string): string => set.replace(":", "");
const ncName = new RegExp(`^[${noColon(nameStart)}][${noColon(nameChar)}]*$`, "u");
const ncPart = `[${noColon(nameStart)}][${noColon(nameChar)}]*`;

const patterns: Readonly<Record<string, RegExp>> = {
  boolean: /^(?:true|false|0|1)$/,
  decimal: /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$/,
  float: /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|-?INF|NaN)$/,
  double: /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|-?INF|NaN)$/,
  hexBinary: /^(?:[0-9A-Fa-f]{2})*$/,
  language: /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/,
  duration: /^-?P(?=.)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?$/,
  NMTOKEN: new RegExp(`^[${nameChar}]+$`, "u"),
  Name: new RegExp(`^[${nameStart}][${nameChar}]*$`, "u"),
  NCName: ncName,
  ID: ncName,
  IDREF: ncName,
  ENTITY: ncName,
  QName: new RegExp(`^(?:${ncPart}:)?${ncPart}$`, "u"),
  NOTATION: new RegExp(`^(?:${ncPart}:)?${ncPart}$`, "u"),
};

const integer = /^[+-]?\d+$/;
const ranges: Readonly<Record<string, readonly [bigint | undefined, bigint | undefined]>> = {
  integer: [undefined, undefined],
  nonPositiveInteger: [undefined, 0n],
  negativeInteger: [undefined, -1n],
  nonNegativeInteger: [0n, undefined],
  positiveInteger: [1n, undefined],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  short: [-32768n, 32767n],
  byte: [-128n, 127n],
  unsignedLong: [0n, 2n ** 64n - 1n],
  unsignedInt: [0n, 2n ** 32n - 1n],
  unsignedShort: [0n, 65535n],
  unsignedByte: [0n, 255n],
};
const listsOf: Readonly<Record<string, string>> = { NMTOKENS: "NMTOKEN", IDREFS: "IDREF", ENTITIES: "ENTITY" };
const free = new Set(["string", "normalizedString", "token", "anySimpleType", "anyAtomicType"]);

/** Whether a built-in type is a kind of decimal number. */
export function isDecimalType(type: string): boolean {
  return type === "decimal" || Object.hasOwn(ranges, type);
}

/** What a built-in type holds, for messages. */
export function describeBuiltin(type: string): string {
  return `a value of xs:${type}`;
}

/**
 * Whether a text, white space already normalised, is in the lexical space of a built-in simple type. Unknown types
 * accept everything.
 *
 * @param type - local name in the XML Schema namespace.
 * @see XML Schema 1.0 part 2, section 3
 */
export function isBuiltinValue(type: string, text: string): boolean {
  if (free.has(type)) return true;
  if (isDateType(type)) return parseMoment(type, text) !== undefined;
  const range = ranges[type];
  if (range !== undefined) {
    // The length bound keeps BigInt away from endless digits; no range here needs more.
    if (!integer.test(text)) return false;
    if (range[0] === undefined && range[1] === undefined) return true;
    const significant = text.replace(/^[+-]?0*/, "");
    if (significant.length > 20) {
      return text.startsWith("-") ? range[0] === undefined : range[1] === undefined;
    }
    const value = BigInt(text.replace("+", ""));
    return (range[0] === undefined || value >= range[0]) && (range[1] === undefined || value <= range[1]);
  }
  if (type === "base64Binary") return isBase64(text);
  if (type === "anyURI") return isUri(text);
  const item = listsOf[type];
  if (item !== undefined) return text !== "" && text.split(" ").every((part) => isBuiltinValue(item, part));
  return patterns[type]?.test(text) ?? true;
}

/** Groups of four characters, white space anywhere, unused bits of the last group zero. */
function isBase64(text: string): boolean {
  if (text.length > 1024) return isLongBase64(text);
  const compact = /[ \t\r\n]/.test(text) ? text.replace(/[ \t\r\n]+/g, "") : text;
  if (compact.length % 4 !== 0) return false;
  return /^[A-Za-z0-9+/]*(?:[AQgw]==|[A-Za-z0-9+/][AEIMQUYcgkosw048]=)?$/.test(compact);
}

const step = 64 * 1024;
const scratch = Buffer.allocUnsafeSlow((step / 4) * 3);

/** Exact at the engine's own speed: what is read from canonical base64 and written again is the same text. */
function isCanonicalBase64(text: string): boolean {
  if (text.length % 4 !== 0) return false;
  for (let at = 0; at < text.length; at += step) {
    const piece = text.slice(at, at + step);
    const bytes = scratch.write(piece, "base64");
    // Fewer bytes in the middle would be an end before the end.
    if (bytes < scratch.length && at + step < text.length) return false;
    if (scratch.toString("base64", 0, bytes) !== piece) return false;
  }
  return true;
}

/** The same for attachments: the engine's own decoder looks at many characters at once, and the end is looked at here. */
function isLongBase64(text: string): boolean {
  if (isCanonicalBase64(text)) return true;
  let bytes: number;
  try {
    bytes = atob(text).length;
  } catch {
    return false;
  }
  const end = text.slice(-256).replace(/[ \t\r\n]+/g, "");
  // Nearly all white space: what remains without it is looked at once more.
  if (end.length < 4) return isBase64(text.replace(/[ \t\r\n]+/g, ""));
  if (bytes % 3 === 0) return !end.endsWith("=");
  return bytes % 3 === 1 ? /[AQgw]==$/.test(end) : /[AEIMQUYcgkosw048]=$/.test(end);
}

/** A URI reference in which characters outside ASCII and some others may stand unescaped. */
function isUri(text: string): boolean {
  if (text === "") return true;
  const ascii = text.replace(/[^\x21-\x7e]|["<>\\^`{|}]/gu, "_");
  if (/%(?![0-9A-Fa-f]{2})/.test(ascii)) return false;
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(ascii);
  if (match === null) return false;
  const [, scheme, authority, path = "", query = "", fragment] = match;
  if (fragment?.includes("#")) return false;
  if (scheme === undefined && authority === undefined && path.split("/", 1)[0]?.includes(":")) return false;
  if (authority !== undefined) {
    const host = authority.replace(/^[^@]*@/, "");
    if (!/^(?:\[[0-9A-Fa-f:.vV]+\]|[^[\]:@]*)(?::\d{0,8})?$/.test(host)) return false;
  }
  return !/[[\]]/.test(path + query);
}

/** Whether the name is that of a built-in simple type. */
export function isBuiltinType(type: string): boolean {
  return (
    free.has(type) ||
    Object.hasOwn(patterns, type) ||
    Object.hasOwn(ranges, type) ||
    Object.hasOwn(listsOf, type) ||
    isDateType(type) ||
    type === "base64Binary" ||
    type === "anyURI"
  );
}

const parents: Readonly<Record<string, string>> = {
  normalizedString: "string",
  token: "normalizedString",
  language: "token",
  NMTOKEN: "token",
  Name: "token",
  NCName: "Name",
  ID: "NCName",
  IDREF: "NCName",
  ENTITY: "NCName",
  integer: "decimal",
  nonPositiveInteger: "integer",
  negativeInteger: "nonPositiveInteger",
  nonNegativeInteger: "integer",
  positiveInteger: "nonNegativeInteger",
  long: "integer",
  int: "long",
  short: "int",
  byte: "short",
  unsignedLong: "nonNegativeInteger",
  unsignedInt: "unsignedLong",
  unsignedShort: "unsignedInt",
  unsignedByte: "unsignedShort",
};

/** Whether one built-in type is derived from another, over any number of steps. */
export function isBuiltinDerived(type: string, from: string): boolean {
  if (from === "anySimpleType") return isBuiltinType(type);
  for (let at: string | undefined = type; at !== undefined; at = parents[at]) if (at === from) return true;
  return false;
}
