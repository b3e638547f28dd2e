import { readFileSync, writeFileSync } from "node:fs";
import { type SandboxHelseid, startHelseid } from "@helsekontakt/sandbox";
import { createHelsekontakt } from "@helsekontakt/sdk";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run, scratch } from "../_run.ts";
import { loadConfig } from "../config-file.ts";
import { processIo } from "../io.ts";

const at = scratch();
let helseid: SandboxHelseid;
let n = 0;
let common: string[] = [];

const parts = {
  environment: "LOCAL",
  organisation: {
    herId: "200001",
    name: "Eksempel",
    organisationNumber: "998888887",
    services: [{ herId: "200004", name: "Tjeneste" }],
  },
  helsenorge: { herId: "100001", name: "Helsenorge", service: { herId: "100002", name: "Meldinger" } },
};

function writeConfig(name: string, key: object): string {
  const { issuer, client } = helseid;
  writeFileSync(at(name), JSON.stringify({ ...parts, helseid: { issuer, clientId: client.clientId, key } }));
  return at(name);
}

beforeEach(async () => {
  helseid = await startHelseid();
  n++;
  const config = writeConfig(`config-${n}.json`, { jwk: helseid.client.jwk });
  common = ["--config", config, "--store", at(`keys-${n}.json`), "--self-service-url", helseid.selfService.baseUrl];
});
afterEach(() => helseid.close());

const registered = () => helseid.service.register.keys(helseid.client.clientId).map((k) => k.jwk.kid);

describe("helsekontakt keys", () => {
  it("rotate takes over the configuration's key, dry-run does nothing, list shows both", async () => {
    const dry = await run("keys", "rotate", "--alg", "ES256", "--dry-run", ...common);
    expect([dry.code, dry.out]).toEqual([0, expect.stringContaining("adopt the configuration's key")]);
    expect(registered()).toHaveLength(1);
    const rotated = await run("keys", "rotate", "--alg", "ES256", "--json", ...common);
    expect([rotated.code, rotated.err]).toEqual([0, ""]);
    const { active, previous } = JSON.parse(rotated.out) as { active: string; previous: string };
    expect([previous, active]).toEqual(registered());
    const list = await run("keys", "list", ...common);
    expect(list.code).toBe(0);
    expect(list.out).toMatch(new RegExp(`^retiring +${previous} .*listed\nactive +${active} .*until .*, listed\n$`));
    // Nothing that signs is printed.
    const secret = (JSON.parse(readFileSync(at(`keys-${n}.json`), "utf8")) as { keys: { jwk: { d: string } }[] }).keys;
    for (const { jwk } of secret)
      for (const ran of [dry, rotated, list]) expect(ran.out + ran.err).not.toContain(jwk.d);
  });

  it("rotate --within rotates when it is due, and says so when it is not", async () => {
    await run("keys", "rotate", "--alg", "ES256", ...common);
    const early = await run("keys", "rotate", "--within", "30", "--alg", "ES256", ...common);
    expect([early.code, early.out]).toEqual([0, expect.stringMatching(/^Not due: the active key lasts 36\d days\n$/)]);
    expect(registered()).toHaveLength(2);
    expect((await run("keys", "rotate", "--within", "400", "--alg", "ES256", ...common)).code).toBe(0);
    expect(registered()).toHaveLength(3);
    expect((await run("keys", "list", "--within", "400", ...common)).code).toBe(1);
    expect((await run("keys", "rotate", "--within", "soon", ...common)).code).toBe(2);
  });

  it("new prints a public key; once it is registered by hand, rotate makes it the first one", async () => {
    const config = writeConfig(`stored-${n}.json`, { store: `keys-${n}.json` });
    const own = ["--config", config, ...common.slice(2)];
    const made = await run("keys", "new", "--alg", "ES256", ...own);
    const key = JSON.parse(made.out) as Record<string, string>;
    expect(Object.keys(key).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
    expect((await run("keys", "new", "--alg", "ES256", ...own)).out).toBe(made.out);
    helseid.service.register.addKey(helseid.client.clientId, { jwk: key, origin: "Gui" });
    const rotated = await run("keys", "rotate", ...own);
    expect([rotated.code, rotated.out]).toEqual([0, `Went on with ${key["kid"]}\n`]);
    // What the configuration names is the store: an application signs with the key that is active.
    const loaded = await loadConfig(config, processIo);
    expect(typeof loaded.helseid?.key).toBe("function");
    expect(() => createHelsekontakt(loaded)).not.toThrow();
  });

  it("encrypts the store, and faults end with code 2", async () => {
    writeFileSync(at("pass"), "correct horse\n");
    const own = [...common, "--passphrase-file", at("pass")];
    expect((await run("keys", "rotate", "--alg", "ES256", ...own)).code).toBe(0);
    expect(readFileSync(at(`keys-${n}.json`), "utf8")).toContain('"scrypt"');
    const without = await run("keys", "list", ...common);
    expect([without.code, without.err]).toEqual([2, expect.stringContaining("passphrase")]);
    const nowhere = await run("keys", "list", ...common.slice(0, 4));
    expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringContaining("--self-service-url")]);
    helseid.selfService.faults.standing = { fault: { kind: "outage" } };
    expect((await run("keys", "rotate", "--alg", "ES256", ...own)).code).toBe(2);
  });
});

describe("the page on HelseID keys", () => {
  it("works as it is written, one command after the other", async () => {
    const page = readFileSync(new URL("../../../sdk/docs/helseid-keys.md", import.meta.url), "utf8");
    const commands = [...page.matchAll(/^npx helsekontakt (keys [^#>\n]+)/gm)].map((m) => m[1]?.trim() ?? "");
    expect(commands.length).toBeGreaterThan(5);
    const said: string[] = [];
    for (const line of commands) {
      const { code, out, err } = await run(
        ...line.replace("--store keys.json", "").trim().split(/\s+/),
        ...(/^keys (?:new|rotate)/.test(line) ? ["--alg", "ES256"] : []),
        ...common,
      );
      expect([line, code, err]).toEqual([line, 0, expect.not.stringContaining("helsekontakt: ")]);
      said.push(out);
    }
    const states = said.join("").match(/^(?:retiring|active|Not due|Rotated|Went on)/gm);
    expect(states).toEqual(["Rotated", "retiring", "active", "Went on", "Not due"]);
  });
});
