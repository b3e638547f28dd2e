import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FaultSchedule, restTargets, type Sandbox, startSandbox } from "../src/index.ts";
import { BareClient } from "./_client.ts";

let sandbox: Sandbox;
let client: BareClient;
let token = "";
const path = "/digitaltaktiv/helsenorgeaktivsjekken/v1";

beforeAll(async () => {
  sandbox = await startSandbox({ citizens: 200, tokenLifetime: 600 });
  client = await BareClient.create(sandbox);
  token = await client.accessToken();
});
afterAll(() => sandbox.close());
afterEach(() => {
  sandbox.faults.clear();
  Object.assign(sandbox.rest.aktivsjekken, { names: {}, area: "name", omit: () => false });
});

async function ask(body: unknown): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }> {
  const response = await fetch(`${sandbox.rest.baseUrl}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `DPoP ${token}`,
      dpop: await client.apiProof(token),
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as never };
}
const numbers = (count: number) => sandbox.citizens.slice(0, count).map((c) => c.fnr);
const answered = (body: Record<string, unknown>) => Object.keys(body["erAktivListe"] as object);

describe("AktivSjekken in the sandbox", () => {
  it("takes what the document allows and refuses all else", async () => {
    const [fnr = ""] = numbers(1);
    expect((await ask({ fnrListe: numbers(200), omraade: "Helsehjelp" })).status).toBe(200);
    for (const body of [
      { fnrListe: [], omraade: "Helsehjelp" },
      { fnrListe: Array.from({ length: 1_001 }, () => fnr), omraade: "Helsehjelp" },
      { fnrListe: [fnr.slice(1)], omraade: "Helsehjelp" },
      { fnrListe: [fnr], omraade: "Skole" },
      { fnrListe: [fnr], omraade: 3 },
      { fnrListe: [fnr], omraade: "Helsehjelp", extra: 1 },
      { fnrListe: [fnr] },
      null,
    ])
      expect((await ask(body)).status).toBe(400);
  });

  it("takes the area as an integer where it is told to, and only then", async () => {
    const { aktivsjekken } = sandbox.rest;
    const fnrListe = numbers(1);
    aktivsjekken.area = "code";
    expect((await ask({ fnrListe, omraade: 3 })).status).toBe(200);
    expect((await ask({ fnrListe, omraade: 6 })).status).toBe(200);
    for (const omraade of ["Helsehjelp", "3", 4, 0]) expect((await ask({ fnrListe, omraade })).status).toBe(400);
    aktivsjekken.area = "both";
    expect((await ask({ fnrListe, omraade: "Ungdom" })).status).toBe(200);
    expect((await ask({ fnrListe, omraade: 6 })).status).toBe(200);
  });

  it("answers under older names, and leaves citizens out, where it is told to", async () => {
    const { aktivsjekken } = sandbox.rest;
    const [first = "", second = ""] = numbers(2);
    aktivsjekken.names = { erDigitaltAktivSelv: "erAktivSelv", erDigitaltAktivViaAndre: "erAktivViaAndre" };
    aktivsjekken.omit = (fnr) => fnr === second;
    expect((await ask({ fnrListe: [first, second], omraade: "Helsehjelp" })).body).toEqual({
      erAktivListe: { [first]: { erAktivSelv: true, erAktivViaAndre: false, tildeltFullmakt: false } },
    });
  });

  it("still wants token, proof and scope", async () => {
    expect((await client.check(token, { scheme: "Bearer" })).status).toBe(401);
    expect((await client.check(token, { proof: false })).status).toBe(401);
    const other = await client.accessToken("nhn:helsenorge.eksternapi/helsekontakter");
    expect((await client.check(other)).status).toBe(403);
  });
});

describe("planned faults", () => {
  it("answers 429 with the time to wait, breaks off in the middle, closes without an answer", async () => {
    const { faults } = sandbox;
    const body = { fnrListe: numbers(50), omraade: "Helsehjelp" };
    faults.add("aktivsjekken", { kind: "rate-limited", retryAfter: 7 });
    const limited = await ask(body);
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "7"]);
    faults.add("aktivsjekken", { kind: "cut" });
    await expect(ask(body)).rejects.toThrow();
    faults.add("aktivsjekken", { kind: "drop" });
    await expect(ask(body)).rejects.toThrow("fetch failed");
    expect((await ask(body)).status).toBe(200);
  });

  it("leaves a share of the citizens out of an answer", async () => {
    sandbox.faults.add("aktivsjekken", { kind: "partial", share: 0.25 });
    const asked = numbers(200);
    const known = answered((await ask({ fnrListe: asked, omraade: "Helsehjelp" })).body);
    const all = answered((await ask({ fnrListe: asked, omraade: "Helsehjelp" })).body);
    expect(all.length).toBe(180);
    // A quarter of 180, spread evenly.
    expect(Math.abs(known.length - 135)).toBeLessThanOrEqual(2);
    expect(all).toEqual(expect.arrayContaining(known));
  });
});

describe("behaviour that lasts", () => {
  /** What each of so many requests meets. */
  async function fates(seed: number, count: number): Promise<string[]> {
    const faults = new FaultSchedule();
    faults.behave("cppa", { seed, serverErrors: 0.1, burst: 3, rateLimited: 0.1, dropped: 0.1, broken: 0.1, cut: 0.1 });
    const seen: string[] = [];
    for (let n = 0; n < count; n++) {
      const { status, drop, cut, body } = await faults.around("cppa", () => ({ status: 200, body: {} }));
      seen.push(drop ? "drop" : cut ? "cut" : typeof body === "string" ? "broken" : String(status));
    }
    return seen;
  }

  it("is the same for a seed, another for another, and keeps to its shares", async () => {
    const one = await fates(1, 2_000);
    expect(await fates(1, 2_000)).toEqual(one);
    expect(await fates(2, 2_000)).not.toEqual(one);
    const share = (...kinds: string[]) => one.filter((f) => kinds.includes(f)).length / one.length;
    // A burst of three takes the place of two other requests.
    for (const kind of ["drop", "cut", "broken", "429"]) expect(share(kind)).toBeGreaterThan(0.05);
    expect(share("500", "502", "503", "504")).toBeGreaterThan(0.2);
    expect(share("500", "502", "503", "504")).toBeLessThan(0.3);
    expect(share("200")).toBeGreaterThan(0.3);
  });

  it("sends server errors in bursts, with the statuses in turn", async () => {
    const faults = new FaultSchedule();
    faults.behave("helsekontakter", { seed: 3, serverErrors: 0.05, burst: 4, statuses: [500, 503] });
    let text = "";
    for (let n = 0; n < 500; n++)
      text += (await faults.around("helsekontakter", () => ({ status: 200 }))).status === 200 ? "." : "x";
    const runs = text.split(/\.+/).filter((run) => run !== "");
    expect(runs.length).toBeGreaterThan(3);
    expect(runs.slice(0, -1).every((run) => run.length % 4 === 0 || run.length > 4)).toBe(true);
    expect(faults.count("helsekontakter", "status")).toBe(text.replaceAll(".", "").length);
  });

  it("goes down for every REST interface at once, and comes back; tokens are still given", async () => {
    const body = { fnrListe: numbers(1), omraade: "Helsehjelp" };
    sandbox.faults.behave("rest", { down: true });
    await expect(ask(body)).rejects.toThrow("fetch failed");
    for (const url of [
      `${sandbox.rest.baseUrl}/helsekontakter/api/v1`,
      `${sandbox.registries.communicationPartyBaseUrl}/communicationparty/1`,
      `${sandbox.registries.cppaBaseUrl}Profiles/1`,
    ])
      await expect(fetch(url, { method: url.includes("helsekontakter") ? "POST" : "GET" })).rejects.toThrow();
    expect(await client.accessToken()).not.toBe("undefined");
    sandbox.faults.calm("rest");
    expect((await ask(body)).status).toBe(200);
  });

  it("holds to a rate: what comes too fast is told when to come again, and is let in then", async () => {
    const faults = new FaultSchedule();
    faults.behave("aktivsjekken", { perSecond: 5 });
    const answers = [];
    for (let n = 0; n < 12; n++) answers.push(await faults.around("aktivsjekken", () => ({ status: 200 })));
    const refused = answers.filter((a) => a.status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(5);
    expect(answers.slice(0, 5).every((a) => a.status === 200)).toBe(true);
    expect(refused.every((a) => Number(a.headers?.["retry-after"]) >= 1)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await faults.around("aktivsjekken", () => ({ status: 200 }))).status).toBe(200);
  });

  it("is slow for a share, leaves citizens out for a share, and lets planned faults go first", async () => {
    const body = { fnrListe: numbers(200), omraade: "Helsehjelp" };
    sandbox.faults.behave("aktivsjekken", { partial: 1, partialShare: 0.5, slow: 1, slowMs: 30, latencyMs: 10 });
    sandbox.faults.add("aktivsjekken", { kind: "status", status: 503 });
    expect((await ask(body)).status).toBe(503);
    const began = performance.now();
    const known = answered((await ask(body)).body).length;
    expect(performance.now() - began).toBeGreaterThanOrEqual(39);
    expect(known).toBeGreaterThan(50);
    expect(known).toBeLessThan(130);
    expect(sandbox.faults.count("aktivsjekken", "partial")).toBeGreaterThanOrEqual(1);
  });

  it.each([{ dropped: 0.6, cut: 0.6 }, { slow: 2 }, { partialShare: -1 }, { broken: Number.NaN }])(
    "refuses shares that cannot be: %o",
    (rates) => {
      expect(() => new FaultSchedule().behave("rest", rates)).toThrow("expected shares from 0 to 1");
    },
  );

  it("names the REST interfaces", () => {
    expect(restTargets).toEqual(["aktivsjekken", "helsekontakter", "cppa", "communication-party"]);
  });
});
