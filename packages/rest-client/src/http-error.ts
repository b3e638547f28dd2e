import { type ErrorCode, HelsekontaktError } from "@helsekontakt/core";

/** Facts about a call that errors may name: never its address or body. */
export interface CallFacts {
  readonly operationId: string;
}

const hints: Readonly<Record<string, string>> = {
  "EHSEC-110002":
    "Helsenorge says this of expired tokens, and also when a multi-tenant client sends no organisation numbers",
};

/**
 * The typed error for an answer outside 2xx. The body is read tolerantly: Helsenorge's fault with keys in any letter
 * case, problem details, an OperationOutcome, or nothing at all. Only codes are taken from it, no text.
 */
export function httpError(status: number, body: string, facts: CallFacts): HelsekontaktError {
  const codes = remoteCodes(body);
  const remoteCode = codes[0];
  const hint = remoteCode === undefined ? undefined : hints[remoteCode];
  return new HelsekontaktError(
    codeFor(status),
    `expected an answer to "${facts.operationId}", found HTTP status ${status}${remoteCode === undefined ? "" : ` with ${remoteCode}`}`,
    {
      context: { operation: facts.operationId, httpStatus: status, codes },
      ...(remoteCode === undefined ? {} : { remoteCode }),
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

function codeFor(status: number): ErrorCode {
  if (status === 401) return "rest/unauthorized";
  if (status === 403) return "rest/forbidden";
  if (status === 408 || status === 425 || status === 429 || status >= 500) return "rest/unavailable";
  return "rest/http-status";
}

/** The other party's codes in a fault body, in order and without repetition; at most 20. */
export function remoteCodes(body: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.replace(/^\uFEFF/, ""));
  } catch {
    return [];
  }
  return codesIn(parsed);
}

/** {@link remoteCodes} of parsed JSON: a fault, an OperationOutcome, or problem details. */
export function codesIn(value: unknown): string[] {
  const found: unknown[] = [];
  if (isRecord(value)) {
    if (Array.isArray(value["issue"]))
      for (const issue of value["issue"]) if (isRecord(issue)) found.push(...issueCodes(issue));
    for (const name of ["code", "errorcode", "error"]) found.push(member(value, name));
    const message = member(value, "errormessage");
    if (isRecord(message)) found.push(member(message, "code"));
  }
  return [...new Set(found.filter(isCode))].slice(0, 20);
}

/** `details.coding[].code` says more than `code`, which is one of FHIR's general kinds. */
function issueCodes(issue: Record<string, unknown>): unknown[] {
  const details = issue["details"];
  const coding = isRecord(details) && Array.isArray(details["coding"]) ? details["coding"] : [];
  const specific = coding.map((c: unknown) => (isRecord(c) ? c["code"] : undefined)).filter(isCode);
  return specific.length > 0 ? specific : [issue["code"]];
}

/** A member by its name in any letter case. */
export function member(value: Record<string, unknown>, lowerName: string): unknown {
  for (const [name, item] of Object.entries(value)) if (name.toLowerCase() === lowerName) return item;
  return undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Codes are short words; anything that could be a personal number or a sentence is none. */
function isCode(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/.test(value) && !/\d{9}/.test(value);
}
