import { describe, expect, it } from "vitest";
import { describeConfig, environments, type EnvironmentName, type HelsekontaktConfig } from "../src/index.ts";

const base: HelsekontaktConfig = {
  environment: "TEST2",
  organisation: {
    herId: "1",
    name: "Own",
    organisationNumber: "998888887",
    services: [{ herId: "2", name: "Service" }],
  },
  helsenorge: { herId: "3", name: "Helsenorge", service: { herId: "4", name: "Helsenorge" } },
};

function setting(config: HelsekontaktConfig, path: string) {
  return describeConfig(config).find((s) => s.path === path);
}

describe("effective settings", () => {
  it("tell each value with its origin and its mark", () => {
    expect(setting(base, "rest.baseUrl")).toMatchObject({
      value: environments.TEST2.restBaseUrl,
      origin: "preset",
      mark: "confirmed",
      source: "aktivsjekken#/servers",
    });
    expect(setting(base, "amqp.namespace")).toMatchObject({ origin: "preset", mark: "inferred" });
    expect(setting(base, "rest.scopes.aktivsjekken")).toMatchObject({ origin: "spec", mark: "inferred" });
    expect(setting(base, "medlemstjenester.bundleType")).toMatchObject({ origin: "spec", mark: "inferred" });
    expect(setting(base, "helseid.binding")).toMatchObject({ value: "dpop", origin: "default", mark: "ours" });
    const own = {
      ...base,
      rest: { baseUrl: "https://own.example" },
      medlemstjenester: { bundleType: "batch" },
    } as const;
    expect(setting(own, "rest.baseUrl")).toMatchObject({ value: "https://own.example", mark: "configured" });
    expect(setting(own, "medlemstjenester.bundleType")).toMatchObject({ value: "batch", mark: "configured" });
  });

  it("never hold a key, a password or a broker's URL", () => {
    const secret = "not-to-be-seen";
    const config: HelsekontaktConfig = {
      ...base,
      helseid: { clientId: "client", key: { jwk: secret } },
      amqp: { url: `amqps://user:${secret}@broker.example:5671/Exchange` },
    };
    const all = describeConfig(config);
    expect(JSON.stringify(all)).not.toContain(secret);
    expect(all.find((s) => s.path === "amqp.password")).toMatchObject({ secret: true, value: undefined });
    expect(all.find((s) => s.path === "amqp.host")?.value).toBe("broker.example:5671");
    expect(all.find((s) => s.path === "amqp.namespace")?.value).toBe("Exchange");
    expect(all.find((s) => s.path === "helseid.key")).toMatchObject({ secret: true });
  });

  it("exist for every environment, with a reason for each mark and a source for each preset", () => {
    for (const environment of Object.keys(environments) as EnvironmentName[])
      for (const s of describeConfig({ ...base, environment })) {
        if (s.mark === "inferred") expect(s.reason, `${environment} ${s.path}`).toBeTruthy();
        if (s.origin === "preset") expect(s.source, `${environment} ${s.path}`).toBeTruthy();
      }
  });
});
