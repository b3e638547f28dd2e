import { type ErrorCode, HelsekontaktError } from "@helsekontakt/core";
import {
  type CompiledAttribute,
  type CompiledField,
  type CompiledType,
  compiledType,
  compileType,
  derivedType,
  knownElement,
  wildcardAllows,
} from "./compile.ts";
import { clarkName, XMLNS, XSI } from "./names.ts";
import { prefixOf, TreeBuilder } from "./parse-tree.ts";
import type { XmlCursor, XmlHandler, XmlTag, XmlTagAttribute } from "./reader.ts";
import type { ElementRegistry } from "./table.ts";
import type { AnyElement, XmlAttribute } from "./tree.ts";
import { variantNamespace } from "./variants.ts";

// Over 400 lines: one state machine, whose steps share private state on the hot path of every message.

/** Places in the list of what was let pass: a message of nothing else would be in memory thirty times over. */
const mostTolerated = 1_000;

/** A place where the document leaves the schema and the decoder went on. Never holds a value of the document. */
export interface Tolerated {
  readonly path: string;
  readonly message: string;
}

type Target = Record<string, unknown>;

/** Whole strings: a property whose name is put together is looked up by its characters each time. */
const slotProps = { any: "$any", items: "$items", content: "$content" } as const;

/** Stands where an element of simple type has no object. */
const noValue: Target = Object.freeze({});

/** One open element. Objects are reused for all elements of a depth. */
interface Frame {
  /** Field name as in the document, for paths. */
  name: string;
  /** `undefined` for an element of simple type. */
  type: CompiledType | undefined;
  value: Target;
  text: string;
  /** Index of the last field seen, for the order. */
  last: number;
  /** Where the value goes in the parent: a property, a list of named things, or nowhere (the root). */
  slot: "prop" | "any" | "items" | "content" | "root";
  entry: CompiledField | undefined;
  clark: string;
  /** Whether one of the next three, which few elements have, was set; only then are they reset. */
  special: boolean;
  nil: boolean;
  schemaLocation: string | undefined;
  /** Children of this namespace are read as those of the type's own, see `variants.ts`. */
  variant: string | undefined;
  /** Bits of what has been seen of `CompiledType.needed`. */
  seen: number;
  /** The last child's field. */
  child: CompiledField | undefined;
}

/**
 * Turns reader events into objects; one Map look-up per element.
 *
 * @internal
 */
export class Decoder implements XmlHandler {
  readonly #registry: ElementRegistry;
  readonly #also: XmlHandler | undefined;
  readonly #strict: boolean;
  readonly #frames: Frame[] = [];
  readonly #tolerated: Tolerated[] = [];
  /** Those that had no room in the list. */
  #more = 0;
  #depth = 0;
  #tree: TreeBuilder | undefined;
  #treeName = "";
  #treeSlot: "any" | "content" | "items" = "any";
  #root: { name: string; value: object | string } | undefined;

  /** @param also - another reader of the same events, which gets each of them first */
  constructor(registry: ElementRegistry, mode: "strict" | "tolerant", also?: XmlHandler) {
    this.#registry = registry;
    this.#also = also;
    this.#strict = mode === "strict";
  }

  result(): { name: string; value: object | string; tolerated: readonly Tolerated[] } {
    const root = this.#root as { name: string; value: object | string };
    if (this.#more === 0) return { ...root, tolerated: this.#tolerated };
    const message = `expected at most ${mostTolerated} places in the list, found more: ${this.#more} are counted only`;
    const path = `/${root.name.slice(root.name.indexOf("}") + 1)}`;
    return { ...root, tolerated: [...this.#tolerated, { path, message }] };
  }

  start(cursor: XmlCursor): void {
    this.#also?.start?.(cursor);
  }

  open(tag: XmlTag, cursor: XmlCursor): void {
    if (this.#also !== undefined) this.#also.open(tag, cursor);
    if (this.#tree !== undefined) {
      this.#tree.open(tag, cursor);
      return;
    }
    if (this.#depth === 0) {
      const element = knownElement(this.#registry, tag.uri, tag.local);
      if (element === undefined) {
        throw new HelsekontaktError(
          "xml/unknown-root",
          "expected a root element that a schema of this build has, found another",
          {
            context: { line: cursor.lineAt(cursor.tagStart()) },
          },
        );
      }
      this.#push(tag, cursor, element.type, "root", undefined, element.name, undefined);
      return;
    }
    const parent = this.#frames[this.#depth - 1] as Frame;
    const type = parent.type;
    if (type === undefined || parent.nil)
      throw this.#fault("xml/unexpected-element", tag, cursor, "expected text only, found an element");
    const { content } = type;
    if (content === "any") {
      this.#wildcard(tag, cursor, parent, "content");
      return;
    }
    // What stood behind the last child in another document nearly always does so again.
    const before = parent.child;
    let entry = before === undefined ? type.first : before.after;
    if (entry === undefined || entry.local !== tag.local || entry.ns !== tag.uri) {
      entry = find(type, tag.local, tag.uri, parent.last);
      if (entry?.alone === true) {
        if (before === undefined) type.first = entry;
        else before.after = entry;
      }
    }
    let variant: string | undefined;
    if (entry === undefined) {
      const own = this.#variant(tag, parent);
      if (own !== undefined) {
        entry = find(type, tag.local, own, parent.last);
        variant = tag.uri;
      }
    }
    if (entry === undefined) {
      this.#unknown(tag, cursor, parent, type);
      return;
    }
    if (content === "items" || content === "mixed") {
      if (content === "mixed") this.#flushMixed(parent, cursor);
      this.#push(
        tag,
        cursor,
        compiledType(entry),
        content === "items" ? "items" : "content",
        entry,
        clarkName(tag.uri, tag.local),
        undefined,
      );
      return;
    }
    if (content !== "fields")
      throw this.#fault("xml/unexpected-element", tag, cursor, "expected no element, found one");
    if (entry.index <= parent.last && this.#isForWildcard(tag, parent, type, entry)) {
      this.#unknown(tag, cursor, parent, type);
      return;
    }
    if (entry.index > parent.last) {
      // Behind everything that was seen, so it is the first one.
      parent.last = entry.index;
    } else {
      if (entry.index < parent.last) this.#outOfOrder(tag, cursor);
      if (!entry.many && parent.value[entry.prop] !== undefined) {
        throw this.#fault("xml/unexpected-element", tag, cursor, "expected the element once, found it again");
      }
    }
    parent.seen |= entry.bit;
    parent.child = entry;
    this.#push(tag, cursor, compiledType(entry), "prop", entry, "", variant);
  }

  text(text: string): void {
    if (this.#also !== undefined) this.#also.text(text);
    if (this.#tree !== undefined) {
      this.#tree.text(text);
      return;
    }
    const frame = this.#frames[this.#depth - 1] as Frame;
    frame.text = frame.text === "" ? text : frame.text + text;
  }

  close(cursor: XmlCursor): void {
    if (this.#also !== undefined) this.#also.close(cursor);
    if (this.#tree !== undefined) {
      const element = this.#tree.close(cursor);
      if (this.#tree.depth > 0) return;
      this.#tree = undefined;
      const parent = this.#frames[this.#depth - 1] as Frame;
      append(parent.value, slotProps[this.#treeSlot], {
        name: this.#treeName,
        element,
      } satisfies AnyElement);
      return;
    }
    const frame = this.#frames[this.#depth - 1] as Frame;
    const value = frame.type === undefined ? this.#closeText(frame) : this.#closeComplex(frame, frame.type, cursor);
    this.#depth--;
    if (frame.slot === "prop") {
      const target = (this.#frames[this.#depth - 1] as Frame).value;
      const { prop, many } = frame.entry as CompiledField;
      if (!many) {
        target[prop] = value;
      } else {
        const list = target[prop];
        if (list === undefined) target[prop] = [value];
        else (list as unknown[]).push(value);
      }
    } else {
      this.#place(frame, value);
    }
  }

  /** Takes an element of the usual kind: one that the schema has here, without a fault in it. */
  leaf(tag: XmlTag, text: string): boolean {
    const also = this.#also;
    if (this.#depth === 0 || this.#tree !== undefined || (also !== undefined && also.leaf === undefined)) return false;
    const parent = this.#frames[this.#depth - 1] as Frame;
    const { type } = parent;
    if (type === undefined || parent.special || type.content !== "fields") return false;
    const before = parent.child;
    let entry = before === undefined ? type.first : before.after;
    if (entry === undefined || entry.local !== tag.local || entry.ns !== tag.uri) {
      entry = find(type, tag.local, tag.uri, parent.last);
      if (entry === undefined) return false;
      if (entry.alone) {
        if (before === undefined) type.first = entry;
        else before.after = entry;
      }
    }
    const { index, prop } = entry;
    const target = parent.value;
    if (index <= parent.last && (index < parent.last || (!entry.many && target[prop] !== undefined))) return false;
    const held = compiledType(entry);
    let value: Target | string;
    if (held === undefined) {
      if (tag.attributes.length > 0) return false;
      value = text;
    } else {
      const whole = usualValue(held, tag, text);
      if (whole === undefined) return false;
      value = whole;
    }
    if (also?.leaf?.(tag, text) === false) return false;
    parent.last = index;
    parent.seen |= entry.bit;
    parent.child = entry;
    if (!entry.many) {
      target[prop] = value;
    } else {
      const list = target[prop];
      if (list === undefined) target[prop] = [value];
      else (list as unknown[]).push(value);
    }
    return true;
  }

  #place(frame: Frame, value: object | string): void {
    if (frame.slot === "root") {
      this.#root = { name: frame.clark, value };
      return;
    }
    const target = (this.#frames[this.#depth - 1] as Frame).value;
    const named =
      frame.schemaLocation !== undefined && typeof value === "string"
        ? { name: frame.clark, value, schemaLocation: frame.schemaLocation }
        : { name: frame.clark, value };
    append(target, slotProps[frame.slot as "any" | "items" | "content"], named);
  }

  #closeText(frame: Frame): object | string {
    return frame.nil ? { $nil: true } : frame.text;
  }

  #closeComplex(frame: Frame, type: CompiledType, cursor: XmlCursor): object {
    const { value } = frame;
    const { content } = type;
    if (content === "text") {
      if (!frame.nil) value.$text = frame.text;
      if (type.table.names === true && !frame.nil) keepNames(value, frame.text, cursor);
    } else if (content === "mixed" || content === "any") {
      this.#flushMixed(frame, cursor);
      if (!frame.nil) value.$content ??= [];
    } else if (frame.text !== "" && /[^ \t\r\n]/.test(frame.text)) {
      throw this.#faultHere("xml/unexpected-element", cursor, "expected elements only, found text");
    }
    if (frame.seen === type.needed) return value;
    const { required } = type;
    for (let i = 0; i < required.length; i++) {
      const need = required[i] as { prop: string; name: string };
      if (value[need.prop] !== undefined || frame.nil) continue;
      const message = `expected ${need.name.startsWith("@") ? "attribute" : "element"} ${need.name.replace("@", "")}, found none`;
      if (this.#strict) throw this.#faultHere("xml/missing-element", cursor, message);
      this.#tolerate(message);
    }
    return value;
  }

  #flushMixed(frame: Frame, cursor: XmlCursor): void {
    if (frame.text === "") return;
    append(frame.value, "$content", frame.text);
    if (frame.type?.content === "any") keepPrefix(frame.value, frame.text, cursor);
    frame.text = "";
  }

  /** No field has this name: a wildcard's turn, or a fault. */
  #unknown(tag: XmlTag, cursor: XmlCursor, parent: Frame, type: CompiledType): void {
    for (const wildcard of type.wildcards) {
      if (!wildcardAllows(wildcard.namespaces, tag.uri)) continue;
      if (type.content === "fields") {
        if (wildcard.before <= parent.last) this.#outOfOrder(tag, cursor);
        if (!wildcard.many && parent.value.$any !== undefined) break;
      }
      this.#wildcard(
        tag,
        cursor,
        parent,
        type.content === "items" ? "items" : type.content === "mixed" ? "content" : "any",
      );
      return;
    }
    throw this.#fault(
      "xml/unexpected-element",
      tag,
      cursor,
      "expected an element that the schema has here, found another",
    );
  }

  /** Whether a field's turn has passed, and a wildcard behind it takes elements of its name as well. */
  #isForWildcard(tag: XmlTag, parent: Frame, type: CompiledType, entry: CompiledField): boolean {
    if (entry.index === parent.last && (entry.many || parent.value[entry.prop] === undefined)) return false;
    return type.wildcards.some(
      (w) =>
        w.before > parent.last && (w.many || parent.value.$any === undefined) && wildcardAllows(w.namespaces, tag.uri),
    );
  }

  #wildcard(tag: XmlTag, cursor: XmlCursor, parent: Frame, slot: "any" | "content" | "items"): void {
    if (slot === "content") this.#flushMixed(parent, cursor);
    const element = knownElement(this.#registry, tag.uri, tag.local);
    if (element !== undefined) {
      this.#push(tag, cursor, element.type, slot, undefined, element.name, undefined);
      return;
    }
    this.#treeName = clarkName(tag.uri, tag.local);
    this.#treeSlot = slot;
    this.#tree = new TreeBuilder();
    this.#tree.open(tag, cursor);
  }

  #push(
    tag: XmlTag,
    cursor: XmlCursor,
    type: CompiledType | undefined,
    slot: Frame["slot"],
    entry: CompiledField | undefined,
    clark: string,
    variant: string | undefined,
  ): void {
    let frame = this.#frames[this.#depth];
    if (frame === undefined) {
      frame = emptyFrame();
      this.#frames.push(frame);
    }
    frame.name = tag.local;
    frame.type = type;
    frame.value = type === undefined ? noValue : {};
    frame.text = "";
    frame.last = -1;
    frame.slot = slot;
    frame.entry = entry;
    frame.clark = clark;
    if (frame.special || variant !== undefined) {
      frame.nil = false;
      frame.schemaLocation = undefined;
      frame.variant = variant;
      frame.special = variant !== undefined;
    }
    frame.seen = 0;
    frame.child = undefined;
    this.#depth++;
    if (tag.attributes.length > 0) this.#attributes(frame, tag, cursor);
  }

  #attributes(frame: Frame, tag: XmlTag, cursor: XmlCursor): void {
    const all = tag.attributes;
    for (let n = 0; n < all.length; n++) {
      if ((all[n] as XmlTagAttribute).uri !== XSI) continue;
      this.#instances(frame, tag, cursor);
      break;
    }
    const type = frame.type;
    for (let n = 0; n < all.length; n++) {
      const a = all[n] as XmlTagAttribute;
      if (a.uri === XMLNS || a.uri === XSI) continue;
      let declared = type?.places[n];
      if (declared === undefined || declared.name !== a.local || a.uri !== "") {
        declared = type?.attributes.get(a.uri === "" ? a.local : clarkName(a.uri, a.local));
        if (type !== undefined && declared !== undefined) type.places[n] = declared;
      }
      if (declared !== undefined) {
        frame.seen |= declared.bit;
        frame.value[declared.prop] = a.value;
        if (declared.names) keepNames(frame.value, a.value, cursor);
      } else if (type !== undefined && (type.table.anyAttribute === true || type.content === "any")) {
        append(frame.value, "$attributes", { name: a.local, ns: a.uri, value: a.value } satisfies XmlAttribute);
        keepPrefix(frame.value, a.value, cursor);
      } else {
        const message = "expected only attributes that the schema has here, found another";
        if (this.#strict) throw this.#faultHere("xml/unexpected-element", cursor, message);
        this.#tolerate(message);
      }
    }
  }

  /** Before the other attributes, because `xsi:type` decides which of them are declared. */
  #instances(frame: Frame, tag: XmlTag, cursor: XmlCursor): void {
    for (const a of tag.attributes) {
      if (a.uri === XSI) this.#instance(frame, a.local, a.value, cursor);
    }
  }

  /** `xsi:type`, `xsi:nil` and the schema location hints. */
  #instance(frame: Frame, name: string, value: string, cursor: XmlCursor): void {
    const type = frame.type;
    frame.special = true;
    if (name === "nil") {
      frame.nil = value.trim() === "true" || value.trim() === "1";
      if (type !== undefined) frame.value.$nil = frame.nil;
    } else if (name === "schemaLocation" || name === "noNamespaceSchemaLocation") {
      if (type !== undefined) frame.value[`$${name}`] = value;
      else if (frame.slot !== "prop" && frame.slot !== "root") frame.schemaLocation = value;
      else this.#tolerate("a schema location hint has no place in the object");
    } else if (name === "type") {
      const at = value.trim().indexOf(":");
      const local = value.trim().slice(at + 1);
      const ns = cursor.resolve(at < 0 ? "" : value.trim().slice(0, at));
      if (at >= 0 && ns === undefined) {
        throw this.#faultHere(
          "xml/unexpected-element",
          cursor,
          "expected xsi:type to use a declared prefix, found another",
        );
      }
      const clark = clarkName(ns ?? "", local);
      if (type === undefined) {
        const message = "expected no xsi:type on an element of simple type, whose value is plain text, found one";
        if (this.#strict) throw this.#faultHere("xml/unexpected-element", cursor, message);
        this.#tolerate(message);
        return;
      }
      frame.value.$type = clark;
      if (type.content === "any") return;
      const derived = derivedType(type.table, clark);
      if (derived === undefined) {
        throw this.#faultHere(
          "xml/unexpected-element",
          cursor,
          "expected xsi:type to name a type derived from the declared one, found another",
        );
      }
      frame.type = compileType(derived);
    }
  }

  /** The namespace to look a child up in, when the parent is read in a variant namespace; else `undefined`. */
  #variant(tag: XmlTag, parent: Frame): string | undefined {
    if (parent.variant !== undefined) return tag.uri === parent.variant ? parent.type?.table.fields[0]?.ns : undefined;
    const grand = this.#frames[this.#depth - 2];
    if (grand?.type === undefined || parent.last >= 0) return undefined;
    const own = variantNamespace(grand.type.table.name, parent.name, tag.uri);
    if (own === undefined) return undefined;
    parent.variant = tag.uri;
    parent.special = true;
    parent.value.$ns = tag.uri;
    return own;
  }

  #outOfOrder(tag: XmlTag, cursor: XmlCursor): void {
    const message = "expected the element earlier, in schema order";
    if (this.#strict) throw this.#fault("xml/unexpected-element", tag, cursor, message);
    this.#tolerate(message, `/${tag.local}`);
  }

  #tolerate(message: string, child = ""): void {
    if (this.#tolerated.length < mostTolerated) this.#tolerated.push({ path: this.#path() + child, message });
    else this.#more++;
  }

  #path(): string {
    let path = "";
    for (let i = 0; i < this.#depth; i++) {
      const { name, entry } = this.#frames[i] as Frame;
      path += `/${name}`;
      if (entry?.many !== true) continue;
      // Its equals are in the list since they were closed.
      const equals = (this.#frames[i - 1] as Frame).value[entry.prop] as unknown[] | undefined;
      path += `[${(equals?.length ?? 0) + 1}]`;
    }
    return path;
  }

  #fault(code: ErrorCode, tag: XmlTag, cursor: XmlCursor, message: string): HelsekontaktError {
    return fault(code, `${this.#path()}/${tag.local}`, cursor, message);
  }

  #faultHere(code: ErrorCode, cursor: XmlCursor, message: string): HelsekontaktError {
    return fault(code, this.#path(), cursor, message);
  }
}

function fault(code: ErrorCode, path: string, cursor: XmlCursor, message: string): HelsekontaktError {
  if (cursor.offset < 0) return new HelsekontaktError(code, `${message} at ${path}`, { context: { path } });
  const line = cursor.lineAt(cursor.tagStart());
  return new HelsekontaktError(code, `${message} at ${path}, line ${line}`, { context: { path, line } });
}

/** What an element without elements in it holds, if everything is there that its type requires, and nothing that is rare. */
function usualValue(type: CompiledType, tag: XmlTag, text: string): Target | undefined {
  const { content, places } = type;
  const all = tag.attributes;
  if (type.names || (content === "any" && prefixOf(text) !== undefined)) return undefined;
  if (content === "any") return all.length > 0 ? undefined : { $content: text === "" ? [] : [text] };
  if (content !== "text" && (text !== "" || (content !== "fields" && content !== "empty"))) return undefined;
  const { length } = all;
  let seen = 0;
  for (let n = 0; n < length; n++) {
    const a = all[n] as XmlTagAttribute;
    let declared = places[n];
    if (declared === undefined || declared.name !== a.local || a.uri !== "") {
      if (a.uri !== "") return undefined;
      declared = type.attributes.get(a.local);
      if (declared === undefined) return undefined;
      places[n] = declared;
    }
    seen |= declared.bit;
  }
  if (seen !== type.needed) return undefined;
  const value = (content === "text" ? undefined : codedValue(places, all)) ?? {};
  if (length > 0 && value.$V === undefined)
    for (let n = 0; n < length; n++) value[(places[n] as CompiledAttribute).prop] = (all[n] as XmlTagAttribute).value;
  if (content === "text") value.$text = text;
  return value;
}

/**
 * The coded values of the Norwegian standards (`V`, `DN`, `S`), which are a third of the elements of a message. Written out,
 * since the engine makes an object of known properties many times faster than it adds them one by one.
 */
function codedValue(places: CompiledType["places"], all: readonly XmlTagAttribute[]): Target | undefined {
  const { length } = all;
  if (length === 0 || length > 3 || places[0]?.prop !== "$V") return undefined;
  const $V = (all[0] as XmlTagAttribute).value;
  if (length === 1) return { $V };
  const second = places[1]?.prop;
  const last = (all[length - 1] as XmlTagAttribute).value;
  if (length === 2) return second === "$DN" ? { $V, $DN: last } : second === "$S" ? { $V, $S: last } : undefined;
  if (second !== "$S" || places[2]?.prop !== "$DN") return undefined;
  return { $V, $S: (all[1] as XmlTagAttribute).value, $DN: last };
}

/** The field that an element of this name fills; among several of one name, the first that still fits the order. */
function find(type: CompiledType, local: string, ns: string, last: number): CompiledField | undefined {
  let entry = type.fields.get(local);
  while (entry !== undefined && (entry.ns !== ns || (entry.index < last && entry.next !== undefined))) {
    entry = entry.next;
  }
  return entry;
}

/** Keeps the namespaces of the names that a value consists of. */
function keepNames(target: Target, value: string, cursor: XmlCursor): void {
  for (const name of value.split(/[ \t\r\n]+/)) {
    const [prefix = "", local] = name.includes(":") ? name.split(":", 2) : ["", name];
    if (local === "" || prefix === "xml") continue;
    const ns = cursor.resolve(prefix) ?? (prefix === "" ? "" : undefined);
    if (ns !== undefined) bind(target, prefix, ns);
  }
}

/** Keeps the namespace of a value that may be a prefixed name, where no schema says what it is. */
function keepPrefix(target: Target, value: string, cursor: XmlCursor): void {
  const prefix = prefixOf(value);
  const ns = prefix === undefined ? undefined : cursor.resolve(prefix);
  if (ns !== undefined && ns !== "") bind(target, prefix as string, ns);
}

function bind(target: Target, prefix: string, ns: string): void {
  // Without prototype, because `__proto__` is a prefix like any other.
  const prefixes = (target.$namespaces ??= Object.create(null)) as Record<string, string>;
  prefixes[prefix] = ns;
}

function append(target: Target, prop: string, item: unknown): void {
  const list = target[prop];
  if (list === undefined) target[prop] = [item];
  else (list as unknown[]).push(item);
}

function emptyFrame(): Frame {
  return {
    name: "",
    type: undefined,
    value: {},
    text: "",
    last: -1,
    slot: "root",
    entry: undefined,
    clark: "",
    special: false,
    nil: false,
    schemaLocation: undefined,
    variant: undefined,
    seen: 0,
    child: undefined,
  };
}
