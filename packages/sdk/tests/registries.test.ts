import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Sandbox, startSandbox } from "@helsekontakt/sandbox";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createHelsekontakt,
  describeConfig,
  diagnose,
  findConfigFaults,
  type Helsekontakt,
  type HelsekontaktConfig,
  openJournal,
  sqliteStore,
} from "../src/index.ts";

let sandbox: Sandbox;
let hk: Helsekontakt | undefined;
let journal: Awaited<ReturnType<typeof openJournal>>;
beforeEach(async () => {
  sandbox = await startSandbox({ citizens: 10 });
  journal = await openJournal({
    store: sqliteStore({ file: join(mkdtempSync(join(tmpdir(), "registries-")), "journal.db") }),
  });
});
afterEach(async () => {
  await hk?.stop({ drainMs: 500 });
  await journal.close();
  await sandbox.close();
});

const withRegistry = (registry: object): HelsekontaktConfig => ({
  ...sandbox.config,
  registry: {
    ...sandbox.config.registry,
    soap: { url: `${sandbox.registries.soapBaseUrl}/v1/AR/Basic`, ...sandbox.registries.soapCredentials },
    ...registry,
  },
  journal,
});

/** Both registries by SOAP. */
const bySoap = () => ({
  addressRegistry: "soap",
  collaborationRegistry: "soap",
  soap: {
    url: `${sandbox.registries.soapBaseUrl}/v1/AR/Basic`,
    cppaUrl: `${sandbox.registries.soapBaseUrl}/v1/CPPA/Basic`,
    ...sandbox.registries.soapCredentials,
  },
});

describe("registries in the configuration", () => {
  it("R8: the address registry by SOAP in place of REST, with events on the same connection", async () => {
    const config = withRegistry({ addressRegistry: "soap", events: { userSystemIdent: "test-1" } });
    hk = createHelsekontakt(config);
    await hk.start();
    const { counts } = sandbox.rest;
    expect([counts["communication-party"], counts["registries-soap"] > 0]).toEqual([0, true]);
    // An event that is sent before the subscription has its queue goes nowhere: the next one is another try.
    for (let n = 0; n < 1_000 && sandbox.amqp.broker.counts.accepted === 0; n++)
      await new Promise((resolve) => setTimeout(resolve, 20)).then(() =>
        sandbox.registries.sendEvent("AddressRegister", "CommunicationPartyUpdated", "100002").catch(() => {}),
      );
    expect(sandbox.amqp.broker.counts.accepted).toBeGreaterThan(0);
  });

  it("R8: both registries by SOAP send and receive without HelseID, and nothing is asked by REST", async () => {
    const { helseid: _, rest: __, ...config } = withRegistry(bySoap());
    hk = createHelsekontakt(config);
    await hk.start();
    const [citizen] = sandbox.citizens.filter((c) => c.status === "self");
    const { fnr, familyName, givenName } = citizen ?? expect.fail("no citizen");
    const sent = await hk.notifikasjon.send({
      patient: { fnr, familyName, givenName },
      contact: { team: { name: "Nord", members: [{ role: "Lege" }] }, from: "2026-11-25", access: "N" },
    });
    expect((await sent.receipt()).status).toBe("accepted");
    const { counts } = sandbox.rest;
    expect([counts["communication-party"], counts.cppa, counts["registries-soap"] > 0]).toEqual([0, 0, true]);
  });

  it("are diagnosed by the interfaces that are chosen", async () => {
    const only = ["registry", "certificates.registered", "amqp.queues", "token"];
    const { helseid: _, ...config } = withRegistry(bySoap());
    const good = await diagnose(
      { ...config, amqp: { ...config.amqp, queues: {} } },
      { only: only.filter((id) => id !== "token") },
    );
    expect(good.checks.filter((c) => c.outcome !== "ok" && c.outcome !== "warning")).toEqual([]);
    expect(good.checks.map((c) => c.id)).toEqual(
      expect.arrayContaining(["tls.soap", "tls.soapCppa", "registry.soap", "registry.own", "amqp.queues"]),
    );
    expect(good.checks.map((c) => c.id)).not.toContain("tls.cppa");
    expect(sandbox.rest.counts.cppa).toBe(0);
    const mixed = await diagnose(withRegistry({ collaborationRegistry: "soap", soap: bySoap().soap }), { only });
    expect(mixed.checks.filter((c) => c.outcome === "fault" || c.outcome === "skipped")).toEqual([]);
    expect(mixed.checks.map((c) => c.id)).toContain("token.parties");
    expect(mixed.checks.map((c) => c.id)).not.toContain("token.cppa");
    const refused = { ...bySoap().soap, password: "not-to-be-seen" };
    const wrong = await diagnose(withRegistry({ collaborationRegistry: "soap", soap: refused }), { only });
    const own = wrong.checks.find((c) => c.id === "registry.own");
    expect(own?.outcome).toBe("fault");
    expect(new Set(own?.findings.filter((f) => f.level === "fault").map((f) => f.code))).toEqual(
      new Set(["rest/unauthorized"]),
    );
    expect(JSON.stringify(wrong)).not.toContain("not-to-be-seen");
  });

  it("are diagnosed with their login", async () => {
    const only = ["registry.soap"];
    const good = await diagnose(withRegistry({}), { only });
    expect(good.checks.find((c) => c.id === "registry.soap")).toMatchObject({ outcome: "ok" });
    const url = `${sandbox.registries.soapBaseUrl}/v1/AR/Basic`;
    const wrong = await diagnose(withRegistry({ soap: { url, username: "org", password: "not-to-be-seen" } }), {
      only,
    });
    expect(wrong.checks.find((c) => c.id === "registry.soap")).toMatchObject({
      outcome: "fault",
      findings: [{ code: "rest/unauthorized", hint: expect.stringContaining("password") as string }],
    });
    expect(JSON.stringify(wrong)).not.toContain("not-to-be-seen");
    expect((await diagnose(sandbox.config, { only: ["dns"] })).checks.map((c) => c.id)).not.toContain("dns.soap");
  });

  it("tells every fault at once, and shows no password", () => {
    const faults = findConfigFaults({
      ...sandbox.config,
      registry: {
        cppaBaseUrl: "cppa",
        addressRegistry: "ldap",
        collaborationRegistry: "ebxml",
        checks: "some",
        dummies: "no",
        functionsWithoutProfile: "X",
        soap: { url: "ftp://x", cppaUrl: "cppa", binding: "nettcp", username: "", password: 7 },
        events: { userSystemIdent: "a b" },
        cache: { softMs: -1 },
      },
    } as never);
    expect(faults.map((f) => f.path)).toEqual([
      "registry.cppaBaseUrl",
      "registry.soap.url",
      "registry.soap.cppaUrl",
      "registry.addressRegistry",
      "registry.collaborationRegistry",
      "registry.checks",
      "registry.dummies",
      "registry.soap.binding",
      "registry.functionsWithoutProfile",
      "registry.soap.username",
      "registry.soap.password",
      "registry.events.userSystemIdent",
      "registry.cache.softMs",
    ]);
    const secret = "not-to-be-seen";
    const all = describeConfig(
      withRegistry({ soap: { url: "https://ar.example/v1/AR/Basic", username: "org", password: secret } }),
    );
    expect(JSON.stringify(all)).not.toContain(secret);
    expect(all.find((s) => s.path === "registry.soap.url")).toMatchObject({ value: "https://ar.example/v1/AR/Basic" });
  });

  it("needs the SOAP login for events, and an address where the environment has none", () => {
    const { soap: _, ...rest } = withRegistry({}).registry ?? {};
    expect(
      findConfigFaults({ ...sandbox.config, registry: { ...rest, events: { userSystemIdent: "a" } } }).map(
        (f) => f.path,
      ),
    ).toEqual(["registry.soap.username", "registry.soap.password", "registry.soap.url"]);
    expect(
      findConfigFaults({ ...sandbox.config, registry: { ...rest, collaborationRegistry: "soap" } }).map((f) => f.path),
    ).toEqual(["registry.soap.username", "registry.soap.password", "registry.soap.cppaUrl"]);
  });

  it("have the environment's addresses, marked with where they are from", () => {
    const shown = (path: string, environment: "TEST2" | "PROD") =>
      describeConfig({
        ...sandbox.config,
        environment,
        helseid: undefined as never,
        rest: undefined as never,
        amqp: undefined as never,
        registry: {},
      }).find((s) => s.path === path);
    expect(shown("registry.soap.cppaUrl", "TEST2")).toMatchObject({
      value: "https://ws-web.test.nhn.no/v1/CPPA/Basic",
      origin: "preset",
      mark: "confirmed",
      source: expect.stringContaining("environments#") as string,
    });
    expect(shown("registry.soap.cppaUrl", "PROD")).toMatchObject({ mark: "none" });
    expect(shown("registry.collaborationRegistry", "PROD")).toMatchObject({ value: "rest", mark: "ours" });
  });
});
