import { HelsekontaktError, Personal } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { createTokenSource, type FetchLike, type Token, type TokenScheme } from "../src/index.ts";
import { createProofs } from "../src/proofs.ts";
import { sendSigned, signRequest } from "../src/send.ts";
import { makeKey } from "./_sts.ts";

const token = (tokenType: Token["tokenType"]): Token => ({
  accessToken: new Personal("value"),
  tokenType,
  scopes: [],
  rejectedScopes: [],
  expiresAt: undefined,
});
const url = new URL("https://api.example/a");
const out = { method: "GET", url, headers: new Headers(), body: undefined, signal: undefined };

describe("the headers that carry a token", () => {
  it("are the scheme's: a bound token goes as bearer only when that is asked for", async () => {
    const dpop = (await createProofs(undefined, { client_id: "c" }, () => 1)).handle(url.origin);
    const headers = (kind: Token["tokenType"], scheme: TokenScheme) =>
      signRequest({ method: "GET", url }, token(kind), scheme, false, scheme === "dpop" ? dpop : undefined);
    expect(await headers("Bearer", "bearer")).toEqual({ authorization: "Bearer value" });
    expect(await headers("DPoP", "bound-as-bearer")).toEqual({ authorization: "Bearer value" });
    const bound = await headers("DPoP", "dpop");
    expect(Object.keys(bound).sort()).toEqual(["authorization", "dpop"]);
    expect(bound["authorization"]).toBe("DPoP value");
    for (const [kind, scheme, text] of [
      ["DPoP", "bearer", "unless asked for"],
      ["Bearer", "dpop", "found a bearer token"],
      ["Bearer", "bound-as-bearer", "found a bearer token"],
    ] as const)
      await expect(headers(kind, scheme)).rejects.toMatchObject({
        code: "auth/token-not-bound",
        message: expect.stringContaining(text) as string,
      });
  });

  it("are for https, or for loopback where that is allowed", async () => {
    const ask = (address: string, loopback: boolean) =>
      signRequest({ method: "GET", url: new URL(address) }, token("Bearer"), "bearer", loopback);
    expect(await ask("http://127.0.0.1/", true)).toHaveProperty("authorization");
    for (const [address, loopback] of [
      ["http://127.0.0.1/", false],
      ["http://api.example/", true],
    ] as const)
      await expect(ask(address, loopback)).rejects.toMatchObject({ code: "config/invalid" });
  });

  it("are not made with a key that fails, and the fault says nothing of the token", async () => {
    const broken = { addProof: () => Promise.reject(new Error("SECRET")) } as never;
    const error: unknown = await signRequest({ method: "GET", url }, token("DPoP"), "dpop", false, broken).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ code: "auth/key-invalid" });
    expect(String(error)).not.toMatch(/SECRET|value/);
  });
});

describe("a request on the wire", () => {
  it("has these credentials and no others, the method in capitals, and a name", async () => {
    const sent: Request[] = [];
    const inner: FetchLike = async (request) => {
      sent.push(request);
      return new Response("ok");
    };
    const headers = new Headers({ authorization: "Basic x", dpop: "old", "x-a": "1", "user-agent": "mine" });
    const controller = new AbortController();
    const body = new TextEncoder().encode("body");
    const request = { ...out, method: "patch", headers, body, signal: controller.signal };
    await sendSigned(inner, request, { authorization: "Bearer value" }, false);
    await sendSigned(inner, out, {}, false);
    const [first, second] = sent;
    expect(first?.method).toBe("PATCH");
    expect(Object.fromEntries(first?.headers ?? [])).toMatchObject({
      authorization: "Bearer value",
      "x-a": "1",
      "user-agent": "mine",
    });
    expect(first?.headers.has("dpop")).toBe(false);
    expect([await first?.text(), first?.redirect]).toEqual(["body", "manual"]);
    expect([second?.body, second?.headers.get("user-agent"), second?.redirect]).toEqual([
      null,
      "helsekontakt",
      "manual",
    ]);
    // The caller's own headers stay as they are.
    expect(headers.get("authorization")).toBe("Basic x");
    controller.abort();
    expect(first?.signal.aborted).toBe(true);
    await expect(sendSigned(inner, { ...out, url: new URL("http://api.example") }, {}, true)).rejects.toMatchObject({
      code: "config/invalid",
    });
    expect(sent).toHaveLength(2);
  });

  it.each([
    ["a typed fault", new HelsekontaktError("config/missing", "own"), undefined, "config/missing"],
    ["a time limit of its own", new DOMException("late", "TimeoutError"), undefined, "rest/timeout"],
    [
      "its caller's time limit",
      new Error("x"),
      AbortSignal.abort(new DOMException("late", "TimeoutError")),
      "rest/timeout",
    ],
    ["its caller's abort", new Error("x"), AbortSignal.abort(), "abort/cancelled"],
    ["a failed connection", new TypeError("fetch failed"), undefined, "rest/network"],
    ["a failed connection under a signal", new TypeError("fetch failed"), new AbortController().signal, "rest/network"],
    ["nothing at all", null, undefined, "rest/network"],
    ["a text", "text", undefined, "rest/network"],
  ])("that ends by %s", async (_name, reason, signal, code) => {
    const asked = sendSigned(() => Promise.reject(reason as Error), { ...out, signal }, {}, false);
    await expect(asked).rejects.toMatchObject({ code });
  });
});

describe("a source's own sending", () => {
  it("signs for the address that the API sees, keeps its nonce, and takes the nonce of a challenge", async () => {
    const sent: Request[] = [];
    const source = createTokenSource({
      issuer: "https://sts.example",
      clientId: "c",
      key: await makeKey("ES256"),
      fetch: async (request) => {
        sent.push(request);
        return new Response("", { headers: { "dpop-nonce": `n${sent.length}` } });
      },
    });
    const claims = (n: number): Record<string, unknown> =>
      JSON.parse(Buffer.from(sent[n]?.headers.get("dpop")?.split(".")[1] ?? "", "base64url").toString()) as never;
    const proofUrl = new URL("https://seen.example/b");
    await source.send({ ...out, proofUrl }, token("DPoP"), "dpop");
    await source.send({ ...out, proofUrl }, token("DPoP"), "dpop");
    await source.send({ ...out, proofUrl, nonce: "given" }, token("DPoP"), "dpop");
    await source.send(out, token("DPoP"), "dpop");
    source.remember(url, "told");
    await source.send(out, token("DPoP"), "dpop");
    expect(sent.map((r) => r.url)).toEqual(Array.from({ length: 5 }, () => url.href));
    expect([0, 1, 2, 3, 4].map((n) => [claims(n)["htu"], claims(n)["nonce"]])).toEqual([
      [proofUrl.href, undefined],
      [proofUrl.href, "n1"],
      [proofUrl.href, "given"],
      [url.href, undefined],
      [url.href, "told"],
    ]);
    await source.send(out, token("Bearer"), "bearer");
    expect(sent[5]?.headers.has("dpop")).toBe(false);
  });
});
