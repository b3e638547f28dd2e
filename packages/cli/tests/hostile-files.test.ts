import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { run } from "../src/_run.ts";

const dir = mkdtempSync(join(tmpdir(), "helsekontakt-hostile-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function write(name: string, content: string): string {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
}

describe("hostile files", () => {
  it("names the limit for a file of 200 MB, whatever the command", async () => {
    const big = write("big.json", "");
    truncateSync(big, 200_000_000);
    for (const command of ["validate", "roundtrip", "decode", "profile"]) {
      const { code, out, err } = await run(command, big);
      expect({ command, code }).toEqual({ command, code: 1 });
      expect(out + err).toContain("at most 67108864 bytes");
    }
  });

  it("takes JSON of very many levels for a fault of the document", async () => {
    const deep = write("deep.json", `{"resourceType":"Patient","x":\n${"[".repeat(200_000)}${"]".repeat(200_000)}}`);
    const { code, out } = await run("validate", deep, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject([{ valid: false, issues: [{ rule: "fhir/not-readable", line: 2 }] }]);
    for (const command of ["roundtrip", "decode"]) expect((await run(command, deep)).code).toBe(1);
  });

  it("prints an entry for every file when the call itself is at fault", async () => {
    const patient = write("patient.json", '{"resourceType":"Patient"}');
    const judged = await run("validate", "--json", patient, patient, "--profile", "http://example.org/none");
    expect(judged.code).toBe(2);
    expect(JSON.parse(judged.out)).toMatchObject([{ valid: false }, { issues: [{ rule: "input/invalid" }] }]);
    const opened = await run("unprotect", "--json", patient, patient, "--key", join(dir, "none"), "--any-signer");
    expect(opened.code).toBe(2);
    expect(JSON.parse(opened.out)).toMatchObject([{ ok: false }, { error: { code: "input/invalid" } }]);
  });

  it.skipIf(!existsSync("/proc/self"))("ends when no folder can be made for the results", async () => {
    const patient = write("patient.json", '{"resourceType":"Patient"}');
    expect((await run("roundtrip", patient, "--out", "/proc/none/below")).code).toBe(2);
  });
});

describe("bin/helsekontakt.mjs", () => {
  const place = join(dir, "repository/packages/cli/bin");
  const old = "--import=data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.0.0'})";
  const bin = join(place, "helsekontakt.mjs");
  mkdirSync(place, { recursive: true });
  cpSync(fileURLToPath(new URL("../bin/helsekontakt.mjs", import.meta.url)), bin);

  it("says what to do without a build, and on an old Node", () => {
    const unbuilt = spawnSync(process.execPath, [bin], { encoding: "utf8" });
    expect(unbuilt).toMatchObject({ status: 2, stderr: expect.stringContaining("build it first") });
    const aged = spawnSync(process.execPath, [old, bin], { encoding: "utf8" });
    expect(aged).toMatchObject({ status: 2, stderr: expect.stringContaining("expected Node 22.13 or newer") });
  });

  it("goes on with the repository's own Node when the machine's is old", () => {
    write("repository/pnpm-workspace.yaml", "");
    mkdirSync(join(dir, "repository/node_modules/.bin"), { recursive: true });
    symlinkSync(process.execPath, join(dir, "repository/node_modules/.bin/node"));
    mkdirSync(join(place, "../dist"));
    write("repository/packages/cli/dist/index.js", "export const main = async (argv) => argv.length;\n");
    expect(spawnSync(process.execPath, [old, bin, "one"], { encoding: "utf8" }).status).toBe(1);
  });
});
