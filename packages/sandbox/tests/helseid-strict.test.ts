import { createHash, randomUUID } from "node:crypto";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RegisteredClient, type Sandbox, startSandbox, TokenService } from "../src/index.ts";

// Long for one reason: one table of broken assertions and proofs, each told apart by what HelseID answers.

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
type Part = Record<string, unknown>;
type Change = (header: Part, payload: Part) => void;
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Part;
}

const scope = "nhn:helsenorge.eksternapi/helsenorgeaktivsjekken";
let sandbox: Sandbox;
let service: TokenService;
let dpop: Pair;
let publicKey: JWK;

beforeAll(async () => {
  sandbox = await startSandbox({ citizens: 10 });
  service = sandbox.helseid.service;
  dpop = await generateKeyPair("ES256", { extractable: true });
  publicKey = await exportJWK(dpop.publicKey);
});
afterAll(() => sandbox.close());
beforeEach(() => {
  service.nonces.policy = "never";
});

const now = (): number => Math.floor(Date.now() / 1000);
const issuer = (): string => sandbox.helseid.issuer;
const none: Change = () => undefined;

async function assertion(change: Change = none, key?: JWK): Promise<string> {
  const { clientId, jwk } = sandbox.client;
  const header: Part = { alg: "ES256", kid: jwk.kid, typ: "client-authentication+jwt" };
  const payload: Part = {
    iss: clientId,
    sub: clientId,
    aud: issuer(),
    iat: now(),
    nbf: now(),
    exp: now() + 30,
    jti: randomUUID(),
  };
  change(header, payload);
  return new SignJWT(payload).setProtectedHeader(header as never).sign((key ?? jwk) as never);
}

async function proof(change: Change = none, token?: string, url = `${issuer()}/connect/token`): Promise<string> {
  const header: Part = { alg: "ES256", typ: "dpop+jwt", jwk: publicKey };
  const payload: Part = {
    htm: "POST",
    htu: url,
    iat: now(),
    jti: randomUUID(),
    ...(token === undefined ? {} : { ath: createHash("sha256").update(token).digest("base64url") }),
  };
  change(header, payload);
  return new SignJWT(payload).setProtectedHeader(header as never).sign(dpop.privateKey);
}

async function ask(form: Part = {}, dpopProof?: string): Promise<Answer> {
  const fields = {
    grant_type: "client_credentials",
    client_id: sandbox.client.clientId,
    scope,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    ...form,
    client_assertion: form["client_assertion"] ?? (await assertion()),
  };
  const response = await fetch(`${issuer()}/connect/token`, {
    method: "POST",
    headers: dpopProof === undefined ? {} : { dpop: dpopProof },
    body: new URLSearchParams(Object.entries(fields).filter(([, v]) => v !== undefined) as [string, string][]),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Part };
}

const unsigned = (token: string): string => {
  const [header = "", payload = ""] = token.split(".");
  const head = JSON.parse(Buffer.from(header, "base64url").toString()) as Part;
  return `${Buffer.from(JSON.stringify({ ...head, alg: "none" })).toString("base64url")}.${payload}.`;
};
const tampered = (token: string): string => {
  const [header = "", payload = "", signature = ""] = token.split(".");
  return `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
};

describe("row 01: client assertions that are refused", () => {
  const spec = /^HID-1007: /;
  const cases: [string, Change, RegExp | undefined][] = [
    ["aud is the token endpoint", (_h, p) => void (p["aud"] = `${issuer()}/connect/token`), spec],
    ["aud ends in a slash", (_h, p) => void (p["aud"] = `${issuer()}/`), spec],
    ["aud is a list", (_h, p) => void (p["aud"] = [issuer()]), spec],
    ["aud is missing", (_h, p) => delete p["aud"], spec],
    ["typ is JWT", (h) => void (h["typ"] = "JWT"), spec],
    ["typ is missing", (h) => delete h["typ"], spec],
    ["kid is missing", (h) => delete h["kid"], undefined],
    ["kid is another's", (h) => void (h["kid"] = "other"), undefined],
    ["exp is two minutes ahead", (_h, p) => void (p["exp"] = now() + 120), spec],
    ["exp is past", (_h, p) => void (p["exp"] = now() - 30), undefined],
    ["exp is missing", (_h, p) => delete p["exp"], undefined],
    ["iat is text", (_h, p) => void (p["iat"] = String(now())), undefined],
    ["iat is missing", (_h, p) => delete p["iat"], undefined],
    ["iat is ahead", (_h, p) => void (p["iat"] = now() + 30), spec],
    ["nbf is ahead", (_h, p) => void (p["nbf"] = now() + 30), undefined],
    ["nbf is missing", (_h, p) => delete p["nbf"], undefined],
    ["jti is missing", (_h, p) => delete p["jti"], undefined],
    ["jti is empty", (_h, p) => void (p["jti"] = ""), spec],
    ["iss is another", (_h, p) => void (p["iss"] = "other"), undefined],
    ["sub is another", (_h, p) => void (p["sub"] = "other"), undefined],
  ];
  it.each(cases)("%s", async (_name, change, description) => {
    const { status, body } = await ask({ client_assertion: await assertion(change) }, await proof());
    expect(status).toBe(400);
    expect(body["error"]).toBe("invalid_client");
    if (description === undefined) expect(body["error_description"]).toBeUndefined();
    else expect(body["error_description"]).toMatch(description);
  });

  it("of another key, unsigned, tampered with, symmetric; and a client secret", async () => {
    const other = await generateKeyPair("ES256", { extractable: true });
    const { clientId, jwk } = sandbox.client;
    const hs = await new SignJWT({ iss: clientId, sub: clientId, aud: issuer(), exp: now() + 30, jti: randomUUID() })
      .setProtectedHeader({ alg: "HS256", kid: jwk.kid ?? "", typ: "client-authentication+jwt" })
      .sign(Buffer.from(JSON.stringify({ x: jwk.x, y: jwk.y })));
    for (const bad of [
      await assertion(none, await exportJWK(other.privateKey)),
      unsigned(await assertion()),
      tampered(await assertion()),
      hs,
      "no.jwt.here",
      "",
    ])
      expect((await ask({ client_assertion: bad })).body).toEqual({ error: "invalid_client" });
    expect((await ask({ client_secret: "x" })).body).toEqual({ error: "invalid_client" });
    expect((await ask({ client_assertion_type: "x" })).body).toEqual({ error: "invalid_client" });
    expect((await ask({ client_id: "nobody" })).body).toEqual({ error: "invalid_client" });
    expect((await ask({ client_id: undefined })).body).toEqual({ error: "invalid_client" });
  });

  it("with parameters twice, another grant, another media type or method", async () => {
    const twice = await fetch(`${issuer()}/connect/token`, {
      method: "POST",
      body: new URLSearchParams([
        ["grant_type", "client_credentials"],
        ["client_id", "a"],
        ["client_id", "b"],
      ]),
    });
    expect(await twice.json()).toEqual({ error: "invalid_request" });
    expect((await ask({ grant_type: "password" })).body["error"]).toBe("unsupported_grant_type");
    const json = await fetch(`${issuer()}/connect/token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(await json.json()).toEqual({ error: "invalid_request" });
    expect((await fetch(`${issuer()}/connect/token`)).status).toBe(400);
  });

  it("(a good one passes)", async () => {
    const { status, body } = await ask({}, await proof());
    expect([status, body["token_type"], body["expires_in"], body["scope"]]).toEqual([200, "DPoP", 60, scope]);
  });
});

const brokenProofs: [string, Change][] = [
  ["without htu", (_h, p) => delete p["htu"]],
  ["without htm", (_h, p) => delete p["htm"]],
  ["with iat past", (_h, p) => void (p["iat"] = now() - 60)],
  ["with iat ahead", (_h, p) => void (p["iat"] = now() + 60)],
  ["without iat", (_h, p) => delete p["iat"]],
  ["without jwk", (h) => delete h["jwk"]],
  ["without jti", (_h, p) => delete p["jti"]],
  ["with an empty jti", (_h, p) => void (p["jti"] = "")],
  ["of type JWT", (h) => void (h["typ"] = "JWT")],
  ["without type", (h) => delete h["typ"]],
  ["for another method", (_h, p) => void (p["htm"] = "GET")],
  ["for a method in lower case", (_h, p) => void (p["htm"] = "post")],
  ["for another host", (_h, p) => void (p["htu"] = "https://example.invalid/connect/token")],
  ["for a URL with a query", (_h, p) => void (p["htu"] = `${String(p["htu"])}?a=1`)],
  ["for a URL with a fragment", (_h, p) => void (p["htu"] = `${String(p["htu"])}#a`)],
];

async function brokenByHand(token?: string, url?: string, method = "POST"): Promise<[string, string][]> {
  const good = (): Promise<string> => proof((_h, p) => void (p["htm"] = method), token, url);
  const hs = await new SignJWT({ htm: method, htu: url ?? `${issuer()}/connect/token`, iat: now(), jti: randomUUID() })
    .setProtectedHeader({ alg: "HS256", typ: "dpop+jwt", jwk: { kty: "oct" } as JWK })
    .sign(Buffer.alloc(32));
  return [
    ["unsigned", unsigned(await good())],
    ["tampered with", tampered(await good())],
    ["symmetric", hs],
    [
      "with the private key",
      await proof(
        (h, p) => {
          p["htm"] = method;
          h["jwk"] = { ...publicKey, d: "AAAA" };
        },
        token,
        url,
      ),
    ],
    [
      "of another key than it carries",
      await proof(
        (h, p) => {
          p["htm"] = method;
          h["jwk"] = { ...publicKey, x: publicKey.y };
        },
        token,
        url,
      ),
    ],
    [
      "with the key of somebody else",
      await proof(
        (h, p) => {
          p["htm"] = method;
          h["jwk"] = otherJwk;
        },
        token,
        url,
      ),
    ],
    ["two in one header", `${await good()}, ${await good()}`],
    ["no JWT", "abc"],
    ["empty", " "],
  ].map(([name, text]) => [name as string, text as string]);
}
let otherJwk: JWK;
beforeAll(async () => {
  otherJwk = await exportJWK((await generateKeyPair("ES256", { extractable: true })).publicKey);
});

describe("row 03: proofs that the token endpoint refuses", () => {
  it.each(brokenProofs)("%s", async (_name, change) => {
    const { status, body } = await ask({}, await proof(change));
    expect([status, body["error"]]).toEqual([400, "invalid_dpop_proof"]);
  });
  it("broken by hand", async () => {
    for (const [name, bad] of await brokenByHand())
      if (bad.trim() !== "") expect([name, (await ask({}, bad)).body["error"]]).toEqual([name, "invalid_dpop_proof"]);
  });
});

describe("row 03: proofs that an API refuses", () => {
  const path = "/digitaltaktiv/helsenorgeaktivsjekken/v1";
  const call = async (dpopProof: string | undefined, token: string, scheme = "DPoP"): Promise<number> => {
    const response = await fetch(`${sandbox.rest.baseUrl}${path}?x=1`, {
      method: "POST",
      headers: {
        authorization: `${scheme} ${token}`,
        "content-type": "application/json",
        ...(dpopProof === undefined ? {} : { dpop: dpopProof }),
      },
      body: JSON.stringify({ fnrListe: [], omraade: 1 }),
    });
    await response.text();
    return response.status;
  };
  const bound = async (): Promise<string> => (await ask({}, await proof())).body["access_token"] as string;
  const url = (): string => `${sandbox.rest.baseUrl}${path}`;

  it.each([
    ...brokenProofs,
    ["without ath", (_h, p) => delete p["ath"]],
    ["with another token's ath", (_h, p) => void (p["ath"] = "AAAA")],
  ] as [string, Change][])("%s", async (_name, change) => {
    const token = await bound();
    expect(await call(await proof(change, token, url()), token)).toBe(401);
  });

  it("broken by hand, none, bound to another key, and a bound token as Bearer; a good one once", async () => {
    const token = await bound();
    for (const [name, bad] of await brokenByHand(token, url()))
      expect([name, await call(bad, token)]).toEqual([name, 401]);
    expect(await call(undefined, token)).toBe(401);
    expect(await call(undefined, token, "Bearer")).toBe(401);
    const other = await generateKeyPair("ES256", { extractable: true });
    const foreign = await new SignJWT({
      htm: "POST",
      htu: url(),
      iat: now(),
      jti: randomUUID(),
      ath: createHash("sha256").update(token).digest("base64url"),
    })
      .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk: await exportJWK(other.publicKey) })
      .sign(other.privateKey);
    expect(await call(foreign, token)).toBe(401);
    const once = await proof(none, token, url());
    expect(await call(once, token)).not.toBe(401);
    expect(await call(once, token)).toBe(401);
  });
});

describe("row 04: what is sent twice", () => {
  it("the same assertion, the same proof", async () => {
    const once = await assertion();
    expect((await ask({ client_assertion: once })).status).toBe(200);
    expect((await ask({ client_assertion: once })).body).toEqual({ error: "invalid_client" });
    const p = await proof();
    expect((await ask({}, p)).status).toBe(200);
    expect((await ask({}, p)).body).toMatchObject({ error: "invalid_dpop_proof" });
  });
});

describe("nonces", () => {
  const withNonce = (nonce: string | null): Promise<string> => proof((_h, p) => void (p["nonce"] = nonce ?? undefined));
  it("by window: one challenge, then the same one serves", async () => {
    service.nonces.policy = "window";
    const first = await ask({}, await proof());
    expect([first.status, first.body["error"]]).toEqual([400, "use_dpop_nonce"]);
    const nonce = first.headers.get("dpop-nonce");
    for (let n = 0; n < 2; n++) expect((await ask({}, await withNonce(nonce))).status).toBe(200);
  });
  it("single-use: each once; rotating: each answer brings another, older ones still serve", async () => {
    service.nonces.policy = "single-use";
    const { headers } = await ask({}, await proof());
    const nonce = headers.get("dpop-nonce");
    const used = await ask({}, await withNonce(nonce));
    expect(used.status).toBe(200);
    expect((await ask({}, await withNonce(nonce))).body["error"]).toBe("use_dpop_nonce");
    expect((await ask({}, await withNonce(used.headers.get("dpop-nonce")))).status).toBe(200);
    service.nonces.policy = "rotating";
    const a = (await ask({}, await proof())).headers.get("dpop-nonce");
    const b = (await ask({}, await withNonce(a))).headers.get("dpop-nonce");
    expect(b).not.toBe(a);
    expect((await ask({}, await withNonce(a))).status).toBe(200);
  });
  it("endless: never enough", async () => {
    service.nonces.policy = "endless";
    const { headers } = await ask({}, await proof());
    expect((await ask({}, await withNonce(headers.get("dpop-nonce")))).body["error"]).toBe("use_dpop_nonce");
  });
});

describe("clients", () => {
  const base = { jwks: { keys: [] }, scopes: ["a/x", "a/y", "b/z"], organisationNumber: "999999999" };
  const run = async (client: Partial<RegisteredClient>, details: unknown, form: Part = {}) => {
    const { clientId, jwk } = sandbox.client;
    const { d: _d, ...key } = jwk;
    const own = new TokenService({ clients: [{ ...base, clientId, ...client, jwks: { keys: [key] } }] });
    await own.init();
    own.issuer = issuer();
    const { body } = await own.handle({
      method: "POST",
      url: new URL(`${issuer()}/connect/token`),
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: Buffer.from(
        new URLSearchParams({
          grant_type: "client_credentials",
          client_id: clientId,
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
          client_assertion: await assertion((_h, p) => void (p["assertion_details"] = details)),
          ...(form as Record<string, string>),
        }).toString(),
      ),
    });
    const answer = body as Part;
    const token = answer["access_token"] as string | undefined;
    const claims =
      token === undefined ? {} : (JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Part);
    return { answer, claims };
  };
  const org = (system: string, value: string) => ({
    type: "helseid_authorization",
    practitioner_role: { organization: { identifier: { system, type: "ENH", value } } },
  });
  const single = "urn:oid:2.16.578.1.12.4.1.4.101";
  const multi = "urn:oid:1.0.6523";

  it.each([
    ["unknown child", {}, org(single, "999999998"), /^HID-1002/],
    ["malformed child", {}, org(single, "99999999"), /^HID-1004/],
    ["parent from a single-tenant client", {}, org(multi, "NO:ORGNR:999999999:"), /^HID-1005/],
    ["single form from a multi-tenant client", { tenancy: "multi" }, org(single, "999999998"), /multi-tenant/],
    ["parent without delegation", { tenancy: "multi" }, org(multi, "NO:ORGNR:999999999:"), /^HID-1001/],
    ["malformed parent", { tenancy: "multi" }, org(multi, "NO:ORGNR:99999999:"), /^HID-1004/],
    ["details that are no object", {}, "x", /^HID-1007/],
    ["two organisations", {}, [org(single, "1"), org(single, "2")], /^HID-100[247]/],
  ] as const)("are refused: %s", async (_name, client, details, description) => {
    const { answer } = await run(client, details);
    expect(answer).toMatchObject({ error: "invalid_request", error_description: expect.stringMatching(description) });
  });

  it("get the organisation's claims, with or without the colon behind the parent, and SFM's id", async () => {
    const claim = "helseid://claims/client/claims/orgnr_";
    expect((await run({ children: ["999999998"] }, org(single, "999999998"))).claims).toMatchObject({
      [`${claim}parent`]: "999999999",
      [`${claim}child`]: "999999998",
    });
    const supplier = { tenancy: "multi", delegations: ["888888888"] } as const;
    for (const value of ["NO:ORGNR:888888888:", "NO:ORGNR:888888888"])
      expect((await run(supplier, org(multi, value))).claims).toMatchObject({
        [`${claim}parent`]: "888888888",
        [`${claim}supplier`]: "999999999",
      });
    const nobody = (await run(supplier, undefined)).claims;
    expect(nobody[`${claim}parent`]).toBeUndefined();
    const sfm = [org(multi, "NO:ORGNR:888888888:"), { type: "nhn:sfm:journal-id", value: { journal_id: "j" } }];
    expect((await run(supplier, sfm)).claims["nhn:sfm:journal_id"]).toBe("j");
  });

  it("get what they may: narrower by terms, by resource, and nothing unknown", async () => {
    const { answer } = await run({ termsMissing: { "999999999": ["a/y"] } }, undefined, { scope: "a/x a/y" });
    expect(answer).toMatchObject({ scope: "a/x", rejected_scope: "a/y" });
    expect((await run({ termsMissing: { "999999999": ["a/y"] } }, undefined, { scope: "a/y" })).answer).toEqual({
      error: "invalid_scope",
    });
    expect((await run({}, undefined, { resource: "b" })).claims).toMatchObject({ aud: "b", scope: ["b/z"] });
    expect((await run({}, undefined, { resource: "c" })).answer).toEqual({ error: "invalid_target" });
    expect((await run({}, undefined, { scope: "openid" })).answer).toEqual({ error: "invalid_scope" });
    expect((await run({}, undefined)).answer["scope"]).toBe("a/x a/y b/z");
  });
});

describe("faults and clock", () => {
  it("outage, 429, HTML, huge, redirect, truncated: as planned, then as usual", async () => {
    const { token } = service.faults;
    token.plan({ kind: "outage" });
    await expect(ask()).rejects.toThrow();
    token.plan({ kind: "status", status: 429, retryAfter: "3", body: {} });
    const limited = await ask();
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "3"]);
    const raw = async () => fetch(`${issuer()}/connect/token`, { method: "POST", redirect: "manual" });
    token.plan({ kind: "html" });
    expect((await raw()).headers.get("content-type")).toBe("text/html");
    token.plan({ kind: "huge", bytes: 2_000_000 });
    expect((await (await raw()).arrayBuffer()).byteLength).toBeGreaterThanOrEqual(2_000_000);
    token.plan({ kind: "redirect", status: 307, location: "https://example.invalid/" });
    expect((await raw()).status).toBe(307);
    token.plan({ kind: "truncated" });
    await expect((await raw()).json()).rejects.toThrow();
    service.faults.metadata.plan({ kind: "slow-loris", everyMs: 5 });
    const slow = await fetch(`${issuer()}/.well-known/openid-configuration`);
    const reader = slow.body?.getReader();
    for (let n = 0; n < 3; n++) expect((await reader?.read())?.done).toBe(false);
    await reader?.cancel();
    expect((await ask()).status).toBe(200);
  });

  it("a clock that is ahead shows in Date and judges by its own time", async () => {
    service.clockOffsetMs = 3_600_000;
    try {
      const answer = await ask();
      expect(answer.body["error"]).toBe("invalid_client");
      expect(Date.parse(answer.headers.get("date") ?? "") - Date.now()).toBeGreaterThan(3_500_000);
    } finally {
      service.clockOffsetMs = 0;
    }
  });
});
