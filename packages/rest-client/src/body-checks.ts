import { HelsekontaktError, type Issue, type ValidationResult } from "@helsekontakt/core";
import type { FetchLike } from "./retry.ts";

/** Which body is judged: of a request, or with `status` of an answer. */
export interface BodyPlace {
  readonly operationId: string;
  readonly status?: number;
  readonly mediaType?: string;
}

/** An answer that is not as the API's document states. It holds no value. */
export interface BodyFinding {
  readonly operation: string;
  readonly status: number;
  readonly issues: readonly Issue[];
}

/**
 * Judges JSON bodies by the API's document. The judgement comes from outside, so that whoever wants none does not load
 * it: `validateBody` of `@helsekontakt/validators/openapi` with the document's table.
 */
export interface BodyChecks {
  /** Undefined where the document states nothing of such a body. */
  readonly check: (
    place: BodyPlace,
    body: unknown,
  ) => ValidationResult | undefined | Promise<ValidationResult | undefined>;
  /**
   * What becomes of an answer that breaks the document: `warning` (default) tells `onFinding` and goes on, `error` is a
   * `rest/response-invalid`. A request that breaks it is always an error, before anything is sent.
   */
  readonly answers?: "warning" | "error";
  readonly onFinding?: (finding: BodyFinding) => void;
}

/**
 * A transport whose bodies are judged on their way. What is no JSON, and what cannot be parsed, is left to others.
 *
 * @throws {HelsekontaktError} `input/invalid` before a request that breaks the document, `rest/response-invalid`
 */
export function checksBodies(
  send: FetchLike,
  { check, answers = "warning", onFinding }: BodyChecks,
  { operationId }: { readonly operationId: string },
  requestIsDocumented: boolean,
): FetchLike {
  const judge = async (carrier: Request | Response, status?: number): Promise<readonly Issue[]> => {
    const mediaType = carrier.headers.get("content-type") ?? "";
    if (carrier.body === null || !/^application\/(?:[\w.-]+\+)?json\b/i.test(mediaType)) return [];
    let body: unknown;
    try {
      body = JSON.parse(await carrier.clone().text());
    } catch {
      return [];
    }
    const result = await check({ operationId, mediaType, ...(status === undefined ? {} : { status }) }, body);
    return result === undefined || result.valid ? [] : result.issues.filter((i) => i.level === "error");
  };
  return async (request) => {
    const wrong = requestIsDocumented ? await judge(request) : [];
    if (wrong.length > 0) throw broken("input/invalid", operationId, "request", wrong);
    const response = await send(request);
    const issues = response.ok ? await judge(response, response.status) : [];
    if (issues.length === 0) return response;
    if (answers === "error") throw broken("rest/response-invalid", operationId, "answer", issues);
    try {
      onFinding?.({ operation: operationId, status: response.status, issues });
    } catch {
      // A listener's fault must not touch the call.
    }
    return response;
  };
}

function broken(
  code: "input/invalid" | "rest/response-invalid",
  operation: string,
  what: "request" | "answer",
  issues: readonly Issue[],
): HelsekontaktError {
  const [first] = issues;
  return new HelsekontaktError(
    code,
    `expected the ${what} of "${operation}" to be as the API's document states, found ${issues.length} issue(s); first at ${first?.path}: ${first?.message}`,
    { context: { operation, rules: [...new Set(issues.map((i) => i.rule))], paths: issues.map((i) => i.path) } },
  );
}
