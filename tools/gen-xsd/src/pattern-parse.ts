import {
  blocks,
  type CharSet,
  complement,
  MAX_CODE_POINT,
  nameChar,
  nameStart,
  normaliseSet,
  propertySet,
  subtract,
  union,
} from "./chars.ts";

/** A pattern as a tree. `source` of a class is JavaScript (flag `u`) that matches exactly one character. */
export type Re =
  | { readonly kind: "class"; readonly source: string; readonly set: CharSet }
  | { readonly kind: "seq" | "alt"; readonly items: readonly Re[] }
  | { readonly kind: "rep"; readonly item: Re; readonly min: number; readonly max: number };

/** What a pattern has that cannot be translated. */
export class PatternError extends Error {}

export const EMPTY: Re = { kind: "seq", items: [] };

/** Parses XSD's regular expression language (XML Schema part 2, appendix F). @throws {PatternError} */
export function parsePattern(text: string): Re {
  const parser = new Parser(text);
  return parser.parse();
}

/** A class for one character. */
export function literal(char: string): Re {
  const point = char.codePointAt(0) as number;
  return { kind: "class", source: escapeChar(char), set: [[point, point]] };
}

function escapeChar(char: string, inBrackets = false): string {
  const controls: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  if (char in controls) return controls[char] as string;
  if (inBrackets) return /[\\\]^[-]/.test(char) ? `\\${char}` : char;
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

function hex(point: number): string {
  return `\\u{${point.toString(16)}}`;
}

function rangeSource(set: CharSet): string {
  return set.map(([lo, hi]) => (lo === hi ? hex(lo) : `${hex(lo)}-${hex(hi)}`)).join("");
}

function propertyPart(name: string, inside: string, inverted: boolean): Part {
  const set = propertySet(name) as CharSet;
  return { inside, negated: false, set: inverted ? complement(set) : set };
}

/** What `\W` takes: punctuation, separators and others. */
function nonWord(): CharSet {
  return ["P", "Z", "C"].map((p) => propertySet(p) as CharSet).reduce(union);
}

/** Part of a bracket expression: text that may stand inside `[...]`, or `not` of such text. */
interface Part {
  readonly inside: string;
  readonly negated: boolean;
  readonly set: CharSet;
}

class Parser {
  readonly #chars: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#chars = [...text];
  }

  parse(): Re {
    const re = this.#alternatives();
    if (this.#at < this.#chars.length) throw new PatternError(`unbalanced "${this.#chars[this.#at]}"`);
    return re;
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #take(): string {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw new PatternError("an end in the middle of an expression");
    return char;
  }

  #alternatives(): Re {
    const items = [this.#branch()];
    while (this.#peek() === "|") {
      this.#at++;
      items.push(this.#branch());
    }
    return items.length === 1 ? (items[0] as Re) : { kind: "alt", items };
  }

  #branch(): Re {
    const items: Re[] = [];
    for (let char = this.#peek(); char !== undefined && char !== "|" && char !== ")"; char = this.#peek())
      items.push(this.#piece());
    return items.length === 1 ? (items[0] as Re) : { kind: "seq", items };
  }

  #piece(): Re {
    const item = this.#atom();
    const char = this.#peek();
    if (char === "?" || char === "*" || char === "+") {
      this.#at++;
      return { kind: "rep", item, min: char === "+" ? 1 : 0, max: char === "?" ? 1 : Number.POSITIVE_INFINITY };
    }
    if (char !== "{") return item;
    const rest = this.#chars.slice(this.#at).join("");
    const found = /^\{(\d+)(,(\d*))?\}/.exec(rest);
    if (!found) throw new PatternError(`quantifier "${rest.slice(0, 10)}"`);
    this.#at += found[0].length;
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === "" ? Number.POSITIVE_INFINITY : Number(found[3]);
    if (max < min) throw new PatternError(`quantifier "${found[0]}"`);
    return { kind: "rep", item, min, max };
  }

  #atom(): Re {
    const char = this.#take();
    if (char === "(") {
      const re = this.#alternatives();
      if (this.#take() !== ")") throw new PatternError('a group without ")"');
      return re;
    }
    if (char === "[") return classOf(...this.#bracket());
    if (char === "\\") return single(this.#escape());
    if (char === ".")
      return single({
        inside: "\\n\\r",
        negated: true,
        set: normaliseSet([
          [0, 9],
          [11, 12],
          [14, MAX_CODE_POINT],
        ]),
      });
    if (/[?*+{}\])]/.test(char)) throw new PatternError(`"${char}" without an atom before it`);
    return literal(char);
  }

  #escape(): Part {
    const char = this.#take();
    const plain: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
    if (char in plain || /[\\|.?*+(){}[\]^-]/.test(char)) {
      const value = plain[char] ?? char;
      const point = value.codePointAt(0) as number;
      return { inside: escapeChar(value, true), negated: false, set: [[point, point]] };
    }
    const space: CharSet = normaliseSet([
      [9, 10],
      [13, 13],
      [32, 32],
    ]);
    switch (char) {
      case "d":
        return propertyPart("Nd", "\\p{Nd}", false);
      case "D":
        return propertyPart("Nd", "\\P{Nd}", true);
      case "s":
        return { inside: "\\t\\n\\r ", negated: false, set: space };
      case "S":
        return { inside: "\\t\\n\\r ", negated: true, set: complement(space) };
      case "w":
        return { inside: "\\p{P}\\p{Z}\\p{C}", negated: true, set: complement(nonWord()) };
      case "W":
        return { inside: "\\p{P}\\p{Z}\\p{C}", negated: false, set: nonWord() };
      case "i":
      case "c":
      case "I":
      case "C": {
        const set = char.toLowerCase() === "i" ? nameStart : nameChar;
        const negated = char === "I" || char === "C";
        return { inside: rangeSource(set), negated, set: negated ? complement(set) : set };
      }
      case "p":
      case "P":
        return this.#property(char === "P");
      default:
        throw new PatternError(`escape "\\${char}"`);
    }
  }

  #property(negated: boolean): Part {
    const rest = this.#chars.slice(this.#at).join("");
    const found = /^\{([A-Za-z0-9-]+)\}/.exec(rest);
    if (!found) throw new PatternError("\\p without {property}");
    this.#at += found[0].length;
    const name = found[1] as string;
    if (name.startsWith("Is")) {
      const block = blocks[name.slice(2)];
      if (!block) throw new PatternError(`Unicode block "${name}"`);
      return { inside: rangeSource([block]), negated, set: negated ? complement([block]) : [block] };
    }
    const set = /^(L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|Z[slp]?|S[mcko]?|C[cfon]?)$/.test(name)
      ? propertySet(name)
      : undefined;
    if (!set) throw new PatternError(`Unicode property "${name}"`);
    return { inside: `\\${negated ? "P" : "p"}{${name}}`, negated: false, set: negated ? complement(set) : set };
  }

  /** The parts of a bracket expression, whether it is negated, and what is taken away. The `[` is read already. */
  #bracket(): [Part[], boolean, Re | undefined] {
    const negated = this.#peek() === "^";
    if (negated) this.#at++;
    const parts: Part[] = [];
    for (;;) {
      const char = this.#take();
      if (char === "]") {
        if (parts.length === 0) throw new PatternError("an empty bracket expression");
        return [parts, negated, undefined];
      }
      if (char === "-" && this.#peek() === "[") {
        this.#at++;
        const taken = classOf(...this.#bracket());
        if (this.#take() !== "]")
          throw new PatternError("a class subtraction that does not end the bracket expression");
        return [parts, negated, taken];
      }
      if (char === "[") throw new PatternError('"[" inside a bracket expression');
      let part: Part;
      if (char === "\\") part = this.#escape();
      else {
        const point = char.codePointAt(0) as number;
        part = { inside: escapeChar(char, true), negated: false, set: [[point, point]] };
      }
      const next = this.#chars[this.#at + 1];
      if (this.#peek() === "-" && next !== "]" && next !== "[" && next !== undefined && isSingle(part)) {
        this.#at++;
        const endChar = this.#take();
        const end =
          endChar === "\\"
            ? this.#escape()
            : {
                inside: escapeChar(endChar, true),
                negated: false,
                set: [[endChar.codePointAt(0) as number, endChar.codePointAt(0) as number]] as CharSet,
              };
        const [lo, hi] = [part.set[0]?.[0] as number, end.set[0]?.[0] as number];
        if (!isSingle(end) || hi < lo) throw new PatternError(`range "${part.inside}-${end.inside}"`);
        part = { inside: `${part.inside}-${end.inside}`, negated: false, set: [[lo, hi]] };
      }
      parts.push(part);
    }
  }
}

function isSingle(part: Part): boolean {
  return !part.negated && part.set.length === 1 && part.set[0]?.[0] === part.set[0]?.[1];
}

function single(part: Part): Re {
  if (isSingle(part)) return literal(String.fromCodePoint(part.set[0]?.[0] as number));
  if (!part.negated && /^\\[pP]\{[^}]*\}$/.test(part.inside))
    return { kind: "class", source: part.inside, set: part.set };
  return { kind: "class", source: `[${part.negated ? "^" : ""}${part.inside}]`, set: part.set };
}

/** One class from the parts of a bracket expression. Negated parts and subtraction become lookaheads, which flag `u` allows. */
function classOf(parts: readonly Part[], negated: boolean, taken: Re | undefined): Re {
  const plain = parts.filter((p) => !p.negated);
  const inverse = parts.filter((p) => p.negated);
  let set = parts.map((p) => p.set).reduce(union);
  const inside = plain.map((p) => p.inside).join("");
  let source: string;
  if (inverse.length === 0) source = `[${negated ? "^" : ""}${inside}]`;
  else if (negated) {
    // Not in the plain parts, and in every set whose complement was listed.
    const guards = [
      ...(plain.length > 0 ? [`(?![${inside}])`] : []),
      ...inverse.slice(1).map((p) => `(?=[${p.inside}])`),
    ];
    source = `${guards.join("")}[${(inverse[0] as Part).inside}]`;
  } else {
    const branches = [...(plain.length > 0 ? [`[${inside}]`] : []), ...inverse.map((p) => `[^${p.inside}]`)];
    source =
      branches.length === 1
        ? (branches[0] as string)
        : `(?:${branches
            .map(
              (b, i) =>
                `${branches
                  .slice(0, i)
                  .map((x) => `(?!${x})`)
                  .join("")}${b}`,
            )
            .join("|")})`;
  }
  if (negated) set = complement(set);
  if (taken?.kind === "class") {
    set = subtract(set, taken.set);
    source = `(?!${taken.source})${source}`;
  }
  return { kind: "class", source, set };
}
