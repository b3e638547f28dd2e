import { type ErrorCode, HelsekontaktError } from "@helsekontakt/core";

interface RemoteError {
  readonly condition: string | undefined;
  readonly description: string | undefined;
}

/** @internal AMQP condition or system error code, and the broker's text, out of whatever rhea hands over. */
export function remoteError(error: unknown): RemoteError {
  const e = (typeof error === "object" && error !== null ? error : {}) as Record<string, unknown>;
  const condition = e["condition"] ?? e["code"];
  // The message of an error without a code is nobody's protocol text and may quote anything.
  const description = e["description"] ?? (typeof e["code"] === "string" ? e["message"] : undefined);
  return {
    condition: typeof condition === "string" ? condition : undefined,
    description: typeof description === "string" ? description.slice(0, 200) : undefined,
  };
}

/** @internal */
export function amqpError(
  code: ErrorCode,
  message: string,
  error?: unknown,
  context: Record<string, string | number> = {},
): HelsekontaktError {
  const { condition, description } = remoteError(error);
  const refusedForm = description?.includes("amqp_address_v1_not_permitted") === true;
  return new HelsekontaktError(code, condition === undefined ? message : `${message}, found ${condition}`, {
    ...(condition === undefined ? {} : { remoteCode: condition }),
    context: { ...context, ...(description === undefined ? {} : { brokerText: description }) },
    ...(refusedForm
      ? { hint: 'The broker wants RabbitMQ\'s second address form: set dialect to "rabbitmq-v2", or leave it out.' }
      : {}),
    original: error,
  });
}

/** @internal Why a connection was not made or was lost. */
export function connectionError(error: unknown): HelsekontaktError {
  if (error instanceof HelsekontaktError) return error as HelsekontaktError;
  const { condition = "" } = remoteError(error);
  if (condition === "amqp:unauthorized-access")
    return amqpError("amqp/unauthorized", "expected the broker to take user name and password", error);
  const certificate = /CERT|^ERR_TLS|^ERR_SSL|UNABLE_TO_VERIFY|SELF_SIGNED/.test(condition);
  const wrapped = amqpError(
    "amqp/connection",
    certificate ? "expected a broker whose certificate is trusted" : "expected a connection to the broker",
    error,
  );
  return certificate
    ? new HelsekontaktError("amqp/connection", "expected a broker whose certificate is trusted, found another", {
        retryable: false,
        remoteCode: condition,
        hint: "Check tls.ca, tls.servername and the host in the connection string.",
        original: error,
      })
    : wrapped;
}

const refusals: readonly unknown[] = [
  "amqp:not-found",
  "amqp:unauthorized-access",
  "amqp:not-allowed",
  "amqp:not-implemented",
  "amqp:invalid-field",
];
const passing: readonly unknown[] = [
  "amqp:internal-error",
  "amqp:resource-limit-exceeded",
  "amqp:resource-locked",
  "amqp:illegal-state",
  "amqp:connection:forced",
  "amqp:link:detach-forced",
];

/**
 * @internal Whether the broker's ending of a link says "not this address, not for you", as against a passing fault. A
 * link that never got credit counts as refused unless the condition says that it passes.
 */
export function isRefusal(condition: string | undefined, granted: boolean): boolean {
  return refusals.includes(condition) || (!granted && !passing.includes(condition));
}
