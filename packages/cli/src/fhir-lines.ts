import { type ReadXmlOptions, readXml, type XmlHandler } from "@helsekontakt/types/xml";

/**
 * Lines of FHIR paths (`EpisodeOfCare.contained[0].status`) in the text that they are about. Where a path itself has no
 * place, because the element is missing, it is the nearest element around it.
 */
class Wanted {
  /** Line by path, each step with its index, `""` for the resource itself. */
  readonly #lines = new Map<string, number | undefined>([["", undefined]]);
  readonly #paths: readonly string[];

  constructor(paths: readonly string[]) {
    this.#paths = paths;
    for (const path of paths) for (const prefix of prefixesOf(path)) this.#lines.set(prefix, undefined);
  }

  found(path: string, line: () => number): void {
    if (this.#lines.has(path) && this.#lines.get(path) === undefined) this.#lines.set(path, line());
  }

  result(): ReadonlyMap<string, number> {
    const result = new Map<string, number>();
    for (const path of this.#paths) {
      const line = prefixesOf(path)
        .map((prefix) => this.#lines.get(prefix))
        .findLast((l) => l !== undefined);
      if (line !== undefined) result.set(path, line);
    }
    return result;
  }
}

/**
 * The path and all paths above it, outermost first, without the name of the resource. Steps above the last one have an
 * index; a last step without one means the element itself, or all of a list.
 */
function prefixesOf(path: string): string[] {
  const prefixes = [""];
  let above = "";
  for (const step of path.split(".").slice(1)) {
    prefixes.push(`${above}.${step}`);
    above += `.${/\[\d+\]$/.test(step) ? step : `${step}[0]`}`;
    if (prefixes.at(-1) !== above) prefixes.push(above);
  }
  return prefixes.at(-1) === `${prefixes.at(-2)}[0]` ? prefixes.slice(0, -1) : prefixes;
}

function lineCounter(text: string): (offset: number) => number {
  let known = 0;
  let line = 1;
  return (offset) => {
    for (; known < offset; known++) if (text.charCodeAt(known) === 10) line++;
    // A key may lie a little before the place that was asked for last.
    for (; known > offset; known--) if (text.charCodeAt(known - 1) === 10) line--;
    return line;
  };
}

interface Level {
  readonly path: string;
  readonly array: boolean;
  index: number;
  key: string;
  keyAt: number;
}

/** Lines of paths in JSON text that has been parsed without error before. */
export function jsonLines(text: string, paths: readonly string[]): ReadonlyMap<string, number> {
  const wanted = new Wanted(paths);
  const lineAt = lineCounter(text);
  const stack: Level[] = [];
  const value = (offset: number): string => {
    const level = stack.at(-1);
    if (level === undefined) return "";
    if (level.array) {
      const entry = `${level.path}[${level.index}]`;
      wanted.found(entry, () => lineAt(offset));
      return entry;
    }
    // The sibling `_birthDate` holds what belongs to `birthDate`.
    const path = `${level.path}.${level.key.replace(/^_/, "")}`;
    wanted.found(path, () => lineAt(level.keyAt));
    if (text[offset] !== "[") wanted.found(`${path}[0]`, () => lineAt(level.keyAt));
    return path;
  };
  let expectsKey = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    const level = stack.at(-1);
    if (c === "{" || c === "[") {
      const path = value(i);
      if (stack.length === 0) wanted.found("", () => lineAt(i));
      // Elements of an object that is not in a list still count as the first of one.
      const own = path === "" || path.endsWith("]") || c === "[" ? path : `${path}[0]`;
      stack.push({ path: own, array: c === "[", index: 0, key: "", keyAt: 0 });
      expectsKey = c === "{";
    } else if (c === "}" || c === "]") {
      stack.pop();
      expectsKey = false;
    } else if (c === ",") {
      if (level?.array) level.index++;
      else expectsKey = true;
    } else if (c === '"') {
      const end = endOfString(text, i);
      if (expectsKey && level !== undefined) {
        level.key = text.slice(i + 1, end);
        level.keyAt = i;
        expectsKey = false;
      } else value(i);
      i = end;
    } else if (c > " " && c !== ":") {
      value(i);
      while (i + 1 < text.length && !" \t\r\n,]}".includes(text[i + 1] as string)) i++;
    }
  }
  return wanted.result();
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

/** Lines of paths in FHIR XML that has been read without error before. */
export function fhirXmlLines(
  bytes: Uint8Array,
  paths: readonly string[],
  options: ReadXmlOptions = {},
): ReadonlyMap<string, number> {
  const wanted = new Wanted(paths);
  const stack: { readonly path: string; readonly counts: Map<string, number> }[] = [];
  const handler: XmlHandler = {
    open(tag, cursor) {
      const parent = stack.at(-1);
      const count = parent?.counts.get(tag.local) ?? 0;
      parent?.counts.set(tag.local, count + 1);
      // A resource inside `contained` or `resource` is one element more in XML than in the path.
      const wrapped = parent === undefined || /^[A-Z]/.test(tag.local);
      const path = wrapped ? (parent?.path ?? "") : `${parent.path}.${tag.local}[${count}]`;
      const line = (): number => cursor.lineAt(cursor.tagStart());
      wanted.found(path, line);
      if (!wrapped && count === 0) wanted.found(path.slice(0, -"[0]".length), line);
      stack.push({ path, counts: new Map() });
    },
    text: () => undefined,
    close: () => void stack.pop(),
  };
  readXml(bytes, handler, options);
  return wanted.result();
}
