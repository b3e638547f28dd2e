import { inspect } from "node:util";
import type { Logger } from "@helsekontakt/core";
import type { ServiceFault } from "@helsekontakt/sandbox";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSigningFetch, type TokenSourceOptions } from "../../src/index.ts";
import { manualClock } from "../_sts.ts";
import { type Helseid, listen, sourceOf, startHelseid } from "./_wire.ts";

const planted = "eyJQTEFOVEVE.eyJQTEFOVEVEIjoxfQ.cGxhbnRlZC1zaWduYXR1cmU";
let helseid: Helseid;
beforeAll(async () => {
  helseid = await startHelseid();
});
afterAll(() => helseid.close());
beforeEach(() => {
  helseid.service.faults.token.clear();
  helseid.service.nonces.policy = "window";
});

const answer = (body: unknown): ServiceFault => ({ kind: "status", status: 200, body });
const faults: [string, ServiceFault][] = [
  ["token without type", answer({ access_token: planted, expires_in: 60 })],
  ["negative lifetime", answer({ access_token: planted, token_type: "DPoP", expires_in: -1 })],
  ["lifetime as text", answer({ access_token: planted, token_type: "DPoP", expires_in: "soon" })],
  ["token of the other kind", answer({ access_token: planted, token_type: "Bearer", expires_in: 60 })],
  ["token of an unknown kind", answer({ access_token: planted, token_type: "mac", expires_in: 60 })],
  ["narrower scope", answer({ access_token: planted, token_type: "DPoP", expires_in: 60, scope: "other" })],
  ["token as an object", answer({ access_token: { value: planted }, token_type: "DPoP" })],
  ["error that quotes", { kind: "status", status: 400, body: { error: planted, error_description: planted } }],
  [
    "description that quotes",
    { kind: "status", status: 400, body: { error: "invalid_client", error_description: planted } },
  ],
  ["500 that quotes", { kind: "status", status: 500, body: { access_token: planted } }],
  ["HTML", { kind: "html" }],
  ["truncated", { kind: "truncated" }],
  ["huge", { kind: "huge", bytes: 1_200_000 }],
  ["outage", { kind: "outage" }],
  ["slow-loris", { kind: "slow-loris", everyMs: 20 }],
];

function collector(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const write = (...parts: unknown[]): void => void lines.push(inspect(parts, { depth: Infinity, showHidden: true }));
  return { lines, logger: { debug: write, info: write, warn: write, error: write } as unknown as Logger };
}

/** Every way in which an error comes to be text. */
function sinks(error: unknown): string[] {
  const e = error as Error & { toJSON?: () => unknown };
  return [
    String(e),
    e.message,
    e.stack ?? "",
    JSON.stringify(e),
    JSON.stringify(Object.getOwnPropertyDescriptors(e)),
    inspect(e, { depth: Infinity, showHidden: true, getters: true }),
    inspect(e.cause, { depth: Infinity, showHidden: true }),
    inspect(structuredCloneOf(e), { depth: Infinity, showHidden: true }),
  ];
}

function structuredCloneOf(error: unknown): unknown {
  try {
    return structuredClone(error);
  } catch {
    return undefined;
  }
}

async function run(options: Partial<TokenSourceOptions>): Promise<string[]> {
  const { lines, logger } = collector();
  const wire = listen();
  const source = sourceOf(helseid, { fetch: wire.fetch, logger, clock: manualClock(), timeoutMs: 300, ...options });
  const error: unknown = await createSigningFetch(source, { scopes: [helseid.api.scope] })(
    new Request(`${helseid.api.baseUrl}/x`),
  ).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(Error);
  const text = [...sinks(error), ...lines, inspect(source, { depth: Infinity, showHidden: true })];
  const secrets = [planted, String(helseid.client.jwk.d), ...wire.secrets];
  expect(wire.secrets.size).toBeGreaterThan(0);
  return secrets.filter((secret) => text.some((t) => t.includes(secret) || t.includes(secret.split(".")[2] || secret)));
}

describe("row 14: leaks", () => {
  it.each(faults)("row 14: no sink shows a secret: %s", async (_name, fault) => {
    helseid.service.faults.token.standing = { fault };
    expect(await run({})).toEqual([]);
  });

  it("row 14: endless nonces, unknown client, refused scope, clock that is off", async () => {
    helseid.service.nonces.policy = "endless";
    expect(await run({})).toEqual([]);
    helseid.service.nonces.policy = "window";
    expect(await run({ clientId: "nobody" })).toEqual([]);
    helseid.service.clockOffsetMs = 3_600_000;
    helseid.service.faults.token.standing = {
      fault: { kind: "status", status: 400, body: { error: "invalid_dpop_proof" } },
    };
    expect(await run({})).toEqual([]);
    helseid.service.clockOffsetMs = 0;
  });

  it("row 14: a token prints as a hash, wherever it is put", async () => {
    const token = await sourceOf(helseid).getToken({ scopes: [helseid.api.scope] });
    const value = token.accessToken.reveal();
    for (const text of [
      String(token.accessToken),
      `${token.accessToken}`,
      JSON.stringify(token),
      inspect(token, { depth: Infinity, showHidden: true }),
    ])
      expect(text).not.toContain(value);
  });
});
