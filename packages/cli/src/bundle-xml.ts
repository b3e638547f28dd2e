import { Buffer } from "node:buffer";
import { HelsekontaktError, type Issue } from "@helsekontakt/core";
import { fhirFromXml, fhirNamespace } from "@helsekontakt/types/fhir";
import { parseXml, type XmlElement } from "@helsekontakt/types/xml";
import {
  type BundleFrame,
  type BundleTold,
  contentFault,
  type EntryReading,
  type Json,
  maxPiece,
  type OpenChunks,
  tooLarge,
} from "./bundle-form.ts";
import type { Piece } from "./bundle-splitter.ts";
import { fhirXmlLines } from "./fhir-lines.ts";
import type { LineProgress } from "./validate-lines.ts";
import { xmlUtf8 } from "./xml-utf8.ts";
import { XmlSplitter } from "./xml-splitter.ts";

/** A part of the file, with the line on which it begins. */
interface Part {
  readonly text: string;
  readonly line: number;
}

/** A member of the Bundle that is no entry, and how many entries stand before it. */
interface Member extends Part {
  readonly before: number;
}

/** Room for the lines before a piece, which are put there where a fault has to tell its own. */
const limits = { maxBytes: 3 * maxPiece };

/** A Bundle in XML, see {@link BundleForm}. */
export async function xmlBundle(
  open: OpenChunks,
  entry: (value: unknown, index: number) => void,
  onProgress: (bytes: number) => void,
): Promise<BundleFrame | readonly Issue[] | undefined> {
  const head = new HeadReading(entry);
  const splitter = new XmlSplitter((part, piece, name) => head.take(part, piece, name), maxPiece);
  try {
    for await (const chunk of xmlUtf8(open())) {
      splitter.write(chunk);
      if (head.isOther) return undefined;
      onProgress(splitter.bytes);
    }
  } catch (reason) {
    // Bytes of another encoding are told before all else, as they are of a document that is read whole.
    return [contentFault(reason)];
  }
  splitter.end();
  if (head.isOther) return undefined;
  if (head.fault !== undefined) return [head.fault];
  if (splitter.isTooLarge || head.size > maxPiece) return [tooLarge(splitter.line)];
  return new XmlFrame(head);
}

/** Reads each piece by itself, inside of the root, so that any fault of form is found in the order of the file. */
class HeadReading {
  readonly members: Member[] = [];
  root: Root | undefined;
  entries = 0;
  firstEntry: number | undefined;
  size = 0;
  fault: Issue | undefined;
  /** True for a document that is no Bundle. */
  isOther = false;
  readonly #entry: (value: unknown, index: number) => void;

  constructor(entry: (value: unknown, index: number) => void) {
    this.#entry = entry;
  }

  take(part: string, { bytes, line }: Piece, name: string): void {
    if (this.fault !== undefined || this.isOther) return;
    const piece: Part = { text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"), line };
    try {
      if (part === "root") this.#takeRoot(piece);
      else if (part === "child" && name === "entry") {
        this.firstEntry ??= line;
        this.#entry(this.#entryOf(piece), this.entries++);
      } else this.#takeOther(part, piece);
    } catch (reason) {
      this.fault = contentFault(this.#atItsLine(part, piece, reason));
    }
  }

  #takeRoot(piece: Part): void {
    const text = inUtf8(piece.text);
    const name = /^<([^\s<>/]+)/.exec(text.slice(text.lastIndexOf("<")))?.[1] ?? "";
    // A root that ends at once is a document.
    this.root = { text, line: piece.line, end: text.endsWith("/>") ? "" : `</${name}>` };
    const element = parse([this.root]);
    this.isOther = element.ns !== fhirNamespace || element.name !== "Bundle";
  }

  #entryOf(piece: Part): unknown {
    return (fhirFromXml(parse([this.root as Root, piece]), { issues: [] }) as { entry?: unknown[] }).entry?.[0];
  }

  #takeOther(part: string, piece: Part): void {
    const { root } = this;
    if (part === "tail" || part === "cut") {
      parse(root === undefined ? [{ ...piece, text: inUtf8(piece.text), end: "" }] : [{ ...root, end: "" }, piece]);
      if (part === "cut" || root === undefined)
        throw new HelsekontaktError("fhir/not-readable", "expected XML, found a text that is none");
    } else {
      parse([root as Root, piece]);
      if (part !== "child") return;
      this.members.push({ ...piece, before: this.entries });
      this.size += piece.text.length;
    }
  }

  /** The same fault of a document in which the piece stands on its line. */
  #atItsLine(part: string, piece: Part, reason: unknown): unknown {
    const { root } = this;
    if (root === undefined || part === "root") return reason;
    const lines = "\n".repeat(Math.max(0, piece.line - root.line - linesIn(root.text)));
    const end = part === "tail" || part === "cut" ? "" : root.end;
    try {
      parseXml(marked(`${root.text}${lines}${piece.text}${end}`), { limits });
    } catch (again) {
      return again;
    }
    return reason;
  }
}

/** All up to the end of the root's start tag, and its end tag. */
interface Root extends Part {
  readonly end: string;
}

class XmlFrame implements BundleFrame {
  readonly bundle: Json;
  readonly entries: number;
  readonly #root: Root;
  readonly line: number;
  readonly entriesLine: number;
  readonly #members: readonly Member[];

  constructor({ root, members, entries, firstEntry }: HeadReading) {
    this.#root = root as Root;
    this.#members = members;
    this.entries = entries;
    this.line = this.#root.line + linesIn(this.#root.text.slice(0, this.#root.text.lastIndexOf("<")));
    this.entriesLine = firstEntry ?? this.line;
    this.bundle = fhirFromXml(parse([this.#root, ...members]), { issues: [] }) as unknown as Json;
  }

  empty(): EntryReading {
    return this.#read([this.#root, ...this.#members]);
  }

  async each(open: OpenChunks, to: BundleTold, onProgress: (progress: LineProgress) => void): Promise<void> {
    let entries = 0;
    const splitter = new XmlSplitter((part, { bytes, line }, name) => {
      if (part === "between") {
        // Of what stands between, text alone is an issue; it is the same wherever it stands.
        const reading = this.#read([this.#root, { text: textOf(bytes), line }]);
        for (const issue of reading.placed(reading.issues.filter((i) => i.rule === "fhir/xml-text"))) to.beside(issue);
      } else if (part === "child" && name === "entry") {
        to.entry(this.#entry({ text: textOf(bytes), line }, entries), entries);
        entries++;
      }
    }, maxPiece);
    for await (const chunk of xmlUtf8(open())) {
      splitter.write(chunk);
      onProgress({ resources: entries, bytes: splitter.bytes });
    }
    splitter.end();
  }

  #entry(piece: Part, index: number): EntryReading {
    // The order of members and entries is the file's: R4 has one.
    const at = this.#members.findIndex(({ before }) => before > index);
    const behind = at < 0 ? [] : this.#members.slice(at);
    const before = at < 0 ? this.#members : this.#members.slice(0, at);
    return this.#read([this.#root, ...before, piece, ...behind]);
  }

  #read(parts: readonly [Root, ...Part[]]): EntryReading {
    const issues: Issue[] = [];
    const resource = fhirFromXml(parse(parts), { issues });
    return { resource, issues, placed: (all) => this.#placed(parts, all) };
  }

  #placed(parts: readonly [Root, ...Part[]], issues: readonly Issue[]): readonly Issue[] {
    if (issues.length === 0) return issues;
    const lines = fhirXmlLines(
      bytesOf(parts),
      issues.map((i) => i.path),
      { limits },
    );
    return issues.map((issue) => {
      const line = lines.get(issue.path);
      if (line === undefined) return issue;
      // The list of entries begins with the first one.
      if (/^Bundle\.entry(?!\[)/.test(issue.path)) return { ...issue, line: this.entriesLine };
      return { ...issue, line: lineInFile(parts, line) };
    });
  }
}

/** The document of some parts, each of which begins a line. */
function bytesOf(parts: readonly [Root, ...Part[]]): Buffer {
  return marked(parts.map((p) => p.text).join("\n") + parts[0].end);
}

/** So that no first characters are taken for those of another encoding. */
function marked(text: string): Buffer {
  return Buffer.from(`\ufeff${text}`);
}

function parse(parts: readonly [Root, ...Part[]]): XmlElement {
  return parseXml(bytesOf(parts), { limits });
}

/** A line of {@link bytesOf} in the file. */
function lineInFile(parts: readonly Part[], line: number): number {
  let first = 1;
  for (const part of parts) {
    const next = first + linesIn(part.text) + 1;
    if (line < next) return part.line + line - first;
    first = next;
  }
  return line;
}

function linesIn(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

const declared =
  /^(<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*["'][^"']*["'][ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*["'])[^"']*(?=["'])/;

/** With a declaration of what the text is in now. */
function inUtf8(text: string): string {
  return text.replace(declared, "$1UTF-8");
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
