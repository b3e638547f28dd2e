import { GeneratorError, quote } from "@helsekontakt/codegen";
import { type Path, parseFhirPath, withoutOwnType } from "./fhirpath-parse.ts";
import type { Field, Model } from "./model.ts";

/**
 * TypeScript for a FHIRPath sub-expression: `bool` is never empty, `tri` is `boolean | undefined`, `value` a string or
 * number, `list` a collection (array).
 */
interface Code {
  readonly code: string;
  readonly kind: "bool" | "tri" | "value" | "list";
  /** Types of the items, for `list`; undefined where they are known at run time only. */
  readonly types?: readonly string[] | undefined;
}

/** What names stand for: one object, or a collection (inside `iif`). */
interface Context {
  readonly name: string;
  readonly single: boolean;
  readonly types: readonly string[] | undefined;
  readonly depth: number;
  /** Local variables that count the values of a choice of the context, so that nothing is looked up twice. */
  readonly counters?: ReadonlyMap<string, string> | undefined;
}

export interface Invariant {
  /** True where the invariant holds; needs `o`, `c` and `fp` in scope. */
  readonly code: string;
}

/** How the HL7 validator reads some of R4's expressions, by their text. */
const rewritten: Readonly<Record<string, string>> = {
  "fullUrl.contains('/_history/').not()": "fullUrl.exists() implies fullUrl.contains('/_history/').not()",
};

/** Compiles an invariant whose context is an object of type `type`, held in the variable `o`. */
export function compileInvariant(
  model: Model,
  type: string,
  expression: string,
  key: string,
  counters?: ReadonlyMap<string, string>,
  owner = "FHIR R4",
): Invariant {
  const where = `${owner} invariant ${key}`;
  const tree = withoutOwnType(parseFhirPath(rewrittenInvariant(expression), where), type);
  const result = new Emitter(model, where).emit(tree, { name: "o", single: true, types: [type], depth: 0, counters });
  if (result.kind === "bool") return { code: result.code };
  if (result.kind === "tri") return { code: `${result.code} === true` };
  throw new GeneratorError(where, undefined, "a collection", "an expression that is true or false");
}

/** The expression as the HL7 validator reads it. */
export function rewrittenInvariant(expression: string): string {
  return rewritten[expression] ?? expression;
}

/** Compiles a condition that may be empty, over one object in the variable `name`. */
export function compileTruth(
  model: Model,
  tree: Path,
  type: string | undefined,
  name: string,
  where: string,
): { readonly code: string; readonly kind: "bool" | "tri" } {
  const types = type === undefined ? undefined : [type];
  const { code, kind } = new Emitter(model, where).logic(tree, { name, single: true, types, depth: 0 });
  return { code, kind: kind === "bool" ? "bool" : "tri" };
}

class Emitter {
  readonly model: Model;
  readonly where: string;

  constructor(model: Model, where: string) {
    this.model = model;
    this.where = where;
  }

  fail(found: string, expected: string): never {
    throw new GeneratorError(this.where, undefined, found, expected);
  }

  emit(p: Path, ctx: Context): Code {
    switch (p.kind) {
      case "literal":
        return typeof p.value === "boolean"
          ? { code: String(p.value), kind: "bool" }
          : { code: typeof p.value === "string" ? quote(p.value) : String(p.value), kind: "value" };
      case "this":
        return this.context(ctx);
      case "variable":
        if (p.name === "ucum") return { code: quote("http://unitsofmeasure.org"), kind: "value" };
        if (p.name === "resource") return { code: "[c.resource]", kind: "list", types: undefined };
        return this.fail(`%${p.name}`, "%ucum or %resource");
      case "member":
        return this.member(p.of === undefined ? undefined : this.emit(p.of, ctx), p.name, ctx);
      case "binary":
        return this.binary(p, ctx);
      case "call":
        return this.call(p, ctx);
    }
  }

  context(ctx: Context): Code {
    return { code: ctx.single ? `[${ctx.name}]` : ctx.name, kind: "list", types: ctx.types };
  }

  /** The field in each of the types; undefined when they are known at run time only. */
  fields(types: readonly string[] | undefined, name: string): readonly Field[] | undefined {
    if (types === undefined || types.includes("Resource") || types.includes("DomainResource")) return undefined;
    const found = types.flatMap((t) => this.model.types.get(t)?.fields.filter((f) => f.name === name) ?? []);
    return found.length === 0 ? this.fail(`${types.join("|")}.${name}`, "a property of the type") : found;
  }

  names(fields: readonly Field[] | undefined, name: string): string[] {
    return fields === undefined ? [name] : [...new Set(fields.flatMap((f) => f.alternatives.map((a) => a.json)))];
  }

  isPrimitive(types: readonly string[] | undefined): boolean {
    return types?.every((t) => this.model.primitives.has(t)) === true;
  }

  member(of: Code | undefined, name: string, ctx: Context): Code {
    const types = of === undefined ? ctx.types : of.types;
    if (of !== undefined && of.kind !== "list") this.fail(`.${name}`, "a collection before it");
    // A primitive's own value; it is the item itself, where there is one.
    if (name === "value" && this.isPrimitive(types))
      return { code: `fp.values(${of?.code ?? this.context(ctx).code})`, kind: "list", types };
    const fields = this.fields(types, name);
    const names = this.names(fields, name);
    const next =
      fields === undefined ? undefined : [...new Set(fields.flatMap((f) => f.alternatives.map((a) => a.type)))];
    const args = names.map(quote).join(", ");
    const code =
      of === undefined && ctx.single ? `fp.get(${ctx.name}, ${args})` : `fp.step(${of?.code ?? ctx.name}, ${args})`;
    return { code, kind: "list", types: next };
  }

  /** `x.exists()` where x is a property of the context: no collection is built. */
  presence(p: Path | undefined, ctx: Context): string | undefined {
    if (p?.kind !== "member" || p.of !== undefined || !ctx.single || this.isPrimitive(ctx.types)) return undefined;
    const counter = ctx.counters?.get(p.name);
    if (counter) return `(${counter} > 0)`;
    const names = this.names(this.fields(ctx.types, p.name), p.name);
    return names.length === 1
      ? `fp.has(${ctx.name}, ${quote(p.name)})`
      : `fp.hasAny(${ctx.name}, ${names.map(quote).join(", ")})`;
  }

  /** Object and name of a plain property of the context or of `%resource`, for comparisons that need no collection. */
  owner(p: Path, ctx: Context): string | undefined {
    if (p.kind !== "member") return undefined;
    if (p.of === undefined && this.isPrimitive(ctx.types)) return undefined;
    if (p.of === undefined) {
      const names = ctx.single ? this.names(this.fields(ctx.types, p.name), p.name) : [];
      return names.length === 1 ? `${ctx.name}, ${quote(p.name)}` : undefined;
    }
    return p.of.kind === "variable" && p.of.name === "resource" ? `c.resource, ${quote(p.name)}` : undefined;
  }

  logic(p: Path, ctx: Context): Code {
    const code = this.emit(p, ctx);
    if (code.kind === "bool" || code.kind === "tri") return code;
    if (code.kind === "list") return { code: `fp.truth(${code.code})`, kind: "tri" };
    return this.fail("a value", "a condition");
  }

  binary(p: Extract<Path, { kind: "binary" }>, ctx: Context): Code {
    const { op } = p;
    if (op === "and" || op === "or" || op === "xor" || op === "implies") {
      const l = this.logic(p.left, ctx);
      const r = this.logic(p.right, ctx);
      if (l.kind === "bool" && r.kind === "bool") {
        if (op === "and") return { code: `(${l.code} && ${r.code})`, kind: "bool" };
        if (op === "or") return { code: `(${l.code} || ${r.code})`, kind: "bool" };
        if (op === "xor") return { code: `((${l.code}) !== (${r.code}))`, kind: "bool" };
        return { code: `(!(${l.code}) || ${r.code})`, kind: "bool" };
      }
      return { code: `fp.${op}(${l.code}, ${r.code})`, kind: "tri" };
    }
    if (op === "=" && p.right.kind === "literal" && typeof p.right.value === "string") {
      const owner = this.owner(p.left, ctx);
      if (owner) return { code: `fp.textIs(${owner}, ${quote(p.right.value)})`, kind: "tri" };
    }
    const l = this.emit(p.left, ctx);
    const r = this.emit(p.right, ctx);
    const isLogic = (c: Code): boolean => c.kind === "bool" || c.kind === "tri";
    if (op === "=" || op === "!=") {
      const not = op === "!=";
      if (isLogic(l) && isLogic(r)) {
        if (l.kind === "bool" && r.kind === "bool")
          return { code: `((${l.code}) ${not ? "!==" : "==="} (${r.code}))`, kind: "bool" };
        return { code: `fp.${not ? "differ" : "same"}(${l.code}, ${r.code})`, kind: "tri" };
      }
      return { code: `fp.${not ? "ne" : "eq"}(${this.items(l)}, ${this.items(r)})`, kind: "tri" };
    }
    if (op === "in") return { code: `fp.isIn(${this.items(l)}, ${this.items(r)})`, kind: "tri" };
    if (op === "|") return { code: `[...${this.items(l)}, ...${this.items(r)}]`, kind: "list" };
    if (op === "&") return { code: `fp.join(${this.items(l)}, ${this.items(r)})`, kind: "value" };
    if (op === "+") return { code: `(${this.number(l)} + ${this.number(r)})`, kind: "value" };
    const compare = { "<=": "le", ">=": "ge", "<": "lt", ">": "gt" }[op];
    if (compare === undefined) return this.fail(op, "an operator of the supported subset");
    return { code: `fp.${compare}(${this.items(l)}, ${this.items(r)})`, kind: "tri" };
  }

  items(c: Code): string {
    return c.kind === "list" ? c.code : c.kind === "value" ? `[${c.code}]` : `fp.items(${c.code})`;
  }

  number(c: Code): string {
    return c.kind === "value" ? c.code : this.fail("a collection", "a number");
  }

  call(p: Extract<Path, { kind: "call" }>, ctx: Context): Code {
    const arg = p.args[0];
    if ((p.name === "exists" || p.name === "empty") && arg === undefined) {
      const here = this.presence(p.of, ctx);
      if (here) return { code: p.name === "exists" ? here : `!${here}`, kind: "bool" };
    }
    const of = p.of === undefined ? this.context(ctx) : this.emit(p.of, ctx);
    if (p.name === "not") {
      if (of.kind === "bool") return { code: `!(${of.code})`, kind: "bool" };
      return { code: `fp.not(${of.kind === "list" ? `fp.truth(${of.code})` : of.code})`, kind: "tri" };
    }
    const list = this.items(of);
    const types = of.types;
    const inner = (): { code: string; result: Code } => {
      const child: Context = { name: `o${ctx.depth + 1}`, single: true, types, depth: ctx.depth + 1 };
      const result = this.emit(arg ?? this.fail(`${p.name}()`, "an argument"), child);
      return { code: `(${child.name}) => ${result.kind === "value" ? `[${result.code}]` : result.code}`, result };
    };
    const text = (): string => {
      if (arg?.kind !== "literal" || typeof arg.value !== "string")
        return this.fail(`${p.name}()`, "a string argument");
      return arg.value;
    };
    switch (p.name) {
      case "exists":
        return { code: arg ? `fp.where(${list}, ${inner().code}).length > 0` : `${list}.length > 0`, kind: "bool" };
      case "empty":
        return { code: `${list}.length === 0`, kind: "bool" };
      case "count":
        return { code: `${list}.length`, kind: "value" };
      case "hasValue":
        return { code: `fp.hasValue(${list})`, kind: "bool" };
      case "where":
        return { code: `fp.where(${list}, ${inner().code})`, kind: "list", types };
      case "all":
        return { code: `fp.all(${list}, ${inner().code})`, kind: "bool" };
      case "select":
        return { code: `${list}.flatMap(${inner().code})`, kind: "list", types: inner().result.types };
      case "isDistinct":
        return { code: `fp.isDistinct(${list})`, kind: "bool" };
      case "first":
        return { code: `${list}.slice(0, 1)`, kind: "list", types };
      case "trace":
        return { code: list, kind: "list", types };
      case "toString":
        return { code: `fp.text(${list})`, kind: "list" };
      case "length":
        return { code: `fp.textLength(${list})`, kind: "list" };
      case "startsWith":
      case "contains":
        return { code: `fp.${p.name}(${list}, ${quote(text())})`, kind: "tri" };
      case "matches":
        return { code: `fp.matches(${list}, /${checkedRegex(text(), this.where)}/u)`, kind: "tri" };
      case "extension":
        return { code: `fp.extension(${list}, ${quote(text())})`, kind: "list", types: ["Extension"] };
      case "is":
      case "as":
      case "ofType": {
        if (arg?.kind !== "member" || arg.of !== undefined || !this.model.resourceTypes.includes(arg.name))
          return this.fail(`${p.name}()`, "the name of a resource type as argument");
        if (p.name === "is") return { code: `fp.isResource(${list}, ${quote(arg.name)})`, kind: "tri" };
        return { code: `fp.ofType(${list}, ${quote(arg.name)})`, kind: "list", types: undefined };
      }
      case "resolve":
        return { code: `fp.resolve(${list}, c)`, kind: "list", types: undefined };
      case "iif": {
        const child: Context = { name: `s${ctx.depth + 1}`, single: false, types, depth: ctx.depth + 1 };
        const [test, yes, no] = p.args.map((a) => this.logic(a, child));
        if (!test || !yes || !no) return this.fail("iif()", "three arguments");
        return {
          code: `((${child.name}: readonly unknown[]) => (${test.code} ? ${yes.code} : ${no.code}))(${list})`,
          kind: yes.kind === "bool" && no.kind === "bool" && test.kind === "bool" ? "bool" : "tri",
        };
      }
      default:
        return this.fail(`${p.name}()`, "a function of the supported subset");
    }
  }
}

/** Patterns are put into the output as they are, so only the plain part of the language passes: no nested repetition. */
function checkedRegex(text: string, where: string): string {
  if (
    !/^\^?(?:\[[\w-]+\]|\\d|[\w-])(?:\{\d+(?:,\d+)?\}|[+*?])?(?:(?:\[[\w-]+\]|\\d|[\w-])(?:\{\d+(?:,\d+)?\}|[+*?])?)*\$?$/.test(
      text,
    )
  )
    throw new GeneratorError(where, undefined, `pattern ${text}`, "character classes with counts");
  return text;
}
