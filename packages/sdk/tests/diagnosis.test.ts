import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { createIdentity, type Identity } from "@helsekontakt/amqp-messaging/protection";
import { type Sandbox, startSandbox } from "@helsekontakt/sandbox";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type CheckResult,
  type DiagnoseOptions,
  type Diagnosis,
  diagnose,
  type HelsekontaktConfig,
  openJournal,
  sqliteStore,
} from "../src/index.ts";

let sandbox: Sandbox;
let config: HelsekontaktConfig;
const seen: string[] = [];
beforeAll(async () => {
  sandbox = await startSandbox({ citizens: 50 });
  config = sandbox.config;
});
afterAll(() => sandbox.close());

async function run(changed: Partial<HelsekontaktConfig> = {}, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const diagnosis = await diagnose({ ...config, ...changed }, options);
  seen.push(JSON.stringify(diagnosis));
  return diagnosis;
}

function check(diagnosis: Diagnosis, id: string): CheckResult {
  const found = diagnosis.checks.find((c) => c.id === id);
  if (found === undefined) throw new Error(`no check ${id}`);
  return found;
}

/** Ids of the checks that have faults themselves. */
function faulty(diagnosis: Diagnosis): string[] {
  return diagnosis.checks.filter((c) => c.outcome === "fault").map((c) => c.id);
}

function faultOf(diagnosis: Diagnosis, id: string): { text: string; hint?: string; code?: string } {
  const found = check(diagnosis, id).findings.find((f) => f.level === "fault");
  expect(found?.hint).toBeTruthy();
  return found ?? { text: "" };
}

function listen(server: Server | TlsServer): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

describe("a diagnosis", () => {
  it("finds no fault in a sound installation, and changes nothing in it", async () => {
    const journal = await openJournal({ store: sqliteStore({ file: ":memory:" }) });
    const diagnosis = await run({ journal });
    await journal.close();
    expect(faulty(diagnosis)).toEqual([]);
    expect(diagnosis.ok).toBe(true);
    expect(diagnosis.counts.skipped).toBe(0);
    expect(check(diagnosis, "amqp.queues").findings).toHaveLength(2);
    expect(sandbox.rest.counts.helsekontakter).toBe(0);
  });

  it("tells a key that is not the registered one, and does not ask what needs a token", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwk = { ...(privateKey as KeyObject).export({ format: "jwk" }), kid: sandbox.client.jwk.kid, alg: "ES256" };
    const diagnosis = await run({ helseid: { ...config.helseid, clientId: sandbox.client.clientId, key: { jwk } } });
    expect(faulty(diagnosis).filter((id) => !id.startsWith("token."))).toEqual([]);
    expect(faultOf(diagnosis, "token.cppa").hint).toContain("registered");
    expect(check(diagnosis, "aktivsjekken")).toMatchObject({
      outcome: "skipped",
      because: "token.aktivsjekken has a fault",
    });
    expect(check(diagnosis, "amqp.queues").because).toBe("registry.own was skipped");
    expect(JSON.stringify(diagnosis)).not.toContain(jwk.d);
  });

  it("tells a clock that is off, and by how much", async () => {
    const now = (): number => Date.now() + 120_000;
    const { systemClock } = await import("@helsekontakt/core");
    const diagnosis = await run({ clock: { ...systemClock, now } }, { only: ["helseid"] });
    expect(faultOf(diagnosis, "helseid").text).toMatch(/clock is 1(19|2[01]) s ahead/);
  });

  it("tells which scope is refused and which are granted", async () => {
    const rest = { ...config.rest, scopes: { aktivsjekken: "nhn:unknown/scope" } };
    const diagnosis = await run({ rest }, { only: ["token", "aktivsjekken"] });
    expect(faulty(diagnosis)).toEqual(["token.aktivsjekken"]);
    expect(faultOf(diagnosis, "token.aktivsjekken").hint).toContain("rest.scopes");
    expect(check(diagnosis, "token.helsekontakter").outcome).toBe("ok");
  });

  it("tells a broker that is down, and one that refuses the password", async () => {
    const server = createServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const down = await run({ amqp: { url: `amqp://u:hidden-word@127.0.0.1:${port}/X` } }, { only: ["amqp"] });
    expect(faultOf(down, "amqp.login").code).toBe("amqp/connection");
    const url = sandbox.config.amqp.url.replace(/:sandbox@/, ":hidden-word@");
    const refused = await run({ amqp: { url } }, { only: ["amqp"] });
    expect(faultOf(refused, "amqp.login").code).toBe("amqp/unauthorized");
    expect(check(refused, "amqp.queues").because).toBe("amqp.login has a fault");
  });

  it("tells a queue that is not there", async () => {
    const amqp = { url: sandbox.config.amqp.url, queues: { async: "nobody_async", error: "200001_error" } };
    const diagnosis = await run({ amqp }, { only: ["amqp.queues"] });
    expect(faultOf(diagnosis, "amqp.queues").code).toBe("amqp/link-refused");
  });

  it("tells a HER-id that the registry does not know", async () => {
    const organisation = { ...config.organisation, services: [{ herId: "987654", name: "Nobody" }] };
    const diagnosis = await run({ organisation }, { only: ["registry"] });
    expect(faulty(diagnosis)).toEqual(["registry.own"]);
    expect(faultOf(diagnosis, "registry.own").text).toContain("987654 of organisation.services[0]");
  });

  it("tells certificates that have run out, soon will, are swapped, or are not the registered ones", async () => {
    const day = 86_400_000;
    const ends = (days: number, usage: "nonRepudiation" | "keyEncipherment"): Promise<Identity> =>
      createIdentity({
        subject: { commonName: "Test", organizationIdentifier: "NTRNO-998888887" },
        usage: [usage],
        notBefore: new Date(Date.now() - 400 * day),
        notAfter: new Date(Date.now() + days * day + 60_000),
      });
    const [expired, week, month] = await Promise.all([
      ends(-2, "nonRepudiation"),
      ends(3, "nonRepudiation"),
      ends(20, "keyEncipherment"),
    ]);
    const gone = await run({ keys: { signing: expired, decryption: [month] } }, { only: ["certificates"] });
    expect(faultOf(gone, "certificates.own").text).toContain("expired");
    expect(check(gone, "certificates.own").findings.some((f) => f.text.includes("fewer than 30"))).toBe(true);
    const swapped = await run({ keys: { signing: month, decryption: [week] } }, { only: ["certificates.own"] });
    expect(faultOf(swapped, "certificates.own").hint).toContain("swapped");
    const soon = await run({ keys: { signing: week, decryption: [month] } }, { only: ["certificates"] });
    expect(check(soon, "certificates.own")).toMatchObject({ outcome: "warning" });
    expect(check(soon, "certificates.own").findings.some((f) => f.text.includes("fewer than 7"))).toBe(true);
    expect(check(soon, "certificates.registered").findings.filter((f) => f.level === "fault")).toHaveLength(2);
  });

  it("lists own and partners' certificates with role, source, owner, serial number and days left", async () => {
    const diagnosis = await run({}, { only: ["certificates"] });
    const lines = ["certificates.own", "certificates.registered"].flatMap((id) =>
      check(diagnosis, id).findings.flatMap((f) => f.certificate ?? []),
    );
    const own = config.organisation.services[0]?.herId;
    const partner = config.helsenorge.service.herId;
    expect(lines.map(({ role, source, herId, level }) => [role, source, herId, level])).toEqual([
      ["signing", "keys.signing", undefined, "ok"],
      ["decryption", "keys.decryption[0]", undefined, "ok"],
      ["encryption", `profile of HER-id ${own}`, own, "ok"],
      ["signature", `profile of HER-id ${own}`, own, "ok"],
      ["encryption", `profile of HER-id ${partner}`, partner, "ok"],
      ["signature", `profile of HER-id ${partner}`, partner, "ok"],
    ]);
    const signing = config.keys?.signing.certificate;
    expect(lines[0]).toMatchObject({
      serialNumber: signing?.serialNumber.toLowerCase(),
      owner: signing?.subject.replaceAll("\n", ", "),
      daysLeft: expect.any(Number) as number,
    });
    expect(lines[3]?.thumbprint).toBe(lines[0]?.thumbprint);
  });

  it("tells a certificate for another name, and an authority that is not trusted", async () => {
    const identity = await createIdentity({
      subject: { commonName: "other.example" },
      usage: ["digitalSignature", "keyCertSign"],
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 100 * 86_400_000),
    });
    const server = createTlsServer({
      key: (identity.key as KeyObject).export({ type: "pkcs8", format: "pem" }),
      cert: identity.certificate.toString(),
    });
    const port = await listen(server);
    try {
      const rest = { baseUrl: `https://localhost:${port}` };
      const own = await run({ rest }, { only: ["tls.rest"], ca: [identity.certificate.toString()] });
      expect(faultOf(own, "tls.rest").text).toContain("another name");
      const strange = await run({ rest }, { only: ["tls.rest"] });
      const texts = check(strange, "tls.rest").findings.map((f) => f.text);
      expect(texts.some((t) => t.includes("trusted authority"))).toBe(true);
      expect(texts.some((t) => t.includes("another name"))).toBe(true);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("tells a name that leads nowhere, and skips what is behind it", async () => {
    const rest = { baseUrl: "https://nobody.invalid" };
    const diagnosis = await run({ rest }, { only: ["aktivsjekken"] });
    expect(faulty(diagnosis)).toEqual(["dns.rest"]);
    expect(check(diagnosis, "tls.rest").because).toBe("dns.rest has a fault");
    expect(check(diagnosis, "aktivsjekken").because).toBe("tls.rest was skipped");
  });

  it("gives each check its time only, and ends with the caller's signal", async () => {
    const silent = createServer(() => {});
    const port = await listen(silent);
    try {
      const helseid = { ...sandbox.config.helseid, issuer: `http://127.0.0.1:${port}` };
      const diagnosis = await run({ helseid }, { only: ["helseid"], timeoutMs: 200 });
      expect(faultOf(diagnosis, "helseid").text).toContain("within 200 ms");
      const stop = new AbortController();
      const waiting = diagnose({ ...config, helseid }, { only: ["helseid"], signal: stop.signal });
      setTimeout(() => stop.abort(), 50);
      await expect(waiting).rejects.toMatchObject({ code: "abort/cancelled" });
    } finally {
      silent.closeAllConnections();
      await new Promise((resolve) => silent.close(resolve));
    }
  });

  it("tells a journal that does not open, and closes one that it opened", async () => {
    const broken = await run(
      {},
      { only: ["journal"], openJournal: () => openJournal({ store: sqliteStore({ file: "/nonexistent/x" }) }) },
    );
    expect(faultOf(broken, "journal").code).toMatch(/^journal\//);
    const journal = await openJournal({ store: sqliteStore({ file: ":memory:" }) });
    expect((await run({}, { only: ["journal"], openJournal: () => Promise.resolve(journal) })).ok).toBe(true);
    await expect(journal.outbox.list()).rejects.toMatchObject({ code: "journal/closed" });
  });

  it("runs what was chosen with what that needs, and refuses names of no check", async () => {
    const diagnosis = await run({}, { only: ["token.cppa"] });
    expect(diagnosis.checks.map((c) => c.id)).toEqual(["dns.helseid", "tls.helseid", "helseid", "token.cppa"]);
    await expect(diagnose(config, { only: ["tokens"] })).rejects.toMatchObject({ code: "input/invalid" });
  });

  it("says what is not configured", async () => {
    const { amqp: _amqp, keys: _keys, helseid: _helseid, ...bare } = config;
    const diagnosis = await diagnose(bare, {});
    expect(faulty(diagnosis)).toEqual([]);
    expect(check(diagnosis, "amqp.login").because).toBe("amqp is not configured");
    expect(check(diagnosis, "certificates.own").because).toBe("keys is not configured");
    expect(check(diagnosis, "journal").because).toBe("journal is not configured");
  });

  it("never shows a key, a password, a token or a person", () => {
    const all = seen.join("\n");
    expect(all.length).toBeGreaterThan(5_000);
    for (const hidden of [String(sandbox.client.jwk.d), "hidden-word", "PRIVATE KEY", "eyJ", "01818010083"])
      expect(all).not.toContain(hidden);
    for (const { fnr } of sandbox.citizens) expect(all).not.toContain(fnr);
  });
});
