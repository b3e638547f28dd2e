import { HelsekontaktError, limitTime, retryAfterMs, throwIfAborted } from "@helsekontakt/core";
import type { XmlElement } from "@helsekontakt/types/xml";
import { faultCodes, type ServiceContract, type SoapBinding } from "../gen/registries.ts";
import { failedLookUp, type LookUp, type LookUpOptions } from "./look-up.ts";
import { readAtMost } from "./read-at-most.ts";
import { buildSoapRequest, maxAnswerBytes, readSoapAnswer, type SoapFaultFacts } from "./soap-message.ts";

/** How a SOAP service is reached. */
export interface SoapClientOptions {
  /** The service's whole address, path included. Plain http is for the loopback address only: the password goes along. */
  readonly url: string;
  /** Login of HTTP basic authentication, NHN's "OrgUsr". A function is asked at each call, so that it may change. */
  readonly credentials: SoapCredentials | (() => SoapCredentials | Promise<SoapCredentials>);
  /** Default `basic`. */
  readonly binding?: SoapBinding;
  /** Sends a request; wrap it for retries, a pool or a proxy. Default: the global fetch. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** Milliseconds for one call, retries of `fetch` included. Default 60,000. */
  readonly timeoutMs?: number;
}

/** User name and password. */
export interface SoapCredentials {
  readonly username: string;
  readonly password: string;
}

/** Calls of one service. @internal */
export class SoapClient {
  readonly #options: SoapClientOptions;
  readonly #service: ServiceContract;
  readonly #binding: SoapBinding;
  readonly #cookies = new Map<string, string>();

  constructor(service: ServiceContract, options: SoapClientOptions) {
    checkUrl(options.url);
    this.#service = service;
    this.#options = options;
    this.#binding = options.binding ?? "basic";
  }

  /**
   * Calls an operation.
   *
   * @returns `not-found` for an absent or nil result, and for the faults that mean it.
   * @throws {HelsekontaktError} `abort/cancelled`
   */
  async call(
    operation: string,
    values: Readonly<Record<string, unknown>>,
    { signal }: LookUpOptions = {},
  ): Promise<LookUp<XmlElement>> {
    throwIfAborted(signal);
    const limit = limitTime(this.#options.timeoutMs ?? 60_000, signal);
    try {
      return await limit.race(this.#exchange(operation, values, limit.signal));
    } catch (reason) {
      throwIfAborted(signal);
      if (limit.timedOut)
        return failedLookUp(
          new HelsekontaktError("rest/timeout", "expected the registry to answer in time, found no answer", {
            context: { operation },
          }),
        );
      return failedLookUp(
        reason instanceof HelsekontaktError
          ? reason
          : new HelsekontaktError("rest/network", "expected an answer of the registry, found a failed connection", {
              context: { operation },
              original: reason,
            }),
      );
    } finally {
      limit.end();
    }
  }

  /** The open answer to an operation whose answer is a stream; the caller reads it, or cancels it. */
  async open(operation: string, signal: AbortSignal): Promise<LookUp<ReadableStream<Uint8Array>>> {
    const response = await this.#send(operation, {}, signal);
    const isXml = /^\s*(?:text|application)\/[\w.+-]*xml\b/iu.test(response.headers.get("content-type") ?? "text/xml");
    if (response.ok && response.body !== null && isXml) return { kind: "found", value: response.body };
    if (response.ok) {
      await response.body?.cancel().catch(() => {});
      return { kind: "unavailable", error: strange(operation, response.status) };
    }
    const answer = await this.#judge(operation, response, signal);
    // A result beside an error's status is none.
    return answer.kind === "found" ? { kind: "unavailable", error: strange(operation, response.status) } : answer;
  }

  async #exchange(
    operation: string,
    values: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<LookUp<XmlElement>> {
    return await this.#judge(operation, await this.#send(operation, values, signal), signal);
  }

  async #send(operation: string, values: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<Response> {
    const { url, credentials, fetch = (request: Request) => globalThis.fetch(request) } = this.#options;
    const { username, password } = typeof credentials === "function" ? await credentials() : credentials;
    const { body, headers } = buildSoapRequest(this.#service, operation, values, this.#binding, url);
    const response = await fetch(
      new Request(url, {
        method: "POST",
        body,
        redirect: "manual",
        signal,
        headers: {
          ...headers,
          authorization: `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`,
          ...(this.#cookies.size === 0 ? {} : { cookie: [...this.#cookies].map(([k, v]) => `${k}=${v}`).join("; ") }),
        },
      }),
    );
    this.#keepCookies(response.headers.getSetCookie());
    return response;
  }

  /** The gateway keeps callers on one server by a cookie. */
  #keepCookies(lines: readonly string[]): void {
    for (const line of lines) {
      const [, name, value] = /^\s*([^=;,\s]{1,256})=([^;,\s]{0,4096})/u.exec(line) ?? [];
      if (name === undefined || value === undefined || (this.#cookies.size >= 20 && !this.#cookies.has(name))) continue;
      this.#cookies.set(name, value);
    }
  }

  async #judge(operation: string, response: Response, signal: AbortSignal): Promise<LookUp<XmlElement>> {
    const { status } = response;
    if (status === 401 || status === 403 || (status >= 300 && status < 400)) {
      await response.body?.cancel().catch(() => {});
      return { kind: "refused", error: refusal(operation, status) };
    }
    const bytes = await readAtMost(response.body, maxAnswerBytes, signal);
    const answer = readSoapAnswer(bytes, this.#service.namespace, operation);
    if (answer?.kind === "fault") return ofFault(operation, answer.fault);
    if (answer !== undefined && response.ok)
      return answer.result === undefined ? { kind: "not-found" } : { kind: "found", value: answer.result };
    if (status === 429 || status === 408 || status === 425 || status >= 500)
      return { kind: "unavailable", error: busy(operation, response) };
    return status >= 400
      ? { kind: "refused", error: refusal(operation, status) }
      : { kind: "unavailable", error: strange(operation, status) };
  }
}

function ofFault(operation: string, fault: SoapFaultFacts): LookUp<never> {
  const { errorCode, detail, code } = fault;
  if (errorCode !== undefined && Object.hasOwn(faultCodes, errorCode)) return { kind: "not-found" };
  const facts = {
    remoteCode: errorCode ?? code,
    context: { operation, fault: code, ...(detail === undefined ? {} : { detail }) },
  };
  return fault.blamesRequest
    ? {
        kind: "refused",
        error: new HelsekontaktError(
          "rest/http-status",
          `expected an answer to "${operation}", found the fault ${errorCode ?? code}`,
          facts,
        ),
      }
    : {
        kind: "unavailable",
        error: new HelsekontaktError(
          "rest/unavailable",
          `expected an answer to "${operation}", found the fault ${errorCode ?? code}`,
          facts,
        ),
      };
}

function refusal(operation: string, status: number): HelsekontaktError {
  const code = status === 401 ? "rest/unauthorized" : status === 403 ? "rest/forbidden" : "rest/http-status";
  return new HelsekontaktError(code, `expected an answer to "${operation}", found HTTP status ${status}`, {
    context: { operation, httpStatus: status },
    hint:
      status === 401 || status === 403
        ? "check user name and password of the registry, and that they are of this environment"
        : "check the address and the binding: each binding has an address of its own",
  });
}

function busy(operation: string, response: Response): HelsekontaktError {
  const after = retryAfterMs(response.headers.get("retry-after"), Date.now());
  return new HelsekontaktError(
    response.status === 429 ? "rest/rate-limited" : "rest/unavailable",
    `expected an answer to "${operation}", found HTTP status ${response.status}`,
    { context: { operation, httpStatus: response.status, ...(after > 0 ? { retryAfterMs: after } : {}) } },
  );
}

function strange(operation: string, status: number): HelsekontaktError {
  return new HelsekontaktError(
    "rest/response-invalid",
    `expected a SOAP answer to "${operation}", found something else`,
    {
      context: { operation, httpStatus: status },
      hint: "a gateway or proxy may have answered in the registry's place",
    },
  );
}

/**
 * A password must not travel in the clear.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
function checkUrl(text: string): void {
  const url = URL.parse(text);
  const local = url !== null && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url === null || url.username !== "" || !(url.protocol === "https:" || (url.protocol === "http:" && local)))
    throw new HelsekontaktError(
      "config/invalid",
      'expected "url" of a registry to be an https address without a login, found something else',
      { context: { setting: "url" } },
    );
}
