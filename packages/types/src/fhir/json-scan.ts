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
 * False when no object of the text can have a key twice: the text has as many keys as the value. `JSON.parse` keeps the last
 * of two, so that the value has fewer then. True is a suspicion only: a text may hold what looks like a key.
 */
export function mayRepeatKeys(text: string, value: unknown): boolean {
  let inText = 0;
  for (let i = text.indexOf(":"); i >= 0; i = text.indexOf(":", i + 1)) {
    let before = i - 1;
    while (isSpace(text.charCodeAt(before))) before--;
    if (text.charCodeAt(before) === 34) inText++;
  }
  let inValue = 0;
  const open: unknown[] = [value];
  while (open.length > 0) {
    const v = open.pop();
    if (Array.isArray(v)) {
      for (const item of v) if (typeof item === "object" && item !== null) open.push(item);
    } else if (typeof v === "object" && v !== null)
      for (const key of Object.keys(v)) {
        inValue++;
        const item = (v as Record<string, unknown>)[key];
        if (typeof item === "object" && item !== null) open.push(item);
      }
  }
  return inText !== inValue;
}

function isSpace(c: number): boolean {
  return c === 32 || c === 10 || c === 13 || c === 9;
}
