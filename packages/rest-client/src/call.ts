import { HelsekontaktError } from "@helsekontakt/core";
import createClient, { type Client } from "openapi-fetch";
import { type BodyChecks, checksBodies } from "./body-checks.ts";
import { readFault } from "./http-error.ts";
import type { FetchLike, RetryOptions } from "./retry.ts";
import { SharedTransport, type TransportSettings } from "./transport/settings.ts";
import { createPipeline } from "./transport/transport.ts";

/** What every client takes. */
export interface RestClientOptions {
  /** The service's base address, with or without a slash at the end. */
  readonly baseUrl: string;
  /** Sends a request with its credentials: usually `createSigningFetch(…)` of `@helsekontakt/helseid`. Default: the global fetch. */
  readonly fetch?: FetchLike;
  /** Retries and the time limit of one try; the document's own limit is the default. */
  readonly retry?: RetryOptions;
  /** How calls travel; a {@link SharedTransport} where several clients are to share its limits. */
  readonly transport?: TransportSettings | SharedTransport;
  /** Judges bodies by the API's document; default none, since what comes is read leniently anyway. */
  readonly bodies?: BodyChecks;
}

/** What every call takes. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** The part of a generated operation that a call needs. */
export interface Operation {
  readonly operationId: string;
  readonly repeatable: boolean;
  readonly timeoutMs?: number;
  readonly path?: string;
}

/** The operations of one client share its limits. */
const transports = new WeakMap<RestClientOptions, SharedTransport>();

function sharedTransport(options: RestClientOptions): SharedTransport {
  if (options.transport instanceof SharedTransport) return options.transport;
  let shared = transports.get(options);
  if (shared === undefined) {
    shared = new SharedTransport({
      ...options.transport,
      retry: { ...options.transport?.retry, ...options.retry },
    });
    transports.set(options, shared);
  }
  return shared;
}

/**
 * The transport below a client: the pipeline of every API, and every answer outside 2xx a typed error.
 * A 404 comes back as it is when `missing` says that it is an answer.
 *
 * @param requestIsDocumented - false for a request that deviates from its document by configuration.
 */
export function createTransport(
  options: RestClientOptions,
  operation: Operation,
  missing: "is-an-error" | "is-an-answer" = "is-an-error",
  requestIsDocumented = true,
): FetchLike {
  const shared = sharedTransport(options);
  const retry = {
    ...(operation.timeoutMs === undefined ? {} : { timeoutMs: operation.timeoutMs }),
    ...shared.settings.retry,
    ...options.retry,
    ...(operation.repeatable ? {} : { tries: 1 }),
  };
  const plain = createPipeline(
    options.fetch ?? ((request) => globalThis.fetch(request)),
    shared,
    retry,
    operation.path,
  );
  const { bodies } = options;
  const send = bodies === undefined ? plain : checksBodies(plain, bodies, operation, requestIsDocumented);
  return async (request) => {
    const response = await send(request);
    if (response.ok || (response.status === 404 && missing === "is-an-answer")) return response;
    throw await readFault(response, operation, retry.clock);
  };
}

/** openapi-fetch on our terms: typed paths, no redirects. The transport is given with each call. */
export function createPathClient<Paths extends object>(options: RestClientOptions): Client<Paths> {
  return createClient<Paths>({ baseUrl: checkBaseUrl(options.baseUrl), redirect: "error" });
}

/**
 * Refuses a base address that is none.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
export function checkBaseUrl(baseUrl: string): string {
  const url = URL.parse(baseUrl);
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "" || url.username !== "")
    throw new HelsekontaktError(
      "config/invalid",
      'expected "baseUrl" to be a plain http or https address, found something else',
      {
        context: { setting: "baseUrl" },
      },
    );
  return baseUrl;
}

/** Runs a call and gives a faulty body its code: what a parser says of it would quote it. */
export async function readAnswer<T>(operation: Operation, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (reason) {
    if (reason instanceof HelsekontaktError) throw reason;
    throw invalidAnswer(operation, "JSON", "another text");
  }
}

export function invalidAnswer(operation: Operation, expected: string, found: string): HelsekontaktError {
  return new HelsekontaktError(
    "rest/response-invalid",
    `expected the answer to "${operation.operationId}" to be ${expected}, found ${found}`,
    { context: { operation: operation.operationId } },
  );
}
