import { parentPort, workerData } from "node:worker_threads";
import { createSigningFetch, createTokenSource } from "@helsekontakt/helseid";

// One of several processes' worth of work: grants with challenges and faults, and calls, until enough ids were sent.
const { count } = workerData as { readonly count: number };
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
  // What is signed here is not looked at: the ids are.
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
const worker = async (): Promise<void> => {
  while (ids.length < count) await call(new Request("https://api.example/x"));
};
await Promise.all(Array.from({ length: 8 }, worker));
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
parentPort?.postMessage(ids);
