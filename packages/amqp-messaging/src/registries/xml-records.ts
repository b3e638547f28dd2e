import { HelsekontaktError } from "@helsekontakt/core";
import { parseXml, type XmlElement } from "@helsekontakt/types/xml";
import { childrenOf } from "./data-contract.ts";

/** Characters of one record; the registry's largest parties have some hundred thousand. */
const maxRecord = 4 * 1024 * 1024;
/** Characters of one tag. */
const maxTag = 64 * 1024;
const maxAncestors = 64;
const BANG = 33;
const SLASH = 47;
const QUESTION = 63;

interface OpenTag {
  readonly raw: string;
  /** With its prefix. */
  readonly name: string;
}

/** What a document that is read piece by piece tells on its way. @internal */
export interface RecordHandler {
  /** The outermost element of the record's name, whole. */
  record(element: XmlElement): void;
  /** Any other element begins; its local name. */
  open?(local: string): void;
  /** Character data outside records, in pieces, references not resolved. */
  text?(piece: string): void;
}

/**
 * Cuts a document that comes in pieces into records, in bounded memory: elements of one name, wherever they stand. Only
 * where markup begins and ends is found here; each record is read by the XML reader, inside the start tags of what it
 * stands in, so that namespaces are the document's own.
 *
 * @internal
 */
export class XmlRecords {
  readonly #name: string;
  readonly #handler: RecordHandler;
  readonly #ancestors: OpenTag[] = [];
  /** What has come and is not understood yet. */
  #rest = "";
  /** What has come of the record that has begun; `#depth` counts its open elements. */
  #record = "";
  #depth = 0;
  /** Where the record begins in the text at hand; meaningless outside one. */
  #from = 0;
  /** Ends what is passed over: `-->`, `?>`, `]]>`. */
  #until: string | undefined;
  #seenRoot = false;

  constructor(name: string, handler: RecordHandler) {
    this.#name = name;
    this.#handler = handler;
  }

  /** @throws {HelsekontaktError} `xml/*`, and what the handler throws */
  push(text: string): void {
    const all = this.#rest + text;
    this.#from = 0;
    let at = 0;
    for (let end = 0; end >= 0; end = this.#step(all, at)) at = end;
    if (this.#depth > 0) this.#record += all.slice(this.#from, at);
    this.#rest = all.slice(at);
    if (this.#rest.length > maxTag) throw tooLarge("characters in a tag", maxTag);
    if (this.#record.length > maxRecord) throw tooLarge("characters in a record", maxRecord);
  }

  /** @throws {HelsekontaktError} `xml/not-well-formed` when the document is not over */
  end(): void {
    const open = this.#ancestors.length > 0 || this.#depth > 0 || this.#until !== undefined;
    if (open || this.#rest.trim() !== "" || !this.#seenRoot) throw malformed("the document ends too early");
  }

  /** Understands one piece of markup, or of text, from `at` on; -1 when more must come. */
  #step(all: string, at: number): number {
    if (at >= all.length) return -1;
    if (this.#until !== undefined) return this.#pass(all, at, this.#until);
    const found = all.indexOf("<", at);
    const lt = found < 0 ? all.length : found;
    if (lt !== at) {
      if (this.#depth === 0) this.#characters(all.slice(at, lt));
      return lt;
    }
    const c = all.charCodeAt(at + 1);
    if (c === BANG) return this.#declaration(all, at);
    if (c === QUESTION) return this.#begin("?>", at + 2);
    const gt = endOfTag(all, at);
    if (gt < 0) return -1;
    if (this.#depth > 0) this.#inRecord(all, gt, c === SLASH);
    else if (c === SLASH) this.#close(all.slice(at, gt));
    else this.#open(all, at, gt);
    return gt;
  }

  #declaration(all: string, at: number): number {
    const begin = all.slice(at, at + 9);
    if (begin.startsWith("<!--")) return this.#begin("-->", at + 4);
    if (begin === "<![CDATA[") return this.#begin("]]>", at + 9);
    if ("<![CDATA[".startsWith(begin) || "<!--".startsWith(begin)) return -1;
    throw new HelsekontaktError("xml/doctype-refused", "expected a document without DOCTYPE, found one");
  }

  #begin(until: string, end: number): number {
    this.#until = until;
    return end;
  }

  /** Comments, instructions and CDATA: their end may come in two pieces. */
  #pass(all: string, at: number, until: string): number {
    const end = all.indexOf(until, at);
    if (end >= 0) {
      this.#until = undefined;
      return end + until.length;
    }
    const safe = all.length - until.length + 1;
    return safe <= at ? -1 : safe;
  }

  #characters(piece: string): void {
    if (this.#ancestors.length > 0) this.#handler.text?.(piece);
    else if (piece.replace(/^\uFEFF/u, "").trim() !== "") throw malformed("text outside the root element");
  }

  /** A tag inside a record: only the depth matters. */
  #inRecord(all: string, gt: number, isEnd: boolean): void {
    if (!isEnd) {
      if (all.charCodeAt(gt - 2) !== SLASH) this.#depth++;
    } else if (--this.#depth === 0) this.#finish(this.#record + all.slice(this.#from, gt));
  }

  #open(all: string, at: number, gt: number): void {
    const raw = all.slice(at, gt);
    const name = /^<([^\s/>]+)/u.exec(raw)?.[1];
    if (name === undefined) throw malformed("a tag without a name");
    if (this.#seenRoot && this.#ancestors.length === 0) throw malformed("a second root element");
    this.#seenRoot = true;
    const isEmpty = raw.endsWith("/>");
    const local = name.slice(name.indexOf(":") + 1);
    if (local === this.#name) {
      if (isEmpty) return this.#finish(raw);
      this.#depth = 1;
      this.#from = at;
      return;
    }
    this.#handler.open?.(local);
    if (isEmpty) return;
    if (this.#ancestors.length >= maxAncestors) throw tooLarge("elements inside each other", maxAncestors);
    this.#ancestors.push({ raw, name });
  }

  #close(raw: string): void {
    const name = raw.slice(2, -1).trim();
    if (this.#ancestors.pop()?.name !== name) throw malformed("an end tag of another element");
  }

  /** Reads a record in its place, and gives it on. */
  #finish(text: string): void {
    this.#record = "";
    this.#depth = 0;
    const before = this.#ancestors.map((a) => a.raw).join("");
    const after = this.#ancestors
      .map((a) => `</${a.name}>`)
      .reverse()
      .join("");
    let element: XmlElement | undefined = parseXml(Buffer.from(before + text + after));
    for (const _ of this.#ancestors) element = element === undefined ? undefined : childrenOf(element)[0];
    if (element !== undefined) this.#handler.record(element);
  }
}

/** Index behind the `>` that ends a tag: one inside a quoted value does not. */
function endOfTag(all: string, at: number): number {
  for (let i = at + 1; i < all.length; i++) {
    const c = all.charCodeAt(i);
    if (c === 62) return i + 1;
    if (c === 60) throw malformed("a tag inside a tag");
    if (c === 34 || c === 39) {
      i = all.indexOf(String.fromCharCode(c), i + 1);
      if (i < 0) return -1;
    }
  }
  return -1;
}

function malformed(reason: string): HelsekontaktError {
  return new HelsekontaktError("xml/not-well-formed", `expected well-formed XML, found ${reason}`);
}

function tooLarge(what: string, max: number): HelsekontaktError {
  return new HelsekontaktError("xml/limit-exceeded", `expected at most ${max} ${what}, found more`, {
    context: { limit: max },
  });
}
