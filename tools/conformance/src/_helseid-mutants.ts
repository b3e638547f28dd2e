import { readFileSync } from "node:fs";
import { parseSync } from "rolldown/experimental";

// Mutants of TypeScript sources: one place of the syntax tree changed in each, as somebody's slip would. Texts, names and
// types stay: what a message says is not what the tests of a protocol are for.

export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  readonly what: string;
  /** Of the whole file: it may change while it is tried. */
  readonly text: string;
  /** The whole of the line, so that a mutant is known again when lines before it come or go. */
  readonly source: string;
  /** The expression that is chosen anew in its place, or the body that is left at once. */
  readonly site: { readonly start: number; readonly end: number; readonly body: boolean };
  /** It takes effect when the module is loaded, and not again. */
  readonly atLoad: boolean;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [name: string]: unknown;
}

const comparisons: Readonly<Record<string, readonly string[]>> = {
  "===": ["!=="],
  "!==": ["==="],
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
};
const arithmetic: Readonly<Record<string, string>> = { "+": "-", "-": "+", "*": "/", "/": "*", "%": "*" };
const logic: Readonly<Record<string, string>> = { "&&": "||", "||": "&&", "??": "&&" };
const assignments: Readonly<Record<string, string>> = { "+=": "-=", "-=": "+=", "||=": "=", "??=": "=" };
/** Calls that are taken for each other. */
const methods: ReadonlyMap<string, string> = new Map([
  ["some", "every"],
  ["every", "some"],
  ["min", "max"],
  ["max", "min"],
  ["startsWith", "endsWith"],
  ["toUpperCase", "toLowerCase"],
  ["toLowerCase", "toUpperCase"],
]);
/** Calls that are forgotten: what they are called on stays. */
const forgotten: ReadonlySet<string> = new Set(["sort", "trim", "filter", "slice", "toUpperCase", "toLowerCase"]);

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";

/**
 * All mutants of a file: conditions, comparisons, logic, arithmetic, truth values, anchors of patterns, calls taken for
 * each other or forgotten, statements and bodies that are left out. What is only told to a logger stays.
 */
export function mutantsOf(file: string): Mutant[] {
  const text = readFileSync(file, "utf8");
  const { program } = parseSync(file, text) as unknown as { readonly program: Node };
  const lines = text.split("\n");
  const found: Mutant[] = [];
  let functions = 0;
  const add = (site: Node, start: number, end: number, replacement: string, body = false): void => {
    const line = text.slice(0, start).split("\n").length;
    const what = `${text.slice(start, end).replaceAll(/\s+/g, " ").slice(0, 60)} -> ${replacement}`;
    const source = (lines[line - 1] ?? "").trim();
    const atLoad = functions === 0;
    found.push({ file, text, line, start, end, replacement, what, source, site: { ...at(site), body }, atLoad });
  };
  /** The operator between two operands: what stands there beside blanks and comments. */
  const operator = (left: Node, right: Node, sign: string): number =>
    text.indexOf(sign, left.end) < right.start ? text.indexOf(sign, left.end) : -1;

  const mutate = (node: Node): void => {
    const { left, right, operator: sign } = node as unknown as { left: Node; right: Node; operator: string };
    if (node.type === "BinaryExpression" || node.type === "LogicalExpression") {
      const place = operator(left, right, sign);
      const texts = [left, right].some((o) => o.type === "TemplateLiteral" || typeof o["value"] === "string");
      const others = comparisons[sign] ?? (texts ? [] : [arithmetic[sign] ?? logic[sign] ?? ""]);
      for (const other of others) if (place >= 0 && other !== "") add(node, place, place + sign.length, other);
    } else if (node.type === "IfStatement" || node.type === "ConditionalExpression") {
      const test = node["test"] as Node;
      for (const value of ["true", "false"]) add(test, test.start, test.end, value);
    } else if (node.type === "Literal" && typeof node["value"] === "boolean")
      add(node, node.start, node.end, String(!node["value"]));
    else if (node.type === "Literal" && (node["regex"] ?? undefined) !== undefined) anchors(node);
    else if (node.type === "UnaryExpression" && sign === "!") add(node, node.start, node.start + 1, "");
    else if (node.type === "UpdateExpression") {
      const place = text.slice(node.start, node.end).indexOf(sign) + node.start;
      add(node, place, place + 2, sign === "++" ? "--" : "++");
    } else if (node.type === "AssignmentExpression" && assignments[sign] !== undefined) {
      const place = operator(left, right, sign);
      add(node, place, place + sign.length, assignments[sign]);
    } else if (node.type === "CallExpression") calls(node);
    else if (node.type === "ExpressionStatement" && !isTold(node["expression"] as Node, text)) {
      const { start, end } = node["expression"] as Node;
      add(node["expression"] as Node, start, end, "undefined");
    } else if (/^(Function|ArrowFunction)/.test(node.type)) {
      const body = node["body"] as Node | null;
      functions++;
      if (body?.type === "BlockStatement" && (body["body"] as unknown[]).length > 0)
        add(body, body.start, body.end, "{}", true);
      functions--;
    }
  };
  const anchors = (node: Node): void => {
    const pattern = text.slice(node.start, node.end);
    const last = pattern.lastIndexOf("/") - 1;
    if (pattern[1] === "^") add(node, node.start + 1, node.start + 2, "");
    if (pattern[last] === "$" && pattern[last - 1] !== "\\") add(node, node.start + last, node.start + last + 1, "");
  };
  const calls = (node: Node): void => {
    const callee = node["callee"] as Node;
    if (callee.type !== "MemberExpression" || callee["computed"] === true || callee["optional"] === true) return;
    const property = callee["property"] as Node;
    const name = text.slice(property.start, property.end);
    const other = methods.get(name);
    if (other !== undefined) add(node, property.start, property.end, other);
    if (forgotten.has(name)) add(node, (callee["object"] as Node).end, node.end, "");
  };
  const visit = (node: Node): void => {
    if (node.type.startsWith("TS") && !/^TS(As|Satisfies|NonNull|Instantiation)/.test(node.type)) return;
    mutate(node);
    const inner = /^(Function|ArrowFunction|PropertyDefinition)/.test(node.type);
    if (inner) functions++;
    for (const [name, child] of Object.entries(node)) {
      if (name === "typeAnnotation" || name === "returnType" || name === "typeParameters") continue;
      for (const one of Array.isArray(child) ? (child as unknown[]) : [child]) if (isNode(one)) visit(one);
    }
    if (inner) functions--;
  };
  visit(program);
  return found;
}

const at = ({ start, end }: Node): { readonly start: number; readonly end: number } => ({ start, end });

/** What is told to a logger, and calls that a language demands. */
function isTold(expression: Node, text: string): boolean {
  if (expression.type === "Literal") return true;
  return /^(this\.#options\.|options\.)?logger\??\.|^super\(/.test(text.slice(expression.start, expression.end));
}

/** The name of the function that says whether a mutant is on; what runs the tests gives it to the sources. */
export const switchName = "helsekontaktMutant";

/**
 * The file's text with all its mutants in it: `(helsekontaktMutant(7) ? (a !== b) : (a === b))`. One load serves for all.
 *
 * @param numbers - of the file's mutants, in their order.
 */
export function withSwitches(mutants: readonly Mutant[], numbers: readonly number[]): string {
  const [first] = mutants;
  if (first === undefined) throw new Error("expected a file with mutants, found none");
  const { text } = first;
  const groups = new Map<string, { readonly site: Mutant["site"]; readonly members: number[] }>();
  for (const [n, { site }] of mutants.entries()) {
    const key = `${site.start} ${site.end} ${site.body}`;
    const group = groups.get(key) ?? { site, members: [] };
    group.members.push(n);
    groups.set(key, group);
  }
  const sites = [...groups.values()].sort((a, b) => a.site.start - b.site.start || b.site.end - a.site.end);
  let next = 0;
  const emit = (start: number, end: number): string => {
    let out = "";
    let done = start;
    for (let group = sites[next]; group !== undefined && group.site.start < end; group = sites[next]) {
      next++;
      const { site, members } = group;
      out += text.slice(done, site.start);
      if (site.body) {
        const on = members.map((n) => `if (${switchName}(${numbers[n]})) return;`).join(" ");
        out += `{ ${on} ${emit(site.start + 1, site.end)}`;
      } else {
        const chosen = members.map((n) => `${switchName}(${numbers[n]}) ? (${changed(mutants[n] as Mutant)}) : `);
        out += `(${chosen.join("")}(${emit(site.start, site.end)}))`;
      }
      done = site.end;
    }
    return out + text.slice(done, end);
  };
  return emit(0, text.length);
}

function changed({ text, site, start, end, replacement }: Mutant): string {
  return text.slice(site.start, start) + replacement + text.slice(end, site.end);
}
