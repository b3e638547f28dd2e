import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { HelsekontaktError } from "@helsekontakt/core";
import { createIdentities, type ServiceFault } from "@helsekontakt/sandbox";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSigningFetch, createTokenSource } from "../../src/index.ts";
import { manualClock } from "../_sts.ts";
import { type Helseid, listen, sourceOf, startHelseid } from "./_wire.ts";

let helseid: Helseid;
let other: { url: string; seen: number; close(): Promise<void> };

beforeAll(async () => {
  helseid = await startHelseid();
  const server = createServer((_request, response) => {
    other.seen++;
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  other = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: 0,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
});
afterAll(async () => {
  await helseid.close();
  await other.close();
});
beforeEach(() => {
  helseid.service.faults.token.clear();
  helseid.service.faults.metadata.clear();
  other.seen = 0;
});

async function failure(work: Promise<unknown>): Promise<HelsekontaktError> {
  const error: unknown = await work.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(HelsekontaktError);
  return error as HelsekontaktError;
}

const scopes = (): string[] => [helseid.api.scope];
const cases: [string, ServiceFault, string][] = [
  ["HTML with 200", { kind: "html" }, "auth/token-unavailable"],
  ["truncated body", { kind: "truncated" }, "auth/token-unavailable"],
  ["body above 1 MiB", { kind: "huge", bytes: 2 * 1024 * 1024 }, "auth/token-unavailable"],
  ["slow-loris", { kind: "slow-loris", everyMs: 20 }, "auth/token-unavailable"],
  ["429 that asks for a long wait", { kind: "status", status: 429, retryAfter: "600" }, "auth/token-unavailable"],
  ["500", { kind: "status", status: 500 }, "auth/token-unavailable"],
  [
    "503 with a hostile body",
    { kind: "status", status: 503, body: { error: "invalid_client" } },
    "auth/token-unavailable",
  ],
  ["broken connection", { kind: "outage" }, "auth/token-unavailable"],
  ["204", { kind: "status", status: 204 }, "auth/token-unavailable"],
  ["404", { kind: "status", status: 404 }, "auth/token-unavailable"],
];

describe("row 15: transport", () => {
  it.each(cases)("row 15: token endpoint: %s is a typed error", async (_name, fault, code) => {
    helseid.service.faults.token.standing = { fault };
    const source = sourceOf(helseid, { timeoutMs: 300, clock: manualClock() });
    expect((await failure(source.getToken({ scopes: scopes() }))).code).toBe(code);
    helseid.service.faults.token.clear();
    expect((await sourceOf(helseid).getToken({ scopes: scopes() })).tokenType).toBe("DPoP");
  });

  it.each([301, 302, 303, 307, 308] as const)(
    "row 15: redirect %i is not followed, nothing is sent there",
    async (status) => {
      helseid.service.faults.token.standing = {
        fault: { kind: "redirect", status, location: `${other.url}/connect/token` },
      };
      expect((await failure(sourceOf(helseid, { clock: manualClock() }).getToken({ scopes: scopes() }))).code).toBe(
        "auth/token-unavailable",
      );
      helseid.service.faults.token.clear();
      helseid.service.faults.metadata.plan({ kind: "redirect", status, location: other.url }, 9);
      await failure(sourceOf(helseid, { clock: manualClock() }).getToken({ scopes: scopes() }));
      expect(other.seen).toBe(0);
    },
  );

  it.each([301, 307] as const)("row 15: an API's redirect %i is not followed, the token stays here", async (status) => {
    const wire = listen((request) =>
      request.url.startsWith(helseid.issuer)
        ? globalThis.fetch(request)
        : Promise.resolve(new Response(null, { status, headers: { location: other.url } })),
    );
    const call = createSigningFetch(sourceOf(helseid, { fetch: wire.fetch }), { scopes: scopes() });
    expect((await failure(call(new Request("https://api.example/a")))).code).toBe("rest/http-status");
    expect(other.seen).toBe(0);
  });

  it("row 15: 429 with Retry-After waits as long as asked, then succeeds", async () => {
    helseid.service.faults.token.plan({ kind: "status", status: 429, retryAfter: "3" });
    const clock = manualClock();
    await sourceOf(helseid, { clock }).getToken({ scopes: scopes() });
    expect(clock.slept).toEqual([3_000]);
  });

  it("row 15: plain http, and an API over http, are refused before anything is sent", async () => {
    for (const issuer of ["http://helseid.example", "http://localhost:1", "ftp://x", "no address"])
      expect(() => createTokenSource({ issuer, clientId: "c", key: "{}" })).toThrow(/config\/invalid|expected/);
    const wire = listen();
    const call = createSigningFetch(sourceOf(helseid, { fetch: wire.fetch }), { scopes: scopes() });
    expect((await failure(call(new Request("http://api.example/a")))).code).toBe("config/invalid");
    expect(wire.requests.every((r) => r.url.startsWith(helseid.issuer))).toBe(true);
  });

  it("row 15: a host that no DNS knows, and a port that nobody listens on", async () => {
    for (const issuer of ["https://nowhere.invalid", "https://127.0.0.1:1"]) {
      const error = await failure(
        sourceOf(helseid, { issuer, clock: manualClock(), timeoutMs: 2_000 }).getToken({ scopes: scopes() }),
      );
      expect([error.code, error.retryable]).toEqual(["auth/token-unavailable", true]);
    }
  });

  it("row 15: a certificate of nobody we trust ends the call before a secret is sent", async () => {
    const { certificate, key } = (await createIdentities(Date.now())).provider.signing;
    let heard = 0;
    const server = createTlsServer(
      { cert: certificate.toString(), key: key.export({ type: "pkcs8", format: "pem" }) },
      () => heard++,
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const error = await failure(sourceOf(helseid, { issuer, clock: manualClock() }).getToken({ scopes: scopes() }));
      expect([error.code, heard]).toEqual(["auth/token-unavailable", 0]);
    } finally {
      server.close();
    }
  });
});

describe("row 16: metadata", () => {
  const withMetadata = (change: object) =>
    listen(async (request) => {
      const response = await globalThis.fetch(request);
      if (!request.url.includes("/.well-known/")) return response;
      return Response.json({ ...((await response.json()) as object), ...change });
    });

  it.each([
    ["another issuer", { issuer: "https://evil.example" }],
    ["the issuer with a path", () => ({ issuer: `${helseid.issuer}/session` })],
    ["a token endpoint on another host", { token_endpoint: "https://evil.example/connect/token" }],
    ["a token endpoint on another port over http", () => ({ token_endpoint: `${other.url}/connect/token` })],
    ["no token endpoint", { token_endpoint: undefined }],
    ["a token endpoint that is no address", { token_endpoint: "connect/token" }],
  ] as const)("row 16: %s is refused, no assertion is sent", async (_name, change) => {
    const wire = withMetadata(typeof change === "function" ? change() : change);
    const error = await failure(
      sourceOf(helseid, { fetch: wire.fetch, clock: manualClock() }).getToken({ scopes: scopes() }),
    );
    expect(error.code).toBe("auth/metadata-invalid");
    expect([wire.secrets.size, other.seen]).toEqual([0, 0]);
  });

  it("row 16: kept for 24 hours; an outage then costs no call, also longer than that", async () => {
    const clock = manualClock();
    const source = sourceOf(helseid, { clock, maxCachedTokens: 1 });
    const before = helseid.service.asked.metadata;
    const both = [helseid.api.scope, `${helseid.api.scope}-2`] as const;
    for (let turn = 0; turn < 6; turn++) await source.getToken({ scopes: [both[turn % 2] as string] });
    expect(helseid.service.asked.metadata - before).toBe(1);
    helseid.service.faults.metadata.standing = { fault: { kind: "outage" } };
    clock.move(25 * 3_600_000);
    helseid.service.clockOffsetMs = 25 * 3_600_000;
    try {
      for (let turn = 0; turn < 4; turn++)
        expect((await source.getToken({ scopes: [both[turn % 2] as string] })).tokenType).toBe("DPoP");
    } finally {
      helseid.service.clockOffsetMs = 0;
    }
  });

  it("row 16: an endpoint that has moved is looked up again", async () => {
    let moved = false;
    const wire = listen(async (request) => {
      if (request.url.includes("/.well-known/") && moved) {
        const metadata = (await (await globalThis.fetch(request)).json()) as object;
        return Response.json({ ...metadata, token_endpoint: `${helseid.issuer}/new/token` });
      }
      if (request.url.endsWith("/new/token")) return Response.json({ error: "invalid_scope" }, { status: 400 });
      if (moved) return new Response("", { status: 404 });
      return globalThis.fetch(request);
    });
    const source = sourceOf(helseid, { fetch: wire.fetch, maxCachedTokens: 1 });
    await source.getToken({ scopes: scopes() });
    moved = true;
    // The new place's own answer comes through: it was found.
    expect((await failure(source.getToken({ scopes: [`${helseid.api.scope}-2`] }))).code).toBe("auth/scope-rejected");
    expect(wire.requests.at(-1)?.url).toBe(`${helseid.issuer}/new/token`);
  });
});
