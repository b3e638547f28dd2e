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
  const { aktivsjekken = {}, transport = {}, network = {} } = rest ?? {};
  need(
    aktivsjekken.omraade === undefined || ["name", "code"].includes(aktivsjekken.omraade),
    "aktivsjekken.omraade",
    "name or code",
    "name is the default; code is for a service that takes integers only",
  );
  whole(transport.deadlineMs, "transport.deadlineMs", "milliseconds for a call with all its tries");
  whole(transport.maxAnswerBytes, "transport.maxAnswerBytes", "33,554,432 is the default", Number.MAX_SAFE_INTEGER);
  const { retry = {} } = transport;
  whole(retry.tries, "transport.retry.tries", "3 is the default, 1 means no retry", 20);
  whole(retry.baseMs, "transport.retry.baseMs", "200 is the default", longestMs, 0);
  whole(retry.maxMs, "transport.retry.maxMs", "10,000 is the default", longestMs, 0);
  whole(retry.timeoutMs, "transport.retry.timeoutMs", "15,000 is the default");
  if (transport.retryBudget) {
    const { tokens, perSuccess } = transport.retryBudget;
    whole(tokens, "transport.retryBudget.tokens", "20 is the default", 1_000_000);
    need(
      perSuccess === undefined || (perSuccess > 0 && perSuccess <= 1),
      "transport.retryBudget.perSuccess",
      "a number above 0, at most 1",
      "0.1 is the default: one retry for ten successes",
    );
  }
  if (transport.breaker) {
    whole(transport.breaker.failures, "transport.breaker.failures", "10 is the default");
    whole(transport.breaker.openMs, "transport.breaker.openMs", "10,000 is the default");
  }
  if (transport.concurrency) {
    whole(transport.concurrency.max, "transport.concurrency.max", "64 is the default", 10_000);
    whole(transport.concurrency.maxWaiting, "transport.concurrency.maxWaiting", "1,000 is the default", 1e9, 0);
  }
  if (transport.correlation) {
    const { header } = transport.correlation;
    need(
      header === undefined || (/^[!#$%&'*+.^_`|~\w-]+$/.test(header) && !reserved.test(header)),
      "transport.correlation.header",
      "the name of a header that has no other use",
      "x-correlation-id is the default",
    );
  }
  const { proxy, ca } = network;
  need(
    proxy === undefined || /^https?:$/.test(URL.parse(proxy)?.protocol ?? ""),
    "network.proxy",
    "an http or https address",
    "a proxy is named with its scheme and port",
  );
  need(
    (ca === undefined ? [] : typeof ca === "string" ? [ca] : ca).every((pem) =>
      pem.includes("-----BEGIN CERTIFICATE-----"),
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
