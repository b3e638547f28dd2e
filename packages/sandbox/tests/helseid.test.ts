import { generateKeyPair } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Sandbox, startSandbox } from "../src/index.ts";
import { BareClient } from "./_client.ts";

let sandbox: Sandbox;
let client: BareClient;
beforeAll(async () => {
  sandbox = await startSandbox({ citizens: 20 });
});
beforeEach(async () => {
  client = await BareClient.create(sandbox);
});
afterAll(() => sandbox.close());

const past = () => Math.floor(Date.now() / 1000) - 120;
const unsigned = (proof: string): string =>
  `${proof.slice(0, proof.lastIndexOf(".") - 4)}AAAA${proof.slice(proof.lastIndexOf("."))}`;
const withoutSignature = (proof: string): string => `${proof.slice(0, -10)}AAAAAAAAAA`;

describe("the token service", () => {
  it("answers the first request with a nonce, the second with a bound token", async () => {
    const first = await client.token();
    expect([first.status, first.body["error"]]).toEqual([400, "use_dpop_nonce"]);
    client.nonce = first.headers.get("dpop-nonce") ?? undefined;
    const second = await client.token();
    expect([second.status, second.body["token_type"], second.body["expires_in"]]).toEqual([200, "DPoP", 60]);
    expect(second.headers.get("cache-control")).toBe("no-store");
  });

  it("gives a bearer token without a proof", async () => {
    const answer = await client.token({ dpop: false });
    expect([answer.status, answer.body["token_type"]]).toEqual([200, "Bearer"]);
  });

  it("publishes metadata and keys that fit the issuer", async () => {
    const metadata = (await (
      await fetch(`${sandbox.helseid.issuer}/.well-known/openid-configuration`)
    ).json()) as Record<string, string>;
    expect(metadata["issuer"]).toBe(sandbox.helseid.issuer);
    const keys = (await (await fetch(metadata["jwks_uri"] ?? "")).json()) as { keys: Record<string, unknown>[] };
    expect(keys.keys.map((k) => ["d" in k, k["use"]])).toEqual([[false, "sig"]]);
    expect((await fetch(`${sandbox.helseid.issuer}/anything`)).status).toBe(404);
  });

  const assertions: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ["another audience", { aud: "https://another.example" }, {}],
    ["the token endpoint as audience", { aud: "ENDPOINT" }, {}],
    ["several audiences", { aud: "LIST" }, {}],
    ["another issuer", { iss: "another" }, {}],
    ["another subject", { sub: "another" }, {}],
    ["an expiry in the past", { exp: past() }, {}],
    ["an expiry more than a minute ahead", { exp: Math.floor(Date.now() / 1000) + 3_600 }, {}],
    ["no jti", { jti: undefined }, {}],
    ["no iat", { iat: undefined }, {}],
    ["the old type", {}, { typ: "JWT" }],
    ["an unknown kid", {}, { kid: "another" }],
  ];

  it.each(assertions)("refuses a client assertion with %s", async (_, claims, header) => {
    const { issuer } = sandbox.helseid;
    const aud =
      claims["aud"] === "ENDPOINT"
        ? { aud: `${issuer}/connect/token` }
        : claims["aud"] === "LIST"
          ? { aud: [issuer, "https://another.example"] }
          : {};
    const answer = await client.token({ assertion: await client.assertion({ ...claims, ...aud }, header) });
    expect([answer.status, answer.body["error"]]).toEqual([400, "invalid_client"]);
  });

  it("refuses a client assertion that was used before", async () => {
    const assertion = await client.assertion();
    await client.token({ assertion });
    expect((await client.token({ assertion })).body["error"]).toBe("invalid_client");
  });

  it.each([
    ["another grant", { grant_type: "password" }, "unsupported_grant_type"],
    ["an unknown client", { client_id: "another" }, "invalid_client"],
    ["another assertion type", { client_assertion_type: "secret" }, "invalid_client"],
    ["a scope that is not the client's", { scope: "nhn:other/all" }, "invalid_scope"],
  ])("refuses %s", async (_, form, error) => {
    await client.challenge();
    expect((await client.token({ form })).body["error"]).toBe(error);
  });

  // NHN's own list of broken proofs.
  const proofs: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ["no htu", { htu: undefined }, {}],
    ["no htm", { htm: undefined }, {}],
    ["another htu", { htu: "https://another.example/connect/token" }, {}],
    ["another htm", { htm: "GET" }, {}],
    ["an iat in the past", { iat: past() }, {}],
    ["an iat in the future", { iat: Math.floor(Date.now() / 1000) + 120 }, {}],
    ["no iat", { iat: undefined }, {}],
    ["no jti", { jti: undefined }, {}],
    ["no jwk", {}, { jwk: undefined }],
    ["another typ", {}, { typ: "JWT" }],
  ];

  it.each(proofs)("refuses a proof with %s", async (_, claims, header) => {
    await client.challenge();
    const answer = await client.token({ dpop: await client.proof(claims, header) });
    expect([answer.status, answer.body["error"]]).toEqual([400, "invalid_dpop_proof"]);
  });

  it("refuses a proof with a private key in it, a symmetric alg, no alg, a wrong signature, and two at once", async () => {
    await client.challenge();
    const other = await generateKeyPair("ES256");
    const symmetric = async (header: Record<string, unknown>): Promise<string> => {
      const proof = await client.proof();
      const [, payload = "", signature = ""] = proof.split(".");
      const head = Buffer.from(JSON.stringify({ typ: "dpop+jwt", jwk: client.publicJwk, ...header })).toString(
        "base64url",
      );
      return `${head}.${payload}.${signature}`;
    };
    const broken = [
      await client.proof({}, { jwk: { ...client.publicJwk, d: "AAAA" } }),
      await symmetric({ alg: "HS256" }),
      await symmetric({ alg: "none" }),
      await symmetric({}),
      withoutSignature(await client.proof()),
      unsigned(await client.proof()),
      await client.proof({}, {}, other.privateKey),
      `${await client.proof()}, ${await client.proof()}`,
      "hei",
    ];
    for (const dpop of broken) expect((await client.token({ dpop })).body["error"]).toBe("invalid_dpop_proof");
  });

  it("refuses a proof that was used before, and asks anew for a nonce that it did not make", async () => {
    await client.challenge();
    const dpop = await client.proof();
    expect((await client.token({ dpop })).status).toBe(200);
    expect((await client.token({ dpop })).body["error"]).toBe("invalid_dpop_proof");
    expect((await client.token({ dpop: await client.proof({ nonce: "made-up" }) })).body["error"]).toBe(
      "use_dpop_nonce",
    );
  });
});

describe("an API", () => {
  it("takes a bound token with its proof", async () => {
    expect((await client.check(await client.accessToken())).status).toBe(200);
  });

  it("takes a bearer token as bearer", async () => {
    const { body } = await client.token({ dpop: false });
    const answer = await client.check(String(body["access_token"]), { scheme: "Bearer", proof: false });
    expect(answer.status).toBe(200);
  });

  it("refuses a bound token as bearer, one without proof, and one with another's proof", async () => {
    const token = await client.accessToken();
    const other = await BareClient.create(sandbox);
    const answers = [
      await client.check(token, { scheme: "Bearer", proof: false }),
      await client.check(token, { proof: false }),
      await client.check(token, { proof: await other.apiProof(token) }),
      await client.check(token, { proof: await client.apiProof("another") }),
      await client.check(token, { proof: await client.apiProof(token, { ath: undefined }) }),
      await client.check(token, { proof: await client.apiProof(token, { htm: "GET" }) }),
      await client.check(token, { proof: await client.apiProof(token, { htu: "https://another.example" }) }),
      await client.check(token, { proof: await client.apiProof(token, { iat: past() }) }),
    ];
    for (const answer of answers) {
      expect([answer.status, answer.body["Code"]]).toEqual([401, "EHSEC-110002"]);
      expect(answer.headers.get("www-authenticate")).toContain("invalid_token");
    }
  });

  it("refuses the same proof twice", async () => {
    const token = await client.accessToken();
    const proof = await client.apiProof(token);
    expect((await client.check(token, { proof })).status).toBe(200);
    expect((await client.check(token, { proof })).status).toBe(401);
  });

  it("refuses a token of another audience, a changed one, none at all, and one without the scope", async () => {
    const foreign = await client.accessToken("nhn:cppa/access-with-dpop");
    expect((await client.check(foreign)).status).toBe(401);
    const token = await client.accessToken();
    expect((await client.check(`${token.slice(0, -8)}AAAAAAAA`)).status).toBe(401);
    expect((await client.check("")).status).toBe(401);
    const answer = await client.check(token, { path: "/helsekontakter/api/v1" });
    expect([answer.status, answer.body["Code"]]).toEqual([403, "EHSEC-110001"]);
  });

  it("refuses a token whose time is over", async () => {
    let ahead = 0;
    const short = await startSandbox({ citizens: 10, tokenLifetime: 1, now: () => Date.now() + ahead });
    try {
      const its = await BareClient.create(short);
      const token = await its.accessToken();
      expect((await its.check(token)).status).toBe(200);
      ahead = 10_000;
      const proof = await its.apiProof(token, { iat: Math.floor((Date.now() + ahead) / 1000) });
      expect((await its.check(token, { proof })).status).toBe(401);
    } finally {
      await short.close();
    }
  });

  it("answers 404 for a path that it does not have", async () => {
    expect((await client.check(await client.accessToken(), { path: "/nothing" })).status).toBe(404);
  });
});
