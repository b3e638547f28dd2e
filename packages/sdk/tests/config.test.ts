import { apis } from "@helsekontakt/rest-client";
import { describe, expect, it } from "vitest";
import {
  checkConfig,
  createHelsekontakt,
  type EnvironmentName,
  environments,
  type HelsekontaktConfig,
  type HelsekontaktError,
} from "../src/index.ts";
import { failure } from "./_harness.ts";

const good: HelsekontaktConfig = {
  environment: "TEST1",
  organisation: {
    herId: "200001",
    name: "Eksempel kommune",
    organisationNumber: "998888887",
    services: [{ herId: "200002", name: "Hjemmetjenesten" }],
  },
  helsenorge: { herId: "100001", name: "Helsenorge", service: { herId: "100002", name: "Innbyggertjenester" } },
};

function thrown(config: unknown): HelsekontaktError {
  try {
    checkConfig(config as HelsekontaktConfig);
  } catch (error) {
    return error as HelsekontaktError;
  }
  throw new Error("expected faults, found none");
}

describe("checkConfig()", () => {
  it("gives the preset of a usable configuration", () => {
    expect(checkConfig(good)).toBe(environments.TEST1);
  });

  it("U8: reports all faults at once, each with path, expectation and hint, and no values", () => {
    const error = thrown({
      environment: "TEST9",
      organisation: { herId: "abc", name: " ", organisationNumber: "99", services: [{ herId: "0", name: "" }] },
      helsenorge: { herId: "", name: "", service: { herId: "x" } },
      helseid: { clientId: "", key: {}, issuer: "http://marker.example" },
      rest: { baseUrl: "ftp://marker.example" },
      registry: { cppaBaseUrl: "nothing", communicationPartyBaseUrl: "https://a b" },
      amqp: { url: "amqp://user:marker@host/NS", concurrency: 0 },
      keys: { signing: {}, decryption: [] },
      receiptDeadlineMs: -1,
    });
    expect(error.code).toBe("config/invalid");
    expect(error.context["paths"]).toEqual([
      "environment",
      "organisation.herId",
      "organisation.name",
      "organisation.organisationNumber",
      "organisation.services[0].herId",
      "organisation.services[0].name",
      "helsenorge.herId",
      "helsenorge.name",
      "helsenorge.service.herId",
      "helseid.issuer",
      "rest.baseUrl",
      "registry.cppaBaseUrl",
      "registry.communicationPartyBaseUrl",
      "amqp.url",
      "amqp.concurrency",
      "helseid.clientId",
      "keys.decryption",
      "receiptDeadlineMs",
    ]);
    expect(error.message).not.toContain("marker");
    expect(error.message).toContain("organisation.organisationNumber: expected nine digits");
  });

  it("survives an empty configuration and an empty list of services", () => {
    expect(thrown({}).code).toBe("config/invalid");
    expect(thrown({ ...good, organisation: { ...good.organisation, services: [] } }).context["paths"]).toEqual([
      "organisation.services",
    ]);
  });

  it.each(["LOCAL", "TEST1"] as const)("allows addresses without TLS in LOCAL only: %s", (environment) => {
    const config = {
      ...good,
      environment,
      rest: { baseUrl: "http://127.0.0.1:1" },
      amqp: { url: "amqp://127.0.0.1/NS" },
    };
    if (environment === "LOCAL") expect(checkConfig(config)).toBe(environments.LOCAL);
    else expect(thrown(config).context["paths"]).toEqual(["rest.baseUrl", "amqp.url"]);
  });

  it("is asked by createHelsekontakt()", () => {
    expect(() => createHelsekontakt({ ...good, environment: "X" as EnvironmentName })).toThrow(/config\/invalid/);
  });
});

describe("environments", () => {
  it.each(["MAS-01", "MAS-02", "TEST1", "TEST2", "PROD"] as const)("take the addresses of %s from specs/", (name) => {
    const preset = environments[name];
    expect(preset.restBaseUrl).toBe(apis.aktivsjekken.servers.find((s) => s.environment === name)?.url);
    const registry = name === "PROD" ? "PROD" : "TEST";
    expect(apis.cppa.servers.map((s) => s.url)).toContain(preset.cppaBaseUrl);
    expect(preset.communicationPartyBaseUrl).toBe(
      apis.communicationParty.servers.find((s) => s.environment === registry)?.url,
    );
    for (const url of [preset.restBaseUrl, preset.helseidIssuer, preset.cppaBaseUrl, preset.communicationPartyBaseUrl])
      expect(url).toMatch(/^https:\/\//);
    expect(preset.production).toBe(name === "PROD");
    expect(preset.inferred).toHaveProperty("amqpNamespace");
  });

  it("know nothing of LOCAL, whose addresses are the sandbox's", () => {
    expect(environments.LOCAL).toMatchObject({ production: false, inferred: {} });
  });
});

describe("a system that the configuration does not set up", () => {
  it("says which settings are missing when it is used, not before", async () => {
    const sdk = createHelsekontakt({ ...good, environment: "LOCAL" });
    const paths = (use: () => unknown): unknown => {
      try {
        use();
      } catch (error) {
        return [(error as HelsekontaktError).code, (error as HelsekontaktError).context["paths"]];
      }
      return undefined;
    };
    expect(paths(() => sdk.aktivsjekk)).toEqual(["config/missing", ["rest.baseUrl"]]);
    expect(paths(() => sdk.medlemstjenester)).toEqual(["config/missing", ["rest.baseUrl"]]);
    expect(paths(() => sdk.notifikasjon)).toEqual(["config/missing", ["journal"]]);
    expect(paths(() => sdk.ekontakt)).toEqual(["config/missing", ["journal"]]);
    expect(paths(() => sdk.tjenesteoversikt)).toEqual(["config/missing", ["journal"]]);
    expect((await failure(sdk.start())).code).toBe("config/missing");
  });

  it("refuses synthetic persons in PROD", async () => {
    const sdk = createHelsekontakt({
      ...good,
      environment: "PROD",
      helseid: { clientId: "c", key: { jwk: await someKey() } },
    });
    for (const fnr of ["01818010083", "41818010077", "17451360018"]) {
      const error = await failure(sdk.aktivsjekk.check([fnr]));
      expect(error.code).toBe("input/invalid");
      expect(error.message).toContain("citizens[0]");
      expect(error.message).not.toContain(fnr);
    }
  });
});

async function someKey(): Promise<Record<string, unknown>> {
  const { privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
  return { ...(await crypto.subtle.exportKey("jwk", privateKey)), alg: "ES256", kid: "k" };
}
