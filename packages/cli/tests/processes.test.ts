import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const packageDir = fileURLToPath(new URL("..", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "helsekontakt-processes-"));
const bin = join(dir, "bin", "helsekontakt.mjs");
const flags = ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning"];

/** The real bin file, beside a `dist` that leads to the sources: it must run without a build. */
beforeAll(() => {
  cpSync(join(packageDir, "bin"), join(dir, "bin"), { recursive: true });
  const source = new URL("../src/index.ts", import.meta.url).href;
  cpSync(join(packageDir, "package.json"), join(dir, "package.json"));
  writeFileSync(join(dir, "source.mjs"), `export * from ${JSON.stringify(source)};\n`);
  cpSync(join(dir, "source.mjs"), join(dir, "dist", "index.js"), { recursive: true });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function start(...argv: string[]): ChildProcess {
  return spawn(process.execPath, [...flags, bin, ...argv], { cwd: dir, stdio: ["ignore", "pipe", "pipe"] });
}

async function finish(
  child: ChildProcess,
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  return { code, out, err };
}

describe("bin/helsekontakt.mjs", () => {
  it("ends the process with the command's exit code", async () => {
    writeFileSync(join(dir, "bad.xml"), "<MsgHead>");
    const findings = await finish(start("validate", "bad.xml", "--json"));
    expect(findings).toMatchObject({ code: 1, err: "" });
    expect(JSON.parse(findings.out)).toMatchObject([{ file: "bad.xml", valid: false }]);
    expect((await finish(start("validate", "none.xml"))).code).toBe(2);
    expect((await finish(start("--version"))).code).toBe(0);
  });

  it("runs the demo into a folder", async () => {
    const { code, out, err } = await finish(start("demo", "--dir", "demo-out"));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/exchanges as XML, CMS and JSON in demo-out\n$/);
    expect(readdirSync(join(dir, "demo-out")).length).toBeGreaterThan(10);
  }, 120_000);

  it.each(["SIGINT", "SIGTERM"] as const)(
    "runs the sandbox until %s, and closes it",
    async (signal) => {
      const child = start("sandbox", "--dir", `sandbox-${signal}`, "--json");
      const done = finish(child);
      const text = await new Promise<string>((resolve, reject) => {
        let all = "";
        child.stdout?.on("data", (chunk: Buffer) => {
          all += chunk.toString();
          if (all.endsWith("\n}\n")) resolve(all);
        });
        child.once("close", () => reject(new Error("the sandbox ended by itself")));
      });
      const facts = JSON.parse(text) as {
        helseid: { issuer: string };
        client: { jwkFile: string };
        identities: string;
        citizens: Record<string, string[]>;
      };
      const discovery = await fetch(`${facts.helseid.issuer}/.well-known/openid-configuration`);
      expect(discovery.status).toBe(200);
      const jwk = join(dir, facts.client.jwkFile);
      expect(JSON.parse(readFileSync(jwk, "utf8"))).toMatchObject({
        kty: "EC",
        kid: expect.any(String),
        d: expect.any(String),
      });
      if (process.platform !== "win32") expect(statSync(jwk).mode & 0o077).toBe(0);
      expect(existsSync(join(dir, facts.identities, "ca.crt.pem"))).toBe(true);
      for (const fnrs of Object.values(facts.citizens)) expect(fnrs.length).toBeGreaterThan(1);
      child.kill(signal);
      expect(await done).toMatchObject({ code: 0, err: "" });
      await expect(fetch(facts.helseid.issuer)).rejects.toThrow();
    },
    60_000,
  );
});
