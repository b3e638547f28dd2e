import { apis } from "@helsekontakt/rest-client";
import { describe, expect, it } from "vitest";
import type { HelsekontaktError } from "../src/index.ts";
import { failure, useSandbox } from "./_harness.ts";

const harness = useSandbox();
const { fnr } = { fnr: "01818010083" };
const member = { fnr, from: "2026-08-01", to: "2027-07-31" };
const contact = { team: { name: "Nord", members: [{ role: "Lege" }] }, from: "2026-11-25", access: "N" as const };

const statuses: [number, string, boolean][] = [
  [400, "rest/http-status", false],
  [401, "rest/unauthorized", false],
  [403, "rest/forbidden", false],
  [404, "rest/not-found", false],
  [500, "rest/unavailable", true],
  [503, "rest/unavailable", true],
];

describe("an HTTP status", () => {
  it.each(statuses)("%i of AktivSjekken ends as %s", async (status, code, retryable) => {
    const { sdk } = await harness.run({ start: false });
    harness.sandbox.faults.add("aktivsjekken", { kind: "status", status }, 3);
    const error = (await failure(sdk.aktivsjekk.check([fnr]))) as unknown as HelsekontaktError;
    expect([error.code, error.retryable]).toEqual([code, retryable]);
    expect(error.context).toMatchObject({ httpStatus: status, operation: expect.any(String) as string });
    expect(error.remoteCode).toBe("EHAPI-100000");
    harness.sandbox.faults.clear();
    expect((await sdk.aktivsjekk.check([fnr])).calls).toBe(1);
  });

  it.each(statuses)("%i of Medlemstjenester ends as %s, and the members are in the register", async (status, code) => {
    const { sdk, journal } = await harness.run({ start: false });
    harness.sandbox.faults.add("helsekontakter", { kind: "status", status }, 3);
    const error = (await failure(sdk.medlemstjenester.register([member]))) as unknown as HelsekontaktError;
    expect(error.code).toBe(code);
    expect(error.context).toMatchObject({ httpStatus: status });
    expect(await journal.members.count()).toMatchObject({ unknown: 1 });
    harness.sandbox.faults.clear();
  });

  it("that may pass is tried again within the call", async () => {
    const { sdk } = await harness.run({ start: false });
    const before = harness.sandbox.rest.counts.aktivsjekken;
    harness.sandbox.faults.add("aktivsjekken", { kind: "status", status: 503 });
    expect((await sdk.aktivsjekk.check([fnr])).calls).toBe(1);
    expect(harness.sandbox.rest.counts.aktivsjekken).toBe(before + 2);
  });
});

describe("no answer", () => {
  it("ends as rest/timeout after the limit", async () => {
    const { baseUrl } = harness.sandbox.rest;
    const { sdk } = await harness.run({ start: false, config: { rest: { baseUrl, timeoutMs: 100 } } });
    // The token comes first, and has a limit of its own.
    await sdk.aktivsjekk.check([fnr]).catch(() => {});
    harness.sandbox.faults.add("aktivsjekken", { kind: "delay", ms: 1_500 }, 3);
    const error = (await failure(sdk.aktivsjekk.check([fnr]))) as unknown as HelsekontaktError;
    expect([error.code, error.retryable]).toEqual(["rest/timeout", true]);
  });

  it("ends as rest/network when nobody listens", async () => {
    const { sdk } = await harness.run({ start: false, config: { rest: { baseUrl: "http://127.0.0.1:9" } } });
    expect((await failure(sdk.aktivsjekk.check([fnr]))).code).toBe("rest/network");
  });

  it("ends as abort/cancelled when the caller gives up first", async () => {
    const { sdk } = await harness.run({ start: false });
    await sdk.aktivsjekk.check([fnr]);
    harness.sandbox.faults.add("aktivsjekken", { kind: "delay", ms: 1_500 });
    const abort = new AbortController();
    const call = failure(sdk.aktivsjekk.check([fnr], { signal: abort.signal }));
    setTimeout(() => abort.abort(), 50);
    expect((await call).code).toBe("abort/cancelled");
  });
});

describe("an answer", () => {
  it("that is no JSON ends as rest/response-invalid", async () => {
    const { sdk } = await harness.run({ start: false });
    harness.sandbox.faults.add("aktivsjekken", { kind: "broken-body" });
    expect((await failure(sdk.aktivsjekk.check([fnr]))).code).toBe("rest/response-invalid");
  });
});

describe("a token", () => {
  it("for another audience is refused by the service", async () => {
    const scopes = { aktivsjekken: apis.cppa.securitySchemes.helseidDpop.scopes[0] };
    const { baseUrl } = harness.sandbox.rest;
    const { sdk } = await harness.run({ start: false, config: { rest: { baseUrl, scopes } } });
    const error = (await failure(sdk.aktivsjekk.check([fnr]))) as unknown as HelsekontaktError;
    expect([error.code, error.remoteCode]).toEqual(["rest/unauthorized", "EHSEC-110002"]);
  });

  it("without the scope is refused by the service", async () => {
    const scopes = { aktivsjekken: apis.helsekontakter.securitySchemes.helseid.scopes[0] };
    const { baseUrl } = harness.sandbox.rest;
    const { sdk } = await harness.run({ start: false, config: { rest: { baseUrl, scopes } } });
    const error = (await failure(sdk.aktivsjekk.check([fnr]))) as unknown as HelsekontaktError;
    expect([error.code, error.remoteCode]).toEqual(["rest/forbidden", "EHSEC-110001"]);
  });

  it("that HelseID refuses or cannot give is told apart", async () => {
    const { sdk } = await harness.run({ start: false });
    const body = { error: "invalid_client" };
    harness.sandbox.faults.add("token", { kind: "status", status: 400, body }, 3);
    expect((await failure(sdk.aktivsjekk.check([fnr]))).code).toBe("auth/token-rejected");
    harness.sandbox.faults.clear();
    harness.sandbox.faults.add("token", { kind: "status", status: 503 }, 10);
    expect((await failure(sdk.aktivsjekk.check([fnr]))).code).toBe("auth/token-unavailable");
    harness.sandbox.faults.clear();
    expect((await sdk.aktivsjekk.check([fnr])).calls).toBe(1);
  });

  it("for an unknown client or scope is refused", async () => {
    const { helseid, rest } = harness.sandbox.config;
    const stranger = await harness.run({ start: false, config: { helseid: { ...helseid, clientId: "ukjent" } } });
    expect((await failure(stranger.sdk.aktivsjekk.check([fnr]))).code).toBe("auth/token-rejected");
    const scopes = { aktivsjekken: "nhn:helsenorge.eksternapi/ukjent" };
    const greedy = await harness.run({ start: false, config: { rest: { ...rest, scopes } } });
    expect((await failure(greedy.sdk.aktivsjekk.check([fnr]))).code).toMatch(/^auth\//);
  });
});

describe("the registries", () => {
  it("being down keeps messages in the journal until they are back", async () => {
    const amqp = { ...harness.sandbox.config.amqp, queues: { async: "200001_async", error: "200001_error" } };
    harness.sandbox.faults.add("cppa", { kind: "status", status: 503 }, 4);
    const { sdk, seen } = await harness.run({ config: { amqp } });
    const sent = await sdk.notifikasjon.send({
      patient: { fnr: harness.citizen("self").fnr, familyName: "Syntetisk", givenName: "Signe" },
      contact,
    });
    expect(await seen("send-failed")).toMatchObject({ code: "registry/unavailable", willRetry: true });
    expect((await sent.receipt()).status).toBe("accepted");
  });

  it("refusing the token is no fault of a message either: it waits for the setting to be mended", async () => {
    const amqp = { ...harness.sandbox.config.amqp, queues: { async: "200001_async", error: "200001_error" } };
    harness.sandbox.faults.add("cppa", { kind: "status", status: 403 }, 2);
    const { sdk, seen, journal } = await harness.run({ config: { amqp } });
    const sent = await sdk.tjenesteoversikt.send({ patient: harness.patient(), services: [] });
    expect(await seen("send-failed")).toMatchObject({ code: "registry/unavailable", willRetry: true });
    expect((await sent.receipt()).status).toBe("accepted");
    expect((await journal.outbox.get(sent.id))?.attempts).toBeGreaterThan(1);
  });

  it("being down does not cost an incoming message its tries", async () => {
    const running = await harness.run({
      config: { amqp: { ...harness.sandbox.config.amqp, queues: { async: "200001_async", error: "200001_error" } } },
    });
    running.sdk.ekontakt.onMessage(() => ({ kind: "accept" }));
    harness.sandbox.faults.add("cppa", { kind: "status", status: 500 });
    const asked = await harness.sandbox.counterpart.sendRequest({
      citizen: harness.citizen("self"),
      toHerId: "200002",
      subject: "S",
      text: "T",
    });
    expect(await running.seen("delivery-retried")).toMatchObject({ code: "registry/unavailable", tries: 0 });
    expect((await asked.receipt()).status).toBe("accepted");
  });
});
