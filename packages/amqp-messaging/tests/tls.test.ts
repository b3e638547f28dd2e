import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { HelsekontaktError } from "@helsekontakt/core";
import rhea from "rhea";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AmqpTlsSettings, connectAmqp } from "../src/index.ts";
import { createIdentity } from "../src/protection/index.ts";

describe("connectAmqp() over TLS", () => {
  let server: tls.Server | undefined;
  let key = "";
  let cert = "";
  beforeAll(async () => {
    const identity = await createIdentity({
      subject: { commonName: "broker.test" },
      usage: ["digitalSignature", "keyEncipherment", "keyCertSign"],
      authority: true,
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 86_400_000),
    });
    key = identity.key.export({ type: "pkcs8", format: "pem" }).toString();
    cert = identity.certificate.toString();
  });
  afterEach(() => void server?.close());

  const connect = async (client: AmqpTlsSettings, options: tls.TlsOptions = {}): Promise<string> => {
    const container = rhea.create_container();
    for (const name of ["error", "connection_error", "disconnected", "connection_close"]) container.on(name, () => {});
    server = container.listen({
      transport: "tls",
      port: 0,
      host: "127.0.0.1",
      key,
      cert,
      ...options,
    } as never) as unknown as tls.Server;
    server.on("tlsClientError", () => {});
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      const connection = await connectAmqp({
        host: "127.0.0.1",
        port,
        transport: "tls",
        tls: client,
        connectTimeoutMs: 2_000,
      });
      await connection.close();
      return "open";
    } catch (reason) {
      const error = HelsekontaktError.from(reason);
      return `${error.code} ${error.retryable ? "retryable" : "final"}`;
    }
  };

  it("S14: opens with the right authority and name", async () => {
    expect(await connect({ ca: cert, servername: "broker.test" })).toBe("open");
  });
  it("S14: refuses an unknown authority, at once and for good", async () => {
    expect(await connect({ servername: "broker.test" })).toBe("amqp/connection final");
  });
  it("S14: refuses another name", async () => {
    expect(await connect({ ca: cert, servername: "other.test" })).toBe("amqp/connection final");
  });
  it("S14: shows its own certificate to a broker that asks for one, and is refused without", async () => {
    const asking = { requestCert: true, rejectUnauthorized: true, ca: cert };
    const trust = { ca: cert, servername: "broker.test" };
    expect(await connect({ ...trust, cert, key }, asking)).toBe("open");
    server?.close();
    expect(await connect(trust, asking)).toMatch(/^amqp\/connection/);
  });
  it("S14: refuses TLS 1.1", async () => {
    const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    expect(await connect({ ca: cert, servername: "broker.test" }, old)).toMatch(/^amqp\/connection/);
  });
});
