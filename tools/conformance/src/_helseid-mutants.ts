import { readFileSync } from "node:fs";
import { parseSync } from "rolldown/experimental";

// Mutants of TypeScript sources: one place of the syntax tree changed in each, as somebody's slip would.

export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  readonly what: string;
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

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";

/** All mutants of a file: conditions, comparisons, logic, arithmetic, truth values, and bodies that are left out. Texts stay. */
export function mutantsOf(file: string): Mutant[] {
  const text = readFileSync(file, "utf8");
  const { program } = parseSync(file, text) as unknown as { readonly program: Node };
  const found: Mutant[] = [];
  const add = (start: number, end: number, replacement: string): void => {
    const line = text.slice(0, start).split("\n").length;
    found.push({
      file,
      line,
      start,
      end,
      replacement,
      what: `${text.slice(start, end).slice(0, 60)} -> ${replacement}`,
    });
  };
  /** The operator between two operands: what stands there beside blanks and comments. */
  const operator = (left: Node, right: Node, sign: string): number =>
    text.indexOf(sign, left.end) < right.start ? text.indexOf(sign, left.end) : -1;
  const visit = (node: Node): void => {
    const { left, right, operator: sign } = node as unknown as { left: Node; right: Node; operator: string };
    if (node.type.startsWith("TS") && !/^TS(As|Satisfies|NonNull|Instantiation)/.test(node.type)) return;
    if (node.type === "BinaryExpression" || node.type === "LogicalExpression") {
      const at = operator(left, right, sign);
      const texts = [left, right].some((o) => o.type === "TemplateLiteral" || typeof o["value"] === "string");
      const others = comparisons[sign] ?? (texts ? [] : [arithmetic[sign] ?? logic[sign] ?? ""]);
      for (const other of others) if (at >= 0 && other !== "") add(at, at + sign.length, other);
    } else if (node.type === "IfStatement" || node.type === "ConditionalExpression") {
      const test = node["test"] as Node;
      for (const value of ["true", "false"]) add(test.start, test.end, value);
    } else if (node.type === "Literal" && typeof node["value"] === "boolean")
      add(node.start, node.end, String(!node["value"]));
    else if (node.type === "UnaryExpression" && sign === "!") add(node.start, node.start + 1, "");
    else if (node.type === "UpdateExpression") {
      const at = text.slice(node.start, node.end).indexOf(sign) + node.start;
      add(at, at + 2, sign === "++" ? "--" : "++");
    } else if (
      node.type === "AssignmentExpression" &&
      (sign === "+=" || sign === "-=" || sign === "||=" || sign === "??=")
    ) {
      const at = operator(left, right, sign);
      add(at, at + sign.length, sign === "+=" ? "-=" : sign === "-=" ? "+=" : "=");
    } else if (/^(Function|ArrowFunction)/.test(node.type)) {
      const body = node["body"] as Node | null;
      if (body?.type === "BlockStatement" && (body["body"] as unknown[]).length > 0) add(body.start, body.end, "{}");
    }
    for (const [name, child] of Object.entries(node)) {
      if (name === "typeAnnotation" || name === "returnType" || name === "typeParameters") continue;
      for (const one of Array.isArray(child) ? (child as unknown[]) : [child]) if (isNode(one)) visit(one);
    }
  };
  visit(program);
  return found;
}

/** The text of the mutant's file with the change in it. */
export function mutated({ file, start, end, replacement }: Mutant): string {
  const text = readFileSync(file, "utf8");
  return text.slice(0, start) + replacement + text.slice(end);
}
