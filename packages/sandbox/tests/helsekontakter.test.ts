import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createHelsekontakterState } from "../src/rest/helsekontakter-state.ts";
import { answerHelsekontakter } from "../src/rest/helsekontakter.ts";
import { type Sandbox, startSandbox } from "../src/index.ts";
import { BareClient } from "./_client.ts";

const scope = "nhn:helsenorge.eksternapi/helsekontakter";
const path = "/helsekontakter/api/v1";
const own = "998888887";
const span = { start: "2026-08-01", end: "2027-07-31" };

let sandbox: Sandbox;
let client: BareClient;
let token = "";
beforeAll(async () => {
  sandbox = await startSandbox({ citizens: 60 });
  client = await BareClient.create(sandbox);
  token = await client.accessToken(scope);
});
afterAll(() => sandbox.close());
beforeEach(() => {
  const { state } = sandbox.rest;
  for (const kept of [state.offerings, state.organisations, state.members]) kept.clear();
  state.calls.length = 0;
  Object.assign(state.behaviour, { ...createHelsekontakterState().behaviour, holdMs: 40 });
});

const organization = (number: string) => ({
  fullUrl: "urn:uuid:00000000-0000-4000-8000-000000000001",
  resource: {
    resourceType: "Organization",
    identifier: [{ system: "urn:oid:2.16.578.1.12.4.1.4.101", value: number }],
    name: "Eksempel",
    endpoint: [{ id: "200001", type: "Endpoint" }],
  },
});
const offerings = (number = own, active = true) => ({
  resourceType: "Bundle",
  type: "collection",
  entry: [
    organization(number),
    {
      fullUrl: "urn:uuid:00000000-0000-4000-8000-000000000002",
      resource: {
        resourceType: "HealthcareService",
        identifier: [{ system: "urn:ietf:rfc:3986", value: "urn:uuid:00000000-0000-4000-8000-000000000002" }],
        active,
        name: "Studenthelsetjenesten",
        providedBy: { reference: "urn:uuid:00000000-0000-4000-8000-000000000001" },
        endpoint: [{ identifier: { system: "urn:oid:2.16.578.1.12.4.1.2", value: "200002" } }],
      },
    },
  ],
});
const members = (fnrs: readonly string[], period: object = span, number = own) => ({
  resourceType: "Bundle",
  type: "collection",
  entry: fnrs.map((value, n) => ({
    fullUrl: `urn:uuid:00000000-0000-4000-8000-0000000001${String(n).padStart(2, "0")}`,
    resource: {
      resourceType: "Patient",
      identifier: [{ system: "urn:oid:2.16.578.1.12.4.1.4.1", value }],
      contact: [{ organization: { identifier: { system: "urn:oid:2.16.578.1.12.4.1.4.101", value: number } }, period }],
    },
  })),
});
const citizens = (status: string) => sandbox.citizens.filter((c) => c.status === status).map((c) => c.fnr);

async function post(
  body: unknown,
  options: { media?: string; token?: string; scheme?: string; proof?: string; at?: string } = {},
) {
  const at = options.at ?? path;
  const bearer = options.token ?? token;
  const response = await fetch(`${sandbox.rest.baseUrl}${at}`, {
    method: "POST",
    headers: {
      "content-type": options.media ?? "application/fhir+json",
      authorization: `${options.scheme ?? "DPoP"} ${bearer}`,
      dpop: options.proof ?? (await client.apiProof(bearer, {}, at)),
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    codes: [...text.matchAll(/"(?:C|c)ode":"([A-Z0-9-]{3,})"/g)].map((m) => m[1]),
  };
}

describe("Medlemstjenester in the sandbox", () => {
  it("wants a bound token with its scope, a proof for this very request, and its own organisation", async () => {
    const other = await client.accessToken();
    expect(await post(offerings(), { token: other })).toMatchObject({ status: 403, codes: ["EHSEC-110001"] });
    expect((await post(offerings(), { scheme: "Bearer" })).status).toBe(401);
    expect((await post(offerings(), { proof: await client.apiProof(token, {}, "/other") })).status).toBe(401);
    expect(await post(offerings("999999999"))).toMatchObject({ status: 403, codes: ["EHSEC-110001"] });
    expect((await post(offerings())).status).toBe(200);
    expect(await post(members(citizens("self").slice(0, 1), span, "999999999"))).toMatchObject({ status: 403 });
    expect(sandbox.rest.state.members.size).toBe(0);
  });

  it("answers a token without an organisation number as one that is not valid", async () => {
    const anonymous = `x.${Buffer.from("{}").toString("base64url")}.x`;
    const request = {
      method: "POST",
      url: new URL(`http://127.0.0.1${path}`),
      headers: { "content-type": "application/fhir+json", authorization: `DPoP ${anonymous}` },
      body: Buffer.from(JSON.stringify(offerings())),
    };
    expect(await answerHelsekontakter(request, createHelsekontakterState(), () => "self")).toMatchObject({
      status: 401,
      body: { Code: "EHSEC-110002" },
    });
  });

  it("refuses other media, broken bodies, what breaks the profile, and lists above the limit", async () => {
    expect((await post(offerings(), { media: "application/json" })).status).toBe(415);
    expect((await post("{")).status).toBe(400);
    expect((await post({ resourceType: "Patient" })).status).toBe(400);
    const open = await post(members(citizens("self").slice(0, 2), { start: "2026-08-01" }));
    expect([open.status, open.text]).toEqual([400, expect.stringContaining("Bundle.entry[1]")]);
    const turned = await post(members(citizens("self").slice(0, 1), { start: span.end, end: span.start }));
    expect(turned.status).toBe(400);
    sandbox.rest.state.behaviour.maxMembers = 3;
    expect((await post(members(citizens("self").slice(0, 4)))).status).toBe(413);
    expect(sandbox.rest.state.members.size).toBe(0);
  });

  it("takes offerings first, then members with their periods, and forgets an organisation whose offerings are withdrawn", async () => {
    const [one = "", two = ""] = citizens("self");
    const [absent = ""] = citizens("none");
    const { state } = sandbox.rest;
    expect((await post(members([one]))).codes).toEqual(["2119"]);
    await post(offerings());
    expect((await post(members([one, absent, two]), { at: `${path}/members` })).codes).toEqual(["2118"]);
    expect([...state.members.values()]).toEqual([
      { fnr: one, organisation: own, ...span, times: 1 },
      { fnr: two, organisation: own, ...span, times: 1 },
    ]);
    await post(members([one]));
    await post(members([two], { ...span, end: "2026-12-31" }));
    expect([...state.members.values()].map((m) => [m.end, m.times])).toEqual([
      [span.end, 2],
      ["2026-12-31", 1],
    ]);
    await post(offerings(own, false));
    expect((await post(members([one]))).codes).toEqual(["2119"]);
    expect(state.calls.map((c) => c.members)).toEqual([1, 3, 1, 1, 1]);
  });

  it("can be slow by the member, hold back an answer to what it stored, pass over some, and never answer one", async () => {
    const [one = "", two = "", three = ""] = citizens("self");
    const { behaviour, members: kept, calls } = sandbox.rest.state;
    await post(offerings());
    Object.assign(behaviour, { perMemberMs: 20, baseMs: 10 });
    const begun = performance.now();
    await post(members([one, two]));
    expect(performance.now() - begun).toBeGreaterThan(45);
    Object.assign(behaviour, { perMemberMs: 0, baseMs: 0, storeThenHold: 1 });
    kept.clear();
    expect((await post(members([one]))).status).toBe(504);
    expect(kept.size).toBe(1);
    expect((await post(members([one]))).status).toBe(200);
    behaviour.omit = (fnr) => fnr === two;
    const partial = await post(members([one, two, three]));
    expect(partial.text.match(/"status":"201"/g)).toHaveLength(2);
    expect(kept.size).toBe(3);
    behaviour.poison.add(three);
    kept.clear();
    expect([(await post(members([two, three]))).status, kept.size]).toEqual([504, 0]);
    expect(calls.map((c) => c.answered)).toEqual([true, false, true, true, false]);
  });
});
