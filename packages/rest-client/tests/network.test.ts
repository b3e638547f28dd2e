import { generateKeyPairSync } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from "node:net";
import { inspect } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createCertificate } from "@helsekontakt/amqp-messaging/protection";
import { HelsekontaktError } from "@helsekontakt/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createAktivsjekkenClient,
  createNetworkFetch,
  type NetworkOptions,
  type TransportSettings,
} from "../src/index.ts";
import { quick } from "./_server.ts";

const number = "01818010083";
const closing: (() => void)[] = [];
afterAll(() => {
  for (const close of closing) close();
});

async function listen(server: Server | HttpsServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "localhost", () => resolve()));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function check(baseUrl: string, network: NetworkOptions | undefined, timeoutMs = 5_000): Promise<unknown> {
  const net = network === undefined ? undefined : createNetworkFetch(network);
  const client = createAktivsjekkenClient({
    baseUrl,
    ...(net === undefined ? {} : { fetch: net.fetch }),
    transport: { retry: { ...quick, tries: 1, timeoutMs } },
  });
  try {
    return await client.check({ fnrListe: [number], omraade: "Helsehjelp" }).then(
      (statuses) => statuses.get(number)?.erDigitaltAktivSelv,
      (error: unknown) => error,
    );
  } finally {
    await net?.close();
  }
}

describe("own authority and proxy", () => {
  let ca: string;
  let httpsUrl: string;
  const bodies: string[] = [];
  beforeAll(async () => {
    const dates = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
    const make = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
    const [root, leaf] = [make(), make()];
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
    ca = authority.toString();
    const server = createHttpsServer(
      { key: leaf.privateKey.export({ format: "pem", type: "pkcs8" }), cert: certificate.toString() },
      (request, response) => {
        request.setEncoding("utf8");
        let body = "";
        request.on("data", (text: string) => (body += text));
        request.on("end", () => {
          bodies.push(body);
          const status = { erDigitaltAktivSelv: true, erDigitaltAktivViaAndre: false };
          response.setHeader("content-type", "application/json");
          response.end(JSON.stringify({ erAktivListe: { [number]: status } }));
        });
      },
    );
    httpsUrl = `https://localhost:${await listen(server)}`;
  });

  it("trusts an authority that is named, and no other", async () => {
    expect(await check(httpsUrl, { ca })).toBe(true);
    expect(JSON.parse(bodies.at(-1) ?? "")).toMatchObject({ fnrListe: [number] });
    for (const network of [undefined, {}])
      expect(await check(httpsUrl, network)).toMatchObject({
        code: "rest/network",
        hint: expect.stringContaining("as ca"),
      });
  });

  it("goes through a proxy with its user, which sees host and port alone", async () => {
    const seen: { url: string; auth: string | undefined }[] = [];
    const proxy = createHttpServer();
    proxy.on("connect", (request, socket, head) => {
      seen.push({ url: request.url ?? "", auth: request.headers["proxy-authorization"] });
      const [host = "", port = ""] = (request.url ?? "").split(":");
      const onward = connect(Number(port), host, () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        onward.write(head);
        onward.pipe(socket).pipe(onward);
      });
      onward.on("error", () => socket.destroy());
      socket.on("error", () => onward.destroy());
    });
    const port = await listen(proxy);
    expect(await check(httpsUrl, { ca, proxy: `http://user:pass-7f3@localhost:${port}` })).toBe(true);
    expect(seen).toEqual([
      { url: new URL(httpsUrl).host, auth: `Basic ${Buffer.from("user:pass-7f3").toString("base64")}` },
    ]);
  });

  it("says of a proxy that refuses or is away that the connection failed, and not its password", async () => {
    const proxy = createHttpServer();
    proxy.on("connect", (_request, socket) => socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
    for (const port of [await listen(proxy), 1]) {
      const error = await check(httpsUrl, { ca, proxy: `http://user:pass-7f3@localhost:${port}` });
      expect(error).toBeInstanceOf(HelsekontaktError);
      expect(error).toMatchObject({ code: "rest/network", retryable: true });
      expect(inspect(error, { depth: Infinity, showHidden: true, customInspect: false })).not.toContain("pass-7f3");
    }
  });

  it("refuses settings that are none, without showing them", () => {
    for (const bad of [{ proxy: "secret-host:80" }, { proxy: "socks5://secret-host" }, { ca: "secret-bytes" }]) {
      expect(() => createNetworkFetch(bad)).toThrow("[config/invalid]");
      expect(() => createNetworkFetch(bad)).not.toThrow("secret");
    }
  });
});

describe("raw sockets", () => {
  const behaviours: [string, (write: (text: string) => void, end: () => void, destroy: () => void) => void, string][] =
    [
      ["resets", (_write, _end, destroy) => destroy(), "rest/network"],
      ["half-closes before an answer", (_write, end) => end(), "rest/network"],
      ["half-closes within the head", (write, end) => (write("HTTP/1.1 200 OK\r\ncontent-t"), end()), "rest/network"],
      [
        "half-closes within the body",
        (write, end) => (write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"), end()),
        "rest/network",
      ],
      ["speaks another protocol", (write, end) => (write("SSH-2.0-OpenSSH\r\n"), end()), "rest/network"],
      [
        "sends its head a byte at a time, for ever",
        (write) => {
          write("HTTP/1.1 200 OK\r\nx: ");
          const timer = setInterval(() => write("x"), 20);
          closing.push(() => clearInterval(timer));
        },
        "rest/timeout",
      ],
      [
        "sends its body a byte at a time, for ever",
        (write) => {
          write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
          const timer = setInterval(() => write("1\r\n \r\n"), 20);
          closing.push(() => clearInterval(timer));
        },
        "rest/timeout",
      ],
    ];
  it.each(behaviours)("a server that %s", async (_name, behave, code) => {
    const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      socket.once("data", () =>
        behave(
          (text) => void (socket.writable && socket.write(text)),
          () => socket.end(),
          () => socket.resetAndDestroy(),
        ),
      );
      closing.push(() => socket.destroy());
    });
    const url = `http://localhost:${await listen(server)}`;
    for (const network of [undefined, {}])
      expect(await check(url, network, 300)).toMatchObject({ code, retryable: true });
  });

  it("that never answers: abort, limit of the try and deadline hold although memory is collected meanwhile", async () => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => socket.destroy());
      closing.push(() => socket.destroy());
    });
    const baseUrl = `http://localhost:${await listen(server)}`;
    setFlagsFromString("--expose-gc");
    const collecting = setInterval(runInNewContext("gc") as () => void, 3);
    const own = createNetworkFetch({ connections: 4 });
    try {
      for (const fetch of [undefined, own.fetch]) {
        const ask = (transport: TransportSettings, signal?: AbortSignal) =>
          createAktivsjekkenClient({ baseUrl, transport, ...(fetch === undefined ? {} : { fetch }) }).check(
            { fnrListe: [number], omraade: "Helsehjelp" },
            signal === undefined ? {} : { signal },
          );
        const controller = new AbortController();
        setTimeout(() => controller.abort(), 60);
        await expect(ask({}, controller.signal)).rejects.toMatchObject({ code: "abort/cancelled" });
        await expect(ask({ retry: { tries: 1, timeoutMs: 60 } })).rejects.toMatchObject({
          code: "rest/timeout",
          context: { limitOf: "try" },
        });
        await expect(ask({ deadlineMs: 60 })).rejects.toMatchObject({
          code: "rest/timeout",
          context: { limitOf: "call" },
        });
      }
    } finally {
      clearInterval(collecting);
    }
  });
});
