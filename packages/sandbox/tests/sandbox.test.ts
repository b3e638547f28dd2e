import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unprotect } from "@helsekontakt/amqp-messaging/protection";
import { parseProfile } from "@helsekontakt/amqp-messaging/profile";
import { parsePersonNumber } from "@helsekontakt/validators/identifiers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  FaultSchedule,
  sandboxParties,
  type Sandbox,
  startSandbox,
  syntheticCitizens,
  writeIdentities,
} from "../src/index.ts";
import { profileDocument } from "../src/rest/profile-document.ts";
import { answerCommunicationParty, answerCppa, type RegistryOptions } from "../src/rest/registries.ts";
import { rolesOf } from "../src/rest/roles.ts";
import { messageFunctions } from "@helsekontakt/amqp-messaging";

let sandbox: Sandbox;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "helsekontakt-sandbox-"));
  sandbox = await startSandbox({ citizens: 50, captureDir: join(dir, "capture") });
});
afterAll(async () => {
  await sandbox.close();
  await rm(dir, { recursive: true, force: true });
});

const request = (path: string) => ({
  method: "GET",
  url: new URL(path, "http://127.0.0.1"),
  headers: {},
  body: Buffer.alloc(0),
});

function registry(): RegistryOptions {
  return {
    parties: sandboxParties,
    queueBase: "127.0.0.1:5672/NS",
    profileOf: (party) => ({
      herId: party.herId,
      name: party.name,
      asyncQueueAddress: `amqp://127.0.0.1/NS/${party.queues.async}`,
      signing: sandbox.identities[party.owner].signing.certificate,
      encryption: sandbox.identities[party.owner].encryption.certificate,
      roles: rolesOf(party.owner, Object.values(messageFunctions)),
    }),
  };
}

describe("syntheticCitizens()", () => {
  it("are the same every time, distinct, and of Tenor's kind with right control digits", () => {
    const citizens = syntheticCitizens(3_000);
    expect(syntheticCitizens(3_000)).toEqual(citizens);
    expect(syntheticCitizens(10)).toEqual(citizens.slice(0, 10));
    expect(new Set(citizens.map((c) => c.fnr)).size).toBe(3_000);
    for (const { fnr } of citizens)
      expect(parsePersonNumber(fnr)).toMatchObject({ kind: "fnr", synthetic: "tenor", checksum: "valid" });
  });

  it("have every status in a fixed share", () => {
    const counts: Record<string, number> = {};
    for (const { status } of syntheticCitizens(200)) counts[status] = (counts[status] ?? 0) + 1;
    expect(counts).toEqual({
      self: 140,
      representative: 10,
      assigned: 10,
      none: 20,
      unknown: 20,
    });
  });
});

describe("the collaboration registry", () => {
  const pairs = sandboxParties
    .filter((p) => p.owner === "provider" && p.parentHerId !== undefined)
    .map((p) => [p.herId, "100002"] as const);

  it.each(sandboxParties.map((p) => [p.herId]))("has a profile of %s that parses", (herId) => {
    const party = sandboxParties.find((p) => p.herId === herId);
    const { status, body } = answerCppa(request(`/v2/Profiles/${herId}`), registry());
    expect(status).toBe(200);
    const profile = parseProfile(body as Buffer, { as: herId });
    const text = JSON.stringify(profile, (_, value: unknown) => (typeof value === "function" ? undefined : value));
    expect(text).toContain(party?.name);
  });

  it.each(pairs)("has one agreement between %s and %s, for whoever asks", (mine, theirs) => {
    const one = answerCppa(request(`/v2/Agreements/HerIds/${mine}/${theirs}`), registry()).body as Buffer;
    const other = answerCppa(request(`/v2/Agreements/HerIds/${theirs}/${mine}`), registry()).body as Buffer;
    const [a, b] = [one, other].map(
      (bytes) => /cpaid="([^"]+)"/.exec(bytes.toString().replaceAll(/\w+:cpaid/g, "cpaid"))?.[1],
    );
    expect(a).toMatch(/^[0-9a-f-]{36}$/);
    expect(a).toBe(b);
    const byId = answerCppa(request(`/v2/Agreements/${a}`), registry());
    expect(byId.status).toBe(200);
    for (const as of [mine, theirs]) {
      const profile = parseProfile(one, { as });
      expect(profile).toMatchObject({ kind: "cpa" });
    }
  });

  it("knows nothing of others, nor of an agreement of a party with itself", () => {
    for (const path of ["/v2/Profiles/999", "/v2/Agreements/HerIds/200002/200003", "/v2/Agreements/x", "/v2/Other"])
      expect(answerCppa(request(path), registry()).status).toBe(404);
  });

  it("names both kinds of certificate", () => {
    const [party] = sandboxParties;
    if (party === undefined) throw new Error("no party");
    const xml = profileDocument([registry().profileOf(party)]).toString();
    for (const use of ["signing", "encryption"] as const)
      expect(xml).toContain(sandbox.identities[party.owner][use].certificate.raw.toString("base64"));
  });
});

describe("the address registry", () => {
  it("has every party with its queues, inherited by services", () => {
    for (const party of sandboxParties) {
      const { status, body } = answerCommunicationParty(request(`/communicationparty/${party.herId}`), registry());
      expect(status).toBe(200);
      const { communicationParty } = body as { communicationParty: { ElectronicAddresses: Record<string, unknown>[] } };
      expect(communicationParty.ElectronicAddresses.map((a) => a["Inherited"])).toEqual(
        Array.from({ length: 3 }, () => party.parentHerId !== undefined),
      );
    }
    expect(answerCommunicationParty(request("/communicationparty/1"), registry()).status).toBe(404);
  });
});

describe("FaultSchedule", () => {
  it("uses each fault once, in order, for its own target", async () => {
    const faults = new FaultSchedule();
    faults.add("token", { kind: "status", status: 500 }, 2);
    faults.add("token", { kind: "broken-body" });
    faults.add("cppa", { kind: "delay", ms: 1 });
    expect((await faults.strike("token"))?.status).toBe(500);
    expect((await faults.strike("token"))?.status).toBe(500);
    expect((await faults.strike("token"))?.status).toBe(200);
    expect(await faults.strike("token")).toBeUndefined();
    expect(await faults.strike("cppa")).toBeUndefined();
    expect(await faults.strike("aktivsjekken")).toBeUndefined();
  });

  it("forgets what has not struck", async () => {
    const faults = new FaultSchedule();
    faults.add("cppa", { kind: "status", status: 503, body: "x", headers: { "retry-after": "1" } });
    faults.clear();
    expect(await faults.strike("cppa")).toBeUndefined();
  });
});

describe("capture", () => {
  it("leaves every exchange as numbered files: XML beside its CMS, which opens", async () => {
    const [citizen] = sandbox.citizens;
    if (citizen === undefined) throw new Error("no citizen");
    await sandbox.counterpart.sendRequest({ citizen, toHerId: "200002", subject: "S", text: "Tekst" });
    expect(await sandbox.capture.flush()).toBeGreaterThan(0);
    const files = (await readdir(join(dir, "capture"))).sort();
    expect(files.slice(0, 2)).toEqual([
      "001-from-helsenorge-DIALOG_INNBYGGER_EKONTAKT.p7m",
      "001-from-helsenorge-DIALOG_INNBYGGER_EKONTAKT.xml",
    ]);
    const [p7m, xml] = await Promise.all(files.slice(0, 2).map((f) => readFile(join(dir, "capture", f))));
    const { content } = await unprotect(p7m ?? Buffer.alloc(0), {
      keys: [sandbox.identities.provider.encryption],
      expectedSigner: sandbox.identities.helsenorge.signing.certificate,
    });
    expect(content.equals(xml ?? Buffer.alloc(0))).toBe(true);
  });
});

describe("startSandbox()", () => {
  it("says which port is taken", async () => {
    const port = Number(new URL(sandbox.rest.baseUrl).port);
    await expect(startSandbox({ citizens: 1, ports: { rest: port } })).rejects.toMatchObject({
      code: "config/invalid",
    });
  });

  it("writes identities that other programs can read", async () => {
    await writeIdentities(sandbox.identities, join(dir, "identities"));
    const files = await readdir(join(dir, "identities"));
    expect(files.sort()).toHaveLength(9);
    expect(await readFile(join(dir, "identities", "provider-signing.key.pem"), "utf8")).toContain("PRIVATE KEY");
  });
});
