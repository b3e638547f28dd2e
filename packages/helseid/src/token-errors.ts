import { HelsekontaktError } from "@helsekontakt/core";
import { AnswerTooLarge, type SeenAnswer } from "./http.ts";

/** What HelseID's own codes say, in `error_description`. */
const helseIdCodes: Readonly<Record<string, string>> = {
  "HID-1001": "the parent organisation is not on the client's whitelist",
  "HID-1002": "the child organisation is not on the client's whitelist",
  "HID-1003": "the child organisation has an older whitelist entry under this parent",
  "HID-1004": "an organisation number has the wrong format",
  "HID-1005": "the client may not pass a parent organisation",
  "HID-1006": "the client may not pass a child organisation",
  "HID-1007": "the client assertion breaks the specification",
  "HID-1008": "the client is registered with a shared secret",
  "HID-1009": "organisation numbers are not allowed in the assertion of the code flow",
  "HID-1010": "the client's set-up contradicts itself: contact NHN",
};

const hints: Readonly<Record<string, string>> = {
  invalid_client: "check client id, key id, the registered key and the clock of this machine",
  invalid_scope: "check that the client has been granted these scopes in Selvbetjening",
  invalid_dpop_proof: "check the clock of this machine",
  invalid_request: "check that the tenancy of the client and the organisation numbers fit",
  unauthorized_client: "check that the client may use client_credentials",
  unsupported_grant_type: "check that the client may use client_credentials",
  use_dpop_nonce: "the token service asked for a nonce again and again",
};

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
    );
  }
  const context = { httpStatus: status, scopes: facts.scopes };
  const transient = isTransientStatus(status);
  if (seen.error !== undefined && !transient) {
    const hid = /\bHID-\d{4}\b/.exec(seen.description ?? "")?.[0];
    const meaning = hid === undefined ? undefined : helseIdCodes[hid];
    const hint = meaning ?? hints[seen.error];
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
