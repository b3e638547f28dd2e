import { connectionFault, HelsekontaktError } from "@helsekontakt/core";
import { faults } from "./gen/helseid-faults.ts";
import { AnswerTooLarge, type SeenAnswer } from "./http.ts";

/**
 * Turns any fault of a token request into one typed error. Nothing of oauth4webapi's errors goes on: their `cause`
 * holds the answer's body, and with it tokens.
 */
export function tokenError(
  reason: unknown,
  seen: SeenAnswer | undefined,
  facts: { readonly scopes: readonly string[] },
): HelsekontaktError {
  if (reason instanceof HelsekontaktError) return reason;
  const status = seen?.status;
  if (seen === undefined || status === undefined) {
    const name = typeof reason === "object" && reason !== null ? (reason as { name?: unknown }).name : undefined;
    if (name === "TimeoutError")
      return new HelsekontaktError(
        "auth/token-unavailable",
        "expected an answer from the token service, found none in time",
      );
    if (reason instanceof AnswerTooLarge)
      return new HelsekontaktError(
        "auth/token-unavailable",
        "expected an answer of at most 1 MiB from the token service, found a larger one",
        { retryable: false },
      );
    return new HelsekontaktError(
      "auth/token-unavailable",
      "expected an answer from the token service, found a failed connection",
      connectionFault(reason),
    );
  }
  const context = { httpStatus: status, scopes: facts.scopes };
  const transient = isTransientStatus(status);
  if (seen.error !== undefined && !transient) {
    const hid = /\bHID-\d{4}\b/.exec(seen.description ?? "")?.[0];
    const known = (hid === undefined ? undefined : explainFault(hid)) ?? explainFault(seen.error);
    const hint = known === undefined ? undefined : `${known.explanation} What to do: ${known.todo}.`;
    return new HelsekontaktError(
      seen.error === "invalid_scope" ? "auth/scope-rejected" : "auth/token-rejected",
      `expected a token, found error "${seen.error}"${hid === undefined ? "" : ` with ${hid}`}`,
      { remoteCode: hid ?? seen.error, context, ...(hint === undefined ? {} : { hint }) },
    );
  }
  if (status === 200)
    return new HelsekontaktError(
      "auth/token-unavailable",
      "expected a token response as OAuth describes it, found another body",
      { retryable: false, context },
    );
  return new HelsekontaktError("auth/token-unavailable", `expected a token, found HTTP status ${status}`, {
    retryable: transient,
    context,
  });
}

export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** What a code of HelseID means and what to do: `HID-…`, or an OAuth error. Undefined for a code that nobody has described. */
export function explainFault(code: string): { readonly explanation: string; readonly todo: string } | undefined {
  if (!Object.hasOwn(faults, code)) return undefined;
  const { explanation, todo } = faults[code as keyof typeof faults];
  return { explanation, todo };
}
