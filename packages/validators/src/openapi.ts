import { type Issue, type ValidationResult, validationResult } from "@helsekontakt/core";
import type { BodyCheck, BodyFault, BodyTable } from "./openapi/body-table.ts";

export type { BodyCheck, BodyFault, BodyTable } from "./openapi/body-table.ts";

/** Which body it is. */
export interface BodyPlace {
  readonly operationId: string;
  /** HTTP status of an answer; absent for a request. */
  readonly status?: number;
  /** As the `Content-Type` header says, parameters included. Default `application/json`. */
  readonly mediaType?: string;
}

/** Findings told at most; a list of a thousand faulty items is one kind of fault. */
const maxIssues = 100;

/**
 * Checks a JSON body against what the API's document states.
 *
 * Requests are judged strictly. Answers may hold new members, new values of enums and new kinds of a discriminated
 * choice: a service grows before its clients do. Paths are JSON pointers in which keys of maps are `*`, since they may
 * be national identity numbers, and no value is told.
 *
 * @param table - `bodies` of `@helsekontakt/validators/openapi/…`
 * @returns undefined when the document states nothing of such a body.
 */
export function validateBody(table: BodyTable, place: BodyPlace, value: unknown): ValidationResult | undefined {
  const check = findCheck(table, place);
  if (check === undefined) return undefined;
  if (check(value)) return validationResult([]);
  const issues: Issue[] = [];
  const seen = new Set<string>();
  for (const fault of check.errors ?? []) {
    const issue = issueOf(fault, table.memberNames);
    const key = `${issue.path} ${issue.rule} ${issue.message}`;
    if (seen.has(key)) continue;
    seen.add(key);
    issues.push(issue);
    if (issues.length === maxIssues) break;
  }
  return validationResult(issues);
}

function findCheck(table: BodyTable, place: BodyPlace): BodyCheck | undefined {
  const operation = Object.hasOwn(table.operations, place.operationId)
    ? table.operations[place.operationId]
    : undefined;
  if (operation === undefined) return undefined;
  const byMediaType =
    place.status === undefined
      ? operation.request
      : (operation.responses[place.status] ??
        operation.responses[`${Math.trunc(place.status / 100)}XX`] ??
        operation.responses["default"]);
  if (byMediaType === undefined) return undefined;
  const mediaType = (place.mediaType ?? "application/json").split(";")[0]?.trim().toLowerCase() ?? "";
  const [kind, subtype = ""] = mediaType.split("/");
  const suffix = /\+\w+$/.exec(subtype)?.[0];
  return (
    byMediaType[mediaType] ??
    (suffix === undefined ? undefined : byMediaType[`${kind}/*${suffix}`]) ??
    byMediaType[`${kind}/*`]
  );
}

function issueOf(fault: BodyFault, memberNames: ReadonlySet<string>): Issue {
  const { keyword, params } = fault;
  const missing = params["missingProperty"];
  const path = fault.instancePath
    .split("/")
    .map((part) => {
      const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
      return name === "" || memberNames.has(name) || /^\d{1,7}$/.test(name) ? part : "*";
    })
    .join("/");
  return {
    level: "error",
    rule: `openapi/${keyword}`,
    path: path === "" ? "/" : path,
    message: `expected ${expectation(keyword, params, typeof missing === "string" && memberNames.has(missing) ? missing : undefined)}, found ${keyword === "required" ? "none" : "something else"}`,
  };
}

/** Keywords of JSON Schema 2020-12 in words; limits come from the document, so they may be told. */
function expectation(keyword: string, params: Readonly<Record<string, unknown>>, missing: string | undefined): string {
  const limit = String(params["limit"]);
  switch (keyword) {
    case "type":
      return [params["type"]].flat().join(" or ");
    case "required":
      return missing === undefined ? "a required member" : `the member "${missing}"`;
    case "additionalProperties":
    case "unevaluatedProperties":
    case "propertyNames":
      return "no other members than the document names";
    case "enum":
      return "one of the values that the document lists";
    case "const":
      return "the value that the document fixes";
    case "pattern":
      return "text of the pattern that the document states";
    case "format":
      return `text of format ${String(params["format"])}`;
    case "minLength":
      return `at least ${limit} characters`;
    case "maxLength":
      return `at most ${limit} characters`;
    case "minItems":
      return `at least ${limit} items`;
    case "maxItems":
      return `at most ${limit} items`;
    case "uniqueItems":
      return "items that differ";
    case "minimum":
    case "maximum":
    case "exclusiveMinimum":
    case "exclusiveMaximum":
      return `a number ${String(params["comparison"])} ${limit}`;
    case "multipleOf":
      return `a multiple of ${String(params["multipleOf"])}`;
    case "oneOf":
      return "exactly one of the forms that the document lists";
    case "anyOf":
      return "one of the forms that the document lists";
    default:
      return `what the document states by "${keyword}"`;
  }
}
