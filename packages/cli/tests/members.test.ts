import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Sandbox, startSandbox } from "@helsekontakt/sandbox";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

const packageDir = fileURLToPath(new URL("..", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "helsekontakt-members-"));
const bin = join(dir, "bin", "helsekontakt.mjs");
const flags = ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning"];
const guid = "1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a01";
const [from, to] = ["2026-08-01", "2027-07-31"];

let sandbox: Sandbox;
let run = 0;
let config = "";

/** The real bin file, beside a `dist` that leads to the sources: it must run without a build. */
beforeAll(async () => {
  cpSync(join(packageDir, "bin"), join(dir, "bin"), { recursive: true });
  cpSync(join(packageDir, "package.json"), join(dir, "package.json"));
  const source = new URL("../src/index.ts", import.meta.url).href;
  writeFileSync(join(dir, "index.js"), `export * from ${JSON.stringify(source)};\n`);
  cpSync(join(dir, "index.js"), join(dir, "dist", "index.js"), { recursive: true });
  sandbox = await startSandbox({ citizens: 100 });
});
afterAll(async () => {
  await sandbox.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A fresh register and an empty Helsenorge for each test; the offerings are published. */
beforeEach(async () => {
  const { state } = sandbox.rest;
  for (const kept of [state.offerings, state.organisations, state.members]) kept.clear();
  const { organisation, helsenorge, rest, helseid } = sandbox.config;
  config = write(`config-${++run}.json`, {
    environment: "LOCAL",
    organisation,
    helsenorge,
    rest,
    helseid: { issuer: helseid.issuer, clientId: helseid.clientId, key: { jwk: helseid.key.jwk } },
    journal: { sqlite: `journal-${run}.sqlite` },
  });
  const offerings = write("offerings.json", [{ id: guid, name: "Studenthelsetjenesten" }]);
  expect((await command("offerings", "publish", offerings)).code).toBe(0);
});

function write(name: string, content: unknown): string {
  writeFileSync(join(dir, name), typeof content === "string" ? content : JSON.stringify(content));
  return join(dir, name);
}

function start(...argv: string[]): ChildProcess {
  return spawn(process.execPath, [...flags, bin, ...argv, "--config", config], {
    cwd: dir,
    stdio: ["pipe", "pipe", "pipe"],
  });
}

async function finish(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, err };
}

const command = (...argv: string[]) => finish(start(...argv));
const people = (status: string, count: number) =>
  sandbox.citizens
    .filter((c) => c.status === status)
    .slice(0, count)
    .map((c) => c.fnr);
const csv = (fnrs: readonly string[], end = to) =>
  ["fnr;fra;til", ...fnrs.map((f) => `${f};${from};${end}`), ""].join("\n");
const kept = () => [...sandbox.rest.state.members.values()];
const numbers = (text: string) => sandbox.citizens.filter((c) => text.includes(c.fnr)).length;

describe("helsekontakt members", () => {
  it("goes on after kill -9 and after SIGTERM without sending twice what was answered, and without losing anyone", async () => {
    const active = people("self", 60);
    const file = write("many.csv", csv(active));
    sandbox.rest.state.behaviour.perMemberMs = 10;
    const ends: unknown[] = [];
    for (const [signal, at] of [
      ["SIGKILL", 5],
      ["SIGTERM", 20],
    ] as const) {
      const child = start("members", "sync", file, "--batch-start", "5", "--batch-max", "5");
      const ended = finish(child);
      while (kept().length < at) await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill(signal);
      const { code, err } = await ended;
      ends.push([code, err.includes("[abort/cancelled]")]);
    }
    expect(ends).toEqual([
      [null, false],
      [2, true],
    ]);
    sandbox.rest.state.behaviour.perMemberMs = 0;
    const done = await command("members", "sync", file, "--json");
    expect(done.code).toBe(0);
    expect(
      kept()
        .map((m) => m.fnr)
        .sort(),
    ).toEqual([...active].sort());
    // What was under way when it was killed is sent again, nothing else: at most one batch a kill.
    expect(kept().filter((m) => m.times > 1).length).toBeLessThanOrEqual(10);
    expect(kept().every((m) => m.times <= 2)).toBe(true);

    const asking = start("members", "explain", "-");
    asking.stdin?.end(`${active[0]}\n`);
    const explained = await finish(asking);
    expect([explained.code, explained.out]).toEqual([0, expect.stringContaining("last result   accepted")]);
    expect(numbers(done.out + done.err + explained.out + explained.err)).toBe(0);
  }, 60_000);
});
