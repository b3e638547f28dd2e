import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run, scratch } from "./_run.ts";
import type { ShownSetting } from "./commands/config.ts";
import { configJsonSchema } from "./config/schema.ts";

const place = scratch();
const file = place("helsekontakt.json");
let stop: () => Promise<void>;

// As people have it: the sandbox in a process of its own, which writes the configuration.
beforeAll(async () => {
  const source = new URL("./index.ts", import.meta.url).href;
  const program = `import { main } from ${JSON.stringify(source)}; process.exitCode = await main(process.argv.slice(1));`;
  const flags = ["--conditions=helsekontakt-source", "--input-type=module", "--eval", program, "--"];
  const argv = ["sandbox", "--dir", place("sandbox"), "--config-out", file, "--json"];
  const child = spawn(process.execPath, flags.concat(argv));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", (code) => reject(new Error(`sandbox ended with ${code}`)));
  });
  stop = () =>
    new Promise((resolve) => {
      child.removeAllListeners("exit").once("exit", () => resolve());
      child.kill("SIGTERM");
    });
});
afterAll(() => stop());

function content(): Record<string, Record<string, unknown>> {
  return JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, unknown>>;
}

function changed(change: (c: Record<string, Record<string, unknown>>) => void): string {
  const made = content();
  change(made);
  writeFileSync(place("changed.json"), JSON.stringify(made));
  return place("changed.json");
}

const password = "sandbox:sandbox";
const privatePart = (): string =>
  (JSON.parse(readFileSync(place("sandbox/client.jwk.json"), "utf8")) as { d: string }).d;

describe("helsekontakt doctor", () => {
  it("ends with 0 against a sandbox in another process, and shows no secret", async () => {
    const ran = await run("doctor", "--config", file);
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("No faults in LOCAL");
    expect(ran.out).not.toContain("FAULT");
    for (const hidden of [password, privatePart()]) expect(ran.out + ran.err).not.toContain(hidden);
  });

  it("lists every certificate, own and the partner's, for people and for machines", async () => {
    const shown = await run("doctor", "--config", file, "--only", "certificates");
    expect(shown.out).toMatch(/keys\.signing: signing certificate of .*, serial number [0-9a-f]+: \d+ day\(s\) left/u);
    expect(shown.out).toMatch(/profile of HER-id \d+: encryption certificate of /u);
    const ran = await run("doctor", "--config", file, "--only", "certificates", "--json");
    const { checks } = JSON.parse(ran.out) as {
      checks: { id: string; findings: { certificate?: { role: string; daysLeft: number; level: string } }[] }[];
    };
    const lines = checks.flatMap((c) => c.findings.flatMap((f) => f.certificate ?? []));
    expect(lines.map((l) => l.role)).toEqual([
      "signing",
      "decryption",
      "encryption",
      "signature",
      "encryption",
      "signature",
    ]);
    for (const line of lines) expect([typeof line.daysLeft, line.level]).toEqual(["number", "ok"]);
  });

  it("U8: gives one object for machines, with faults, hints and what was skipped, and ends with 1", async () => {
    const bad = changed((c) => {
      c["amqp"] = { url: "amqp://sandbox:wrong-word@127.0.0.1:1/X" };
      (c["organisation"] as { services: { herId: string }[] }).services[0]!.herId = "987654";
    });
    const ran = await run("doctor", "--config", bad, "--json");
    expect(ran.code).toBe(1);
    const { ok, checks } = JSON.parse(ran.out) as {
      ok: boolean;
      checks: { id: string; outcome: string; because?: string; findings: { level: string; hint?: string }[] }[];
    };
    expect(ok).toBe(false);
    const faulty = checks.filter((c) => c.outcome === "fault");
    expect(faulty.map((c) => c.id)).toEqual(["registry.own", "amqp.login"]);
    for (const c of faulty) for (const f of c.findings.filter((x) => x.level === "fault")) expect(f.hint).toBeTruthy();
    expect(checks.find((c) => c.id === "amqp.queues")?.because).toBeTruthy();
    expect(ran.out).not.toContain("wrong-word");
  });

  it("reports faults of the configuration as a check of its own", async () => {
    const bad = changed((c) => {
      c["rests"] = c["rest"] as Record<string, unknown>;
      delete c["organisation"];
    });
    const ran = await run("doctor", "--config", bad, "--json");
    expect(ran.code).toBe(1);
    const { checks } = JSON.parse(ran.out) as { checks: { id: string; findings: { text: string; hint: string }[] }[] };
    expect(checks.map((c) => c.id)).toEqual(["config"]);
    const findings = checks[0]?.findings ?? [];
    expect(findings.find((f) => f.text.startsWith("rests:"))?.hint).toBe("did you mean rest?");
    expect(findings.some((f) => f.text.startsWith("organisation:"))).toBe(true);
  });

  it("runs what is chosen, and ends with 2 for what it cannot understand", async () => {
    const some = await run("doctor", "--config", file, "--only", "token.cppa", "--json");
    expect((JSON.parse(some.out) as { checks: unknown[] }).checks).toHaveLength(4);
    expect((await run("doctor", "--config", file, "--only", "everything")).code).toBe(2);
    expect((await run("doctor", "--config", place("absent.json"))).code).toBe(2);
    expect((await run("doctor", "--config", file, "--timeout", "soon")).code).toBe(2);
    expect((await run("doctor")).code).toBe(2);
  });
});

describe("helsekontakt config", () => {
  it("shows every setting with origin and mark, without secrets", async () => {
    const text = await run("config", "show", "--config", file);
    expect(text.code).toBe(0);
    for (const hidden of [password, privatePart(), "PRIVATE KEY"]) expect(text.out).not.toContain(hidden);
    const { out } = await run("config", "show", "--config", file, "--json");
    const settings = JSON.parse(out) as ShownSetting[];
    const of = (path: string): ShownSetting | undefined => settings.find((s) => s.path === path);
    expect(of("rest.baseUrl")?.origin).toBe("file");
    expect(of("helseid.key")).toMatchObject({ secret: true, origin: "file sandbox/client.jwk.json" });
    expect(of("medlemstjenester.bundleType")).toMatchObject({ origin: "spec", mark: "inferred" });
    expect(of("journal")).toMatchObject({ value: "sqlite", origin: "file" });
    expect(of("journal.encryptionKey")).toMatchObject({ secret: false, origin: "none" });
    for (const s of settings) expect(text.out).toContain(s.path);
  });

  it("shows the presets of an environment where the file leaves them out", async () => {
    const bare = changed((c) => {
      (c as Record<string, unknown>)["environment"] = "TEST2";
      for (const part of ["rest", "registry", "amqp"]) delete c[part];
      delete c["helseid"]?.["issuer"];
    });
    const { out } = await run("config", "show", "--config", bare, "--json");
    const settings = JSON.parse(out) as ShownSetting[];
    expect(settings.find((s) => s.path === "rest.baseUrl")).toMatchObject({ origin: "preset", mark: "confirmed" });
    expect(settings.find((s) => s.path === "registry.communicationPartyBaseUrl")).toMatchObject({
      origin: "preset",
      mark: "inferred",
    });
  });

  it("prints a JSON Schema that takes what the sandbox writes, and that is the published file", async () => {
    const { out } = await run("config", "schema");
    const published = readFileSync(new URL("../config.schema.json", import.meta.url), "utf8");
    // After a change: `helsekontakt config schema` writes the new one, and `biome format --write` its layout.
    expect(JSON.parse(out)).toEqual(JSON.parse(published));
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(configJsonSchema());
    expect(validate(content())).toBe(true);
    expect(validate({ ...content(), rests: {} })).toBe(false);
  });
});
