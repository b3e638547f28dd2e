import type { FetchLike } from "../retry.ts";

/** One call on its way down. Middlewares that change something pass on a copy. */
export interface Outgoing {
  readonly url: string;
  /** Scheme, host and port: what breakers and metrics are kept for. */
  readonly origin: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: ArrayBuffer | undefined;
  readonly signal: AbortSignal;
  /** Path template of the operation, where there is one: the only part of the path that spans may hold. */
  readonly template: string | undefined;
  /** 1 for the first try. */
  readonly tryNumber: number;
  /** Whether the deadline of the whole call has passed; absent above it. */
  readonly pastDeadline?: () => boolean;
}

/** Sends a call and answers with what came. */
export type Handler = (call: Outgoing) => Promise<Response>;

/** Wraps a handler into one that does more. */
export type Middleware = (next: Handler) => Handler;

/** The first middleware is the outermost. */
export function compose(middlewares: readonly (Middleware | undefined)[], last: Handler): Handler {
  return middlewares.reduceRight<Handler>((next, wrap) => (wrap === undefined ? next : wrap(next)), last);
}

/** The bottom of every pipeline: one Request out, its answer back. */
export function sendWith(fetch: FetchLike): Handler {
  return (call) =>
    holding(
      new Request(call.url, {
        method: call.method,
        headers: call.headers,
        redirect: "manual",
        signal: call.signal,
        ...(call.body === undefined ? {} : { body: call.body }),
      }),
      fetch,
    );
}

/**
 * Only a Request that somebody holds hears the signal it was made with: after a garbage collection it would stay
 * silent. The last look at it holds it until the work is over.
 */
async function holding(request: Request, work: (request: Request) => Promise<Response>): Promise<Response> {
  try {
    return await work(request);
  } finally {
    void request.signal.aborted;
  }
}

/** A pipeline as the `fetch` that clients are given. */
export function asFetch(handler: Handler, template?: string): FetchLike {
  return (given) =>
    holding(given, async (request) =>
      handler({
        url: request.url,
        origin: new URL(request.url).origin,
        method: request.method,
        headers: new Headers(request.headers),
        body: request.body === null ? undefined : await request.arrayBuffer(),
        signal: request.signal,
        template,
        tryNumber: 1,
      }),
    );
}
