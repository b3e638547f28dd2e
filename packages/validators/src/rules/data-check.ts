import { codeLists } from "@helsekontakt/types/codes";
import type { MessageRuleId } from "../gen/rules/levels.ts";
import { isUuid } from "../identifiers/uuid.ts";
import { oidOf, type RuleContext } from "./context.ts";

/** What a rule states about one place of a document; exactly one of the members behind `at` is there. */
export interface DataCheck {
  readonly rule: MessageRuleId;
  /** Local name of the root or payload that it is about. */
  readonly on: string;
  /** Functions of messages; absent: all of Helsenorge's. */
  readonly functions?: readonly string[];
  /** Parts of the dialogue; absent: all. */
  readonly parts?: readonly string[];
  /** Element names down from the root, an attribute as `@V`. */
  readonly at: readonly string[];
  /** There, and with text or children. */
  readonly required?: true;
  readonly absent?: true;
  /** The text is one of these. */
  readonly is?: readonly string[];
  /** The text is a code of this list. */
  readonly code?: string;
  /** The text is the OID of this list. */
  readonly list?: string;
  readonly format?: string;
  readonly pattern?: string;
}

/** Which checks apply. */
export interface DataScope {
  readonly on: string;
  readonly function: string;
  readonly part?: string | undefined;
}

/**
 * Runs every check that applies to a decoded document. A missing parent is nobody's fault here: whether it must be there is
 * a check of its own, or the schema's.
 *
 * @param path - of the document's root.
 */
export function runDataChecks(
  context: Pick<RuleContext, "add">,
  checks: readonly DataCheck[],
  scope: DataScope,
  value: unknown,
  path: string,
): void {
  for (const check of applying(checks, scope)) visit(context, check, value, path, 0);
}

/** The checks of a scope, found once: there are few scopes, and a message is judged in less time than all checks take to look at. */
const found = new WeakMap<readonly DataCheck[], Map<string, readonly DataCheck[]>>();

function applying(checks: readonly DataCheck[], scope: DataScope): readonly DataCheck[] {
  let byScope = found.get(checks);
  if (byScope === undefined) {
    byScope = new Map();
    found.set(checks, byScope);
  }
  const key = `${scope.on} ${scope.function} ${scope.part ?? ""}`;
  const known = byScope.get(key);
  if (known !== undefined) return known;
  const { on, function: name, part } = scope;
  const own = checks.filter(
    (c) =>
      c.on === on &&
      (c.functions === undefined || c.functions.includes(name)) &&
      (c.parts === undefined || (part !== undefined && c.parts.includes(part))),
  );
  byScope.set(key, own);
  return own;
}

function visit(context: Pick<RuleContext, "add">, check: DataCheck, value: unknown, path: string, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  const step = check.at[depth] as string;
  const child = (value as Readonly<Record<string, unknown>>)[step.startsWith("@") ? `$${step.slice(1)}` : step];
  if (depth === check.at.length - 1) judge(context, check, child, path, step);
  else if (child === undefined) return;
  else if (Array.isArray(child))
    child.forEach((item, i) => visit(context, check, item, `${path}/${step}[${i + 1}]`, depth + 1));
  else visit(context, check, child, `${path}/${step}`, depth + 1);
}

function judge(
  context: Pick<RuleContext, "add">,
  check: DataCheck,
  value: unknown,
  parent: string,
  name: string,
): void {
  if (check.required === true) {
    if (isEmpty(value)) context.add(check.rule, parent, `expected ${name}, found none`);
    return;
  }
  if (value === undefined) return;
  const at = (i: number): string => (Array.isArray(value) ? `${parent}/${name}[${i + 1}]` : `${parent}/${name}`);
  if (check.absent === true) {
    context.add(check.rule, at(0), `expected no ${name}, found one`);
    return;
  }
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  items.forEach((item, i) => {
    const expected = typeof item === "string" ? fault(check, item) : undefined;
    if (expected !== undefined) context.add(check.rule, at(i), `expected ${expected}`);
  });
}

/** What was expected and what was found, when the text breaks the check. */
function fault(check: DataCheck, raw: string): string | undefined {
  const text = raw.trim();
  if (check.is !== undefined) return check.is.includes(text) ? undefined : `${oneOf(check.is)}, found another value`;
  if (check.code !== undefined) {
    const list = codeLists[check.code as keyof typeof codeLists];
    const known = list.codes.some((c: { readonly code: string }) => c.code === text);
    return known ? undefined : `a code of list ${check.code}, found another`;
  }
  if (check.list !== undefined) {
    const { oid } = codeLists[check.list as keyof typeof codeLists];
    // The guide prints the OID with a blank in it.
    return oidOf(raw) === oid ? undefined : `the code list ${oid}, found another`;
  }
  if (check.format !== undefined) return isUuid(text) ? undefined : "a UUID, found other text";
  if (check.pattern !== undefined)
    return patternOf(check.pattern).test(text) ? undefined : `text of the form ${check.pattern}, found other text`;
  return undefined;
}

const patterns = new Map<string, RegExp>();

function patternOf(source: string): RegExp {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  const made = new RegExp(source, "u");
  patterns.set(source, made);
  return made;
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? (values[0] as string) : `one of ${values.join(", ")}`;
}

/** No text at all, however deep: blanks and empty elements say nothing. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === "string") return value.trim() === "";
  if (Array.isArray(value)) return value.every(isEmpty);
  if (typeof value !== "object") return false;
  const { $content, content } = value as { readonly $content?: unknown; readonly content?: unknown };
  const inner = $content ?? content;
  if (inner !== undefined) return isEmpty(inner);
  const { element } = value as { readonly element?: unknown };
  if (element !== undefined) return isEmpty(element);
  return false;
}
