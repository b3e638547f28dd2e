import { inspect } from "node:util";
import { HelsekontaktError } from "@helsekontakt/core";
import { afterEach, describe, expect, it } from "vitest";
import { createAktivsjekkenClient, type FetchLike, withRetry } from "../src/index.ts";
import { type Answer, json, quick, startServer, type TestServer } from "./_server.ts";

const fnr = "01818010083";
const marker = "marker-token-91c2";
const servers: TestServer[] = [];
afterEach(async () => {
  for (const s of servers.splice(0)) await s.close();
});

/** Time limits short enough to wait for; only answers that never come meet them. */
const short = { timeoutMs: 200 } as const;

async function call(
  answer: Answer,
  options: { signal?: AbortSignal; timeoutMs?: number; tries?: number; fetch?: FetchLike } = {},
) {
  const server = await startServer(answer);
  servers.push(server);
  const { signal, fetch: inner = fetch, ...retry } = options;
  let tries = 0;
  const client = createAktivsjekkenClient({
    baseUrl: server.url,
    retry: { ...quick, ...retry },
    fetch: (request) => {
      tries++;
      return inner(request);
    },
  });
  const result = client.check({ fnrListe: [fnr], omraade: "Helsehjelp" }, signal === undefined ? {} : { signal });
  const error = (await result.catch((e: unknown) => e)) as HelsekontaktError;
  return { error, server, tries };
}

const drop: Answer = (seen, response) => void response.socket?.destroy();
const hang: Answer = () => undefined;
const halfway: Answer = (_seen, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
  response.write(`{"erAktivListe":{"${fnr}":`);
  setTimeout(() => response.socket?.destroy(), 20);
};
const slow: Answer = (_seen, response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.write("{");
};

describe("every fault has a code, and none quotes the number, a token or the body", () => {
  const quoting = `${fnr} ${marker} Ola Nordmann`;
  const cases: [string, Answer, Partial<HelsekontaktError>, number][] = [
    [
      "400 with a fault",
      json(400, { Code: "EHAPI-100001", Message: quoting, ErrorCategory: 1 }),
      { code: "rest/http-status", remoteCode: "EHAPI-100001" },
      1,
    ],
    [
      "400 with an OperationOutcome",
      json(400, {
        resourceType: "OperationOutcome",
        issue: [
          {
            severity: "error",
            code: "invalid",
            details: { coding: [{ code: "2118" }], text: quoting },
            diagnostics: quoting,
          },
        ],
      }),
      { code: "rest/http-status", remoteCode: "2118" },
      1,
    ],
    [
      "400 with problem details",
      json(400, { type: "about:blank", title: quoting, detail: quoting, status: 400 }),
      { code: "rest/http-status", remoteCode: undefined },
      1,
    ],
    ["400 with the number as code", json(400, { code: fnr }), { code: "rest/http-status", remoteCode: undefined }, 1],
    ["401 empty", json(401, ""), { code: "rest/unauthorized", remoteCode: undefined }, 1],
    [
      "401 with lower-case keys",
      json(401, { code: "EHSEC-110002", message: quoting }),
      { code: "rest/unauthorized", remoteCode: "EHSEC-110002" },
      1,
    ],
    ["403 with text", json(403, quoting), { code: "rest/forbidden" }, 1],
    ["404", json(404, quoting), { code: "rest/not-found" }, 1],
    [
      "500",
      json(500, { ErrorMessage: { Title: quoting, Body: quoting } }),
      { code: "rest/unavailable", retryable: true },
      1,
    ],
    ["503", json(503, quoting), { code: "rest/unavailable", retryable: true }, 3],
    ["429", json(429, "", { "retry-after": "0" }), { code: "rest/rate-limited", retryable: true }, 3],
    ["broken JSON", json(200, `{"erAktivListe": ${quoting}`), { code: "rest/response-invalid" }, 1],
    ["HTML", json(200, `<html>${quoting}`, { "content-type": "text/html" }), { code: "rest/response-invalid" }, 1],
    ["a dropped connection", drop, { code: "rest/network", retryable: true }, 3],
    ["a body that ends early", halfway, { code: "rest/network", retryable: true }, 3],
    ["no answer", hang, { code: "rest/timeout", retryable: true }, 3],
    ["a body without an end", slow, { code: "rest/timeout", retryable: true }, 3],
    ["a redirect", json(302, "", { location: `https://evil.example/${marker}` }), { code: "rest/http-status" }, 1],
  ];
  it.each(cases)("%s", async (_name, answer, expected, requests) => {
    const { error, server, tries } = await call(answer, expected.code === "rest/timeout" ? short : {});
    expect(error).toBeInstanceOf(HelsekontaktError);
    expect(error).toMatchObject(expected);
    expect(tries).toBe(requests);
    const printed = [
      inspect(error, { depth: Infinity, showHidden: true }),
      inspect(error, { depth: Infinity, showHidden: true, customInspect: false }),
      inspect(error.original(), { depth: Infinity, showHidden: true }),
      JSON.stringify(error),
      error.stack,
    ].join("\n");
    for (const secret of [fnr, marker, "Nordmann", server.url]) expect(printed).not.toContain(secret);
  });

  it("nobody listens", async () => {
    const server = await startServer(hang);
    await server.close();
    const client = createAktivsjekkenClient({ baseUrl: server.url, retry: quick });
    await expect(client.check({ fnrListe: [fnr], omraade: "Helsehjelp" })).rejects.toMatchObject({
      code: "rest/network",
    });
  });

  it("hints at the tenancy for Helsenorge's misleading code", async () => {
    const { error } = await call(json(401, { Code: "EHSEC-110002" }));
    expect(error.hint).toContain("organisation numbers");
  });

  it("an abort is no fault, and ends at once", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const { error, tries } = await call(hang, { signal: controller.signal });
    expect(error).toMatchObject({ code: "abort/cancelled" });
    expect(tries).toBe(1);
    expect((await call(hang, { signal: AbortSignal.abort() })).error).toMatchObject({ code: "abort/cancelled" });
  });

  it("errors of the signing fetch pass as they are, and token faults are not repeated", async () => {
    let calls = 0;
    const fetch: FetchLike = async () => {
      calls++;
      throw new HelsekontaktError("auth/token-unavailable", "no token");
    };
    expect((await call(hang, { fetch })).error).toMatchObject({ code: "auth/token-unavailable" });
    expect(calls).toBe(1);
  });

  it("refuses a base address that is none", () => {
    for (const baseUrl of ["", "api", "ftp://x", "https://x/?a=1"])
      expect(() => createAktivsjekkenClient({ baseUrl })).toThrow('expected "baseUrl"');
  });
});

describe("retry", () => {
  it("succeeds after faults that pass, with the same body, and a fetch below that sees each try", async () => {
    const server = await startServer((seen, response, n) => {
      if (n === 1) return void response.socket?.destroy();
      if (n === 2) return json(503, "")(seen, response, n);
      json(200, { echo: seen.body.length })(seen, response, n);
    });
    servers.push(server);
    const proofs: string[] = [];
    const signing: FetchLike = (request) => {
      const proof = `proof-${proofs.length + 1}`;
      proofs.push(proof);
      const signed = new Request(request, { headers: { ...Object.fromEntries(request.headers), dpop: proof } });
      return fetch(signed);
    };
    const response = await withRetry(
      signing,
      quick,
    )(new Request(server.url, { method: "POST", body: "x".repeat(100_000) }));
    expect(await response.json()).toEqual({ echo: 100_000 });
    expect(server.seen.map((s) => s.headers["dpop"])).toEqual(["proof-1", "proof-2", "proof-3"]);
  });

  it("waits as long as asked, within the limit, and else gives the answer back", async () => {
    const slept: number[] = [];
    const clock = { now: () => 0, sleep: async (ms: number) => void slept.push(ms) };
    const server = await startServer((seen, response, n) =>
      json(n === 1 ? 429 : 200, "{}", { "retry-after": n === 1 ? "3" : "" })(seen, response, n),
    );
    servers.push(server);
    expect((await withRetry(fetch, { clock, random: () => 0 })(new Request(server.url))).status).toBe(200);
    expect(slept).toEqual([3000]);
    const busy = await startServer(json(429, "", { "retry-after": "3600" }));
    servers.push(busy);
    expect((await withRetry(fetch, { clock, random: () => 0 })(new Request(busy.url))).status).toBe(429);
    expect(slept).toEqual([3000]);
  });

  it("backs off with full jitter up to a limit", async () => {
    const slept: number[] = [];
    const clock = { now: () => 0, sleep: async (ms: number) => void slept.push(ms) };
    const server = await startServer(json(503, ""));
    servers.push(server);
    await withRetry(fetch, { clock, random: () => 1, tries: 5, baseMs: 100, maxMs: 300 })(new Request(server.url));
    expect(slept).toEqual([100, 200, 300, 300]);
  });

  it("reads compressed answers", async () => {
    const { gzipSync } = await import("node:zlib");
    const server = await startServer((_seen, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
      response.end(gzipSync('{"a":1}'));
    });
    servers.push(server);
    expect(await (await withRetry(fetch, quick)(new Request(server.url))).json()).toEqual({ a: 1 });
  });
});
