// Gets a bound token from a token service on loopback and calls an API with it. Run from the repository's root:
//   node --conditions=helsekontakt-source packages/helseid/examples/call-an-api.ts
import { createSigningFetch, createTokenSource } from "@helsekontakt/helseid";
import { makeKey, startSts } from "../tests/_sts.ts";

const sts = await startSts();
const key = await makeKey("PS256");
sts.register("my-client", key);

const source = createTokenSource({
  issuer: sts.issuer, // https://helseid-sts.test.nhn.no at NHN
  clientId: "my-client",
  key, // a private JWK, PEM, CryptoKey or a sign callback
  organisation: { tenancy: "multi", parent: "999999999" },
  allowInsecureLoopback: true, // only for this example
});
const call = createSigningFetch(source, { scopes: ["nhn:helsenorge.eksternapi/oppgave"] });
for (let n = 0; n < 3; n++) {
  const response = await call(new Request(`${sts.api}/Task?status=ready`));
  console.log(response.status, await response.json());
}
console.log(`token requests: ${sts.count.token} (one answered with a nonce), API calls: ${sts.count.api}`);
await sts.close();
