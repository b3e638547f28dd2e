import { HelsekontaktError } from "@helsekontakt/core";
import type { FetchLike } from "../retry.ts";

/** Settings of the connections below every call. */
export interface NetworkOptions {
  /** `http://host:port` or `https://…` of a proxy, with user and password where it asks for them. */
  readonly proxy?: string;
  /** PEM of authorities that are trusted beside the public ones. */
  readonly ca?: string | readonly string[];
  /** Connections to one origin. Default: as many as there are requests at once. */
  readonly connections?: number;
  /** Milliseconds that an idle connection is kept. Default 4,000: less than servers do, so that none breaks at its use. */
  readonly keepAliveMs?: number;
}

/** A `fetch` over connections of its own. */
export interface NetworkFetch {
  readonly fetch: FetchLike;
  /** Lets requests under way finish, then closes all connections. A request after that opens new ones. */
  close(): Promise<void>;
}

/**
 * A `fetch` over undici's Agent or ProxyAgent, for a proxy, an own authority, or an own pool. Give it to the token
 * source as well: tokens take the same way.
 *
 * undici is loaded with the first request. Without any of these settings the global `fetch` does the same: it is
 * undici too, the one inside Node, with keep-alive on; a second copy would weigh more than all of this package.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
export function createNetworkFetch(options: NetworkOptions = {}): NetworkFetch {
  check(options);
  let opening: ReturnType<typeof open> | undefined;
  return {
    async fetch(request) {
      opening ??= open(options).catch((reason: unknown) => {
        // A file that could not be read now is there at the next request.
        opening = undefined;
        throw reason;
      });
      const { dispatcher, fetch } = await opening;
      const response = await fetch(request.url, {
        method: request.method,
        headers: [...request.headers],
        redirect: "manual",
        signal: request.signal,
        dispatcher,
        ...(request.body === null ? {} : { body: await request.arrayBuffer() }),
      });
      if (response.status > 599) {
        await response.body?.cancel();
        throw new HelsekontaktError(
          "rest/response-invalid",
          "expected an answer, found a status that HTTP does not have",
          {
            context: { httpStatus: response.status },
          },
        );
      }
      // undici's classes are not the global ones: what comes back is.
      return new Response(response.body as unknown as ReadableStream | null, {
        status: response.status,
        headers: [...response.headers],
      });
    },
    async close() {
      const open = opening;
      opening = undefined;
      if (open !== undefined) await (await open).dispatcher.close();
    },
  };
}

async function open({ proxy, ca, connections, keepAliveMs = 4_000 }: NetworkOptions) {
  const { Agent, ProxyAgent, fetch } = await import("undici");
  const { rootCertificates } = await import("node:tls");
  const tls = ca === undefined ? {} : { ca: [...rootCertificates, ...(typeof ca === "string" ? [ca] : ca)] };
  const pool = { keepAliveTimeout: keepAliveMs, ...(connections === undefined ? {} : { connections }) };
  const dispatcher =
    proxy === undefined
      ? new Agent({ ...pool, connect: tls })
      : new ProxyAgent({ ...pool, uri: proxy, requestTls: tls, proxyTls: tls, proxyTunnel: true });
  return { dispatcher, fetch };
}

function check({ proxy, ca }: NetworkOptions): void {
  if (proxy !== undefined && !/^https?:$/.test(URL.parse(proxy)?.protocol ?? ""))
    throw new HelsekontaktError(
      "config/invalid",
      'expected "proxy" to be an http or https address, found something else',
      {
        context: { setting: "proxy" },
      },
    );
  for (const pem of ca === undefined ? [] : typeof ca === "string" ? [ca] : ca)
    if (!pem.includes("-----BEGIN CERTIFICATE-----"))
      throw new HelsekontaktError("config/invalid", 'expected "ca" to hold certificates as PEM, found none', {
        context: { setting: "ca" },
        hint: "a DER file becomes PEM by openssl x509 -inform der",
      });
}
