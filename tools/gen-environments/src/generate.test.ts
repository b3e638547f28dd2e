import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { readEnvironments } from "./document.ts";
import { generateEnvironments } from "./generate.ts";

const specs = fileURLToPath(new URL("../../../specs", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "gen-environments-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

type Loose = Record<string, unknown>;

function list(of: Loose, key: string): Loose[] {
  return of[key] as Loose[];
}

function second(d: Loose): Loose {
  return list(d, "environments")[1] as Loose;
}

/** The first address of the first set of hosts. */
function first(d: Loose): Loose {
  const [set] = list(d, "hosts");
  return list(set as Loose, "addresses")[0] as Loose;
}

/** The document with one change, beside the OpenAPI documents that it refers to. */
function changed(change: (document: Loose) => unknown): string {
  cpSync(join(specs, "openapi"), join(work, "openapi"), { recursive: true });
  cpSync(join(specs, "manifest.json"), join(work, "manifest.json"));
  const document = JSON.parse(readFileSync(join(specs, "environments.json"), "utf8")) as Loose;
  change(document);
  writeFileSync(join(work, "environments.json"), JSON.stringify(document));
  return work;
}

describe("gen-environments", () => {
  it("takes what an OpenAPI document states from there, with its mark", () => {
    const { environments } = readEnvironments(specs);
    const test2 = environments.find((e) => e.name === "TEST2");
    const openapi = JSON.parse(readFileSync(join(specs, "openapi/cppa/openapi.json"), "utf8")) as {
      servers: { url: string; "x-environment": string; "x-security": string }[];
    };
    for (const [setting, security] of [
      ["cppaBaseUrl", "helseidDpop"],
      ["cppaBearerBaseUrl", "helseidBearer"],
    ] as const) {
      const server = openapi.servers.find((s) => s["x-environment"] === "TEST" && s["x-security"] === security);
      expect(test2?.addresses.find((a) => a.setting === setting)?.value).toBe(server?.url);
    }
    expect(test2?.addresses.find((a) => a.setting === "communicationPartyBaseUrl")?.inferred).toBeTruthy();
  });

  it("marks all that an environment takes from hosts that no source ties to it", () => {
    const mas = readEnvironments(specs).environments.find((e) => e.name === "MAS-01");
    const marked = mas?.addresses.filter((a) => a.setting !== "restBaseUrl") ?? [];
    expect(marked.length).toBeGreaterThan(5);
    expect(marked.every((a) => a.inferred !== undefined)).toBe(true);
  });

  it("writes the file that the SDK has", () => {
    const [file] = generateEnvironments(specs);
    const own = fileURLToPath(new URL("../../../packages/sdk/src/gen/environments.ts", import.meta.url));
    expect(file?.content).toBe(readFileSync(own, "utf8"));
  });

  it.each([
    ["an unknown key", (d: Loose) => Object.assign(second(d), { hots: "nhn-test" }), "unknown key"],
    ["an unknown set of hosts", (d: Loose) => Object.assign(second(d), { hosts: "nhn" }), "name of a set in hosts"],
    ["a server that is not there", (d: Loose) => Object.assign(second(d), { rest: "MAS-09" }), "a server of"],
    ["an address without TLS", (d: Loose) => Object.assign(first(d), { value: "http://x" }), "over TLS"],
    ["an unknown setting", (d: Loose) => Object.assign(first(d), { setting: "issuer" }), "name in settings"],
    ["an environment twice", (d: Loose) => list(d, "environments").push(second(d)), "one entry for MAS-01"],
  ])("stops at %s", (_what, change, expected) => {
    expect(() => generateEnvironments(changed(change))).toThrow(expected);
  });
});
