import { GeneratorError } from "@helsekontakt/codegen";

/** A FHIRPath expression as a tree; `of` is absent where the context is meant. */
export type Path =
  | { readonly kind: "literal"; readonly value: string | number | boolean }
  | { readonly kind: "this" }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "member"; readonly of: Path | undefined; readonly name: string }
  | { readonly kind: "call"; readonly of: Path | undefined; readonly name: string; readonly args: readonly Path[] }
  | { readonly kind: "binary"; readonly op: string; readonly left: Path; readonly right: Path };

const token =
  /\s*(?:([A-Za-z_][A-Za-z0-9_]*)|`([^`]*)`|'((?:[^'\\]|\\.)*)'|(\d+(?:\.\d+)?)|(%[A-Za-z_][A-Za-z0-9_]*)|(\$this)|(<=|>=|!=|[.(),=<>|&+]))/y;

/** From loosest to tightest, FHIRPath's order. */
const levels: readonly (readonly string[])[] = [
  ["implies"],
  ["or", "xor"],
  ["and"],
  ["in"],
  ["=", "!="],
  ["<=", ">=", "<", ">"],
  ["|"],
  ["+", "&"],
];

interface Token {
  readonly kind: "name" | "quoted" | "string" | "number" | "variable" | "this" | "symbol";
  readonly text: string;
}

/** Names such as `Appointment.start`, which begin with the type of the context, without that type. */
export function withoutOwnType(p: Path, type: string | undefined): Path {
  const own = type === undefined ? undefined : type.slice(type.lastIndexOf(".") + 1);
  const walk = (q: Path | undefined): Path | undefined => {
    if (q === undefined) return undefined;
    if (q.kind === "member" && q.of === undefined) return q.name === own ? { kind: "this" } : q;
    if (q.kind === "member") {
      const of = walk(q.of);
      return of?.kind === "this" ? { kind: "member", of: undefined, name: q.name } : { ...q, of };
    }
    // Arguments have a context of their own, but a name with a capital letter still means the type of the resource.
    if (q.kind === "call")
      return {
        ...q,
        of: walk(q.of),
        args: q.name === "as" || q.name === "is" || q.name === "ofType" ? q.args : q.args.map((a) => walk(a) as Path),
      };
    if (q.kind === "binary") return { ...q, left: walk(q.left) as Path, right: walk(q.right) as Path };
    return q;
  };
  return own !== undefined && /^[A-Z]/.test(own) ? (walk(p) as Path) : p;
}

/** Parses the subset that the invariants of the closure use; anything else stops the generator, naming `where`. */
export function parseFhirPath(text: string, where: string): Path {
  const tokens: Token[] = [];
  token.lastIndex = 0;
  const source = text.trim();
  while (token.lastIndex < source.length) {
    const at = token.lastIndex;
    const m = token.exec(source);
    if (!m)
      throw new GeneratorError(where, undefined, `"${source.slice(at, at + 12)}"`, "FHIRPath of the supported subset");
    const kinds = ["name", "quoted", "string", "number", "variable", "this", "symbol"] as const;
    const i = kinds.findIndex((_, n) => m[n + 1] !== undefined);
    tokens.push({ kind: kinds[i] as Token["kind"], text: m[i + 1] as string });
  }
  let next = 0;
  const peek = (): Token | undefined => tokens[next];
  const symbol = (s: string): boolean => peek()?.kind === "symbol" && peek()?.text === s;
  const expect = (s: string): void => {
    if (!symbol(s)) throw new GeneratorError(where, undefined, peek()?.text ?? "the end", `"${s}"`);
    next++;
  };

  const binary = (level: number): Path => {
    const ops = levels[level];
    if (!ops) return postfix();
    let left = binary(level + 1);
    for (let t = peek(); t && (t.kind === "name" || t.kind === "symbol") && ops.includes(t.text); t = peek()) {
      next++;
      left = { kind: "binary", op: t.text, left, right: binary(level + 1) };
    }
    return left;
  };
  const invocation = (of: Path | undefined): Path => {
    const t = peek();
    if (t?.kind !== "name" && t?.kind !== "quoted")
      throw new GeneratorError(where, undefined, t?.text ?? "the end", "a name");
    next++;
    if (t.kind === "quoted" || !symbol("(")) return { kind: "member", of, name: t.text };
    next++;
    const args: Path[] = [];
    while (!symbol(")")) {
      if (args.length > 0) expect(",");
      args.push(binary(0));
    }
    next++;
    return { kind: "call", of, name: t.text, args };
  };
  const term = (): Path => {
    const t = peek();
    if (!t) throw new GeneratorError(where, undefined, "the end", "a FHIRPath term");
    if (t.kind === "symbol") {
      expect("(");
      const inner = binary(0);
      expect(")");
      return inner;
    }
    if (t.kind === "name" && (t.text === "true" || t.text === "false")) {
      next++;
      return { kind: "literal", value: t.text === "true" };
    }
    if (t.kind === "name" || t.kind === "quoted") return invocation(undefined);
    next++;
    if (t.kind === "string") return { kind: "literal", value: t.text.replace(/\\(.)/g, "$1") };
    if (t.kind === "number") return { kind: "literal", value: Number(t.text) };
    if (t.kind === "this") return { kind: "this" };
    return { kind: "variable", name: t.text.slice(1) };
  };
  const postfix = (): Path => {
    let left = term();
    while (symbol(".")) {
      next++;
      left = invocation(left);
    }
    return left;
  };
  const tree = binary(0);
  if (next < tokens.length)
    throw new GeneratorError(where, undefined, tokens[next]?.text ?? "", "the end of the expression");
  return tree;
}
