import { text } from "node:stream/consumers";
import { writeSync } from "node:fs";
import { createSigningFetch, createTokenSource } from "../../src/index.ts";
import { listen } from "./_wire.ts";

// A process that nobody's care keeps from ending by a fault of the token service: tells the secrets that it held, so
// that its parent can look for them in what it left behind.

const { issuer, clientId, jwk, scope, baseUrl } = JSON.parse(await text(process.stdin)) as Record<
  "issuer" | "clientId" | "scope" | "baseUrl",
  string
> & { readonly jwk: Readonly<Record<string, unknown>> };
const wire = listen();
const source = createTokenSource({
  issuer,
  clientId,
  key: { jwk },
  fetch: wire.fetch,
  allowInsecureLoopback: true,
  random: () => 0,
});
const call = createSigningFetch(source, { scopes: [scope] });
call(new Request(`${baseUrl}/x`)).catch((error: unknown) => {
  writeSync(1, JSON.stringify([...wire.secrets]));
  // Outside the promise, as a fault that is met in a callback is.
  setImmediate(() => {
    throw error;
  });
});
