import { inspect } from "node:util";
import { HelsekontaktError, type LogFields } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { createSigningFetch, createTokenSource, type TokenSource } from "../src/index.ts";
import { makeKey, type Scripted, type Sts, startSts } from "./_sts.ts";

const marker = "marker-access-token-7f3a";
const fnr = "01818010083";
const body = (members: object): string =>
  JSON.stringify({ access_token: marker, token_type: "DPoP", expires_in: 60, scope: "a", ...members });

/** Every way in which a token service or an API can fail while a secret is near. */
const faults: [string, (sts: Sts) => void][] = [
  ["no token type", (s) => s.rules.tokenScript.push({ status: 200, body: body({ token_type: undefined }) })],
  ["negative lifetime", (s) => s.rules.tokenScript.push({ status: 200, body: body({ expires_in: -1 }) })],
  ["unknown token type", (s) => s.rules.tokenScript.push({ status: 200, body: body({ token_type: "mac" }) })],
  ["bearer for bound", (s) => s.rules.tokenScript.push({ status: 200, body: body({ token_type: "Bearer" }) })],
  ["narrow scope", (s) => s.rules.tokenScript.push({ status: 200, body: body({ scope: "b" }) })],
  ["scope of wrong type", (s) => s.rules.tokenScript.push({ status: 200, body: body({ scope: 1 }) })],
  ["id token", (s) => s.rules.tokenScript.push({ status: 200, body: body({ id_token: marker }) })],
  ["broken JSON", (s) => s.rules.tokenScript.push({ status: 200, body: `{"access_token":"${marker}"` })],
  ["text", (s) => s.rules.tokenScript.push({ status: 200, headers: { "content-type": "text/plain" }, body: marker })],
  [
    "error that quotes",
    (s) =>
      s.rules.tokenScript.push({
        status: 400,
        body: JSON.stringify({ error: marker, error_description: `${marker} ${fnr}` }),
      }),
  ],
  [
    "known error that quotes",
    (s) =>
      s.rules.tokenScript.push({
        status: 400,
        body: JSON.stringify({ error: "invalid_client", error_description: `HID-1007 ${marker} ${fnr}` }),
      }),
  ],
  [
    "challenge that quotes",
    (s) =>
      s.rules.tokenScript.push({
        status: 401,
        headers: { "www-authenticate": `Basic realm="${marker}", error="${marker}"` },
        body: body({ error: "invalid_client" }),
      }),
  ],
  [
    "server error",
    (s) => s.rules.tokenScript.push(...Array.from({ length: 3 }, (): Scripted => ({ status: 500, body: marker }))),
  ],
  [
    "dropped",
    (s) => s.rules.tokenScript.push(...Array.from({ length: 3 }, (): Scripted => ({ status: 0, drop: true }))),
  ],
  [
    "redirect",
    (s) => s.rules.tokenScript.push({ status: 302, headers: { location: `https://evil.example/?token=${marker}` } }),
  ],
  ["metadata that quotes", (s) => void (s.rules.metadata = { issuer: `https://${marker}.example` })],
  ["assertion refused with an echo", (s) => s.register("client-1", {} as never)],
  [
    "api that never has enough of nonces",
    (s) =>
      s.rules.apiScript.push(
        ...Array.from(
          { length: 3 },
          (): Scripted => ({
            status: 401,
            headers: { "www-authenticate": `DPoP realm="${marker}", error="use_dpop_nonce"`, "dpop-nonce": marker },
            body: marker,
          }),
        ),
      ),
  ],
  ["api dropped", (s) => s.rules.apiScript.push({ status: 0, drop: true })],
  [
    "api redirect",
    (s) => s.rules.apiScript.push({ status: 302, headers: { location: `https://evil.example/${marker}` } }),
  ],
];

describe("no secret and no personal number shows in any error or log line", () => {
  it.each(faults)("%s", async (_name, fault) => {
    const sts = await startSts();
    const key = await makeKey("ES256");
    sts.register("client-1", key);
    fault(sts);
    const lines: string[] = [];
    const line = (message: string, fields?: LogFields): void => void lines.push(message + JSON.stringify(fields));
    const source: TokenSource = createTokenSource({
      issuer: sts.issuer,
      clientId: "client-1",
      key: { ...key },
      allowInsecureLoopback: true,
      random: () => 0,
      logger: { debug: line, info: line, warn: line, error: line },
    });
    let caught: unknown;
    try {
      await createSigningFetch(source, { scopes: ["a"] })(new Request(`${sts.api}/x`, { method: "POST", body: fnr }));
    } catch (error) {
      caught = error;
    } finally {
      await sts.close();
    }
    expect(caught).toBeInstanceOf(HelsekontaktError);
    const error = caught as HelsekontaktError;
    const printed = [
      inspect(error, { depth: Infinity, showHidden: true, getters: true }),
      inspect(error, { depth: Infinity, showHidden: true, customInspect: false }),
      inspect(source, { depth: Infinity, showHidden: true }),
      inspect(error.original(), { depth: Infinity, showHidden: true }),
      JSON.stringify(error),
      String(error),
      error.stack,
      ...lines,
    ].join("\n");
    for (const secret of [marker, fnr, key["d"] as string, ...sts.secrets]) expect(printed).not.toContain(secret);
  });

  it("a token prints as a hash", async () => {
    const sts = await startSts();
    const key = await makeKey("ES256");
    sts.register("client-1", key);
    const token = await createTokenSource({
      issuer: sts.issuer,
      clientId: "client-1",
      key: { ...key },
      allowInsecureLoopback: true,
    }).getToken({ scopes: ["a"] });
    await sts.close();
    const printed = inspect(token, { depth: Infinity, showHidden: true }) + JSON.stringify(token);
    expect(sts.secrets.has(token.accessToken.reveal())).toBe(true);
    expect(printed).not.toContain(token.accessToken.reveal());
  });
});
