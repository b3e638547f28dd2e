import { validationResult } from "@helsekontakt/core";
import { afterEach, describe, expect, it } from "vitest";
import {
  type AktivSjekkRequest,
  type BodyChecks,
  type BodyFinding,
  type BodyPlace,
  createAktivsjekkenClient,
} from "../src/index.ts";
import { type Answer, json, quick, startServer, type TestServer } from "./_server.ts";

const fnr = "01818010083";
const good = { erAktivListe: { [fnr]: { erDigitaltAktivSelv: true, erDigitaltAktivViaAndre: false } } };
let server: TestServer;
afterEach(() => server.close());

async function client(answer: Answer, bodies: BodyChecks, omraadeForm: "name" | "code" = "name") {
  server = await startServer(answer);
  return createAktivsjekkenClient({ baseUrl: server.url, retry: { ...quick, tries: 1 }, bodies, omraadeForm });
}

/** Finds a fault in what the test says. */
function judge(wrong: (place: BodyPlace, body: unknown) => boolean) {
  const seen: BodyPlace[] = [];
  const check: BodyChecks["check"] = (place, body) => {
    seen.push(place);
    return validationResult(
      wrong(place, body)
        ? [{ level: "error", rule: "openapi/type", path: "/x", message: "expected text, found none" }]
        : [],
    );
  };
  return { seen, check };
}

const ask: AktivSjekkRequest = { fnrListe: [fnr], omraade: "Helsehjelp" };

describe("bodies judged by the document", () => {
  it("asks for requests and answers, by operation, status and media type", async () => {
    const { seen, check } = judge(() => false);
    await (await client(json(200, good), { check })).check(ask);
    expect(seen).toEqual([
      { operationId: "checkActive", mediaType: expect.stringContaining("application/json") },
      { operationId: "checkActive", mediaType: expect.stringContaining("application/json"), status: 200 },
    ]);
  });

  it("sends no request that breaks the document", async () => {
    const { check } = judge(({ status }) => status === undefined);
    const error = await (await client(json(200, good), { check })).check(ask).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "input/invalid", context: { rules: ["openapi/type"], paths: ["/x"] } });
    expect(String(error)).not.toContain(fnr);
    expect(server.seen).toHaveLength(0);
  });

  it("tells of an answer that breaks it and goes on, or refuses it, as is configured", async () => {
    const { check } = judge(({ status }) => status === 200);
    const findings: BodyFinding[] = [];
    const onFinding = (finding: BodyFinding): void => {
      findings.push(finding);
      throw new Error("a listener's fault");
    };
    const answered = await (await client(json(200, good), { check, onFinding })).check(ask);
    expect(answered.get(fnr)?.erDigitaltAktivSelv).toBe(true);
    expect(findings).toMatchObject([{ operation: "checkActive", status: 200, issues: [{ path: "/x" }] }]);
    await server.close();
    const strict = await client(json(200, good), { check, answers: "error" });
    await expect(strict.check(ask)).rejects.toMatchObject({ code: "rest/response-invalid", retryable: false });
  });

  it("leaves alone what is no JSON, faults, and a request that deviates by configuration", async () => {
    const { seen, check } = judge(() => true);
    await expect((await client(json(400, { code: "EHAPI-1" }), { check }, "code")).check(ask)).rejects.toMatchObject({
      remoteCode: "EHAPI-1",
    });
    await server.close();
    const text: Answer = (_seen, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end("no JSON");
    };
    await expect((await client(text, { check }, "code")).check(ask)).rejects.toMatchObject({
      code: "rest/response-invalid",
    });
    expect(seen).toEqual([]);
  });
});
