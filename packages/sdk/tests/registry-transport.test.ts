import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createPartyRegistry, lookUpOf } from "@helsekontakt/amqp-messaging";
import { createRestAddressRegistry, createRestCollaborationRegistry } from "@helsekontakt/amqp-messaging/registries";
import { HelsekontaktError } from "@helsekontakt/core";
import { createSigningFetch, createTokenSource } from "@helsekontakt/helseid";
import {
  createCommunicationPartyClient,
  createCppaClient,
  createNetworkFetch,
  type TransportSettings,
} from "@helsekontakt/rest-client";
import { type SandboxHelseid, startHelseid } from "@helsekontakt/sandbox";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

// The registries' clients as the SDK puts them together, before a registry that answers what a test wants: tokens and
// proofs are real, of a HelseID on the loopback address.

let helseid: SandboxHelseid;
beforeAll(async () => void (helseid = await startHelseid()));
afterAll(() => helseid.close());

type Answer = (response: ServerResponse, n: number, request: IncomingMessage) => void;
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const document = Buffer.from("<a/>");
const good: Answer = (response) => void response.writeHead(200, { "content-type": "application/xml" }).end(document);
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end("{}");

async function registry(answer: Answer, options: { transport?: TransportSettings; connections?: number } = {}) {
  const seen: { authorization: string; proof: Record<string, unknown> }[] = [];
  let sockets = 0;
  const server = createServer((request, response) => {
    const [, payload = ""] = String(request.headers["dpop"]).split(".");
    const proof = JSON.parse(Buffer.from(payload, "base64url").toString() || "{}") as Record<string, unknown>;
    seen.push({ authorization: String(request.headers.authorization), proof });
    answer(response, seen.length, request);
  });
  server.on("connection", () => sockets++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const network = createNetworkFetch(options.connections === undefined ? {} : { connections: options.connections });
  closing.push(
    () => network.close(),
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  let tokens = 0;
  const source = createTokenSource({
    issuer: helseid.issuer,
    clientId: helseid.client.clientId,
    key: { jwk: helseid.client.jwk as never },
    allowInsecureLoopback: true,
    fetch: (request) => {
      if (request.url.endsWith("/connect/token")) tokens++;
      return network.fetch(request);
    },
  });
  const slept: number[] = [];
  const clock = { now: Date.now, sleep: (ms: number) => Promise.resolve(void slept.push(ms)) };
  const rest = {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/`,
    fetch: createSigningFetch(source, { scopes: [helseid.api.scope] }),
    transport: { ...options.transport, retry: { clock, random: () => 0, ...options.transport?.retry } },
  };
  return {
    cppa: createCppaClient(rest),
    parties: createCommunicationPartyClient(rest),
    seen,
    slept,
    sockets: () => sockets,
    tokens: () => tokens,
  };
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "answered",
    (error: unknown) => HelsekontaktError.from(error).code,
  );

describe("calls to the registries", () => {
  it("R2: connections are kept and pooled, and no more are opened than the limit", async () => {
    const one = await registry(good);
    for (let n = 1; n <= 20; n++) await one.cppa.profile(n);
    expect([one.seen.length, one.sockets()]).toEqual([20, 1]);
    const many = await registry(good, { connections: 3 });
    await Promise.all(Array.from({ length: 60 }, (_, n) => many.cppa.profile(n + 1)));
    expect(many.seen.length).toBe(60);
    expect(many.sockets()).toBeLessThanOrEqual(3);
    expect(many.tokens()).toBeLessThanOrEqual(2);
  });

  it("R2: a registry that is silent is a time-out, a cancelled call is cancelled", async () => {
    const { cppa } = await registry(() => {}, { transport: { retry: { timeoutMs: 60, tries: 2 } } });
    expect(await codeOf(cppa.profile(1))).toBe("rest/timeout");
    const abort = new AbortController();
    const call = codeOf(cppa.profile(1, { signal: abort.signal }));
    abort.abort();
    expect(await call).toBe("abort/cancelled");
  });

  it.each([429, 502, 503, 504])(
    "R2: a %i is repeated, as late as Retry-After says, each time with a proof of its own",
    async (code) => {
      const { cppa, seen, slept } = await registry((...args) =>
        (args[1] < 3 ? status(code, { "retry-after": "4" }) : good)(...args),
      );
      expect(Buffer.from((await cppa.profile(1)) ?? [])).toEqual(document);
      expect(slept).toEqual([4_000, 4_000]);
      expect(new Set(seen.map((s) => s.proof["jti"])).size).toBe(3);
    },
  );

  it.each([400, 403, 500])("R2: a %i is not repeated", async (code) => {
    const { cppa, seen } = await registry(status(code));
    expect(await codeOf(cppa.profile(1))).not.toBe("answered");
    expect(seen).toHaveLength(1);
  });

  it("R2: a nonce that the registry asks for is given, and kept for later calls", async () => {
    const challenge = status(401, { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "n-1" });
    const { cppa, seen, tokens } = await registry((...args) => (args[1] === 1 ? challenge : good)(...args));
    await cppa.profile(1);
    await cppa.profile(2);
    expect(seen.map((s) => s.proof["nonce"])).toEqual([undefined, "n-1", "n-1"]);
    // The same token: the challenge was about the proof.
    expect(new Set(seen.map((s) => s.authorization)).size).toBe(1);
    expect(tokens()).toBeLessThanOrEqual(2);
  });

  it("R2: a refused token is renewed once, and a registry that refuses the new one too is an error", async () => {
    const refuse = status(401, { "www-authenticate": 'DPoP error="invalid_token"' });
    const once = await registry((...args) => (args[1] === 1 ? refuse : good)(...args));
    expect(await codeOf(once.cppa.profile(1))).toBe("answered");
    expect(new Set(once.seen.map((s) => s.authorization)).size).toBe(2);
    const never = await registry(refuse);
    expect(await codeOf(never.cppa.profile(1))).toBe("rest/unauthorized");
    expect(never.seen).toHaveLength(2);
  });
});

describe("statuses of the registries", () => {
  const facts = (herId: string) => ({ herId, name: "Party", active: true, queues: { async: "q" } });
  const resolve = (cppa: Awaited<ReturnType<typeof registry>>["cppa"]) =>
    createPartyRegistry({
      addressRegistry: { party: (herId) => lookUpOf(() => Promise.resolve(facts(herId))) },
      collaborationRegistry: createRestCollaborationRegistry(cppa),
    }).resolve({ herId: "2", ownHerId: "1", function: "DIALOG" });
  const kindOf = (call: ReturnType<typeof resolve>): Promise<string> =>
    call.then(
      ({ kind }) => kind,
      (error: unknown) => HelsekontaktError.from(error).code,
    );

  it("R1: 404 goes on to the profile, and from there to a dummy", async () => {
    const paths: string[] = [];
    const { cppa } = await registry((response, n, request) => {
      paths.push(String(request.url));
      status(404)(response, n, request);
    });
    expect(await kindOf(resolve(cppa))).toBe("dummy");
    expect(paths).toEqual(["/v2/Agreements/HerIds/1/2", "/v2/Profiles/2"]);
  });

  it.each([400, 401, 403, 406, 408, 409, 410, 418, 425, 429, 500, 501, 502, 503, 504])(
    "R1: %i is an outage, and never a missing agreement or profile",
    async (code) => {
      for (const failing of ["/Agreements/", "/Profiles/"]) {
        const { cppa } = await registry((response, n, request) =>
          status(String(request.url).includes(failing) ? code : 404)(response, n, request),
        );
        await expect(resolve(cppa)).rejects.toMatchObject({
          code: "registry/unavailable",
          retryable: true,
          context: { httpStatus: code },
        });
      }
    },
  );

  it("R1: a broken connection and a page that is no document are no missing ones either", async () => {
    const broken = await registry((response) => void response.destroy());
    expect(await kindOf(resolve(broken.cppa))).toBe("registry/unavailable");
    const page = await registry((response) => void response.writeHead(200).end("<html>"));
    expect(await kindOf(resolve(page.cppa))).toBe("registry/profile-invalid");
  });

  it.each([
    [404, "not-found"],
    [401, "refused"],
    [403, "refused"],
    [400, "refused"],
    [429, "unavailable"],
    [500, "unavailable"],
    [503, "unavailable"],
  ])("R3: a %i of the address registry's REST interface is %s", async (code, kind) => {
    const { parties } = await registry(status(code));
    expect(await createRestAddressRegistry(parties).party("2")).toMatchObject({ kind });
  });
});
