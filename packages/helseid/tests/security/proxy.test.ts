import { createServer, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Server, type Socket } from "node:net";
import { inspect } from "node:util";
import { HelsekontaktError } from "@helsekontakt/core";
import { createNetworkFetch, type NetworkOptions } from "@helsekontakt/rest-client";
import { createIdentities } from "@helsekontakt/sandbox";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Token } from "../../src/index.ts";
import { manualClock } from "../_sts.ts";
import { type Helseid, listen, sourceOf, startHelseid } from "./_wire.ts";

// Tokens on their way through a proxy, and to a host whose certificate is another's: with the connections that the REST
// transport makes, which a token source is given.

const password = "pass-7f3-of-the-proxy";
let helseid: Helseid;
let ca: string;
let tls: { cert: string; key: string };
const closing: (() => void)[] = [];

beforeAll(async () => {
  helseid = await startHelseid();
  const { authority, provider } = await createIdentities(Date.now());
  const { certificate, key } = provider.encryption;
  ca = authority.certificate.toString();
  tls = { cert: certificate.toString(), key: key.export({ type: "pkcs8", format: "pem" }).toString() };
});
afterAll(async () => {
  for (const close of closing) close();
  await helseid.close();
});

async function opened(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A proxy, with all that it is told before the tunnel stands. */
async function proxyWith(tunnel: (request: IncomingMessage, socket: Socket, head: Buffer) => void) {
  const told: string[] = [];
  const server = createServer((request, response) => {
    // A request in the clear, which no client of ours makes.
    told.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
    response.end();
  });
  server.on("connect", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    told.push(`CONNECT ${request.url} ${JSON.stringify(request.headers)}`);
    socket.on("error", () => {});
    tunnel(request, socket, head);
  });
  return { told, proxy: `http://user:${password}@127.0.0.1:${await opened(server)}` };
}

const passing = (to?: number) => (request: IncomingMessage, socket: Socket, head: Buffer) => {
  const [host = "", port = ""] = (request.url ?? "").split(":");
  const onward = connect(to ?? Number(port), host, () => {
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    onward.write(head);
    onward.pipe(socket).pipe(onward);
  });
  onward.on("error", () => socket.destroy());
  socket.on("close", () => onward.destroy());
};

async function ask(network: NetworkOptions, issuer = helseid.issuer) {
  const net = createNetworkFetch(network);
  const wire = listen(net.fetch);
  try {
    const result: Token | HelsekontaktError = await sourceOf(helseid, {
      issuer,
      fetch: wire.fetch,
      clock: manualClock(),
      timeoutMs: 5_000,
    })
      .getToken({ scopes: [helseid.api.scope] })
      .catch((error: unknown) => error as HelsekontaktError);
    return { result, secrets: [...wire.secrets] };
  } finally {
    await net.close();
  }
}

const unavailable = (found: Token | HelsekontaktError): HelsekontaktError => {
  expect(found).toBeInstanceOf(HelsekontaktError);
  expect(found).toMatchObject({ code: "auth/token-unavailable", retryable: true });
  expect(inspect(found, { depth: Infinity, showHidden: true, customInspect: false })).not.toContain(password);
  return found as HelsekontaktError;
};

describe("row 15: proxies and certificates", () => {
  it("row 15: through a proxy, which is told host and port alone, beside its own password", async () => {
    const { told, proxy } = await proxyWith(passing());
    const { result, secrets } = await ask({ proxy });
    expect(result).toMatchObject({ tokenType: "DPoP" });
    expect(secrets.length).toBeGreaterThan(1);
    const { host } = new URL(helseid.issuer);
    expect(new Set(told.map((line) => line.split(" ").slice(0, 2).join(" ")))).toEqual(new Set([`CONNECT ${host}`]));
    const basic = Buffer.from(`user:${password}`).toString("base64");
    expect(told.every((line) => line.includes(`Basic ${basic}`))).toBe(true);
    expect(secrets.filter((secret) => told.join("\n").includes(secret))).toEqual([]);
  });

  it("row 15: a proxy that asks for another password, refuses, answers with a page, breaks off or is away is a typed error", async () => {
    const answers = [
      "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n",
      "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno",
      "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n\r\n<html>",
      "",
    ];
    for (const text of answers) {
      const { told, proxy } = await proxyWith((_request, socket) => socket.end(text));
      const { result, secrets } = await ask({ proxy });
      unavailable(result);
      expect([secrets, told.length > 0]).toEqual([[], true]);
    }
    const away = await ask({ proxy: `http://user:${password}@127.0.0.1:1` });
    expect(unavailable(away.result).context["cause"]).toBe("ECONNREFUSED");
  });

  it("row 15: a proxy that answers in the service's place is refused for its certificate, before a secret is sent", async () => {
    let heard = 0;
    const impostor = createTlsServer(tls, () => heard++);
    const { proxy } = await proxyWith(passing(await opened(impostor)));
    for (const network of [{ proxy }, { proxy, ca }]) {
      const { result, secrets } = await ask(network, "https://127.0.0.1:4443");
      unavailable(result);
      expect([secrets, heard]).toEqual([[], 0]);
    }
  });

  it("row 15: a certificate for another host, of an authority that we trust, ends the call before a secret is sent", async () => {
    let heard = 0;
    const port = await opened(createTlsServer(tls, () => heard++));
    const { result, secrets } = await ask({ ca }, `https://127.0.0.1:${port}`);
    const error = unavailable(result);
    expect(error.context["cause"]).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(error.hint).toContain("another host");
    expect([secrets, heard]).toEqual([[], 0]);
  });

  it("row 15: a certificate of an authority that we do not know says how to name it", async () => {
    const port = await opened(createTlsServer(tls, () => {}));
    const error = unavailable((await ask({}, `https://127.0.0.1:${port}`)).result);
    expect(error.context["cause"]).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    expect(error.hint).toContain("as ca");
  });
});
