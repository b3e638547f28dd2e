import type { ErrorCode } from "./error-codes.ts";

/**
 * The codes whose errors are `retryable` unless they say otherwise: what an error needs of the list at run time. The
 * meanings of all codes weigh more than everything else here together, and are for those who explain errors.
 */
export const retryableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "auth/token-unavailable",
  "rest/rate-limited",
  "rest/unavailable",
  "rest/circuit-open",
  "rest/overloaded",
  "rest/timeout",
  "rest/network",
  "amqp/connection",
  "amqp/link-detached",
  "amqp/released",
  "amqp/timeout",
  "amqp/overloaded",
  "registry/unavailable",
  "message/handler-failed",
  "journal/unavailable",
  "journal/full",
]);
