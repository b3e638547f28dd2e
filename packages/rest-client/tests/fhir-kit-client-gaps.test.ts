import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { inspect } from "node:util";
import type { Bundle } from "@helsekontakt/types/fhir";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createHelsekontakterClient, createNetworkFetch, type HelsekontakterClientOptions } from "../src/index.ts";
import { type Answer, json, quick, startServer, type TestServer } from "./_server.ts";

// One test for each gap of fhir-kit-client 2.0.3 below createHelsekontakterClient: none reaches its users.

const fnr = "01818010083";
const members: Bundle = {
  resourceType: "Bundle",
  type: "collection",
  entry: [{ resource: { resourceType: "Patient", identifier: [{ system: "urn:oid:1.2", value: fnr }] } }],
};
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(answer: Answer): Promise<TestServer> {
  const server = await startServer(answer);
  closing.push(() => server.close());
  return server;
}

async function client(answer: Answer, options: Partial<HelsekontakterClientOptions> = {}) {
  const server = await serve(answer);
  return { server, helsekontakter: createHelsekontakterClient({ baseUrl: server.url, retry: quick, ...options }) };
}

async function failure(call: Promise<unknown>): Promise<Error> {
  return call.then(
    () => {
      throw new Error("expected a rejection, found a result");
    },
    (error: Error) => error,
  );
}

describe("fhir-kit-client's gaps", () => {
  it("the address: no slash is put after it, whatever the base address ends in", async () => {
    const { server } = await client(json(200, {}));
    for (const end of ["", "/"]) {
      const one = createHelsekontakterClient({ baseUrl: `${server.url}/gateway${end}` });
      await one.registerMembers(members);
      await one.publish({ ...members, entry: [] });
    }
    expect(new Set(server.seen.map((s) => s.url))).toEqual(new Set(["/gateway/helsekontakter/api/v1"]));
  });

  it.each(["application/fhir+json", "application/fhir+xml"])("the media type: %s, never text/plain", async (type) => {
    const { server, helsekontakter } = await client(json(200, {}), { wire: { mediaType: type } as never });
    await helsekontakter.registerMembers(members);
    expect(server.seen[0]?.headers["content-type"]).toBe(type);
    expect(server.seen[0]?.body.startsWith(type.endsWith("xml") ? "<" : "{")).toBe(true);
  });

  it("the body: what is no Bundle is not sent, and the Bundle has the type that is configured", async () => {
    for (const bundleType of ["collection", "batch", "transaction"] as const) {
      const { server, helsekontakter } = await client(json(200, {}), { wire: { bundleType } });
      for (const wrong of [{ resourceType: "Patient" }, {}, [], null, "Bundle", { ...members, entry: [null] }])
        expect(await failure(helsekontakter.registerMembers(wrong as never))).toMatchObject({ code: "input/invalid" });
      expect(server.seen).toEqual([]);
      await helsekontakter.registerMembers({ ...members, type: "document" });
      expect(JSON.parse(server.seen[0]?.body ?? "")).toMatchObject({ resourceType: "Bundle", type: bundleType });
    }
  });

  it("headers of a signer: they go out with each try, and none that was there is lost", async () => {
    let proof = 0;
    const { server, helsekontakter } = await client(
      (seen, response, n) => json(n === 1 ? 503 : 200, {})(seen, response, n),
      {
        fetch(request) {
          request.headers.set("authorization", "DPoP token");
          request.headers.set("dpop", `proof-${++proof}`);
          return fetch(request);
        },
      },
    );
    await helsekontakter.registerMembers(members);
    expect(server.seen.map((s) => s.headers)).toMatchObject(
      ["proof-1", "proof-2"].map((dpop) => ({
        authorization: "DPoP token",
        dpop,
        "content-type": "application/fhir+json",
        accept: "application/fhir+json, application/fhir+xml;q=0.9",
      })),
    );
  });

  it("a demanded nonce: the fetch below sees the answer and repeats with it; no error holds headers or proofs", async () => {
    const { server, helsekontakter } = await client(
      (seen, response, n) =>
        seen.headers["dpop"] === "proof for nonce-1"
          ? json(200, {})(seen, response, n)
          : json(401, {}, { "dpop-nonce": `nonce-${n}` })(seen, response, n),
      {
        async fetch(request) {
          const body = await request.text();
          const send = (dpop: string) =>
            fetch(request.url, { method: "POST", body, headers: { ...Object.fromEntries(request.headers), dpop } });
          const first = await send("proof without");
          const nonce = first.headers.get("dpop-nonce");
          return nonce === null ? first : send(`proof for ${nonce}`);
        },
      },
    );
    await helsekontakter.registerMembers(members);
    expect(server.seen.map((s) => s.headers["dpop"])).toEqual(["proof without", "proof for nonce-1"]);
    const error = await failure(helsekontakter.registerMembers(members));
    expect(error).toMatchObject({ code: "rest/unauthorized" });
    const all = inspect(error, { depth: Infinity, showHidden: true, customInspect: false });
    for (const secret of ["nonce-", "proof for", fnr]) expect(all).not.toContain(secret);
  });

  it("time limits: there is one without any setting", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    closing.push(() => vi.useRealTimers());
    const helsekontakter = createHelsekontakterClient({
      baseUrl: "http://localhost:1",
      fetch: () => new Promise(() => {}),
      transport: { retry: { tries: 1 } },
    });
    const ending = failure(helsekontakter.registerMembers(members));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await ending).toMatchObject({ code: "rest/timeout", retryable: true });
  });

  it("repetition: what may pass is tried again as late as Retry-After asks, what is permanent is not", async () => {
    const slept: number[] = [];
    const clock = { now: () => Date.now(), sleep: async (ms: number) => void slept.push(ms) };
    const { server, helsekontakter } = await client(
      (seen, response, n) =>
        (n === 1 ? json(503, "", { "retry-after": "7" }) : n === 2 ? json(200, {}) : json(403, {}))(seen, response, n),
      { retry: { ...quick, clock } },
    );
    await helsekontakter.registerMembers(members);
    expect(slept).toEqual([7_000]);
    expect(await failure(helsekontakter.registerMembers(members))).toMatchObject({ code: "rest/forbidden" });
    expect(server.seen).toHaveLength(3);
  });

  it("connections: they are kept, and a proxy's settings hold", async () => {
    const ports = new Set<number | undefined>();
    const tunnels: string[] = [];
    const { server } = await client((seen, response, n) => {
      ports.add(response.socket?.remotePort);
      json(200, {})(seen, response, n);
    });
    const proxy = createHttpServer();
    proxy.on("connect", (request, socket) => {
      tunnels.push(request.url ?? "");
      const { hostname, port } = new URL(`http://${request.url}`);
      const onward = connect(Number(port), hostname, () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        onward.pipe(socket).pipe(onward);
      });
      for (const end of [onward, socket]) end.on("error", () => (onward.destroy(), socket.destroy()));
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    closing.push(() => proxy.close());
    const net = createNetworkFetch({
      proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      connections: 1,
    });
    closing.push(() => net.close());
    const helsekontakter = createHelsekontakterClient({ baseUrl: server.url, fetch: net.fetch });
    for (let n = 0; n < 3; n++) await helsekontakter.registerMembers(members);
    expect(tunnels).toEqual([new URL(server.url).host]);
    expect(ports.size).toBe(1);
    expect(server.seen).toHaveLength(3);
  });

  it.each([
    ["HTML", "<!doctype html><p>Hello", { code: "rest/response-invalid", retryable: false }],
    ["half of a JSON", '{"resourceType":', { code: "rest/response-invalid", retryable: false }],
  ])("an odd 200, %s: a typed error that does not quote it", async (_name, body, expected) => {
    const { helsekontakter } = await client(json(200, body));
    const error = await failure(helsekontakter.registerMembers(members));
    expect(error).toMatchObject(expected);
    expect(inspect(error, { depth: Infinity, customInspect: false })).not.toContain(body);
  });

  it.each([
    ["nothing", ""],
    ["null", "null"],
    ["a number", "7"],
    ["a text", '"ok"'],
    ["an empty list", "[]"],
  ])("an odd 200, %s: no member counts as taken", async (_name, body) => {
    const { helsekontakter } = await client(json(200, body));
    expect((await helsekontakter.registerMembers(members)).members).toMatchObject([{ index: 0, status: "unknown" }]);
  });

  it("a fault with an OperationOutcome: a typed error with status and code, and nothing of request or text", async () => {
    const { helsekontakter } = await client(
      json(503, {
        resourceType: "OperationOutcome",
        issue: [{ severity: "error", code: "transient", diagnostics: `busy with ${fnr}` }],
      }),
    );
    const error = await failure(helsekontakter.registerMembers(members));
    expect(error).toMatchObject({ code: "rest/unavailable", retryable: true, context: { httpStatus: 503 } });
    expect(inspect(error, { depth: Infinity, showHidden: true, customInspect: false })).not.toContain(fnr);
  });
});
