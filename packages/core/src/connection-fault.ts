/** System error codes say what to do; messages beside them hold addresses. */
const hints: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens at this address: check host, port and proxy",
  ENOTFOUND: "the host has no address: check its name, and the proxy",
  EAI_AGAIN: "the name service does not answer",
  DEPTH_ZERO_SELF_SIGNED_CERT: "give the certificate of the own authority as ca",
  SELF_SIGNED_CERT_IN_CHAIN: "give the certificate of the own authority as ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "give the certificate of the issuing authority as ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "give the certificate of the issuing authority as ca",
  CERT_HAS_EXPIRED: "the server's certificate has expired: its owner must renew it",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another host: check the base address",
};

/**
 * What may be said of a connection that failed: the system's own code for it, looked for in the error and the causes
 * behind it, and what to do. Both absent where there is no code.
 */
export function connectionFault(reason: unknown): {
  readonly context?: { readonly cause: string };
  readonly hint?: string;
} {
  for (let at: unknown = reason, depth = 0; depth < 5 && typeof at === "object" && at !== null; depth++) {
    const { code, cause } = at as { code?: unknown; cause?: unknown };
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(code) && !/\d{6}/.test(code)) {
      const hint = Object.hasOwn(hints, code) ? hints[code] : undefined;
      return { context: { cause: code }, ...(hint === undefined ? {} : { hint }) };
    }
    at = cause;
  }
  return {};
}
