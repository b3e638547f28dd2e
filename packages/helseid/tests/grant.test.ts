// Over 400 lines: every case is one answer of the same token service to the same request.
import { HelsekontaktError, type Logger, silentLogger } from "@helsekontakt/core";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { assertionDetails } from "../src/assertion.ts";
import { createTokenSource, type TokenSourceOptions } from "../src/index.ts";
import { currentSigner, type GrantContext } from "../src/token-request.ts";
import { cacheKey, checkScopes } from "../src/token-source.ts";
import { makeKey, manualClock } from "./_sts.ts";

// What a grant does with each answer; the token service is a function of this process, which notes what it gets.

const issuer = "https://sts.example";
type Answer = { status?: number; body?: unknown; headers?: Record<string, string> };

let clock: ReturnType<typeof manualClock>;
let answers: (Answer | "token" | Error)[];
let sent: {
  url: string;
  form: URLSearchParams;
  assertion: Record<string, unknown>;
  proof: Record<string, unknown> | undefined;
}[];
let metadataCalls: number;
/** What an answer waits for. */
let gate: (() => Promise<void>) | undefined;
let key: Awaited<ReturnType<typeof makeKey>>;

beforeEach(async () => {
  clock = manualClock(1_700_000_000_000);
  [answers, sent, metadataCalls, gate] = [[], [], 0, undefined];
  key = await makeKey("ES256");
});

async function service(request: Request): Promise<Response> {
  if (request.method === "GET") {
    metadataCalls++;
    return Response.json({ issuer, token_endpoint: `${issuer}/token/${metadataCalls}` });
  }
  const form = new URLSearchParams(await request.text());
  const dpop = request.headers.get("dpop");
  sent.push({
    url: request.url,
    form,
    assertion: decodeJwt(form.get("client_assertion") ?? ""),
    proof: dpop === null ? undefined : decodeJwt(dpop),
  });
  const answer = answers.shift() ?? "token";
  await gate?.();
  if (answer instanceof Error) throw answer;
  if (answer === "token")
    return Response.json({
      access_token: `t${sent.length}`,
      token_type: dpop === null ? "Bearer" : "DPoP",
      expires_in: 60,
    });
  return Response.json(answer.body ?? {}, { status: answer.status ?? 400, headers: answer.headers ?? {} });
}

const source = (change: Partial<TokenSourceOptions> = {}) =>
  createTokenSource({ issuer, clientId: "c", key: { ...key }, fetch: service, clock, random: () => 0, ...change });
const asked = (change: Partial<TokenSourceOptions> = {}) => source(change).getToken({ scopes: ["a"] });
const error = (name: string, headers: Record<string, string> = {}): Answer => ({ body: { error: name }, headers });
const date = (secondsAhead: number): Record<string, string> => ({
  date: new Date(clock.now() + secondsAhead * 1000).toUTCString(),
});

describe("a nonce challenge", () => {
  it("is answered twice at most, with the nonce of each challenge", async () => {
    answers = [error("use_dpop_nonce", { "dpop-nonce": "n1" }), error("use_dpop_nonce", { "dpop-nonce": "n2" })];
    await asked();
    expect(sent.map((s) => s.proof?.["nonce"])).toEqual([undefined, "n1", "n2"]);
    sent = [];
    answers = ["n1", "n2", "n3", "n4"].map((n) => error("use_dpop_nonce", { "dpop-nonce": n }));
    await expect(asked()).rejects.toMatchObject({ code: "auth/token-rejected", remoteCode: "use_dpop_nonce" });
    expect(sent).toHaveLength(3);
  });

  it("is over when the next try finds no answer: that is another fault", async () => {
    answers = [error("use_dpop_nonce", { "dpop-nonce": "n1" }), new TypeError("fetch failed")];
    await asked();
    // A pause comes before what is tried after a failed connection, none before the answer to a challenge.
    expect([sent.length, clock.slept.length]).toEqual([3, 1]);
  });

  it("is answered with its own nonce, whatever another call was given meanwhile, and with no other's after that", async () => {
    const s = source();
    await s.getToken({ scopes: ["loaded"] });
    let arrived = 0;
    let both = (): void => undefined;
    const meeting = new Promise<void>((resolve) => (both = resolve));
    gate = async () => {
      if (++arrived === 2) both();
      await meeting;
    };
    sent = [];
    answers = ["n1", "n2"].map((n) => error("use_dpop_nonce", { "dpop-nonce": n }));
    await Promise.all([s.getToken({ scopes: ["a"] }), s.getToken({ scopes: ["b"] })]);
    expect(sent.slice(2).map((p) => p.proof?.["nonce"])).toEqual(expect.arrayContaining(["n1", "n2"]));
    gate = undefined;
    sent = [];
    answers = [
      error("use_dpop_nonce", { "dpop-nonce": "n3" }),
      error("invalid_client", { ...date(100), "dpop-nonce": "n4" }),
    ];
    await source().getToken({ scopes: ["a"] });
    expect(sent.map((p) => p.proof?.["nonce"])).toEqual([undefined, "n3", "n4"]);
  });

  it("without a nonce cannot be answered", async () => {
    answers = [error("use_dpop_nonce")];
    await expect(asked()).rejects.toMatchObject({ remoteCode: "use_dpop_nonce" });
    expect(sent).toHaveLength(1);
  });

  it("a nonce of a good answer serves the next grant", async () => {
    const s = source();
    answers = [
      error("use_dpop_nonce", { "dpop-nonce": "n1" }),
      { status: 200, body: { access_token: "x", token_type: "DPoP" }, headers: { "dpop-nonce": "n2" } },
    ];
    await s.getToken({ scopes: ["a"] });
    await s.getToken({ scopes: ["b"] });
    expect(sent.map((p) => p.proof?.["nonce"])).toEqual([undefined, "n1", "n2"]);
  });
});

describe("a clock that is off", () => {
  it.each([
    [5, 1],
    [-5, 1],
    [6, 2],
    [-6, 2],
    [3600, 2],
  ])("by %d s takes %d calls", async (seconds, calls) => {
    answers = [error("invalid_client", date(seconds))];
    const result = await asked().then(
      () => "token",
      (e: unknown) => (e as HelsekontaktError).remoteCode,
    );
    expect([result, sent.length]).toEqual([calls === 1 ? "invalid_client" : "token", calls]);
    if (calls === 2) {
      const now = Math.floor(clock.now() / 1000) + seconds;
      expect(sent[1]?.assertion).toMatchObject({ iat: now, nbf: now, exp: now + 30 });
      expect(sent[1]?.proof).toMatchObject({ iat: now });
    }
  });

  it("is corrected once, for proofs as well as assertions, and told", async () => {
    const warn = vi.fn();
    const logger: Logger = { ...silentLogger, warn };
    answers = [error("invalid_dpop_proof", date(100)), error("invalid_dpop_proof", date(200))];
    await expect(asked({ logger })).rejects.toMatchObject({ remoteCode: "invalid_dpop_proof" });
    expect(sent).toHaveLength(2);
    expect(warn.mock.calls).toEqual([[expect.any(String), { seconds: 100 }]]);
  });

  it("is judged by what is known of it already", async () => {
    const s = source();
    answers = [error("invalid_client", date(100)), "token", error("invalid_client", date(104))];
    await s.getToken({ scopes: ["a"] });
    await expect(s.getToken({ scopes: ["b"] })).rejects.toMatchObject({ remoteCode: "invalid_client" });
    expect(sent).toHaveLength(3);
  });

  it.each([{}, { date: "no date" }, { date: "" }])("is not guessed from %j", async (headers) => {
    answers = [error("invalid_client", headers)];
    await expect(asked()).rejects.toMatchObject({ remoteCode: "invalid_client" });
    expect(sent).toHaveLength(1);
  });

  it("is read in a leap second, too, and blamed for no other error", async () => {
    clock = manualClock(Date.parse("2016-12-31T23:00:00Z"));
    answers = [error("invalid_client", { date: "Sat, 31 Dec 2016 23:59:60 GMT" })];
    await asked();
    expect(sent[1]?.assertion["iat"]).toBe(Date.parse("2016-12-31T23:59:59Z") / 1000);
    answers = [error("invalid_scope", date(100))];
    await expect(asked()).rejects.toMatchObject({ code: "auth/scope-rejected" });
  });
});

describe("a key or an address that moved", () => {
  it("a provider is asked again once, then no more", async () => {
    const provider = vi.fn(async () => ({ ...key }));
    answers = [error("invalid_client")];
    await asked({ key: provider });
    expect([provider.mock.calls.length, sent.length]).toEqual([2, 2]);
    answers = [error("invalid_client"), error("invalid_client")];
    await expect(asked({ key: provider })).rejects.toMatchObject({ remoteCode: "invalid_client" });
    expect([provider.mock.calls.length, sent.length]).toEqual([4, 4]);
    answers = [error("invalid_grant")];
    await expect(asked({ key: provider })).rejects.toMatchObject({ remoteCode: "invalid_grant" });
    expect(provider).toHaveBeenCalledTimes(5);
  });

  it("a provider that fails is asked again by the next caller; what it throws is hidden, unless it is about the key", async () => {
    const provider = vi.fn<() => Promise<typeof key>>();
    provider.mockRejectedValueOnce(new Error("SECRET"));
    provider.mockRejectedValueOnce(new HelsekontaktError("auth/key-invalid", "own text"));
    provider.mockRejectedValueOnce(new HelsekontaktError("config/missing", "SECRET"));
    provider.mockResolvedValue({ ...key });
    const s = source({ key: provider });
    const first: unknown = await s.getToken({ scopes: ["a"] }).catch((e: unknown) => e);
    expect(first).toMatchObject({ code: "auth/key-invalid", retryable: true });
    expect(String(first)).not.toContain("SECRET");
    await expect(s.getToken({ scopes: ["a"] })).rejects.toMatchObject({
      message: expect.stringMatching(/own text/) as string,
    });
    await expect(s.getToken({ scopes: ["a"] })).rejects.toMatchObject({ code: "auth/key-invalid" });
    await s.getToken({ scopes: ["a"] });
    await s.getToken({ scopes: ["b"] });
    expect(provider).toHaveBeenCalledTimes(4);
  });

  it("tokens of the key before are not given out under the next one", async () => {
    const next = await makeKey("ES256", "key-2");
    const provider = vi.fn(async () => (provider.mock.calls.length < 2 ? { ...key } : { ...next }));
    const s = source({ key: provider });
    await s.getToken({ scopes: ["a"] });
    expect(await s.getToken({ scopes: ["a"] })).toMatchObject({ tokenType: "DPoP" });
    expect(sent).toHaveLength(1);
    answers = [error("invalid_client")];
    await s.getToken({ scopes: ["b"] });
    await s.getToken({ scopes: ["a"] });
    expect(sent).toHaveLength(4);
  });

  it("a provider that fails late does not take away the key that came after it", async () => {
    let fail = (_reason: Error): void => undefined;
    const late = new Promise<never>((_resolve, reject) => (fail = reject));
    const provider = vi
      .fn<() => Promise<typeof key>>()
      .mockReturnValueOnce(late)
      .mockResolvedValue({ ...key });
    const context = { options: { key: provider }, signer: undefined } as unknown as GrantContext;
    const { signal } = new AbortController();
    const first = currentSigner(context, signal);
    expect(currentSigner(context, signal)).toBe(first);
    const second = currentSigner(context, signal, true);
    await second;
    fail(new Error("late"));
    await expect(first).rejects.toMatchObject({ code: "auth/key-invalid" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(context.signer).toBe(second);
    expect(provider).toHaveBeenCalledTimes(2);
  });

  it.each([404, 405])("HTTP status %d reads the metadata again, once", async (status) => {
    answers = [{ status }];
    await asked();
    expect([metadataCalls, sent.map((s) => s.url)]).toEqual([2, [`${issuer}/token/1`, `${issuer}/token/2`]]);
    answers = [{ status }, { status }];
    await expect(asked()).rejects.toMatchObject({ context: { httpStatus: status } });
    expect(sent).toHaveLength(4);
  });

  it.each([403, 406])("HTTP status %d does not", async (status) => {
    answers = [{ status }];
    await expect(asked()).rejects.toMatchObject({ context: { httpStatus: status } });
    expect([metadataCalls, sent.length]).toEqual([1, 1]);
  });
});

describe("what is asked for", () => {
  it("is each scope once, the resource, and the details; nothing that is not set", async () => {
    const s = source();
    await s.getToken({ scopes: ["b", "a", "b"], resource: "r" });
    await s.getToken({ scopes: [], binding: "bearer" });
    expect([sent[0]?.form.get("scope"), sent[0]?.form.get("resource")]).toEqual(["b a", "r"]);
    expect([sent[1]?.form.has("scope"), sent[1]?.form.has("resource"), sent[1]?.proof]).toEqual([
      false,
      false,
      undefined,
    ]);
    expect(sent[0]?.proof).toBeDefined();
  });

  it("takes binding and organisation from the source unless the request has its own", async () => {
    const s = source({ binding: "bearer", organisation: { tenancy: "single", child: "111111111" } });
    expect(s.binding).toBe("bearer");
    await s.getToken({ scopes: ["a"] });
    await s.getToken({ scopes: ["a"], binding: "dpop", organisation: { tenancy: "single", child: "222222222" } });
    expect(sent.map((p) => p.proof !== undefined)).toEqual([false, true]);
    expect(sent.map((p) => JSON.stringify(p.assertion["assertion_details"]).match(/(\d)\1{8}/)?.[0])).toEqual([
      "111111111",
      "222222222",
    ]);
    expect(source().binding).toBe("dpop");
    await source().getToken({ scopes: ["a"] });
    expect(sent.at(-1)?.assertion).not.toHaveProperty("assertion_details");
  });

  it("ends within the time limit of one request, and of all", async () => {
    const fetch = (request: Request) =>
      request.method === "GET" ? service(request) : new Promise<Response>(() => undefined);
    await expect(asked({ fetch, timeoutMs: 20 })).rejects.toMatchObject({
      message: expect.stringMatching(/none in time/) as string,
    });
    expect(clock.slept).toHaveLength(2);
    await expect(asked({ fetch, deadlineMs: 20 })).rejects.toMatchObject({
      message: expect.stringMatching(/none in time/) as string,
    });
    expect(clock.slept).toHaveLength(2);
  });

  it("leaves no timer behind", async () => {
    await source().getToken({ scopes: ["loaded"] });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      answers = [error("use_dpop_nonce", { "dpop-nonce": "n1" }), "token", { status: 400 }];
      await asked();
      await expect(asked()).rejects.toThrow();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is asked for once by all who come at the same time, with one key for proofs", async () => {
    const s = source();
    const tokens = await Promise.all([1, 2, 3].map(() => s.getToken({ scopes: ["a"] })));
    expect([new Set(tokens).size, sent.length]).toEqual([1, 1]);
  });

  it("is refused before anything is loaded or sent, for scopes that are none and for a caller who has left", async () => {
    const provider = vi.fn(async () => ({ ...key }));
    const s = source({ key: provider });
    await expect(s.getToken({ scopes: ["a b"] })).rejects.toMatchObject({ code: "input/invalid" });
    await expect(s.getToken({ scopes: ["a"], signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "abort/cancelled",
    });
    expect([provider.mock.calls.length, sent.length]).toEqual([0, 0]);
  });

  it("pauses as chance says", async () => {
    answers = [{ status: 503 }, { status: 503 }];
    await asked({ random: () => 1 });
    expect(clock.slept).toEqual([250, 500]);
  });

  it("says for whom: one object or a list, by what is set", async () => {
    const s = source();
    const claim = async (more: object): Promise<unknown> => {
      await s.getToken({ scopes: ["a"], ...more });
      return sent.at(-1)?.assertion["assertion_details"];
    };
    const identifier = (details: unknown): unknown =>
      (details as { practitioner_role: { organization: { identifier: unknown } } }).practitioner_role.organization
        .identifier;
    const organisation = { tenancy: "multi", parent: "111111111" };
    expect(identifier(await claim({ organisation }))).toMatchObject({
      system: "urn:oid:1.0.6523",
      value: "NO:ORGNR:111111111:",
    });
    expect(identifier(await claim({ organisation: { ...organisation, child: "222222222" } }))).toMatchObject({
      value: "NO:ORGNR:111111111:222222222",
    });
    expect(identifier(await claim({ organisation: { tenancy: "single", child: "222222222" } }))).toEqual({
      system: "urn:oid:2.16.578.1.12.4.1.4.101",
      type: "ENH",
      value: "222222222",
    });
    const journal = { type: "nhn:sfm:journal-id", value: { journal_id: "7" } };
    expect(await claim({ sfmJournalId: "7" })).toEqual(journal);
    expect(await claim({ details: [{ type: "x" }] })).toEqual({ type: "x" });
    expect(await claim({ details: [{ type: "x" }], sfmJournalId: "7" })).toEqual([journal, { type: "x" }]);
    expect(await claim({ details: [] })).toBeUndefined();
  });

  it.each([
    { tenancy: "multi", parent: "11111111" },
    { tenancy: "multi", parent: "x111111111" },
    { tenancy: "multi", parent: "1111111111" },
    { tenancy: "multi", parent: "111111111", child: "1" },
    { tenancy: "multi", child: "111111111" },
    { tenancy: "single" },
    { tenancy: "single", child: 111111111 },
    { tenancy: "single", child: "111111111\n" },
  ] as never[])("organisation %j is refused before anything is sent", async (organisation) => {
    await expect(source().getToken({ scopes: ["a"], organisation })).rejects.toMatchObject({ code: "input/invalid" });
    expect([metadataCalls, sent.length]).toEqual([0, 0]);
    expect(() => assertionDetails({ organisation })).toThrow(expect.objectContaining({ code: "input/invalid" }));
  });

  it("is signed by a callback where the key lives elsewhere, which may fail in passing", async () => {
    const { privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
    const sign = vi.fn(async (data: Uint8Array) => {
      const ecdsa = { name: "ECDSA", hash: "SHA-256" };
      return new Uint8Array(await crypto.subtle.sign(ecdsa, privateKey, new Uint8Array(data)));
    });
    await asked({ key: { sign, kid: "hsm", alg: "ES256" } });
    const [header = "", payload = "", signature = ""] = sent[0]?.form.get("client_assertion")?.split(".") ?? [];
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toEqual({
      alg: "ES256",
      kid: "hsm",
      typ: "client-authentication+jwt",
    });
    expect(new TextDecoder().decode(sign.mock.calls[0]?.[0])).toBe(`${header}.${payload}`);
    expect(Buffer.from(signature, "base64url")).toHaveLength(64);
    const now = Math.floor(clock.now() / 1000);
    expect(sent[0]?.assertion).toMatchObject({ aud: issuer, iss: "c", sub: "c", iat: now, nbf: now, exp: now + 30 });
    expect([sent[0]?.form.get("client_id"), sent[0]?.form.get("client_assertion_type")]).toEqual([
      "c",
      "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    ]);
    sign.mockRejectedValueOnce(new Error("SECRET"));
    await asked({ key: { sign, kid: "hsm", alg: "ES256" } });
    expect([sign.mock.calls.length, clock.slept.length]).toEqual([3, 1]);
    sign.mockRejectedValue(new Error("SECRET"));
    const failed: unknown = await asked({ key: { sign, kid: "hsm", alg: "ES256" } }).catch((e: unknown) => e);
    expect(failed).toMatchObject({ code: "auth/key-invalid", retryable: true });
    expect(String(failed)).not.toContain("SECRET");
  });

  it("is asked for again after a fault that passes, not after one that does not", async () => {
    answers = [{ status: 503 }, new TypeError("fetch failed")];
    await asked();
    expect(sent).toHaveLength(3);
    answers = [{ status: 500 }, { status: 400 }];
    await expect(asked()).rejects.toMatchObject({ context: { httpStatus: 400 } });
    expect(sent).toHaveLength(5);
  });

  it("ends with the caller's abort, and then asks for nothing more", async () => {
    const controller = new AbortController();
    answers = [error("use_dpop_nonce", { "dpop-nonce": "n" })];
    const fetch = async (request: Request): Promise<Response> => {
      if (request.method === "POST") controller.abort();
      return service(request);
    };
    const pending = source({ fetch }).getToken({ scopes: ["a"], signal: controller.signal });
    await expect(pending).rejects.toMatchObject({ code: "abort/cancelled" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent.length).toBeLessThan(2);
  });
});

describe("settings", () => {
  it.each([
    { clientId: "" },
    { clientId: 7 as never },
    { assertionSeconds: 0 },
    { assertionSeconds: 61 },
    { assertionSeconds: 1.5 },
    { timeoutMs: 0 },
    { timeoutMs: -1 },
    { timeoutMs: 1.5 },
    { timeoutMs: Number.NaN },
    { timeoutMs: Number.POSITIVE_INFINITY },
    { deadlineMs: 0 },
    { maxCachedTokens: 0 },
    { issuer: "http://sts.example" },
    { issuer: "http://127.0.0.1" },
  ])("%j are refused", (change) => {
    expect(() => source(change)).toThrow(expect.objectContaining({ code: "config/invalid" }));
  });

  it.each([
    { assertionSeconds: 1 },
    { assertionSeconds: 60 },
    { timeoutMs: 1 },
    { deadlineMs: 1 },
    { maxCachedTokens: 1 },
  ])("%j are taken", (change) => {
    expect(source(change).binding).toBe("dpop");
  });

  it("bound the tokens that are kept", async () => {
    const s = source({ maxCachedTokens: 1 });
    for (const scope of ["a", "b", "a"]) await s.getToken({ scopes: [scope] });
    expect(sent).toHaveLength(3);
  });

  it("scopes are of RFC 6749's alphabet", () => {
    for (const scope of ["a", "!", "#[", "]~", "nhn:x/y.z"]) expect(() => checkScopes(["ok", scope])).not.toThrow();
    for (const scope of ["", "a b", 'a"', '"a', "a\\", "\\a", "å", "a\n", "\u007f", 7 as never])
      expect(() => checkScopes(["ok", scope])).toThrow(expect.objectContaining({ code: "input/invalid" }));
  });

  it("the key of a kept token holds all that tells tokens apart", () => {
    const options = { issuer, clientId: "c" };
    const made = (request: object): string => cacheKey(options, "k", "t", { scopes: [], ...request });
    const requests = [
      {},
      { binding: "bearer" },
      { resource: "r" },
      { acceptNarrowerScope: true },
      { organisation: { tenancy: "single", child: "111111111" } },
      { organisation: { tenancy: "multi", parent: "111111111" } },
      { organisation: { tenancy: "multi", parent: "111111111", child: "222222222" } },
      { organisation: { tenancy: "multi", parent: "222222222", child: "111111111" } },
      { sfmJournalId: "1" },
      { details: [{ type: "x" }] },
      { scopes: ["a"] },
      { scopes: ["a", "b"] },
    ];
    expect(new Set(requests.map(made)).size).toBe(requests.length);
    expect(made({ binding: "dpop", acceptNarrowerScope: false })).toBe(made({}));
    expect(made({ scopes: ["b", "a", "b"] })).toBe(made({ scopes: ["a", "b"] }));
    expect(() => made({ organisation: { tenancy: "multi", parent: "111111111", child: "1" } })).toThrow();
    expect(() => made({ organisation: { tenancy: "single", child: "1" } })).toThrow();
  });
});
