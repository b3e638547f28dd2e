import { type Clock, type ErrorCode, HelsekontaktError, retryAfterMs, systemClock } from "@helsekontakt/core";
import { parseBody } from "./answer-body.ts";
import { faults } from "./gen/faults/helsenorge-faults.ts";

/** Facts about a call that errors may name: never its address or body. */
export interface CallFacts {
  readonly operationId: string;
}

/** Bytes: a fault above this is some other thing's page. */
const maxFaultBytes = 1024 * 1024;

/**
 * The typed error for an answer outside 2xx. The body is read by what it is, whatever its media type says:
 * Helsenorge's fault with keys in any letter case, problem details, an OperationOutcome in JSON or XML, HTML, half of
 * something, or nothing at all. Only codes are taken from it, no text; what a known code means comes from specs/.
 */
export async function readFault(
  response: Response,
  facts: CallFacts,
  clock: Clock = systemClock,
): Promise<HelsekontaktError> {
  const codes = await codesOfFault(response);
  const { status } = response;
  const remoteCode = codes[0];
  const known = remoteCode === undefined ? undefined : explanation(remoteCode);
  const after = response.headers.has("retry-after")
    ? retryAfterMs(response.headers.get("retry-after"), clock.now())
    : undefined;
  const hint = known?.todo ?? statusHint(status, after);
  return new HelsekontaktError(
    codeFor(status),
    `expected an answer to "${facts.operationId}", found HTTP status ${status}${remoteCode === undefined ? "" : ` with ${remoteCode}`}`,
    {
      context: {
        operation: facts.operationId,
        httpStatus: status,
        codes,
        ...(known === undefined ? {} : { explanation: known.explanation, explanationInferred: known.inferred }),
        ...(after === undefined ? {} : { retryAfterMs: after }),
      },
      ...(remoteCode === undefined ? {} : { remoteCode }),
      ...(hint === undefined ? {} : { hint }),
      // 501 and 505 speak of the request: the same one fails again.
      ...(status === 501 || status === 505 ? { retryable: false } : {}),
    },
  );
}

async function codesOfFault(response: Response): Promise<string[]> {
  const size = Number(response.headers.get("content-length") ?? 0);
  if (size > maxFaultBytes) return [];
  try {
    return codesIn(await parseBody(await response.text()));
  } catch {
    return [];
  }
}

function explanation(code: string): (typeof faults)[keyof typeof faults] | undefined {
  return Object.hasOwn(faults, code) ? faults[code as keyof typeof faults] : undefined;
}

function statusHint(status: number, afterMs: number | undefined): string | undefined {
  if (status === 401) return "the service refused the token: check environment, scope and the organisation numbers";
  if (status === 403) return "the client has no access to this: check its scopes and agreements";
  if (status === 404) return "check base address and path; a gateway answers so to a path that it does not know";
  if (status === 413) return "send less at once";
  if (afterMs !== undefined && afterMs > 0) return `try again in ${Math.ceil(afterMs / 1000)} s`;
  if (status === 429) return "call less often, or with fewer calls at once";
  if (status === 400 || status === 422) return "the service will not have this request: the codes say why";
  return undefined;
}

function codeFor(status: number): ErrorCode {
  if (status === 401) return "rest/unauthorized";
  if (status === 403) return "rest/forbidden";
  if (status === 404) return "rest/not-found";
  if (status === 429) return "rest/rate-limited";
  if (status === 408 || status === 425 || status >= 500) return "rest/unavailable";
  return "rest/http-status";
}

/**
 * The other party's codes in a parsed body, in order and without repetition, at most 20: of a fault, an
 * OperationOutcome, or problem details.
 */
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

/** Codes are short words; anything that could be a personal number, also with a mark in it, or a sentence is none. */
function isCode(value: unknown): value is string {
  return (
    typeof value === "string" &&
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/.test(value) &&
    !/\d{9}/.test(value.replaceAll(/[._-]/g, ""))
  );
}
