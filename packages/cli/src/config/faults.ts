import type { ConfigFault } from "@helsekontakt/sdk";
import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** Turns what the schema found into faults with path, expectation and next step; values are never quoted. */
export function faultsOf(issues: readonly Issue[], schema: Record<string, unknown>): ConfigFault[] {
  return issues.flatMap((issue) => faultsOfIssue(issue, schema));
}

function faultsOfIssue(issue: Issue, schema: Record<string, unknown>): ConfigFault[] {
  const path = pathText(issue.path);
  if (issue.code === "unrecognized_keys") {
    const known = namesAt(schema, issue.path);
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      return {
        path: path === "" ? key : `${path}.${key}`,
        expected: "a setting by its name, found an unknown name",
        hint: near === undefined ? `known here: ${known.join(", ")}` : `did you mean ${near}?`,
      };
    });
  }
  if (issue.code === "invalid_union") return [unionFault(issue, path, schema)];
  return [{ path, expected: expectation(issue), hint: hintOf(issue) }];
}

/** The alternative that fits best tells what is missing in it; without one, all are named. */
function unionFault(
  issue: Extract<Issue, { code: "invalid_union" }>,
  path: string,
  schema: Record<string, unknown>,
): ConfigFault {
  const best = issue.errors
    .filter((errors) => errors.length > 0 && errors.every((e) => e.path.length > 0 || e.code === "unrecognized_keys"))
    .toSorted((a, b) => weight(a) - weight(b))[0];
  const title = (at(schema, issue.path)?.["title"] ?? "") as string;
  const forms = unionForms[title];
  const misspelt = best?.find(
    (e) => e.code === "unrecognized_keys" && e.keys.some((k) => nearest(k, namesAt(schema, issue.path)) !== undefined),
  );
  if (misspelt !== undefined) {
    const [first] = faultsOf([{ ...misspelt, path: [...issue.path, ...misspelt.path] } as Issue], schema);
    if (first !== undefined) return first;
  }
  if (best !== undefined && weight(best) < 2) {
    const [first] = faultsOf(
      best.map((e) => ({ ...e, path: [...issue.path, ...e.path] }) as Issue),
      schema,
    );
    if (first !== undefined) return { ...first, hint: forms === undefined ? first.hint : `forms: ${forms}` };
  }
  return { path, expected: forms ?? "one of the forms in the schema", hint: "config.schema.json states every form" };
}

const secretForms = 'a text, { "file": path } or { "env": name }';
const unionForms: Readonly<Record<string, string>> = {
  Secret: secretForms,
  ClientKey: '{ "jwk" }, { "pem", "kid", "alg" } or { "pkcs12", "kid", "alg" }',
  Identity: '{ "pem", "certificate"? } or { "pkcs12" }, with "passphrase" where it is encrypted',
  Journal: '{ "sqlite": path } or { "postgres": url }',
};

function weight(errors: readonly Issue[]): number {
  return errors.reduce((sum, e) => sum + (e.code === "unrecognized_keys" ? e.keys.length : 1), 0);
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined
        ? `${kindWords[issue.expected] ?? issue.expected}, found nothing or another kind`
        : issue.expected;
    case "invalid_value":
      return `one of ${issue.values.join(", ")}`;
    case "invalid_format":
      return "pattern" in issue && issue.pattern !== undefined ? `a text of the form ${issue.pattern}` : issue.format;
    case "too_small":
      return `at least ${issue.minimum}, found less`;
    default:
      return "another value";
  }
}

const kindWords: Readonly<Record<string, string>> = {
  string: "a text",
  object: "an object",
  array: "a list",
  int: "a whole number",
  number: "a number",
  boolean: "true or false",
};

function hintOf(issue: Issue): string {
  const last = issue.path.at(-1);
  if (last === "herId") return "a HER-id is text of digits, from Adresseregisteret";
  if (last === "organisationNumber") return "nine digits without blanks, as text, from Enhetsregisteret";
  if (last === "environment") return "LOCAL is the sandbox; TEST2 is the usual choice for integrations";
  return "config.schema.json states every setting";
}

export function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) text += typeof part === "number" ? `[${part}]` : `${text === "" ? "" : "."}${String(part)}`;
  return text;
}

/** The part of the JSON Schema that a path leads to. */
function at(schema: Record<string, unknown>, path: readonly PropertyKey[]): Record<string, unknown> | undefined {
  let here: Record<string, unknown> | undefined = schema;
  for (const part of path) {
    const next: unknown =
      typeof part === "number" ? here?.["items"] : (here?.["properties"] as Record<string, unknown>)?.[String(part)];
    here = next as Record<string, unknown> | undefined;
  }
  return here;
}

function namesAt(schema: Record<string, unknown>, path: readonly PropertyKey[]): string[] {
  const here = at(schema, path);
  const alternatives = (here?.["anyOf"] ?? [here]) as readonly (Record<string, unknown> | undefined)[];
  const names = alternatives.flatMap((a) => Object.keys((a?.["properties"] as object | undefined) ?? {}));
  return [...new Set(names)].filter((name) => name !== "$schema");
}

/** The known name with the fewest edits, if they are few for its length. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((k) => ({ k, d: distance(name.toLowerCase(), k.toLowerCase()) }))
    .filter(({ k, d }) => d <= Math.max(2, Math.floor(k.length / 3)))
    .toSorted((a, b) => a.d - b.d);
  return best?.k;
}

/** Edits from one word to another (Levenshtein), in one row. */
function distance(a: string, b: string): number {
  const row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = i - 1;
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j] as number;
      row[j] = Math.min(above + 1, (row[j - 1] as number) + 1, diagonal + (a[i - 1] === b[j - 1] ? 0 : 1));
      diagonal = above;
    }
  }
  return row[b.length] as number;
}
