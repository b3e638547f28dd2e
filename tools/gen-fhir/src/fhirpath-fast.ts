import { quote } from "@helsekontakt/codegen";
import { compileTruth, rewrittenInvariant } from "./fhirpath-emit.ts";
import { type Path, parseFhirPath, withoutOwnType } from "./fhirpath-parse.ts";
import { and, contains, firstName, isCondition, isThis, looksAt, not, or } from "./fhirpath-shape.ts";
import type { Field, Model } from "./model.ts";

/**
 * A condition as two expressions: true where it is certainly true, and where it is certainly false; neither holds where
 * FHIRPath says empty. Written so, three-valued logic needs no third value at run time.
 */
interface Tri {
  readonly yes: string;
  readonly no: string;
  /** Where it is not empty: there `no` is `!yes`. */
  readonly known?: string;
}

/** Where the names of an expression are found. Everything in scope has passed the checks of its structure before. */
export interface FastScope {
  /** The variable that holds the object. */
  readonly object: string;
  /** Its type; undefined where that is known at run time only. */
  readonly type: string | undefined;
  /** Local variables that hold a property already; absent where it is read from the object. */
  readonly local?: (field: Field) => FastLocal;
}

export interface FastLocal {
  readonly value?: string;
  /** Presence of the `_` sibling. */
  readonly sibling?: string;
  /** How many values a choice has. */
  readonly counter?: string;
}

/** An item of a path: the variable that holds it. */
interface Item {
  readonly name: string;
  readonly type: string | undefined;
}

class Unsupported extends Error {}

/** Functions that a module of fast checks needs beside its own. */
export class FastHelpers {
  readonly #byBody = new Map<string, string>();
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Name of the function with these statements over `o`. */
  name(body: string): string {
    let name = this.#byBody.get(body);
    if (name === undefined) this.#byBody.set(body, (name = `${this.#prefix}${this.#byBody.size}`));
    return name;
  }

  source(): string {
    return [...this.#byBody]
      .map(([body, name]) => `function ${name}(o: FhirObject, c: FastContext): boolean {\n${body}}\n`)
      .join("\n");
  }
}

/**
 * Compiles an invariant to an expression that is true exactly where the one of `compileInvariant` is, and builds no
 * collection for what is common: parts outside that are taken from the other compiler as they are.
 */
export function compileFast(
  model: Model,
  expression: string,
  key: string,
  scope: FastScope,
  helpers: FastHelpers,
  owner = "FHIR R4",
): string {
  const where = `${owner} invariant ${key}`;
  return new FastEmitter(model, where, helpers).tri(
    withoutOwnType(parseFhirPath(rewrittenInvariant(expression), where), scope.type),
    scope,
  ).yes;
}

class FastEmitter {
  readonly model: Model;
  readonly where: string;
  readonly helpers: FastHelpers;
  #names = 0;

  constructor(model: Model, where: string, helpers: FastHelpers) {
    this.model = model;
    this.where = where;
    this.helpers = helpers;
  }

  tri(p: Path, scope: FastScope): Tri {
    try {
      return this.#tri(p, scope);
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error;
      const { code, kind } = compileTruth(this.model, p, scope.type, scope.object, this.where);
      return kind === "bool"
        ? { yes: `(${code})`, no: `!(${code})` }
        : { yes: `(${code} === true)`, no: `(${code} === false)` };
    }
  }

  #tri(p: Path, scope: FastScope): Tri {
    if (p.kind === "literal" && typeof p.value === "boolean") return { yes: String(p.value), no: String(!p.value) };
    if (p.kind === "binary") return this.#binary(p, scope);
    if (p.kind === "call") return this.#call(p, scope);
    throw new Unsupported();
  }

  #binary({ op, left, right }: Extract<Path, { kind: "binary" }>, scope: FastScope): Tri {
    if (op === "and" || op === "or" || op === "xor" || op === "implies") {
      const l = this.tri(left, scope);
      const r = this.tri(right, scope);
      const known = l.known !== undefined && l.known === r.known ? { known: l.known } : {};
      if (op === "and") return { yes: and(l.yes, r.yes), no: or(l.no, r.no), ...known };
      if (op === "or") return { yes: or(l.yes, r.yes), no: and(l.no, r.no), ...known };
      if (op === "implies") return { yes: or(l.no, r.yes), no: and(l.yes, r.no) };
      return { yes: or(and(l.yes, r.no), and(l.no, r.yes)), no: or(and(l.yes, r.yes), and(l.no, r.no)) };
    }
    if (op === "=" || op === "!=") {
      const same = this.#equal(left, right, scope);
      return op === "=" ? same : { yes: same.no, no: same.yes };
    }
    if (op === "<=" || op === ">=" || op === "<" || op === ">") {
      const l = this.#orderable(left, scope);
      const r = this.#orderable(right, scope);
      if (l.number && r.number) return { yes: `(${l.code} ${op} ${r.code})`, no: `!(${l.code} ${op} ${r.code})` };
      const opposite = { "<=": ">", ">=": "<", "<": ">=", ">": "<=" }[op];
      return {
        yes: `(fp.rank(${l.code}, ${r.code}) ${op} 0)`,
        no: `(fp.rank(${l.code}, ${r.code}) ${opposite} 0)`,
      };
    }
    throw new Unsupported();
  }

  #equal(left: Path, right: Path, scope: FastScope): Tri {
    if (right.kind === "literal" && typeof right.value === "string") {
      const { value, present } = this.#primitive(left, scope);
      return {
        yes: `(${value} === ${quote(right.value)})`,
        no: and(present, `${value} !== ${quote(right.value)}`),
        known: present,
      };
    }
    if (!isCondition(left) || !isCondition(right)) throw new Unsupported();
    const l = this.tri(left, scope);
    const r = this.tri(right, scope);
    return { yes: or(and(l.yes, r.yes), and(l.no, r.no)), no: or(and(l.yes, r.no), and(l.no, r.yes)) };
  }

  /** A single primitive of the scope, or of `%resource`. */
  #primitive(p: Path, scope: FastScope): { readonly value: string; readonly present: string } {
    if (p.kind !== "member") throw new Unsupported();
    if (p.of === undefined) {
      const { field, value } = this.#own(p.name, scope);
      const a = field.alternatives[0];
      if (field.list || field.choice || !a || !this.model.primitives.has(a.type)) throw new Unsupported();
      return { value, present: this.#presence(p.name, scope) };
    }
    if (p.of.kind !== "variable" || p.of.name !== "resource") throw new Unsupported();
    const value = `c.resource[${quote(p.name)}]`;
    return { value, present: `(${value} !== undefined || c.resource[${quote(`_${p.name}`)}] !== undefined)` };
  }

  #own(name: string, scope: FastScope): { readonly field: Field; readonly value: string } {
    const field = this.#field(scope.type, name);
    if (!field) throw new Unsupported();
    const json = field.alternatives[0]?.json ?? name;
    return { field, value: scope.local?.(field).value ?? `${scope.object}[${quote(json)}]` };
  }

  #field(type: string | undefined, name: string): Field | undefined {
    // Of a resource whose type is open, what every resource has.
    const known = type === undefined || type === "Resource" ? "DomainResource" : type;
    return this.model.types.get(known)?.fields.find((f) => f.name === name);
  }

  #presence(name: string, scope: FastScope): string {
    const { field, value } = this.#own(name, scope);
    const local = scope.local?.(field);
    if (local?.counter) return `(${local.counter} > 0)`;
    if (field.choice)
      return `(${field.alternatives
        .flatMap((a) => (this.model.primitives.has(a.type) ? [a.json, `_${a.json}`] : [a.json]))
        .map((json) => `${scope.object}[${quote(json)}] !== undefined`)
        .join(" || ")})`;
    const a = field.alternatives[0];
    const sibling = a && this.model.primitives.has(a.type) && !field.attribute && a.type !== "xhtml";
    if (!sibling) return `(${value} !== undefined)`;
    return `(${value} !== undefined || ${local ? (local.sibling ?? "false") : `${scope.object}[${quote(`_${a.json}`)}] !== undefined`})`;
  }

  #orderable(p: Path, scope: FastScope): { readonly code: string; readonly number: boolean } {
    if (p.kind === "literal" && typeof p.value === "number") return { code: String(p.value), number: true };
    if (p.kind === "binary" && p.op === "+") {
      const l = this.#orderable(p.left, scope);
      const r = this.#orderable(p.right, scope);
      if (!l.number || !r.number) throw new Unsupported();
      return { code: `(${l.code} + ${r.code})`, number: true };
    }
    if (p.kind === "call" && p.name === "count" && p.of?.kind === "member" && p.of.of === undefined) {
      const { field, value } = this.#own(p.of.name, scope);
      if (!field.list) return { code: `(${this.#presence(p.of.name, scope)} ? 1 : 0)`, number: true };
      if (this.model.primitives.has(field.alternatives[0]?.type ?? "")) throw new Unsupported();
      return { code: `fp.size(${value})`, number: true };
    }
    if (p.kind === "member") return { code: this.#primitive(p, scope).value, number: false };
    throw new Unsupported();
  }

  #call(p: Extract<Path, { kind: "call" }>, scope: FastScope): Tri {
    const of = p.of;
    switch (p.name) {
      case "not": {
        if (of === undefined) throw new Unsupported();
        const { yes, no } = this.#tri(of, scope);
        return { yes: no, no: yes };
      }
      case "exists":
      case "empty": {
        const some = this.#exists(of, p.args[0], scope);
        return p.name === "exists" ? { yes: some, no: not(some) } : { yes: not(some), no: some };
      }
      case "hasValue": {
        if (of === undefined) throw new Unsupported();
        const { value } = this.#primitive(of, scope);
        return { yes: `(${value} !== undefined)`, no: `(${value} === undefined)` };
      }
      case "all": {
        const [test] = p.args;
        if (of === undefined || test === undefined) throw new Unsupported();
        if (test.kind === "binary" && test.op === "=" && isCondition(test.left) && !looksAt(test.right)) {
          const right = this.tri(test.right, this.#plain(scope));
          const loop = this.#each(of, this.#plain(scope), (item) => {
            const left = this.tri(test.left, this.#at(item));
            return `if (${not(or(and(left.yes, "yes"), and(left.no, "no")))}) return false;\n`;
          });
          const no = right.known === undefined ? right.no : and(right.known, "!yes");
          return this.#looped(of, scope, `const yes = ${right.yes};\nconst no = ${no};\n${loop}return true;\n`, "true");
        }
        const body = this.#each(
          of,
          this.#plain(scope),
          (item) => `if (${not(this.tri(test, this.#at(item)).yes)}) return false;\n`,
        );
        return this.#looped(of, scope, `${body}return true;\n`, "true");
      }
      case "isDistinct": {
        if (of?.kind !== "call" || of.name !== "select" || of.of === undefined || !of.args[0]) throw new Unsupported();
        const [selected] = of.args;
        const body = this.#each(of.of, this.#plain(scope), (item) => {
          const text = this.#text(selected, this.#at(item));
          return `if (!seen.isNew(${text})) return false;\n`;
        });
        return this.#looped(of.of, scope, `const seen = new fp.Seen();\n${body}return true;\n`, "true");
      }
      case "matches":
      case "startsWith":
      case "contains": {
        if (of === undefined || p.args[0]?.kind !== "literal") throw new Unsupported();
        const { value } = this.#primitive(of, scope);
        const general = compileTruth(this.model, { ...p, of: { kind: "this" } }, undefined, "v", this.where).code;
        const regex = /fp\.matches\(\[v\], (\/.*\/u)\)/.exec(general)?.[1];
        const test =
          p.name === "matches"
            ? `${regex ?? ""}.test(${value})`
            : p.name === "contains"
              ? contains(value, String(p.args[0].value))
              : `${value}.startsWith(${quote(String(p.args[0].value))})`;
        if (p.name === "matches" && regex === undefined) throw new Unsupported();
        return {
          yes: `(typeof ${value} === "string" && ${test})`,
          no: `(typeof ${value} === "string" && !${test})`,
        };
      }
      default:
        throw new Unsupported();
    }
  }

  #exists(of: Path | undefined, test: Path | undefined, scope: FastScope): string {
    const path: Path | undefined = test === undefined ? of : { kind: "call", of, name: "where", args: [test] };
    if (path === undefined) throw new Unsupported();
    if (path.kind === "member" && path.of === undefined) return this.#presence(path.name, scope);
    if (path.kind === "call" && path.name === "where" && isThis(path.of)) {
      const [cond] = path.args;
      if (!cond) throw new Unsupported();
      return this.tri(cond, scope).yes;
    }
    const body = this.#each(path, this.#plain(scope), (item) => `if (${item.name} !== undefined) return true;\n`);
    return this.#looped(path, scope, `${body}return false;\n`, "false").yes;
  }

  /** A call of a function with the loop, guarded by the presence of the property that the path begins with. */
  #looped(path: Path, scope: FastScope, body: string, without: "true" | "false"): Tri {
    const call = `${this.helpers.name(body)}(${scope.object}, c)`;
    const first = firstName(path);
    const present = first === undefined ? "true" : this.#presence(first, scope);
    const yes = without === "true" ? or(not(present), call) : and(present, call);
    return { yes, no: not(yes) };
  }

  /** Inside a function of its own the object is `o`, and locals are out of reach. */
  #plain(scope: FastScope): FastScope {
    return { object: "o", type: scope.type };
  }

  #at(item: Item): FastScope {
    return { object: item.name, type: item.type };
  }

  /** Statements that run `body` for each item of the path. */
  #each(p: Path, scope: FastScope, body: (item: Item) => string): string {
    if (isThis(p)) return body({ name: scope.object, type: scope.type });
    if (p.kind === "call" && p.name === "where" && p.args[0]) {
      const [test] = p.args;
      return this.#each(
        p.of ?? { kind: "this" },
        scope,
        (item) => `if (${this.tri(test, this.#at(item)).yes}) {\n${body(item)}}\n`,
      );
    }
    if (p.kind !== "member") throw new Unsupported();
    const { name } = p;
    return this.#each(p.of ?? { kind: "this" }, scope, (item) => this.#step(item, name, body));
  }

  #step(item: Item, name: string, body: (item: Item) => string): string {
    const field = this.#field(item.type, name);
    if (!field) {
      const x = this.#variable();
      return `for (const ${x} of fp.get(${item.name}, ${quote(name)}) as FhirObject[]) {\n${body({ name: x, type: undefined })}}\n`;
    }
    let out = "";
    for (const a of field.alternatives) {
      const x = this.#variable();
      const primitive = this.model.primitives.has(a.type);
      const of = `${item.name}[${quote(a.json)}]`;
      const type = primitive ? undefined : a.type;
      if (field.list && primitive)
        out += `for (const ${x} of fp.get(${item.name}, ${quote(a.json)}) as FhirObject[]) {\n${body({ name: x, type })}}\n`;
      else if (field.list)
        out += `if (${of} !== undefined) for (const ${x} of ${of} as FhirObject[]) {\n${body({ name: x, type })}}\n`;
      else {
        const value = primitive && !field.attribute ? `${of} ?? ${item.name}[${quote(`_${a.json}`)}]` : of;
        out += `const ${x} = (${value}) as FhirObject | undefined;\nif (${x} !== undefined) {\n${body({ name: x, type })}}\n`;
      }
    }
    return out;
  }

  /** A text that is empty where the path is: of single properties, and of `&`. */
  #text(p: Path, scope: FastScope): string {
    if (p.kind === "binary" && p.op === "&") return `${this.#text(p.left, scope)} + ${this.#text(p.right, scope)}`;
    const names: string[] = [];
    let at: Path | undefined = p;
    for (; at?.kind === "member"; at = at.of) names.unshift(at.name);
    if (at !== undefined) throw new Unsupported();
    let type = scope.type;
    for (const name of names) {
      const field = this.#field(type, name);
      if (!field || field.list || field.choice) throw new Unsupported();
      type = field.alternatives[0]?.type;
    }
    if (type === undefined || !["uri", "string", "id", "code"].includes(type)) throw new Unsupported();
    return `fp.textAt(${scope.object}, ${names.map(quote).join(", ")})`;
  }

  #variable(): string {
    return `e${this.#names++}`;
  }
}
