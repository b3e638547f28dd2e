import { generateKeyPairSync } from "node:crypto";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { inspect } from "node:util";
import { createCertificate } from "@helsekontakt/amqp-messaging/protection";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createHelsekontakt, type HelsekontaktConfig } from "../src/index.ts";
import { useSandbox } from "./_harness.ts";

const harness = useSandbox();
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Host and port of every tunnel that a proxy opened. */
async function startProxy(server: Server): Promise<{ readonly port: number; readonly tunnels: string[] }> {
  const tunnels: string[] = [];
  server.on("connect", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    tunnels.push(request.url ?? "");
    const { hostname, port } = new URL(`http://${request.url}`);
    const onward = connect(Number(port), hostname, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [onward, socket]) end.on("error", () => (onward.destroy(), socket.destroy()));
    closing.push(() => (onward.destroy(), socket.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", () => resolve()));
  closing.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, tunnels };
}

/** An authority, and a certificate of its for localhost. */
function makeAuthority() {
  const dates = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const [root, leaf] = [1, 2].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }));
  if (root === undefined || leaf === undefined) throw new Error("expected two keys");
  const authority = createCertificate({
    ...dates,
    subject: { commonName: "Test authority" },
    publicKey: root.publicKey,
    issuer: { key: root.privateKey },
    usage: ["keyCertSign"],
    authority: true,
  });
  const certificate = createCertificate({
    ...dates,
    subject: { commonName: "localhost" },
    publicKey: leaf.publicKey,
    issuer: { key: root.privateKey, certificate: authority },
    usage: ["digitalSignature"],
  });
  return {
    ca: authority.toString(),
    tls: { key: leaf.privateKey.export({ format: "pem", type: "pkcs8" }), cert: certificate.toString() },
  };
}

/** What a check of an active citizen says through these connections. */
async function reach(network: NonNullable<HelsekontaktConfig["rest"]>["network"]): Promise<string> {
  const { config } = harness.sandbox;
  const sdk = createHelsekontakt({
    ...config,
    rest: { ...config.rest, transport: { retry: { tries: 1 } }, ...(network === undefined ? {} : { network }) },
  });
  for await (const citizen of sdk.aktivsjekk.check([harness.citizen("self").fnr])) {
    if (citizen.outcome === "answered") return citizen.reach;
    return inspect(citizen, { depth: Infinity, showHidden: true, customInspect: false });
  }
  return "nothing";
}

describe("rest.network", () => {
  it("sends tokens and calls through the proxy that is named", async () => {
    const { port, tunnels } = await startProxy(createHttpServer());
    expect(await reach({ proxy: `http://localhost:${port}` })).toBe("self");
    const { helseid, rest } = harness.sandbox.config;
    for (const address of [helseid.issuer, rest.baseUrl]) expect(tunnels).toContain(new URL(address).host);
    const before = tunnels.length;
    expect(await reach(undefined)).toBe("self");
    expect(tunnels).toHaveLength(before);
  });

  it("closes its connections when it is stopped, and opens others when it is used again", async () => {
    const server = createHttpServer();
    const { port } = await startProxy(server);
    const { config } = harness.sandbox;
    const sdk = createHelsekontakt({
      ...config,
      rest: { ...config.rest, network: { proxy: `http://localhost:${port}`, keepAliveMs: 600_000 } },
    });
    const { fnr } = harness.citizen("self");
    const open = (): Promise<number> =>
      new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
    const ask = async (): Promise<void> => {
      for await (const citizen of sdk.aktivsjekk.check([fnr])) expect(citizen.outcome).toBe("answered");
    };
    for (let round = 0; round < 2; round++) {
      await ask();
      expect(await open()).toBeGreaterThan(0);
      await sdk.stop();
      await vi.waitFor(async () => expect(await open()).toBe(0), { timeout: 20_000 });
    }
  });

  it("trusts the authority that is named, and no other, for tokens and calls", async () => {
    const { ca, tls } = makeAuthority();
    const { port, tunnels } = await startProxy(createHttpsServer(tls));
    const proxy = `https://user:pass-7f3@localhost:${port}`;
    expect(await reach({ proxy, ca })).toBe("self");
    expect(tunnels).toContain(new URL(harness.sandbox.config.rest.baseUrl).host);
    const before = tunnels.length;
    for (const other of [{ proxy }, { proxy, ca: makeAuthority().ca }]) {
      const said = await reach(other);
      expect(said).toContain("auth/token-unavailable");
      expect(said).not.toContain("pass-7f3");
    }
    expect(tunnels).toHaveLength(before);
  });
});
