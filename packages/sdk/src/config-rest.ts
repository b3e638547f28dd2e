import type { ConfigFault, RestConfig } from "./config.ts";

const longestMs = 2 ** 31 - 1;

/** Faults of the transport's settings; secrets such as a proxy's password are never part of what is said. */
export function findRestFaults(rest: RestConfig | undefined): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const need = (ok: boolean, path: string, expected: string, hint: string): void => {
    if (!ok) faults.push({ path: `rest.${path}`, expected, hint });
  };
  const whole = (value: unknown, path: string, hint: string, most: number = longestMs, least = 1): void =>
    need(
      value === undefined || (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most),
      path,
      `a whole number from ${least} to ${most}`,
      hint,
    );
  // Configuration may come from a file: a part can be of any type, and null is not undefined.
  const part = <T extends object>(value: T | false | undefined, path: string, mayBeFalse = false): Partial<T> => {
    const usable = value === undefined || (typeof value === "object" && value !== null && !Array.isArray(value));
    const off = mayBeFalse && value === false;
    need(
      usable || off,
      path,
      mayBeFalse ? "settings by their names, or false" : "settings by their names",
      "leave the part out for its defaults",
    );
    return usable ? (value ?? {}) : {};
  };
  const sections = rest ?? {};
  const aktivsjekken = part(sections.aktivsjekken, "aktivsjekken");
  const transport = part(sections.transport, "transport");
  const network = part(sections.network, "network");
  for (const [name, scope] of Object.entries(part(sections.scopes, "scopes")))
    need(
      scope === undefined || (typeof scope === "string" && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)),
      `scopes.${name === "aktivsjekken" || name === "helsekontakter" ? name : "(other)"}`,
      "one scope by its full name",
      "without blanks; the default comes from the API's description",
    );
  need(
    aktivsjekken.omraade === undefined || ["name", "code", "name-then-code"].includes(aktivsjekken.omraade),
    "aktivsjekken.omraade",
    "name, code or name-then-code",
    "name is the default; code is for a service that takes integers only",
  );
  need(
    sections.bodies === undefined || ["off", "warning", "error"].includes(sections.bodies),
    "bodies",
    "off, warning or error",
    "off is the default",
  );
  whole(transport.deadlineMs, "transport.deadlineMs", "milliseconds for a call with all its tries");
  whole(transport.maxAnswerBytes, "transport.maxAnswerBytes", "33,554,432 is the default", Number.MAX_SAFE_INTEGER);
  need(
    transport.telemetry === undefined || typeof transport.telemetry === "boolean",
    "transport.telemetry",
    "true or false",
    "true is the default",
  );
  const retry = part(transport.retry, "transport.retry");
  whole(retry.tries, "transport.retry.tries", "3 is the default, 1 means no retry", 20);
  whole(retry.baseMs, "transport.retry.baseMs", "200 is the default", longestMs, 0);
  whole(retry.maxMs, "transport.retry.maxMs", "10,000 is the default", longestMs, 0);
  whole(retry.timeoutMs, "transport.retry.timeoutMs", "15,000 is the default");
  need(
    retry.retryStatus === undefined || retry.retryStatus instanceof Set,
    "transport.retry.retryStatus",
    "a Set of HTTP statuses",
    "408, 425, 429, 502, 503 and 504 are the default",
  );
  const { tokens, perSuccess } = part(transport.retryBudget, "transport.retryBudget", true);
  whole(tokens, "transport.retryBudget.tokens", "20 is the default", 1_000_000);
  need(
    perSuccess === undefined || (typeof perSuccess === "number" && perSuccess > 0 && perSuccess <= 1),
    "transport.retryBudget.perSuccess",
    "a number above 0, at most 1",
    "0.1 is the default: one retry for ten successes",
  );
  const breaker = part(transport.breaker, "transport.breaker", true);
  whole(breaker.failures, "transport.breaker.failures", "10 is the default");
  whole(breaker.openMs, "transport.breaker.openMs", "10,000 is the default");
  const concurrency = part(transport.concurrency, "transport.concurrency", true);
  whole(concurrency.max, "transport.concurrency.max", "64 is the default", 10_000);
  whole(concurrency.maxWaiting, "transport.concurrency.maxWaiting", "1,000 is the default", 1e9, 0);
  const { header, id } = part(transport.correlation, "transport.correlation", true);
  need(
    header === undefined ||
      (typeof header === "string" && /^[!#$%&'*+.^_`|~\w-]+$/.test(header) && !reserved.test(header)),
    "transport.correlation.header",
    "the name of a header that has no other use",
    "x-correlation-id is the default",
  );
  need(
    id === undefined || typeof id === "function",
    "transport.correlation.id",
    "a function that makes an id",
    "a random UUID is the default",
  );
  const { proxy, ca } = network;
  need(
    proxy === undefined || (typeof proxy === "string" && /^https?:$/.test(URL.parse(proxy)?.protocol ?? "")),
    "network.proxy",
    "an http or https address",
    "a proxy is named with its scheme and port",
  );
  need(
    (ca === undefined ? [] : Array.isArray(ca) ? ca : [ca]).every(
      (pem: unknown) => typeof pem === "string" && pem.includes("-----BEGIN CERTIFICATE-----"),
    ),
    "network.ca",
    "certificates as PEM",
    "the text itself, not the name of a file",
  );
  whole(network.connections, "network.connections", "as many as needed is the default", 10_000);
  whole(network.keepAliveMs, "network.keepAliveMs", "4,000 is the default");
  return faults;
}

const reserved = /^(?:authorization|dpop|host|content-(?:type|length|encoding)|accept|cookie|connection)$/i;
