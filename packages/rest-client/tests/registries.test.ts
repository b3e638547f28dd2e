import { afterEach, describe, expect, it } from "vitest";
import { apis, createCommunicationPartyClient, createCppaClient } from "../src/index.ts";
import { type Answer, json, quick, startServer, type TestServer } from "./_server.ts";

let server: TestServer;
afterEach(() => server.close());

const xml = '<?xml version="1.0" encoding="iso-8859-1"?><Profile name="\u00e6"/>';
const cpaId = "b6f1d0a4-0f3d-4f0e-9a8b-3f1d7e0b9a01";

async function cppa(answer: Answer, path = "/v2/") {
  server = await startServer(answer);
  return createCppaClient({ baseUrl: server.url + path, retry: quick });
}

describe("CPPA", () => {
  it("gives documents in the bytes as they came", async () => {
    const bytes = Buffer.from(xml, "latin1");
    const c = await cppa(
      (_seen, response) => void response.writeHead(200, { "content-type": "application/xml" }).end(bytes),
    );
    expect(Buffer.from((await c.profile("8093780")) ?? []).equals(bytes)).toBe(true);
    expect(Buffer.from((await c.agreement(cpaId)) ?? []).equals(bytes)).toBe(true);
    expect(Buffer.from((await c.agreementFor(8093780, "8093781")) ?? []).equals(bytes)).toBe(true);
    expect(server.seen.map((s) => [s.method, s.url, s.headers.accept])).toEqual([
      ["GET", "/v2/Profiles/8093780", "application/xml"],
      ["GET", `/v2/Agreements/${cpaId}`, "application/xml"],
      ["GET", "/v2/Agreements/HerIds/8093780/8093781", "application/xml"],
    ]);
  });

  it("tells a missing document from a registry that fails", async () => {
    const c = await cppa((seen, response, n) => json(n === 1 ? 404 : 500, "no")(seen, response, n));
    expect(await c.profile(1)).toBeUndefined();
    await expect(c.profile(1)).rejects.toMatchObject({ code: "rest/unavailable" });
  });

  it.each(["", "0", "-1", "1.5", "abc", "../1", "12345678901"])("refuses HER-id %j before sending", async (herId) => {
    const c = await cppa(json(200, ""));
    await expect(c.profile(herId)).rejects.toMatchObject({ code: "input/invalid" });
    await expect(c.agreementFor(1, herId)).rejects.toMatchObject({ code: "input/invalid" });
    await expect(c.agreement("HerIds/1/2")).rejects.toMatchObject({ code: "input/invalid" });
    expect(server.seen).toHaveLength(0);
  });
});

describe("communication party", () => {
  it("reads a party, with or without values", async () => {
    server = await startServer(
      json(200, {
        herId: 8093780,
        parentHerId: null,
        type: "Service",
        communicationParty: { HerId: 8093780, ElectronicAddresses: null },
      }),
    );
    const c = createCommunicationPartyClient({ baseUrl: server.url, retry: quick });
    expect((await c.party("8093780"))?.communicationParty?.ElectronicAddresses).toBeNull();
    const older = createCommunicationPartyClient({ baseUrl: server.url, retry: quick, api: "older" });
    await older.party(8093780);
    expect(server.seen.map((s) => s.url)).toEqual(["/communicationparty/8093780", "/CommunicationParties/8093780"]);
    await expect(c.party(8093781)).rejects.toMatchObject({ code: "rest/response-invalid" });
  });

  it("has none for a 404", async () => {
    server = await startServer(json(404, ""));
    expect(await createCommunicationPartyClient({ baseUrl: server.url, retry: quick }).party(1)).toBeUndefined();
  });
});

it("addresses and scopes come from the documents", async () => {
  server = await startServer(json(200, ""));
  expect(apis.cppa.servers.find((s) => s.environment === "TEST" && s.security === "helseidDpop")?.url).toBe(
    "https://cppa.test.grunndata.nhn.no/v2/",
  );
  expect(apis.aktivsjekken.securitySchemes.helseid).toMatchObject({
    scopes: ["nhn:helsenorge.eksternapi/helsenorgeaktivsjekken"],
    inferred: true,
  });
});
