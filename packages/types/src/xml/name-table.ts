import { nameTable } from "./name-chars.ts";
import { intern } from "./names.ts";

// Names that were read before, in any document, by numbers. Each has its bytes and its record in two tables that lie close
// together: walking from one small object to the next costs more than comparing what is in them.

/** A name without colon. */
export const PLAIN = 0;
export const PREFIXED = 1;
/** `xmlns`, the declaration of the default namespace. */
export const DEFAULT = 2;
/** `xmlns:…` */
export const DECLARATION = 3;

/** A qualified name of an element or an attribute. */
export interface Name {
  readonly name: string;
  readonly prefix: string;
  readonly local: string;
  readonly kind: number;
  /** Its number, or 0 when it is not kept. */
  readonly id: number;
}

/** Names that are kept; when there are more, the oldest ones go. A stale number does no harm, since the bytes are always compared. */
const capacity = 2048;
/** Length in bytes up to which names are kept: what fits beside its like. */
const longest = 64;
/** Of a record, as a power of two: what its number is shifted by. */
export const RECORD = 4;
/** Of the room for a name's bytes. */
export const ROOM = 6;
/** In a record: length in bytes, kind, the element that stood last as the first in this one, and behind it, and its attributes. */
export const LENGTH = 0;
export const KIND = 1;
export const FIRST = 2;
export const AFTER = 3;
export const PLACES = 4;
/** Attributes that a record has places for. */
export const FEW = 8;

export const nameRecords: Int32Array = new Int32Array(capacity << RECORD);
export const nameBytes: Uint8Array = new Uint8Array(capacity << ROOM);
export const keptNames: Name[] = [{ name: "", prefix: "", local: "", kind: PLAIN, id: 0 }];
/** Numbers by the hash of a name. */
const numbers = new Uint16Array(4096);
const shift = 20;
let next = 1;

/** The number of the kept name that stands at a place of a window, and ends there; 0 for none. */
export function findName(bytes: Uint8Array, from: number): number {
  let to = from;
  let hash = 0;
  let c = bytes[to] as number;
  while (nameTable[c] !== 0) {
    hash = (Math.imul(hash, 31) + c) | 0;
    c = bytes[++to] as number;
  }
  const slot = Math.imul(hash, 0x9e3779b1) >>> shift;
  let id = numbers[slot] as number;
  if (isName(id, to - from, bytes, from)) return id;
  // Two names may share a place; more than two take turns.
  id = numbers[slot ^ 1] as number;
  return isName(id, to - from, bytes, from) ? id : 0;
}

function isName(id: number, length: number, bytes: Uint8Array, from: number): boolean {
  if (nameRecords[id << RECORD] !== length) return false;
  const room = id << ROOM;
  for (let n = 0; n < length; n++) if (bytes[from + n] !== nameBytes[room + n]) return false;
  return true;
}

/** Makes a name, and keeps it, so that a name of a message is made into a string once. */
export function createName(name: string, bytes: Uint8Array): Name {
  const colon = name.indexOf(":");
  const prefix = colon < 0 ? "" : intern(name.slice(0, colon));
  const local = colon < 0 ? name : intern(name.slice(colon + 1));
  const isDeclaration = prefix === "xmlns" || name === "xmlns";
  const kind = colon < 0 ? (isDeclaration ? DEFAULT : PLAIN) : isDeclaration ? DECLARATION : PREFIXED;
  const { length } = bytes;
  if (length > longest) return { name, prefix, local, kind, id: 0 };
  const id = next;
  next = next + 1 < capacity ? next + 1 : 1;
  let hash = 0;
  for (let n = 0; n < length; n++) hash = (Math.imul(hash, 31) + (bytes[n] as number)) | 0;
  const slot = Math.imul(hash, 0x9e3779b1) >>> shift;
  numbers[slot ^ 1] = numbers[slot] as number;
  numbers[slot] = id;
  nameBytes.set(bytes, id << ROOM);
  nameRecords.fill(0, id << RECORD, (id + 1) << RECORD);
  nameRecords[(id << RECORD) + LENGTH] = length;
  nameRecords[(id << RECORD) + KIND] = kind;
  const kept = { name, prefix, local, kind, id };
  keptNames[id] = kept;
  return kept;
}
