/** The first fault of a JSON text: where it is, and what it is. */
export interface JsonFault {
  /** Line from 1. */
  readonly line: number;
  readonly kind: "ill-formed" | "duplicate-key" | "too-deep";
}

/** More nesting than any real document has. */
const maxDepth = 1_000;

const escape = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;
const scalar = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;
const space = /[ \t\r\n]*/y;

/**
 * Reads a JSON text token by token, to say what `JSON.parse` does not: in which line it is ill-formed, and whether an
 * object has a key twice. Slower than `JSON.parse`, so that it runs on suspicion only.
 */
export function jsonFault(text: string): JsonFault | undefined {
  let at = 0;
  const token = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  // Character by character: a pattern would need room to go back in, for each character of a long text.
  const string = (): string | undefined => {
    if (text.charCodeAt(at) !== 34) return undefined;
    const start = at++;
    for (;;) {
      const c = text.charCodeAt(at);
      if (c === 34) return text.slice(start, ++at);
      if (c === 92 ? token(escape) === undefined : Number.isNaN(c) || c < 32) return undefined;
      if (c !== 92) at++;
    }
  };
  const fault = (kind: JsonFault["kind"]): JsonFault => ({ kind, line: lineAt(text, at) });
  /** Keys of the open objects; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  const character = (c: string): boolean => {
    if (text[at] !== c) return false;
    at++;
    return true;
  };
  const skip = (): void => void token(space);
  for (;;) {
    skip();
    const keys = open.at(-1);
    // An object that has just been opened may close at once; after a comma it may not.
    if (keys !== undefined) {
      const before = at;
      const key = string();
      if (key === undefined) return fault("ill-formed");
      const name = JSON.parse(key) as string;
      if (keys.has(name)) {
        at = before;
        return fault("duplicate-key");
      }
      keys.add(name);
      skip();
      if (!character(":")) return fault("ill-formed");
      skip();
    }
    if (text[at] === "{" || text[at] === "[") {
      if (open.length >= maxDepth) return fault("too-deep");
      const object = text[at] === "{";
      at++;
      skip();
      if (!character(object ? "}" : "]")) {
        open.push(object ? new Set() : undefined);
        continue;
      }
    } else if (string() === undefined && token(scalar) === undefined) return fault("ill-formed");
    for (;;) {
      skip();
      if (open.length === 0) return at === text.length ? undefined : fault("ill-formed");
      if (character(",")) break;
      if (!character(open.at(-1) === undefined ? "]" : "}")) return fault("ill-formed");
      open.pop();
    }
  }
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < offset; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

/**
 * How many keys the text has, or looks as if it had. `JSON.parse` keeps the last of two equal ones, so that where the value has
 * as many, no object had a key twice; more in the text are a suspicion only, for a text may hold what looks like a key.
 */
export function keysIn(text: string): number {
  let keys = 0;
  for (let i = text.indexOf(":"); i >= 0; i = text.indexOf(":", i + 1)) {
    let before = i - 1;
    while (isSpace(text.charCodeAt(before))) before--;
    if (text.charCodeAt(before) === 34) keys++;
  }
  return keys;
}

/** What a value of `JSON.parse` has in it. */
export interface JsonCount {
  keys: number;
  numbers: boolean;
}

/** Keys and numbers in all of the value. */
export function countIn(value: unknown): JsonCount {
  const count: JsonCount = { keys: 0, numbers: false };
  if (typeof value === "object" && value !== null) countObject(value, count, 0);
  return count;
}

function countObject(o: object, count: JsonCount, depth: number): void {
  if (depth > 200) countDeep(o, count);
  else if (Array.isArray(o)) {
    for (let i = 0; i < o.length; i++) {
      const x: unknown = o[i];
      if (typeof x === "object") {
        if (x !== null) countObject(x, count, depth + 1);
      } else if (typeof x === "number") count.numbers = true;
    }
  } else
    for (const key in o) {
      count.keys++;
      const x = (o as Record<string, unknown>)[key];
      if (typeof x === "object") {
        if (x !== null) countObject(x, count, depth + 1);
      } else if (typeof x === "number") count.numbers = true;
    }
}

/** With a list of its own instead of recursion: the parser takes more levels than the stack does. */
function countDeep(value: object, count: JsonCount): void {
  const open: object[] = [value];
  for (let v = open.pop(); v !== undefined; v = open.pop()) {
    if (!Array.isArray(v)) count.keys += Object.keys(v).length;
    for (const x of Object.values(v) as unknown[]) {
      if (typeof x === "number") count.numbers = true;
      else if (typeof x === "object" && x !== null) open.push(x);
    }
  }
}

function isSpace(c: number): boolean {
  return c === 32 || c === 10 || c === 13 || c === 9;
}
