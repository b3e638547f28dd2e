import type { Buffer } from "node:buffer";
import { ByteWindow } from "./byte-window.ts";
import type { ScannedBytes } from "./encoding.ts";
import { isNameChar, isNameStart, nameTable } from "./name-chars.ts";
import {
  AFTER,
  createName,
  DECLARATION,
  DEFAULT,
  FEW,
  FIRST,
  findName,
  keptNames,
  KIND,
  type Name,
  nameBytes,
  nameRecords,
  PLACES,
  PLAIN,
  RECORD,
  ROOM,
} from "./name-table.ts";
import { intern, XML, XMLNS } from "./names.ts";
import type { XmlCursor, XmlHandler } from "./reader.ts";
import {
  firstForbidden,
  FORBIDDEN,
  isSpace,
  NOTHING,
  referenceOf,
  survey,
  textTable,
  tidy,
  unitsOf,
  valueTable,
  WIDE,
} from "./scan-text.ts";

// Over 400 lines: one pass over the text, whose steps share position and scopes on the hot path of every message.

/** An attribute as it stands in the document; namespace declarations are attributes too, with prefix or name `xmlns`. */
export interface XmlTagAttribute {
  readonly name: string;
  readonly prefix: string;
  readonly local: string;
  readonly uri: string;
  readonly value: string;
}

/** A start tag. The scanner's own object, filled anew for each tag: read it during the event, do not keep or change it. */
export interface XmlTag {
  readonly local: string;
  readonly prefix: string;
  readonly uri: string;
  /** In document order. */
  readonly attributes: readonly XmlTagAttribute[];
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface ScanLimits {
  readonly maxDepth: number;
  readonly maxAttributes: number;
  readonly maxText: number;
}

/** What ends a scan early. */
export interface ScanFaults {
  /** A fault of form at an offset; it throws. */
  malformed(reason: string, at: number): never;
  /** A limit that is passed at an offset; it throws. */
  limit(what: string, max: number, at: number): never;
}

const LT = 60;
const GT = 62;
const SLASH = 47;
const BANG = 33;
const QUESTION = 63;
const EQUALS = 61;
const QUOTE = 34;
const APOSTROPHE = 39;

const declaration =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.[0-9]+"|'1\.[0-9]+')(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"[A-Za-z][\w.-]*"|'[A-Za-z][\w.-]*'))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>/;

/** So much of the window is left when a tag begins; what is longer is read on the way that knows no window. */
const AHEAD = 1024;
/** Length up to which a text is walked for its end. */
const NEAR = 48;
/**
 * Declarations in scope at a time. Each prefix is looked up among them, one by one; documents that declare on 256 levels as
 * many as a tag takes would have sixty thousand.
 */
const mostDeclared = 512;
/** `xml` and `xmlns`, which nobody has to declare. */
const BUILT_IN = 2;
const UNKNOWN = -1;
/** The bit of attributes without prefix. */
const ONLY_PLAIN = 1 << PLAIN;

// The engine takes what a constant of this module holds for granted, and looks up what another one exports each time.
const window = new ByteWindow();
const { bytes, words } = window;
const records = nameRecords;
const pool = nameBytes;
const kept = keptNames;
const toRecord = RECORD;
const toRoom = ROOM;
const toKind = KIND;
const toPlaces = PLACES;
const few = FEW;
const texts = textTable;
const values = valueTable;
const nameChars = nameTable;
/** Length of a namespace from which on it is not kept. */
const longestNamespace = 128;
/** The last namespace of each length: a message declares the same few over and over. */
const namespaces: string[] = [];
const namespaceBytes = new Uint8Array(longestNamespace * longestNamespace);
/** Who reads just now, the innermost last: a handler may read another document meanwhile. */
const readers: Scanner[] = [];
/** Behind the end of the longest text that the engine has; not infinite, because it keeps whole numbers without an object. */
const NOWHERE = 2 ** 30;

const nobody: XmlHandler = { open: () => {}, text: () => {}, close: () => {} };
const nowhere: XmlCursor = { offset: 0, tagStart: () => 0, lineAt: () => 1, resolve: () => undefined };
const noName = keptNames[0] as Name;

/**
 * Reads a document as XML 1.0 with namespaces, in one pass: well-formedness, references, line ends, namespaces.
 *
 * There are two ways through a tag. The usual one takes tags of names that were met before, with values that mean only
 * themselves, and compares bytes with what stood there last. It judges nothing: where a byte is not as it expects, the other way
 * reads the tag from its beginning, and only that one finds faults. Long texts are never walked byte by byte: the next `<` is
 * found by the engine's own search.
 *
 * @see Extensible Markup Language 1.0, fifth edition; Namespaces in XML 1.0, third edition
 */
export class Scanner {
  /** The document's bytes as characters, so that a piece of ASCII can be cut out of it; offsets are those of the bytes. */
  readonly text: string;
  /** Index just behind the present event. */
  offset = 0;
  /** Start of the tag that is being told. */
  tagStart = 0;
  readonly #document: Buffer;
  readonly #ownDecode: ScannedBytes["decode"];
  readonly #faults: ScanFaults;
  /** Offset at which the window begins. */
  #base = 0;
  #handler: XmlHandler = nobody;
  #cursor: XmlCursor = nowhere;
  readonly #maxDepth: number;
  readonly #maxAttributes: number;
  readonly #maxText: number;
  /** The first character that XML forbids, once it has been looked for; behind the end when there is none. */
  #illegalAt = UNKNOWN;
  /** The document four bytes at a time, from this byte on. */
  #words: Int32Array | undefined;
  #lead = 0;
  /** Attribute objects, used again for every tag, and the lists of the first few of them that tags carry. */
  readonly #attributes: Writable<XmlTagAttribute>[] = [];
  /** Which of the kept names each of them has, where it is one without prefix. */
  readonly #placed: number[] = [];
  readonly #lists: (readonly XmlTagAttribute[])[] = [[]];
  readonly #tag: Writable<XmlTag> = { local: "", prefix: "", uri: "", attributes: this.#lists[0] ?? [] };
  /** Open elements: where their names stand in their start tags, and the lengths and numbers of these. */
  #depth = 0;
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  readonly #ids: number[] = [];
  /** Declarations in scope, innermost last, and how many there were when each element began. */
  readonly #prefixes: string[] = ["xml", "xmlns"];
  readonly #uris: string[] = [XML, XMLNS];
  readonly #marks: number[] = [];
  #defaultUri = "";
  readonly #defaults: string[] = [];
  /** The name that was read last, on the way that knows no window. */
  #name: Name = noName;
  /** In which record to look for the name of the next element: that of the element that was opened or closed last. */
  #guess = FIRST;

  /**
   * @param document - valid UTF-8, or an encoding of one byte a character whose bytes beyond ASCII stand in texts and values
   *   alone
   * @param text - its bytes as characters
   */
  constructor(document: ScannedBytes, text: string, faults: ScanFaults, limits: ScanLimits) {
    this.#document = document.bytes;
    this.#ownDecode = document.decode;
    this.text = text;
    this.#faults = faults;
    this.#maxDepth = limits.maxDepth;
    this.#maxAttributes = limits.maxAttributes;
    this.#maxText = limits.maxText;
  }

  /** Namespace that a prefix stands for at the present event; `""` is the default one. */
  resolve(prefix: string): string | undefined {
    if (prefix === "") return this.#defaultUri;
    for (let n = this.#prefixes.length - 1; n >= 0; n--) if (this.#prefixes[n] === prefix) return this.#uris[n];
    return undefined;
  }

  /**
   * Text comes in pieces: comments, CDATA sections and references part it.
   *
   * @param from - where the document goes on behind a declaration that is known to be well-formed; 0 to look for one
   */
  run(handler: XmlHandler, cursor: XmlCursor, from: number): void {
    this.#handler = handler;
    this.#cursor = cursor;
    readers.push(this);
    try {
      this.#show(0);
      this.#scan(from);
    } finally {
      window.clear();
      readers.pop();
      const outer = readers.at(-1);
      if (outer !== undefined) {
        outer.#show(outer.#base);
        outer.#placed.fill(-1);
      }
    }
  }

  #scan(from: number): void {
    const { text } = this;
    const end = text.length;
    let at = from === 0 ? this.#declaration() : from;
    let rooted = false;
    while (at < end) {
      if (at + AHEAD > window.until && window.until < end) this.#show(at);
      if (bytes[at - this.#base] !== LT) {
        at = this.#depth > 0 ? this.#characters(at) : this.#blank(at);
        if (at >= end) break;
        if (at + AHEAD > window.until && window.until < end) this.#show(at);
      }
      const c = bytes[at - this.#base + 1] as number;
      this.tagStart = at;
      if (c === SLASH) at = this.#closeTag(at);
      else if (c === BANG) at = this.#declarationOrSection(at);
      else if (c === QUESTION) at = this.#instruction(at);
      else {
        if (this.#depth === 0) {
          if (rooted) this.#fault("a second root element", at);
          rooted = true;
        }
        const behind = this.#usualTag(at);
        at = behind < 0 ? this.#openTag(at) : behind;
      }
    }
    if (this.#depth > 0) this.#fault("the end of the document inside an element", end);
    if (!rooted) this.#fault("a document without an element", end);
  }

  #declaration(): number {
    const { text } = this;
    if (!text.startsWith("<?xml") || isNameCharAt(text, 5)) return 0;
    const found = declaration.exec(text);
    if (found === null) this.#fault("a malformed XML declaration", 0);
    return (found as RegExpExecArray)[0].length;
  }

  #show(at: number): void {
    window.show(this.#document, at);
    this.#base = at;
  }

  /** Throws; a forbidden character that stands before the place is the fault then. */
  #fault(reason: string, at: number): never {
    const first = this.#firstIllegal();
    if (first < at || (first === at && first < this.text.length))
      this.#faults.malformed("a character that XML does not allow", first);
    this.#faults.malformed(reason, Math.min(at, this.text.length));
  }

  /** Everything before an offset has been read: no forbidden character may be in it. */
  #passed(to: number): void {
    if (to > this.#firstIllegal()) this.#fault("a character that XML does not allow", to);
  }

  #firstIllegal(): number {
    if (this.#illegalAt === UNKNOWN) {
      const found = this.#survey(0, this.text.length);
      const first =
        found === NOTHING ? -1 : firstForbidden(this.text, (found & FORBIDDEN) !== 0, this.#ownDecode === undefined);
      this.#illegalAt = first < 0 ? NOWHERE : first;
    }
    return this.#illegalAt;
  }

  /** What stands in a range of the document. */
  #survey(from: number, to: number): number {
    const base = this.#base;
    if (from >= base && to <= window.until) return survey(bytes, words, 0, from - base, to - base);
    const document = this.#document;
    // A document that does not fit the window is long enough for this.
    if (this.#words === undefined) {
      this.#lead = -document.byteOffset & 3;
      this.#words = new Int32Array(
        document.buffer,
        document.byteOffset + this.#lead,
        (document.length - this.#lead) >> 2,
      );
    }
    return survey(document, this.#words, this.#lead, from, to);
  }

  /** A piece of the document as the text it is. */
  #decode(from: number, to: number, wide: boolean): string {
    if (!wide) return this.text.slice(from, to);
    const decode = this.#ownDecode;
    return decode === undefined
      ? this.#document.toString("utf8", from, to)
      : decode(this.#document, this.text, from, to);
  }

  #blank(from: number): number {
    const { text } = this;
    let at = from;
    while (at < text.length && text.charCodeAt(at) !== LT) {
      if (!isSpace(text.charCodeAt(at))) this.#fault("text outside the root element", at);
      at++;
    }
    return at;
  }

  /** Tells the text that stands there; answers where it ends. */
  #characters(from: number): number {
    const b = bytes;
    const t = texts;
    let at = from - this.#base;
    const far = at + NEAR;
    let wide = 0;
    let c = b[at] as number;
    let kind = t[c] as number;
    while (kind < 2 && at < far) {
      wide |= kind;
      c = b[++at] as number;
      kind = t[c] as number;
    }
    const to = at + this.#base;
    if (c !== LT || to - from > this.#maxText) return this.#longCharacters(from);
    this.offset = to;
    this.#handler.text(this.#decode(from, to, wide !== 0));
    return to;
  }

  #longCharacters(from: number): number {
    const { text } = this;
    const lt = text.indexOf("<", from);
    const to = lt < 0 ? text.length : lt;
    const found = this.#survey(from, to);
    const raw = text.slice(from, to);
    if (found !== NOTHING && (found !== WIDE || raw.includes("\u00ef"))) this.#passed(to);
    this.#limit("characters in one text", from, to);
    if (raw.includes("]")) {
      const closer = raw.indexOf("]]>");
      if (closer >= 0) this.#fault('"]]>" in a text', from + closer);
    }
    const wide = (found & WIDE) !== 0;
    const run = raw.includes("&") ? this.#expand(raw, from, false, wide) : tidy(this.#decode(from, to, wide), false);
    this.offset = to;
    this.#handler.text(run);
    return to;
  }

  #limit(what: string, from: number, to: number): void {
    const maxText = this.#maxText;
    if (to - from <= maxText) return;
    const units = this.#ownDecode === undefined ? unitsOf(this.#document, from, to) : to - from;
    if (units > maxText) this.#faults.limit(what, maxText, to);
  }

  /** Reads a tag of the usual kind, and the whole element if nothing but text stands in it; -1 for any other. */
  #usualTag(start: number): number {
    const base = this.#base;
    const b = bytes;
    const v = values;
    const depth = this.#depth;
    const guess = this.#guess;
    const nameAt = start - base + 1;
    let id = records[guess] as number;
    let length = records[id << toRecord] as number;
    if (id === 0 || !stands(id, length, nameAt) || nameChars[b[nameAt + length] as number] !== 0) {
      id = findName(bytes, nameAt);
      if (id === 0) return -1;
      records[guess] = id;
      length = records[id << toRecord] as number;
    }
    const record = id << toRecord;
    const kind = records[record + toKind] as number;
    if (kind > DEFAULT || depth >= this.#maxDepth) return -1;
    let at = nameAt + length;
    let count = 0;
    // Bits of the kinds of attributes.
    let kinds = 0;
    let c = b[at] as number;
    while (c === 32) {
      at++;
      if (count >= few) return -1;
      const place = record + toPlaces + count;
      let attribute = records[place] as number;
      let size = records[attribute << toRecord] as number;
      if (attribute === 0 || !stands(attribute, size, at) || b[at + size] !== EQUALS) {
        attribute = findName(bytes, at);
        if (attribute === 0) return -1;
        records[place] = attribute;
        size = records[attribute << toRecord] as number;
      }
      at += size;
      const quote = b[at + 1] as number;
      if (b[at] !== EQUALS || (quote !== QUOTE && quote !== APOSTROPHE)) return -1;
      at += 2;
      const from = at;
      let wide = 0;
      c = b[at] as number;
      let look = v[c] as number;
      while (look < 2) {
        wide |= look;
        c = b[++at] as number;
        look = v[c] as number;
      }
      if (c !== quote || at - from > this.#maxText) return -1;
      if (count < this.#placed.length && this.#placed[count] === attribute) {
        // Most tags have at a place what the tag before had there.
        (this.#attributes[count] as Writable<XmlTagAttribute>).value = this.#decode(base + from, base + at, wide !== 0);
      } else {
        const name = kept[attribute] as Name;
        kinds |= 1 << name.kind;
        const isUri = name.kind >= DEFAULT;
        this.#put(count, name, isUri ? this.#namespace(from, at) : this.#decode(base + from, base + at, wide !== 0));
      }
      count++;
      c = b[++at] as number;
    }
    if (count > this.#maxAttributes) return -1;
    const empty = c === SLASH;
    if (empty) c = b[++at] as number;
    if (c !== GT) return -1;
    at++;
    const mark = this.#prefixes.length;
    const outer = this.#defaultUri;
    const tag = this.#tag;
    const { prefix, local } = kept[id] as Name;
    // Scopes are set back before the other way reads the tag.
    if (kinds > ONLY_PLAIN && !this.#usualScope(count)) return this.#unscope(mark, outer);
    const uri = prefix === "" ? this.#defaultUri : this.resolve(prefix);
    if (uri === undefined || (count > 1 && this.#isTwice(count))) return this.#unscope(mark, outer);
    tag.local = local;
    tag.prefix = prefix;
    tag.uri = uri;
    tag.attributes = this.#lists[count] ?? this.#list(count);
    const behind = base + at;
    const whole = empty ? behind : this.#leaf(start, length, behind);
    if (whole >= 0) {
      if (empty) this.#tellWhole("", start, behind, behind, behind);
      if (kinds > ONLY_PLAIN) this.#unscope(mark, outer);
      this.#guess = record + AFTER;
      return whole;
    }
    this.#guess = record + FIRST;
    this.#starts[depth] = start + 1;
    this.#lengths[depth] = length;
    this.#ids[depth] = id;
    this.#marks[depth] = mark;
    this.#defaults[depth] = outer;
    this.#depth = depth + 1;
    this.offset = behind;
    this.#handler.open(tag, this.#cursor);
    return behind;
  }

  /** Tells an element if nothing but text stands behind its start tag; -1 where there is something else. */
  #leaf(start: number, length: number, from: number): number {
    const base = this.#base;
    const b = bytes;
    const t = texts;
    let at = from - base;
    const far = at + NEAR;
    let wide = 0;
    let c = b[at] as number;
    let kind = t[c] as number;
    while (kind < 2 && at < far) {
      wide |= kind;
      c = b[++at] as number;
      kind = t[c] as number;
    }
    if (c !== LT) {
      if (at < far) return -1;
      // Not beyond the window: an attachment is not searched twice.
      const isWhole = window.until === this.text.length;
      at = isWhole ? this.text.indexOf("<", from) - base : b.indexOf(LT, at);
      if (at < 0 || at + AHEAD > b.length || base + at > window.until) return -1;
      const found = this.#survey(from, base + at);
      const raw = this.text.slice(from, base + at);
      if ((found & FORBIDDEN) !== 0 || raw.includes("&") || raw.includes("]") || raw.includes("\r")) return -1;
      wide = found & WIDE;
      if (wide !== 0 && raw.includes("\u00ef")) return -1;
    }
    const to = base + at;
    if (to - from > this.#maxText) return -1;
    at += 2;
    if (b[at - 1] !== SLASH || b[at + length] !== GT) return -1;
    for (let n = 0, name = start + 1 - base; n < length; n++) if (b[at + n] !== b[name + n]) return -1;
    at += length;
    const end = base + at + 1;
    this.#tellWhole(from === to ? "" : this.#decode(from, to, wide !== 0), start, from, to, end);
    return end;
  }

  /** Tells an element that is nothing but a text. */
  #tellWhole(text: string, start: number, from: number, to: number, end: number): void {
    const handler = this.#handler;
    this.offset = end;
    if (handler.leaf?.(this.#tag, text) === true) return;
    this.tagStart = start;
    this.offset = from;
    handler.open(this.#tag, this.#cursor);
    if (text !== "") {
      this.offset = to;
      handler.text(text);
    }
    if (to !== end) this.tagStart = to;
    this.offset = end;
    handler.close(this.#cursor);
  }

  #put(count: number, name: Name, value: string): void {
    let attribute = this.#attributes[count];
    if (attribute === undefined) {
      attribute = { name: "", prefix: "", local: "", uri: "", value: "" };
      this.#attributes.push(attribute);
    }
    this.#placed[count] = name.kind === PLAIN && name.id > 0 ? name.id : -1;
    attribute.value = value;
    attribute.name = name.name;
    attribute.prefix = name.prefix;
    attribute.local = name.local;
    attribute.uri = name.kind >= DEFAULT ? XMLNS : "";
  }

  /** Declares what the tag's attributes declare and binds their prefixes; false where there is a fault in it. */
  #usualScope(count: number): boolean {
    for (let n = 0; n < count; n++) {
      const { uri, prefix, local, value } = this.#attributes[n] as XmlTagAttribute;
      if (uri !== XMLNS) continue;
      if (value === XML || value === XMLNS) return false;
      if (prefix === "") {
        this.#defaultUri = value;
      } else {
        if (local === "xml" || local === "xmlns" || value === "" || this.#prefixes.length >= mostDeclared + BUILT_IN)
          return false;
        this.#prefixes.push(local);
        this.#uris.push(value);
      }
    }
    for (let n = 0; n < count; n++) {
      const attribute = this.#attributes[n] as Writable<XmlTagAttribute>;
      if (attribute.uri === XMLNS || attribute.prefix === "") continue;
      const uri = this.resolve(attribute.prefix);
      if (uri === undefined) return false;
      attribute.uri = uri;
    }
    return true;
  }

  #unscope(mark: number, outer: string): -1 {
    if (this.#prefixes.length > mark) {
      this.#prefixes.length = mark;
      this.#uris.length = mark;
    }
    this.#defaultUri = outer;
    return -1;
  }

  #openTag(start: number): number {
    const { text } = this;
    let at = this.#readName(start + 1, 'a name after "<"');
    const name = this.#name;
    const depth = this.#depth;
    if (depth >= this.#maxDepth) this.#faults.limit("nested elements", this.#maxDepth, at);
    this.#starts[depth] = start + 1;
    this.#lengths[depth] = at - start - 1;
    this.#ids[depth] = name.id;
    const mark = this.#prefixes.length;
    this.#marks[depth] = mark;
    this.#defaults[depth] = this.#defaultUri;
    let count = 0;
    let prefixed = false;
    let c = text.charCodeAt(at);
    while (c !== GT && c !== SLASH) {
      if (!isSpace(c))
        this.#fault(
          at >= text.length ? "the end of the document inside a tag" : "a character that does not belong in a tag",
          at,
        );
      do c = text.charCodeAt(++at);
      while (isSpace(c));
      if (c === GT || c === SLASH) break;
      at = this.#attribute(at, count);
      const { kind } = this.#name;
      if (kind !== PLAIN) {
        const attribute = this.#attributes[count] as Writable<XmlTagAttribute>;
        if (kind === DEFAULT) this.#declareDefault(attribute.value, at);
        else if (kind === DECLARATION) this.#declare(attribute, at, mark);
        else prefixed = true;
      }
      count++;
      c = text.charCodeAt(at);
    }
    let empty = false;
    if (c === SLASH) {
      if (text.charCodeAt(at + 1) !== GT) this.#fault('a "/" that ends no tag', at + 1);
      empty = true;
      at++;
    }
    at++;
    this.#passed(at);
    const tag = this.#tag;
    tag.local = name.local;
    tag.prefix = name.prefix;
    tag.uri = name.prefix === "" ? this.#defaultUri : this.#bound(name.prefix, at);
    if (prefixed) this.#bindAttributes(count, at);
    if (count > 1) this.#refuseTwice(count, at);
    tag.attributes = this.#lists[count] ?? this.#list(count);
    this.offset = at;
    this.#depth = depth + 1;
    this.#guess = (name.id << toRecord) + FIRST;
    this.#handler.open(tag, this.#cursor);
    if (empty) this.#end();
    return at;
  }

  #list(count: number): readonly XmlTagAttribute[] {
    for (let n = this.#lists.length; n <= count; n++) this.#lists.push(this.#attributes.slice(0, n));
    return this.#lists[count] as readonly XmlTagAttribute[];
  }

  #end(): void {
    this.#handler.close(this.#cursor);
    const depth = --this.#depth;
    const mark = this.#marks[depth] as number;
    if (this.#prefixes.length > mark) {
      this.#prefixes.length = mark;
      this.#uris.length = mark;
    }
    this.#defaultUri = this.#defaults[depth] as string;
    this.#guess = ((this.#ids[depth] as number) << toRecord) + AFTER;
  }

  #closeTag(start: number): number {
    const { text } = this;
    if (this.#depth === 0) this.#fault("an end tag without a start tag", start);
    const open = this.#starts[this.#depth - 1] as number;
    const length = this.#lengths[this.#depth - 1] as number;
    const base = this.#base;
    let at = start + 2;
    const after = at + length;
    const inWindow = after < window.until && open >= base;
    if (inWindow) {
      for (let n = 0; n < length; n++) if (bytes[at - base + n] !== bytes[open - base + n]) this.#strayEnd(at);
    } else if (!text.startsWith(text.slice(open, open + length), at)) {
      this.#strayEnd(at);
    }
    let c = inWindow ? (bytes[after - base] as number) : text.charCodeAt(after);
    at = after;
    if (c !== GT) {
      if (isNameCharAt(this.#characterAt(after), 0)) this.#strayEnd(start + 2);
      while (isSpace(c)) c = text.charCodeAt(++at);
      if (c !== GT)
        this.#fault(
          at >= text.length ? "the end of the document inside a tag" : "a character that does not belong in a tag",
          at,
        );
    }
    at++;
    this.offset = at;
    this.#end();
    return at;
  }

  #strayEnd(at: number): never {
    this.#readName(at, 'a name after "</"');
    this.#fault("an end tag that does not match its start tag", at);
  }

  /** The whole character that begins there, as a text. */
  #characterAt(at: number): string {
    return this.#document.toString("utf8", at, at + 4);
  }

  #attribute(start: number, count: number): number {
    const { text } = this;
    if (count >= this.#maxAttributes) this.#faults.limit("attributes of one element", this.#maxAttributes, start);
    let at = this.#readName(start, "the name of an attribute");
    const name = this.#name;
    let c = text.charCodeAt(at);
    while (isSpace(c)) c = text.charCodeAt(++at);
    if (c !== EQUALS) this.#fault("an attribute without a value", at);
    do c = text.charCodeAt(++at);
    while (isSpace(c));
    if (c !== QUOTE && c !== APOSTROPHE) this.#fault("a value without quotes", at);
    const from = at + 1;
    const to = text.indexOf(c === QUOTE ? '"' : "'", from);
    const value = this.#value(from, to);
    this.#put(count, name, name.kind >= DEFAULT ? intern(value) : value);
    return to + 1;
  }

  #value(from: number, to: number): string {
    const { text } = this;
    if (to < 0) this.#fault("the end of the document inside a value", text.length);
    this.#limit("characters in one attribute", from, to);
    const raw = text.slice(from, to);
    if (raw.includes("<")) this.#fault('a "<" in a value', from + raw.indexOf("<"));
    this.#passed(to);
    const wide = (this.#survey(from, to) & WIDE) !== 0;
    return raw.includes("&") ? this.#expand(raw, from, true, wide) : tidy(this.#decode(from, to, wide), true);
  }

  /** A namespace's name: one string for all documents. */
  #namespace(from: number, to: number): string {
    const length = to - from;
    const room = length * longestNamespace;
    if (length > 0 && length < longestNamespace) {
      let n = 0;
      while (n < length && bytes[from + n] === namespaceBytes[room + n]) n++;
      if (n === length) return namespaces[length] as string;
    }
    const uri = intern(this.#decode(this.#base + from, this.#base + to, true));
    if (length < longestNamespace) {
      namespaceBytes.set(bytes.subarray(from, to), room);
      namespaces[length] = uri;
    }
    return uri;
  }

  #declareDefault(uri: string, at: number): void {
    if (uri === XML || uri === XMLNS) this.#fault("a reserved namespace as the default", at);
    this.#defaultUri = intern(uri);
  }

  #declare({ local, value }: XmlTagAttribute, at: number, mark: number): void {
    if (local === "xmlns") this.#fault("a declaration of the prefix xmlns", at);
    if ((local === "xml") !== (value === XML) || value === XMLNS) this.#fault("a reserved namespace or prefix", at);
    if (value === "") this.#fault("a prefix that is bound to nothing", at);
    for (let n = mark; n < this.#prefixes.length; n++)
      if (this.#prefixes[n] === local) this.#fault("an attribute that stands twice", at);
    if (this.#prefixes.length >= mostDeclared + BUILT_IN)
      this.#faults.limit("namespace declarations in scope", mostDeclared, at);
    this.#prefixes.push(local);
    this.#uris.push(intern(value));
  }

  #bound(prefix: string, at: number): string {
    const uri = this.resolve(prefix);
    if (uri === undefined || prefix === "xmlns") this.#fault("a prefix that is not declared", at);
    return uri as string;
  }

  #bindAttributes(count: number, at: number): void {
    for (let n = 0; n < count; n++) {
      const attribute = this.#attributes[n] as Writable<XmlTagAttribute>;
      if (attribute.prefix !== "" && attribute.prefix !== "xmlns") attribute.uri = this.#bound(attribute.prefix, at);
    }
  }

  #refuseTwice(count: number, at: number): void {
    if (count <= 12) {
      if (this.#isTwice(count)) this.#fault("an attribute that stands twice", at);
      return;
    }
    const seen = new Set<string>();
    for (let n = 0; n < count; n++) {
      const { uri, local } = this.#attributes[n] as XmlTagAttribute;
      seen.add(`${uri} ${local}`);
    }
    if (seen.size < count) this.#fault("an attribute that stands twice", at);
  }

  #isTwice(count: number): boolean {
    const attributes = this.#attributes;
    for (let n = 1; n < count; n++) {
      const one = attributes[n] as XmlTagAttribute;
      for (let m = 0; m < n; m++) {
        const other = attributes[m] as XmlTagAttribute;
        if (one.local === other.local && one.uri === other.uri) return true;
      }
    }
    return false;
  }

  #declarationOrSection(start: number): number {
    const { text } = this;
    if (text.startsWith("<!--", start)) {
      const dashes = text.indexOf("--", start + 4);
      if (dashes < 0) this.#fault("the end of the document inside a comment", text.length);
      if (text.charCodeAt(dashes + 2) !== GT) this.#fault('"--" in a comment', dashes);
      this.#passed(dashes);
      return dashes + 3;
    }
    if (text.startsWith("<![CDATA[", start)) {
      if (this.#depth === 0) this.#fault("text outside the root element", start);
      const from = start + 9;
      const end = text.indexOf("]]>", from);
      if (end < 0) this.#fault("the end of the document inside a CDATA section", text.length);
      this.#passed(end);
      this.#limit("characters in one text", from, end);
      this.offset = end + 3;
      if (end > from) this.#handler.text(tidy(this.#decode(from, end, (this.#survey(from, end) & WIDE) !== 0), false));
      return end + 3;
    }
    this.#fault(
      text.startsWith("<!DOCTYPE", start) ? "a DOCTYPE in the wrong place" : "a declaration that is none",
      start,
    );
  }

  #instruction(start: number): number {
    const { text } = this;
    const at = this.#readName(start + 2, 'a name after "<?"');
    const { name } = this.#name;
    if (name.toLowerCase() === "xml") this.#fault("an XML declaration that does not begin the document", start);
    if (name.includes(":")) this.#fault("an instruction whose name holds a colon", start);
    const end = text.indexOf("?>", at);
    if (end < 0) this.#fault("the end of the document inside an instruction", text.length);
    if (end !== at && !isSpace(text.charCodeAt(at))) this.#fault("an instruction without a space after its name", at);
    this.#passed(end);
    return end + 2;
  }

  /** Replaces references and line ends; in attributes white space becomes blanks. */
  #expand(raw: string, from: number, attribute: boolean, wide: boolean): string {
    let out = "";
    let at = 0;
    // Joined by the thousand, in one list that is used again: strings of strings, or a list for each thousand that has to
    // grow, would be many times the text.
    const parts: string[] = [];
    let count = 0;
    for (let amp = raw.indexOf("&"); amp >= 0; amp = raw.indexOf("&", at)) {
      if (amp > at) parts[count++] = tidy(this.#piece(from + at, from + amp, wide), attribute);
      const end = raw.indexOf(";", amp);
      const value = end < 0 ? undefined : referenceOf(raw, amp + 1, end);
      if (value === undefined)
        this.#fault(
          end < 0
            ? 'an "&" that begins no reference'
            : raw.charCodeAt(amp + 1) === 35
              ? "a reference to no character"
              : "a reference to an entity that is not declared",
          from + amp,
        );
      parts[count++] = value as string;
      if (count >= 1024) {
        if (parts.length > count) parts.length = count;
        out += parts.join("");
        count = 0;
      }
      at = end + 1;
    }
    if (parts.length > count) parts.length = count;
    return out + parts.join("") + tidy(this.#piece(from + at, from + raw.length, wide), attribute);
  }

  /** A piece of a text in which there may be bytes beyond ASCII. */
  #piece(from: number, to: number, wide: boolean): string {
    return this.#decode(from, to, wide && (this.#survey(from, to) & WIDE) !== 0);
  }

  /** Reads a qualified name into `#name`, and keeps it. */
  #readName(start: number, expected: string): number {
    const { text } = this;
    let at = start;
    while (nameChars[text.charCodeAt(at)] === 1) at++;
    const isWide = nameChars[text.charCodeAt(at)] === 2;
    if (isWide) at = this.#nameBytesEnd(at);
    if (at < window.until) {
      const known = findName(bytes, start - this.#base);
      if (known !== 0 && records[known << toRecord] === at - start) {
        this.#name = kept[known] as Name;
        return at;
      }
    }
    if (isWide) at = this.#wideNameEnd(start, at);
    const name = this.#decode(start, at, true);
    if (name === "" || !isNameStart(name.codePointAt(0) as number))
      this.#fault(`something else than ${expected}`, start);
    const colon = name.indexOf(":");
    if (colon >= 0) {
      const local = name.slice(colon + 1);
      if (colon === 0 || local === "" || local.includes(":") || !isNameStart(local.codePointAt(0) as number))
        this.#fault("a name whose colon stands in the wrong place", start);
    }
    this.#name = createName(intern(name), Uint8Array.from(this.#document.subarray(start, at)));
    // A name that is kept may take the number of an older one.
    this.#placed.fill(-1);
    return at;
  }

  /** The end of the bytes that may belong to a name, those beyond ASCII included. */
  #nameBytesEnd(from: number): number {
    const { text } = this;
    let end = from;
    while ((nameChars[text.charCodeAt(end)] ?? 0) !== 0) end++;
    return end;
  }

  /** The end of a name beyond ASCII, whose characters are looked at one by one. */
  #wideNameEnd(start: number, end: number): number {
    let at = start;
    for (const char of this.#document.toString("utf8", start, end)) {
      const point = char.codePointAt(0) as number;
      if (point < 128 ? nameChars[point] !== 1 : !isNameChar(point)) break;
      at += point < 128 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    }
    return at;
  }
}

/** Whether a name stands at a place of the window. */
function stands(id: number, length: number, from: number): boolean {
  const room = id << toRoom;
  for (let n = 0; n < length; n++) if (bytes[from + n] !== pool[room + n]) return false;
  return true;
}

function isNameCharAt(text: string, at: number): boolean {
  const c = text.charCodeAt(at);
  return c < 128 ? nameChars[c] === 1 : at < text.length && isNameChar(text.codePointAt(at) as number);
}
