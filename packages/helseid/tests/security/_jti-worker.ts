import { parentPort, workerData } from "node:worker_threads";
import { createRequestSigner, createSigningFetch, createTokenSource } from "@helsekontakt/helseid";

// One of several processes' worth of work: grants with challenges and faults, and calls, until enough ids were sent.
const { count } = workerData as { readonly count: number };
// Nobody here looks at signatures, and a million of them would take minutes.
Object.defineProperty(crypto.subtle, "sign", { value: async () => new ArrayBuffer(64) });
const issuer = "https://helseid.example";
const ids: string[] = [];
let requests = 0;

function note(jwt: string | null): void {
  const claims = JSON.parse(Buffer.from((jwt ?? "").split(".")[1] ?? "", "base64url").toString()) as { jti: string };
  ids.push(claims.jti);
}

const source = createTokenSource({
  issuer,
  clientId: "client-1",
  key: { kid: "k", alg: "ES256", sign: async () => new Uint8Array(64) },
  clock: { now: () => Date.now(), sleep: async () => undefined },
  maxCachedTokens: 1,
  fetch: async (request) => {
    if (request.url.includes("/.well-known/"))
      return Response.json({ issuer, token_endpoint: `${issuer}/connect/token` });
    note(request.headers.get("dpop"));
    if (!request.url.startsWith(issuer)) return new Response("{}", { status: requests++ % 5 === 0 ? 401 : 200 });
    note(new URLSearchParams(await request.text()).get("client_assertion"));
    const turn = requests++ % 4;
    if (turn === 0)
      return Response.json({ error: "use_dpop_nonce" }, { status: 400, headers: { "dpop-nonce": `n${requests}` } });
    if (turn === 1) return new Response("", { status: 503 });
    return Response.json({ access_token: `t${requests}`, token_type: "DPoP", expires_in: 60, scope: "a" });
  },
});
const call = createSigningFetch(source, { scopes: ["a"] });
const begin = createRequestSigner(source, { scopes: ["a"] });
const challenge = { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "n" };
const worker = async (): Promise<void> => {
  while (ids.length < count) {
    await call(new Request("https://api.example/x"));
    for (let n = 0; n < 20; n++) {
      const signed = begin({ method: "GET", url: "https://api.example/x" });
      note((await signed.headers())["dpop"] ?? null);
      if (n % 4 === 0 && signed.repeat({ status: 401, headers: challenge }))
        note((await signed.headers())["dpop"] ?? null);
    }
  }
};
await Promise.all(Array.from({ length: 8 }, worker));
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
parentPort?.postMessage(ids);
