/**
 * The closed list of error codes, `layer/reason`. Adding one is a minor change; removing or re-meaning one is major.
 *
 * `retryable` says whether repeating the same call is safe and may help; a single error can override it.
 */
export const errorCodes = {
  "config/invalid": { retryable: false, meaning: "the configuration object has one or more faults; all are listed" },
  "config/missing": { retryable: false, meaning: "a setting that this call needs is absent" },
  "input/invalid": { retryable: false, meaning: "an argument does not have the form that the call expects" },
  "input/too-large": { retryable: false, meaning: "an argument exceeds a stated limit" },
  "abort/cancelled": { retryable: false, meaning: "the caller's AbortSignal ended the call" },
  "internal/unknown": { retryable: false, meaning: "a fault that no layer recognised; please report it" },

  "xml/not-well-formed": { retryable: false, meaning: "the bytes are not well-formed, namespace-well-formed XML" },
  "xml/doctype-refused": { retryable: false, meaning: "the document has a DOCTYPE, which is never read" },
  "xml/encoding": { retryable: false, meaning: "the bytes do not match their declared encoding, or it is unknown" },
  "xml/limit-exceeded": { retryable: false, meaning: "size, depth, attribute or text limit exceeded" },
  "xml/unknown-root": { retryable: false, meaning: "no schema in this build knows the root element" },
  "xml/unexpected-element": { retryable: false, meaning: "an element stands where the schema allows none of its name" },
  "xml/missing-element": { retryable: false, meaning: "a required element or attribute is absent" },
  "xml/not-encodable": { retryable: false, meaning: "an object does not fit the schema type it is to be written as" },
  "xml/not-valid": { retryable: false, meaning: "the document breaks its schema; the issues are listed" },
  "fhir/not-readable": { retryable: false, meaning: "the text is not FHIR JSON or XML" },
  "fhir/not-valid": { retryable: false, meaning: "the resource breaks its profile; the issues are listed" },

  "auth/token-rejected": { retryable: false, meaning: "the token service refused the request" },
  "auth/token-unavailable": { retryable: true, meaning: "the token service could not be reached or failed" },
  "auth/token-not-bound": { retryable: false, meaning: "a DPoP-bound token was asked for, another kind was given" },
  "auth/scope-rejected": { retryable: false, meaning: "the token does not hold a scope that was asked for" },
  "auth/key-invalid": { retryable: false, meaning: "a private key cannot be used for signing" },
  "auth/key-store": { retryable: false, meaning: "the store of client keys cannot be read or written, or is in use" },
  "auth/metadata-invalid": {
    retryable: false,
    meaning: "the issuer's metadata is missing, wrong or of another issuer",
  },

  "rest/http-status": { retryable: false, meaning: "the service answered with an error status" },
  "rest/unauthorized": { retryable: false, meaning: "the service answered 401" },
  "rest/forbidden": { retryable: false, meaning: "the service answered 403" },
  "rest/not-found": { retryable: false, meaning: "the service answered 404" },
  "rest/rate-limited": { retryable: true, meaning: "the service answered 429, after retries" },
  "rest/unavailable": { retryable: true, meaning: "the service answered 408, 425 or 5xx, after retries" },
  "rest/circuit-open": { retryable: true, meaning: "the service has failed many times in a row; nothing was sent" },
  "rest/overloaded": { retryable: true, meaning: "too many calls wait for a place; nothing was sent" },
  "rest/timeout": { retryable: true, meaning: "no answer within the time limit" },
  "rest/network": { retryable: true, meaning: "the connection failed before an answer came" },
  "rest/response-invalid": { retryable: false, meaning: "the answer does not have the form that the API describes" },

  "amqp/connection": { retryable: true, meaning: "the broker cannot be reached or closed the connection" },
  "amqp/unauthorized": { retryable: false, meaning: "the broker refused the user name or password" },
  "amqp/link-refused": { retryable: false, meaning: "the broker refused the address" },
  "amqp/link-detached": { retryable: true, meaning: "the link ended before the outcome was known" },
  "amqp/rejected": { retryable: false, meaning: "the broker rejected the message" },
  "amqp/released": { retryable: true, meaning: "the broker released the message without taking it" },
  "amqp/timeout": { retryable: true, meaning: "no outcome within the time limit; the broker may have the message" },
  "amqp/overloaded": { retryable: true, meaning: "too many messages or queues wait to be sent; nothing was taken" },
  "amqp/closed": { retryable: false, meaning: "the connection was closed by this side" },
  "amqp/header-invalid": { retryable: false, meaning: "required message properties are missing or wrong" },
  "amqp/unsupported-message": { retryable: false, meaning: "no handler or agreement for this message function" },

  "protection/not-cms": { retryable: false, meaning: "the bytes are not a CMS structure of the expected kind" },
  "protection/algorithm-refused": { retryable: false, meaning: "an algorithm that policy does not allow" },
  "protection/decryption-failed": { retryable: false, meaning: "the content cannot be decrypted with the keys given" },
  "protection/signature-invalid": { retryable: false, meaning: "the signature does not match content and signer" },
  "protection/signer-unexpected": { retryable: false, meaning: "signed by another certificate than the expected one" },
  "protection/certificate-invalid": {
    retryable: false,
    meaning: "a certificate is expired, of wrong usage or unreadable",
  },
  "protection/key-unreadable": { retryable: false, meaning: "a key or PKCS#12 file cannot be opened" },

  "registry/party-unknown": {
    retryable: false,
    meaning: "no communication party with this HER-id",
    todo: "look the HER-id up in the address registry of the same environment: test and production have different ones",
  },
  "registry/party-inactive": {
    retryable: false,
    meaning: "the communication party is not active",
    todo: "find the party that has taken over, or ask its owner to activate it; registry.checks `lenient` sends all the same",
  },
  "registry/no-queue": {
    retryable: false,
    meaning: "the party has no queue of this type",
    todo: "write to another level of the party (a service under the organisation), or ask its owner to register the queue",
  },
  "registry/function-unsupported": {
    retryable: false,
    meaning: "the party's profile cannot receive this function",
    todo: "the receiver must activate the process in the address registry; with an agreement, a new one is needed",
  },
  "registry/profile-invalid": {
    retryable: false,
    meaning: "a CPP or CPA document cannot be read",
    todo: "look at the document with `helsekontakt profile`, and report it to NHN's customer service",
  },
  "registry/agreement-expired": {
    retryable: false,
    meaning: "the agreement with the party is not in force: its time is over or has not begun, or it was ended",
    todo: "the parties need a new agreement in the collaboration registry; registry.checks `lenient` sends all the same",
  },
  "registry/no-profile": {
    retryable: false,
    meaning: "the party has neither agreement nor profile, and sending without one is switched off",
    todo: "the party must register its processes in the address registry; registry.dummies `allow` sends all the same",
  },
  "registry/unavailable": {
    retryable: true,
    meaning: "the registry cannot be reached or failed",
    todo: "nothing at once: messages wait and are sent when it answers; `helsekontakt doctor` tells address, token and login",
  },

  "receipt/unknown-message": {
    retryable: false,
    meaning: "an AppRec refers to a message that was never sent from here",
  },
  "receipt/invalid": { retryable: false, meaning: "an AppRec cannot be understood" },
  "receipt/overdue": { retryable: false, meaning: "no AppRec within the deadline" },
  "message/spoofed-sender": { retryable: false, meaning: "header, payload and certificate name different senders" },
  "message/not-deliverable": { retryable: false, meaning: "the receiver reported a transport error" },
  "message/handler-failed": { retryable: true, meaning: "the application's handler threw" },
  "message/tries-exhausted": {
    retryable: false,
    meaning: "every try that a message was allowed ended without an outcome; it is set aside",
  },

  "journal/unavailable": { retryable: true, meaning: "the journal's store cannot be opened or written" },
  "journal/full": { retryable: true, meaning: "the journal's store has no room for more; nothing was stored" },
  "journal/read-only": { retryable: false, meaning: "the journal's store may be read but not written" },
  "journal/conflict": { retryable: false, meaning: "the state change is not allowed from the present state" },
  "journal/not-found": { retryable: false, meaning: "no row of this id in the journal" },
  "journal/key-unknown": { retryable: false, meaning: "a row is encrypted under a key that was not given" },
  "journal/corrupt": { retryable: false, meaning: "a stored value cannot be authenticated or read" },
  "journal/too-new": {
    retryable: false,
    meaning: "the store was migrated by a later version of this package",
    todo: "start that version, or a later one: nothing was changed, and what was stored is there",
  },
  "journal/closed": { retryable: false, meaning: "the journal has been closed" },
} as const satisfies Record<
  string,
  {
    readonly retryable: boolean;
    readonly meaning: string;
    /** What to do about it, where there is something. */
    readonly todo?: string;
  }
>;

/** One of the codes in {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;
