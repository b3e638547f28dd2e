import { CodeWindow } from "./code-window.ts";
import { isNameChar, isNameStart, nameTable } from "./name-chars.ts";
import { intern, XMLNS } from "./names.ts";
import type { XmlCursor, XmlHandler } from "./reader.ts";

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

const XML = "http://www.w3.org/XML/1998/namespace";
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
/** Behind the end of the longest text that the engine has; not infinite, because it keeps whole numbers without an object. */
const NOWHERE = 2 ** 30;
/** How nearly every message begins. */
const usualDeclaration = '<?xml version="1.0" encoding="UTF-8"?>';
/** What XML forbids. One search for each is many times faster than one pattern for all of them: the engine compares words. */
const forbidden: readonly string[] = [
  ...Array.from({ length: 32 }, (_, c) => c).filter((c) => c !== 9 && c !== 10 && c !== 13),
  0xfffe,
  0xffff,
].map((c) => String.fromCharCode(c));

/**
 * Reads a text as XML 1.0 with namespaces, in one pass: well-formedness, references, line ends, namespaces.
 *
 * Long texts are never walked character by character: the next `<` is found by the engine's own search, and what must not
 * stand in a text (control characters, `]]>`, line ends of two characters) is looked for once in the whole document.
 *
 * @see Extensible Markup Language 1.0, fifth edition; Namespaces in XML 1.0, third edition
 */
export class Scanner {
  readonly text: string;
  /** Index just behind the present event. */
  offset = 0;
  /** Start of the tag that is being told. */
  tagStart = 0;
  readonly #faults: ScanFaults;
  readonly #window: CodeWindow;
  /** The window's codes and base. */
  readonly #codes: Uint16Array;
  #base = 0;
  #handler: XmlHandler = nobody;
  #cursor: XmlCursor = nowhere;
  readonly #limits: ScanLimits;
  readonly #hasReturn: boolean;
  readonly #hasReference: boolean;
  readonly #hasCloser: boolean;
  /** The first character that XML forbids; behind the end when there is none. */
  readonly #illegalAt: number;
  /** Attribute objects, used again for every tag, and the lists of the first few of them that tags carry. */
  readonly #attributes: Writable<XmlTagAttribute>[] = [];
  readonly #lists: (readonly XmlTagAttribute[])[] = [[]];
  readonly #tag: Writable<XmlTag> = { local: "", prefix: "", uri: "", attributes: this.#lists[0] ?? [] };
  /** Open elements. */
  #depth = 0;
  readonly #open: Name[] = [];
  /** Declarations in scope, innermost last, and how many there were when each element began. */
  readonly #prefixes: string[] = ["xml", "xmlns"];
  readonly #uris: string[] = [XML, XMLNS];
  readonly #marks: number[] = [];
  #defaultUri = "";
  readonly #defaults: string[] = [];
  #name: Name = noName;

  /** @param clean - true when the text is known to hold no forbidden character */
  constructor(text: string, faults: ScanFaults, limits: ScanLimits, clean = false) {
    this.text = text;
    this.#faults = faults;
    this.#window = new CodeWindow(text);
    this.#codes = this.#window.codes;
    this.#limits = limits;
    this.#hasReturn = text.includes("\r");
    this.#hasReference = text.includes("&");
    this.#hasCloser = text.includes("]]>");
    // Decoding has refused halves of surrogate pairs.
    let first = NOWHERE;
    for (const char of clean ? [] : forbidden) {
      const at = text.indexOf(char);
      if (at >= 0 && at < first) first = at;
    }
    this.#illegalAt = first;
  }

  /** Namespace that a prefix stands for at the present event; `""` is the default one. */
  resolve(prefix: string): string | undefined {
    if (prefix === "") return this.#defaultUri;
    for (let n = this.#prefixes.length - 1; n >= 0; n--) if (this.#prefixes[n] === prefix) return this.#uris[n];
    return undefined;
  }

  /** Text comes in pieces: comments, CDATA sections and references part it. */
  run(handler: XmlHandler, cursor: XmlCursor): void {
    this.#handler = handler;
    this.#cursor = cursor;
    try {
      this.#scan();
    } finally {
      this.#window.release();
    }
  }

  #scan(): void {
    const { text } = this;
    const window = this.#window;
    const end = text.length;
    let at = 0;
    let rooted = false;
    if (text.startsWith(usualDeclaration)) at = usualDeclaration.length;
    else if (text.startsWith("<?xml") && !isNameCharAt(text, 5)) {
      const found = declaration.exec(text);
      if (found === null) this.#fault("a malformed XML declaration", 0);
      at = (found as RegExpExecArray)[0].length;
    }
    while (at < end) {
      if (at + AHEAD > window.until && window.until < end) this.#show(at);
      let c = this.#codes[at - this.#base] as number;
      if (c !== LT) {
        // Most texts are shorter than a search costs.
        const near = at + NEAR;
        let stop = at + 1;
        const codes = this.#codes;
        for (c = codes[stop - this.#base] as number; c !== LT && c > 0 && stop < near; )
          c = codes[++stop - this.#base] as number;
        const lt = c === LT ? stop : text.indexOf("<", stop);
        stop = lt < 0 ? end : lt;
        if (this.#depth > 0) this.#characters(at, stop);
        else this.#blank(at, stop);
        at = stop;
        if (lt < 0) break;
        if (at + AHEAD > window.until && window.until < end) this.#show(at);
      }
      this.tagStart = at;
      c = this.#codes[at - this.#base + 1] as number;
      if (c === SLASH) at = this.#closeTag(at);
      else if (c === BANG) at = this.#declarationOrSection(at);
      else if (c === QUESTION) at = this.#instruction(at);
      else {
        if (rooted && this.#depth === 0) this.#fault("a second root element", at);
        rooted = true;
        at = this.#openTag(at);
      }
    }
    if (this.#depth > 0) this.#fault("the end of the document inside an element", end);
    if (!rooted) this.#fault("a document without an element", end);
    if (this.#illegalAt < end) this.#fault("a character that XML does not allow", end);
  }

  #show(at: number): void {
    this.#window.show(at);
    this.#base = at;
  }

  /** The code at an offset; behind the window it is looked for in the text. */
  #code(at: number): number {
    const code = this.#codes[at - this.#base] as number;
    return code > 0 ? code : this.text.charCodeAt(at);
  }

  /** Throws; a forbidden character that stands before the place is the fault then. */
  #fault(reason: string, at: number): never {
    const first = this.#illegalAt;
    if (first < at || (first === at && first < this.text.length))
      this.#faults.malformed("a character that XML does not allow", first);
    this.#faults.malformed(reason, Math.min(at, this.text.length));
  }

  /** Everything before an offset has been read: no forbidden character may be in it. */
  #passed(to: number): void {
    if (to > this.#illegalAt) this.#fault("a character that XML does not allow", to);
  }

  #blank(from: number, to: number): void {
    for (let i = from; i < to; i++)
      if (!isSpace(this.text.charCodeAt(i))) this.#fault("text outside the root element", i);
  }

  #characters(from: number, to: number): void {
    this.#passed(to);
    if (to - from > this.#limits.maxText) this.#faults.limit("characters in one text", this.#limits.maxText, to);
    if (this.#hasCloser) {
      const closer = this.text.indexOf("]]>", from);
      if (closer >= 0 && closer < to) this.#fault('"]]>" in a text', closer);
    }
    let run = this.text.slice(from, to);
    if (this.#hasReference && run.includes("&")) run = this.#expand(run, from, false);
    else if (this.#hasReturn && run.includes("\r")) run = run.replaceAll(/\r\n?/g, "\n");
    this.offset = to;
    this.#handler.text(run);
  }

  #openTag(start: number): number {
    let at = this.#readName(start + 1, 'a name after "<"');
    const name = this.#name;
    const depth = this.#depth;
    if (depth >= this.#limits.maxDepth) this.#faults.limit("nested elements", this.#limits.maxDepth, at);
    this.#open[depth] = name;
    const mark = this.#prefixes.length;
    this.#marks[depth] = mark;
    this.#defaults[depth] = this.#defaultUri;
    let count = 0;
    let prefixed = false;
    let c = this.#code(at);
    while (c !== GT && c !== SLASH) {
      if (!isSpace(c))
        this.#fault(
          at >= this.text.length ? "the end of the document inside a tag" : "a character that does not belong in a tag",
          at,
        );
      do c = this.#code(++at);
      while (isSpace(c));
      if (c === GT || c === SLASH) break;
      at = this.#attribute(at, count);
      const kind = this.#name.kind;
      if (kind !== PLAIN) {
        const attribute = this.#attributes[count] as Writable<XmlTagAttribute>;
        if (kind === DEFAULT) this.#declareDefault(attribute.value, at);
        else if (kind === DECLARATION) this.#declare(attribute, at, mark);
        else prefixed = true;
      }
      count++;
      c = this.#code(at);
    }
    let empty = false;
    if (c === SLASH) {
      if (this.#code(at + 1) !== GT) this.#fault('a "/" that ends no tag', at + 1);
      empty = true;
      at++;
    }
    at++;
    if (at > this.#illegalAt) this.#passed(at);
    const tag = this.#tag;
    tag.local = name.local;
    tag.prefix = name.prefix;
    tag.uri = name.prefix === "" ? this.#defaultUri : this.#bound(name.prefix, at);
    if (prefixed) this.#bindAttributes(count, at);
    if (count > 1) this.#refuseTwice(count, at);
    tag.attributes = this.#lists[count] ?? this.#list(count);
    this.offset = at;
    this.#depth = depth + 1;
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
  }

  #closeTag(start: number): number {
    const { text } = this;
    if (this.#depth === 0) this.#fault("an end tag without a start tag", start);
    const open = this.#open[this.#depth - 1] as Name;
    let at = start + 2;
    const after = at + open.name.length;
    const matches =
      after < this.#window.until ? stands(open.codes, this.#codes, at - this.#base) : text.startsWith(open.name, at);
    let c = this.#code(after);
    if (!matches || (c !== GT && isNameCharAt(text, after))) {
      this.#readName(at, 'a name after "</"');
      this.#fault("an end tag that does not match its start tag", at);
    }
    at = after;
    while (isSpace(c)) c = this.#code(++at);
    if (c !== GT)
      this.#fault(
        at >= text.length ? "the end of the document inside a tag" : "a character that does not belong in a tag",
        at,
      );
    at++;
    this.offset = at;
    this.#end();
    return at;
  }

  #attribute(start: number, count: number): number {
    const { text } = this;
    if (count >= this.#limits.maxAttributes)
      this.#faults.limit("attributes of one element", this.#limits.maxAttributes, start);
    let at = this.#readName(start, "the name of an attribute");
    const name = this.#name;
    let c = this.#code(at);
    while (isSpace(c)) c = this.#code(++at);
    if (c !== EQUALS) this.#fault("an attribute without a value", at);
    do c = this.#code(++at);
    while (isSpace(c));
    if (c !== QUOTE && c !== APOSTROPHE) this.#fault("a value without quotes", at);
    const from = at + 1;
    // Most values are short and hold nothing that means something; the others are searched.
    const codes = this.#codes;
    const base = this.#base;
    const far = from + SHORT;
    let to = from;
    let d = codes[to - base] as number;
    while ((d > 127 || valueTable[d] === 1) && to < far) d = codes[++to - base] as number;
    let value: string;
    if (d === c && to - from <= this.#limits.maxText) {
      value = name.kind >= DEFAULT ? this.#namespace(from, to) : text.slice(from, to);
    } else {
      to = text.indexOf(c === QUOTE ? '"' : "'", from);
      value = this.#value(from, to);
    }
    let attribute = this.#attributes[count];
    if (attribute === undefined) {
      attribute = { name: "", prefix: "", local: "", uri: "", value: "" };
      this.#attributes.push(attribute);
    }
    attribute.name = name.name;
    attribute.prefix = name.prefix;
    attribute.local = name.local;
    attribute.uri = name.kind === DEFAULT || name.kind === DECLARATION ? XMLNS : "";
    attribute.value = value;
    return to + 1;
  }

  #value(from: number, to: number): string {
    const { text } = this;
    if (to < 0) this.#fault("the end of the document inside a value", text.length);
    if (to - from > this.#limits.maxText) this.#faults.limit("characters in one attribute", this.#limits.maxText, to);
    const value = text.slice(from, to);
    if (value.includes("<")) this.#fault('a "<" in a value', from + value.indexOf("<"));
    this.#passed(to);
    if (this.#hasReference && value.includes("&")) return this.#expand(value, from, true);
    return tidy(value, true);
  }

  /** A namespace's name: one string for all documents. */
  #namespace(from: number, to: number): string {
    const slot = to - from;
    const known = namespaces[slot];
    if (known !== undefined && stands(known.codes, this.#codes, from - this.#base)) return known.uri;
    const uri = intern(this.text.slice(from, to));
    namespaces[slot] = { uri, codes: codesOf(uri) };
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
    const attributes = this.#attributes;
    if (count > 12) {
      const seen = new Set<string>();
      for (let n = 0; n < count; n++) {
        const { uri, local } = attributes[n] as XmlTagAttribute;
        seen.add(`${uri} ${local}`);
      }
      if (seen.size < count) this.#fault("an attribute that stands twice", at);
      return;
    }
    for (let n = 1; n < count; n++) {
      const one = attributes[n] as XmlTagAttribute;
      for (let m = 0; m < n; m++) {
        const other = attributes[m] as XmlTagAttribute;
        if (one.local === other.local && one.uri === other.uri) this.#fault("an attribute that stands twice", at);
      }
    }
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
      const end = text.indexOf("]]>", start + 9);
      if (end < 0) this.#fault("the end of the document inside a CDATA section", text.length);
      this.#passed(end);
      if (end - start - 9 > this.#limits.maxText)
        this.#faults.limit("characters in one text", this.#limits.maxText, end);
      let run = text.slice(start + 9, end);
      if (this.#hasReturn && run.includes("\r")) run = run.replaceAll(/\r\n?/g, "\n");
      this.offset = end + 3;
      if (run !== "") this.#handler.text(run);
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
  #expand(raw: string, from: number, attribute: boolean): string {
    let out = "";
    let at = 0;
    // Joined by the thousand, in one list that is used again: strings of strings, or a list for each thousand that has to
    // grow, would be many times the text.
    const parts: string[] = [];
    let count = 0;
    for (let amp = raw.indexOf("&"); amp >= 0; amp = raw.indexOf("&", at)) {
      if (amp > at) parts[count++] = tidy(raw.slice(at, amp), attribute);
      const end = raw.indexOf(";", amp);
      const number = raw.charCodeAt(amp + 1) === 35;
      const value =
        end < 0 ? undefined : number ? characterOf(raw, amp + 2, end) : entities.get(raw.slice(amp + 1, end));
      if (value === undefined)
        this.#fault(
          end < 0
            ? 'an "&" that begins no reference'
            : number
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
    return out + parts.join("") + tidy(raw.slice(at), attribute);
  }

  /** Reads a qualified name into `#name`. Names are kept, so that a name of a message is made into a string once. */
  #readName(start: number, expected: string): number {
    const codes = this.#codes;
    const from = start - this.#base;
    // The name that stood behind the last one before nearly always does so again.
    const before = this.#name;
    const guess = before.next;
    if (guess !== undefined && stands(guess.codes, codes, from)) {
      const behind = codes[from + guess.codes.length] as number;
      if (behind > 0 && behind < 128 && nameTable[behind] === 0) {
        this.#name = guess;
        return start + guess.codes.length;
      }
    }
    let to = from;
    let hash = 0;
    let c = codes[to] as number;
    while (c < 128 && nameTable[c] === 1) {
      hash = (Math.imul(hash, 31) + c) | 0;
      c = codes[++to] as number;
    }
    const { text } = this;
    let at = start + to - from;
    if (c > 0 && c < 128) {
      const slot = Math.imul(hash, 0x9e3779b1) >>> nameShift;
      let known = names[slot];
      if (known !== undefined && known.codes.length === to - from && stands(known.codes, codes, from)) {
        this.#name = known;
        if (before.kept) before.next = known;
        return at;
      }
      // Two names may share a place; more than two take turns.
      const other = slot ^ 1;
      const first = known;
      known = names[other];
      if (known !== undefined && known.codes.length === to - from && stands(known.codes, codes, from)) {
        this.#name = known;
        if (before.kept) before.next = known;
        return at;
      }
      this.#name = this.#splitName(start, at, expected);
      if (to - from <= 64) {
        // What is no longer kept keeps nothing, so that there is an end to what can be reached from here.
        if (first !== undefined && known !== undefined) {
          known.kept = false;
          known.next = undefined;
        }
        if (first !== undefined) names[other] = first;
        names[slot] = this.#name;
        this.#name.kept = true;
      }
      return at;
    }
    // Beyond ASCII, or beyond the window.
    while (at < text.length) {
      const point = text.codePointAt(at) as number;
      if (point < 128 ? nameTable[point] !== 1 : !isNameChar(point)) break;
      at += point > 0xffff ? 2 : 1;
    }
    this.#name = this.#splitName(start, at, expected);
    return at;
  }

  #splitName(start: number, end: number, expected: string): Name {
    const { text } = this;
    if (end === start || !isNameStart(text.codePointAt(start) as number))
      this.#fault(`something else than ${expected}`, start);
    const name = intern(text.slice(start, end));
    const codes = codesOf(name);
    const colon = name.indexOf(":");
    if (colon < 0)
      return {
        name,
        codes,
        prefix: "",
        local: name,
        kind: name === "xmlns" ? DEFAULT : PLAIN,
        kept: false,
        next: undefined,
      };
    const local = name.slice(colon + 1);
    if (colon === 0 || local === "" || local.includes(":") || !isNameStart(local.codePointAt(0) as number))
      this.#fault("a name whose colon stands in the wrong place", start);
    const prefix = intern(name.slice(0, colon));
    return {
      name,
      codes,
      prefix,
      local: intern(local),
      kind: prefix === "xmlns" ? DECLARATION : PREFIXED,
      kept: false,
      next: undefined,
    };
  }
}

const PLAIN = 0;
const PREFIXED = 1;
/** `xmlns`, the declaration of the default namespace. */
const DEFAULT = 2;
/** `xmlns:…` */
const DECLARATION = 3;

interface Name {
  readonly name: string;
  /** The name's code units. */
  readonly codes: Uint16Array;
  readonly prefix: string;
  readonly local: string;
  readonly kind: number;
  /** Whether it stands in the table of names. */
  kept: boolean;
  /** The name that followed last. */
  next: Name | undefined;
}

const nobody: XmlHandler = { open: () => {}, text: () => {}, close: () => {} };
const nowhere: XmlCursor = { offset: 0, tagStart: () => 0, lineAt: () => 1, resolve: () => undefined };
const noName: Name = {
  name: "",
  codes: new Uint16Array(0),
  prefix: "",
  local: "",
  kind: PLAIN,
  kept: false,
  next: undefined,
};
/** 4096 places. */
const nameShift = 20;
/** Names of elements and attributes that were read before, in any document. */
const names: (Name | undefined)[] = Array.from({ length: 4096 }, () => undefined);

const entities = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

/** The character that `65` or `x41` stands for, between two places. */
function characterOf(raw: string, from: number, to: number): string | undefined {
  const hex = raw.charCodeAt(from) === 120;
  let at = hex ? from + 1 : from;
  if (at >= to || to - at > 10) return undefined;
  let point = 0;
  for (; at < to; at++) {
    const digit = digitOf(raw.charCodeAt(at));
    if (digit < 0 || (!hex && digit > 9)) return undefined;
    point = point * (hex ? 16 : 10) + digit;
  }
  const allowed =
    point === 9 ||
    point === 10 ||
    point === 13 ||
    (point >= 0x20 && point <= 0xd7ff) ||
    (point >= 0xe000 && point <= 0xfffd) ||
    (point >= 0x10000 && point <= 0x10ffff);
  return allowed ? String.fromCodePoint(point) : undefined;
}

function digitOf(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** So much of the window is left when a tag begins; what is longer is looked for in the text. */
const AHEAD = 1024;
/** Length up to which a text is walked for its end. */
const NEAR = 40;
/** Length up to which a value is read character by character. */
const SHORT = 128;
/** 1 for the ASCII characters that mean only themselves in a value, whichever quotes it has. */
const valueTable: Uint8Array = Uint8Array.from({ length: 128 }, (_, c) =>
  c >= 32 && !"\"'<&".includes(String.fromCharCode(c)) ? 1 : 0,
);

/** The last namespace of each length, up to that of a short value: a message declares the same few over and over. */
const namespaces: ({ readonly uri: string; readonly codes: Uint16Array } | undefined)[] = Array.from(
  { length: SHORT + 1 },
  () => undefined,
);

function codesOf(text: string): Uint16Array {
  return Uint16Array.from({ length: text.length }, (_, n) => text.charCodeAt(n));
}

/** Whether the codes of a name stand there. */
function stands(name: Uint16Array, codes: Uint16Array, from: number): boolean {
  for (let n = 0; n < name.length; n++) if (codes[from + n] !== name[n]) return false;
  return true;
}

function tidy(text: string, attribute: boolean): string {
  if (attribute) return untidy(text) ? text.replaceAll(/\r\n|[\r\n\t]/g, " ") : text;
  return text.includes("\r") ? text.replaceAll(/\r\n?/g, "\n") : text;
}

function untidy(value: string): boolean {
  return value.includes("\n") || value.includes("\t") || value.includes("\r");
}

function isSpace(c: number): boolean {
  return c === 32 || c === 10 || c === 13 || c === 9;
}

function isNameCharAt(text: string, at: number): boolean {
  const c = text.charCodeAt(at);
  return c < 128 ? nameTable[c] === 1 : at < text.length && isNameChar(text.codePointAt(at) as number);
}
