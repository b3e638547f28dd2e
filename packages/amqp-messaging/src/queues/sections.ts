import { HelsekontaktError } from "@helsekontakt/core";
import rhea from "rhea";

/** A section of a message as it stands in its bytes, its descriptor included. */
interface Section {
  /** 0x70 header, 0x71 delivery annotations, 0x72 message annotations, 0x73 properties, 0x74 application properties, 0x75–0x77 body, 0x78 footer. */
  readonly code: number;
  readonly bytes: Buffer;
  /** Where the value begins in `bytes`, behind the descriptor. */
  readonly value: number;
}

/** What becomes of a message's bytes when it goes to another queue. */
export interface Rewrite {
  /** Application properties that are left out. */
  readonly drop: (name: string) => boolean;
  /** Message annotations that are left out. */
  readonly dropAnnotation: (name: string) => boolean;
  /** Application properties that are put in, as strings. */
  readonly set: Readonly<Record<string, string>>;
}

const header = 0x70;
const messageAnnotations = 0x72;
const applicationProperties = 0x74;
const footer = 0x78;

/**
 * The bytes of a message for another queue. Everything that is not named stays as it came, to the byte: values of
 * foreign types, ids, the body in however many sections. The header becomes durable and keeps priority and time to live;
 * delivery annotations, which are for one hop only, go (RabbitMQ 3 ends the connection on them).
 *
 * @throws {HelsekontaktError} `amqp/header-invalid` when the bytes are not an AMQP 1.0 message
 * @see AMQP 1.0, part 3, section 3.2 Message format
 */
export function rewriteMessage(bytes: Uint8Array, rewrite: Rewrite): Buffer {
  const sections = splitSections(bytes);
  const of = (code: number): Section | undefined => sections.find((s) => s.code === code);
  const kept = (from: number, to: number): Buffer[] =>
    sections.filter((s) => s.code >= from && s.code <= to).map((s) => s.bytes);
  const annotations = of(messageAnnotations);
  const rest = annotations === undefined ? [] : entriesOf(annotations).filter((e) => !rewrite.dropAnnotation(e.name));
  const own = of(applicationProperties);
  const names = new Set(Object.keys(rewrite.set));
  const properties = [
    ...(own === undefined ? [] : entriesOf(own).filter((e) => !rewrite.drop(e.name) && !names.has(e.name))).map(
      (e) => e.bytes,
    ),
    ...Object.entries(rewrite.set).map(([name, value]) => Buffer.concat([text(name), text(value)])),
  ];
  return Buffer.concat([
    durableHeader(of(header)),
    ...(rest.length === 0
      ? []
      : [
          map(
            messageAnnotations,
            rest.map((e) => e.bytes),
          ),
        ]),
    ...kept(0x73, 0x73),
    ...(properties.length === 0 ? [] : [map(applicationProperties, properties)]),
    ...kept(0x75, footer),
  ]);
}

function splitSections(bytes: Uint8Array): Section[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sections: Section[] = [];
  for (let at = 0; at < buffer.length; ) {
    if (buffer[at] !== 0) throw notMessage();
    const value = endOfValue(buffer, at + 1);
    const code = Number((readValue(buffer.subarray(at + 1, value)) as { value?: unknown }).value);
    if (!(code >= header && code <= footer)) throw notMessage();
    const end = endOfValue(buffer, value);
    sections.push({ code, bytes: buffer.subarray(at, end), value: value - at });
    at = end;
  }
  return sections;
}

/** Header fields that travel on: priority and ttl; who acquired it and how often it was delivered begin anew. */
function durableHeader(section: Section | undefined): Buffer {
  const fields = section === undefined ? [] : itemsOf(section);
  const absent = Buffer.from([0x40]);
  const items = Buffer.concat([Buffer.from([0x41]), fields[1] ?? absent, fields[2] ?? absent]);
  return Buffer.concat([Buffer.from([0x00, 0x53, header, 0xc0, items.length + 1, 3]), items]);
}

interface Entry {
  readonly name: string;
  /** Key and value. */
  readonly bytes: Buffer;
}

/** The pairs of a map section. A key that is no text has an empty name: nothing matches it, so it stays. */
function entriesOf(section: Section): Entry[] {
  const items = itemsOf(section);
  const entries: Entry[] = [];
  for (let i = 0; i + 1 < items.length; i += 2) {
    const [key, value] = [items[i] as Buffer, items[i + 1] as Buffer];
    const name = (readValue(key) as { value?: unknown }).value;
    entries.push({ name: typeof name === "string" ? name : "", bytes: Buffer.concat([key, value]) });
  }
  return entries;
}

/** The raw items of a list or map. */
function itemsOf({ bytes, value }: Section): Buffer[] {
  const type = bytes[value] as number;
  if (type === 0x45 || type === 0x40) return [];
  const wide = type === 0xd0 || type === 0xd1;
  if (!wide && type !== 0xc0 && type !== 0xc1) throw notMessage();
  const count = wide ? read32(bytes, value + 5) : (bytes[value + 2] as number);
  const items: Buffer[] = [];
  let at = value + (wide ? 9 : 3);
  for (let i = 0; i < count; i++) {
    const end = endOfValue(bytes, at);
    items.push(bytes.subarray(at, end));
    at = end;
  }
  return items;
}

/** @see AMQP 1.0, part 1, section 1.2 Type encodings: the upper half of the constructor gives the width */
function endOfValue(bytes: Buffer, at: number, depth = 0): number {
  const type = bytes[at];
  if (type === undefined || depth > 32) throw notMessage();
  const end = ((): number => {
    switch (type >> 4) {
      case 0x0:
        if (type !== 0) throw notMessage();
        return endOfValue(bytes, endOfValue(bytes, at + 1, depth + 1), depth + 1);
      case 0x4:
        return at + 1;
      case 0x5:
        return at + 2;
      case 0x6:
        return at + 3;
      case 0x7:
        return at + 5;
      case 0x8:
        return at + 9;
      case 0x9:
        return at + 17;
      case 0xa:
      case 0xc:
      case 0xe:
        return at + 2 + (bytes[at + 1] ?? bytes.length);
      case 0xb:
      case 0xd:
      case 0xf:
        return at + 5 + read32(bytes, at + 1);
      default:
        throw notMessage();
    }
  })();
  if (end > bytes.length) throw notMessage();
  return end;
}

function read32(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw notMessage();
  return bytes.readUInt32BE(at);
}

/** Only for descriptors and keys, which are of simple types. */
function readValue(bytes: Buffer): unknown {
  const { Reader } = rhea.types as unknown as { Reader: new (b: Buffer) => { read(): unknown } };
  try {
    return new Reader(bytes).read() ?? {};
  } catch {
    throw notMessage();
  }
}

function map(code: number, pairs: readonly Buffer[]): Buffer {
  const body = Buffer.concat(pairs);
  const head = Buffer.from([0x00, 0x53, code, 0xd1, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(body.length + 4, 4);
  head.writeUInt32BE(pairs.length * 2, 8);
  return Buffer.concat([head, body]);
}

function text(value: string): Buffer {
  const utf8 = Buffer.from(value);
  const head = Buffer.from(utf8.length < 256 ? [0xa1, utf8.length] : [0xb1, 0, 0, 0, 0]);
  if (utf8.length >= 256) head.writeUInt32BE(utf8.length, 1);
  return Buffer.concat([head, utf8]);
}

function notMessage(): HelsekontaktError {
  return new HelsekontaktError("amqp/header-invalid", "expected the sections of an AMQP 1.0 message");
}
